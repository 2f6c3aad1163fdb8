"""Likelihoods: exact against a plain computation, and the floors against the published checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import DataError, ModelError
from audio_lstm.music.models.metrics import (
    NLL,
    PieceNLL,
    negative_log_likelihood,
    voice_bigram_floor,
)
from audio_lstm.music.training.data import load_chorales


def test_costs_are_the_log_softmax_over_what_is_legal() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=5, size=(40, 7)).astype(np.float32)
    legal = rng.random((40, 7)) < 0.5
    tokens = rng.integers(0, 7, size=40)
    legal[np.arange(40), tokens] = True
    costs = negative_log_likelihood(logits, tokens, legal)
    assert costs.dtype == np.float64
    for t in range(40):
        weights = np.exp(logits[t].astype(np.float64))[legal[t]]
        expected = -np.log(np.exp(float(logits[t, tokens[t]])) / weights.sum())
        assert costs[t] == pytest.approx(expected, abs=1e-12)


def test_large_scores_do_not_overflow_and_illegal_ones_do_not_matter() -> None:
    logits = np.array([[1e30, 0.0, np.nan], [-1e30, -1e30, np.inf]], dtype=np.float32)
    legal = np.array([[True, True, False], [True, True, False]])
    costs = negative_log_likelihood(logits, np.array([0, 1]), legal)
    assert costs.tolist() == pytest.approx([0, np.log(2)])


def test_uniform_scores_cost_the_log_of_the_choices() -> None:
    legal = np.tri(5, dtype=np.bool_)
    costs = negative_log_likelihood(np.zeros((5, 5), np.float32), np.zeros(5, np.int64), legal)
    np.testing.assert_allclose(costs, np.log(np.arange(1, 6)))


def test_an_empty_piece_costs_nothing() -> None:
    assert (
        negative_log_likelihood(np.zeros((0, 5), np.float32), np.zeros(0, np.int64), np.zeros((0, 5), bool)).size == 0
    )


def test_bad_input_is_refused() -> None:
    logits, legal = np.zeros((2, 3), np.float32), np.ones((2, 3), np.bool_)
    with pytest.raises(DataError, match=r"expected logits \(N, V\), tokens \(N,\), legal \(N, V\); got"):
        negative_log_likelihood(logits, np.zeros(3, np.int64), legal)
    legal[1, 2] = False
    with pytest.raises(DataError, match="token 2 at place 1 is not legal there"):
        negative_log_likelihood(logits, np.array([2, 2]), legal)
    logits[0, 0] = np.nan
    with pytest.raises(ModelError, match="scores hold NaN or infinity"):
        negative_log_likelihood(logits, np.array([2, 1]), legal)


def test_units_of_all_pieces_are_pooled() -> None:
    nll = NLL("cell", (PieceNLL("a", 10.0, 4, 5), PieceNLL("b", 2.0, 8, 9)))
    assert (nll.total_nats, nll.n_units, nll.n_tokens) == (12.0, 12, 14)
    assert nll.nats_per_unit == 1.0
    assert nll.pieces[0].nats_per_unit == 2.5


def test_a_corpus_without_units_is_refused() -> None:
    with pytest.raises(DataError, match="no cell to score: the corpus holds 0 pieces"):
        NLL("cell", ())


def test_the_bigram_floor_of_the_chorales(shared: Path) -> None:
    file = shared / "music/jsb16/satb.trainvalid.json"
    floor = voice_bigram_floor(load_chorales(file, "train").voice_grids(), load_chorales(file, "valid").voice_grids())
    assert floor.nats_per_unit == pytest.approx(0.939, abs=0.001)
    assert floor.n_units == floor.n_tokens == 4 * 18408


def test_a_pitch_outside_the_range_is_refused() -> None:
    grid = np.full((2, 4), 60)
    with pytest.raises(DataError, match=r"a pitch lies outside 61\.\.84; widen the range"):
        voice_bigram_floor([grid], [grid], low=61)
