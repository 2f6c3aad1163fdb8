"""Fixtures shared by all tests: the real data, and one thread per process so that runs are repeatable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
