"""What the past of a roll says about its next frame: earlier frames, and what followed passages like the last one.

Truncated back-propagation cannot teach an LSTM to copy from hundreds of frames back, so a lookup tells it (compare
audio_lstm/music/tokens/echo.py). Everything here depends on earlier frames alone: a likelihood given it stays exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAGS", "MATCH_BOUNDS", "METRE_SIZES", "N_CHANNELS", "N_ECHOES", "echoes", "frame_inputs"]

LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Frames back: beats, bars and phrases of metres in two and three, whose frames are eighths or quarters."""
MATCH_BOUNDS = (2, 4, 8, 16)
"""Classes of exact echoes: the passages agree in at least so many frames."""
_SHARPNESS = (2.0, 6.0)
_MEMORY = 0.8
N_ECHOES = len(MATCH_BOUNDS) + len(_SHARPNESS)
N_CHANNELS = len(LAGS) + N_ECHOES
"""Rows of keys that `frame_inputs` gives for each frame: one for each of LAGS, then the echoes."""
METRE_SIZES = (16, 12)
"""Periods in which frames are counted: bars of four beats, and of three or six."""


def echoes(roll: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What followed earlier passages that resemble the frames just before each frame.

    Args:
        roll: (T, K) of one piece.

    Returns:
        (T, N_ECHOES, K) float32 in 0..1. First, one row for each class of MATCH_BOUNDS: the frame that followed the
        longest passage equal to the last frames (the latest of these), in the row of its class, zeros in the others.
        Then soft copies: the mean of all earlier frames, weighted by exp(c S), where S adds up the Jaccard
        similarities of the frames before both, each weighing 0.8 of the one after it, for two values of c (the
        continuous cache of Grave et al. 2017, with passages in place of hidden states). Row t depends on roll[:t].
    """
    n = len(roll)
    frames = roll.astype(np.float32)
    sizes = frames.sum(axis=1)
    shared = frames @ frames.T  # (T, T)
    union = sizes[:, None] + sizes[None, :] - shared
    likeness = np.where(union > 0, shared / np.maximum(union, 1.0), 1.0)
    result = np.zeros((n, N_ECHOES, roll.shape[1]), dtype=np.float32)
    # Place s of these says how well the frames before s agree with those before t; only 1 <= s < t counts.
    agreed, similar = np.zeros(n), np.zeros(n, dtype=np.float32)
    for t in range(1, n):
        equal = likeness[t - 1, : t - 1] == 1.0
        agreed[1:t] = np.where(equal, agreed[: t - 1] + 1, 0)
        similar[1:t] = _MEMORY * similar[: t - 1] + likeness[t - 1, : t - 1]
        if t < 2:
            continue
        best = t - 1 - int(np.argmax(agreed[1:t][::-1]))
        kind = int(np.searchsorted(MATCH_BOUNDS, agreed[best], side="right")) - 1
        if kind >= 0:
            result[t, kind] = frames[best]
        for row, sharpness in enumerate(_SHARPNESS, len(MATCH_BOUNDS)):
            weights = np.exp(sharpness * (similar[1:t] - similar[1:t].max()))
            result[t, row] = (weights @ frames[1:t]) / weights.sum()
    return result


def frame_inputs(roll: NDArray[np.bool_], echo: NDArray[np.float32], first: int, n_frames: int) -> NDArray[np.float32]:
    """What a model reads to decide some frames.

    Args:
        roll: (T, K) of one piece.
        echo: (T, N_ECHOES, K), from `echoes`.
        first: the first frame.
        n_frames: how many; first + n_frames <= T.

    Returns:
        (n_frames, width) float32: for each frame, N_CHANNELS rows of K, then the frame itself, then where it lies in
        each period of METRE_SIZES, one-hot. A lag that reaches before the piece finds silence.
    """
    n_keys = roll.shape[1]
    rows = np.zeros((n_frames, N_CHANNELS + 1, n_keys), dtype=np.float32)
    for row, lag in enumerate(LAGS):
        start, stop = max(first - lag, 0), first + n_frames - lag
        if stop > start:
            rows[n_frames - (stop - start) :, row] = roll[start:stop]
    rows[:, len(LAGS) : N_CHANNELS] = echo[first : first + n_frames]
    rows[:, N_CHANNELS] = roll[first : first + n_frames]
    index = first + np.arange(n_frames)
    metre = [np.eye(size, dtype=np.float32)[index % size] for size in METRE_SIZES]
    return np.concatenate([rows.reshape(n_frames, -1), *metre], axis=1)
