"""Subtitle cues from timed words: when each is on the screen and where its lines break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio_lstm.speech.hearing.transcript import Transcript

__all__ = ["Cue", "break_lines", "cues", "one_line", "whole_units"]

# The conventions of broadcasters (BBC Subtitle Guidelines; Netflix Timed Text Style Guide, English).
LINE_CHARACTERS = 42
LONGEST_MS = 7000
SHORTEST_MS = 1000  # where the next cue leaves that much room
READING_SPEED = 17.0  # characters a second, spaces included; a cue lingers for it where there is room
FLICKER_MS = 200  # two cues closer than this touch, or the screen would blink
PAUSE_MS = 1000  # a cue never spans a pause as long as this
BREATH_MS = 300  # a pause as long as this is a good place to break
# In written text a cue ends with a sentence, else after a comma or its like, else at a pause.
TORN_SENTENCE, TORN_CLAUSE = 0.8, 0.3  # the price of ending a cue within a sentence, and after a comma


@dataclass(frozen=True)
class Cue:
    """What is on the screen for a while."""

    start_ms: int
    end_ms: int  # above start_ms, not above the next cue's start_ms
    lines: tuple[str, ...]  # one or two


@dataclass(frozen=True)
class _Token:
    """A word as it is shown."""

    text: str
    start_ms: int
    end_ms: int


def cues(transcript: Transcript) -> tuple[Cue, ...]:
    """The words of a transcript as subtitles.

    At most two lines of 42 characters (a longer word stands alone on its line), at most 7 s, at least 1 s and a
    reading speed of 17 characters a second where there is room. Cues never overlap, never start before their first
    word, and either touch or are 0.2 s apart. Where to break is chosen over all words at once (dynamic programming):
    few, well-filled, readable cues that end with a sentence, else after a comma, else where the speaker pauses.

    Args:
        transcript: Of any length; words whose times overlap are moved apart.

    Returns:
        The cues in order; none where nothing is said.
    """
    tokens = _tokens(transcript)
    if not tokens:
        return ()
    limit = max(tokens[-1].end_ms, round(1000 * transcript.duration_s))
    starts = _first_words(tokens, limit)
    shown = []
    for first, after in zip(starts, [*starts[1:], len(tokens)], strict=True):
        words = [token.text for token in tokens[first:after]]
        start = tokens[first].start_ms
        free_until = tokens[after].start_ms if after < len(tokens) else None
        end = _end_ms(start, tokens[after - 1].end_ms, len(" ".join(words)), free_until, limit)
        shown.append(Cue(start, end, break_lines(words)))
    return tuple(shown)


def break_lines(words: Sequence[str]) -> tuple[str, ...]:
    """One line where it is enough, else two of lengths as equal as possible, the upper one rather the shorter.

    Args:
        words: At least one; together they fit two lines.

    Returns:
        The lines.
    """
    text = " ".join(words)
    if len(text) <= LINE_CHARACTERS or len(words) == 1:
        return (text,)
    pairs = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))]
    fitting = [pair for pair in pairs if _fits(pair[0]) and _fits(pair[1])]
    return min(fitting, key=lambda pair: (abs(len(pair[0]) - len(pair[1])), len(pair[0])))


def one_line(text: str) -> str:
    """A text without line feeds and tabs, which would break the formats.

    Args:
        text: Any text.

    Returns:
        The same with single spaces, none at the ends.
    """
    return " ".join(text.split())


def whole_units(
    spans: Iterable[tuple[float, float]], units_per_s: int, end: int | None = None
) -> list[tuple[int, int]]:
    """Times as whole units that rise: every span lasts a unit at least and none overlaps the one before.

    Spans that are in order, apart and not empty are only rounded.

    Args:
        spans: Starts and ends in seconds.
        units_per_s: 1000 gives milliseconds.
        end: No span ends after this unit; must leave a unit for each. None: no limit.

    Returns:
        Starts and ends.

    Raises:
        ValueError: If a time is not finite.
    """
    given = list(spans)
    result: list[tuple[int, int]] = []
    earliest = 0
    for position, (start_s, end_s) in enumerate(given):
        if not -1e12 < start_s < 1e12 or not -1e12 < end_s < 1e12:
            raise ValueError(f"times must be finite, got {start_s} to {end_s} s")
        start, stop = round(start_s * units_per_s), round(end_s * units_per_s)
        if end is not None:
            last = end - (len(given) - 1 - position)  # leaves a unit for each that follows
            start, stop = min(start, last - 1), min(stop, last)
        start = max(start, earliest)
        earliest = max(stop, start + 1)
        result.append((start, earliest))
    return result


def _tokens(transcript: Transcript) -> list[_Token]:
    words = [word for word in transcript.words if word.text.strip()]
    times = whole_units(((word.start_s, word.end_s) for word in words), 1000)
    return [_Token(one_line(word.text), *span) for word, span in zip(words, times, strict=True)]


def _fits(line: str) -> bool:
    return len(line) <= LINE_CHARACTERS or " " not in line


def _end_ms(start: int, spoken_until: int, n_characters: int, free_until: int | None, limit: int) -> int:
    """When a cue goes: late enough to be read, early enough for the next one."""
    end = max(spoken_until, start + SHORTEST_MS, start + round(1000 * n_characters / READING_SPEED))
    end = min(end, start + LONGEST_MS, limit if free_until is None else free_until)
    if free_until is not None and 0 < free_until - end < FLICKER_MS:
        end = free_until if free_until - start <= LONGEST_MS else free_until - FLICKER_MS
    return end


def _first_words(tokens: Sequence[_Token], limit: int) -> list[int]:
    """Which words begin a cue, such that the sum of `_cost` is least."""
    n = len(tokens)
    characters = [0, *accumulate(len(token.text) + 1 for token in tokens)]  # of the words before, a space after each
    line_ends = list(_line_ends(tokens, characters))
    best = [0.0] + [float("inf")] * n  # least cost of showing the first i words
    came_from = [0] * (n + 1)
    is_written = any(token.text[-1] in ".?!" for token in tokens)
    for first in range(n):
        last_line = line_ends[first]
        stop = line_ends[last_line] if last_line < n else n
        for after in range(first + 1, stop + 1):
            if after > first + 1 and not _may_join(tokens, first, after):
                break
            n_characters = characters[after] - characters[first] - 1
            cost = best[first] + _cost(tokens, first, after, n_characters, limit, is_written=is_written)
            if cost < best[after]:
                best[after], came_from[after] = cost, first
    starts = []
    after = n
    while after:
        after = came_from[after]
        starts.append(after)
    return starts[::-1]


def _line_ends(tokens: Sequence[_Token], characters: Sequence[int]) -> Iterator[int]:
    """For each word: the first word after it that does not fit its line."""
    after = 0
    for first in range(len(tokens)):
        after = max(after, first + 1)
        while after < len(tokens) and characters[after + 1] - characters[first] - 1 <= LINE_CHARACTERS:
            after += 1
        yield after


def _may_join(tokens: Sequence[_Token], first: int, after: int) -> bool:
    """Whether the word before `after` may stand in the cue that begins with `first`."""
    pause = tokens[after - 1].start_ms - tokens[after - 2].end_ms
    spoken = tokens[after - 1].end_ms - tokens[first].start_ms
    return pause < PAUSE_MS and spoken <= LONGEST_MS - FLICKER_MS  # so that it may touch the next


def _cost(
    tokens: Sequence[_Token], first: int, after: int, n_characters: int, limit: int, *, is_written: bool
) -> float:
    """How bad a cue of the words first..after - 1 is; 1 is an ordinary one."""
    start, end = tokens[first].start_ms, tokens[after - 1].end_ms
    free_until = tokens[after].start_ms if after < len(tokens) else limit
    room_ms = max(1, min(free_until - start, LONGEST_MS))
    hurry = max(0.0, 1000 * n_characters / room_ms / READING_SPEED - 1)
    flash = max(0.0, 1 - room_ms / SHORTEST_MS)
    scraps = max(0.0, 1 - n_characters / LINE_CHARACTERS) ** 2
    torn = max(0.0, 1 - (free_until - end) / BREATH_MS) if after < len(tokens) else 0.0
    if is_written and after < len(tokens):
        ending = tokens[after - 1].text[-1]
        torn = 0.0 if ending in ".?!" else TORN_CLAUSE if ending in ",;:–" else TORN_SENTENCE + 0.7 * torn
    return 1 + min(hurry, 3.0) + 2 * flash + 0.5 * scraps + torn
