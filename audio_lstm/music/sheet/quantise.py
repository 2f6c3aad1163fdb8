"""Notes on a grid that can be written down: each beat of a part is divided by 4, 3, 8, 6 or 12, whichever fits.

What lies on such a grid already is kept exactly. What was played is moved to the nearest line of the simplest grid that
is near enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.bars import Bar, score_bars
from audio_lstm.music.score.score import Score

__all__ = ["UNITS", "GridBar", "GridLoss", "GridNote", "grid_bars", "grid_loss", "quantise"]

UNITS = 24
"""Units of the written grid in a quarter note: an eighth has 12, one of a triplet 8, a 32nd 3."""

_BAR_GRID = 3  # bars begin on whole 32nds
_DIVISIONS = (4, 3, 8, 6, 12)  # of a quarter, the simplest first
_EXACT = 0.02  # of a quarter: all times nearer than this to a grid were written, not played
_PENALTY_PLAYED = (0.0, 0.03, 0.06, 0.09, 0.15)  # mean error, in quarters, that a division must save
_PENALTY_WRITTEN = (0.0, 1e-4, 2e-4, 3e-4, 4e-4)


@dataclass(frozen=True)
class GridBar:
    """A bar in units of the grid."""

    bar: Bar
    start: int
    end: int

    @property
    def size(self) -> int:
        """Units in the bar."""
        return self.end - self.start


@dataclass(frozen=True)
class GridNote:
    """A note in units of the grid."""

    start: int
    end: int
    pitch: int
    velocity: int


@dataclass(frozen=True)
class GridLoss:
    """What is lost when a score is written down."""

    n_notes: int  # of the score
    n_written: int  # of the page: those that fall on a note of their pitch are gone
    n_moved: int  # that do not lie on the grid, and are moved to it

    def __str__(self) -> str:
        """One line; empty where nothing is lost."""
        said = []
        if self.n_written < self.n_notes:
            said.append(f"{self.n_notes - self.n_written:,} of {self.n_notes:,} notes fall on another of their pitch")
        if self.n_moved:
            said.append(f"{self.n_moved:,} notes are moved to the nearest rhythm that is written")
        return f"{' and '.join(said)} (down to 32nds and triplets of 16ths; .mid keeps all)" if said else ""


def grid_bars(score: Score, bars: tuple[Bar, ...]) -> tuple[GridBar, ...]:
    """Bars on the grid; of those that a change of metre cuts to nothing, none is left.

    Args:
        score: for its resolution.
        bars: of the score.

    Returns:
        The bars, which touch.
    """
    scale = Fraction(UNITS, _BAR_GRID * score.ticks_per_quarter)
    edges = [_BAR_GRID * round(tick * scale) for tick in [*(bar.start_ticks for bar in bars), bars[-1].end_ticks]]
    spans = zip(bars, edges, edges[1:], strict=False)
    return tuple(GridBar(bar, start, end) for bar, start, end in spans if end > start)


def quantise(score: Score, notes: NDArray[np.void], bars: tuple[GridBar, ...]) -> list[GridNote]:
    """The notes of one part on the grid, sorted by start and pitch from the top.

    Of two notes on one pitch where the first lasts into the second, the first ends where the second starts; of two
    that start together the longer is kept.

    Args:
        score: for its resolution.
        notes: (n,) of the part, in the score's order.
        bars: of the score.

    Returns:
        The notes.
    """
    if not len(notes):
        return []
    first, last = _snapped(score, notes, bars)
    by_pitch: dict[int, list[GridNote]] = {}
    rows = sorted(
        zip(first.tolist(), (-last).tolist(), notes["pitch"].tolist(), notes["velocity"].tolist(), strict=True)
    )
    for start, negative_end, pitch, velocity in rows:
        line = by_pitch.setdefault(pitch, [])
        if line and line[-1].start == start:
            continue
        if line and line[-1].end > start:
            line[-1] = GridNote(line[-1].start, start, pitch, line[-1].velocity)
        line.append(GridNote(start, -negative_end, pitch, velocity))
    return sorted((note for line in by_pitch.values() for note in line), key=lambda note: (note.start, -note.pitch))


def grid_loss(score: Score) -> GridLoss:
    """What writing a score down costs.

    Args:
        score: any score of at most 10,000 bars.

    Returns:
        How many notes there are on the page, and how many of them stand at another time.
    """
    bars = grid_bars(score, score_bars(score))
    n_written = n_moved = 0
    for track in np.unique(score.notes["track"]).tolist():
        notes = score.notes[score.notes["track"] == track]
        n_written += len(quantise(score, notes, bars))
        first, _ = _snapped(score, notes, bars)
        n_moved += int((abs(first / UNITS - notes["start_ticks"] / score.ticks_per_quarter) > _EXACT).sum())
    return GridLoss(score.n_notes, n_written, n_moved)


def _snapped(
    score: Score, notes: NDArray[np.void], bars: tuple[GridBar, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) where each note starts and ends on the grid."""
    starts = notes["start_ticks"] * (UNITS / score.ticks_per_quarter)
    ends = starts + notes["duration_ticks"] * (UNITS / score.ticks_per_quarter)
    edges, sizes = _beats(bars)
    divisions, written = _choose_divisions(starts, ends, edges, sizes)
    first = _snap(starts, edges, divisions)
    last = _snap(ends, edges, divisions)
    at_least = first + UNITS // divisions[_beat_of(first.astype(float), edges)]
    last = np.maximum(last, at_least)
    return first, last if written else _until_the_next(first, last)


