"""Sound into files, block by block: WAV, FLAC, Ogg Vorbis and Opus."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import AudioError

__all__ = ["SOUND_SUFFIXES", "rate_for", "write_sound"]

_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
}
SOUND_SUFFIXES = tuple(_FORMATS)
"""What `write_sound` knows."""

_OPUS_RATE = 48_000  # Opus has no 44.1 kHz
_STEP = 1 << 16  # samples: libsndfile crashes on a minute of Vorbis at once


def rate_for(path: str | os.PathLike[str], sample_rate: int) -> int:
    """The rate at which to make sound for a file: Opus knows 48 kHz only.

    Args:
        path: the file to be written.
        sample_rate: the rate that is wanted, in Hz.

    Returns:
        The rate to use, in Hz.
    """
    return _OPUS_RATE if Path(path).suffix.lower() == ".opus" else sample_rate


def write_sound(path: str | os.PathLike[str], blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> None:
    """Write sound as it is made, wholly or not at all; 16 bits where the format is lossless.

    Args:
        path: ends in .wav, .flac, .ogg or .opus; an old file is replaced.
        blocks: (n, 2) each, full scale ±1.
        sample_rate: in Hz; 48,000 for Opus.

    Raises:
        AudioError: the suffix is another, or the file cannot be written.
    """
    import soundfile

    target = Path(path)
    if target.suffix.lower() not in _FORMATS:
        raise AudioError(f"{target}: no sound file is called {target.suffix!r}; use {' '.join(SOUND_SUFFIXES)}")
    container, coding = _FORMATS[target.suffix.lower()]
    try:
        with (
            atomic_write(target) as scratch,
            # Opened here: libsndfile does not know every suffix, nor say why a file cannot be opened.
            open(scratch, "w+b") as raw,
            soundfile.SoundFile(raw, "w", sample_rate, 2, coding, format=container) as file,
        ):
            for block in blocks:
                _write_block(file, block)
    except OSError as error:
        reason = error.strerror or error
        raise AudioError(f"{target}: cannot be written ({reason}); check the folder and the space left") from error
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{target}: cannot be written ({error}); check the sample rate, {sample_rate} Hz") from error


def _write_block(file: Any, block: NDArray[np.float32]) -> None:
    for start in range(0, len(block), _STEP):
        file.write(block[start : start + _STEP])
