"""Inverse text normalisation: numbers that were said in words -> figures, as people write them.

    to_digits("TWENTY FIVE PERCENT".split())     # (Numeral(0, 3, "25 %"),)

text2num (MIT, by Allo-Media) finds cardinals, decimals and ordinals. What it lacks is added here: years, times,
telephone numbers, percent and money, "a hundred and twenty"; and what it would spoil is left in words: "no one",
"two thirds", "a thousand years", "a third".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from audio_lstm.errors import ConfigError
from audio_lstm.speech.text.numeral_rules import RULES, NumberText, Numeral
from audio_lstm.speech.text.numeral_words import DIGITS, MAGNITUDES, NUMBER_WORDS, REPEATS
from audio_lstm.speech.text.punctuation import spelt_out

__all__ = ["Letters", "Numbers", "Numeral", "check_choices", "joined_letters", "to_digits"]


Numbers = Literal["words", "digits"]
Letters = Literal["apart", "joined"]


def check_choices(numbers: str, letters: str) -> None:
    """Refuse what is no way to write numbers or letters.

    Args:
        numbers: Should be "words" or "digits".
        letters: Should be "apart" or "joined".

    Raises:
        ConfigError: If one is not.
    """
    if numbers not in ("words", "digits"):
        raise ConfigError(f"numbers must be 'words' or 'digits', got {numbers!r}")
    if letters not in ("apart", "joined"):
        raise ConfigError(f"letters must be 'apart' or 'joined', got {letters!r}")


def to_digits(words: Sequence[str], separated: Sequence[bool] | None = None) -> tuple[Numeral, ...]:
    """The numbers among words.

    Examples:
        >>> [number.text for number in to_digits("IN NINETEEN EIGHTY FOUR THE TWENTY FIRST OF MAY".split())]
        ['1984', '21st']

    Args:
        words: In whatever case, without marks.
        separated: Whether a mark or a pause parts each word from the one before; None: none does.

    Returns:
        The numbers in their order, none overlapping; words in none of them stay as they are.

    Raises:
        ValueError: If there are not as many values of separated as words.
    """
    if separated is not None and len(separated) != len(words):
        raise ValueError(f"expected {len(words)} values of separated, one a word, got {len(separated)}")
    lower = [word.lower() for word in words]
    breaks = [False] * len(words) if separated is None else list(separated)
    if not any(word in NUMBER_WORDS for word in lower):
        return ()
    text = NumberText(tuple(lower), tuple(breaks))
    numbers = _digit_runs(text)
    numbers = sorted([*numbers, *_found(text, numbers)], key=lambda number: number.start)
    for rule in RULES:
        numbers = rule(text, numbers)
    return tuple(numbers)


def joined_letters(words: Sequence[str]) -> tuple[Numeral, ...]:
    """Letters that were spelt one by one, as one word.

    Args:
        words: In whatever case.

    Returns:
        Each run of two single letters or more ("M U S I C"), as it is written together: "MUSIC".
    """
    edges = np.flatnonzero(np.diff(spelt_out(words).astype(np.int8), prepend=0, append=0)).tolist()
    runs = zip(edges[::2], edges[1::2], strict=True)
    return tuple(Numeral(begin, end, "".join(words[begin:end]).upper(), kind="letters") for begin, end in runs)


class _Token:
    """A word as text2num reads it."""

    def __init__(self, text: str, *, parted: bool) -> None:
        self._text, self._parted = text, parted

    def text(self) -> str:
        return self._text

    def nt_separated(self, previous: object) -> bool:
        return self._parted

    def not_a_number_part(self) -> bool:
        return False


def _found(text: NumberText, taken: Sequence[Numeral]) -> list[Numeral]:
    """What text2num finds between the numbers that are there already."""
    from text_to_num import find_numbers

    hidden = {place for number in taken for place in range(number.start, number.end)}
    tokens = [
        _Token("," if place in hidden or word in ("o", "oh") else word, parted=text.breaks[place])
        for place, word in enumerate(text.words)
    ]
    return [
        Numeral(each.start, each.end, each.text, each.value, "ordinal" if each.is_ordinal else "cardinal")
        for each in find_numbers(tokens, "en", threshold=0)
    ]


def _digit_runs(text: NumberText) -> list[Numeral]:
    """Three digits or more, one by one: telephone numbers, codes, rooms."""
    found = []
    place = 0
    while place < len(text.words):
        digits, end = _digits_from(text, place)
        is_time = len(digits) == 3 and digits[1] == "0" and digits[0] != "0" and _is_timed(text, place, end)
        if len(digits) >= 3 and end - place >= 2 and not is_time and not _counts(text.words[place:end]):
            found.append(Numeral(place, end, _grouped(digits), kind="digits"))
        place = max(end, place + 1)
    return found


def _is_timed(text: NumberText, start: int, end: int) -> bool:
    half = text.after(end) in ("a", "p") and text.after(end + 1) == "m"
    return half or text.after(end) in ("am", "pm") or text.before(start) == "at"


def _digits_from(text: NumberText, place: int) -> tuple[str, int]:
    digits = ""
    start = place
    while place < len(text.words) and (place == start or not text.breaks[place]):
        word = text.words[place]
        if word in REPEATS and text.after(place + 1) in DIGITS:
            digits += str(DIGITS[text.words[place + 1]]) * REPEATS[word]
            place += 2
        elif word in DIGITS:
            digits += str(DIGITS[word])
            place += 1
        else:
            break
    if digits and text.after(place) in (*MAGNITUDES, "point", "percent", "o'clock") and place > start:
        place, digits = place - 1, digits[:-1]  # the last one belongs to what follows
    return digits, place


def _counts(words: Sequence[str]) -> bool:
    """Whether somebody counts: one two three."""
    values = [DIGITS.get(word, -9) for word in words]
    return all(second - first == 1 for first, second in pairwise(values)) and values[0] == 1


def _grouped(digits: str) -> str:
    """Long numbers in the groups of telephones and cards."""
    sizes = {7: (3, 4), 8: (4, 4), 10: (3, 3, 4), 11: (5, 6), 16: (4, 4, 4, 4)}.get(len(digits), (len(digits),))
    parts, begin = [], 0
    for size in sizes:
        parts.append(digits[begin : begin + size])
        begin += size
    return " ".join(parts)
