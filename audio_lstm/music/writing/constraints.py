"""Constraints on what is composed: masks that `sample_tokens` lays over the grammar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.voices import N_VOICES, STEPS_PER_QUARTER
from audio_lstm.music.tokens.chorale import END, FIRST_PITCH, MAX_HOLD_STEPS, REST, ChoraleCursor, ChoraleGrid
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import Cursor, Representation
from audio_lstm.music.writing.sample import Mask

__all__ = [
    "at_least_bars",
    "chorale_rules",
    "exact_bars",
    "exact_steps",
    "without_freezing",
    "without_parallels",
    "without_rests",
]

_STEPS_PER_BAR = 4 * STEPS_PER_QUARTER


def exact_bars(representation: Representation, n_bars: int) -> Mask:
    """A `mask` for sample_tokens: pieces of exactly this many bars, whatever the representation.

    Args:
        representation: of chorales (bars of 4/4) or of events (bars of the piece's own metres).
        n_bars: at least 1.

    Returns:
        The mask; END is forbidden before the last bar, and a further bar after it.

    Raises:
        ConfigError: no bars, or a representation without bars.
    """
    if n_bars < 1:
        raise ConfigError(f"n_bars must be >= 1, got {n_bars}")
    if isinstance(representation, ChoraleGrid):
        return exact_steps(n_bars * _STEPS_PER_BAR)
    if not isinstance(representation, EventVocabulary):
        raise ConfigError(f"pieces of kind {representation.kind!r} have no bars to count; leave bars out")
    end, bar = representation.end, representation.bar

    def mask(cursor: Cursor) -> NDArray[np.bool_]:
        if not isinstance(cursor, EventCursor):
            raise ConfigError(f"this mask counts the bars of events, not those of {type(cursor).__name__}")
        allowed = cursor.legal()
        allowed[:, end] &= (cursor.n_bars == n_bars) | cursor.done
        allowed[:, bar] &= cursor.n_bars < n_bars
        return allowed

    return mask


def at_least_bars(representation: Representation, n_bars: int) -> Mask:
    """A `mask` for sample_tokens: pieces that do not end before this many bars.

    Args:
        representation: as for `exact_bars`.
        n_bars: at least 1.

    Returns:
        The mask; END is forbidden before the last of these bars is written (chorales) or begun (events).

    Raises:
        ConfigError: no bars, or a representation without bars.
    """
    if n_bars < 1:
        raise ConfigError(f"n_bars must be >= 1, got {n_bars}")
    if not isinstance(representation, ChoraleGrid | EventVocabulary):
        raise ConfigError(f"pieces of kind {representation.kind!r} have no bars to count; leave bars out")
    end = END if isinstance(representation, ChoraleGrid) else representation.end

    def mask(cursor: Cursor) -> NDArray[np.bool_]:
        allowed = cursor.legal()
        if isinstance(cursor, ChoraleCursor):
            allowed[:, end] &= (cursor.n_cells >= n_bars * _STEPS_PER_BAR * N_VOICES) | cursor.done
        elif isinstance(cursor, EventCursor):
            allowed[:, end] &= (cursor.n_bars >= n_bars) | cursor.done
        return allowed

    return mask


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


def chorale_rules(cursor: Cursor) -> NDArray[np.bool_]:
    """A `mask` for sample_tokens: the three rules below together, as `compose` applies them.

    Args:
        cursor: where the pieces stand.

    Returns:
        The tokens that may come next, (B, V); representations other than chorales are left alone.
    """
    return without_parallels(cursor) & without_freezing(cursor) & without_rests(cursor)


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


def exact_steps(n_steps: int) -> Mask:
    """A `mask` for sample_tokens: chorales of exactly this length; END is forced there and forbidden before.

    Args:
        n_steps: 16ths.

    Returns:
        A function from a ChoraleCursor to the tokens that may come next, (B, V).

    Raises:
        ConfigError: no steps, or (when called) another representation's cursor.
    """
    if n_steps < 1:
        raise ConfigError(f"n_steps must be >= 1, got {n_steps}")

    def mask(cursor: Cursor) -> NDArray[np.bool_]:
        if not isinstance(cursor, ChoraleCursor):
            raise ConfigError(f"exact_steps counts the steps of chorales, not those of {type(cursor).__name__}")
        allowed = cursor.legal()
        allowed[:, END] &= cursor.n_cells == n_steps * N_VOICES
        allowed[cursor.n_cells == n_steps * N_VOICES, END + 1 :] = False
        return allowed | cursor.done[:, None]

    return mask
