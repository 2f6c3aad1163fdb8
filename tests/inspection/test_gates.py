"""The gates in numpy are those of torch: cell by cell, and for every option of the backbone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from audio_lstm.backbone import LSTMBackbone
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.inspection.gates import QUANTITIES, CellWeights, GateClamp, layer_outputs, trace_backbone, trace_cell
from audio_lstm.inspection.weight_arrays import WeightArrays

TOLERANCE = 1e-5
SMALL = LSTMConfig(input_size=6, hidden_size=8, n_layers=3)
VARIANTS = {
    "plain": SMALL,
    "projection": replace(SMALL, projection_size=5),
    "layer norm": replace(SMALL, layer_norm=True),
    "residual": replace(SMALL, input_size=8, residual=True),
    "bidirectional": replace(SMALL, bidirectional=True),
    "everything": replace(
        SMALL, input_size=8, bidirectional=True, projection_size=8, layer_norm=True, residual=True, dropout=0.3
    ),
}


def built(config: LSTMConfig) -> tuple[LSTMBackbone, WeightArrays]:
    torch.manual_seed(1)
    backbone = LSTMBackbone(config).eval()
    with torch.no_grad():  # away from the neutral start of biases and norms
        for parameter in backbone.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    arrays = {f"backbone.{name}": tensor.numpy() for name, tensor in backbone.state_dict().items()}
    return backbone, WeightArrays(arrays, "test")


def test_every_gate_and_state_equals_a_cell_of_torch_stepped_by_hand() -> None:
    torch.manual_seed(0)
    cell = nn.LSTMCell(5, 7)
    x = 2 * torch.randn(60, 5)
    weights = CellWeights(
        cell.weight_ih.detach().numpy(), cell.weight_hh.detach().numpy(), (cell.bias_ih + cell.bias_hh).detach().numpy()
    )
    trace = trace_cell(x.numpy(), weights)
    hidden = state = torch.zeros(1, 7)
    with torch.no_grad():
        for step in range(len(x)):
            rows = x[step] @ cell.weight_ih.T + cell.bias_ih + hidden[0] @ cell.weight_hh.T + cell.bias_hh
            i, f, g, o = rows.chunk(4)
            hidden, state = cell(x[step : step + 1], (hidden, state))
            expected = (i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid(), state[0], hidden[0])
            for name, value in zip(QUANTITIES, expected, strict=True):
                np.testing.assert_allclose(trace.quantity(name)[step], value.numpy(), atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_stack_equals_that_of_torch_and_its_gates_those_of_its_layer(name: str) -> None:
    config = VARIANTS[name]
    backbone, weights = built(config)
    x = torch.randn(1, 40, config.input_size)
    with torch.no_grad():
        outputs, _ = backbone.layers(x)
    for layer in range(config.n_layers):
        trace = trace_backbone(x[0].numpy(), weights, config, layer=layer)
        np.testing.assert_allclose(trace.output, outputs[-1][0].numpy(), atol=TOLERANCE)
        assert len(trace.directions) == config.n_directions
        inputs = x if layer == 0 else outputs[layer - 1]
        with torch.no_grad():
            inputs = backbone.norms[layer](inputs) if config.layer_norm else inputs
            forward, _ = backbone.forward_layers[layer](inputs)
            np.testing.assert_allclose(trace.directions[0].hidden, forward[0].numpy(), atol=TOLERANCE)
            if config.bidirectional:
                backward, _ = backbone.backward_layers[layer](inputs.flip(1))
                found = trace.directions[1].hidden[::-1]
                np.testing.assert_allclose(found, backward[0].numpy(), atol=TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_cell_and_hidden_state_follow_from_the_gates(name: str) -> None:
    config = VARIANTS[name]
    _, weights = built(config)
    x = np.random.default_rng(0).normal(size=(30, config.input_size)).astype(np.float32)
    for number, trace in enumerate(trace_backbone(x, weights, config, layer=1).directions):
        forward = trace if number == 0 else trace.reversed()
        before = np.concatenate([np.zeros((1, config.hidden_size)), forward.cell[:-1]])
        cell = forward.forget_gate * before + forward.input_gate * forward.candidate
        np.testing.assert_allclose(forward.cell, cell, atol=TOLERANCE)
        np.testing.assert_allclose(forward.hidden, forward.output_gate * np.tanh(forward.cell), atol=TOLERANCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_batch_through_the_stack_equals_torch_layer_by_layer_and_goes_on_where_it_ended(name: str) -> None:
    config = VARIANTS[name]
    backbone, weights = built(config)
    x = torch.randn(3, 20, config.input_size)
    with torch.no_grad():
        expected, end = backbone.layers(x)
    outputs, state = layer_outputs(x.numpy(), weights, config)
    for found, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), atol=TOLERANCE)
    if not config.bidirectional:
        np.testing.assert_allclose(state.cell, end.cell.numpy(), atol=TOLERANCE)
        _, half = layer_outputs(x[:, :7].numpy(), weights, config)
        rest, _ = layer_outputs(x[:, 7:].numpy(), weights, config, state=half)
        np.testing.assert_allclose(rest[-1], outputs[-1][:, 7:], atol=TOLERANCE)


def test_a_gate_is_held_between_0_and_1() -> None:
    for value in (-0.1, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="output_gate is held at a value from 0 to 1"):
            GateClamp(output_gate=value)


def test_large_inputs_overflow_nowhere() -> None:
    weights = CellWeights(*(np.ones(shape, np.float32) for shape in ((8, 3), (8, 2), (8,))))
    with np.errstate(all="raise"):
        trace = trace_cell(np.full((4, 3), -1e4, np.float32), weights)
    assert np.isfinite(trace.cell).all()
    assert trace.forget_gate.max() < 1e-6


def test_a_cut_holds_the_steps_that_were_asked_for() -> None:
    weights = CellWeights(*(np.ones(shape, np.float32) for shape in ((8, 3), (8, 2), (8,))))
    trace = trace_cell(np.ones((5, 3), np.float32), weights)
    assert trace.cut(1, 3).cell.tolist() == trace.cell[1:3].tolist()


def test_an_unknown_quantity_is_refused() -> None:
    weights = CellWeights(*(np.ones(shape, np.float32) for shape in ((8, 3), (8, 2), (8,))))
    with pytest.raises(ValueError, match=r"expected one of input_gate, .*, got 'peephole'"):
        trace_cell(np.ones((1, 3), np.float32), weights).quantity("peephole")


def test_a_layer_that_is_not_there_is_refused() -> None:
    _, weights = built(SMALL)
    with pytest.raises(ValueError, match=r"expected a layer in 0\.\.2, got 3"):
        trace_backbone(np.zeros((2, 6), np.float32), weights, SMALL, layer=3)


def test_inputs_of_another_width_are_refused() -> None:
    _, weights = built(SMALL)
    with pytest.raises(ValueError, match=r"expected x of shape \(steps, 6\), got \(2, 5\)"):
        trace_backbone(np.zeros((2, 5), np.float32), weights, SMALL, layer=0)
