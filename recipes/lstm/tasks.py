"""The classical tasks with long lags, and the networks that are set to them: a tanh RNN, a GRU and our LSTM.

    network = Reader("lstm", input_size=2, output_size=1, hidden_size=24)
    x, answers = TASKS["adding"].batch(64, 100, torch.Generator())  # 64 items, a lag of 100 steps

`long_lag.py` says what the tasks are. Sources: Hochreiter & Schmidhuber 1997, sections 5.2, 5.4 and 5.6; Gers et al.
2000 and Jozefowicz et al. 2015 (forget bias of one).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone, lstm_weights
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError

__all__ = ["MODELS", "NAMES", "TASKS", "Reader", "Task", "n_weights_of", "width_of"]

MODELS = {"rnn": 1, "gru": 3, "lstm": 4}
"""By name, the blocks of weights (gates and candidates) of each."""
NAMES = {"rnn": "tanh RNN", "gru": "GRU", "lstm": "LSTM"}
_HEAD_STEPS = 10  # of the adding problem: the first mark is among them
_ORDER_STEPS = 12  # of temporal order: both symbols are among them
_N_SYMBOLS = 4  # that copying may have to name, and as many that distract


class Task(NamedTuple):
    """One of the tasks."""

    batch: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]  # items, lag -> inputs (B, T, F), answers
    input_size: int
    output_size: int


def adding(n_items: int, lag: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """The adding problem: inputs (items, lag + 10, 2), sums (items, 1)."""
    n_steps = lag + _HEAD_STEPS
    values, marks = torch.rand(n_items, n_steps, generator=rng), torch.zeros(n_items, n_steps)
    first = torch.randint(0, _HEAD_STEPS, (n_items,), generator=rng)
    second = torch.randint(_HEAD_STEPS, n_steps, (n_items,), generator=rng)
    rows = torch.arange(n_items)
    marks[rows, first] = marks[rows, second] = 1.0
    return torch.stack([values, marks], dim=-1), (values[rows, first] + values[rows, second])[:, None]


def order(n_items: int, lag: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Temporal order: inputs (items, 12 + lag, 6), classes (items,) of XX, XY, YX, YY."""
    n_steps, half = lag + _ORDER_STEPS, _ORDER_STEPS // 2
    symbols = torch.randint(2, 2 + _N_SYMBOLS, (n_items, n_steps), generator=rng)
    rows = torch.arange(n_items)
    answers = []
    for begin in (0, half):
        place = torch.randint(begin, begin + half, (n_items,), generator=rng)
        symbols[rows, place] = answer = torch.randint(0, 2, (n_items,), generator=rng)
        answers.append(answer)
    return nn.functional.one_hot(symbols, 2 + _N_SYMBOLS).float(), 2 * answers[0] + answers[1]


def copy(n_items: int, lag: int, rng: torch.Generator, *, noisy: bool = False) -> tuple[Tensor, Tensor]:
    """Copying: inputs (items, lag + 2, 9): a symbol, the lag, the question; classes (items,)."""
    symbol = torch.randint(0, _N_SYMBOLS, (n_items,), generator=rng)
    x = torch.zeros(n_items, lag + 2, 2 * _N_SYMBOLS + 1)
    x[torch.arange(n_items), 0, symbol] = 1.0
    x[:, -1, -1] = 1.0
    if noisy:
        between = torch.randint(0, _N_SYMBOLS, (n_items, lag), generator=rng)
        x[:, 1:-1, _N_SYMBOLS : 2 * _N_SYMBOLS] = nn.functional.one_hot(between, _N_SYMBOLS).float()
    return x, symbol


TASKS = {
    "adding": Task(adding, 2, 1),
    "order": Task(order, 2 + _N_SYMBOLS, 4),
    "copy": Task(copy, 2 * _N_SYMBOLS + 1, _N_SYMBOLS),
    "noisy copy": Task(lambda n, lag, rng: copy(n, lag, rng, noisy=True), 2 * _N_SYMBOLS + 1, _N_SYMBOLS),
}


def width_of(kind: str, input_size: int, n_weights: int) -> int:
    """The hidden size with which a layer comes nearest to a number of weights."""
    blocks = MODELS[kind]
    root = (math.sqrt((input_size + 2) ** 2 + 4 * n_weights / blocks) - input_size - 2) / 2
    return max(1, round(root))


def n_weights_of(kind: str, input_size: int, hidden_size: int) -> int:
    """Weights and biases of one layer, as torch counts them."""
    return MODELS[kind] * hidden_size * (input_size + hidden_size + 2)


class Reader(nn.Module):
    """One recurrent layer over (batch, time, input_size), and a linear one that answers from its states."""

    def __init__(
        self, kind: str, *, input_size: int, output_size: int, hidden_size: int, forget_bias: bool = True
    ) -> None:
        super().__init__()
        if kind not in MODELS:
            raise ConfigError(f"models must be some of {', '.join(MODELS)}; got {kind!r}")
        self.kind = kind
        if kind == "lstm":
            backbone = LSTMBackbone(LSTMConfig(input_size, hidden_size, n_layers=1))
            self.layer: nn.Module = backbone
            inner = backbone.forward_layers[0]
        else:
            inner = self.layer = (nn.GRU if kind == "gru" else nn.RNN)(input_size, hidden_size, batch_first=True)
        _begin_like_the_backbone(inner, kind, forget_bias=forget_bias)
        self.head = nn.Linear(hidden_size, output_size)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """The states (batch, time, hidden_size) and what to go on from; `head` makes answers of them."""
        y, end = self.layer(x, None, state) if self.kind == "lstm" else self.layer(x, state)
        return y, end


def _begin_like_the_backbone(layer: nn.Module, kind: str, *, forget_bias: bool) -> None:
    """Orthogonal recurrent weights, and a bias of one for what keeps the state: forget gate, or a GRU's update gate."""
    weights, size = lstm_weights(layer), cast(int, layer.hidden_size)
    with torch.no_grad():
        for block in range(MODELS[kind]):
            rows = slice(block * size, (block + 1) * size)
            nn.init.xavier_uniform_(weights.input[rows])
            nn.init.orthogonal_(weights.recurrent[rows])
        weights.input_bias.zero_()
        weights.recurrent_bias.zero_()
        if forget_bias and kind != "rnn":
            weights.input_bias[size : 2 * size] = 1.0
