"""Constraints on what is composed: masks that `sample_tokens` lays over the grammar."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.chorale import END, ChoraleCursor
from audio_lstm.music.representation import Cursor
from audio_lstm.music.voices import N_VOICES

__all__ = ["exact_steps"]


def exact_steps(n_steps: int) -> Callable[[Cursor], NDArray[np.bool_]]:
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
