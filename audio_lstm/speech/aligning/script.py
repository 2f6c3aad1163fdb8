"""A text as it is given -> the words that a model can write, each knowing where it stands in the text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import BLANK, Alphabet
from audio_lstm.speech.text.data import normalise_text
from audio_lstm.speech.text.spoken import spoken_forms, writable_forms

__all__ = ["Script", "ScriptWord", "read_script"]


@dataclass(frozen=True)
class ScriptWord:
    """A word of the script."""

    text: str  # as it is given, with its punctuation
    units: tuple[str, ...]  # the words that the model writes for it: "twenty-one" has two; () if it cannot write it
    others: tuple[tuple[str, ...], ...] = ()  # units of other ways to say it: "1905" has several
    is_guess: bool = False  # whether the units stand for something else: it may be said in a way that is not among them

    @property
    def forms(self) -> tuple[tuple[str, ...], ...]:
        """All ways to say it, that of the units first; none if the model cannot write it."""
        return (self.units, *self.others) if self.units else ()


@dataclass(frozen=True, eq=False)
class Script:
    """A text to be found in a recording."""

    words: tuple[ScriptWord, ...]
    alphabet: Alphabet

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The units of all words, in order."""
        return tuple(unit for word in self.words for unit in word.units)

    @cached_property
    def has_unwritable(self) -> NDArray[np.bool_]:
        """Whether words that the model cannot write stand before each unit, and after the last: (units + 1,)."""
        found = np.zeros(len(self.units) + 1, np.bool_)
        n_units = 0
        for word in self.words:
            found[n_units] |= not word.units
            n_units += len(word.units)
        return found

    @cached_property
    def is_guess(self) -> NDArray[np.bool_]:
        """Whether each unit belongs to a word that may be said in another way: (units,)."""
        return np.array([word.is_guess for word in self.words for _ in word.units], np.bool_)

    @cached_property
    def ids(self) -> tuple[NDArray[np.int64], ...]:
        """The symbols of each unit: letters, or pieces that may begin with a space; a space alone is none of them."""
        known: dict[str, NDArray[np.int64]] = {}
        space = self.alphabet.symbols.index(" ") + 1 if " " in self.alphabet else BLANK
        for unit in self.units:
            if unit not in known:
                ids = self.alphabet.encode(unit)
                known[unit] = ids[ids != space]
        return tuple(known[unit] for unit in self.units)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The letters of all units, in order, or their pieces without the space before a word."""
        names = self.alphabet.symbols
        return tuple(names[number - 1].removeprefix(" ") for ids in self.ids for number in ids.tolist())


def read_script(text: str, alphabet: Alphabet, *, language: str = "en") -> Script:
    """The words of a text, in the letters of a model.

    Examples:
        >>> from audio_lstm.speech.text.alphabet import ENGLISH
        >>> [word.units for word in read_script("Route 66 is twenty-one – miles.", ENGLISH).words]
        [('ROUTE',), ('SIXTY', 'SIX'), ('IS',), ('TWENTY', 'ONE'), ('MILES',)]

    Words are what stands between spaces. What is not said as it is written is spelled out, in the likeliest way and in
    others (text/spoken.py), and accents that the model lacks are left out. A word that it still cannot write has no
    units. A mark that stands alone and is not said belongs to the word before it, or to the first.

    Args:
        text: Any text.
        alphabet: The symbols of the model.
        language: Of the text, an IETF tag.

    Returns:
        The script.

    Raises:
        DataError: If the text holds no word, or none that the model can write.
    """
    words: list[ScriptWord] = []
    alone = ""  # marks before the first word
    tokens = text.split()
    for token, ways in zip(tokens, spoken_forms(tokens, language=language), strict=True):
        forms = tuple(tuple(way.split()) for way in writable_forms(ways, alphabet))
        if forms:
            is_guess = any(character not in alphabet for character in normalise_text(token, alphabet))
            words.append(ScriptWord(alone + token, forms[0], forms[1:], is_guess))
            alone = ""
        elif normalise_text(token, alphabet):
            words.append(ScriptWord(alone + token, ()))
            alone = ""
        elif words:
            words[-1] = replace(words[-1], text=f"{words[-1].text} {token}")
        else:
            alone += f"{token} "
    if not words:
        raise DataError("the text to align holds no words; check that it is the right file")
    if not any(word.units for word in words):
        raise DataError(
            f"the model can write none of the text's {len(words)} words (the first: {words[0].text!r}); check that "
            "the model is of the text's language"
        )
    return Script(tuple(words), alphabet)
