"""What the library that finds numbers does not know: years, times, money, and what is better left in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from audio_lstm.speech.text.numeral_words import (
    AFTER_A_TIME,
    BEFORE_A_TIME,
    BEFORE_A_YEAR,
    COINS,
    CURRENCIES,
    DECADES,
    DIGITS,
    FRACTIONS,
    LARGE,
    MAGNITUDES,
    MONTHS,
    NAMED,
)

__all__ = ["RULES", "NumberText", "Numeral"]

_SMALL = 2  # cardinals to here, alone, are words: "one of them", "two men"
_THOUSANDS = 10_000  # from here on figures are parted by commas


@dataclass(frozen=True)
class Numeral:
    """Words that make a number."""

    start: int  # index of its first word
    end: int  # after the last one
    text: str  # in figures, with its sign or unit
    value: float = 0.0
    kind: str = "cardinal"  # or "ordinal", "digits", "year", "time": what other rules leave alone


@dataclass(frozen=True)
class NumberText:
    """Lower-case words, and whether each is parted from the one before."""

    words: tuple[str, ...]
    breaks: tuple[bool, ...]

    def at(self, place: int) -> str:
        """A word; "" outside, and across a break."""
        return self.words[place] if 0 <= place < len(self.words) else ""

    def after(self, place: int) -> str:
        """The word at a place if nothing parts it from the one before."""
        return self.at(place) if 0 <= place < len(self.words) and not self.breaks[place] else ""

    def before(self, place: int) -> str:
        """The word before a place if nothing parts them."""
        return self.at(place - 1) if 0 < place < len(self.words) and not self.breaks[place] else ""

    def joined(self, first: Numeral, second: Numeral) -> bool:
        """Whether one number follows another at once."""
        return first.end == second.start and not self.breaks[second.start]


def _bare_magnitudes(text: NumberText, numbers: list[Numeral]) -> list[Numeral]:
    """Make "a hundred and twenty" 120; "a thousand years", "several hundred" stay words."""
    kept: list[Numeral] = []
    for number in numbers:
        multiplies = bool(kept) and "." in kept[-1].text and text.joined(kept[-1], number)
        if number.kind == "cardinal" and text.at(number.start) in MAGNITUDES and not multiplies:
            unit = text.after(number.end) in (*CURRENCIES, "percent")
            if text.before(number.start) in ("a", "an") and (number.end - number.start > 1 or unit):
                number = replace(number, start=number.start - 1)
            else:
                continue
        kept.append(number)
    return kept


def _large(text: NumberText, numbers: list[Numeral]) -> list[Numeral]:
    """Write "two point five million" -> "2.5 million"; "two million three hundred thousand" -> "2,300,000"."""
    kept: list[Numeral] = []
    for number in numbers:
        last = text.words[number.end - 1]
        before = kept[-1] if kept else None
        bare = number.kind == "cardinal" and number.end - number.start == 1 and last in MAGNITUDES
        if bare and before and text.joined(before, number) and before.kind == "cardinal" and "." in before.text:
            value = before.value * MAGNITUDES[last]
            shown = f"{before.text} {last}" if last in LARGE else _figures(value)
            kept[-1] = replace(before, end=number.end, text=shown, value=value)
            continue
        if number.kind == "cardinal" and last in LARGE and number.value % MAGNITUDES[last] == 0:
            number = replace(number, text=f"{_figures(number.value / MAGNITUDES[last])} {last}")
        elif number.kind == "cardinal" and number.value >= _THOUSANDS and "." not in number.text:
            number = replace(number, text=_figures(number.value))
        kept.append(number)
    return kept


def _figures(value: float) -> str:
    if value != int(value):
        return f"{value:g}"
    return f"{int(value):,}" if value >= _THOUSANDS else str(int(value))


def _clock(text: NumberText, numbers: list[Numeral]) -> list[Numeral]:
    """Write "ten thirty a m" -> "10:30 a.m."; "three o'clock" -> "3 o'clock"; "at seven oh five" -> "7:05"."""
    kept: list[Numeral] = []
    place = 0
    while place < len(numbers):
        number = numbers[place]
        hour = number if number.kind == "cardinal" and 1 <= number.value <= 12 and number.value % 1 == 0 else None
        if hour is None:
            kept.append(number)
            place += 1
            continue
        minutes, end, used = "", hour.end, 1
        following = numbers[place + 1] if place + 1 < len(numbers) else None
        if text.after(end) in ("oh", "o") and following and following.start == end + 1 and following.value < 10:
            minutes, end, used = f"0{following.value:.0f}", following.end, 2
        elif following and text.joined(hour, following) and _is_minutes(following):
            minutes, end, used = f"{following.value:.0f}", following.end, 2
        shown = f"{hour.value:.0f}:{minutes}" if minutes else f"{hour.value:.0f}"
        half = text.after(end)
        if half in ("a", "p") and text.after(end + 1) == "m":
            kept.append(Numeral(hour.start, end + 2, f"{shown} {half}.m.", hour.value, "time"))
        elif half in ("am", "pm", "a.m", "p.m"):
            kept.append(Numeral(hour.start, end + 1, f"{shown} {half[0]}.m.", hour.value, "time"))
        elif half == "o'clock" and not minutes:
            kept.append(Numeral(hour.start, end + 1, f"{shown} o'clock", hour.value, "time"))
        elif minutes == "11" and hour.value == 9:
            kept.append(Numeral(hour.start, end, "9/11", kind="digits"))
        elif minutes and (text.before(hour.start) in BEFORE_A_TIME or text.after(end) in AFTER_A_TIME):
            kept.append(Numeral(hour.start, end, shown, hour.value, "time"))
        else:
            kept.append(number)
            used = 1
        place += used
    return kept


def _is_minutes(number: Numeral) -> bool:
    return number.kind == "cardinal" and 10 <= number.value <= 59 and number.value % 1 == 0


def _years(text: NumberText, numbers: list[Numeral]) -> list[Numeral]:
    """Write "nineteen eighty four" -> "1984", "nineteen oh five" -> "1905", "the eighteen nineties" -> "the 1890s"."""
    kept: list[Numeral] = []
    for number in numbers:
        before = kept[-1] if kept else None
        century = before if before and before.kind == "cardinal" and 10 <= before.value <= 20 else None
        if century and century.end - century.start == 1 and number.kind == "cardinal" and number.value % 1 == 0:
            oh = number.start == century.end + 1 and text.after(century.end) in ("oh", "o") and number.value < 10
            tens = text.joined(century, number) and 10 <= number.value <= 99 and number.end - number.start <= 2
            if (oh or tens) and not text.breaks[number.start] and _is_year(text, century, number):
                shown = f"{century.value:.0f}{number.value:02.0f}"
                kept[-1] = Numeral(century.start, number.end, shown, float(shown), "year")
                continue
        kept.append(number)
    result = []
    for number in kept:
        decade = DECADES.get(text.after(number.end))
        if (
            decade is not None
            and number.kind == "cardinal"
            and 10 <= number.value <= 20
            and number.end - number.start == 1
        ):
            shown = f"{number.value:.0f}{decade:02.0f}s"
            number = Numeral(number.start, number.end + 1, shown, number.value, "year")
        result.append(number)
    return result


def _is_year(text: NumberText, century: Numeral, number: Numeral) -> bool:
    """Whether two numbers are no time ("eleven ten") and not one after the other ("thirteen fourteen")."""
    if text.before(century.start) in BEFORE_A_YEAR:
        return True
    counts = number.value == century.value + 1 and century.value < 19
    return not counts and (century.value > 12 or number.value >= 60)


def _score(text: NumberText, numbers: list[Numeral]) -> list[Numeral]:
    """Write "five and twenty" as 25, which is how people used to say it."""
    kept: list[Numeral] = []
    for number in numbers:
        before = kept[-1] if kept else None
        if (
            before is not None
            and before.kind == number.kind == "cardinal"
            and before.end == number.start - 1
            and text.after(before.end) == "and"
            and not text.breaks[number.start]
            and 1 <= before.value <= 9
            and number.value in range(20, 100, 10)
            and number.end - number.start == 1
        ):
            value = before.value + number.value
            kept[-1] = Numeral(before.start, number.end, f"{value:.0f}", value)
        else:
            kept.append(number)
    return kept


def _names(text: NumberText, numbers: list[Numeral]) -> list[Numeral]:
    """Write "flight seven forty seven" -> "flight 747"."""
    kept: list[Numeral] = []
    for number in numbers:
        before = kept[-1] if kept else None
        if (
            before is not None
            and text.joined(before, number)
            and before.kind == number.kind == "cardinal"
            and before.value < 100
            and 10 <= number.value < 100
            and _is_named(text.before(before.start))
        ):
            kept[-1] = replace(before, end=number.end, text=f"{before.text}{number.text}", kind="digits")
        else:
            kept.append(number)
    return kept


def _units(text: NumberText, numbers: list[Numeral]) -> list[Numeral]:
    """Percent, money, and minus."""
    kept: list[Numeral] = []
    for number in numbers:
        before = kept[-1] if kept else None
        unit = text.after(number.end)
        if number.kind != "cardinal":
            kept.append(number)
        elif unit in COINS and before and before.kind == "money" and before.text[:1] in "$€" and number.value < 100:
            gap = number.start - before.end
            joins = gap == 0 or (gap == 1 and text.after(before.end) == "and")
            if joins and "." not in before.text and " " not in before.text:
                shown = f"{before.text}.{number.value:02.0f}"
                kept[-1] = replace(before, end=number.end + 1, text=shown)
            else:
                kept.append(replace(number, kind="unit"))
        elif unit == "percent":
            kept.append(replace(number, end=number.end + 1, text=f"{number.text} %", kind="unit"))
        elif unit == "per" and text.after(number.end + 1) == "cent":
            kept.append(replace(number, end=number.end + 2, text=f"{number.text} %", kind="unit"))
        elif unit in CURRENCIES:
            value = number.value
            amount = f"{int(value):,}" if " " not in number.text and value % 1 == 0 else number.text
            kept.append(replace(number, end=number.end + 1, text=f"{CURRENCIES[unit]}{amount}", kind="money"))
        elif unit in (*COINS, "degrees"):
            kept.append(replace(number, kind="unit"))
        else:
            kept.append(number)
        last = kept[-1]
        if last.kind == "unit" and text.before(last.start) == "minus":
            kept[-1] = replace(last, start=last.start - 1, text=f"-{last.text}")
    return kept


def _left_in_words(text: NumberText, numbers: list[Numeral]) -> list[Numeral]:
    """Without what is better read in words: "one of them", "a third", "two thirds", "six and a half", "the second"."""
    kept: list[Numeral] = []
    for place, number in enumerate(numbers):
        before, after = text.before(number.start), text.after(number.end)
        neighbours = [other for other in numbers[max(0, place - 1) : place + 2] if other is not number]
        alone = not any(_touch(text, number, other) for other in neighbours if other.kind == "cardinal")
        if number.kind == "ordinal":
            dated = before in MONTHS or after in MONTHS or (after == "of" and text.at(number.end + 1) in MONTHS)
            small = number.value <= _SMALL and not dated
            part = not dated and (before in ("a", "an", *DIGITS) or number.text.endswith("s")) and number.value < 20
            if small or part or (number.text == "32nd" and before in ("a", "every")):
                continue
        elif number.kind == "cardinal":
            fraction = after in FRACTIONS or (
                after == "and" and text.at(number.end + 1) in ("a", "one") and text.at(number.end + 2) in FRACTIONS
            )
            small = number.value <= _SMALL and alone and not _is_named(before)
            if fraction or (small and not _listed(text, kept, number)):
                continue
            pair = [other for other in neighbours if other.kind == "cardinal" and _touch(text, number, other)]
            if number.value < 10 and any(other.value < 10 for other in pair):
                continue  # "two three": somebody is looking for a word
        kept.append(number)
    return kept


def _touch(text: NumberText, first: Numeral, second: Numeral) -> bool:
    return text.joined(first, second) or text.joined(second, first)


def _is_named(before: str) -> bool:
    return before in NAMED or before.removesuffix("s") in NAMED


def _listed(text: NumberText, kept: Sequence[Numeral], number: Numeral) -> bool:
    """Whether a small number follows one in figures: "chapters one and two"."""
    return (
        bool(kept)
        and text.before(number.start) in ("and", "or", "to", "through")
        and kept[-1].end == number.start - 1
        and _is_named(text.before(kept[-1].start))
    )


RULES: tuple[Callable[[NumberText, list[Numeral]], list[Numeral]], ...] = (
    _bare_magnitudes,
    _large,
    _clock,
    _score,
    _years,
    _names,
    _units,
    _left_in_words,
)
