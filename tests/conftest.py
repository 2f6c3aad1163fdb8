"""Fixtures shared by all tests: real data, the command line, and one thread a process so that runs are repeatable."""

from __future__ import annotations

import importlib.util
import os
import re
import wave
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

# pytest-xdist runs one process per core; more threads than that only fight each other.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

REPOSITORY = Path(__file__).resolve().parent.parent
HAS_TORCH = importlib.util.find_spec("torch") is not None
_TRAINING = {
    "torch",
    "onnx",
    "sentencepiece",
    "tensorboard",
    "jsonargparse",
    "yaml",
    "tqdm",
    "recipes",
}  # extra "train"
# They load every shipped model, or start many programs.
_SLOW = {"demo", "recipes", "test_examples.py", "test_notebooks.py", "test_shipped.py", "test_streams.py"}
_IMPORT = re.compile(r"^(?:import|from) ([\w.]+)(?: import (\([^)]*\)|.*))?", re.MULTILINE)  # at the top of a module


@cache
def imports_training(file: Path) -> bool:
    """Whether a file imports torch or its like: at its top, or at the top of a module of ours that it imports there."""
    for module, names in _IMPORT.findall(file.read_text(encoding="utf-8")):
        if module.split(".")[0] in _TRAINING:
            return True
        if module.split(".")[0] in {"audio_lstm", "tests"}:
            for name in (module, *(f"{module}.{word}" for word in re.findall(r"\w+", names))):
                imported = REPOSITORY / (name.replace(".", "/") + ".py")
                if imported.is_file() and imported != file and imports_training(imported):
                    return True
    return False


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Without torch, pass over the modules that import it, and the folders whose fixtures do (`.ci/run light`)."""
    source = collection_path / "conftest.py" if collection_path.is_dir() else collection_path
    if not HAS_TORCH and collection_path.name == "recipes":
        return True  # they train
    if HAS_TORCH or source.suffix != ".py" or not source.is_file():
        return None
    return True if imports_training(source) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the quick tests of which neither the module nor a fixture imports torch (`pytest -m light`)."""
    for item in items:
        place = item.path.relative_to(REPOSITORY / "tests")
        alone = "torch" not in getattr(item, "fixturenames", ()) and not imports_training(item.path)
        if alone and place.parts[0] not in _SLOW:
            item.add_marker("light")


def pytest_report_header() -> str | None:
    """Say so."""
    return None if HAS_TORCH else "torch is not installed: the tests that need it are passed over"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real speech and real scores: $AUDIO_LSTM_SHARED, or `shared` beside the repository."""
    folder = Path(os.environ.get("AUDIO_LSTM_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "speech").is_dir():
        pytest.skip(f"real data not found at {folder} (set AUDIO_LSTM_SHARED)")
    return folder


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """torch, for fixtures that make models with it; without it their tests skip."""
    module: ModuleType = pytest.importorskip(
        "torch", reason="a fixture makes a model with torch: pip install '.[train]'"
    )
    return module


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


@pytest.fixture(scope="session")
def torchaudio() -> ModuleType:
    """torchaudio, the reference of our front ends; where it does not load the test skips with what to install."""
    try:
        import torchaudio
    except (ImportError, OSError) as error:  # OSError: PyPI's Linux wheel beside a CPU-only torch lacks libc10_cuda.so
        way_out = "pip install --force-reinstall --no-deps torchaudio --index-url https://download.pytorch.org/whl/cpu"
        cause = str(error.__cause__ or error).splitlines()[0]
        pytest.skip(f"torchaudio does not load ({cause}); beside a CPU-only torch: {way_out}")
    return torchaudio


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
