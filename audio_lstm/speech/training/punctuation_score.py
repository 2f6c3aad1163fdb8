"""How well marks and capitals are restored: precision, recall and F1 of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.text.punctuation import LOWER, MARKS, SENTENCE_ENDS, likeliest_marks
from audio_lstm.speech.training.punctuation_data import IGNORED, Window

__all__ = ["KINDS", "Counts", "Score", "count_marks", "counts", "tuned_bias"]

_ENDS = tuple(MARKS.index(mark) for mark in SENTENCE_ENDS)
KINDS = {  # what is counted: marks that are the same in print count as one
    "end": _ENDS,
    "comma": (MARKS.index(","),),
    "full stop": (MARKS.index("."),),
    "question": (MARKS.index("?"),),
    "exclamation": (MARKS.index("!"),),
    "semicolon": (MARKS.index(";"),),
    "colon": (MARKS.index(":"),),
    "dash": (MARKS.index(" –"),),
}


@dataclass(frozen=True)
class Score:
    """Of one kind."""

    right: int = 0
    given: int = 0  # by the model
    wanted: int = 0  # in the text

    @property
    def precision(self) -> float:
        """Share of the given ones that are right; 0 where none was given."""
        return self.right / max(1, self.given)

    @property
    def recall(self) -> float:
        """Share of the wanted ones that were given; 0 where none was wanted."""
        return self.right / max(1, self.wanted)

    @property
    def f1(self) -> float:
        """2 right / (given + wanted)."""
        return 2 * self.right / max(1, self.given + self.wanted)

    def __add__(self, other: Score) -> Score:
        return Score(self.right + other.right, self.given + other.given, self.wanted + other.wanted)


@dataclass(frozen=True)
class Counts:
    """Of all kinds."""

    scores: dict[str, Score] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        names = dict.fromkeys([*self.scores, *other.scores])
        return Counts({name: self.scores.get(name, Score()) + other.scores.get(name, Score()) for name in names})

    def f1(self) -> dict[str, float]:
        """By kind."""
        return {name: score.f1 for name, score in self.scores.items()}


def count_marks(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> Counts:
    """Compare marks word by word.

    Args:
        found: Indices of MARKS (n,).
        wanted: The same of the text.

    Returns:
        Counts of all KINDS.
    """
    scores = {}
    for name, kind in KINDS.items():
        given, there = np.isin(found, kind), np.isin(wanted, kind)
        scores[name] = Score(int((given & there).sum()), int(given.sum()), int(there.sum()))
    return Counts(scores)


def counts(window: Window, marks: NDArray[np.float32], cases: NDArray[np.int64]) -> Counts:
    """Compare a model's answers with a window.

    Args:
        window: With the wanted answers.
        marks: Log-probabilities (n, MARKS).
        cases: The likeliest cases (n,).

    Returns:
        Counts of all kinds of marks, and of capitals but at the beginnings of sentences.
    """
    total = count_marks(np.array(likeliest_marks(marks)), window.marks)
    counted = window.cases != IGNORED
    given, there = cases[counted] != LOWER, window.cases[counted] != LOWER
    capital = Score(int((given & there).sum()), int(given.sum()), int(there.sum()))
    return total + Counts({"capital": capital})


def tuned_bias(items: Sequence[tuple[Window, NDArray[np.float32]]]) -> tuple[float, ...]:
    """What to add to the log-probabilities of the marks so that F1 is best.

    Args:
        items: Windows with their log-probabilities of marks.

    Returns:
        A bias for each of MARKS: of ends together, then of commas, then of question marks among the ends.
    """
    wanted = np.concatenate([window.marks for window, _ in items])
    log_probs = np.concatenate([row for _, row in items])
    bias = np.zeros(len(MARKS), np.float32)
    steps = np.arange(-1.0, 1.6, 0.1)
    groups = ((_ENDS, "end"), ((MARKS.index(","),), "comma"), (_ENDS, "end"), ((MARKS.index("?"),), "question"))
    for kind, name in groups:
        tried = []
        for step in steps:
            changed = bias.copy()
            changed[list(kind)] += step
            found = count_marks(np.array(likeliest_marks(log_probs + changed)), wanted).scores
            value = found[name].f1 + 0.2 * (found["end"].f1 + found["comma"].f1)
            tried.append((value, -abs(step), changed))
        bias = max(tried, key=lambda each: each[:2])[2]
    return tuple(round(float(value), 2) for value in bias)
