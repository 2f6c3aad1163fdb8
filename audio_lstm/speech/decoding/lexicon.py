"""The lexicon of a model that hears sounds: words -> the ways to say them, as a compact file of its folder (.lex).

    lexicon = Lexicon.from_pronunciations(read_dictionary("cmudict.dict"))
    write_lexicon(lexicon, folder / "lexicon.lex")
    read_lexicon(folder / "lexicon.lex").pronunciations("READ")      # ((28, 11, 9), (28, 18, 9)): R EH D, R IY D

A file is, little-endian: magic (8 bytes), version u16, number of phonemes u16, CRC-32 u32 of all that follows; number
of words u32, of pronunciations u32, of their phonemes u32, bytes of names and words u32; then one zlib stream of the
names of the phonemes (a line feed after each), the words in UTF-8 (likewise, ascending), and three rows of bytes: how
many ways there are to say each word, the phonemes that each way has, and the phonemes, 1 being the first.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.checkpoint import LEXICON_FILE
from audio_lstm.errors import DataError, ModelError
from audio_lstm.speech.words.pronunciations import PHONEMES

if TYPE_CHECKING:
    from audio_lstm.speech.decoding.pronouncer import Pronouncer

__all__ = [
    "LEXICON_SUFFIX",
    "Lexicon",
    "Pronunciation",
    "Speller",
    "encode_lexicon",
    "load_lexicon",
    "read_lexicon",
    "write_lexicon",
]

LEXICON_SUFFIX = ".lex"
Pronunciation = tuple[int, ...]
"""Phonemes, 1 being the first of the lexicon's; 0 is the CTC blank, which none holds."""

Speller = Callable[[Sequence[str]], Sequence[Sequence[Pronunciation]]]
"""What pronounces words that the lexicon lacks: for each word in capitals its likeliest ways, the best first; none."""

