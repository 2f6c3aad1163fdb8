"""What a model of chorales sees at each cell: the tokens, and every input column.

Sums of embeddings cannot compare two pitches: columns of intervals do it for them, alike in every key.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.echo import N_LENGTHS
from audio_lstm.music.tokens.representation import START

__all__ = [
    "END",
    "FEATURES",
    "FIRST_PITCH",
    "MAX_HOLD_STEPS",
    "REST",
    "clock",
    "column_values",
    "delayed",
    "intervals",
]

END, REST, FIRST_PITCH = 1, 2, 3
"""Tokens: START is 0; MIDI pitch `low + i` is token `FIRST_PITCH + i`."""
MAX_INTERVAL = 24
"""Intervals are told apart up to two octaves."""
MAX_HOLD_STEPS = 16
"""Holds are counted up to a 4/4 bar: 97 % of the notes of jsb16 are shorter."""

FEATURES = (
    "previous",
    "lag_2",
    "lag_3",
    "lag_4",
    "before",
    "hold_1",
    "hold_2",
    "hold_3",
    "hold_4",
    "voice",
    "beat",
    "bar_4",
    "bar_3",
    "echo",
    "echo_length",
    "interval_1",
    "interval_2",
    "interval_3",
    "last_move",
)
"""All input columns, in their order; t counts cells, "own" means the voice that is about to be written.

- previous, lag_2, lag_3, lag_4: tokens t-1 ... t-4: each voice's latest pitch, lag_4 being the own voice's
- before: the own voice's last pitch that differs from lag_4: the two together say where the line is heading
- hold_1 ... hold_4: for how many steps (at most 16) the pitches of previous ... lag_4 have sounded, 1 = just
  struck: which voices have moved in this step and how old the own note is, without comparing two embeddings
- voice: 0-3 in the order of writing
- beat, bar_4, bar_3: the step modulo 4, 16 and 12, counted from the first step (where there is an upbeat, the
  phase of the bar is shifted; which it is shows within a few beats, and mostly it is a quarter)
- echo: if the last 32 cells occurred before, the token that followed them there, else START: chorales repeat
  their first section, too far back for truncated back-propagation (11 % of the changes of chord in jsb16)
- echo_length: 0 = no echo, 1-3 = the two passages agree in at least 8, 16, 32 steps
- interval_1 ... interval_3: how far previous ... lag_3 lie above lag_4, in semitones: what sounds around the own note,
  the same in every key; last_move: how far lag_4 lies above `before`
"""


def column_values() -> dict[str, int]:
    """How many values each column has that does not hold a token.

    Returns:
        By name; the other columns of FEATURES hold tokens.
    """
    sizes = {"voice": N_VOICES, "beat": 4, "bar_4": 16, "bar_3": 12, "echo_length": N_LENGTHS}
    sizes |= {f"hold_{lag}": MAX_HOLD_STEPS + 1 for lag in range(1, 5)}
    return sizes | dict.fromkeys(("interval_1", "interval_2", "interval_3", "last_move"), 2 * MAX_INTERVAL + 2)


def delayed(values: NDArray[np.int64], lag: int) -> NDArray[np.int64]:
    """Values as they were some cells ago.

    Args:
        values: (N,), one a cell.
        lag: Cells.

    Returns:
        (N,), START (0) where there was none yet.
    """
    return np.concatenate([np.full(lag, START, dtype=np.int64), values])[: values.size]


def intervals(values: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    """The columns that say how far two pitches lie apart.

    Args:
        values: The columns lag_1 ... lag_4 and before, tokens of any shape.

    Returns:
        interval_1 ... interval_3 and last_move, of the same shape: from 1, 0 where a pitch is missing or a rest.
    """

    def between(high: NDArray[np.int64], low: NDArray[np.int64]) -> NDArray[np.int64]:
        known = (high >= FIRST_PITCH) & (low >= FIRST_PITCH)
        return np.where(known, np.clip(high - low, -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL + 1, 0)

    own = values["lag_4"]
    found = {f"interval_{lag}": between(values[f"lag_{lag}"], own) for lag in range(1, N_VOICES)}
    return found | {"last_move": between(own, values["before"])}


def clock(position: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """The columns that say where a cell stands.

    Args:
        position: Numbers of cells, from 0.

    Returns:
        voice, beat, bar_4 and bar_3, of the same shape.
    """
    step = position // N_VOICES
    return {"voice": position % N_VOICES, "beat": step % 4, "bar_4": step % 16, "bar_3": step % 12}
