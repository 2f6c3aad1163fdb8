"""The letters a speech model writes, and their numbers: 0 is the CTC blank, the first symbol is 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ConfigError, DataError

__all__ = ["BLANK", "ENGLISH", "Alphabet", "n_ctc_frames"]

BLANK = 0  # id of the CTC blank, as in torch.nn.CTCLoss's default and in Graves's papers since 2006

_EXCERPT = 24  # characters shown on either side of a letter that does not fit


@dataclass(frozen=True)
class Alphabet:
    """The output symbols of a speech model, without the blank; it is stored with the model."""

    symbols: tuple[str, ...]  # single characters; symbol i has id i + 1

    def __post_init__(self) -> None:
        if not self.symbols:
            raise ConfigError("an alphabet needs at least one symbol, got none")
        for position, symbol in enumerate(self.symbols):
            if not isinstance(symbol, str) or len(symbol) != 1:
                raise ConfigError(f"symbols are single characters, got {symbol!r} at position {position}")
            if symbol.isspace() and symbol != " ":
                raise ConfigError(f"the space is the only white space allowed, got {symbol!r} at position {position}")
        if len(self._ids) != len(self.symbols):
            twice = next(s for i, s in enumerate(self.symbols) if s in self.symbols[:i])
            raise ConfigError(f"symbols must differ from each other, got {twice!r} twice")

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols, BLANK + 1)}

    @property
    def size(self) -> int:
        """Number of ids: the symbols and the blank."""
        return len(self.symbols) + 1

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._ids

    def encode(self, text: str) -> NDArray[np.int64]:
        """The ids of a text, one a character.

        Example:
            >>> ENGLISH.encode("ABBA")
            array([1, 2, 2, 1])

        Args:
            text: Characters of this alphabet; `normalise_text` (speech/data.py) brings ordinary text there.

        Returns:
            int64 (len(text),), each in 1..size - 1.

        Raises:
            DataError: If a character is not in the alphabet; the message names it, its position and the text.
        """
        try:
            return np.array([self._ids[character] for character in text], dtype=np.int64)
        except KeyError:
            position, letter = next((i, c) for i, c in enumerate(text) if c not in self._ids)
        raise DataError(
            f"{letter!r} at position {position} of {_excerpt(text, position)!r} is not among the {len(self.symbols)} "
            "symbols of the alphabet; write it as it is spoken, use normalise_text, or build the alphabet with "
            "Alphabet.from_texts"
        )

    def decode(self, ids: ArrayLike) -> str:
        """The text that ids stand for; the inverse of `encode`. For a model's outputs use `decode.greedy`.

        Args:
            ids: Integers (n,) in 1..size - 1: no blank and no padding.

        Returns:
            n characters.

        Raises:
            ValueError: If ids are not one row of integers, or one of them is the blank or beyond the last symbol.
        """
        numbers = np.asarray(ids)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise ValueError(f"expected integer ids of shape (n,), got {numbers.dtype} of shape {numbers.shape}")
        wrong = np.flatnonzero((numbers <= BLANK) | (numbers >= self.size))
        if wrong.size:
            raise ValueError(
                f"ids lie in 1..{self.size - 1}, got {numbers[wrong[0]]} at position {wrong[0]}; "
                "cut off padding and collapse blanks first"
            )
        return "".join(self.symbols[number - 1] for number in numbers.tolist())

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Alphabet:
        """The alphabet of a corpus: its characters, sorted by code point.

        Args:
            texts: Transcripts as they will be encoded.

        Returns:
            The smallest alphabet that encodes them all.

        Raises:
            DataError: If the texts hold no characters, or white space other than the space.
        """
        symbols = tuple(sorted(set().union(*texts)))
        if not symbols:
            raise DataError("the texts hold no characters to make an alphabet of; check the transcripts")
        try:
            return cls(symbols)
        except ConfigError as error:
            raise DataError(f"the texts make no alphabet: {error}; put single spaces between the words") from error


ENGLISH = Alphabet((*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "'", " "))


def n_ctc_frames(ids: Sequence[int] | NDArray[np.int64]) -> int:
    """The fewest output frames in which CTC can write a text.

    One frame a symbol, and a blank between two equal neighbours (Graves et al. 2006, section 3.1: the many-to-one map B
    merges repeats before it removes blanks).

    Args:
        ids: Symbol ids (n,), without blanks.

    Returns:
        n + number of adjacent repeats; 0 for an empty text.
    """
    numbers = np.asarray(ids)
    return len(numbers) + int(np.count_nonzero(numbers[1:] == numbers[:-1]))


def _excerpt(text: str, position: int) -> str:
    """The text around a position, short enough for one line of an error."""
    begin, end = max(0, position - _EXCERPT), position + _EXCERPT + 1
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")
