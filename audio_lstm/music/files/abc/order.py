"""In which order the symbols of an ABC voice are played: repeats, and endings for each time round.

A repeat goes back to its "|:", or to where the repeat before it ended. What stands under "1,3" is played the first and
the third time. A ":|" behind the last of several endings, as many write it, does not repeat once more; if that ending
would be longer than the first one, it stops after as many bars, and the ":|" repeats what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from audio_lstm.errors import ScoreError

__all__ = ["play_order"]


@dataclass(frozen=True)
class _Ending:
    """What is played in some rounds only."""

    rounds: tuple[int, ...]
    first: int
    stop: int


@dataclass(frozen=True)
class _Section:
    """Music that is repeated as one."""

    start: int
    common_stop: int
    rounds: tuple[int, ...]
    endings: tuple[_Ending, ...]
    stop: int  # where the next section begins


def play_order(symbols: Sequence[Any], *, limit: int) -> list[int]:
    """The places of the symbols of a voice, in the order of playing.

    Args:
        symbols: Sounds, bar lines (`AbcBar`) and others.
        limit: More places than this are refused.

    Returns:
        Places in `symbols`.

    Raises:
        ScoreError: The repeats make it too long.
    """
    order: list[int] = []
    place = 0
    while place < len(symbols):
        section = _section(symbols, place)
        for number in section.rounds:
            order += range(section.start, section.common_stop)
            for ending in section.endings:
                if number in ending.rounds:
                    order += range(ending.first, ending.stop)
            if len(order) > limit:
                raise ScoreError(f"the ABC tune has more than {limit} notes; cut it")
        place = section.stop
    return order


def _section(symbols: Sequence[Any], start: int) -> _Section:
    """The section that begins at a place, up to and with the bar line that ends it."""
    before = symbols[start - 1] if start else None
    n_plays = before.n_starts + 1 if before is not None and _is_bar(before) and before.n_starts else 2
    endings: list[_Ending] = []
    opened: _Ending | None = None
    for place in range(start, len(symbols)):
        bar = symbols[place]
        if not _is_bar(bar):
            continue
        after = place + 1
        seen = {number for ending in (*endings, *([opened] if opened else [])) for number in ending.rounds}
        if not seen and bar.n_ends:
            return _Section(start, after, tuple(range(1, max(n_plays, bar.n_ends + 1) + 1)), (), after)
        if not seen and (bar.n_starts or (start and bar.is_double and not bar.endings)):
            return _Section(start, after, (1,), (), after)
        goes_on = _next_endings(symbols, place) - seen
        if opened and (bar.endings or bar.n_ends or bar.n_starts or (bar.is_double and endings and not goes_on)):
            early = _stop_like(symbols, endings[0], opened, after) if endings and not goes_on else after
            if early < after:  # the repeat, or the ending, belongs to another section
                return _closed(start, [*endings, replace(opened, stop=early)], early)
            endings.append(replace(opened, stop=after))
            opened = None
            if not goes_on:
                return _closed(start, endings, after, repeated=bool(bar.n_ends))
        if bar.endings:
            opened = _Ending(bar.endings, after, after)
    if opened:
        endings.append(replace(opened, stop=len(symbols)))
    if not endings:
        return _Section(start, len(symbols), (1,), (), len(symbols))
    return _closed(start, endings, len(symbols))


def _closed(start: int, endings: list[_Ending], stop: int, *, repeated: bool = False) -> _Section:
    """A section with its endings; after a single one that is repeated there is one more round without any."""
    rounds = sorted({number for ending in endings for number in ending.rounds})
    if repeated and len(endings) == 1:
        rounds.append(rounds[-1] + 1)
    return _Section(start, endings[0].first, tuple(rounds), tuple(endings), stop)


def _stop_like(symbols: Sequence[Any], first: _Ending, last: _Ending, stop: int) -> int:
    """Where a last ending stops that nothing ends but a repeat further on: after as many bars as the first one has."""
    n_bars = sum(1 for symbol in symbols[first.first : first.stop] if _is_bar(symbol))
    lines = [place for place in range(last.first, stop) if _is_bar(symbols[place])]
    return lines[n_bars - 1] + 1 if 0 < n_bars < len(lines) else stop


def _next_endings(symbols: Sequence[Any], place: int) -> set[int]:
    """The rounds of the ending that begins at a bar line, or right behind it."""
    for symbol in symbols[place:]:
        if not _is_bar(symbol):
            if hasattr(symbol, "notes"):
                return set()
            continue
        if symbol.endings:
            return set(symbol.endings)
        if symbol.n_starts:
            return set()
    return set()


def _is_bar(symbol: Any) -> bool:
    return hasattr(symbol, "n_ends")
