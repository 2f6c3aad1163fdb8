"""Constraints: they hold in every piece that is written under them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.chorale import ChoraleGrid
from audio_lstm.music.constraints import at_least_bars, exact_bars, exact_steps
from audio_lstm.music.events import EventVocabulary
from audio_lstm.music.rolls import RollFrames
from audio_lstm.music.sample import SamplingConfig, sample_tokens


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
