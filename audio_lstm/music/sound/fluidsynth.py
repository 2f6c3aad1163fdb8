"""Scores as sound by FluidSynth with the user's own sound font: the program, where it is installed.

It runs as a process of its own: a damaged sound font can crash nothing else, and FluidSynth's licence (LGPL) and that
of the sound font stay with the user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import MissingDependencyError, ScoreError
from audio_lstm.music.files.midi_bytes import score_to_midi
from audio_lstm.music.score.score import Score

__all__ = ["fluidsynth_blocks"]

_BLOCK_SAMPLES = 1 << 18
_TIMEOUT_S = 3600.0  # FluidSynth makes an hour of sound in about a minute
_GAIN = 0.5
_FRAME_BYTES = 4  # two channels of 16 bits


def fluidsynth_blocks(
    score: Score, soundfont: str | os.PathLike[str], *, sample_rate: int
) -> Iterator[NDArray[np.float32]]:
    """A score as FluidSynth plays it, with its own reverberation.

    Args:
        score: at least one note.
        soundfont: a .sf2 or .sf3 file.
        sample_rate: in Hz, 8,000 to 96,000.

    Returns:
        An iterator over blocks (2, n) float32, full scale ±1; the sound is made before the first block comes.

    Raises:
        ScoreError: there is no such file, or it is no sound font.
        MissingDependencyError: the program is not installed.
    """
    font = Path(soundfont)
    if not font.is_file():
        raise ScoreError(
            f"{font}: no such sound font; give a .sf2 or .sf3 file, or leave it out for the built-in sounds"
        )
    with font.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"sfbk":
        raise ScoreError(f"{font}: not a sound font (it starts with {head!r}); give a .sf2 or .sf3 file")
    program = shutil.which("fluidsynth")
    if program is None:
        raise MissingDependencyError(
            "playing a sound font needs the program fluidsynth (apt install fluidsynth, brew install fluid-synth); "
            "without a sound font the built-in sounds are used"
        )
    return _blocks(program, score, font, sample_rate)


def _blocks(program: str, score: Score, font: Path, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    with tempfile.TemporaryDirectory(prefix="audio-lstm-") as folder:
        midi, sound = Path(folder, "score.mid"), Path(folder, "sound.raw")
        midi.write_bytes(score_to_midi(score))
        options = ["-n", "-i", "-q", "-g", str(_GAIN), "-r", str(sample_rate), "-T", "raw", "-O", "s16", "-E", "little"]
        command = [program, *options, "-F", str(sound), str(font.resolve()), str(midi)]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ScoreError(f"fluidsynth failed ({error}); try another sound font, or leave it out") from error
        if done.returncode or not sound.is_file() or sound.stat().st_size < _FRAME_BYTES:
            words = " ".join(done.stderr.decode(errors="replace").split())[-200:]
            raise ScoreError(
                f"fluidsynth failed (status {done.returncode}: {words}); try another sound font, or leave it out"
            )
        with sound.open("rb") as file:
            while data := file.read(_BLOCK_SAMPLES * _FRAME_BYTES):
                samples = np.frombuffer(data[: len(data) - len(data) % _FRAME_BYTES], "<i2").reshape(-1, 2)
                yield samples.T.astype(np.float32) / np.float32(32768)  # (2, n)
