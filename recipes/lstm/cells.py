"""The LSTM cell written out, with one part of it missing or added: what `odyssey.py` compares.

    cell = AblatedLSTM(input_size, hidden_size, "no forget gate")
    y, (h, c) = cell(x)                 # x: (batch, time, input_size)
    y, _ = together(cells, x)           # several of a kind at once, x: (cells, batch, time, input_size)

The variants are those of Greff et al. 2017 ("LSTM: A Search Space Odyssey"), with one difference: their vanilla cell
has peepholes, and ours is that of `nn.LSTM`, which has none; so peepholes are a variant here, and every other variant
goes without them. Rows of weights lie in torch's order: input, forget, candidate, output; a gate that is not there has
none. A loop over time in Python costs the more the smaller the model is: `together` shares it between runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from audio_lstm.errors import ConfigError

__all__ = ["VARIANTS", "AblatedLSTM", "CellKind", "together"]

State = tuple[Tensor, Tensor]  # hidden and cell: (batch, hidden_size) each, or (cells, batch, hidden_size)


@dataclass(frozen=True)
class CellKind:
    """What a variant's cell is made of."""

    short: str  # the name in Greff et al. 2017
    input_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = True
    input_activation: bool = True  # tanh over the candidate
    output_activation: bool = True  # tanh over the cell, before the output gate
    coupled: bool = False  # the forget gate is 1 - the input gate
    peepholes: bool = False  # gates see the cell: Gers & Schmidhuber 2000
    gate_recurrence: bool = False  # gates see all gates of the step before: Hochreiter & Schmidhuber 1997

    @property
    def gates(self) -> tuple[str, ...]:
        """What has rows of weights of its own, in torch's order."""
        present = {
            "input": self.input_gate,
            "forget": self.forget_gate and not self.coupled,
            "candidate": True,
            "output": self.output_gate,
        }
        return tuple(name for name, there in present.items() if there)


_BASE = CellKind("V without peepholes")
VARIANTS = {
    "vanilla": _BASE,
    "no input gate": replace(_BASE, short="NIG", input_gate=False),
    "no forget gate": replace(_BASE, short="NFG", forget_gate=False),
    "no output gate": replace(_BASE, short="NOG", output_gate=False),
    "no input activation": replace(_BASE, short="NIAF", input_activation=False),
    "no output activation": replace(_BASE, short="NOAF", output_activation=False),
    "coupled gates": replace(_BASE, short="CIFG", coupled=True),
    "peepholes": replace(_BASE, short="V", peepholes=True),
    "full gate recurrence": replace(_BASE, short="FGR", gate_recurrence=True),
}
"""By name; the first is `nn.LSTM`."""


