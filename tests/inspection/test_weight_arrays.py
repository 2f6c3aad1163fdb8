"""Weights without torch: what is read is what was written, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from audio_lstm.checkpoint import ModelFolder
from audio_lstm.errors import ModelError
from audio_lstm.inspection.weight_arrays import WeightArrays, read_weights


def folder_with(path: Path, **arrays: np.ndarray) -> ModelFolder:
    save_file(dict(arrays), path / "model.safetensors")
    return ModelFolder(path, "speech", "m", {}, {})


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    weights = read_weights(folder_with(tmp_path, w=np.array([[0.5, -2.0]], np.float16)))
    assert "w" in weights
    assert "v" not in weights
    found = weights.get("w", 1, 2)
    assert found.dtype == np.float32
    assert found.tolist() == [[0.5, -2.0]]


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.safetensors: no such file; looking inside"):
        read_weights(ModelFolder(tmp_path, "speech", "m", {}, {}))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="damaged"):
        read_weights(ModelFolder(tmp_path, "speech", "m", {}, {}))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 2), np.float32), r"w has shape \(3, 2\), config.json asks for \(2, 2\)"),
        (np.zeros((2, 2), np.float64), "w is float64, expected float32 or float16"),
        (np.full((2, 2), np.nan, np.float32), "w holds values that are not finite"),
    ],
)
def test_an_array_that_does_not_fit_is_named(array: np.ndarray, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        WeightArrays({"w": array}, "file").get("w", 2, 2)


def test_a_missing_array_is_named() -> None:
    with pytest.raises(ModelError, match=r"file: does not fit config.json \(tensor 'w' is missing\)"):
        WeightArrays({}, "file").get("w", 2)
