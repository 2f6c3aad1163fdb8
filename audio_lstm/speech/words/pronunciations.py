"""Pronouncing dictionaries: words -> phonemes, as targets of a second CTC head while training.

    pronunciations = read_pronunciations("cmudict.dict")       # https://github.com/cmusphinx/cmudict
    pronunciations.encode("READ THIS")                         # ids of R EH D DH IH S, or None

English spelling is a poor guide to sound: a network that has a few hours to learn both learns the sounds sooner when it
is told them (Krishna, Toshniwal & Livescu 2018: phonemes at an inner layer, letters at the last).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError

__all__ = ["PHONEMES", "VARIANT", "Pronunciations", "read_dictionary", "read_pronunciations"]

# ARPAbet without stress, as in the CMU Pronouncing Dictionary; the CTC blank comes before it.
_ARPABET = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONEMES = tuple(_ARPABET.split())
_IDS = {phoneme: number for number, phoneme in enumerate(PHONEMES, 1)}
VARIANT = re.compile(r"\(\d+\)$")  # "READ(2)" is a second way to say READ
_MAX_BYTES = 100_000_000


@dataclass(frozen=True, eq=False)
class Pronunciations:
    """How words are said: the first pronunciation that the dictionary gives each."""

    ids: Mapping[str, tuple[int, ...]]  # word in capitals -> phonemes, 1 being the first of PHONEMES

    def encode(self, text: str) -> NDArray[np.int64] | None:
        """The phonemes of a text, word after word.

        Args:
            text: Words in capitals with spaces between them.

        Returns:
            Ids (n,) in 1..len(PHONEMES); None if the dictionary lacks a word, or there is none.
        """
        words = text.split()
        if not words or any(word not in self.ids for word in words):
            return None
        return np.array([phoneme for word in words for phoneme in self.ids[word]], np.int64)


def read_pronunciations(path: str | os.PathLike[str]) -> Pronunciations:
    """Read the first pronunciation of every word of a dictionary.

    Args:
        path: As for `read_dictionary`, whose errors these are.

    Returns:
        The dictionary.
    """
    return Pronunciations({word: ways[0] for word, ways in read_dictionary(path).items()})


def read_dictionary(path: str | os.PathLike[str]) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Read a dictionary in the format of the CMU Pronouncing Dictionary.

    A line is `word P1 P2 …`; stress digits are dropped, `#` and `;;;` begin a comment, and `word(2)` is a further
    way to say a word.

    Args:
        path: The file, e.g. cmudict.dict.

    Returns:
        Every word in capitals and the ways to say it, as ids of phonemes (1 being the first of PHONEMES), in the order
        of the file; ways that differ in stress only are one.

    Raises:
        DataError: If it cannot be read, or a line is not of this form; the message names file and line.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise DataError(f"{file}: {file.stat().st_size} bytes is too large for a dictionary; pass cmudict.dict")
        lines = file.read_text("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text ({error.reason}); pass a file like cmudict.dict") from error
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror}); fetch cmudict.dict from https://github.com/cmusphinx/cmudict"
        ) from error
    ways: dict[str, dict[tuple[int, ...], None]] = {}
    for number, line in enumerate(lines, 1):
        word, *phonemes = line.partition("#")[0].split() or [""]
        if not word or word.startswith(";;;"):
            continue
        numbers = [_IDS.get(phoneme.rstrip("012").upper(), 0) for phoneme in phonemes]
        if not numbers or 0 in numbers:
            wrong = phonemes[numbers.index(0)] if numbers else "nothing"
            raise DataError(f"{file}:{number}: {word} is followed by {wrong!r:.40}; expected ARPAbet phonemes")
        ways.setdefault(VARIANT.sub("", word).upper(), {})[tuple(numbers)] = None
    if not ways:
        raise DataError(f"{file}: holds no words; pass a file like cmudict.dict")
    return {word: tuple(each) for word, each in ways.items()}
