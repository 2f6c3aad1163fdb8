"""The character language model in torch: causal, inert to padding, and carried on from stretch to stretch."""

from __future__ import annotations

import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.speech.words.char_lm import CharLMConfig
from audio_lstm.speech.words.char_lm_model import CharLMModel


@pytest.fixture
def model() -> CharLMModel:
    torch.manual_seed(0)
    return CharLMModel(CharLMConfig(LSTMConfig(8, hidden_size=12, n_layers=2), ("A", "B", " "))).eval()


def test_log_probabilities_cover_the_end_and_every_symbol(model: CharLMModel) -> None:
    log_probs, state = model(torch.randint(0, 4, (3, 7, 1)))
    assert log_probs.shape == (3, 7, 4)
    assert log_probs.dtype == torch.float32
    torch.testing.assert_close(log_probs.exp().sum(2), torch.ones(3, 7))
    assert state.hidden.shape == (2, 3, 12)


def test_a_step_knows_nothing_of_what_follows(model: CharLMModel) -> None:
    symbols = torch.randint(0, 4, (1, 7, 1))
    changed = symbols.clone()
    changed[0, 4:] = 3 - changed[0, 4:]
    one, other = model(symbols)[0], model(changed)[0]
    torch.testing.assert_close(one[:, :4], other[:, :4])
    assert not torch.allclose(one[:, 4:], other[:, 4:])


def test_stretches_with_carried_state_equal_the_whole(model: CharLMModel) -> None:
    symbols = torch.randint(0, 4, (2, 9, 1))
    first, state = model(symbols[:, :4])
    again = CharLMModel.state_from_tensors((state.hidden, state.cell))
    second, _ = model(symbols[:, 4:], None, again)
    torch.testing.assert_close(torch.cat([first, second], dim=1), model(symbols)[0])


def test_lengths_change_no_valid_step(model: CharLMModel) -> None:
    symbols = torch.randint(0, 4, (2, 6, 1))
    with_lengths, _ = model(symbols, torch.tensor([6, 3]))
    whole, _ = model(symbols)
    torch.testing.assert_close(with_lengths[0], whole[0])
    torch.testing.assert_close(with_lengths[1, :3], whole[1, :3])


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 2)])
def test_other_shapes_are_refused(model: CharLMModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected symbols of shape \(batch, time, 1\), got \(2, 6"):
        model(torch.zeros(shape, dtype=torch.int64))