_MAGIC = b"\x89ALX\r\n\x1a\n"  # as PNG's: bytes that transfers as text would change
_VERSION = 1
_HEAD = struct.Struct("<8sHHI")
_SIZES = struct.Struct("<4I")
_MAX_BYTES = 100_000_000  # of a file, and of what it unpacks to
_MAX_WAYS, _MAX_LENGTH = 255, 255  # ways to say a word, and phonemes of one


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Words with their pronunciations; from `from_pronunciations` or `read_lexicon`."""

    phonemes: tuple[str, ...]  # names; phoneme i has id i + 1
    words: tuple[str, ...]  # ascending, all different
    n_ways: NDArray[np.uint8]  # (n_words,) pronunciations of each word, at least 1
    lengths: NDArray[np.uint8]  # (n_pronunciations,) phonemes of each, at least 1
    ids: NDArray[np.uint8]  # (n,) all phonemes, one pronunciation after the other
    speller: Speller | None = None  # asked for words that are not here

    @classmethod
    def from_pronunciations(
        cls, pronunciations: Mapping[str, Iterable[Pronunciation]], *, phonemes: Sequence[str] = PHONEMES
    ) -> Lexicon:
        """Make a lexicon.

        Args:
            pronunciations: The ways to say each word, the commonest first; a way that is there twice counts once.
            phonemes: Their names.

        Returns:
            The lexicon.

        Raises:
            DataError: If there is no word, a word holds a space or has no pronunciation, or one is empty, far too long
                or holds what is none of the phonemes.
        """
        if not pronunciations:
            raise DataError("a lexicon needs words; pass at least one with a pronunciation")
        n_ways, lengths, ids = [], [], bytearray()
        words = tuple(sorted(pronunciations))
        for word in words:
            ways = tuple(dict.fromkeys(map(tuple, pronunciations[word])))[:_MAX_WAYS]
            if not ways or not word or len(word.split()) != 1:
                raise DataError(
                    f"lexicon: {word!r:.40} is no word with a pronunciation; leave it out, or say how it sounds"
                )
            for way in ways:
                if not 1 <= len(way) <= _MAX_LENGTH or not all(0 < phoneme <= len(phonemes) for phoneme in way):
                    raise DataError(
                        f"lexicon: {word!r:.40} is said {way!r:.60}; expected 1 to {_MAX_LENGTH} phonemes in "
                        f"1..{len(phonemes)}"
                    )
                lengths.append(len(way))
                ids += bytes(way)
            n_ways.append(len(ways))
        sizes = np.array(n_ways, np.uint8), np.array(lengths, np.uint8)
        return cls(tuple(phonemes), words, *sizes, np.frombuffer(bytes(ids), np.uint8))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def firsts(self) -> NDArray[np.int64]:
        """The first pronunciation of each word, (n_words + 1,)."""
        return np.append(0, np.cumsum(self.n_ways, dtype=np.int64))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first phoneme of each pronunciation, (n_pronunciations + 1,)."""
        return np.append(0, np.cumsum(self.lengths, dtype=np.int64))

    def __contains__(self, word: str) -> bool:
        return word in self._places

    def places_of(self, words: Sequence[str]) -> NDArray[np.int64]:
        """Where words are in `words`.

        Args:
            words: In capitals.

        Returns:
            int64 (n,); -1 where the lexicon lacks the word.
        """
        places = self._places
        return np.array([places.get(word, -1) for word in words], np.int64)

    def pronunciations(self, word: str) -> tuple[Pronunciation, ...]:
        """The ways to say a word; the speller is not asked.

        Args:
            word: In capitals.

        Returns:
            The commonest first; none where the lexicon lacks the word.
        """
        place = self._places.get(word)
        if place is None:
            return ()
        ways = range(int(self.firsts[place]), int(self.firsts[place + 1]))
        return tuple(tuple(self.ids[self.starts[way] : self.starts[way + 1]].tolist()) for way in ways)

    def pronounce(self, words: Sequence[str]) -> list[tuple[Pronunciation, ...]]:
        """The ways to say words, by the lexicon or else by the speller.

        Args:
            words: In capitals.

        Returns:
            Of each word, the best first; none where neither knows.
        """
        found = [self.pronunciations(word) for word in words]
        lacking = list(dict.fromkeys(word for word, ways in zip(words, found, strict=True) if not ways))
        if self.speller is None or not lacking:
            return found
        spelled = {
            word: tuple(dict.fromkeys(tuple(way) for way in ways if len(way)))
            for word, ways in zip(lacking, self.speller(lacking), strict=True)
        }
        return [ways or spelled[word] for word, ways in zip(words, found, strict=True)]

    def with_words(self, words: Iterable[str]) -> Lexicon:
        """A lexicon that holds more words, as its speller says them: so that it need not be asked again.

        Args:
            words: In capitals; those that are there already, or that nobody can say, change nothing.

        Returns:
            The lexicon, with the same speller.
        """
        more = [word for word in dict.fromkeys(words) if word not in self]
        spelled = {word: ways for word, ways in zip(more, self.pronounce(more), strict=True) if ways}
        if not spelled:
            return self
        known = {word: self.pronunciations(word) for word in self.words}
        larger = Lexicon.from_pronunciations({**known, **spelled}, phonemes=self.phonemes)
        return replace(larger, speller=self.speller)


def write_lexicon(lexicon: Lexicon, path: str | os.PathLike[str]) -> Path:
    """Write a lexicon; its speller is not part of the file.

    Args:
        lexicon: Any.
        path: An older file is replaced once the new one is complete.

    Returns:
        The file.

    Raises:
        DataError: If it cannot be written.
    """
    target = Path(path)
    try:
        with atomic_write(target) as scratch:
            scratch.write_bytes(encode_lexicon(lexicon))
    except OSError as error:
        raise DataError(
            f"{target}: cannot write the lexicon ({error.strerror}); check the folder and the space left"
        ) from error
    return target


def encode_lexicon(lexicon: Lexicon) -> bytes:
    """The bytes of a lexicon's file.

    Args:
        lexicon: Any; its speller is no part of them.

    Returns:
        What `write_lexicon` writes.
    """
    names, words = ("".join(f"{text}\n" for text in texts).encode() for texts in (lexicon.phonemes, lexicon.words))
    body = names + words + b"".join(part.tobytes() for part in (lexicon.n_ways, lexicon.lengths, lexicon.ids))
    sizes = _SIZES.pack(len(lexicon.words), len(lexicon.lengths), len(lexicon.ids), len(names) + len(words))
    payload = sizes + zlib.compress(body, 9)
    return _HEAD.pack(_MAGIC, _VERSION, len(lexicon.phonemes), zlib.crc32(payload)) + payload


