"""What a speech model writes, letters or pieces of words, and their numbers: 0 is the CTC blank, 1 the first symbol."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ConfigError, DataError

__all__ = ["BLANK", "ENGLISH", "Alphabet", "n_ctc_frames"]

BLANK = 0  # id of the CTC blank, as in torch.nn.CTCLoss's default and in Graves's papers since 2006

_EXCERPT = 24  # characters shown on either side of a letter that does not fit
_MAX_CACHED_WORDS = 1 << 18  # whose pieces are kept; LibriSpeech's 960 h have 89 thousand words


@dataclass(frozen=True)
class Alphabet:
    """The output symbols of a speech model, without the blank; it is stored with the model.

    Symbols are single characters, or some of them are pieces of words (`train_pieces`, pieces.py). A piece that
    begins with a space begins a word, so that the text of a row of symbols is their concatenation. Every character of
    a piece is a symbol too: no text of these characters is unwritable. The pieces' order is the order in which byte
    pair encoding merges (Sennrich, Haddow & Birch 2016, "Neural machine translation of rare words with subword
    units", section 3.2).

    Examples:
        >>> pieces = Alphabet((" A", "BC", " ABC", "A", "B", "C", " "))
        >>> pieces.encode("ABC CAB").tolist(), pieces.decode([3, 7, 6, 4, 5])
        ([3, 7, 6, 4, 5], 'ABC CAB')
    """

    symbols: tuple[str, ...]  # characters, or pieces in the order of their merges and characters; i has id i + 1

    def __post_init__(self) -> None:
        if not self.symbols:
            raise ConfigError("an alphabet needs at least one symbol, got none")
        for position, symbol in enumerate(self.symbols):
            if not isinstance(symbol, str) or not symbol:
                raise ConfigError(f"symbols are characters or pieces of words, got {symbol!r} at position {position}")
            if any(character.isspace() and character != " " for character in symbol):
                raise ConfigError(f"the space is the only white space allowed, got {symbol!r} at position {position}")
            if " " in symbol[1:]:
                raise ConfigError(
                    f"a piece has a space only where a word begins, got {symbol!r} at position {position}"
                )
        if len(self._ids) != len(self.symbols):
            twice = next(symbol for i, symbol in enumerate(self.symbols) if symbol in self.symbols[:i])
            raise ConfigError(f"symbols must differ from each other, got {twice!r} twice")
        for position, symbol in enumerate(self.symbols):
            missing = next((character for character in symbol if character not in self._ids), None)
            if missing is not None:
                raise ConfigError(
                    f"every character of a piece is a symbol too, but {missing!r} of {symbol!r} at position {position} "
                    "is none; add it after the pieces"
                )

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols, BLANK + 1)}

    @cached_property
    def _pieces_of(self) -> dict[str, tuple[int, ...]]:
        """The ids of words that were encoded before, by the word with its space."""
        return {}

    @property
    def size(self) -> int:
        """Number of ids: the symbols and the blank."""
        return len(self.symbols) + 1

    @cached_property
    def is_characters(self) -> bool:
        """Whether every symbol is a single character, so that a text has one id a character."""
        return all(len(symbol) == 1 for symbol in self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._ids

    def encode(self, text: str) -> NDArray[np.int64]:
        """The ids of a text: one a character, or the fewest that byte pair encoding comes to with these pieces.

        Examples:
            >>> ENGLISH.encode("ABBA")
            array([1, 2, 2, 1])

        Args:
            text: Characters of this alphabet; `normalise_text` (speech/text/data.py) brings ordinary text there. Pieces
                know words, not spaces: spaces at either end or in a row count as sentencepiece counts them, as none
                and as one.

        Returns:
            int64 (n,), each in 1..size - 1; n is len(text) where symbols are characters.

        Raises:
            DataError: If a character is not in the alphabet; the message names it, its position and the text.
        """
        try:
            return np.array(self._numbers(text), dtype=np.int64)
        except KeyError:
            position, letter = next((i, c) for i, c in enumerate(text) if c not in self._ids)
        raise DataError(
            f"{letter!r} at position {position} of {_excerpt(text, position)!r} is not among the {len(self.symbols)} "
            "symbols of the alphabet; write it as it is spoken, use normalise_text, or build the alphabet with "
            "Alphabet.from_texts"
        )

    def _numbers(self, text: str) -> list[int]:
        """The ids of a text; KeyError if it holds another character."""
        if self.is_characters:
            return [self._ids[character] for character in text]
        words = [f" {word}" for word in text.split(" ") if word] if " " in self._ids else [text]
        return [number for word in words for number in self._word_numbers(word)]

    def _word_numbers(self, word: str) -> tuple[int, ...]:
        """The ids of a word's pieces: texts repeat their words, so merging a word once is enough."""
        numbers = self._pieces_of.get(word)
        if numbers is None:
            numbers = tuple(self._ids[piece] for piece in _merge(word, self._ids))
            if len(self._pieces_of) < _MAX_CACHED_WORDS:
                self._pieces_of[word] = numbers
        return numbers

    def decode(self, ids: ArrayLike) -> str:
        """The text that ids stand for; the inverse of `encode`. For a model's outputs use `decode.greedy`.

        Args:
            ids: Integers (n,) in 1..size - 1: no blank and no padding.

        Returns:
            n characters; where symbols are pieces, their text with single spaces between the words and none around.

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
        text = "".join(self.symbols[number - 1] for number in numbers.tolist())
        return text if self.is_characters else " ".join(text.split())

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


def _merge(word: str, ids: Mapping[str, int]) -> list[str]:
    """The pieces of a word: the adjacent pair whose joined text has the lowest id is merged, until none has one.

    A pair further left goes first where ids are equal. This is sentencepiece's bpe_model.cc, with a heap so that
    long words (languages without spaces) take n log n steps. A character that is no symbol stays as it is.
    """
    pieces = list(word)  # "" once merged into the one before
    before = list(range(-1, len(word) - 1))
    after = list(range(1, len(word) + 1))
    agenda: list[tuple[int, int, int, str]] = []  # id and text of what the two positions make together

    def consider(left: int, right: int) -> None:
        if left >= 0 and right < len(pieces):
            joined = pieces[left] + pieces[right]
            if joined in ids:
                heapq.heappush(agenda, (ids[joined], left, right, joined))

    for left in range(len(word) - 1):
        consider(left, left + 1)
    while agenda:
        _, left, right, joined = heapq.heappop(agenda)
        if not pieces[right] or pieces[left] + pieces[right] != joined:
            continue  # one of the two has been merged with another since
        pieces[left], pieces[right] = joined, ""
        after[left] = after[right]
        if after[left] < len(pieces):
            before[after[left]] = left
        consider(before[left], left)
        consider(left, after[left])
    return [piece for piece in pieces if piece]


def _excerpt(text: str, position: int) -> str:
    """The text around a position, short enough for one line of an error."""
    begin, end = max(0, position - _EXCERPT), position + _EXCERPT + 1
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")
