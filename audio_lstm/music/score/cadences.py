"""Where phrases end and cadences fall, from the notes alone: rules of thumb for what a model might have noticed.

A phrase ends where everything that sounds is held for two quarters or more, where all parts fall silent together, and
at the end of the piece. A cadence is an authentic one, to whatever key: a chord with the leading tone of the next
chord's root, then, the bass moving up a fourth or down a fifth, a major or minor triad on that root that nothing
moves for a quarter or more.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.score import Score

__all__ = ["cadence_ticks", "phrase_end_ticks"]

_PHRASE_QUARTERS = 2
_FOURTH, _LEADING_TONE = 5, 11  # semitones above the root of the chord of arrival
_TRIAD_THIRDS, _FIFTH = ({3}, {4}), 7


def phrase_end_ticks(score: Score) -> tuple[int, ...]:
    """Where the last chord of each phrase begins.

    Args:
        score: Any piece.

    Returns:
        Ticks, ascending.
    """
    slices = _slices(score)
    found = []
    for number, (start, stop, pitches) in enumerate(slices, 1):
        is_long = stop - start >= _PHRASE_QUARTERS * score.ticks_per_quarter
        is_last = number == len(slices) or not len(slices[number][2])
        if len(pitches) and (is_long or is_last):
            found.append(start)
    return tuple(found)


def cadence_ticks(score: Score) -> tuple[int, ...]:
    """Where the chord of arrival of each authentic cadence begins.

    Args:
        score: Any piece.

    Returns:
        Ticks, ascending.
    """
    slices = _slices(score)
    found = []
    for (_, _, before), (start, stop, pitches) in pairwise(slices):
        if not len(before) or not len(pitches) or stop - start < score.ticks_per_quarter:
            continue
        root = int(pitches.min())
        above = set(((pitches - root) % 12).tolist()) - {0, _FIFTH}
        rises = (root - int(before.min())) % 12 == _FOURTH
        leads = _LEADING_TONE in ((before - root) % 12).tolist()
        if rises and leads and above in _TRIAD_THIRDS:
            found.append(start)
    return tuple(found)


def _slices(score: Score) -> list[tuple[int, int, NDArray[np.int64]]]:
    """The stretches between two changes: start, stop, and the pitches that sound, drums left out."""
    is_drum = np.array([track.is_drum for track in score.tracks], bool)
    notes = score.notes[~is_drum[score.notes["track"]]] if len(score.notes) else score.notes
    starts, stops = notes["start_ticks"], notes["start_ticks"] + notes["duration_ticks"]
    changes = np.unique(np.concatenate([starts, stops]))
    slices = []
    for start, stop in zip(changes[:-1].tolist(), changes[1:].tolist(), strict=True):
        sounding = notes["pitch"][(starts <= start) & (stops > start)]
        slices.append((start, stop, sounding))
    return slices
