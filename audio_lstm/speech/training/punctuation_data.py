"""Training data of a punctuation model: encoded text, and what makes it sound like a recogniser's output.

The text is one long row of words. Windows of it begin with a sentence; recognition errors, hesitations and pauses are
put in afresh for every window of every epoch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.text.punctuation import (
    LOWER,
    MARKS,
    N_INPUTS,
    N_PIECES,
    SENTENCE_ENDS,
    confidence_ids,
    pause_ids,
    word_ids,
)
from audio_lstm.speech.text.punctuation_text import Heard

__all__ = ["IGNORED", "Corpus", "Noise", "SpeechFacts", "Window", "concatenate", "encode", "read_facts"]

IGNORED = -100  # a case that teaches nothing: a sentence's first word is a capital whatever the word is
_ENDS = tuple(MARKS.index(mark) for mark in SENTENCE_ENDS)
HESITATIONS = ("UH", "UM", "ER", "AH")


@dataclass(frozen=True, eq=False)
class Corpus:
    """Words in their order, and how each was written."""

    vocabulary: tuple[str, ...]
    words: NDArray[np.int32]  # (n,) indices of the vocabulary
    marks: NDArray[np.int8]  # (n,)
    cases: NDArray[np.int16]  # (n,) IGNORED where a sentence begins with a capital
    starts: NDArray[np.int64]  # (sentences,) where sentences begin; the first is 0


@dataclass(frozen=True)
class SpeechFacts:
    """What recordings say of pauses and errors; made by recipes/speech/punctuation_speech.py."""

    edges_s: tuple[float, ...] = (0.0, 0.05, 0.2, 0.5, 1.0)  # of the bins of a pause, the last one its upper end
    pauses: Mapping[str, Sequence[float]] = field(  # shares of the bins after no mark, a comma and like marks, an end
        default_factory=lambda: {
            "none": (0.9, 0.08, 0.015, 0.005),
            "comma": (0.3, 0.4, 0.25, 0.05),
            "end": (0.02, 0.18, 0.5, 0.3),
        }
    )
    confusions: Mapping[str, Sequence[str]] = field(default_factory=dict)  # what is heard for a word
    substituted: float = 0.05  # share of the words that are
    dropped: float = 0.01
    inserted: float = 0.01  # hesitations for each word


@dataclass(frozen=True, eq=False)
class Window:
    """What the model reads and is to answer."""

    ids: NDArray[np.int64]  # (n, inputs)
    marks: NDArray[np.int64]  # (n,)
    cases: NDArray[np.int64]  # (n,)


def encode(sentences: Iterable[Sequence[Heard]]) -> Corpus:
    """Put sentences into one row.

    Args:
        sentences: From `TextReader.read`, in their order; empty ones are passed over.

    Returns:
        The corpus.

    Raises:
        DataError: If there is no word.
    """
    numbers: dict[str, int] = {}
    words: list[int] = []
    marks: list[int] = []
    cases: list[int] = []
    starts: list[int] = []
    begins = True
    for sentence in sentences:
        if not sentence:
            continue
        starts.append(len(words))
        begins = True
        for heard in sentence:
            words.append(numbers.setdefault(heard.word, len(numbers)))
            marks.append(heard.mark)
            cases.append(IGNORED if begins and heard.case != LOWER else heard.case)
            begins = heard.mark in _ENDS
    if not words:
        raise DataError("the text holds no words; give text with a sentence a line")
    return Corpus(
        tuple(numbers),
        np.array(words, np.int32),
        np.array(marks, np.int8),
        np.array(cases, np.int16),
        np.array(starts, np.int64),
    )


def concatenate(parts: Sequence[Corpus]) -> Corpus:
    """Several corpora one after the other.

    Args:
        parts: At least one.

    Returns:
        All of them.
    """
    numbers: dict[str, int] = {}
    words = []
    for part in parts:
        table = np.array([numbers.setdefault(word, len(numbers)) for word in part.vocabulary], np.int32)
        words.append(table[part.words])
    offsets = np.cumsum([0, *(len(part.words) for part in parts[:-1])])
    return Corpus(
        tuple(numbers),
        np.concatenate(words),
        np.concatenate([part.marks for part in parts]),
        np.concatenate([part.cases for part in parts]),
        np.concatenate([part.starts + offset for part, offset in zip(parts, offsets.tolist(), strict=True)]),
    )


def read_facts(path: str | os.PathLike[str]) -> SpeechFacts:
    """The file that recipes/speech/punctuation_speech.py writes.

    Args:
        path: The JSON file.

    Returns:
        Its contents.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        return SpeechFacts(**json.loads(Path(path).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        way_out = "make it again with recipes/speech/punctuation_speech.py"
        raise DataError(f"{os.fspath(path)}: not what recordings say of pauses ({error}); {way_out}") from error


class Noise:
    """Makes written text sound like a recogniser's output."""

    def __init__(self, corpus: Corpus, facts: SpeechFacts, n_buckets: int) -> None:
        """Prepare tables.

        Args:
            corpus: Whose windows are to be read.
            facts: What recordings say.
            n_buckets: Rows for the pieces of words.
        """
        heard_as = {word.lower(): [other.lower() for other in others] for word, others in facts.confusions.items()}
        extra = dict.fromkeys(other for others in heard_as.values() for other in others)
        names = [*corpus.vocabulary, *extra, *(word.lower() for word in HESITATIONS)]
        numbers = {name: number for number, name in reversed(list(enumerate(names)))}
        self._pieces = np.array([word_ids(name, n_buckets) for name in names], np.int32)  # (names, pieces)
        self._hesitations = np.array([numbers[word.lower()] for word in HESITATIONS])
        self._confusions = {
            numbers[word]: np.array([numbers[other] for other in others])
            for word, others in heard_as.items()
            if word in numbers and others
        }
        self._confusable = np.zeros(len(names), bool)
        self._confusable[list(self._confusions)] = True
        self._corpus, self._facts = corpus, facts
        kinds = ["end" if number in _ENDS else "none" if not number else "comma" for number in range(len(MARKS))]
        self._cumulative = np.cumsum([facts.pauses[kind] for kind in kinds], axis=1)  # (marks, bins)
        self._edges = np.array(facts.edges_s)

    def window(
        self, begin: int, end: int, rng: np.random.Generator, *, errors: bool = True, pauses: bool | None = None
    ) -> Window:
        """Words begin..end - 1 of the corpus as they might be heard.

        Args:
            begin: The first word.
            end: After the last one.
            rng: Of this window.
            errors: Whether to put in recognition errors and hesitations, in most windows.
            pauses: Whether pauses are known; None: in about half of the windows.

        Returns:
            What the model reads, and the answers.
        """
        words = self._corpus.words[begin:end].astype(np.int64)
        marks = self._corpus.marks[begin:end].astype(np.int64)
        cases = self._corpus.cases[begin:end].astype(np.int64)
        wrong = np.zeros(len(words), bool)
        if errors and rng.random() < 0.6:
            words, marks, cases, wrong = self._disturbed(words, marks, cases, rng)
        ids = np.zeros((len(words), N_INPUTS), np.int64)
        ids[:, :N_PIECES] = self._pieces[words]
        known = rng.random() < 0.5 if pauses is None else pauses
        ids[:, N_PIECES] = self._paused(marks, rng) if known else 0
        sure = np.full(len(words), np.nan)
        if known and errors:
            sure = np.where(wrong, rng.beta(4, 3, len(words)), rng.beta(12, 1, len(words)))
        ids[:, N_PIECES + 1] = confidence_ids(sure)
        return Window(ids, marks, cases)

    def _paused(self, marks: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        bins = (rng.random(len(marks))[:, None] > self._cumulative[marks]).sum(axis=1)
        bins = np.minimum(bins, len(self._edges) - 2)
        low, high = self._edges[bins], self._edges[bins + 1]
        pauses = low + (high - low) * rng.random(len(marks))
        pauses[rng.random(len(marks)) < 0.05] = np.nan
        pauses[-1] = np.nan  # nothing is known of what comes after the last word
        return pause_ids(pauses)

    def _disturbed(
        self, words: NDArray[np.int64], marks: NDArray[np.int64], cases: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Words misheard, left out, and hesitations between them."""
        n, facts = len(words), self._facts
        wrong = np.zeros(n, bool)
        rate = facts.substituted * rng.choice([0.2, 0.6, 1.5])  # some recordings are harder than others
        for place in np.flatnonzero((rng.random(n) < rate) & self._confusable[words]):
            words[place] = rng.choice(self._confusions[int(words[place])])
            wrong[place] = True
        drop = rng.random(n) < facts.dropped
        drop[0] = False
        for place in np.flatnonzero(drop)[::-1]:
            if marks[place] and (not marks[place - 1] or marks[place] in _ENDS):
                marks[place - 1] = marks[place]  # the mark is still to be written
            if place + 1 < n and cases[place] == IGNORED:
                cases[place + 1] = IGNORED
        words, marks, cases, wrong = words[~drop], marks[~drop], cases[~drop], wrong[~drop]
        places = np.flatnonzero(rng.random(len(words)) < facts.inserted)
        if len(places):
            words = np.insert(words, places, rng.choice(self._hesitations, len(places)))
            marks, cases = np.insert(marks, places, 0), np.insert(cases, places, IGNORED)
            wrong = np.insert(wrong, places, False)
        return words, marks, cases, wrong
