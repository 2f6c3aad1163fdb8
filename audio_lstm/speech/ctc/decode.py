"""Best-path CTC decoding: log-probabilities of a recording -> text, words, where they were heard and how surely."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.text.alphabet import BLANK, Alphabet

__all__ = ["GreedyPath", "WordSpan", "greedy"]

_ROUNDING = 1e-2  # a log-probability above 0 by no more than this is rounding in half precision


@dataclass(frozen=True)
class WordSpan:
    """A word of the best path."""

    text: str
    start_frame: int  # output frame in which its first letter (or piece of letters) begins
    end_frame: int  # last output frame of its last letter, inclusive
    log_prob: float  # natural log, mean over its letters, each at its surest frame; pieces of words count as letters

    @property
    def confidence(self) -> float:
        """0..1: geometric mean of the letters' probabilities; higher is surer, but it is not calibrated."""
        return math.exp(min(self.log_prob, 0.0))


@dataclass(frozen=True)
class GreedyPath:
    """The best path of a recording, collapsed into words."""

    words: tuple[WordSpan, ...]  # in the order spoken
    log_prob: float  # natural log of the path's probability: the sum of every frame's best log-probability

    @property
    def text(self) -> str:
        """The words, one space between them; empty where nothing was heard."""
        return " ".join(word.text for word in self.words)


def greedy(log_probs: NDArray[np.floating], alphabet: Alphabet) -> GreedyPath:
    """Take the likeliest symbol of every frame, merge repeats, then remove blanks.

    This is best path decoding (Graves, Fernández, Gomez & Schmidhuber 2006, section 3.2): h(x) ≈ B(π*), where π* is the
    sequence of most active outputs and B merges repeats and removes blanks. It is the likeliest path, not always the
    likeliest text. A tie goes to the lower id, so to the blank first. A word begins after a space, or at a piece that
    begins with one; spaces at either end or in a row make no empty words.

    Examples:
        >>> alphabet = Alphabet(("A", "B", " "))
        >>> path = greedy(np.log(np.eye(4)[[1, 1, 0, 1, 3, 2]] * 0.97 + 0.01), alphabet)
        >>> path.text, path.words[1].start_frame
        ('AA B', 5)

    Args:
        log_probs: Natural-log probabilities (time, alphabet.size); the blank comes first. No frame is fine.
        alphabet: The symbols of the other columns.

    Returns:
        The words with their frames, and the path's log-probability.

    Raises:
        ValueError: If the shape is wrong, or the values hold NaN or lie above 0.
    """
    if log_probs.ndim != 2 or log_probs.shape[1] != alphabet.size:
        raise ValueError(f"expected log-probabilities of shape (time, {alphabet.size}), got {log_probs.shape}")
    if len(log_probs) == 0:
        return GreedyPath((), 0.0)
    ids = log_probs.argmax(axis=1)  # (T,)
    best = np.take_along_axis(log_probs, ids[:, None], axis=1)[:, 0].astype(np.float64)  # (T,)
    if np.isnan(best).any():  # argmax picks a NaN where there is one
        frame = int(np.isnan(best).argmax())
        raise ValueError(f"the log-probabilities of frame {frame} hold NaN; the model or its input is broken")
    if best.max() > _ROUNDING:
        raise ValueError(
            f"log-probabilities lie at or below 0, got {best.max():.4g}; apply log-softmax to logits first"
        )

    starts = np.flatnonzero(np.diff(ids, prepend=-1))  # where runs of one symbol begin
    ends = np.append(starts[1:], len(ids)) - 1
    surest = np.maximum.reduceat(best, starts)
    spoken = ids[starts] != BLANK
    symbols = [alphabet.symbols[number - 1] for number in ids[starts][spoken].tolist()]
    starts, ends, surest = starts[spoken], ends[spoken], surest[spoken]
    words = []
    for first, last in _word_bounds(symbols):
        text = "".join(symbols[first : last + 1]).removeprefix(" ")
        words.append(WordSpan(text, int(starts[first]), int(ends[last]), float(surest[first : last + 1].mean())))
    return GreedyPath(tuple(words), float(best.sum()))


def _word_bounds(symbols: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The positions of each word's first and last symbol; a space on its own is in no word."""
    first = -1  # of the word that goes on; -1: none does
    for position, symbol in enumerate(symbols):
        if symbol[0] == " " and first >= 0:
            yield first, position - 1
            first = -1
        if first < 0 and symbol != " ":
            first = position
    if first >= 0:
        yield first, len(symbols) - 1
