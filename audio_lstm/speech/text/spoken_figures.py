"""The ways to say a word of figures that means one thing: money, a time, a date, a fraction, a telephone number."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import product

from audio_lstm.speech.text.spoken_numbers import (
    NUMBER,
    cardinals,
    decades,
    digit_forms,
    is_year,
    number_forms,
    ordinals,
    said,
)
from audio_lstm.speech.text.spoken_words import CURRENCIES, MAGNITUDES, MONTHS

__all__ = [
    "MAX_FORMS",
    "MONEY",
    "code_forms",
    "day_forms",
    "figure_forms",
    "first_products",
    "fraction_forms",
    "is_group",
]

MAX_FORMS = 32  # of a word
_SIGN = re.compile("|".join(re.escape(sign) for sign in sorted(CURRENCIES, key=len, reverse=True)))
MONEY = re.compile(rf"(?:({_SIGN.pattern})({NUMBER})|({NUMBER})({_SIGN.pattern}))([A-Za-z]*)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?([ap]\.?m\.?)?", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,4})/(\d{1,2})/(\d{2,4})")
_ORDINAL = re.compile(r"(\d[\d,]*)(?:st|nd|rd|th)", re.IGNORECASE)
_DECADE = re.compile(r"(\d+)'?s")
_FRACTION = re.compile(r"(\d+)[/⁄](\d+)")
_RANGE = re.compile(rf"({NUMBER})-({NUMBER})(%?)")
_DOTTED = re.compile(r"\d+(?:\.\d+){2,}")
_DIGITS = re.compile(r"\+?\(?\d{1,4}\)?(?:[-.]\d{2,})*")  # a group of a telephone number
_HEIGHT = re.compile(r"(\d+)'(\d+)")


def figure_forms(core: str, before: str, after: str) -> list[str]:
    """The ways to say a word that is one thing as a whole.

    Args:
        core: A word without the punctuation around it.
        before: The word before it, likewise; "": there is none.
        after: The word after it.

    Returns:
        The ways, the likeliest first; none where it is no such thing.
    """
    for pattern, ways_of in _PATTERNS:
        match = pattern.fullmatch(core)
        if match and (ways := ways_of(match, before, after)):
            return ways
    return []


def _money(match: re.Match[str], before: str, after: str) -> list[str]:
    """Money: "$3.50", "€20", "£1m"."""
    sign, number, letters = match[1] or match[4], match[2] or match[3], match[5].lower()
    (one, many), (cent, cents) = CURRENCIES[sign]
    if letters:
        magnitude = MAGNITUDES.get(letters)
        return [f"{way} {magnitude} {many}" for way in cardinals(number)] if magnitude else []
    if after.lower() in MAGNITUDES.values():
        return list(cardinals(number))
    whole, _, fraction = number.partition(".")
    if len(fraction) != 2 or not cents:
        ways = [f"{way} {one if number == '1' else many}" for way in cardinals(number)]
        return [*ways, *cardinals(number)]
    n_cents = cardinals(str(int(fraction)))[0]
    small = f"{n_cents} {cent if fraction == '01' else cents}"
    if not whole.strip("0,"):
        return [small]
    ways = [f"{way} {one if whole == '1' else many}" for way in cardinals(whole)]
    if fraction == "00":
        return ways
    return [
        *(f"{way} and {small}" for way in ways),
        *(f"{way} {small}" for way in ways),
        *(f"{way} {n_cents}" for way in [*cardinals(whole), *ways]),
    ]


def _clock(match: re.Match[str], before: str, after: str) -> list[str]:
    """A time of day: "10:30", "8:05pm", "14:00"."""
    hour, minute, second, half = str(int(match[1])), match[2], match[3], match[4]
    if int(hour) > 24 or int(minute) > 59:
        return []
    tail = f" {half[0]} m" if half else ""
    if minute == "00":
        is_day = bool(tail) or after.lower() in ("am", "pm", "a.m.", "p.m.")
        ways = [said(hour), f"{said(hour)} o'clock"] if is_day else [f"{said(hour)} o'clock", said(hour)]
        hundreds = [f"{said(hour)} hundred", f"{said(hour)} hundred hours"] if len(match[1]) == 2 else []
        ways = [*hundreds, *ways] if int(hour) > 12 else [*ways, *hundreds]
    elif minute[0] == "0":
        ways = [f"{said(hour)} {zero} {said(minute)}" for zero in ("oh", "o", "zero")]
    else:
        ways = [f"{said(hour)} {said(minute)}"]
        following = said(str(int(hour) % 12 + 1))
        quarters = {
            "15": f"quarter past {said(hour)}",
            "30": f"half past {said(hour)}",
            "45": f"quarter to {following}",
        }
        ways += [quarters[minute], f"a {quarters[minute]}"] if minute in quarters else []
    if second:
        ways = [f"{way} and {said(second)} seconds" for way in ways[:1]] + [f"{way} {said(second)}" for way in ways[:1]]
    if int(match[1]) < 10 and match[1].startswith("0"):
        ways += [f"{zero} {way}" for way in ways[:1] for zero in ("oh", "zero")]
    return [f"{way}{tail}" for way in ways] + ([f"{said(hour)} to {said(minute)}"] if not tail else [])


def _date(match: re.Match[str], before: str, after: str) -> list[str]:
    """A date: "2020-12-25", "12/25/2020"."""
    if match[1]:
        year, month, day = match[1], int(match[2]), int(match[3])
    elif len(match[4]) > 2:
        year, month, day = match[4], int(match[5]), int(match[6])
    else:
        year, month, day = match[6], int(match[4]), int(match[5])
    if month > 12:
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return []
    names = list(dict.fromkeys(MONTHS.values()))
    ways = []
    for said_year in number_forms(year)[:2]:
        first, the_first = ordinals(str(day))[:2]
        name = names[month - 1]
        ways += [f"{name} {first} {said_year}", f"{name} {the_first} {said_year}", f"{the_first} of {name} {said_year}"]
        ways += [" ".join([said(str(month)), said(str(day)), said_year])]
    return ways


def _ordinal(match: re.Match[str], before: str, after: str) -> list[str]:
    return list(ordinals(match[1]))


def _decade(match: re.Match[str], before: str, after: str) -> list[str]:
    return list(decades(match[1]))


def _fraction(match: re.Match[str], before: str, after: str) -> list[str]:
    """Numbers with a slash: "1/2", "24/7", "9/11"."""
    return fraction_forms(match[1], match[2])


def fraction_forms(over: str, under: str) -> list[str]:
    """A fraction: "three quarters", "three fourths"; large ones are read as two numbers first.

    Args:
        over: Its numerator, digits.
        under: Its denominator, digits.

    Returns:
        The ways, the likeliest first.
    """
    plain = [" ".join(ways) for ways in product(number_forms(over)[:2], number_forms(under)[:2])]
    slashed = [f"{said(over)} {word} {said(under)}" for word in ("over", "slash", "out of")]
    if int(over) >= int(under) or int(under) > 10 or int(over) == 0:
        return [*plain, *slashed]
    if under in ("2", "4"):
        names = {"2": ("half", "halves"), "4": ("quarter", "quarters")}[under]
    else:
        names = (said(under, to="ordinal"), said(under, to="ordinal") + "s")
    ways = [f"{said(over)} {names[over != '1']}"]
    ways += [f"a {names[0]}"] if over == "1" else []
    ways += [f"{said(over)} {said(under, to='ordinal')}{'s' * (over != '1')}"]
    return [*ways, *slashed, *plain]


def _height(match: re.Match[str], before: str, after: str) -> list[str]:
    """Feet and inches: "5'10"."""
    feet, inches = said(match[1]), said(match[2])
    return [f"{feet} foot {inches}", f"{feet} {inches}", f"{feet} feet {inches} inches", f"{feet} feet {inches}"]


def _range(match: re.Match[str], before: str, after: str) -> list[str]:
    """From one to another: "10-15", "1914-18", "5-10%"; what looks like a telephone number is none."""
    low, high, percent = match[1], match[2], " percent" * bool(match[3])
    if low.isdecimal() and high.isdecimal() and not percent and _is_telephone(f"{low}-{high}"):
        return []
    pairs = list(product(number_forms(low)[:3], number_forms(high)[:3]))
    ways = [f"{a}{word}{b}{percent}" for word in (" to ", " ") for a, b in pairs]
    return ways if percent or not (low + high).isdecimal() else [*ways, *code_forms(match[0])]


def _dotted(match: re.Match[str], before: str, after: str) -> list[str]:
    """A number with several points: "3.1.2", "192.168.0.1"."""
    parts = match[0].split(".")
    amounts = [number_forms(part)[0] for part in parts]
    return [*(f" {word} ".join(amounts) for word in ("point", "dot")), *code_forms(match[0])]


def _telephone(match: re.Match[str], before: str, after: str) -> list[str]:
    return code_forms(match[0]) if _is_telephone(match[0]) else []


def _is_telephone(core: str) -> bool:
    """Whether groups of digits are read digit by digit rather than from one to the other."""
    groups = re.findall(r"\d+", core)
    n_digits = sum(len(group) for group in groups)
    return n_digits >= 7 and (len(groups) > 2 or len(groups[0]) == 3 or groups[-1].startswith("0"))


def is_group(core: str, after: str) -> bool:
    """Whether two words are parts of one telephone number or code.

    Args:
        core: A word.
        after: The next one.

    Returns:
        So it is if both are digits, and too many or of another kind than amounts.
    """
    if not (_DIGITS.fullmatch(core) and _DIGITS.fullmatch(after)):
        return False
    digits = [re.sub(r"\D", "", part) for part in (core, after)]
    if all(is_year(part) for part in digits):
        return False
    sizes = [len(part) for part in digits]
    return any(part.startswith("0") for part in digits) or (sum(sizes) >= 6 and (min(sizes) == 3 or sum(sizes) >= 8))


def code_forms(core: str) -> list[str]:
    """Groups of digits, each digit by digit, in pairs, or as a number.

    Args:
        core: A word that holds digits.

    Returns:
        The ways, the likeliest first.
    """
    groups = re.findall(r"\d+", core)
    n_zeros = len(digit_forms("0"))
    whole = digit_forms("".join(groups))[: n_zeros if "0" in core else 1]  # one name of 0 throughout
    ways = dict.fromkeys([*whole, *(" ".join(parts) for parts in first_products([_group(group) for group in groups]))])
    return [f"plus {way}" if core.startswith("+") else way for way in ways]


def _group(digits: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*digit_forms(digits), *number_forms(digits)[:1]]))


def day_forms(core: str) -> list[str]:
    """The day of a month.

    Args:
        core: One or two digits.

    Returns:
        The ways, the likeliest first.
    """
    return [*ordinals(core), *cardinals(core)] if 1 <= int(core) <= 31 else list(number_forms(core))


def first_products(options: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Ways to say several parts one after the other.

    Args:
        options: The ways to say each, the likeliest first.

    Returns:
        The likeliest of each, those in which one part is said otherwise, and more as far as there is room.
    """
    first = tuple(ways[0] for ways in options if ways)
    kept = [ways for ways in options if ways]
    found = [first]
    for place, ways in enumerate(kept):
        found += [(*first[:place], way, *first[place + 1 :]) for way in ways[1:]]
    distinct = dict.fromkeys(found)
    for parts in product(*(ways[:5] for ways in kept)):
        if len(distinct) >= MAX_FORMS:
            break
        distinct[parts] = None
    return list(distinct)


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str, str], list[str]]], ...] = (
    (MONEY, _money),
    (_CLOCK, _clock),
    (_DATE, _date),
    (_ORDINAL, _ordinal),
    (_DECADE, _decade),
    (_FRACTION, _fraction),
    (_HEIGHT, _height),
    (re.compile(r"\+?[\d().-]*\d-[\d().-]*\d"), _telephone),
    (_RANGE, _range),
    (_DOTTED, _dotted),
)
