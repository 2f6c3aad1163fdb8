"""How likely a recording is to say each of several texts: the forward variables of CTC, of all texts at once.

After Graves, Fernández, Gomez & Schmidhuber 2006, section 4.1. The states of all texts lie in one row; a step
adds to each what comes from the states before it, in probabilities that are brought back to 1 every few frames.
A word that may be said in several ways has the states of each side by side. A word that nobody can pronounce is passed
over: its state takes whatever is likeliest in each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.text.alphabet import BLANK

__all__ = ["ANYTHING", "TextGraphs", "forward_log_probs", "graphs_of_symbols", "graphs_of_words"]

ANYTHING = -1  # stands for a sound of which nothing is known
_RESCALE_FRAMES = 6  # probabilities of 1e-30 in each of them still leave a float64
_LEAST = 1e-30


@dataclass(frozen=True, eq=False)
class TextGraphs:
    """The states of n texts, S in all."""

    labels: NDArray[np.int64]  # (S,) the column that a state reads; ANYTHING: the likeliest
    begins: NDArray[np.int64]  # (n,) first state of each text; each has at least one
    steps: NDArray[np.bool_]  # (S,) whether a state is reached from the one before it
    skips: NDArray[np.bool_]  # (S,) and from the one before that
    froms: NDArray[np.int64]  # (n_jumps,) other moves; all may stay
    tos: NDArray[np.int64]  # (n_jumps,)
    starts: NDArray[np.bool_]  # (S,) whether a text may begin there
    finals: NDArray[np.bool_]  # (S,) whether it may end there


def forward_log_probs(log_probs: NDArray[np.floating], graphs: TextGraphs) -> NDArray[np.float64]:
    """How likely each text is.

    Args:
        log_probs: Natural-log probabilities (T, V); the blank comes first.
        graphs: The texts.

    Returns:
        (n,) natural logs; -inf where a text does not fit into the frames.
    """
    n_states, n_frames = len(graphs.labels), len(log_probs)
    if not n_frames:
        possible = np.add.reduceat(graphs.starts & graphs.finals & (graphs.labels == BLANK), graphs.begins)
        return np.where(possible > 0, 0.0, -np.inf)
    columns = np.concatenate([log_probs, log_probs.max(axis=1, keepdims=True)], axis=1).astype(np.float64)
    peaks = columns[:, -1].copy()
    columns -= peaks[:, None]  # the likeliest symbol of a frame has 1
    chances = np.maximum(np.exp(columns, out=columns), _LEAST)
    steps, skips = graphs.steps[1:].astype(np.float64), graphs.skips[2:].astype(np.float64)
    sizes = np.diff(graphs.begins, append=n_states)
    logs = np.full(len(sizes), peaks.sum())
    forward = graphs.starts * chances[0].take(graphs.labels, mode="wrap")
    for frame in range(1, n_frames):
        jumped = np.bincount(graphs.tos, forward.take(graphs.froms), n_states).astype(np.float64, copy=False)
        jumped[1:] += forward[:-1] * steps
        jumped[2:] += forward[:-2] * skips
        forward += jumped
        forward *= chances[frame].take(graphs.labels, mode="wrap")
        if frame % _RESCALE_FRAMES == 0:
            sums = np.add.reduceat(forward, graphs.begins)
            sums[sums == 0] = 1.0
            logs += np.log(sums)
            forward /= sums.repeat(sizes)
    with np.errstate(divide="ignore"):
        return logs + np.log(np.add.reduceat(forward * graphs.finals, graphs.begins))


def graphs_of_symbols(texts: Sequence[NDArray[np.int64]], space: int) -> TextGraphs:
    """The states of texts that are rows of symbols; spaces around them or in a row write nothing more.

    Args:
        texts: At least one; symbols (n_i,), none of them the blank.
        space: The symbol that is a space alone; -1 if there is none.

    Returns:
        Blanks and symbols in turn.
    """
    edge = np.array([space] if space >= 0 else [], np.int64)
    rows = [np.concatenate([edge, text, edge]) if len(text) else edge for text in texts]
    sizes = np.array([2 * len(row) + 1 for row in rows])
    begins = np.cumsum(sizes) - sizes
    labels = np.full(int(sizes.sum()), BLANK)
    places = np.arange(len(labels)) - begins.repeat(sizes)
    labels[places % 2 == 1] = np.concatenate(rows)
    again = np.flatnonzero(labels == space)  # reached from the blank after it
    n_edge = 2 * len(edge) + 2  # states before which nothing need be said
    left = sizes.repeat(sizes) - places
    # The blank after the first space, which leads back to it, stands for the one before it too.
    starts = (places >= len(edge)) & (places < n_edge)
    return TextGraphs(labels, begins, *_chain_moves(labels, places), again + 1, again, starts, left <= n_edge)


def _chain_moves(labels: NDArray[np.int64], places: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Steps, and skips between different symbols; places count within a chain."""
    skips = (places >= 2) & (labels != BLANK)
    skips[2:] &= labels[2:] != labels[:-2]
    return places >= 1, skips


def graphs_of_words(texts: Sequence[Sequence[Sequence[Sequence[int]]]]) -> TextGraphs:
    """The states of texts whose words may be said in several ways, with nothing between them.

    Args:
        texts: At least one; of each word the ways to say it, symbols each; a word without any may be anything.

    Returns:
        A blank before each word, the ways to say it, and a blank at the end.
    """
    labels: list[int] = []
    places: list[int] = []  # within a way; -1 for the blanks between words
    begins, froms, tos, starts, finals = [], [], [], [], []
    for text in texts:
        begins.append(len(labels))
        lasts: list[int] = []  # states in which the word before may end
        for ways in text:
            rest = len(labels)
            labels.append(BLANK)
            places.append(-1)
            froms += lasts
            tos += [rest] * len(lasts)
            ends = []
            for way in ways or ((ANYTHING,),):
                first = len(labels)
                froms.append(rest)
                tos.append(first)
                joined = [last for last in lasts if labels[last] != way[0]]
                froms += joined
                tos += [first] * len(joined)
                chain = [BLANK] * (2 * len(way) - 1)
                chain[::2] = way
                labels += chain
                places += range(len(chain))
                ends.append(len(labels) - 1)
                if not lasts:
                    starts.append(first)
            if not lasts:
                starts.append(rest)
            lasts = ends
        rest = len(labels)
        labels.append(BLANK)
        places.append(-1)
        froms += lasts
        tos += [rest] * len(lasts)
        finals += [*lasts, rest]
        if not lasts:
            starts.append(rest)
    label_row, place_row = np.array(labels, np.int64), np.array(places, np.int64)
    n = len(labels)
    is_start, is_final = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    is_start[starts], is_final[finals] = True, True
    return TextGraphs(
        label_row,
        np.array(begins, np.int64),
        *_chain_moves(label_row, place_row),
        np.array(froms, np.int64),
        np.array(tos, np.int64),
        is_start,
        is_final,
    )
