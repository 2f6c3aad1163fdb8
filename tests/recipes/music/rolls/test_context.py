"""The context of a frame: lags and echoes, from the past alone."""

from __future__ import annotations

import numpy as np

from recipes.music.rolls.context import (
    LAGS,
    MATCH_BOUNDS,
    METRE_SIZES,
    N_CHANNELS,
    N_ECHOES,
    echoes,
    frame_inputs,
)


def noise(n_frames: int, n_keys: int = 10, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n_frames, n_keys)) < 0.3


def test_a_passage_that_comes_again_foretells_its_continuation() -> None:
    passage = noise(30)
    found = echoes(np.concatenate([passage, passage]))
    assert found.shape == (60, N_ECHOES, 10)
    longest = len(MATCH_BOUNDS) - 1
    for t in range(30 + MATCH_BOUNDS[-1], 60):
        assert np.array_equal(found[t, longest] > 0, passage[t - 30])
        assert not found[t, :longest].any()
    # Soft copies: nearly all of the weight lies on the same passage, too.
    assert np.abs(found[59, -1] - passage[29]).max() < 0.05


def test_the_latest_of_equal_passages_wins() -> None:
    a, b, c, d = np.eye(4, dtype=np.bool_)
    found = echoes(np.stack([a, b, c, a, b, d, a, b, a]))
    assert np.array_equal(found[8, 0] > 0, d)


def test_the_first_frames_have_no_echo() -> None:
    assert not echoes(noise(2)).any()
    assert not echoes(noise(12))[:, : len(MATCH_BOUNDS)][:2].any()


def test_nothing_depends_on_the_frame_itself_or_a_later_one() -> None:
    roll = noise(40)
    changed = roll.copy()
    changed[20:] = noise(20, seed=1)
    n_cells = N_CHANNELS * 10
    before, after = (frame_inputs(piece, echoes(piece), 0, 40)[:21, :n_cells] for piece in (roll, changed))
    assert np.array_equal(before, after)


def test_each_lag_lies_in_its_row_and_reaches_into_silence_at_the_start() -> None:
    roll = noise(80)
    rows = frame_inputs(roll, echoes(roll), 5, 70)[:, : (N_CHANNELS + 1) * 10].reshape(70, N_CHANNELS + 1, 10)
    for row, lag in enumerate(LAGS):
        for i in (0, 1, 10, 69):
            expected = roll[5 + i - lag] if 5 + i >= lag else np.zeros(10)
            assert np.array_equal(rows[i, row], expected)
    assert np.array_equal(rows[:, N_CHANNELS], roll[5:75])


def test_the_metre_counts_from_the_start_of_the_piece() -> None:
    roll = noise(40)
    metre = frame_inputs(roll, echoes(roll), 17, 3)[:, -sum(METRE_SIZES) :]
    assert metre.sum() == 3 * len(METRE_SIZES)
    assert np.argmax(metre[:, :16], axis=1).tolist() == [1, 2, 3]
    assert np.argmax(metre[:, 16:], axis=1).tolist() == [5, 6, 7]
