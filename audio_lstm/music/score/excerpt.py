"""Some bars of a score by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature

__all__ = ["cut_bars", "moved_to", "span_of_bars"]

_Event = TypeVar("_Event", Tempo, TimeSignature, KeySignature)


def span_of_bars(score: Score, bars: tuple[int, int], name: str = "the piece") -> tuple[int, int]:
    """The tick at which the first of some bars begins, and that at which the last ends.

    Args:
        score: Any.
        bars: The first and the last, counted from 1 (0 is a pickup, where there is one).
        name: What messages call the score.

    Returns:
        The two ticks.

    Raises:
        ConfigError: There are no such bars, or the last comes before the first.
    """
    by_number = {bar.number: bar for bar in score_bars(score)}
    first, last = bars
    if first > last:
        raise ConfigError(f"{name}: the bars {first}-{last} are reversed; write {last}-{first}")
    if first not in by_number or last not in by_number:
        raise ConfigError(
            f"{name}: its bars are {min(by_number)} to {max(by_number)}; expected the first and the last of some of "
            f"them, got {first}-{last}"
        )
    return by_number[first].start_ticks, by_number[last].end_ticks


def cut_bars(score: Score, bars: tuple[int, int], name: str = "the piece") -> Score:
    """Some bars of a score by themselves, moved to the beginning.

    Args:
        score: Any.
        bars: As for `span_of_bars`.
        name: What messages call the score.

    Returns:
        The notes that begin in those bars, cut at their end, with the metres, keys and tempi that hold there.
    """
    start, stop = span_of_bars(score, bars, name)
    inside = (score.notes["start_ticks"] >= start) & (score.notes["start_ticks"] < stop)
    notes = score.notes[inside].copy()
    notes["duration_ticks"] = np.minimum(notes["duration_ticks"], stop - notes["start_ticks"])
    notes["start_ticks"] -= start
    return replace(
        score,
        notes=notes,
        tempi=moved_to(score.tempi, start, stop),
        time_signatures=moved_to(score.time_signatures, start, stop),
        key_signatures=moved_to(score.key_signatures, start, stop),
    )


def moved_to(events: tuple[_Event, ...], start: int, stop: int) -> tuple[_Event, ...]:
    """Those that hold in a stretch of a score, as it begins by itself; of several on a tick the last counts.

    Args:
        events: Sorted by tick.
        start: Where the stretch begins: the new tick 0.
        stop: Where it ends.

    Returns:
        The same events at their new ticks.
    """
    return tuple(replace(event, tick=max(event.tick - start, 0)) for event in events if event.tick < stop)
