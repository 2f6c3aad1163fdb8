"""Samples at another rate as they arrive: soxr's HQ filter, as long as the input to the nearest sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Resampler", "rescale_samples"]


def rescale_samples(n_samples: int, from_rate: int, to_rate: int) -> int:
    """How many samples at `to_rate` (Hz) last as long as `n_samples` at `from_rate`: the nearest, a tie goes up."""
    return (2 * n_samples * to_rate + from_rate) // (2 * from_rate)


class Resampler:
    """Takes mono blocks at one rate and gives them at another: 100 dB and more of alias rejection."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Start before the first sample.

        Args:
            from_rate: Of the samples to come, in Hz.
            to_rate: Wanted, in Hz; where it is the same, the samples pass through.
        """
        self._rates = (from_rate, to_rate)
        self._stream = None
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
        self._n_in = self._n_out = 0

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples.

        Args:
            samples: Mono (n,), n >= 0.

        Returns:
            What is known by now (m,); the filter holds some back.
        """
        if self._stream is None or len(samples) == 0:
            return samples
        out: NDArray[np.float32] = self._stream.resample_chunk(np.ascontiguousarray(samples))
        self._n_in, self._n_out = self._n_in + len(samples), self._n_out + len(out)
        return out

    def finish(self) -> NDArray[np.float32]:
        """Give the rest.

        Returns:
            (m,), such that all of it is as long as the input, and at least one sample where that has one.
        """
        if self._stream is None:
            return np.zeros(0, np.float32)
        tail = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        wanted = max(0, max(rescale_samples(self._n_in, *self._rates), 1 if self._n_in else 0) - self._n_out)
        return np.pad(tail, (0, max(0, wanted - len(tail))))[:wanted]