def _beats(bars: tuple[GridBar, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where beats of a quarter start, counted from each bar, and their sizes; one more beat follows the last bar."""
    edges = [np.arange(bar.start, bar.end, UNITS) for bar in bars]
    starts = np.concatenate([*edges, [bars[-1].end]]).astype(np.int64)  # (beats,)
    return starts, np.append(np.diff(starts), UNITS)


def _beat_of(times: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    # A time a little before a beat belongs to it.
    return np.asarray(np.clip(np.searchsorted(edges, times + 0.25, side="right") - 1, 0, len(edges) - 1))


def _snap(times: NDArray[np.float64], edges: NDArray[np.int64], divisions: NDArray[np.int64]) -> NDArray[np.int64]:
    beat = _beat_of(times, edges)
    step = UNITS // divisions[beat]
    steps = np.floor((times - edges[beat]) / step + 0.5).astype(np.int64)
    return np.asarray(edges[beat] + step * steps, np.int64)


def _choose_divisions(
    starts: NDArray[np.float64], ends: NDArray[np.float64], edges: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], bool]:
    """(beats,) the division of each, and whether all times lie on the grid already."""
    times = np.concatenate([starts, ends])
    weights = np.concatenate([np.ones(len(starts)), np.full(len(ends), 0.3)])
    beat = _beat_of(times, edges)
    inside = (times - edges[beat]).astype(np.float64)
    errors = np.stack([_distance(inside, UNITS // division) for division in _DIVISIONS]) / UNITS  # (divisions, times)
    written = bool((errors.min(axis=0) < _EXACT).all())
    weight = np.bincount(beat, weights, len(edges))
    costs = np.stack([np.bincount(beat, weights * error, len(edges)) for error in errors])
    costs = costs / np.maximum(weight, 1e-9) + np.array(_PENALTY_WRITTEN if written else _PENALTY_PLAYED)[:, None]
    # A beat that a bar line cuts short has 32nds, unless half of it is left.
    odd = sizes % (UNITS // 2) != 0
    costs[np.ix_([0, 1, 3, 4], odd)] = np.inf
    costs[1, sizes == UNITS // 2] = np.inf  # two thirds of an eighth do not fill it
    return np.array(_DIVISIONS)[costs.argmin(axis=0)], written


def _until_the_next(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ends of notes that were played a little short, moved to where the part goes on: nobody writes such rests."""
    onsets = np.unique(first)
    following = np.searchsorted(onsets, last)
    until = onsets[np.minimum(following, len(onsets) - 1)]
    gap = until - last
    short = (following < len(onsets)) & (gap < UNITS // 2) & (gap <= last - first)
    return np.asarray(np.where(short, until, last))


def _distance(times: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    return np.asarray(np.abs(times - step * np.round(times / step)))
