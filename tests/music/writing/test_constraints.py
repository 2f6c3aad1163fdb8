"""Constraints: they hold in every piece that is written under them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.rolls import RollFrames
from audio_lstm.music.writing.constraints import (
    at_least_bars,
    chorale_rules,
    exact_bars,
    exact_steps,
    without_freezing,
    without_parallels,
)
from audio_lstm.music.writing.sample import SamplingConfig, sample_tokens


def uniform(columns: NDArray[np.int64], state: int | None) -> tuple[NDArray[np.float32], int]:
    return np.zeros((len(columns), ChoraleGrid().vocabulary_size), dtype=np.float32), 0


@pytest.mark.parametrize("n_steps", [1, 16, 33])
def test_chorales_have_exactly_the_length_asked_for(n_steps: int) -> None:
    config = SamplingConfig(max_tokens=4 * n_steps + 1)
    takes = sample_tokens(uniform, ChoraleGrid(), n_takes=4, seed=0, config=config, mask=exact_steps(n_steps))
    for take in takes:
        assert ChoraleGrid().decode(take).shape == (n_steps, 4)
        assert take.size == 4 * n_steps + 1


def test_no_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_steps must be >= 1, got 0"):
        exact_steps(0)


def test_another_representation_is_refused() -> None:
    with pytest.raises(ConfigError, match="exact_steps counts the steps of chorales, not those of RollCursor"):
        exact_steps(4)(RollFrames().cursor(1))


@pytest.mark.parametrize("n_bars", [1, 3])
def test_chorales_have_exactly_the_bars_asked_for(n_bars: int) -> None:
    takes = sample_tokens(uniform, ChoraleGrid(), n_takes=4, seed=0, mask=exact_bars(ChoraleGrid(), n_bars))
    assert [ChoraleGrid().decode(take).shape for take in takes] == [(16 * n_bars, 4)] * 4


@pytest.mark.parametrize("n_bars", [1, 2, 5])
def test_event_pieces_have_exactly_the_bars_asked_for(small_events: EventVocabulary, n_bars: int) -> None:
    def step(columns: NDArray[np.int64], state: int | None) -> tuple[NDArray[np.float32], int]:
        return np.zeros((len(columns), small_events.vocabulary_size), dtype=np.float32), 0

    takes = sample_tokens(step, small_events, n_takes=16, seed=0, mask=exact_bars(small_events, n_bars))
    lengths = set()
    for take in takes:
        assert take[-1] == small_events.end
        assert int((take == small_events.bar).sum()) == n_bars
        small_events.decode(take)
        lengths.add(len(take))
    assert len(lengths) > 8  # pieces end at different times, so done rows were kept beside live ones


def test_no_bars_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_bars must be >= 1, got 0"):
        exact_bars(ChoraleGrid(), 0)


def test_bars_of_a_roll_are_refused() -> None:
    with pytest.raises(ConfigError, match="pieces of kind 'roll' have no bars to count; leave bars out"):
        exact_bars(RollFrames(), 4)


def test_the_bars_of_events_are_not_counted_in_a_chorale(small_events: EventVocabulary) -> None:
    with pytest.raises(ConfigError, match="this mask counts the bars of events, not those of ChoraleCursor"):
        exact_bars(small_events, 4)(ChoraleGrid().cursor(1))


@pytest.mark.parametrize("n_bars", [1, 3])
def test_pieces_do_not_end_before_the_bars_asked_for(small_events: EventVocabulary, n_bars: int) -> None:
    chorales = sample_tokens(uniform, ChoraleGrid(), n_takes=8, seed=0, mask=at_least_bars(ChoraleGrid(), n_bars))
    lengths = [len(take) // 4 for take in chorales]
    assert min(lengths) >= 16 * n_bars
    assert len(set(lengths)) > 1  # they end where they like after that

    def step(columns: np.ndarray, state: None) -> tuple[np.ndarray, None]:
        return np.zeros((len(columns), small_events.vocabulary_size), np.float32), None

    pieces = sample_tokens(step, small_events, n_takes=16, seed=0, mask=at_least_bars(small_events, n_bars))
    assert min(int((piece == small_events.bar).sum()) for piece in pieces) >= n_bars


def test_at_least_bars_needs_bars() -> None:
    with pytest.raises(ConfigError, match="n_bars must be >= 1, got 0"):
        at_least_bars(ChoraleGrid(), 0)
    with pytest.raises(ConfigError, match="pieces of kind 'roll' have no bars to count"):
        at_least_bars(RollFrames(), 4)


def count_parallels(grid: NDArray[np.int64]) -> int:
    """Pairs of voices that move in parallel fifths or octaves, counted without the cursor."""
    n_parallels = 0
    for high in range(4):
        for low in range(high + 1, 4):
            for before, after in itertools.pairwise(grid[:, [high, low]]):
                sounding = min(*before, *after) >= 0
                parallel = before[0] - before[1] == after[0] - after[1] and (before[0] - before[1]) % 12 in (0, 7)
                n_parallels += bool(sounding and parallel and before[0] != after[0])
    return n_parallels


@pytest.mark.parametrize("order", ["SATB", "BTAS", "TSBA"])
def test_no_fifths_or_octaves_in_parallel_whatever_the_order(order: str) -> None:
    grid = ChoraleGrid(order=order, low=58, high=65)  # so few pitches that parallels abound

    def step(columns: NDArray[np.int64], state: None) -> tuple[NDArray[np.float32], None]:
        return np.zeros((len(columns), grid.vocabulary_size), np.float32), None

    free = sample_tokens(step, grid, n_takes=4, seed=0, mask=exact_steps(256))
    assert sum(count_parallels(grid.decode(take)) for take in free) > 40
    limit = exact_steps(256)
    kept = sample_tokens(step, grid, n_takes=4, seed=0, mask=lambda cursor: limit(cursor) & without_parallels(cursor))
    assert [count_parallels(grid.decode(take)) for take in kept] == [0] * 4


def test_no_chord_stands_for_more_than_a_bar() -> None:
    def stubborn(columns: NDArray[np.int64], state: None) -> tuple[NDArray[np.float32], None]:
        logits = np.zeros((len(columns), ChoraleGrid().vocabulary_size), np.float32)
        logits[np.arange(len(columns)), columns[:, 3]] = 20.0  # lag_4: hold whatever sounds
        return logits, None

    def longest_chord(take: NDArray[np.int64]) -> int:
        changes = (np.diff(ChoraleGrid().decode(take), axis=0) != 0).any(axis=1)
        return int(np.diff(np.flatnonzero(np.concatenate([[True], changes, [True]]))).max())

    limit = exact_steps(100)
    frozen = sample_tokens(stubborn, ChoraleGrid(), n_takes=2, seed=0, mask=limit)
    assert [longest_chord(take) for take in frozen] == [100, 100]
    moving = sample_tokens(
        stubborn, ChoraleGrid(), n_takes=2, seed=0, mask=lambda cursor: limit(cursor) & without_freezing(cursor)
    )
    assert [longest_chord(take) for take in moving] == [16, 16]


def test_all_rules_hold_together_and_every_voice_sings() -> None:
    limit = exact_steps(64)
    takes = sample_tokens(
        uniform, ChoraleGrid(), n_takes=4, seed=0, mask=lambda cursor: limit(cursor) & chorale_rules(cursor)
    )
    for take in takes:
        grid = ChoraleGrid().decode(take)
        assert grid.min() >= 0
        assert count_parallels(grid) == 0
    free = sample_tokens(uniform, ChoraleGrid(), n_takes=4, seed=0, mask=limit)
    assert min(ChoraleGrid().decode(take).min() for take in free) == -1


def test_rolls_are_left_alone() -> None:
    cursor = RollFrames().cursor(2)
    np.testing.assert_array_equal(chorale_rules(cursor), cursor.legal())