def read_lexicon(path: str | os.PathLike[str]) -> Lexicon:
    """Read a lexicon.

    Args:
        path: A file from `write_lexicon`.

    Returns:
        The lexicon, without a speller.

    Raises:
        DataError: If the file is missing, damaged or something else.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise DataError(f"{file}: {file.stat().st_size} bytes is too large for a lexicon; pass a .lex file")
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); copy the lexicon again") from error
    fault, lexicon = _decode(data)
    if lexicon is None:
        raise DataError(f"{file}: not a usable lexicon: {fault}; copy or make it again")
    return lexicon


def load_lexicon(folder: Path, n_phonemes: int) -> Lexicon:
    """How the words are said that a model hears.

    Args:
        folder: The model's.
        n_phonemes: That it hears.

    Returns:
        The lexicon in its folder. Words that it lacks are said by the shipped spelling-to-sound model if its phonemes
        are those of English.

    Raises:
        ModelError: If it is missing, or of other phonemes.
    """
    file = folder / LEXICON_FILE
    if not file.is_file():
        raise ModelError(f"{file}: the lexicon of this model is missing; copy the model again")
    lexicon = read_lexicon(file)
    if len(lexicon.phonemes) != n_phonemes:
        raise ModelError(
            f"{file}: has {len(lexicon.phonemes)} phonemes, the model hears {n_phonemes}; copy the model again"
        )
    return replace(lexicon, speller=_EnglishSpeller()) if lexicon.phonemes == PHONEMES else lexicon


@dataclass(frozen=True, eq=False)
class _EnglishSpeller:
    """The shipped spelling-to-sound model, which is loaded when the first word is asked for."""

    @cached_property
    def _pronouncer(self) -> Pronouncer:
        from audio_lstm.speech.decoding.pronouncer import load_pronouncer

        return load_pronouncer()

    def __call__(self, words: Sequence[str]) -> Sequence[Sequence[Pronunciation]]:
        return self._pronouncer.spell(words)


def _decode(data: bytes) -> tuple[str, Lexicon | None]:
    """What is wrong with a file, or what it holds."""
    if not data.startswith(_MAGIC):
        return "it does not begin like one", None
    if len(data) < _HEAD.size + _SIZES.size:
        return "it is cut off", None
    _, version, n_phonemes, checksum = _HEAD.unpack_from(data)
    if version != _VERSION:
        return f"its format has version {version}, this program reads {_VERSION}", None
    payload = memoryview(data)[_HEAD.size :]
    if zlib.crc32(payload) != checksum:
        return "its checksum is wrong, it is cut off or damaged", None
    n_words, n_ways, n_ids, n_spelled = _SIZES.unpack_from(payload)
    size = n_spelled + n_words + n_ways + n_ids
    if size > _MAX_BYTES:
        return f"it claims {size} bytes", None
    try:
        body = zlib.decompressobj().decompress(payload[_SIZES.size :], size + 1)
        spelled = body[:n_spelled].decode("utf-8").split("\n")
    except (zlib.error, UnicodeDecodeError) as error:
        return f"its data do not unpack ({error})", None
    names, words = tuple(spelled[:n_phonemes]), tuple(spelled[n_phonemes:-1])
    rows = np.frombuffer(body, np.uint8, offset=min(n_spelled, len(body)))
    parts = np.split(rows, [n_words, n_words + n_ways])
    lexicon = Lexicon(names, words, parts[0], parts[1], parts[2])
    adds_up = len(body) == size and len(words) == n_words and len(names) == n_phonemes
    if not adds_up or lexicon.firsts[-1] != n_ways or lexicon.starts[-1] != n_ids:
        return "its counts contradict each other", None
    if not len(words) or min(part.min(initial=1) for part in parts) < 1 or parts[2].max(initial=0) > n_phonemes:
        return "it holds no words, or sounds that are no phonemes", None
    return "", lexicon
