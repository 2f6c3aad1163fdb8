"""From torch modules to ONNX graphs with ONNX's own LSTM operator, explicit state, and int8 weights.

The graphs are written node by node: torch's exporters unroll or trace the LSTM, and drop what we need most, namely
sequence lengths (so that padding is inert) and the state as plain inputs and outputs (so that ONNX Runtime streams).
Needs the extra `train` (torch, onnx); running the graphs needs neither.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone, lstm_weights

__all__ = ["GraphWriter", "declare_state", "quantise", "return_state"]

OPSET = 17  # the first with LayerNormalization
IR_VERSION = 8  # what opset 17 came with; any ONNX Runtime since 1.12 reads it


class GraphWriter:
    """Collects nodes and weights; each method adds a piece and returns the name of its output tensor."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._n_names = 0

    def input(self, name: str, dtype: int, shape: tuple[int | str, ...]) -> str:
        """Declare a graph input; strings in the shape are free dimensions."""
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, tensor: str, name: str, dtype: int, shape: tuple[int | str, ...]) -> None:
        """Declare `tensor` as the graph output `name`."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def node(self, operator: str, inputs: list[str], *, outputs: int = 1, **attributes: object) -> str:
        """Add one operator and return its first output (the others are named with `:1`, `:2`, …)."""
        self._n_names += 1
        first = f"{operator.lower()}{self._n_names}"
        names = [first, *(f"{first}:{index}" for index in range(1, outputs))]
        self._nodes.append(helper.make_node(operator, inputs, names, name=first, **attributes))
        return first

    def constant(self, value: NDArray[np.generic] | list[int] | Tensor) -> str:
        """Add a weight or a list of int64 and return its name."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        self._n_names += 1
        name = f"constant{self._n_names}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def constant_int32(self, value: int) -> str:
        """Add a scalar int32 (lengths are int32 in ONNX's LSTM)."""
        return self.constant(np.array(value, np.int32))

    def slice(self, x: str, axis: int, start: int, end: int) -> str:
        """x[..., start:end, ...] along one axis."""
        bounds = [self.constant([value]) for value in (start, end, axis)]
        return self.node("Slice", [x, *bounds])

    def linear(self, x: str, layer: nn.Module) -> str:
        """A linear layer over the last axis: x W' + b."""
        product = self.node("MatMul", [x, self.constant(layer.get_parameter("weight").T)])
        return self.node("Add", [product, self.constant(layer.get_parameter("bias"))])

    def backbone(
        self, x: str, backbone: LSTMBackbone, lengths: str, state: tuple[str, str] | None
    ) -> tuple[str, tuple[str, str]]:
        """The LSTM stack over x (time, batch, feature).

        Args:
            x: Input tensor, time first as ONNX's LSTM wants it.
            backbone: The torch module whose weights are written.
            lengths: int32 tensor (batch,).
            state: Hidden and cell tensors (n_layers, batch, hidden_size), or None for zeros.

        Returns:
            The output (time, batch, output_size) and the final hidden and cell tensors.
        """
        config = backbone.config
        hidden: list[str] = []
        cell: list[str] = []
        for layer in range(config.n_layers):
            inputs = x
            if config.layer_norm:
                norm = backbone.norms[layer]
                scale, bias = (self.constant(norm.get_parameter(name)) for name in ("weight", "bias"))
                inputs = self.node("LayerNormalization", [x, scale, bias], axis=-1, epsilon=1e-5)
            start = ["", ""] if state is None else [self.slice(s, 0, layer, layer + 1) for s in state]
            directions = [backbone.forward_layers[layer]]
            if config.bidirectional:
                directions.append(backbone.backward_layers[layer])
            lstm = self.node(
                "LSTM",
                [inputs, *self._lstm_weights(directions), lengths, *start],
                outputs=3,
                hidden_size=config.hidden_size,
                direction="bidirectional" if config.bidirectional else "forward",
            )  # (T, directions, B, H), then hidden and cell (directions, B, H)
            y = self.node("Transpose", [lstm], perm=[0, 2, 1, 3])
            y = self.node("Reshape", [y, self.constant([0, 0, config.hidden_size * config.n_directions])])
            if config.projection_size:
                y = self.linear(y, backbone.projections[layer])
            same_size = config.layer_input_size(layer) == config.output_size
            x = self.node("Add", [x, y]) if config.residual and same_size else y
            hidden.append(self.slice(f"{lstm}:1", 0, 0, 1))
            cell.append(self.slice(f"{lstm}:2", 0, 0, 1))
        return x, (self.node("Concat", hidden, axis=0), self.node("Concat", cell, axis=0))

    def _lstm_weights(self, directions: list[nn.Module]) -> list[str]:
        """W, R and B of ONNX's LSTM: its gates are input, output, forget, cell; torch's input, forget, cell, output."""

        def reorder(parameter: Tensor) -> NDArray[np.float32]:
            i, f, c, o = np.split(parameter.detach().cpu().numpy(), 4)
            return np.concatenate([i, o, f, c])

        weights = [lstm_weights(lstm) for lstm in directions]
        w = np.stack([reorder(layer.input) for layer in weights])
        r = np.stack([reorder(layer.recurrent) for layer in weights])
        b = np.stack([np.concatenate([reorder(layer.input_bias), reorder(layer.recurrent_bias)]) for layer in weights])
        return [self.constant(w), self.constant(r), self.constant(b)]

    def model(self, name: str) -> onnx.ModelProto:
        """The finished, checked model."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="audio_lstm")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model


def declare_state(writer: GraphWriter, backbone: LSTMBackbone, *, n_members: int = 1) -> tuple[str, str]:
    """The graph inputs `hidden` and `cell`, (n_members * n_layers, batch, hidden_size)."""
    shape = (n_members * backbone.config.n_layers, "batch", backbone.config.hidden_size)
    return (
        writer.input("hidden", TensorProto.FLOAT, shape),
        writer.input("cell", TensorProto.FLOAT, shape),
    )


def return_state(writer: GraphWriter, backbone: LSTMBackbone, state: tuple[str, str], *, n_members: int = 1) -> None:
    """The graph outputs `next_hidden` and `next_cell`."""
    shape = (n_members * backbone.config.n_layers, "batch", backbone.config.hidden_size)
    writer.output(state[0], "next_hidden", TensorProto.FLOAT, shape)
    writer.output(state[1], "next_cell", TensorProto.FLOAT, shape)


def quantise(model: onnx.ModelProto, *, keep_fp32: tuple[str, ...] = ()) -> onnx.ModelProto:
    """The model with int8 weights in its LSTM and MatMul nodes, activations quantised on the fly.

    Weights use 7 of the 8 bits: on CPUs without VNNI the int8 kernels add pairs in 16 bits and would saturate
    (ONNX Runtime's own advice), and a file must give the same answers on every machine.

    Args:
        model: A float32 model.
        keep_fp32: Names of nodes to leave in float32, where their accuracy needs it.

    Returns:
        The quantised model; convolutions, norms and embeddings stay float32.
    """
    with tempfile.TemporaryDirectory() as folder, _without_advice():
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, source)
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["LSTM", "MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(keep_fp32),
            extra_options={"MatMulConstBOnly": True},
        )
        return onnx.load(target)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Silence the quantiser's advice, on the root logger, to pre-process: these graphs need none."""

    def keep(record: logging.LogRecord) -> bool:
        return "pre-processing before quantization" not in record.getMessage()

    logging.getLogger().addFilter(keep)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(keep)
