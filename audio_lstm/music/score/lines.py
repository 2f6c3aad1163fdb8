"""The melodic lines of a score, and the passages in them that are the same in any key.

A line is what one track says on top: its highest pitch at every onset. A passage is a run of notes of a line, known by
the intervals between them; rhythm does not count, so that a tune in other note values is still the same tune.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.score import Score

__all__ = ["Line", "interval_hash", "interval_hashes", "melodic_lines", "passage_hashes", "without_repeats"]

_BASE = 0x9E3779B97F4A7C15  # odd, its powers spread over 64 bits
_64_BITS = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, eq=False)
class Line:
    """One track's highest notes."""

    track: int  # index into Score.tracks
    start_ticks: NDArray[np.int64]  # (n,) ascending
    pitches: NDArray[np.int64]  # (n,) MIDI note numbers


def melodic_lines(score: Score) -> tuple[Line, ...]:
    """The lines of a score.

    Args:
        score: Any piece.

    Returns:
        One line for each track with notes, drums left out; repeated notes stay.
    """
    lines = []
    for track in np.unique(score.notes["track"]).tolist():
        if score.tracks[track].is_drum:
            continue
        notes = score.notes[score.notes["track"] == track]
        order = np.lexsort((-notes["pitch"], notes["start_ticks"]))
        starts, pitches = notes["start_ticks"][order], notes["pitch"][order]
        top = np.append(True, np.diff(starts) > 0)  # the first of each onset is the highest
        lines.append(Line(track, starts[top], pitches[top]))
    return tuple(lines)


def without_repeats(line: Line) -> Line:
    """A line whose repeated notes have become one: where it moves.

    Args:
        line: Any line.

    Returns:
        Each note that differs from the one before it.
    """
    moves = np.append(True, np.diff(line.pitches) != 0)[: len(line.pitches)]
    return Line(line.track, line.start_ticks[moves], line.pitches[moves])


def passage_hashes(pitches: NDArray[np.int64], n_notes: int) -> NDArray[np.uint32]:
    """A number for each passage of so many notes; transposed passages have the same one.

    Args:
        pitches: (n,) of one line.
        n_notes: Notes a passage, at least 2.

    Returns:
        uint32 (n - n_notes + 1,), or none for a line that is shorter. Two different passages share a number with a
        chance of 1 in 4 billion.
    """
    if len(pitches) < n_notes:
        return np.zeros(0, np.uint32)
    return interval_hashes(np.lib.stride_tricks.sliding_window_view(np.diff(pitches), n_notes - 1))


def interval_hashes(intervals: NDArray[np.int64]) -> NDArray[np.uint32]:
    """A number for each row of intervals.

    Args:
        intervals: (..., n) semitones, -127..127.

    Returns:
        uint32 (...).
    """
    powers = np.cumprod(np.full(intervals.shape[-1], _BASE, np.uint64))  # wraps, as it should
    mixed = np.asarray(((intervals + 128).astype(np.uint64) * powers).sum(axis=-1, dtype=np.uint64))
    hashes: NDArray[np.uint32] = ((mixed ^ (mixed >> np.uint64(29))) * np.uint64(_BASE) >> np.uint64(32)).astype(
        np.uint32
    )
    return hashes


def interval_hash(intervals: Sequence[int]) -> int:
    """The number of one row of intervals, without numpy: in a loop over single notes ten times as fast.

    Args:
        intervals: Semitones, -127..127.

    Returns:
        As `interval_hashes` has it.
    """
    mixed, power = 0, 1
    for interval in intervals:
        power = power * _BASE & _64_BITS
        mixed += (interval + 128) * power
    mixed &= _64_BITS
    return ((mixed ^ mixed >> 29) * _BASE & _64_BITS) >> 32
