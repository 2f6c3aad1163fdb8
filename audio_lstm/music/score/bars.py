"""Where the bars of a score begin and end, as its time signatures say; and signatures that say where bars are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.score import Score, TimeSignature

__all__ = ["MAX_BARS", "Bar", "PageBar", "score_bars", "signatures_of_bars", "signatures_to_midi"]

MAX_BARS = 10_000
"""More than these are not drawn: half a day of music, or a score with a note after years of silence."""

_MAX_NUMERATOR = 255


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


@dataclass(frozen=True)
class PageBar:
    """A bar between two bar lines of a page, as it is played."""

    start_ticks: int
    end_ticks: int  # where its bar line stands
    metre: tuple[int, int] | None  # the signature in force; None: the page has none, and each bar is as long as it is
    goes_on: bool = False  # no bar of its own, but more of the one before, as behind a repeat sign within a bar


def score_bars(score: Score) -> tuple[Bar, ...]:
    """All bars up to the end of the last note; at least one.

    Examples:
        >>> import audio_lstm
        >>> len(audio_lstm.score_bars(audio_lstm.compose(seed=1, bars=8).score))
        8

    A signature starts a bar. A first bar that the second signature cuts short is a pickup. So is a first signature
    that holds for one bar, shorter than the next signature's bars and of the same unit, as MIDI files write it; the bar
    then belongs to the metre that follows.

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
        length = _bar_ticks(metre.numerator, metre.denominator, score.ticks_per_quarter)
        n_bars = -(-((stop or end) - metre.tick) // length)
        if len(spans) + n_bars > MAX_BARS:
            raise ScoreError(
                f"the piece has more than {MAX_BARS:,} bars, too many to write down; cut it, or check its times"
            )
        starts = [metre.tick + round(number * length) for number in range(n_bars + 1)]
        if stop is not None:
            starts[-1] = stop
        spans += [(first, last, metre) for first, last in pairwise(starts) if last > first]
    pickup_metre = _pickup_metre(spans[0], metres, score.ticks_per_quarter)
    return tuple(
        Bar(number + (not pickup_metre), first, last, metre if number else pickup_metre or metre)
        for number, (first, last, metre) in enumerate(spans)
    )


def signatures_of_bars(bars: Iterable[PageBar], ticks_per_quarter: int) -> tuple[TimeSignature, ...]:
    """The time signatures from which `score_bars` finds the bars of a page again.

    Where bars are as long as their metre says, these are the signatures of the page. Behind a shorter bar the metre is
    repeated; a longer one gets a metre of its own length, if there is one.

    Args:
        bars: those of the page, which touch, in the order in which they are played.
        ticks_per_quarter: of the score.

    Returns:
        The signatures.
    """
    found: list[TimeSignature] = []
    for bar in bars:
        length = bar.end_ticks - bar.start_ticks
        if length <= 0:
            continue
        top, bottom = bar.metre or _metre_of(length, ticks_per_quarter, 4) or (4, 4)
        if length > _bar_ticks(top, bottom, ticks_per_quarter):
            top, bottom = _metre_of(length, ticks_per_quarter, bottom) or (top, bottom)
        full = _bar_ticks(top, bottom, ticks_per_quarter)
        if found and (found[-1].numerator, found[-1].denominator) == (top, bottom):
            since_bar_line = (bar.start_ticks - found[-1].tick) % full
            if since_bar_line == 0 or (bar.goes_on and since_bar_line + length <= full):
                continue
        found.append(TimeSignature(bar.start_ticks, top, bottom))
    return tuple(found)


def signatures_to_midi(signatures: Sequence[TimeSignature], ticks_per_quarter: int) -> tuple[TimeSignature, ...]:
    """Those of a page as MIDI files have them: sequencers begin bars where the metre before is full.

    Args:
        signatures: sorted by tick.
        ticks_per_quarter: of the score.

    Returns:
        The same, but that a pickup has a metre of its own length, if there is one.
    """
    if len(signatures) > 1 and signatures[0].tick == 0:
        first, following = signatures[:2]
        if following.tick < _bar_ticks(first.numerator, first.denominator, ticks_per_quarter):
            own = _metre_of(following.tick, ticks_per_quarter, following.denominator)
            return (TimeSignature(0, *own) if own else first, *signatures[1:])
    return tuple(signatures)


def _bar_ticks(numerator: int, denominator: int, ticks_per_quarter: int) -> Fraction:
    return Fraction(4 * numerator * ticks_per_quarter, denominator)


def _metre_of(length: int, ticks_per_quarter: int, least_denominator: int) -> tuple[int, int] | None:
    """The metre of that length with the lowest denominator."""
    for denominator in (1, 2, 4, 8, 16, 32, 64, 128):
        numerator = Fraction(length * denominator, 4 * ticks_per_quarter)
        if denominator >= least_denominator and numerator.denominator == 1 and numerator <= _MAX_NUMERATOR:
            return int(numerator), denominator
    return None


def _pickup_metre(
    first: tuple[int, int, TimeSignature], metres: list[TimeSignature], ticks_per_quarter: int
) -> TimeSignature | None:
    """The metre that the first bar is a part of, if it is a pickup."""
    if len(metres) < 2 or first[1] != metres[1].tick:
        return None
    metre, following = metres[:2]
    if first[1] - first[0] < int(_bar_ticks(metre.numerator, metre.denominator, ticks_per_quarter)):
        return metre
    shorter = metre.denominator >= following.denominator and metre.bar_quarters < following.bar_quarters
    return following if shorter else None