class AblatedLSTM(nn.Module):
    """One layer, one direction; its weights bear the names of `nn.LSTM`, so that the vanilla cell loads from one."""

    def __init__(self, input_size: int, hidden_size: int, variant: str = "vanilla") -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ConfigError(f"variant must be one of {', '.join(VARIANTS)}; got {variant!r}")
        if input_size < 1 or hidden_size < 1:
            raise ConfigError(f"input_size and hidden_size must be at least 1, got {input_size} and {hidden_size}")
        self.kind, self.hidden_size = VARIANTS[variant], hidden_size
        gates = self.kind.gates
        rows = len(gates) * hidden_size
        self.weight_ih_l0 = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh_l0 = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih_l0 = nn.Parameter(torch.zeros(rows))
        self.bias_hh_l0 = nn.Parameter(torch.zeros(rows))
        if self.kind.peepholes:
            self.peepholes = nn.Parameter(torch.zeros(3, hidden_size))  # of the input, forget and output gate
        if self.kind.gate_recurrence:
            self.weight_gates = nn.Parameter(torch.empty(rows - hidden_size, 3 * hidden_size))
            nn.init.xavier_uniform_(self.weight_gates, gain=0.1)
        with torch.no_grad():  # as audio_lstm/backbone.py begins
            for number, name in enumerate(gates):
                block = slice(number * hidden_size, (number + 1) * hidden_size)
                nn.init.xavier_uniform_(self.weight_ih_l0[block])
                nn.init.orthogonal_(self.weight_hh_l0[block])
                if name == "forget":
                    self.bias_ih_l0[block] = 1.0
                elif name == "input" and self.kind.coupled:
                    self.bias_ih_l0[block] = -1.0  # the same forget gate at the start

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run over a batch.

        Args:
            x: (batch, time, input_size).
            state: Hidden and cell (batch, hidden_size) to begin with; None: zeros.

        Returns:
            The hidden states (batch, time, hidden_size), and the last hidden and cell state.
        """
        begin = None if state is None else (state[0][None], state[1][None])
        y, (h, c) = together([self], x[None], begin)
        return y[0], (h[0], c[0])


def together(cells: Sequence[AblatedLSTM], x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
    """Run several cells of one kind and size side by side, each over inputs of its own.

    Args:
        cells: R of them.
        x: (R, batch, time, input_size).
        state: Hidden and cell (R, batch, hidden_size) to begin with; None: zeros.

    Returns:
        The hidden states (R, batch, time, hidden_size), and the last hidden and cell state.

    Raises:
        ValueError: If there is no cell, they differ in kind, or x does not fit them.
    """
    if not cells or any(cell.kind != cells[0].kind for cell in cells):
        raise ValueError(f"expected cells of one kind, got {[cell.kind.short for cell in cells]}")
    kind, size, width = cells[0].kind, cells[0].hidden_size, cells[0].weight_ih_l0.shape[1]
    if x.ndim != 4 or len(x) != len(cells) or x.shape[3] != width or x.shape[2] == 0:
        raise ValueError(f"expected x of shape ({len(cells)}, batch, time >= 1, {width}), got {tuple(x.shape)}")
    recurrent = _stacked(cells, "weight_hh_l0").transpose(1, 2)  # (R, H, rows)
    bias = _stacked(cells, "bias_ih_l0") + _stacked(cells, "bias_hh_l0")
    peepholes = _stacked(cells, "peepholes")[:, :, None].unbind(1) if kind.peepholes else None
    across = _stacked(cells, "weight_gates").transpose(1, 2) if kind.gate_recurrence else None
    driven = torch.einsum("rbtf,rgf->rtbg", x, _stacked(cells, "weight_ih_l0")) + bias[:, None, None]
    zeros = x.new_zeros(len(cells), x.shape[1], size)
    h, c = (zeros, zeros) if state is None else state
    before = torch.cat([zeros, zeros, zeros], dim=2)  # gates of the step before: input, forget, output
    outputs = []
    for row in driven.unbind(1):  # (R, B, rows)
        rows = torch.baddbmm(row, h, recurrent)
        if across is not None:
            rows = _across(rows, torch.bmm(before, across), kind, size)
        h, c, before = _step(rows, c, kind, peepholes)
        outputs.append(h)
    return torch.stack(outputs, dim=2), (h, c)


def _step(
    rows: Tensor, cell: Tensor, kind: CellKind, peepholes: tuple[Tensor, ...] | None
) -> tuple[Tensor, Tensor, Tensor]:
    """One step from the gates' sums (R, B, rows) and the cell before: hidden, cell, and the three gates."""
    sums = dict(zip(kind.gates, rows.chunk(len(kind.gates), dim=2), strict=True))
    one = torch.ones_like(cell) if len(kind.gates) < 4 else cell
    see_input, see_forget, see_output = peepholes or (None, None, None)
    i = torch.sigmoid(_seen(sums["input"], cell, see_input)) if "input" in sums else one
    if kind.coupled:
        f = 1.0 - i
    else:
        f = torch.sigmoid(_seen(sums["forget"], cell, see_forget)) if "forget" in sums else one
    g = torch.tanh(sums["candidate"]) if kind.input_activation else sums["candidate"]
    cell = f * cell + i * g
    o = torch.sigmoid(_seen(sums["output"], cell, see_output)) if "output" in sums else one
    hidden = o * (torch.tanh(cell) if kind.output_activation else cell)
    return hidden, cell, torch.cat([i, f, o], dim=2) if kind.gate_recurrence else cell


def _seen(sums: Tensor, cell: Tensor, peephole: Tensor | None) -> Tensor:
    return sums if peephole is None else sums + peephole * cell


def _across(rows: Tensor, told: Tensor, kind: CellKind, size: int) -> Tensor:
    """The sums with what the gates told each other; the candidate hears nothing of it."""
    at = kind.gates.index("candidate") * size
    return torch.cat(
        [rows[..., :at] + told[..., :at], rows[..., at : at + size], rows[..., at + size :] + told[..., at:]], dim=2
    )


def _stacked(cells: Sequence[AblatedLSTM], name: str) -> Tensor:
    return torch.stack([cast(Tensor, getattr(cell, name)) for cell in cells])
