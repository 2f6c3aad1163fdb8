"""Where the words of a script lie in a model's output, and which of them are not there.

    spans = find_words(log_probs, script.ids, alphabet)

Between the words of the script lies a filler that takes whatever is said there, at a price for each symbol, and each
word may be left out at a price, so that a script which does not match is not squeezed in, and what is said without
being in the script does not drag its neighbours. Both are in the search itself (speech/ctc/viterbi.py): the path is the
best over all ways to leave words out. A few words that are found by chance in what is another text are told by their
neighbours, which are not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.aligning.anchors import find_cuts, heard_symbols
from audio_lstm.speech.ctc.viterbi import StateGraph, best_path
from audio_lstm.speech.text.alphabet import BLANK, Alphabet

__all__ = ["SymbolSpans", "find_words", "matched_words"]

# In nats, relative to the best symbol of a frame.
FLOOR = -12.0  # a symbol is never worse than this: models are too sure of themselves
FILLER_COST = 2.0  # of a frame in which the filler takes a letter
LEAVE_OUT_COST = 2.0  # of a word that is left out
LEAVE_OUT_SYMBOL_COST = 1.5  # and of each of its symbols
# A word counts as found if it is no worse than this on average, and if, of this many symbols before or after it, in the
# script or in the sound, that share agrees. Chosen on halves of development sets (recipes/quality/alignment.py).
MIN_WORD_SCORE = -3.0
MIN_LONE_SCORE = -1.0  # in a script that is shorter than the least window: nothing else bears the word out
WINDOW_SYMBOLS = 24
MIN_WINDOW_SYMBOLS = 10  # at the beginning and at the end, where there are no more
MIN_AGREEMENT = 0.45


@dataclass(frozen=True, eq=False)
class SymbolSpans:
    """Where the n symbols of a script lie in the output frames."""

    start_frames: NDArray[np.int64]  # (n,) first frame of each symbol; -1: its word is left out
    end_frames: NDArray[np.int64]  # (n,) last frame, inclusive; -1
    scores: NDArray[np.float64]  # (n,) natural log, at most 0: its probability relative to the best symbol's, at its
    # surest frame; FLOOR where it is left out
    n_strange: NDArray[np.int64]  # (words + 1,) symbols heard before each word, and after the last, that are not in
    # the script


def find_words(log_probs: NDArray[np.floating], words: Sequence[NDArray[np.int64]], alphabet: Alphabet) -> SymbolSpans:
    """The likeliest path through the words of a script, some of which may be left out.

    Long recordings are cut where they surely agree with the script (anchors.py), and the parts are searched one
    by one: time and memory grow with the length of the recording, unless little of the script is in it.

    Args:
        log_probs: Natural-log probabilities (T, alphabet.size); the blank comes first.
        words: The symbols of each word, at least one each.
        alphabet: The symbols of the other columns.

    Returns:
        The spans of the symbols of all words, in order.
    """
    cuts = [(0, 0), *find_cuts(log_probs, words, alphabet), (len(log_probs), len(words))]
    parts = []
    n_strange = np.zeros(len(words) + 1, np.int64)
    for (frame, word), (next_frame, next_word) in pairwise(cuts):
        part = _find_words(log_probs[frame:next_frame], words[word:next_word], alphabet)
        n_strange[word : next_word + 1] += part.n_strange
        found = part.start_frames >= 0
        part.start_frames[found] += frame
        part.end_frames[found] += frame
        parts.append(part)
    return SymbolSpans(
        np.concatenate([part.start_frames for part in parts]),
        np.concatenate([part.end_frames for part in parts]),
        np.concatenate([part.scores for part in parts]),
        n_strange,
    )


def matched_words(
    spans: SymbolSpans, lengths: NDArray[np.int64], excused: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Which words of a script are in the recording.

    No more agreement is asked for than the script can give: a single word is found among whatever else is said.

    Args:
        spans: From `find_words`.
        lengths: How many symbols each word has (n,), at least one.
        excused: Words (n,) that may be said in another way: what is heard in place of one is no disagreement.

    Returns:
        (n,)
    """
    if len(lengths) == 0:
        return np.zeros(0, np.bool_)
    first = np.cumsum(lengths) - lengths
    found = spans.start_frames[first] >= 0
    scores = np.add.reduceat(spans.scores, first) / lengths
    # What is strange and the words take turns; the agreement up to each is a line in pieces over their symbols.
    symbols, agreeing = np.zeros((2, 2 * len(lengths) + 1))
    symbols[0::2], symbols[1::2] = spans.n_strange, lengths
    if excused is not None:
        missing = np.flatnonzero(excused & ~found)
        symbols[np.concatenate([2 * missing, 2 * missing + 1, 2 * missing + 2])] = 0
    agreeing[1::2] = np.where(found, np.add.reduceat(np.exp(spans.scores), first), 0.0)
    ends = np.concatenate([[0.0], np.cumsum(symbols)])
    sums = np.concatenate([[0.0], np.cumsum(agreeing)])
    begin, end = ends[1:-1:2], ends[2::2]  # of each word
    n_scripted = int(lengths.sum())
    least, most = min(MIN_WINDOW_SYMBOLS, n_scripted), min(WINDOW_SYMBOLS, n_scripted)
    size_after = np.clip(ends[-1] - begin, least, most)
    size_before = np.clip(end, least, most)
    begin_after, end_before = np.minimum(begin, ends[-1] - size_after), np.maximum(end, size_before)
    after = np.interp(begin_after + size_after, ends, sums) - np.interp(begin_after, ends, sums)
    before = np.interp(end_before, ends, sums) - np.interp(end_before - size_before, ends, sums)
    agreement: NDArray[np.float64] = np.maximum(before / size_before, after / size_after)
    least_score = MIN_WORD_SCORE if n_scripted >= MIN_WINDOW_SYMBOLS else MIN_LONE_SCORE
    matched: NDArray[np.bool_] = found & (scores >= least_score) & (agreement >= MIN_AGREEMENT)
    return matched


