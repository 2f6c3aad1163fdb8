"""Where the bars of a score begin and end, as its time signatures say."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from audio_lstm.errors import ScoreError
from audio_lstm.music.score import Score, TimeSignature

__all__ = ["MAX_BARS", "Bar", "score_bars"]

MAX_BARS = 10_000
"""More than these are not drawn: half a day of music, or a score with a note after years of silence."""


@dataclass(frozen=True)
class Bar:
    """One bar."""

    number: int  # counted from 1; a pickup is 0
    start_ticks: int
    end_ticks: int  # where the next one starts
    metre: TimeSignature  # in force; a pickup, or a bar that a change of metre cuts, is shorter than it says

    @property
    def is_pickup(self) -> bool:
        """Whether it leads into the first whole bar."""
        return self.number == 0


def score_bars(score: Score) -> tuple[Bar, ...]:
    """All bars up to the end of the last note; at least one.

    A first time signature that holds for one bar, shorter than the next signature's bars and of the same unit, is
    how MIDI files write a pickup; the bar then belongs to the metre that follows. A change of metre starts a bar.

    Args:
        score: any score.

    Returns:
        The bars, which touch.

    Raises:
        ScoreError: there are more than `MAX_BARS`.
    """
    metres = list(score.time_signatures)
    if not metres or metres[0].tick > 0:
        metres.insert(0, TimeSignature(0, 4, 4))
    end = max(score.end_ticks, 1)
    metres = [metre for metre in metres if metre.tick < end]
    spans: list[tuple[int, int, TimeSignature]] = []
    for index, metre in enumerate(metres):
        stop = metres[index + 1].tick if index + 1 < len(metres) else None
        length = Fraction(4 * metre.numerator * score.ticks_per_quarter, metre.denominator)
        n_bars = -(-((stop or end) - metre.tick) // length)
        if len(spans) + n_bars > MAX_BARS:
            raise ScoreError(
                f"the piece has more than {MAX_BARS:,} bars, too many to write down; cut it, or check its times"
            )
        starts = [metre.tick + round(number * length) for number in range(n_bars + 1)]
        if stop is not None:
            starts[-1] = stop
        spans += [(first, last, metre) for first, last in pairwise(starts) if last > first]
    pickup = len(metres) > 1 and _is_pickup(spans[0], metres)
    return tuple(
        Bar(number + (not pickup), first, last, metres[1] if pickup and not number else metre)
        for number, (first, last, metre) in enumerate(spans)
    )


def _is_pickup(first: tuple[int, int, TimeSignature], metres: list[TimeSignature]) -> bool:
    metre, following = metres[:2]
    whole_bar = first[1] == following.tick
    return whole_bar and metre.denominator >= following.denominator and metre.bar_quarters < following.bar_quarters
