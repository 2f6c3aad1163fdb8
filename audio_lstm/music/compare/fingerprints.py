"""Melodic lines as rows of bytes, so that passages that are the same in any key are runs of equal bytes.

**What counts.** A run is a passage of a melodic line (lines.py: the highest notes of a track) that moves by the same
intervals as a passage of any line of the training set: in any key, any rhythm, any part. Leaving rhythm out is the
stricter notion, since whoever changes the note values still copies the tune; notes that repeat count once, so that
neither syllables nor ties break a run or make it longer. What is nobody's own makes no run: it has to hold a stretch of
8 notes that is telling, with at least 5 different pairs of intervals among its 6. Scales, trills, and figures that
repeat every four notes or fewer have at most 4.

**What is stored.** For every place of the training set one byte, the hash of the 4 intervals that begin there, with a
zero between lines (no byte is zero otherwise). Four such bytes in a row are a key of 8 notes, and a run of n notes is
n - 4 bytes in a row that agree. So a length is exact but for what a byte confuses: never too short, and at either end a
note too long in one of 255 cases. That bytes agree in a row by chance alone: for a song of 800 places beside 750,000
(1,381 songs), 0.14 runs of 8 notes are to be expected, 0.0006 of 9, 0.000002 of 10.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.lines import Line, interval_hashes, melodic_lines, without_repeats
from audio_lstm.music.score.score import Score

__all__ = [
    "GRID",
    "KEY_NOTES",
    "KEY_PRINTS",
    "LEAST_PAIRS",
    "PRINT_INTERVALS",
    "fingerprints",
    "keys_of",
    "lines_of",
    "telling",
]

PRINT_INTERVALS = 4
"""How many intervals one byte stands for."""
KEY_PRINTS = 4
"""How many bytes are looked up together."""
KEY_NOTES = PRINT_INTERVALS + KEY_PRINTS
"""The shortest run that is seen, in notes."""
LEAST_PAIRS = 5
"""How many of the 6 pairs of intervals in 8 notes have to differ for these to be telling."""
GRID = 12
"""Ticks a quarter: onsets that fall together there are one chord, which has one top."""


def lines_of(score: Score) -> list[Line]:
    """The lines of a piece as runs are counted in them.

    Args:
        score: Any piece.

    Returns:
        One line a track, on a grid of 12 steps a quarter (so that a rolled chord has one top), repeated notes as one.
    """
    return [without_repeats(line) for line in melodic_lines(score.resample_ticks(GRID))]


def fingerprints(intervals: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The byte of each row of four intervals.

    Args:
        intervals: (..., 4) semitones between notes that follow each other.

    Returns:
        uint8 (...), 1..255.
    """
    return (1 + interval_hashes(intervals) % np.uint32(255)).astype(np.uint8)


def telling(intervals: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether 8 notes could tell a tune from others: at least 5 different pairs among their 6 pairs of intervals.

    Args:
        intervals: (..., 7) semitones.

    Returns:
        bool (...).
    """
    pairs = np.sort(intervals[..., :-1] * 512 + intervals[..., 1:], axis=-1)
    different: NDArray[np.bool_] = 1 + (np.diff(pairs, axis=-1) != 0).sum(axis=-1) >= LEAST_PAIRS
    return different


def keys_of(prints: NDArray[Any]) -> NDArray[np.uint32]:
    """Four bytes in a row as one number.

    Args:
        prints: (n,) whole numbers, n at least 4.

    Returns:
        uint32 (n - 3,), the first byte the highest.
    """
    wide = prints.astype(np.uint32)
    keys: NDArray[np.uint32] = wide[3:] + sum(wide[i : i - 3] << np.uint32(24 - 8 * i) for i in range(3))
    return keys
