"""What English signs, units, currencies, abbreviations and Roman numerals are called."""

from __future__ import annotations

import re

__all__ = ["ABBREVIATIONS", "CURRENCIES", "MAGNITUDES", "MONTHS", "SIGNS", "UNITS", "roman_forms"]

SIGNS: dict[str, tuple[str, ...]] = {
    "%": ("percent", "per cent"),
    "‰": ("per mille",),
    "&": ("and",),
    "@": ("at",),
    "+": ("plus",),
    "=": ("equals", "is"),
    "#": ("number", "hash", "pound"),
    "§": ("section", "paragraph"),
    "°": ("degrees", ""),
    "×": ("times", "by"),
    "÷": ("divided by",),
    "±": ("plus or minus",),
    "<": ("less than",),
    ">": ("greater than",),
    "²": ("squared", "square"),
    "³": ("cubed", "cubic"),
    "™": ("",),
    "®": ("",),
    "©": ("copyright",),
    "$": ("dollars", "dollar"),
    "£": ("pounds", "pound"),
    "€": ("euros", "euro"),
    "¥": ("yen",),
    "¢": ("cents", "cent"),
    "/": ("", "slash", "or", "per"),
    "°C": ("degrees celsius", "degrees c", "degrees"),
    "°F": ("degrees fahrenheit", "degrees f", "degrees"),
}

# One and many of the whole, one and many of the hundredth part; "": there is none.
_DOLLAR = (("dollar", "dollars"), ("cent", "cents"))
CURRENCIES = {
    "US$": _DOLLAR,
    "A$": _DOLLAR,
    "C$": _DOLLAR,
    "$": _DOLLAR,
    "£": (("pound", "pounds"), ("penny", "pence")),
    "€": (("euro", "euros"), ("cent", "cents")),
    "¥": (("yen", "yen"), ("", "")),
    "₹": (("rupee", "rupees"), ("paisa", "paise")),
    "¢": (("cent", "cents"), ("", "")),
}

MAGNITUDES = {
    "k": "thousand",
    "m": "million",
    "mn": "million",
    "bn": "billion",
    "b": "billion",
    "tn": "trillion",
    "hundred": "hundred",
    "thousand": "thousand",
    "million": "million",
    "billion": "billion",
    "trillion": "trillion",
}

# One and many, after a number.
UNITS = {
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "g": ("gram", "grams"),
    "ft": ("foot", "feet"),
    "in": ("inch", "inches"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "mi": ("mile", "miles"),
    "yd": ("yard", "yards"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "kb": ("kilobyte", "kilobytes"),
    "mb": ("megabyte", "megabytes"),
    "gb": ("gigabyte", "gigabytes"),
    "tb": ("terabyte", "terabytes"),
    "hz": ("hertz", "hertz"),
    "khz": ("kilohertz", "kilohertz"),
    "mhz": ("megahertz", "megahertz"),
    "kw": ("kilowatt", "kilowatts"),
    "ml": ("milliliter", "milliliters"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "sec": ("second", "seconds"),
    "am": ("a m", "a m"),
    "pm": ("p m", "p m"),
    "c": ("celsius", "celsius"),
    "f": ("fahrenheit", "fahrenheit"),
}

MONTHS = {
    "january": "january",
    "february": "february",
    "march": "march",
    "april": "april",
    "may": "may",
    "june": "june",
    "july": "july",
    "august": "august",
    "september": "september",
    "october": "october",
    "november": "november",
    "december": "december",
    "jan": "january",
    "feb": "february",
    "mar": "march",
    "apr": "april",
    "jun": "june",
    "jul": "july",
    "aug": "august",
    "sept": "september",
    "sep": "september",
    "oct": "october",
    "nov": "november",
    "dec": "december",
}

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    "mr": ("mister",),
    "mr.": ("mister",),
    "mrs": ("missus", "misses"),
    "mrs.": ("missus", "misses"),
    "ms.": ("miss", "miz"),
    "dr": ("doctor",),
    "dr.": ("doctor", "drive"),
    "st.": ("saint", "street"),
    "prof.": ("professor",),
    "capt.": ("captain",),
    "col.": ("colonel",),
    "gen.": ("general",),
    "lt.": ("lieutenant",),
    "sgt.": ("sergeant",),
    "rev.": ("reverend",),
    "hon.": ("honorable",),
    "gov.": ("governor",),
    "sen.": ("senator",),
    "jr.": ("junior",),
    "sr.": ("senior",),
    "messrs.": ("messieurs",),
    "esq.": ("esquire",),
    "vs": ("versus",),
    "vs.": ("versus",),
    "etc.": ("et cetera",),
    "no.": ("number",),
    "nos.": ("numbers",),
    "p.": ("page",),
    "pp.": ("pages",),
    "fig.": ("figure",),
    "vol.": ("volume",),
    "ch.": ("chapter",),
    "ave.": ("avenue",),
    "blvd.": ("boulevard",),
    "inc.": ("incorporated",),
    "ltd.": ("limited",),
    "approx.": ("approximately",),
    "dept.": ("department",),
    "ft.": ("feet", "fort"),
} | {f"{short}.": (name,) for short, name in MONTHS.items() if short != name}

_ROMAN = re.compile(r"(?=[IVXL]{1,7}$)(XL|L?X{0,3})(IX|IV|V?I{0,3})")
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}
_NUMBERED = frozenset(
    {"act", "annex", "appendix", "article", "book", "canto", "chapter", "class", "division", "figure", "lecture"}
    | {"letter", "level", "line", "number", "part", "phase", "psalm", "scene", "section", "stage", "stave", "step"}
    | {"table", "title", "type", "verse", "volume", "war"}
)


def roman_forms(core: str, before: str) -> tuple[str, ...]:
    """The ways to say a Roman numeral: "the eighth" after a name, "eight" after "chapter".

    Args:
        core: A word without punctuation.
        before: The word before it.

    Returns:
        The ways; none where it is no numeral, or more likely a word. In capitals an I is first of all the pronoun:
        "THE PART I LIKED".
    """
    from audio_lstm.speech.text.spoken_numbers import said

    is_numbered = before.lower() in _NUMBERED
    if not core or not _ROMAN.fullmatch(core) or (len(core) == 1 and not (is_numbered and before[0].isupper())):
        return ()
    values = [_VALUES[letter] for letter in core]
    total = sum(-value if value < max(values[place:]) else value for place, value in enumerate(values))
    amount, rank = said(str(total)), said(str(total), to="ordinal")
    if core == "I" and before.isupper():
        return (core, amount, f"the {rank}")
    if is_numbered:
        return (amount, f"the {rank}", core)
    is_name = before[:1].isupper() and before[1:].islower()
    return (f"the {rank}", amount, core) if is_name else (core, amount, f"the {rank}")
