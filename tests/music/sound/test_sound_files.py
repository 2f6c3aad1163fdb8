"""Sound files: every kind is read back by libsndfile, long ones too, and failure leaves the old file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_lstm.errors import AudioError
from audio_lstm.music.sound.sound_files import SOUND_SUFFIXES, rate_for, write_sound


def blocks(seconds: float, rate: int) -> Iterator[NDArray[np.float32]]:
    time = np.arange(int(seconds * rate)) / rate
    yield np.stack([0.5 * np.sin(2 * np.pi * 440 * time), 0.25 * np.sin(2 * np.pi * 660 * time)], 1).astype(np.float32)


@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_every_kind_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    rate = rate_for(path, 32_000)
    write_sound(path, blocks(1.5, rate), rate)
    sound, read_rate = soundfile.read(path)
    assert read_rate == rate
    assert sound.shape == (int(1.5 * rate), 2)
    expected = next(blocks(1.5, rate))
    error = sound[1000:-1000] - expected[1000:-1000]
    assert np.sqrt(np.mean(error**2)) < (1e-4 if suffix in (".wav", ".flac") else 0.05)


def test_two_minutes_in_one_block_do_not_crash_the_encoder(tmp_path: Path) -> None:
    path = tmp_path / "long.ogg"
    write_sound(path, blocks(120.0, 8_000), 8_000)
    assert soundfile.info(path).frames == 120 * 8_000


def test_opus_knows_one_rate() -> None:
    assert rate_for("x.opus", 44_100) == 48_000
    assert rate_for("x.ogg", 44_100) == 44_100


def test_an_unknown_suffix_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"x\.aiff: no sound file is called '\.aiff'; use \.wav \.flac \.ogg \.opus"):
        write_sound(tmp_path / "x.aiff", [], 8_000)


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"cannot be written \(No such file or directory\); check the folder"):
        write_sound(tmp_path / "nowhere" / "x.wav", blocks(0.1, 8_000), 8_000)


def test_a_rate_that_the_coding_does_not_know_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"x\.opus: cannot be written .*; check the sample rate, 44100 Hz"):
        write_sound(tmp_path / "x.opus", blocks(0.1, 44_100), 44_100)


def test_a_synthesiser_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(b"old")

    def failing() -> Iterator[NDArray[np.float32]]:
        yield from blocks(0.5, 8_000)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_sound(path, failing(), 8_000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
