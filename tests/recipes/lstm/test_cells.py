"""The cells of the ablation: the vanilla one is `nn.LSTM`, and every variant computes what it is named after."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from audio_lstm.errors import ConfigError
from recipes.lstm.cells import VARIANTS, AblatedLSTM, CellKind, together


def cell_of(variant: str, seed: int = 0) -> AblatedLSTM:
    torch.manual_seed(seed)
    cell = AblatedLSTM(3, 5, variant)
    with torch.no_grad():  # away from the neutral start of biases and peepholes
        for parameter in cell.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return cell


def by_hand(cell: AblatedLSTM, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The equations of Greff et al. 2017, one step and one gate at a time; x (batch, time, features)."""
    kind: CellKind = cell.kind
    size, gates = cell.hidden_size, kind.gates
    h = c = before_i = before_f = before_o = torch.zeros(len(x), size)
    outputs = []
    for step in range(x.shape[1]):
        sums = x[:, step] @ cell.weight_ih_l0.T + cell.bias_ih_l0 + h @ cell.weight_hh_l0.T + cell.bias_hh_l0
        part = {name: sums[:, number * size : (number + 1) * size] for number, name in enumerate(gates)}
        if kind.gate_recurrence:
            told = torch.cat([before_i, before_f, before_o], 1) @ cell.weight_gates.T
            for number, name in enumerate(("input", "forget", "output")):
                part[name] = part[name] + told[:, number * size : (number + 1) * size]
        if kind.peepholes:
            part["input"] = part["input"] + cell.peepholes[0] * c
            part["forget"] = part["forget"] + cell.peepholes[1] * c
        i = part["input"].sigmoid() if kind.input_gate else torch.ones(len(x), size)
        f = part["forget"].sigmoid() if "forget" in part else torch.ones(len(x), size)
        f = 1 - i if kind.coupled else f
        g = part["candidate"].tanh() if kind.input_activation else part["candidate"]
        c = f * c + i * g
        if kind.peepholes:
            part["output"] = part["output"] + cell.peepholes[2] * c
        o = part["output"].sigmoid() if kind.output_gate else torch.ones(len(x), size)
        h = o * (c.tanh() if kind.output_activation else c)
        before_i, before_f, before_o = i, f, o
        outputs.append(h)
    return torch.stack(outputs, 1), h, c


def test_the_vanilla_cell_equals_torch_to_a_millionth_in_outputs_state_and_gradients() -> None:
    torch.manual_seed(0)
    reference = nn.LSTM(3, 5, batch_first=True)
    cell = AblatedLSTM(3, 5)
    cell.load_state_dict(reference.state_dict())
    x = 2 * torch.randn(4, 30, 3)
    begin = torch.randn(4, 5), torch.randn(4, 5)
    expected, (hidden, state) = reference(x, (begin[0][None], begin[1][None]))
    found, (h, c) = cell(x, begin)
    for one, other in ((found, expected), (h, hidden[0]), (c, state[0])):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    weights = torch.randn_like(found)
    (found * weights).mean().backward()
    (expected * weights).mean().backward()
    for name, parameter in reference.named_parameters():
        torch.testing.assert_close(cell.get_parameter(name).grad, parameter.grad, atol=1e-6, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_computes_its_equations(variant: str) -> None:
    cell, x = cell_of(variant), torch.randn(2, 9, 3)
    with torch.no_grad():
        y, (h, c) = cell(x)
        for found, expected in zip((y, h, c), by_hand(cell, x), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_every_variant_differs_from_vanilla() -> None:
    x = torch.randn(1, 6, 3)
    outputs = {variant: cell_of(variant)(x)[0] for variant in VARIANTS}
    assert len(outputs) == 9
    for variant, y in outputs.items():
        assert variant == "vanilla" or (y - outputs["vanilla"]).abs().max() > 1e-3, variant


@pytest.mark.parametrize("variant", VARIANTS)
def test_cells_side_by_side_equal_each_alone_and_learn_alone(variant: str) -> None:
    cells, x = [cell_of(variant, seed) for seed in range(3)], torch.randn(3, 2, 7, 3)
    y, _ = together(cells, x)
    y[1].sum().backward()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in cells[0].parameters())
    for number, cell in enumerate(cells):
        torch.testing.assert_close(y[number], cell(x[number])[0])


def test_gates_that_are_missing_have_no_weights() -> None:
    rows = {variant: len(AblatedLSTM(3, 5, variant).weight_ih_l0) for variant in VARIANTS}
    without = {"no input gate", "no forget gate", "no output gate", "coupled gates"}
    assert {variant for variant, n in rows.items() if n == 15} == without
    assert all(n == 20 for variant, n in rows.items() if variant not in without)


def test_the_forget_gate_begins_open_and_coupling_begins_the_same() -> None:
    for variant, name in (("vanilla", "forget"), ("coupled gates", "input")):
        cell = AblatedLSTM(3, 5, variant)
        at = cell.kind.gates.index(name) * 5
        assert cell.bias_ih_l0[at : at + 5].tolist() == [1.0 if name == "forget" else -1.0] * 5


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"variant must be one of vanilla, .*; got 'no memory'"):
        AblatedLSTM(3, 5, "no memory")
    with pytest.raises(ConfigError, match="must be at least 1, got 3 and 0"):
        AblatedLSTM(3, 0)
    with pytest.raises(ValueError, match=r"expected x of shape \(1, batch, time >= 1, 3\)"):
        AblatedLSTM(3, 5)(torch.zeros(2, 4, 4))
    with pytest.raises(ValueError, match="expected cells of one kind"):
        together([AblatedLSTM(3, 5), AblatedLSTM(3, 5, "peepholes")], torch.zeros(2, 1, 1, 3))
