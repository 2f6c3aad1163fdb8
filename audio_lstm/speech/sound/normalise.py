"""Mean and variance normalisation of feature frames: over the whole utterance, or causally while they arrive."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["RunningNormalisation", "normalise_utterance"]

_VARIANCE_FLOOR = 1e-4  # far below any feature of sound; digital silence becomes zeros instead of NaN
_BLOCK_FRAMES = 64  # frames per matrix product: the matrix is this size squared


def normalise_utterance(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features with mean 0 and variance 1 over the frames, each feature by itself.

    Args:
        features: float32 (n_frames, feature_size).

    Returns:
        float32 (n_frames, feature_size); zeros for a feature that does not vary.
    """
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    normalised: NDArray[np.float32] = features - mean
    variance = np.square(normalised).mean(axis=0, dtype=np.float64)
    normalised /= np.sqrt(np.maximum(variance, _VARIANCE_FLOOR)).astype(np.float32)
    return normalised


class RunningNormalisation:
    """Causal mean and variance with exponential forgetting, started from prior statistics.

    With y = x - prior mean and d = exp(-1 / memory_frames), for each feature:

        n[t] = d n[t-1] + 1      s[t] = d s[t-1] + y[t]      q[t] = d q[t-1] + y[t]^2
        n[-1] = prior_frames     s[-1] = 0                   q[-1] = prior_frames * prior variance
        output[t] = (y[t] - s[t] / n[t]) / sqrt(max(q[t] / n[t] - (s[t] / n[t])^2, floor))

    A block of frames is one float64 product with the triangular matrix of powers of d, so that the result does not
    depend on how the frames were cut (to rounding) and no Python loop runs over frames.
    """

    def __init__(
        self, mean: NDArray[np.float64], variance: NDArray[np.float64], *, memory_frames: float, prior_frames: float
    ) -> None:
        """Start before the first frame.

        Args:
            mean: Prior mean (feature_size,).
            variance: Prior variance (feature_size,).
            memory_frames: Frames over which the past fades by e.
            prior_frames: Frames that the prior counts for at the start.
        """
        age = np.arange(_BLOCK_FRAMES)[:, None] - np.arange(_BLOCK_FRAMES)
        self._mean = mean
        self._weights = np.where(age >= 0, np.exp(-np.maximum(age, 0) / memory_frames), 0)  # (block, block)
        self._carry = self._weights[:, :1] * math.exp(-1 / memory_frames)  # (block, 1)
        self._sums = np.concatenate([[1.0], np.zeros_like(mean), variance]) * prior_frames  # n, s, q: (1 + 2 F,)

    def advance(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise the next frames with what has been seen up to and including each.

        Args:
            features: float32 (frames, feature_size); no frame is fine.

        Returns:
            float32 (frames, feature_size).
        """
        normalised = np.empty_like(features)
        size = features.shape[1]
        for begin in range(0, len(features), _BLOCK_FRAMES):
            y = features[begin : begin + _BLOCK_FRAMES] - self._mean  # float64
            t = len(y)
            terms = np.concatenate([np.ones((t, 1)), y, np.square(y)], axis=1)
            sums = self._carry[:t] * self._sums + self._weights[:t, :t] @ terms  # (t, 1 + 2 F)
            self._sums = sums[-1].copy()
            mean = sums[:, 1 : 1 + size] / sums[:, :1]
            variance = sums[:, 1 + size :] / sums[:, :1] - np.square(mean)
            normalised[begin : begin + t] = (y - mean) / np.sqrt(np.maximum(variance, _VARIANCE_FLOOR))
        return normalised
