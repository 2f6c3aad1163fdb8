"""Ordinary text as sentences for a language model, in the letters of a recogniser."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audio_lstm.errors import DataError
from audio_lstm.speech.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.data import normalise_text, read_manifest
from audio_lstm.speech.ngram import MARKS

__all__ = ["LMText", "read_lm_text"]

_UNKNOWN, *_SENTENCE_MARKS = MARKS
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class LMText:
    """A text made ready for `train_ngram`."""

    sentences: tuple[str, ...]  # words with single spaces between them; <unk>: a word that the letters cannot write
    n_words: int  # unwritable ones among them
    n_unwritable: int
    first_unwritable: str = ""  # as normalised; empty: there is none


def read_lm_text(path: str | os.PathLike[str], alphabet: Alphabet = ENGLISH) -> LMText:
    """Read a text file, a sentence a line.

    Any text will do: each word goes through `normalise_text`, which brings it to the case of the alphabet and takes
    out punctuation. A word that then still holds something that is not in the alphabet, such as the 7 in "7 o'clock",
    becomes <unk>: the model learns that some unknown word stands there, not which. Numbers are better spelled out
    before. Lines without a writable word are left out, and so are the marks <s> and </s> of texts that were prepared
    for other programs.

    Example:
        >>> text = read_lm_text("book.txt")
        >>> model = train_ngram(text.sentences)

    Args:
        path: UTF-8, or that in gzip; or a manifest of recordings (`.jsonl`), whose texts are read.
        alphabet: The symbols of the recogniser: letters, or pieces of words.

    Returns:
        The sentences, and how many words the alphabet cannot write.

    Raises:
        DataError: If the file cannot be read or holds no word that the alphabet can write.
    """
    file = Path(path)
    letters = frozenset(symbol for symbol in alphabet.symbols if len(symbol) == 1)  # a piece's are all here
    normalised: dict[str, tuple[str, ...]] = {_UNKNOWN: (_UNKNOWN,)} | dict.fromkeys(_SENTENCE_MARKS, ())
    sentences = []
    n_words = n_unwritable = 0
    first_unwritable = ""
    for line in _lines(file):
        words: list[str] = []
        for token in line.split():
            if token not in normalised:
                spelled = normalise_text(token, alphabet).split()
                unwritable = next((word for word in spelled if not letters.issuperset(word)), "")
                first_unwritable = first_unwritable or unwritable
                normalised[token] = tuple(word if letters.issuperset(word) else _UNKNOWN for word in spelled)
            words += normalised[token]
        n_unknown = words.count(_UNKNOWN)
        n_words += len(words)
        n_unwritable += n_unknown
        if n_unknown < len(words):
            sentences.append(" ".join(words))
    if not sentences:
        first = f" (the first word: {first_unwritable!r:.40})" if first_unwritable else ""
        raise DataError(f"{file}: no words in the letters of the model{first}; expected a sentence a line")
    return LMText(tuple(sentences), n_words, n_unwritable, first_unwritable)


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
            is_gzip = raw.read(len(_GZIP)) == _GZIP
        with gzip.open(file) if is_gzip else file.open("rb") as handle:
            for number, line in enumerate(handle, 1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}:{number}: not UTF-8 text ({error.reason}); convert it, for instance with iconv"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{file}: damaged gzip data ({error}); fetch it again") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error
