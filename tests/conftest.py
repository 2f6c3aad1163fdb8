"""Fixtures shared by all tests: real data, the command line, and one thread a process so that runs are repeatable."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

# pytest-xdist runs one process per core; more threads than that only fight each other.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real speech and real scores: $AUDIO_LSTM_SHARED, or `shared` beside the repository."""
    folder = Path(os.environ.get("AUDIO_LSTM_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "speech").is_dir():
        pytest.skip(f"real data not found at {folder} (set AUDIO_LSTM_SHARED)")
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def voice() -> Callable[..., NDArray[np.float32]]:
    """Makes somebody speak for so many seconds, from the first sample to the last, at 16 kHz."""
    parts = []
    for name in ("digits", "spelling"):
        with wave.open(str(REPOSITORY / "demos" / "samples" / f"{name}.wav")) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        power = np.convolve(np.square(samples), np.ones(400) / 400, mode="same")
        loud = np.flatnonzero(power > power.max() / 300)
        parts.append(samples[loud[0] : loud[-1]])
    speech = np.concatenate(parts)

    def speak(seconds: float, *, peak: float = 0.5) -> NDArray[np.float32]:
        n_samples = round(seconds * 16_000)
        samples = np.tile(speech, n_samples // len(speech) + 1)[:n_samples]
        return samples * np.float32(peak / np.abs(samples).max())

    return speak


class CommandLine:
    """The command line, run in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Exit status, stdout, stderr."""
        from audio_lstm import cli

        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err

    @staticmethod
    def assert_one_complaint(err: str, *parts: str | Path) -> None:
        """One line that holds the parts."""
        assert err.count("\n") == 1, err
        assert err.startswith("audio-lstm: ")
        assert "Traceback" not in err
        for part in parts:
            assert str(part) in err

    def refused(self, status: int, *arguments: str | Path) -> str:
        """The one line with which arguments are refused, nothing on stdout."""
        found, out, err = self(*arguments)
        assert (found, out) == (status, ""), (out, err)
        self.assert_one_complaint(err)
        return err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Run the command line here."""
    return CommandLine(capsys)
