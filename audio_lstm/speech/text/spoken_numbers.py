"""The ways in which people say a number that is written in digits: what `spell_out` puts in its place.

Each function gives the ways, the likeliest first, in lower case without hyphens or commas. The names of numbers come
from num2words; what is done with them here (years, digit by digit, in pairs, "a hundred", "oh") is English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from num2words import CONVERTER_CLASSES, num2words

__all__ = [
    "NUMBER",
    "cardinals",
    "decades",
    "digit_forms",
    "is_year",
    "number_forms",
    "ordinals",
    "said",
    "speaks",
    "years",
]

NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"  # 7, 1,234, 3.50, .5

_MAX_DIGITS = 30  # of a number that is given its name; longer ones are read digit by digit
_MAX_READ_DIGITS = 60  # of one that is read at all
_TIMES = {2: "double", 3: "triple"}
_FIRST_YEAR, _LAST_YEAR = 1000, 2099  # what four digits without a comma most often are


def speaks(language: str) -> bool:
    """Whether the names of numbers are known in a language.

    Args:
        language: An IETF tag such as "en-GB".

    Returns:
        So it is.
    """
    return _converter(language) is not None


@lru_cache(maxsize=4096)
def said(number: str, *, language: str = "en", to: str = "cardinal") -> str:
    """A number's name.

    Args:
        number: Digits, perhaps with a point.
        language: IETF tag; `speaks` it.
        to: "cardinal" or "ordinal".

    Returns:
        Lower case, without hyphens and commas; "" where the language has no name for it.
    """
    whole, _, fraction = number.partition(".")
    if len(whole) > _MAX_DIGITS:
        return " ".join(said(digit, language=language) for digit in number if digit.isdecimal())
    try:
        value = float(number) if fraction and language != "en" else int(whole or "0")
        name = str(num2words(value, lang=_converter(language) or "en", to=to))
    except (RuntimeError, ArithmeticError, AttributeError, ValueError, TypeError, LookupError):
        return ""  # num2words differs by language in what it refuses, and how
    name = _plain(name)
    if fraction and language == "en":
        name += " point " + " ".join(said(digit) for digit in fraction)
    return name


def cardinals(number: str) -> tuple[str, ...]:
    """How many: "one hundred and five", "one hundred five", "a hundred and five".

    Args:
        number: NUMBER.

    Returns:
        The ways.
    """
    digits = number.replace(",", "")
    name = said(digits if not digits.startswith(".") else f"0{digits}")
    ways = [name, name.replace(" and ", " ")]
    if digits.startswith("."):
        ways += [way.removeprefix("zero ") for way in ways]
    if "." in digits:
        ways += [way.replace(" zero", " oh") for way in ways if " zero" in way]
    if re.match(r"one (hundred|thousand|million|billion)\b", name):
        ways += [f"a {way.removeprefix('one ')}" for way in ways]
    return _distinct(ways)


def ordinals(number: str) -> tuple[str, ...]:
    """Which one: "twenty first", "the twenty first".

    Args:
        number: Digits, perhaps with commas.

    Returns:
        The ways.
    """
    name = said(number.replace(",", ""), to="ordinal")
    return _distinct([name, f"the {name}", name.replace(" and ", " ")])


def digit_forms(digits: str) -> tuple[str, ...]:
    """Digit by digit, as telephone numbers are said: "five five five", "double five", "fifty five", "triple five".

    Args:
        digits: Nothing but digits.

    Returns:
        The ways.
    """
    if len(digits) > _MAX_READ_DIGITS:
        return ()
    ways = []
    for zero in ("oh", "zero", "o") if "0" in digits else ("",):
        ways.append([zero if digit == "0" else said(digit) for digit in digits])
    first = ways[0]
    grouped = []
    for run in re.finditer(r"(\d)\1{0,2}", digits):
        times = _TIMES.get(len(run.group()))
        grouped.append(f"{times} {first[run.start()]}" if times else first[run.start()])
    paired = []
    start = len(digits) % 2
    for begin in range(start, len(digits), 2):
        tens, ones = digits[begin], digits[begin + 1]
        paired.append(said(tens + ones) if tens != "0" else f"{first[begin]} {first[begin + 1]}")
    plain = [" ".join(way) for way in ways]
    return _distinct([*plain, " ".join(grouped), " ".join([*first[:start], *paired])])


def years(digits: str) -> tuple[str, ...]:
    """As a year or a house number: "nineteen oh five", "nineteen hundred", "twenty fifteen", "two thousand fifteen".

    Args:
        digits: Three or four of them, the first not 0.

    Returns:
        The ways; none where the number is not said in two halves.
    """
    high, low = digits[:-2], digits[-2:]
    if low == "00":
        halves = [] if high.endswith("0") else [f"{said(high)} hundred"]
    elif low[0] == "0":
        halves = [f"{said(high)} {zero} {said(low[1])}" for zero in ("oh", "o")]
        halves += [f"{said(high)} hundred and {said(low[1])}"] if not high.endswith("0") else []
    else:
        halves = [f"{said(high)} {said(low)}"]
        halves += [f"{said(high)} hundred and {said(low)}"] if not high.endswith("0") else []
    if 2000 <= int(digits) <= 2009 or high.endswith("0"):
        plain = said(digits)
        thousands = [plain.replace(" and ", " "), plain]
        return _distinct([*thousands, *halves] if high == "20" and low[0] == "0" else [*halves, *thousands])
    return _distinct(halves)


def is_year(digits: str) -> bool:
    """Whether a number is most often a year.

    Args:
        digits: Without a comma.

    Returns:
        So it is.
    """
    return len(digits) == 4 and digits.isdecimal() and _FIRST_YEAR <= int(digits) <= _LAST_YEAR


def decades(digits: str) -> tuple[str, ...]:
    """A number in the plural: "nineties", "nineteen nineties", "hundreds", "two thousands".

    Args:
        digits: Before the s.

    Returns:
        The ways.
    """
    names = years(digits) if len(digits) == 4 or (len(digits) == 3 and digits[1:] != "00") else ()
    return _distinct(_plural(name) for name in [*names, *cardinals(digits)])


def number_forms(number: str, *, is_code: bool = False) -> tuple[str, ...]:
    """A number of which nothing is known but how it is written.

    Args:
        number: NUMBER.
        is_code: Whether it is more likely a telephone number than an amount.

    Returns:
        The ways, as an amount, a year, or digit by digit.
    """
    if not number.isdecimal():
        return cardinals(number)
    digits = "".join(str(int(digit)) for digit in number)  # of any script
    if digits == "0":
        return ("zero", "oh", "o", "nought")
    if digits.startswith("0") or len(digits) > _MAX_DIGITS:
        return digit_forms(digits)
    if len(digits) == 1:
        return cardinals(digits)
    amount = list(cardinals(digits))
    halves = list(years(digits)) if len(digits) in (3, 4) else []
    read = list(digit_forms(digits))
    is_round = digits.endswith("000")
    if is_code or (len(digits) >= 7 and not is_round):
        return _distinct([*read, *halves, *amount])
    if is_year(digits):
        return _distinct([*halves, *amount, *read])
    return _distinct([*amount, *halves, *read])


def _converter(language: str) -> str | None:
    """What num2words calls a language."""
    tag = language.replace("-", "_")
    known = {name.lower(): name for name in CONVERTER_CLASSES}
    name = known.get(tag.lower(), known.get(tag.partition("_")[0].lower()))
    return "en" if name is not None and name.lower().startswith("en") else name


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("-", " ").replace(",", " ").split())


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}es" if name.endswith("six") else f"{name}s"


def _distinct(ways: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(way for way in ways if way))
