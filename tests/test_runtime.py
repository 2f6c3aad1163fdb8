"""Engines report what they cannot run; devices are checked by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from audio_lstm.errors import ConfigError, MissingDependencyError, ModelError
from audio_lstm.runtime import OnnxEngine, resolve_device


def test_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx: no such file; export the model again"):
        OnnxEngine(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"not a graph", bytes(range(256)) * 20])
def test_damaged_graph_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="not a model that ONNX Runtime can run"):
        OnnxEngine(tmp_path / "model.onnx")


def test_cpu_is_always_there_and_other_names_are_refused() -> None:
    assert resolve_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match="device must be 'cpu' or 'cuda', got 'tpu'"):
        resolve_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_says_so() -> None:
    with pytest.raises(ConfigError, match="torch finds no GPU here; use device='cpu'"):
        resolve_device("cuda")


def test_cuda_without_torch_gives_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'audio-lstm\[train\]'"):
        resolve_device("cuda")
