"""Voice grids: four voices on a grid of 16ths, as chorale data holds them; checked, transposed, written."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ScoreError

__all__ = ["N_VOICES", "REST_PITCH", "VOICES", "allowed_transpositions", "as_voice_grid", "transpose"]

VOICES = "SATB"
"""The columns of a voice grid: soprano, alto, tenor, bass."""
N_VOICES = 4
REST_PITCH = -1
"""What a voice grid holds where a voice is silent."""


def as_voice_grid(grid: ArrayLike) -> NDArray[np.int64]:
    """A checked voice grid.

    Args:
        grid: (T, 4) whole numbers, one row a 16th: MIDI pitches of soprano, alto, tenor and bass, -1 = rest.

    Returns:
        (T, 4) int64, a new array.

    Raises:
        ScoreError: not four voices, no step, a number that is not whole, or outside -1..127.
    """
    try:
        values = np.asarray(grid, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ScoreError(f"a voice grid holds rows of four MIDI pitches (-1 = rest): {error}") from error
    if values.ndim != 2 or values.shape[1] != N_VOICES or values.shape[0] == 0:
        raise ScoreError(f"a voice grid has the shape (steps, 4), steps >= 1; got {values.shape}")
    bad = ~((values >= REST_PITCH) & (values <= 127) & (values == np.floor(values)))
    if bad.any():
        step, voice = (int(i) for i in np.argwhere(bad)[0])
        raise ScoreError(
            f"step {step}, voice {VOICES[voice]}: expected a MIDI pitch 0-127 or -1 for a rest, "
            f"got {values[step, voice]:g}"
        )
    return values.astype(np.int64)


def allowed_transpositions(grid: ArrayLike, *, low: int = 33, high: int = 84) -> range:
    """The semitones by which a voice grid can be moved and still fit.

    Args:
        grid: (T, 4) voice grid.
        low: lowest MIDI pitch allowed.
        high: highest MIDI pitch allowed.

    Returns:
        Semitones, ascending; empty if the grid is wider than the range, only 0 if it holds nothing but rests.
    """
    values = as_voice_grid(grid)
    pitches = values[values != REST_PITCH]
    if pitches.size == 0:
        return range(1)
    return range(low - int(pitches.min()), high - int(pitches.max()) + 1)


def transpose(grid: ArrayLike, semitones: int) -> NDArray[np.int64]:
    """A voice grid moved up or down; rests stay rests.

    Args:
        grid: (T, 4) voice grid.
        semitones: how far, negative = down.

    Returns:
        (T, 4) int64, a new array.

    Raises:
        ScoreError: a pitch would leave MIDI's 0..127.
    """
    values = as_voice_grid(grid)
    moved = np.where(values == REST_PITCH, REST_PITCH, values + semitones)
    sounding = moved[values != REST_PITCH]
    if sounding.size and (sounding.min() < 0 or sounding.max() > 127):
        raise ScoreError(
            f"transposing by {semitones} semitones leaves MIDI's 0-127: pitches {sounding.min()} to {sounding.max()}"
        )
    return moved
