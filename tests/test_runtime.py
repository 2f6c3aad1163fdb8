"""Engines report what they cannot run; devices are checked by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from audio_lstm.checkpoint import shipped_models
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


def test_a_graph_whose_names_are_no_text_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    graph = (shipped_models()["an4"] / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(graph.replace(b"Conv", b"\xffonv", 1))  # ONNX Runtime quotes it in its error
    with pytest.raises(ModelError, match="not a model that ONNX Runtime can run"):
        OnnxEngine(tmp_path / "model.onnx")
    assert capfd.readouterr().out == ""


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


def tiny_graph(tmp_path: Path, *, state: str | None = None) -> Path:
    """A sum over features (batch, time, 3) -> (batch, time, 3), with lengths and perhaps a state that it ignores."""
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ("batch", "time", 3)),
        helper.make_tensor_value_info("lengths", TensorProto.INT32, ("batch",)),
    ]
    if state:
        inputs.append(helper.make_tensor_value_info(state, TensorProto.FLOAT, (1, "batch", 2)))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("batch", "time", 3))
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "tiny", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_a_graph_that_fits_its_config_passes(tmp_path: Path) -> None:
    OnnxEngine(tiny_graph(tmp_path)).check(input_size=3, output_size=3, streams=False)
    OnnxEngine(tiny_graph(tmp_path, state="hidden")).check(input_size=3, output_size=3, streams=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"input_size": 4},
            r"model\.onnx: does not fit config\.json \(expected input width 4, output width 3, no state\)",
        ),
        ({"output_size": 2}, r"output width 2, no state\); copy or export the model again"),
        ({"streams": True}, r"output width 3, a state\)"),
    ],
)
def test_a_graph_of_another_shape_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    engine = OnnxEngine(tiny_graph(tmp_path))
    with pytest.raises(ModelError, match=message):
        engine.check(**{"input_size": 3, "output_size": 3, "streams": False, **changes})


def test_a_graph_of_something_else_is_refused(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "scalar", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=r"does not fit config\.json"):
        OnnxEngine(tmp_path / "model.onnx").check(input_size=1, output_size=1, streams=False)
