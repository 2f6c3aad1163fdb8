"""Takes a constant offset out of a sound as it arrives: cheap sound cards add one, and it hides where speech pauses."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["OffsetFilter"]

_CORNER_HZ = 2.0  # below it the sound is taken for an offset; speech begins at 60
_IGNORED = 5e-3  # of full scale, -46 dB: so small an offset hides nothing, and rumble comes to as much
_START_S = 0.1  # whose mean is the first estimate
_BLOCK_S = 0.25  # computed together: the powers of the decay stay far from float64's limits


class OffsetFilter:
    """Follows the offset with an exponential mean and subtracts it.

    d[n] = r d[n - 1] + (1 - r) x[n], y[n] = x[n] - d[n], and before the first sample d is the mean of the first tenth
    of a second, so that there is no step. Where d is smaller than `_IGNORED`, y = x: ordinary recordings stay as they
    are; up to twice that, a growing share of d is subtracted. The blocks lie on a grid of their own: y does not depend
    on how x is cut.
    """

    def __init__(self, sample_rate: int) -> None:
        """Start before the first sample.

        Args:
            sample_rate: In Hz.
        """
        self._n_start = round(_START_S * sample_rate)
        self._n_block = round(_BLOCK_S * sample_rate)
        decay = math.exp(-2 * math.pi * _CORNER_HZ / sample_rate)
        self._powers = decay ** np.arange(1, self._n_block + 1)  # (block,) r, r^2 …
        self._weights = (1 - decay) / self._powers
        self._block = np.zeros(0, np.float32)  # its samples so far
        self._n_given = 0  # of them
        self._offset: float | None = None  # before the block

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples.

        Args:
            samples: Mono (n,), n >= 0.

        Returns:
            The same without their offset; the first tenth of a second is held back until it is complete.
        """
        waiting = np.concatenate([self._block, samples])
        if self._offset is None and len(waiting) < self._n_start:
            self._block = waiting
            return samples[:0]
        return self._filtered(waiting)

    def finish(self) -> NDArray[np.float32]:
        """Give what is held back: all of a sound that is shorter than a tenth of a second."""
        return self._filtered(self._block) if self._offset is None else self._block[:0]

    def _filtered(self, waiting: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._offset is None:
            start = waiting[: self._n_start]
            self._offset = float(start.mean(dtype=np.float64)) if len(start) else 0.0
        given = [waiting[:0]]
        while True:
            block = waiting[: self._n_block]
            sums = np.cumsum(block * self._weights[: len(block)])
            offsets = self._powers[: len(block)] * (self._offset + sums)
            known = offsets * np.clip(np.abs(offsets) / _IGNORED - 1, 0, 1)  # without steps, which would be heard
            given.append((block - known)[self._n_given :].astype(np.float32))
            if len(block) < self._n_block:
                self._block, self._n_given = block.copy(), len(block)
                return np.concatenate(given)
            self._offset, self._n_given = float(offsets[-1]), 0
            waiting = waiting[self._n_block :]
