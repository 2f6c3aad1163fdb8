"""The inside of an LSTM layer: its gates, its cell and its hidden state at every step, computed in numpy.

    trace = trace_backbone(x, weights, config, layer=2)
    trace.directions[0].forget_gate  # (steps, hidden_size)

The engines return a layer's output and last state only. Here the cell of Hochreiter & Schmidhuber 1997 with the forget
gate of Gers et al. 2000 is written out, in torch's order of gates and with everything that `audio_lstm/backbone.py`
puts around a layer (layer norm, backward direction, projection, residual sum); tests hold the two equal to 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.inspection.weight_arrays import WeightArrays

__all__ = [
    "FREE",
    "QUANTITIES",
    "BackboneTrace",
    "CellWeights",
    "Experiment",
    "GateClamp",
    "GateTrace",
    "StackState",
    "cell_weights",
    "layer_outputs",
    "step_cell",
    "trace_backbone",
    "trace_cell",
]

QUANTITIES = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
"""What a trace holds of every unit at every step."""

_NORM_EPSILON = 1e-5  # torch.nn.LayerNorm's


@dataclass(frozen=True, eq=False)
class GateTrace:
    """One layer in one direction, step by step; every array is float32 (steps, hidden_size)."""

    input_gate: NDArray[np.float32]  # 0..1: how much of the candidate is written into the cell
    forget_gate: NDArray[np.float32]  # 0..1: how much of the cell is kept from the step before
    candidate: NDArray[np.float32]  # -1..1: what could be written
    output_gate: NDArray[np.float32]  # 0..1: how much of the cell is shown
    cell: NDArray[np.float32]  # forget_gate * the cell before + input_gate * candidate
    hidden: NDArray[np.float32]  # output_gate * tanh(cell)

    def quantity(self, name: str) -> NDArray[np.float32]:
        """One of `QUANTITIES`.

        Args:
            name: Which.

        Returns:
            (steps, hidden_size).

        Raises:
            ValueError: If there is none of that name.
        """
        if name not in QUANTITIES:
            raise ValueError(f"expected one of {', '.join(QUANTITIES)}, got {name!r}")
        values: NDArray[np.float32] = getattr(self, name)
        return values

    def cut(self, start: int, stop: int) -> GateTrace:
        """The steps from `start` to before `stop`."""
        return GateTrace(*(self.quantity(name)[start:stop] for name in QUANTITIES))

    def reversed(self) -> GateTrace:
        """The same steps, the last one first."""
        return GateTrace(*(self.quantity(name)[::-1] for name in QUANTITIES))


@dataclass(frozen=True)
class GateClamp:
    """Gates that are held at a value in all units and at every step, for experiments; None leaves a gate free.

    Raises:
        ConfigError: A value lies outside 0..1.
    """

    input_gate: float | None = None
    forget_gate: float | None = None
    output_gate: float | None = None

    def __post_init__(self) -> None:
        for name in ("input_gate", "forget_gate", "output_gate"):
            held = getattr(self, name)
            if held is not None and not 0.0 <= held <= 1.0:
                raise ConfigError(f"{name} is held at a value from 0 to 1 or left free (None), got {held}")


FREE = GateClamp()
"""No gate is held."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """What is changed in the cells of a stack while it runs."""

    clamp: GateClamp = FREE
    layer: int | None = None  # counted from 0; None: every layer
    resets: NDArray[np.bool_] | None = None  # (batch, steps): the cell is emptied before these steps; None: never

    def concerns(self, layer: int) -> bool:
        """Whether a layer, counted from 0, is changed."""
        return self.layer is None or self.layer == layer


class StackState(NamedTuple):
    """What the forward layers carry from one chunk to the next."""

    hidden: NDArray[np.float32]  # (n_layers, batch, hidden_size)
    cell: NDArray[np.float32]  # (n_layers, batch, hidden_size)


@dataclass(frozen=True, eq=False)
class CellWeights:
    """The parameters of one layer in one direction; rows in torch's order: input, forget, candidate, output."""

    input: NDArray[np.float32]  # (4 * hidden_size, input size)
    recurrent: NDArray[np.float32]  # (4 * hidden_size, hidden_size)
    bias: NDArray[np.float32]  # (4 * hidden_size,): torch's two biases together


