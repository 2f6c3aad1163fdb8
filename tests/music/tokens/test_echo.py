"""Echoes: found by the definition, from the past alone."""

from __future__ import annotations

import numpy as np

from audio_lstm.music.tokens.echo import ECHO_STEPS, N_LENGTHS, Echo, echo_columns


def test_a_repeat_is_foretold_once_eight_steps_agree() -> None:
    rng = np.random.default_rng(0)
    passage = rng.integers(3, 200, size=40 * 4)  # long and random: no accidental repeats of 32 cells
    tokens = np.concatenate([passage, passage])
    foretold, length = echo_columns(tokens, cells_per_step=4)
    begin, window = passage.size, ECHO_STEPS * 4
    assert not length[: begin + window].any()
    np.testing.assert_array_equal(foretold[begin + window :], tokens[begin + window :])
    n_steps = np.arange(window, passage.size) // 4
    expected = (n_steps >= 8).astype(int) + (n_steps >= 16) + (n_steps >= 32)
    np.testing.assert_array_equal(length[begin + window :], expected)
    assert length.max() == N_LENGTHS - 1


def test_an_echo_that_fails_ends() -> None:
    passage = np.arange(3, 3 + 48)
    tokens = np.concatenate([passage, passage[:40], [250], passage[41:]])
    foretold, length = echo_columns(tokens, cells_per_step=4)
    at = 48 + 40
    assert foretold[at] == passage[40]  # the copy that would have gone on
    assert not length[at + 1 :].any()
    assert not foretold[at + 1 :].any()


def test_a_passage_at_another_place_in_the_step_is_no_echo() -> None:
    passage = np.arange(3, 3 + 40)
    tokens = np.concatenate([passage, [250], passage])
    assert not echo_columns(tokens, cells_per_step=4)[1].any()
    assert echo_columns(tokens, cells_per_step=1)[1].any()


def test_columns_equal_the_tracker_and_ignore_the_future() -> None:
    rng = np.random.default_rng(1)
    tokens = np.tile(np.repeat(rng.integers(3, 5, size=(6, 4)), 4, axis=0).reshape(-1), 4)
    columns = echo_columns(tokens, cells_per_step=4)
    echo = Echo(cells_per_step=4)
    for t, token in enumerate(tokens.tolist()):
        assert (echo.token(), echo.length()) == tuple(columns[:, t])
        echo.push(token)
    for n in (0, 1, 50, 200):
        np.testing.assert_array_equal(echo_columns(tokens[:n], cells_per_step=4), columns[:, :n])
    assert columns[1].any()
