"""CTC forward scores of many texts: against sums over every path, and against torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from audio_lstm.speech.ctc.forward import forward_log_probs, graphs_of_symbols, graphs_of_words


def random_log_probs(seed: int, n_frames: int, size: int) -> NDArray[np.float64]:
    logits = np.random.default_rng(seed).normal(scale=2.0, size=(n_frames, size))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def collapsed(path: Sequence[int]) -> tuple[int, ...]:
    return tuple(now for now, before in zip(path, (0, *path), strict=False) if now and now != before)


def sum_over_paths(log_probs: NDArray[np.float64], accept: set[tuple[int, ...]], *, space: int = -1) -> float:
    total = -np.inf
    for path in product(range(log_probs.shape[1]), repeat=len(log_probs)):
        text = collapsed(path)
        if space >= 0:
            text = tuple(
                now for now, before in zip(text, (space, *text), strict=False) if (now, before) != (space, space)
            )
            text = text[:-1] if text[-1:] == (space,) else text
        if text in accept:
            total = np.logaddexp(total, log_probs[np.arange(len(path)), list(path)].sum())
    return float(total)


@pytest.mark.parametrize("seed", range(3))
def test_symbols_have_the_sum_of_their_paths_whatever_spaces_stand_around_them(seed: int) -> None:
    log_probs = random_log_probs(seed, 6, 4)
    texts = [(), (1,), (1, 1), (1, 2), (1, 3, 2), (2, 3, 2, 3, 1), (1, 1, 1, 1)]
    found = forward_log_probs(log_probs, graphs_of_symbols([np.array(text, np.int64) for text in texts], 3))
    expected = [sum_over_paths(log_probs, {text}, space=3) for text in texts]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.isneginf(found[-1])  # seven frames are needed


def test_symbols_without_a_space_have_the_loss_of_torch() -> None:
    log_probs = random_log_probs(5, 60, 30)
    rng = np.random.default_rng(1)
    texts = [rng.integers(1, 30, size) for size in (1, 5, 20, 28)]
    found = forward_log_probs(log_probs, graphs_of_symbols(texts, -1))
    for text, log_prob in zip(texts, found.tolist(), strict=True):
        loss = torch.nn.functional.ctc_loss(
            torch.from_numpy(log_probs)[:, None],
            torch.from_numpy(text)[None],
            torch.tensor([60]),
            torch.tensor([len(text)]),
            reduction="sum",
        )
        assert log_prob == pytest.approx(-float(loss), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_words_have_the_sum_over_the_ways_to_say_them(seed: int) -> None:
    log_probs = random_log_probs(seed, 6, 4)
    words = [[(1,), (2, 3)], [(1, 2), (3,)], [(2,)]]
    texts = [[], words[:1], words[:2], [words[1], words[0]], words]
    found = forward_log_probs(log_probs, graphs_of_words(texts))
    expected = []
    for text in texts:  # a sum over ways: those that sound alike count for each
        said = [tuple(phoneme for way in ways for phoneme in way) for ways in product(*text)]
        expected.append(np.logaddexp.reduce([sum_over_paths(log_probs, {way}) for way in said]))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_word_that_nobody_can_pronounce_costs_what_is_likeliest_there() -> None:
    log_probs = np.log(np.full((5, 4), 0.02) + np.eye(4)[[1, 2, 3, 3, 1]] * 0.92)
    known, unknown = forward_log_probs(log_probs, graphs_of_words([[[(1,)], [(2, 3)], [(1,)]], [[(1,)], [], [(1,)]]]))
    assert unknown == pytest.approx(log_probs.max(axis=1).sum(), abs=0.2)
    assert unknown >= known - 0.1


def test_a_thousand_improbable_frames_do_not_run_out_of_numbers() -> None:
    log_probs = np.full((1000, 3), -60.0)
    log_probs[:, 2] = -1e-9
    found = forward_log_probs(log_probs, graphs_of_symbols([np.array([1]), np.array([2])], -1))
    assert found[1] == pytest.approx(0.0, abs=1e-3)
    assert np.isfinite(found[0])


def test_no_frames_say_nothing() -> None:
    nothing = np.zeros((0, 4))
    assert forward_log_probs(nothing, graphs_of_words([[], [[(1,)]]])).tolist() == [0.0, -np.inf]
    texts = [np.zeros(0, np.int64), np.array([1])]
    assert forward_log_probs(nothing, graphs_of_symbols(texts, 3)).tolist() == [0.0, -np.inf]
