"""The punctuation model in torch and as a graph: they agree, padding is inert, live answers look four words ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.runtime import OnnxEngine
from audio_lstm.speech.text.punctuation import N_INPUTS, PunctuationConfig
from audio_lstm.speech.training.punctuation_model import PunctuationModel, punctuation_graph

CONFIG = PunctuationConfig(
    causal=LSTMConfig(8, hidden_size=16, n_layers=1),
    both_ways=LSTMConfig(16, hidden_size=8, n_layers=1, bidirectional=True),
    head_size=8,
    n_buckets=100,
)


@pytest.fixture(scope="module")
def model() -> PunctuationModel:
    torch.manual_seed(1)
    return PunctuationModel(CONFIG).eval()


@pytest.fixture(scope="module")
def words() -> torch.Tensor:
    return torch.randint(0, CONFIG.n_rows, (2, 9, N_INPUTS), generator=torch.Generator().manual_seed(2))


def test_answers_are_log_probabilities_of_marks_and_cases(model: PunctuationModel, words: torch.Tensor) -> None:
    log_probs, _ = model(words)
    assert log_probs.shape == (2, 9, 2 * CONFIG.n_answers)
    for first, last in ((0, 8), (8, 12), (12, 20), (20, 24)):
        torch.testing.assert_close(log_probs[:, :, first:last].exp().sum(dim=2), torch.ones(2, 9))


def test_padding_never_reaches_valid_words(model: PunctuationModel, words: torch.Tensor) -> None:
    whole, _ = model(words[:1, :6])
    padded, _ = model(words, torch.tensor([6, 9]))
    torch.testing.assert_close(padded[:1, :6], whole)


def test_live_answers_look_as_far_ahead_as_they_say(model: PunctuationModel, words: torch.Tensor) -> None:
    changed = words.clone()
    changed[:, 8] = 0
    before, _ = model(words)
    after, _ = model(changed)
    live = slice(CONFIG.n_answers, None)
    torch.testing.assert_close(before[:, :4, live], after[:, :4, live])
    assert not torch.equal(before[:, 4, live], after[:, 4, live])
    assert not torch.equal(before[:, 0, : CONFIG.n_answers], after[:, 0, : CONFIG.n_answers])


def test_the_graph_answers_as_torch_does(model: PunctuationModel, words: torch.Tensor, tmp_path: Path) -> None:
    onnx.save(punctuation_graph(model), tmp_path / "model.onnx")
    engine = OnnxEngine(tmp_path / "model.onnx")
    engine.check(input_size=N_INPUTS, output_size=2 * CONFIG.n_answers, streams=True)
    lengths = torch.tensor([9, 5])
    with torch.no_grad():
        expected, state = model(words, lengths)
    found, (hidden, _) = engine.run(words.numpy(), lengths.numpy(), None)
    for row, length in enumerate(lengths.tolist()):
        np.testing.assert_allclose(found[row, :length], expected[row, :length].numpy(), atol=0.05)
    np.testing.assert_allclose(hidden[:, 0], state.hidden[:, 0].numpy(), atol=0.02)


def test_other_shapes_are_refused(model: PunctuationModel) -> None:
    with pytest.raises(ValueError, match=r"expected words of shape \(batch, time, 10\)"):
        model(torch.zeros(1, 3, 4, dtype=torch.int64))
