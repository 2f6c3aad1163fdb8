"""Ordinary text as sentences for a language model, in the letters of a recogniser."""

from __future__ import annotations

import gzip
import lzma
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.text.data import normalise_text, read_manifest
from audio_lstm.speech.text.spoken import spell_out
from audio_lstm.speech.words.ngram import MARKS

__all__ = ["UNKNOWN", "LMText", "leave_out", "read_lm_text"]

UNKNOWN, *_SENTENCE_MARKS = MARKS
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_RUN = 8  # words: two texts that share as many in a row have a common source


@dataclass(frozen=True)
class LMText:
    """A text made ready for `train_ngram`."""

    sentences: tuple[str, ...]  # words with single spaces between them; <unk>: a word that the letters cannot write
    n_words: int  # unwritable ones among them
    n_unwritable: int
    first_unwritable: str = ""  # as normalised; empty: there is none


def read_lm_text(path: str | os.PathLike[str], alphabet: Alphabet = ENGLISH, *, spells_out: bool = False) -> LMText:
    """Read a text file, a sentence a line.

    Any text will do: each word goes through `normalise_text`, which brings it to the case of the alphabet and takes
    out punctuation. A word that then still holds something that is not in the alphabet, such as the 7 in "7 o'clock",
    becomes <unk>: the model learns that some unknown word stands there, not which. Numbers are better spelled out.
    Lines without a writable word are left out, and so are the marks <s> and </s> of texts that were prepared
    for other programs.

    Examples:
        >>> from audio_lstm.speech.words.ngram import train_ngram
        >>> text = read_lm_text("book.txt")
        >>> model = train_ngram(text.sentences)

    Args:
        path: UTF-8, or that in gzip or xz; or a manifest of recordings (`.jsonl`), whose texts are read.
        alphabet: The symbols of the recogniser: letters, or pieces of words.
        spells_out: Put the numbers, signs and abbreviations of printed English into the words that people say
            (`spell_out`). Lines without a small letter have been through that already.

    Returns:
        The sentences, and how many words the alphabet cannot write.

    Raises:
        DataError: If the file cannot be read or holds no word that the alphabet can write.
    """
    file = Path(path)
    letters = frozenset(symbol for symbol in alphabet.symbols if len(symbol) == 1)  # a piece's are all here
    normalised: dict[str, tuple[str, ...]] = {UNKNOWN: (UNKNOWN,)} | dict.fromkeys(_SENTENCE_MARKS, ())
    sentences = []
    n_words = n_unwritable = 0
    first_unwritable = ""
    for line in _lines(file):
        words: list[str] = []
        printed = spells_out and any(map(str.islower, line))
        for token in (spell_out(line) if printed else line).split():
            if token not in normalised:
                spelled = normalise_text(token, alphabet).split()
                unwritable = next((word for word in spelled if not letters.issuperset(word)), "")
                first_unwritable = first_unwritable or unwritable
                normalised[token] = tuple(word if letters.issuperset(word) else UNKNOWN for word in spelled)
            words += normalised[token]
        n_unknown = words.count(UNKNOWN)
        n_words += len(words)
        n_unwritable += n_unknown
        if n_unknown < len(words):
            sentences.append(" ".join(words))
    if not sentences:
        first = f" (the first word: {first_unwritable!r:.40})" if first_unwritable else ""
        raise DataError(f"{file}: no words in the letters of the model{first}; expected a sentence a line")
    return LMText(tuple(sentences), n_words, n_unwritable, first_unwritable)


def leave_out(text: LMText, unseen: Iterable[str]) -> LMText:
    """A text without the sentences that a recogniser is going to be measured on.

    Examples:
        >>> text = leave_out(read_lm_text("book.txt"), read_lm_text("dev.jsonl").sentences)

    Args:
        text: To train on.
        unseen: Sentences that training must not see, in the same letters.

    Returns:
        The text without sentences that equal one of those or share eight words in a row with one. Its counts of words
        are still those of the whole text.
    """
    whole = set(unseen)
    runs = {run for sentence in whole for run in _runs(sentence)}
    kept = (s for s in text.sentences if s not in whole and runs.isdisjoint(_runs(s)))
    return replace(text, sentences=tuple(kept))


def _runs(sentence: str) -> Iterator[tuple[str, ...]]:
    words = sentence.split()
    return zip(*(words[start:] for start in range(_RUN)), strict=False)


def _lines(file: Path) -> Iterator[str]:
    if file.suffix == ".jsonl":
        yield from (utterance.text for utterance in read_manifest(file))
        return
    if file.is_dir():
        raise DataError(f"{file}: a folder, expected a text file with a sentence a line")
    if not file.exists():
        raise DataError(f"{file}: no such text file; check the path")
    number = 0
    try:
        with file.open("rb") as raw:
            magic = raw.read(len(_XZ))
        unpack = gzip.open if magic.startswith(_GZIP) else lzma.open if magic == _XZ else open
        with unpack(file, "rb") as handle:
            for number, line in enumerate(handle, 1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}:{number}: not UTF-8 text ({error.reason}); convert it, for instance with iconv"
        ) from error
    except (gzip.BadGzipFile, lzma.LZMAError, EOFError, zlib.error) as error:
        kind = "xz" if magic == _XZ else "gzip"
        raise DataError(f"{file}: damaged {kind} data ({error}); fetch it again") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error
