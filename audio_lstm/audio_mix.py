"""Channels to mono: their mean, unless they would cancel each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mixer"]

_CHUNKS_PER_S = 10  # how often the mix is judged
_CANCELLED = 0.25  # of the power that channels with nothing in common would give: below it they cancel
_FADE_S = 0.005  # from one mix to another
_SILENT = 1e-12  # power below which there is nothing to judge


class Mixer:
    """Mixes blocks of one recording, and remembers how loud each channel was.

    The mean of n channels with nothing in common has 1/n of their mean power. A mix with less than a quarter of that is
    one in which channels cancel (a microphone wired the wrong way round). From there on those that go against the
    loudest are taken with their sign turned, until that mix cancels in turn. A constant offset counts for nothing.
    """

    def __init__(self) -> None:
        """Start with the mean."""
        self.peaks = np.zeros(0, np.float32)  # of each channel, where there are several
        self._signs = np.ones(0, np.float32)

    def mix(self, frames: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """The next samples as mono.

        Args:
            frames: (samples, channels), full scale ±1.
            sample_rate: In Hz.

        Returns:
            (samples,). What is not finite stays so.
        """
        n_samples, n_channels = frames.shape
        if n_channels == 1 or not n_samples:
            return frames[:, 0] if n_channels else np.zeros(0, np.float32)
        self._remember(np.abs(frames).max(axis=0))
        if len(self._signs) != n_channels:
            self._signs = np.ones(n_channels, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported by the caller
            mixed = self._sum(frames) / np.float32(n_channels)
            n_chunks = max(1, n_samples * _CHUNKS_PER_S // sample_rate)
            edges = np.arange(n_chunks) * n_samples // n_chunks
            if not _cancels(frames, mixed, edges).any():
                return np.asarray(mixed, np.float32)
            parts = np.split(frames, edges[1:])
            return np.concatenate([self._judged(part, round(_FADE_S * sample_rate)) for part in parts])

    def _sum(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._signs.all() and (self._signs > 0).all():
            return np.asarray(frames.sum(axis=1, dtype=np.float32))
        return np.asarray(frames @ self._signs)

    def _judged(self, frames: NDArray[np.float32], n_fade: int) -> NDArray[np.float32]:
        """The mix of a chunk, with other signs where it cancels."""
        n_channels = frames.shape[1]
        mixed = self._sum(frames) / np.float32(n_channels)
        if not _cancels(frames, mixed, np.zeros(1, np.int64))[0]:
            return np.asarray(mixed, np.float32)
        moving = frames - frames.mean(axis=0)
        loudest = moving[:, np.square(moving).sum(axis=0).argmax()]
        signs = np.where(moving.T @ loudest < 0, np.float32(-1), np.float32(1))
        agreement = float(signs @ self._signs) or float(signs[0] * self._signs[0])
        self._signs = signs if agreement > 0 else -signs
        other = self._sum(frames) / np.float32(n_channels)
        fade = np.minimum(np.arange(len(frames)) / max(1, n_fade), 1).astype(np.float32)
        return np.asarray(mixed + fade * (other - mixed), np.float32)

    def _remember(self, peaks: NDArray[np.float32]) -> None:
        n = max(len(peaks), len(self.peaks))
        self.peaks = np.fmax(np.pad(self.peaks, (0, n - len(self.peaks))), np.pad(peaks, (0, n - len(peaks))))


def _cancels(frames: NDArray[np.float32], mixed: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the channels cancel in each chunk that begins at an edge."""
    n_channels = frames.shape[1]
    n = np.diff(edges, append=len(frames))
    sums = np.add.reduceat(frames, edges, axis=0, dtype=np.float64)  # (chunks, C)
    whole = np.add.reduceat(np.einsum("sc,sc->s", frames, frames), edges, dtype=np.float64)
    whole -= np.square(sums).sum(axis=1) / n
    mean = np.add.reduceat(mixed, edges, dtype=np.float64)
    mix = np.add.reduceat(np.square(mixed), edges, dtype=np.float64) - np.square(mean) / n
    return np.asarray((whole > _SILENT * n) & (mix * n_channels**2 < _CANCELLED * whole))
