"""The frames that a beam search reads: runs of blanks taken out, candidates chosen, bad values refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.speech.decoding.beam_frames import IMPOSSIBLE, ActiveFrames, active_frames, check_log_probs

SURE, OPEN, SPOKEN = [0.9997, 0.0001, 0.0001, 0.0001], [0.7, 0.1, 0.15, 0.05], [0.05, 0.05, 0.1, 0.8]


def frames_of(*batch: list[list[float]], n_symbols: int = 3, least: float = 1e-3) -> ActiveFrames:
    log_probs = [np.log(np.reshape(np.array(item, np.float64), (-1, 4))) for item in batch]
    return active_frames(log_probs, blank_log_prob=math.log(0.999), n_symbols=n_symbols, min_log_prob=math.log(least))


def test_runs_of_sure_blanks_become_one_number() -> None:
    frames = frames_of([SURE, SURE, OPEN, SPOKEN, SURE, OPEN, SURE, SURE, SURE])
    blank = math.log(0.9997)
    assert frames.n_frames.tolist() == [3]
    np.testing.assert_allclose(np.exp(frames.weights[0]), [0.7, 0.05, 0.7])
    np.testing.assert_allclose(frames.weights[1], [2 * blank, 0.0, blank], atol=1e-12)
    assert frames.weights[2].tolist() == [-math.inf, 0.0, -math.inf]
    np.testing.assert_allclose(frames.tails, [3 * blank])
    np.testing.assert_allclose(np.exp(frames.log_probs).reshape(-1, 4), [OPEN, SPOKEN, OPEN])


def test_utterances_with_the_most_active_frames_come_first() -> None:
    frames = frames_of([SURE], [OPEN, OPEN], [], [OPEN, SURE, OPEN], [OPEN])
    assert frames.order.tolist() == [1, 3, 4, 0, 2]
    assert frames.n_frames.tolist() == [2, 2, 1, 0, 0]
    np.testing.assert_allclose(frames.tails, [0, 0, 0, math.log(0.9997), 0])


def candidates(frames: ActiveFrames) -> list[list[int]]:
    counts, ends = frames.places
    return [frames.symbols[end - count : end].tolist() for count, end in zip(counts, ends, strict=True)]


def test_only_likely_symbols_are_tried_and_no_more_than_asked_for() -> None:
    assert candidates(frames_of([OPEN, SPOKEN])) == [[1, 2, 3], [1, 2, 3]]
    assert candidates(frames_of([OPEN, SPOKEN], least=0.09)) == [[1, 2], [2, 3]]
    assert candidates(frames_of([OPEN, SPOKEN], n_symbols=1)) == [[2], [3]]
    frames = frames_of([OPEN, SPOKEN], n_symbols=1)
    np.testing.assert_allclose(np.exp(frames.symbol_log_probs), [0.15, 0.8])
    assert frames.numbers.tolist() == [-1, -1, 0, -1, -1, -1, -1, 1]


def test_a_frame_without_a_likely_symbol_is_taken_for_blank() -> None:
    frames = frames_of([OPEN, SPOKEN, OPEN], least=0.2)
    assert candidates(frames) == [[3]]
    np.testing.assert_allclose([frames.weights[1][0], frames.tails[0]], math.log(0.7))


def test_impossible_values_stay_finite() -> None:
    frames = active_frames(
        [np.full((2, 4), -np.inf), np.full((1, 4), 1e-3)], blank_log_prob=-0.001, n_symbols=2, min_log_prob=-9.0
    )
    assert np.isfinite(frames.log_probs).all()
    assert np.isfinite(frames.tails).all()
    assert frames.tails.max() == 0  # rounding above 0 is cut
    assert frames.tails.min() == 2 * IMPOSSIBLE


@pytest.mark.parametrize("log_probs", [np.zeros(4), np.zeros((2, 3)), np.zeros((0, 5))])
def test_a_wrong_shape_is_refused(log_probs: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"expected log-probabilities of shape \(time, 4\), got .* in item 7"):
        check_log_probs(log_probs, 4, 7)


def test_nan_is_refused_with_its_frame() -> None:
    log_probs = np.full((3, 4), -1.0)
    log_probs[1, 2] = np.nan
    with pytest.raises(ValueError, match="item 7, frame 1 hold NaN; the model or its input is broken"):
        check_log_probs(log_probs, 4, 7)


def test_logits_are_refused() -> None:
    with pytest.raises(ValueError, match="lie at or below 0, got 3 in item 7; apply log-softmax"):
        check_log_probs(np.eye(4) * 3, 4, 7)
    check_log_probs(np.full((2, 4), 1e-3), 4, 7)
    check_log_probs(np.zeros((0, 4)), 4, 7)
