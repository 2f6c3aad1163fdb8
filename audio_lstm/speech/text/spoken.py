"""Text as it is written -> as people say it: numbers, money, dates, times, signs and abbreviations in words.

    spell_out("On May 5, 1914 Mr. Smith paid $3.50.")
    # "On May fifth, nineteen fourteen mister Smith paid three dollars and fifty cents."

`spell_out` gives the likeliest way, for texts that nobody has recorded; `spoken_forms` gives all, for a recording to
choose from (`align`). English is covered whole; of other languages the plain numbers that num2words knows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.text.data import normalise_text
from audio_lstm.speech.text.spoken_figures import (
    MAX_FORMS,
    MONEY,
    code_forms,
    day_forms,
    figure_forms,
    first_products,
    fraction_forms,
    is_group,
)
from audio_lstm.speech.text.spoken_numbers import NUMBER, cardinals, number_forms, ordinals, said, speaks
from audio_lstm.speech.text.spoken_words import (
    ABBREVIATIONS,
    CURRENCIES,
    MAGNITUDES,
    MONTHS,
    SIGNS,
    UNITS,
    roman_forms,
)

__all__ = ["as_spoken", "fold_accents", "spell_out", "spoken_forms", "writable_forms"]

_FOLDED = {"Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH", "ẞ": "SS", "ß": "ss", "ı": "i"}
_FOLDED |= {letter.lower(): plain.lower() for letter, plain in _FOLDED.items()}
_COMBINING = re.compile("[\u0300-\u036f]")  # accents of the Latin, Greek and Cyrillic scripts
_MAX_LENGTH = 100  # of a word that is looked into; longer ones are not ordinary text
_PAUSES = (",", ";", ":", "!", "?")  # after which a word has nothing to do with the one before
_OPENING = "([{<\"'“‘«¿¡„‚‹*_"
_CLOSING = ")]}>\"'”’»›,;:!?….*_"
_LETTER = r"[^\W\d_¼-¾⅐-⅞²³ªº]"
_PIECE = re.compile(rf"({NUMBER})|({_LETTER}+(?:'{_LETTER}+)*)|(.)", re.DOTALL)
_DOMAIN = re.compile(r"[\w.+-]*@?[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|uk|de|fr|eu|info)(?:/\S*)?")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–−", "-") | {"\u2019": "'", "\u2044": "/"})


def spell_out(text: str, *, language: str = "en") -> str:
    """A text with everything in words that people say in words, each in the likeliest way.

    Examples:
        >>> spell_out("Route 66 is 2,448 miles long & opened in 1926.")
        'Route sixty six is two thousand four hundred and forty eight miles long and opened in nineteen twenty six.'

    Args:
        text: Any text; what has nothing to spell out stays as it is, punctuation too.
        language: Of the text, an IETF tag.

    Returns:
        The words, one space between them; lower case where they are new.
    """
    return " ".join(forms[0] for forms in spoken_forms(text.split(), language=language))


def spoken_forms(words: Sequence[str], *, language: str = "en") -> tuple[tuple[str, ...], ...]:
    """The ways in which each word of a text may be said.

    Examples:
        >>> spoken_forms(["in", "1905"])
        (('in',), ('nineteen oh five', 'nineteen o five', ..., 'one thousand nine hundred and five', ...))

    Args:
        words: Of a text in its order, since neighbours matter: the 5 of "May 5" is the fifth; with punctuation.
        language: Of the text, an IETF tag.

    Returns:
        For each word its ways, the likeliest first, at least one; a word with nothing to spell out has itself alone.
        What belongs to another word is said with it: the dollars of "$3 million" with the million.
    """
    if language.partition("-")[0].lower() != "en":
        return tuple(_plain_forms(word, language) for word in words)
    is_mixed = any(character.islower() for word in words for character in word)
    cores = [_core(word) for word in words]
    forms: list[tuple[str, ...]] = []
    for number, word in enumerate(words):
        before = cores[number - 1] if number and not words[number - 1].endswith(_PAUSES) else ""
        after = cores[number + 1] if number + 1 < len(words) and not word.endswith(_PAUSES) else ""
        if len(word) > _MAX_LENGTH or (word.isalpha() and len(word) > 5 and not before[-1:].isdigit()):
            forms.append((word,))  # most words have nothing to spell out
            continue
        ways = _forms(word, cores[number], before, after, is_mixed=is_mixed)
        forms.append(tuple(dict.fromkeys(way for way in ways if way))[:MAX_FORMS] or (word,))
    return tuple(forms)


def as_spoken(text: str, alphabet: Alphabet, *, language: str = "en") -> str:
    """Bring ordinary text to an alphabet, with words in place of what the alphabet cannot write.

    Where `normalise_text` is enough, nothing else happens. A word that it leaves with other characters is spelled out
    in the likeliest way, with the words beside it where they belong to it ("No. 5", "$3 million"), and loses the
    accents that the alphabet lacks.

    Examples:
        >>> from audio_lstm.speech.text.alphabet import ENGLISH
        >>> as_spoken("Café No. 5 made $3 million.", ENGLISH)
        'CAFE NUMBER FIVE MADE THREE MILLION DOLLARS'

    Args:
        text: Any text.
        alphabet: The symbols of the model.
        language: Of the text, an IETF tag.

    Returns:
        The normalised text. What can still not be written stays, so that `Alphabet.encode` names it.
    """
    normalised = normalise_text(text, alphabet)
    if all(character in alphabet for character in normalised):
        return normalised
    words = text.split()
    plain = [normalise_text(word, alphabet) for word in words]
    is_strange = [any(character not in alphabet for character in word) for word in plain]
    forms = spoken_forms(words, language=language)
    for number, ways in enumerate(forms):
        belongs = any(is_strange[max(number - 1, 0) : number + 2]) and not any(map(str.isdigit, words[number]))
        if is_strange[number] or belongs:
            writable = writable_forms(ways, alphabet)
            plain[number] = writable[0] if writable else plain[number]
    return (" " if " " in alphabet else "").join(" ".join(plain).split())


def writable_forms(ways: Iterable[str], alphabet: Alphabet) -> list[str]:
    """Those of the ways to say a word that an alphabet can write.

    Args:
        ways: From `spoken_forms`.
        alphabet: The symbols of a model.

    Returns:
        As `normalise_text` has them, without accents where the alphabet has none.
    """
    found = []
    for way in ways:
        for candidate in (way, fold_accents(way, alphabet)):
            normalised = normalise_text(candidate, alphabet)
            if normalised and all(character in alphabet for character in normalised):
                found.append(normalised)
                break
    return list(dict.fromkeys(found))


def fold_accents(text: str, alphabet: Alphabet) -> str:
    """A text without the accents that an alphabet lacks: "café" becomes "cafe", "Ærø" becomes "AEro".

    Args:
        text: Any text.
        alphabet: The symbols of a model; letters that it has in either case keep their accents.

    Returns:
        The text; other letters that the alphabet lacks stay.
    """
    return "".join(
        letter
        if letter in alphabet or letter.upper() in alphabet or letter.lower() in alphabet
        else _FOLDED.get(letter) or _COMBINING.sub("", unicodedata.normalize("NFD", letter))
        for letter in unicodedata.normalize("NFKC", text)
    )


def _core(word: str) -> str:
    """A word without the punctuation around it, and with plain dashes and apostrophes."""
    core = word.translate(_DASHES).lstrip(_OPENING)
    stripped = core.rstrip(_CLOSING)
    return core[: len(stripped) + 1] if core[len(stripped) :].startswith(".") and _is_dotted(stripped) else stripped


def _is_dotted(stripped: str) -> bool:
    """Whether the full stop after a word is a part of it."""
    return f"{stripped.lower()}." in ABBREVIATIONS or re.search(r"\b[a-z]\.[a-z]$", stripped, re.IGNORECASE) is not None


def _forms(word: str, core: str, before: str, after: str, *, is_mixed: bool) -> Iterable[str]:
    """The ways to say a word, punctuation and all."""
    if not core:
        return (word,) if not (sign := SIGNS.get(word)) else sign
    plain = word.translate(_DASHES)
    start = plain.find(core)
    head, tail = word[:start], word[start + len(core) :]
    ways = _core_forms(core, before, after, is_mixed=is_mixed)
    return [f"{head}{way}{tail}" for way in ways] if ways else (word,)


def _core_forms(core: str, before: str, after: str, *, is_mixed: bool) -> Sequence[str]:
    """The ways to say what stands between punctuation marks; none where it is said as it is written."""
    lower = core.lower()
    if core in SIGNS:
        return SIGNS[core]
    if lower in UNITS and lower != "in" and _is_number(before) and (core.islower() or core in ("C", "F")):
        return (UNITS[lower][_is_many(before)], core)
    if not any(character.isdigit() or character in SIGNS or _is_vulgar(character) for character in core):
        if lower in ABBREVIATIONS:
            return _abbreviation(lower, core, after)
        if lower in MAGNITUDES.values() and (money := MONEY.fullmatch(before)):
            return (f"{core} {CURRENCIES[money[1] or money[4]][0][1]}", core)
        if _DOMAIN.fullmatch(lower):
            return _pieces(core, is_mixed=is_mixed)
        roman = roman_forms(core, before)
        if roman:
            return roman
        if is_mixed and core.isupper() and core.isascii() and core.isalpha() and 2 <= len(core) <= 5:
            return (core, " ".join(core))
        return ()
    ways = figure_forms(core, before, after)
    if ways:
        return ways
    if before.lower().rstrip(".") in MONTHS and core.isdecimal() and len(core) <= 2:
        return day_forms(core)
    if core.isdecimal() and len(core) <= 2 and after.lower().rstrip(".") in MONTHS:
        first = ordinals(core)[0]
        return [*([] if before.lower() == "the" else [f"the {first} of"]), first, f"{first} of", *cardinals(core)]
    if is_group(before, core) or is_group(core, after):
        return code_forms(core)
    return _pieces(core, is_mixed=is_mixed)


def _abbreviation(lower: str, core: str, after: str) -> Sequence[str]:
    """The ways to say an abbreviation; some only mean something before a number or a name."""
    ways = ABBREVIATIONS[lower]
    if lower in ("no.", "nos.", "p.", "pp.", "fig.", "vol.", "ch.") and not _is_number(after):
        return ()
    if lower == "st." and not after[:1].isupper():
        return ("street", "saint")
    return (*ways, core.rstrip("."))


def _pieces(core: str, *, is_mixed: bool) -> list[str]:
    """Letters, numbers and signs one after the other: "F-16", "10am", "5km", "R&D", "B2B", "-5"."""
    options: list[Sequence[str]] = []
    matches = list(_PIECE.finditer(core))
    for place, match in enumerate(matches):
        number, letters, sign = match.groups()
        previous = matches[place - 1].group() if place else ""
        if number:
            options.append(number_forms(number))
        elif letters and letters != "M" and _is_number(previous) and letters.lower() in UNITS:
            options.append((UNITS[letters.lower()][_is_many(previous)], " ".join(letters)))
        elif letters and place == 1 and _is_number(previous) and letters.lower() in MAGNITUDES:
            options.append((MAGNITUDES[letters.lower()], letters))
        elif letters in ("C", "F") and previous == "°":
            options.append((*UNITS[letters.lower()][:1], letters))
        elif letters:
            spelled = is_mixed and letters.isupper() and len(letters) <= 4 and len(matches) > 1
            options.append((" ".join(letters), letters) if spelled else (letters,))
        elif sign is not None and _is_vulgar(sign):
            over, _, under = unicodedata.normalize("NFKC", sign).partition("\u2044")
            ways = fraction_forms(over, under)[:2] if under else []
            options.append([f"and {way}" for way in reversed(ways)] if _is_number(previous) else ways)
        elif sign == "-" and place == 0 and len(matches) > 1 and matches[1].group(1):
            options.append(("minus", "negative"))
        elif sign == "." and _DOMAIN.fullmatch(core.lower()):
            options.append(("dot", ""))
        elif sign in SIGNS:
            options.append(SIGNS[sign])
        elif sign is not None:
            options.append(("",))
    return [" ".join(" ".join(parts).split()) for parts in first_products(options)]


def _is_number(core: str) -> bool:
    return re.fullmatch(rf"[-+$£€]?(?:{NUMBER})|\d+/\d+|\d*[¼-¾⅐-⅞]", core) is not None


def _is_many(core: str) -> bool:
    return core not in ("1", "½", "1/2", "¼", "1/4")


def _is_vulgar(character: str) -> bool:
    return unicodedata.decomposition(character).startswith("<fraction>")


def _plain_forms(word: str, language: str) -> tuple[str, ...]:
    """A word of another language, its numbers as amounts or digit by digit."""
    if len(word) > _MAX_LENGTH or not speaks(language) or not any(character.isdecimal() for character in word):
        return (word,)

    def name(match: re.Match[str]) -> str:
        return f" {said(match[0], language=language) or match[0]} "

    ways = (re.sub(pattern, name, word) for pattern in (r"\d+(?:\.\d+)?", r"\d"))
    return tuple(dict.fromkeys(" ".join(way.split()) for way in ways))
