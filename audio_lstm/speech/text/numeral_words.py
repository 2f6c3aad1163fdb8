"""The English words that `numerals` looks for."""

from __future__ import annotations

__all__ = [
    "AFTER_A_TIME",
    "BEFORE_A_TIME",
    "BEFORE_A_YEAR",
    "COINS",
    "CURRENCIES",
    "DECADES",
    "DIGITS",
    "FRACTIONS",
    "LARGE",
    "MAGNITUDES",
    "MONTHS",
    "NAMED",
    "NUMBER_WORDS",
    "REPEATS",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DIGITS = {"zero": 0, "oh": 0, "o": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4}
DIGITS |= {"five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
REPEATS = {"double": 2, "triple": 3}
MAGNITUDES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
LARGE = ("million", "billion", "trillion")
DECADES = {"twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60, "seventies": 70}
DECADES |= {"eighties": 80, "nineties": 90, "tens": 10, "hundreds": 0}
MONTHS = _words("january february march april may june july august september october november december")
CURRENCIES = {"dollars": "$", "dollar": "$", "euros": "€", "euro": "€", "yen": "¥"}
COINS = ("cents", "cent")
BEFORE_A_TIME = _words("at by until till before after around about from past since")
# What comes before a number that is a name: small ones are written in figures too.
NAMED = _words(
    "chapter page part room gate platform channel figure section act scene volume level step version number route "
    "flight highway line paragraph verse psalm appendix article table track bus boeing exit lane unit ward zone "
    "apartment"
)
FRACTIONS = _words("half halves third thirds quarter quarters fourths fifths sixths sevenths eighths ninths tenths")
BEFORE_A_YEAR = _words("in of since year by until till from during circa around")
AFTER_A_TIME = _words(
    "monday tuesday wednesday thursday friday saturday sunday morning afternoon evening tonight tomorrow train sharp"
)
NUMBER_WORDS = frozenset((*DIGITS, *MAGNITUDES)) | _words(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty "
    "seventy eighty ninety first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth "
    "fiftieth sixtieth seventieth eightieth ninetieth hundredth thousandth millionth"
)
