"""Which cells of a chorale a model has to fill in while it learns: voices, regions, scattered beats, everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.voices import N_VOICES

__all__ = ["random_mask", "region_mask", "voices_mask"]

_BEAT, _BAR = 4, 16


def voices_mask(n_steps: int, given: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whole voices are given.

    Args:
        n_steps: Length of the piece (T).
        given: (4,) the voices that are given.

    Returns:
        (T, 4) bool: True where a cell is to be filled in.
    """
    return np.tile(~np.asarray(given, np.bool_), (n_steps, 1))


def region_mask(n_steps: int, first: int, stop: int) -> NDArray[np.bool_]:
    """A stretch of all voices is missing.

    Args:
        n_steps: Length of the piece (T).
        first: Its first step.
        stop: The step after its last one.

    Returns:
        (T, 4) bool: True where a cell is to be filled in.
    """
    step = np.arange(n_steps)
    return np.repeat(((step >= first) & (step < stop))[:, None], N_VOICES, axis=1)


def random_mask(n_steps: int, rng: np.random.Generator, soprano: int) -> NDArray[np.bool_]:
    """A task to learn from.

    Three in ten give the soprano alone, as harmonising does; two in ten any voices; a quarter lack a region, of all
    voices or of some; a sixth lack scattered beats; one in twelve gives nothing.

    Args:
        n_steps: Length of the piece (T).
        rng: Where the choice comes from.
        soprano: The column of the soprano in the order of writing.

    Returns:
        (T, 4) bool: True where a cell is to be filled in; at least one is.
    """
    kind = rng.random()
    if kind < 0.3:
        return voices_mask(n_steps, np.arange(N_VOICES) == soprano)
    if kind < 0.5:
        given = rng.random(N_VOICES) < 0.5
        given[rng.integers(N_VOICES)] = False
        return voices_mask(n_steps, given)
    if kind < 0.75:
        length = int(rng.integers(min(_BEAT, n_steps), min(8 * _BAR, n_steps) + 1))
        first = int(rng.integers(0, n_steps - length + 1))
        mask = region_mask(n_steps, first, first + length)
        if rng.random() < 0.5:
            kept = rng.random(N_VOICES) < 0.5
            kept[rng.integers(N_VOICES)] = False
            mask &= ~kept
        return mask
    if kind < 0.92:
        block = int(rng.choice([1, _BEAT, 2 * _BEAT]))
        drawn = rng.random((-(-n_steps // block), N_VOICES)) < rng.uniform(0.2, 0.9)
        mask = np.repeat(drawn, block, axis=0)[:n_steps]
        mask[rng.integers(n_steps), rng.integers(N_VOICES)] = True
        return mask
    return np.ones((n_steps, N_VOICES), np.bool_)