def _find_words(log_probs: NDArray[np.floating], words: Sequence[NDArray[np.int64]], alphabet: Alphabet) -> SymbolSpans:
    """The same, in one go."""
    symbols = np.concatenate([*words, np.zeros(0, np.int64)]).astype(np.int64)
    lengths = np.array([len(word) for word in words], np.int64)
    graph = _graph(symbols, lengths, filler=alphabet.size)
    columns = emissions(log_probs, alphabet)
    path = best_path(columns, graph)  # (T,)
    states = np.arange(1, len(graph.labels), 2)  # (n,) those that write a symbol
    starts = np.searchsorted(path, states)
    ends = np.searchsorted(path, states, side="right") - 1
    left_out = ends < starts
    starts[left_out] = ends[left_out] = -1
    scores = np.full(len(symbols), FLOOR)
    rows = np.flatnonzero(path % 2 == 1)
    np.maximum.at(scores, path[rows] // 2, columns[rows, graph.labels[path[rows]]])
    return SymbolSpans(starts, ends, scores, _strange(path, log_probs, graph, alphabet))


def _graph(symbols: NDArray[np.int64], lengths: NDArray[np.int64], *, filler: int) -> StateGraph:
    """The states of the words: fillers before, between and after them, blanks inside."""
    labels = np.full(2 * len(symbols) + 1, BLANK)
    labels[1::2] = symbols
    stops = 2 * np.concatenate([[0], np.cumsum(lengths)])
    labels[stops] = filler
    costs: NDArray[np.float64] = LEAVE_OUT_COST + LEAVE_OUT_SYMBOL_COST * lengths.astype(np.float64)
    return StateGraph(labels, stops, costs)


def emissions(log_probs: NDArray[np.floating], alphabet: Alphabet) -> NDArray[np.float64]:
    """Log-probabilities relative to the best of each frame, and the filler's in one more column: (T, size + 1)."""
    relative = log_probs.astype(np.float64)
    relative -= relative.max(axis=1, keepdims=True)
    np.maximum(relative, FLOOR, out=relative)
    free = [BLANK, alphabet.symbols.index(" ") + 1] if " " in alphabet else [BLANK]
    filler = np.maximum(relative[:, free].max(axis=1), -FILLER_COST)
    return np.concatenate([relative, filler[:, None]], axis=1)


def _strange(
    path: NDArray[np.int64], log_probs: NDArray[np.floating], graph: StateGraph, alphabet: Alphabet
) -> NDArray[np.int64]:
    """How many symbols the best path has in each filler."""
    _, begins, _ = heard_symbols(log_probs, alphabet)
    rows = begins[graph.labels[path[begins]] == alphabet.size]
    return np.bincount(np.searchsorted(graph.stops, path[rows]), minlength=len(graph.stops))
