"""Places where a script and a recording surely agree, so that what lies between them can be aligned by itself.

After Moreno, Joerg, Van Thong & Glickman 1998 ("A recursive algorithm for the forced alignment of very long audio
segments"), with runs of letters of the greedy path in place of words: a model that gets every second word wrong still
gets such runs right. Anchors only save time; where there are none, the search between takes longer, and that is all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audio_lstm.speech.text.alphabet import BLANK, Alphabet

__all__ = ["Cut", "find_cuts", "heard_symbols"]

RUN_SYMBOLS = 8  # of a run that occurs once in the script and once in what was heard
NEIGHBOURHOOD_SYMBOLS = 60  # of the script, on either side, in which a run must be borne out
MAX_SHIFT_SYMBOLS = 12  # by others that lie as far from it in the script as in what was heard, give or take this
MIN_SUPPORT = 6  # so many of them: a run of 8 that goes on for 6 more
MIN_CUT_FRAMES = 200  # between two cuts: shorter stretches save nothing
_HASH_FACTOR = np.int64(1_000_003)

Cut = tuple[int, int]  # frame, word: the word and all after it lie in this frame and those after it


def find_cuts(
    log_probs: NDArray[np.floating], words: Sequence[NDArray[np.int64]], alphabet: Alphabet
) -> tuple[Cut, ...]:
    """Where a recording and its script may be cut so that the parts belong to each other.

    Args:
        log_probs: Natural-log probabilities (T, alphabet.size); the blank comes first.
        words: The symbols of each word of the script, at least one each.
        alphabet: The symbols of the other columns.

    Returns:
        (frame, word), both rising, from within; none where nothing agrees.
    """
    heard, begins, ends = heard_symbols(log_probs, alphabet)
    symbols = np.concatenate([*words, np.zeros(0, np.int64)]).astype(np.int64)
    in_script, in_heard = _chain(*_shared_runs(symbols, heard))
    first_symbols = np.cumsum([0, *(len(word) for word in words)])  # of each word
    cuts: list[Cut] = []
    frame_before = 0
    for position in np.flatnonzero(_is_borne_out(in_script, in_heard)).tolist():
        script, sound = int(in_script[position]), int(in_heard[position])
        # A word that begins inside the run, as near to its middle as can be.
        word = int(np.searchsorted(first_symbols, script + RUN_SYMBOLS // 2))
        inside = int(first_symbols[word]) - script if word < len(words) else 0
        if not 0 < inside < RUN_SYMBOLS:
            continue
        frame = int(ends[sound + inside - 1] + 1 + begins[sound + inside]) // 2
        if frame - frame_before >= MIN_CUT_FRAMES:
            cuts.append((frame, word))
            frame_before = frame
    return tuple(cuts)


def heard_symbols(
    log_probs: NDArray[np.floating], alphabet: Alphabet
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The symbols that the likeliest path of all writes, without spaces.

    Args:
        log_probs: Natural-log probabilities (T, alphabet.size); the blank comes first.
        alphabet: The symbols of the other columns.

    Returns:
        The symbols, their first and their last frames: (m,) each.
    """
    best = log_probs.argmax(axis=1)
    begins = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(begins[1:], len(best)) - 1
    symbols = best[begins]
    space = alphabet.symbols.index(" ") + 1 if " " in alphabet else BLANK
    kept = (symbols != BLANK) & (symbols != space)
    return symbols[kept], begins[kept], ends[kept]


def _shared_runs(script: NDArray[np.int64], heard: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the runs begin that occur once in either: (k,) each, rising in the script."""
    if min(len(script), len(heard)) < RUN_SYMBOLS:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    factors = _HASH_FACTOR ** np.arange(RUN_SYMBOLS, dtype=np.int64)  # wraps; RUN_SYMBOLS symbols rarely collide
    runs, positions = [], []
    for symbols in (script, heard):
        hashes = sliding_window_view(symbols, RUN_SYMBOLS) @ factors
        values, first, counts = np.unique(hashes, return_index=True, return_counts=True)
        runs.append(values[counts == 1])
        positions.append(first[counts == 1])
    _, of_script, of_heard = np.intersect1d(runs[0], runs[1], assume_unique=True, return_indices=True)
    pairs = positions[0][of_script], positions[1][of_heard]
    order = np.argsort(pairs[0])
    return pairs[0][order], pairs[1][order]


def _chain(script: NDArray[np.int64], heard: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The longest part of the pairs that rises in both (patience sorting: Schensted 1961)."""
    tops: list[int] = []  # the smallest last value of a chain of each length
    last: list[int] = []  # and the pair that it ends in
    before: list[int] = []
    for pair, value in enumerate(heard.tolist()):
        length = bisect_left(tops, value)
        before.append(last[length - 1] if length else -1)
        tops[length : length + 1] = [value]
        last[length : length + 1] = [pair]
    chain = []
    pair = last[-1] if last else -1
    while pair >= 0:
        chain.append(pair)
        pair = before[pair]
    chain.reverse()
    return script[chain], heard[chain]


def _is_borne_out(script: NDArray[np.int64], heard: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether enough pairs near each of a chain say the same."""
    low = np.searchsorted(script, script - NEIGHBOURHOOD_SYMBOLS)
    high = np.searchsorted(script, script + NEIGHBOURHOOD_SYMBOLS, side="right")
    shifts = heard - script
    support = [
        np.count_nonzero(np.abs(shifts[begin:end] - shift) <= MAX_SHIFT_SYMBOLS) - 1
        for begin, end, shift in zip(low.tolist(), high.tolist(), shifts.tolist(), strict=True)
    ]
    return np.array(support, np.int64) >= MIN_SUPPORT
