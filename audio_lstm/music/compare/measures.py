"""Measures of one piece, as muspy (Dong et al. 2020) has them, and the histograms that sets are compared in.

All are counted on a grid of 12 steps a quarter. Where we differ from muspy: a note that ends on a beat or bar line does
not fill the next one; a piece that ends on a bar line has no empty bar after it; and bars follow the metres of the
score, also where these change. Where a piece says nothing (no notes, a single bar), a measure is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.lines import melodic_lines
from audio_lstm.music.score.score import Score, TimeSignature

__all__ = ["HISTOGRAMS", "MEASURES", "NOTE_VALUES", "PieceMeasures", "histograms", "measure_piece"]

GRID = 12
"""Steps a quarter."""
_SCALES = np.array(
    [
        np.roll([name in steps for name in range(12)], root)
        for steps in ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))  # major, natural minor
        for root in range(12)
    ]
)
_LARGEST_INTERVAL = 12  # semitones; what is larger counts together, up and down apart
NOTE_VALUES = np.array([1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 36, 48, 72, 96])
"""In steps, up to eight quarters: what durations are counted as."""
_BAR_STEPS = 8 * GRID  # positions further on count together

HISTOGRAMS = ("pitch", "interval", "duration", "onset")
"""What `histograms` counts: MIDI pitches; intervals within melodic lines; note values; places in the bar."""


@dataclass(frozen=True)
class PieceMeasures:
    """What can be said of one piece in five numbers."""

    pitch_class_entropy: float  # bits, 0..3.58: of the pitch classes of the notes (Wu and Yang 2020)
    scale_consistency: float  # share of notes in the major or minor scale that fits best (Mogren 2016)
    groove_consistency: float  # share of steps in which neighbouring bars agree on an onset (Wu and Yang 2020)
    polyphony: float  # different pitches that sound at a time, over the time in which any does
    empty_beat_rate: float  # share of quarters in which nothing sounds (Dong et al. 2018)


MEASURES = tuple(field.name for field in fields(PieceMeasures))
"""The names of the measures, in their order."""


def measure_piece(score: Score) -> PieceMeasures:
    """The measures of one piece.

    Args:
        score: Any piece. Drums count for groove and for empty beats only.

    Returns:
        Its measures; NaN where there is nothing to measure.
    """
    gridded = score.resample_ticks(GRID)
    notes = gridded.notes
    tonal = _tonal(gridded)
    classes = np.bincount(tonal["pitch"] % 12, minlength=12) / max(1, len(tonal))
    sounding = classes[classes > 0]
    return PieceMeasures(
        pitch_class_entropy=float(-(sounding * np.log2(sounding)).sum()) if len(tonal) else np.nan,
        scale_consistency=float((_SCALES @ classes).max()) if len(tonal) else np.nan,
        groove_consistency=_groove(gridded),
        polyphony=_polyphony(tonal),
        empty_beat_rate=_empty_beats(notes),
    )


def histograms(score: Score) -> dict[str, NDArray[np.float64]]:
    """How often a piece has each pitch, interval, note value and place in the bar; drums are left out.

    Args:
        score: Any piece.

    Returns:
        Shares that sum to 1 (or zeros, where there is nothing to count), by the names of `HISTOGRAMS`: (128,) pitches;
        (27,) intervals from an octave down to an octave up, between "more" on both sides; (15,) note values, each
        duration counted to the nearest by ratio; (97,) twelfths of a quarter since the bar line, "later" last.
    """
    gridded = score.resample_ticks(GRID)
    notes = _tonal(gridded)
    bound = _LARGEST_INTERVAL + 1
    steps = np.concatenate([np.zeros(0, np.int64), *(np.diff(line.pitches) for line in melodic_lines(gridded))])
    edges = np.sqrt(NOTE_VALUES[:-1] * NOTE_VALUES[1:])
    starts = _bar_starts(gridded)
    places = notes["start_ticks"] - starts[np.searchsorted(starts, notes["start_ticks"], side="right") - 1]
    counts = {
        "pitch": np.bincount(notes["pitch"], minlength=128),
        "interval": np.bincount(np.clip(steps, -bound, bound) + bound, minlength=2 * bound + 1),
        "duration": np.bincount(np.searchsorted(edges, notes["duration_ticks"]), minlength=len(NOTE_VALUES)),
        "onset": np.bincount(np.minimum(places, _BAR_STEPS), minlength=_BAR_STEPS + 1),
    }
    return {name: found / max(1, found.sum()) for name, found in counts.items()}


def _tonal(score: Score) -> NDArray[Any]:
    is_drum = np.array([track.is_drum for track in score.tracks], np.bool_)
    return score.notes[~is_drum[score.notes["track"]]] if is_drum.any() else score.notes


def _covered(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
    """The length of the union of intervals."""
    if not len(starts):
        return 0
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    return int((ends - np.maximum(starts, np.append(starts[0], ends[:-1]))).clip(min=0).sum())


def _polyphony(notes: NDArray[Any]) -> float:
    if not len(notes):
        return float(np.nan)
    starts = notes["start_ticks"]
    ends = starts + notes["duration_ticks"]
    apart = notes["pitch"] * (int(ends.max()) + 1)  # each pitch on a stretch of its own
    return _covered(starts + apart, ends + apart) / _covered(starts, ends)


def _empty_beats(notes: NDArray[Any]) -> float:
    if not len(notes):
        return float(np.nan)
    starts, ends = notes["start_ticks"] // GRID, -(-(notes["start_ticks"] + notes["duration_ticks"]) // GRID)
    return 1.0 - _covered(starts, ends) / int(ends.max())


def _bar_lengths(score: Score) -> Iterator[tuple[int, int, int]]:
    """The start of each metre, the end of its stretch, and the length of its bars, in steps."""
    metres = score.time_signatures
    if not metres or metres[0].tick > 0:
        metres = (TimeSignature(0, 4, 4), *metres)
    last = max(1, score.end_ticks)
    ends = [*(min(metre.tick, last) for metre in metres[1:]), last]
    for metre, end in zip(metres, ends, strict=True):
        if metre.tick < end:
            yield metre.tick, end, max(1, round(metre.bar_quarters * GRID))


def _bar_starts(score: Score) -> NDArray[np.int64]:
    return np.concatenate([np.arange(start, end, length) for start, end, length in _bar_lengths(score)])


def _groove(score: Score) -> float:
    """Hamming similarity of the onsets of neighbouring bars of one length, over all steps of all such pairs."""
    onsets = np.unique(score.notes["start_ticks"])
    n_different = n_steps = 0
    for start, end, length in _bar_lengths(score):
        n_bars = -(-(end - start) // length)
        n_steps += (n_bars - 1) * length
        here = onsets[(onsets >= start) & (onsets < end)]
        # An onset that the bar before or after lacks differs there; each that both have was counted from both sides.
        before = np.isin(here - length, here) | (here - start < length)
        after = np.isin(here + length, here) | (here - start >= (n_bars - 1) * length)
        n_different += int((~before).sum() + (~after).sum())
    return 1.0 - n_different / n_steps if n_steps and len(onsets) else float(np.nan)
