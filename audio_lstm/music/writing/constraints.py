"""Constraints on what is composed: masks that `sample_tokens` lays over the grammar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import FIRST_PITCH, MAX_HOLD_STEPS, REST, ChoraleCursor
from audio_lstm.music.tokens.representation import Cursor

__all__ = ["without_freezing", "without_parallels", "without_rests"]


def without_parallels(cursor: Cursor) -> NDArray[np.bool_]:
    """A `mask` for sample_tokens: no parallel fifths, octaves or unisons between the voices of a chorale.

    The rule that every harmony book begins with: two voices that stand a fifth or an octave apart may not both move
    to the same interval. Other representations are left alone.

    Args:
        cursor: where the pieces stand.

    Returns:
        The tokens that may come next, (B, V): at most three of them are forbidden in each row.
    """
    allowed = cursor.legal()
    if not isinstance(cursor, ChoraleCursor):
        return allowed
    rows = np.arange(len(allowed))
    own = cursor.held
    for previous, now, is_above in cursor.moved_in_step():
        interval = np.where(is_above, previous - own, own - previous) % 12
        target = own + now - previous
        parallel = np.isin(interval, (0, 7)) & (np.minimum(np.minimum(previous, now), own) >= FIRST_PITCH)
        parallel &= (previous != now) & (target >= FIRST_PITCH) & (target < allowed.shape[1]) & ~cursor.done
        allowed[rows[parallel], target[parallel]] = False
    return allowed


def without_freezing(cursor: Cursor) -> NDArray[np.bool_]:
    """A `mask` for sample_tokens: a chord of a chorale that has stood for a bar of 4/4 goes on to another, or ends.

    A model that has held a chord for longer than any in its training data has left what it knows, and may hold it for
    ever. The voice that is written first moves on; the others follow as the model likes. In jsb16 0.05 % of the chords
    before the last one stand longer.

    Args:
        cursor: where the pieces stand.

    Returns:
        The tokens that may come next, (B, V).
    """
    allowed = cursor.legal()
    if isinstance(cursor, ChoraleCursor):
        stands = (cursor.n_cells % N_VOICES == 0) & (cursor.chord_steps >= MAX_HOLD_STEPS) & ~cursor.done
        allowed[np.flatnonzero(stands), cursor.held[stands]] = False
    return allowed


def without_rests(cursor: Cursor) -> NDArray[np.bool_]:
    """A `mask` for sample_tokens: every voice of a chorale sings throughout.

    Rests are rare in chorales, and a voice that has fallen silent seldom finds its way back in a sampled one.

    Args:
        cursor: where the pieces stand.

    Returns:
        The tokens that may come next, (B, V).
    """
    allowed = cursor.legal()
    if isinstance(cursor, ChoraleCursor):
        allowed[~cursor.done, REST] = False
    return allowed
