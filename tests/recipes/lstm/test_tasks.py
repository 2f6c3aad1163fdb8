"""The tasks with long lags ask what they say, and the networks set to them are of one size."""

from __future__ import annotations

import pytest
import torch

from audio_lstm.errors import ConfigError
from recipes.lstm.tasks import MODELS, TASKS, Reader, n_weights_of, width_of


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("lag", [2, 37])
def test_the_sum_is_that_of_the_two_marked_numbers_and_the_first_is_a_lag_away(lag: int) -> None:
    x, sums = TASKS["adding"].batch(200, lag, rng())
    values, marks = x.unbind(-1)
    assert (marks.sum(dim=1) == 2).all()
    torch.testing.assert_close((values * marks).sum(dim=1, keepdim=True), sums)
    first = marks.argmax(dim=1)
    assert int(first.max()) < 10
    assert int((x.shape[1] - first).min()) > lag
    assert len({int(mark.nonzero()[1]) for mark in marks}) > 1


def test_the_order_is_that_of_the_two_symbols_among_distractors() -> None:
    x, classes = TASKS["order"].batch(100, 20, rng())
    assert x.sum(dim=2).eq(1).all()
    told = x[:, :, :2].argmax(dim=2)
    for item, answer in enumerate(classes.tolist()):
        places = x[item, :, :2].sum(dim=1).nonzero()[:, 0]
        assert len(places) == 2
        assert int(places.max()) < 12
        assert answer == 2 * int(told[item, places[0]]) + int(told[item, places[1]])
    assert set(classes.tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("name", ["copy", "noisy copy"])
def test_copying_shows_the_symbol_first_and_asks_last(name: str) -> None:
    x, symbols = TASKS[name].batch(50, 30, rng())
    assert x.shape == (50, 32, 9)
    assert x[:, 0, :4].argmax(dim=1).tolist() == symbols.tolist()
    assert x[:, -1, 8].eq(1).all()
    assert x[:, 1:-1, :4].eq(0).all()
    assert x[:, 1:-1].sum() == (50 * 30 if name == "noisy copy" else 0)


@pytest.mark.parametrize("kind", MODELS)
def test_widths_give_the_same_number_of_weights_as_torch_counts_them(kind: str) -> None:
    wanted = n_weights_of("lstm", 2, 24)
    width = width_of(kind, 2, wanted)
    network = Reader(kind, input_size=2, output_size=1, hidden_size=width)
    counted = sum(parameter.numel() for parameter in network.layer.parameters())
    assert counted == n_weights_of(kind, 2, width)
    assert counted == pytest.approx(wanted, rel=0.03)


def test_the_lstm_is_our_backbone_and_the_others_are_torchs() -> None:
    names = [type(Reader(kind, input_size=2, output_size=1, hidden_size=3).layer).__name__ for kind in MODELS]
    assert names == ["RNN", "GRU", "LSTMBackbone"]


@pytest.mark.parametrize("kind", MODELS)
def test_a_sequence_in_two_parts_is_read_as_in_one(kind: str) -> None:
    network, x = Reader(kind, input_size=2, output_size=1, hidden_size=3), torch.randn(2, 9, 2)
    whole, _ = network(x)
    _, state = network(x[:, :4])
    rest, _ = network(x[:, 4:], state)
    torch.testing.assert_close(rest, whole[:, 4:])


def test_the_forget_bias_is_one_unless_it_is_taken_away() -> None:
    for kind in ("gru", "lstm"):
        for forget_bias in (True, False):
            network = Reader(kind, input_size=2, output_size=1, hidden_size=3, forget_bias=forget_bias)
            biases = next(value for name, value in network.named_parameters() if "bias_ih" in name)
            assert biases[3:6].tolist() == [1.0 if forget_bias else 0.0] * 3
            assert biases[:3].tolist() == [0.0] * 3


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ConfigError, match="models must be some of rnn, gru, lstm; got 'elman'"):
        Reader("elman", input_size=2, output_size=1, hidden_size=3)