@dataclass(frozen=True, eq=False)
class BackboneTrace:
    """A stack of layers, run up to the last, with one of them opened."""

    directions: tuple[GateTrace, ...]  # of the chosen layer: forward, and backward if it has one; both in time's order
    output: NDArray[np.float32]  # (steps, output_size) of the whole stack


def trace_cell(x: NDArray[np.float32], weights: CellWeights) -> GateTrace:
    """Run one layer in one direction from a state of zeros.

    Args:
        x: (steps, input size).
        weights: Of the layer.

    Returns:
        Everything that happens in it.
    """
    size = weights.recurrent.shape[1]
    driven = x @ weights.input.T + weights.bias  # (T, 4H)
    gates = np.empty((len(x), 4 * size), np.float32)
    cells, hiddens = np.empty((len(x), size), np.float32), np.empty((len(x), size), np.float32)
    hidden, cell = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for step in range(len(x)):
        gates[step], hidden, cell = step_cell(driven[step], hidden, cell, weights.recurrent)
        cells[step], hiddens[step] = cell, hidden
    i, f, g, o = (gates[:, number * size : (number + 1) * size] for number in range(4))
    return GateTrace(i, f, g, o, cells, hiddens)


def step_cell(
    driven: NDArray[np.float32],
    hidden: NDArray[np.float32],
    cell: NDArray[np.float32],
    recurrent: NDArray[np.float32],
    clamp: GateClamp = FREE,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """One step of a layer, for one sequence or a batch of them.

    Args:
        driven: What the input and the biases say (…, 4 * hidden_size).
        hidden: Before the step (…, hidden_size).
        cell: Before the step (…, hidden_size).
        recurrent: Weights (4 * hidden_size, hidden_size).
        clamp: Gates that are held at a value.

    Returns:
        Input gate, forget gate, candidate and output gate side by side (…, 4 * hidden_size), hidden state and cell.
    """
    size = recurrent.shape[1]
    row = driven + hidden @ recurrent.T
    row[..., : 2 * size] = _sigmoid(row[..., : 2 * size])
    row[..., 2 * size : 3 * size] = np.tanh(row[..., 2 * size : 3 * size])
    row[..., 3 * size :] = _sigmoid(row[..., 3 * size :])
    for held, first in ((clamp.input_gate, 0), (clamp.forget_gate, size), (clamp.output_gate, 3 * size)):
        if held is not None:
            row[..., first : first + size] = held
    cell = row[..., size : 2 * size] * cell + row[..., :size] * row[..., 2 * size : 3 * size]
    return row, row[..., 3 * size :] * np.tanh(cell), cell


def trace_backbone(
    x: NDArray[np.float32], weights: WeightArrays, config: LSTMConfig, *, layer: int, prefix: str = "backbone."
) -> BackboneTrace:
    """Run the stack over one sequence, without dropout, and keep what happens in one layer.

    Args:
        x: (steps, input_size).
        weights: Of the model.
        config: Of the backbone.
        layer: Which one to open, counted from 0.
        prefix: Of the backbone's names in the weights.

    Returns:
        That layer's gates and the output of the last layer.

    Raises:
        ValueError: If there is no such layer, or x has another width.
    """
    if not 0 <= layer < config.n_layers:
        raise ValueError(f"expected a layer in 0..{config.n_layers - 1}, got {layer}")
    if x.ndim != 2 or x.shape[1] != config.input_size:
        raise ValueError(f"expected x of shape (steps, {config.input_size}), got {x.shape}")
    opened: tuple[GateTrace, ...] = ()
    for index in range(config.n_layers):
        inputs = _normalised(x, weights, config, index, prefix) if config.layer_norm else x
        traces = [trace_cell(inputs, cell_weights(weights, config, index, f"{prefix}forward_layers"))]
        if config.bidirectional:
            backward = cell_weights(weights, config, index, f"{prefix}backward_layers")
            traces.append(trace_cell(inputs[::-1], backward).reversed())
        x = _after_cells(x, [trace.hidden for trace in traces], weights, config, index, prefix)
        if index == layer:
            opened = tuple(traces)
    return BackboneTrace(opened, x)


def layer_outputs(
    x: NDArray[np.float32],
    weights: WeightArrays,
    config: LSTMConfig,
    *,
    prefix: str = "backbone.",
    state: StackState | None = None,
    experiment: Experiment | None = None,
) -> tuple[list[NDArray[np.float32]], StackState]:
    """Run the stack over sequences of one length, without dropout.

    Args:
        x: (batch, steps, input_size).
        weights: Of the model.
        config: Of the backbone.
        prefix: Of the backbone's names in the weights.
        state: Where the chunk before ended; None begins with zeros, as the backward direction always does.
        experiment: What to change in the cells; None: nothing.

    Returns:
        The outputs (batch, steps, output_size) of every layer, and the forward layers' state at the end.
    """
    zeros = np.zeros((config.n_layers, len(x), config.hidden_size), np.float32)
    begin = StackState(zeros, zeros) if state is None else state
    outputs, ends = [], []
    for index in range(config.n_layers):
        inputs = _normalised(x, weights, config, index, prefix) if config.layer_norm else x
        cells = cell_weights(weights, config, index, f"{prefix}forward_layers")
        start = (begin.hidden[index], begin.cell[index])
        changed = experiment if experiment is not None and experiment.concerns(index) else None
        y, end = _run_cell(inputs, cells, start, changed)
        hiddens = [y]
        if config.bidirectional:
            backward = cell_weights(weights, config, index, f"{prefix}backward_layers")
            y, _ = _run_cell(inputs[:, ::-1], backward, (zeros[0], zeros[0]), None)
            hiddens.append(y[:, ::-1])
        x = _after_cells(x, hiddens, weights, config, index, prefix)
        outputs.append(x)
        ends.append(end)
    return outputs, StackState(np.stack([end[0] for end in ends]), np.stack([end[1] for end in ends]))


def _run_cell(
    x: NDArray[np.float32],
    weights: CellWeights,
    start: tuple[NDArray[np.float32], NDArray[np.float32]],
    experiment: Experiment | None,
) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """The hidden states (B, T, H) of one layer in one direction, and its last hidden and cell state."""
    hiddens = np.empty((*x.shape[:2], weights.recurrent.shape[1]), np.float32)
    hidden, cell = start
    clamp = FREE if experiment is None else experiment.clamp
    for step in range(x.shape[1]):
        if experiment is not None and experiment.resets is not None:
            cell = np.where(experiment.resets[:, step, None], np.float32(0.0), cell)
        driven = x[:, step] @ weights.input.T + weights.bias
        _, hidden, cell = step_cell(driven, hidden, cell, weights.recurrent, clamp)
        hiddens[:, step] = hidden
    return hiddens, (hidden, cell)


def _after_cells(
    x: NDArray[np.float32],
    hiddens: list[NDArray[np.float32]],
    weights: WeightArrays,
    config: LSTMConfig,
    index: int,
    prefix: str,
) -> NDArray[np.float32]:
    """A layer's output from its hidden states: both directions, projection, residual sum."""
    y = np.concatenate(hiddens, axis=-1)  # (…, T, directions * H)
    if config.projection_size:
        name = f"{prefix}projections.{index}"
        width = config.hidden_size * config.n_directions
        projection = weights.get(f"{name}.weight", config.projection_size, width)
        y = y @ projection.T + weights.get(f"{name}.bias", config.projection_size)
    return x + y if config.residual and x.shape == y.shape else y


def _normalised(
    x: NDArray[np.float32], weights: WeightArrays, config: LSTMConfig, index: int, prefix: str
) -> NDArray[np.float32]:
    """Layer norm (Ba et al. 2016) of each step."""
    size = config.layer_input_size(index)
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + _NORM_EPSILON)
    scale, shift = (weights.get(f"{prefix}norms.{index}.{name}", size) for name in ("weight", "bias"))
    normalised: NDArray[np.float32] = centred / spread * scale + shift
    return normalised


def cell_weights(weights: WeightArrays, config: LSTMConfig, index: int, name: str) -> CellWeights:
    """The parameters of layer `index` of `name`, which is "backbone.forward_layers" or the like."""
    rows = 4 * config.hidden_size
    biases = [weights.get(f"{name}.{index}.bias_{side}_l0", rows) for side in ("ih", "hh")]
    return CellWeights(
        weights.get(f"{name}.{index}.weight_ih_l0", rows, config.layer_input_size(index)),
        weights.get(f"{name}.{index}.weight_hh_l0", rows, config.hidden_size),
        biases[0] + biases[1],
    )


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), written so that no exponential overflows."""
    half: NDArray[np.float32] = 0.5 * (1.0 + np.tanh(0.5 * x))
    return half
