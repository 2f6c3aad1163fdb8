"""Forced alignment: the likeliest CTC path that writes a text -> when each letter and word was said, how surely."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.ctc.decode import WordSpan
from audio_lstm.speech.ctc.viterbi import StateGraph, best_path
from audio_lstm.speech.text.alphabet import BLANK, Alphabet, n_ctc_frames

__all__ = ["SymbolAlignment", "align_symbols", "word_spans"]

_ROUNDING = 1e-2  # a log-probability above 0 by no more than this is rounding in half precision


@dataclass(frozen=True, eq=False)
class SymbolAlignment:
    """Where the n symbols of a text lie in the frames of a recording."""

    start_frames: NDArray[np.int64]  # (n,) first output frame of each symbol
    end_frames: NDArray[np.int64]  # (n,) its last output frame, inclusive
    log_probs: NDArray[np.float64]  # (n,) natural log, each symbol at its surest frame
    log_prob: float  # natural log of the whole path's probability, blanks included; -inf: the text is impossible


def align_symbols(log_probs: NDArray[np.floating], ids: ArrayLike) -> SymbolAlignment:
    """Find the likeliest CTC path that writes the symbols, and cut it into one span a symbol.

    The states are those of Graves, Fernández, Gomez & Schmidhuber 2006, section 4.1: the symbols with a blank before,
    between and after them, 2 n + 1 in all; their forward variables (equations 5 to 8) with the maximum in place of the
    sum. Where steps tie, the path stays in its state before it moves on, and moves one state before it skips a blank.
    Frames that give a symbol probability 0 are avoided where they can be. Memory grows with n (speech/ctc/viterbi.py).

    Examples:
        >>> alignment = align_symbols(np.log(np.eye(3)[[0, 1, 1, 0, 2]] * 0.97 + 0.01), [1, 2])
        >>> alignment.start_frames, alignment.end_frames
        (array([1, 4]), array([2, 4]))

    Args:
        log_probs: Natural-log probabilities (T, V); the blank comes first.
        ids: The text's symbols (n,), each in 1..V - 1; none is fine: a path of blanks.

    Returns:
        The spans, in the order of the symbols; they do not overlap.

    Raises:
        DataError: If CTC cannot write that many symbols, and blanks between repeats, in T frames.
    """
    symbols = _checked_ids(log_probs, ids)
    n_frames, n_needed = len(log_probs), n_ctc_frames(symbols)
    if n_needed > n_frames:
        raise DataError(
            f"{len(symbols)} symbols need at least {n_needed} frames, and the recording has {n_frames}; "
            "check that this text belongs to this recording"
        )
    graph = StateGraph.of_symbols(symbols, BLANK)
    labels = graph.labels  # (S,)
    path = best_path(log_probs, graph)  # (T,)
    emitted = log_probs[np.arange(n_frames), labels[path]].astype(np.float64)  # (T,)
    states = np.arange(1, len(labels), 2)  # (n,) those that write a symbol
    starts = np.searchsorted(path, states)
    ends = np.searchsorted(path, states, side="right") - 1
    surest = np.full(len(symbols), -np.inf)
    writing = path % 2 == 1
    np.maximum.at(surest, path[writing] // 2, emitted[writing])
    return SymbolAlignment(starts, ends, surest, float(emitted.sum()))


def word_spans(
    log_probs: NDArray[np.floating], text: str, alphabet: Alphabet, *, ids: ArrayLike | None = None
) -> tuple[WordSpan, ...]:
    """When the words of a text that a search chose were said, and how surely; like `greedy`'s words.

    Examples:
        >>> alphabet = Alphabet(("A", "B", " "))
        >>> spans = word_spans(np.log(np.eye(4)[[1, 1, 0, 1, 3, 2]] * 0.97 + 0.01), "AA B", alphabet)
        >>> [(word.text, word.start_frame, word.end_frame) for word in spans]
        [('AA', 0, 3), ('B', 5, 5)]

    A text that holds letters which the alphabet lacks, or needs more frames than there are, is a DataError.

    Args:
        log_probs: Natural-log probabilities (T, alphabet.size); the blank comes first.
        text: The words, spaces between them.
        alphabet: The symbols of the other columns; a symbol may be a piece of a word (" TH"), its space is no part of
            the word.
        ids: The symbols (n,) that write the text, where there are several ways; else `alphabet.encode` chooses.

    Returns:
        A span for each word of the text, its log-probability the mean over its symbols, each at its surest frame.

    Raises:
        ValueError: If the shape is wrong, or `ids` write something other than the text.
    """
    if log_probs.ndim != 2 or log_probs.shape[1] != alphabet.size:
        raise ValueError(f"expected log-probabilities of shape (time, {alphabet.size}), got {log_probs.shape}")
    words = text.split()
    symbols = alphabet.encode(" ".join(words)) if ids is None else _checked_ids(log_probs, ids)
    pieces = [alphabet.symbols[number - 1] for number in symbols.tolist()]
    written = "".join(pieces)
    if written.split() != words:
        raise ValueError(f"ids must write the text: expected {' '.join(words)!r}, they write {written!r}")
    alignment = align_symbols(log_probs, symbols)
    owners = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])  # (characters,) their symbols
    spans = []
    for match in re.finditer("[^ ]+", written):
        first, last = int(owners[match.start()]), int(owners[match.end() - 1])
        spans.append(
            WordSpan(
                text=match.group(),
                start_frame=int(alignment.start_frames[first]),
                end_frame=int(alignment.end_frames[last]),
                log_prob=float(alignment.log_probs[first : last + 1].mean()),
            )
        )
    return tuple(spans)


def _checked_ids(log_probs: NDArray[np.floating], ids: ArrayLike) -> NDArray[np.int64]:
    """The symbols as an array, once both arguments are what they should be."""
    if log_probs.ndim != 2 or log_probs.shape[1] < 1:
        raise ValueError(f"expected log-probabilities of shape (time, symbols), got {log_probs.shape}")
    n_frames, n_symbols = log_probs.shape
    if n_frames:
        highest = log_probs.max(axis=1)  # (T,) NaN where there is one
        if np.isnan(highest).any():
            frame = int(np.isnan(highest).argmax())
            raise ValueError(f"the log-probabilities of frame {frame} hold NaN; the model or its input is broken")
        if highest.max() > _ROUNDING:
            raise ValueError(
                f"log-probabilities lie at or below 0, got {highest.max():.4g}; apply log-softmax to logits first"
            )
    numbers = np.asarray(ids)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise ValueError(f"expected integer ids of shape (n,), got {numbers.dtype} of shape {numbers.shape}")
    wrong = np.flatnonzero((numbers <= BLANK) | (numbers >= n_symbols))
    if wrong.size:
        raise ValueError(
            f"ids lie in 1..{n_symbols - 1}, got {numbers[wrong[0]]} at position {wrong[0]}; "
            "leave out blanks and padding"
        )
    return numbers.astype(np.int64)
