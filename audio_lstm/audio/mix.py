"""Channels to mono: their mean, unless they would cancel each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mixer"]

_CHUNKS_PER_S = 10  # how often the mix is judged
_CANCELLED = 0.25  # of the power that channels with nothing in common would give: below it they cancel
_FADE_S = 0.005  # from one mix to another
_FEW = 8  # channels that are added one by one
_ROW = 64
_SILENT = 1e-12  # power below which there is nothing to judge


class Mixer:
    """Mixes blocks of one recording, and remembers how loud each channel was.

    The mean of n channels with nothing in common has 1/n of their mean power. A mix with less than a quarter of that is
    one in which channels cancel (a microphone wired the wrong way round). From there on the loudest channel is taken
    alone, until it has less than a quarter of the channels' mean power: turning signs would not do, as lossy codecs
    make channels cancel at some frequencies only. A constant offset counts for nothing.
    """

    def __init__(self) -> None:
        """Start with the mean."""
        self.peaks = np.zeros(0, np.float32)  # of each channel, where there are several
        self._alone: tuple[int, int] | None = None  # the channel that stands for all, and its sign; None: the mean

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
        self._remember(_peaks(frames))
        if self._alone is not None and self._alone[0] >= n_channels:
            self._alone = None
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported by the caller
            mean = _mean(frames)
            n_chunks = max(1, n_samples * _CHUNKS_PER_S // sample_rate)
            edges = [number * n_samples // n_chunks for number in range(n_chunks + 1)]
            spans = list(pairwise(edges))
            if self._alone is None and not any(
                _may_cancel(frames[start:stop], mean[start:stop]) for start, stop in spans
            ):
                return mean
            n_fade = round(_FADE_S * sample_rate)
            return np.concatenate([self._judged(frames[start:stop], mean[start:stop], n_fade) for start, stop in spans])

    def _judged(self, frames: NDArray[np.float32], mean: NDArray[np.float32], n_fade: int) -> NDArray[np.float32]:
        """The mix of a chunk: its mean, or the loudest channel where that cancels."""
        before = self._mixed(frames, mean)
        moving = frames - frames.mean(axis=0)
        powers = np.square(moving).sum(axis=0)
        power = float(powers.sum())
        if not power > _SILENT * len(frames):
            return before
        n_channels = frames.shape[1]
        if self._alone is not None and powers[self._alone[0]] * n_channels >= _CANCELLED * power:
            return before
        alone = None
        if float(np.square(mean - mean.mean()).sum()) * n_channels**2 < _CANCELLED * power:
            loudest = int(powers.argmax())
            alone = (loudest, -1 if float(moving[:, loudest] @ moving[:, 0]) < 0 else 1)
        if alone == self._alone:
            return before
        self._alone = alone
        fade = np.minimum(np.arange(len(frames)) / max(1, n_fade), 1).astype(np.float32)
        return np.asarray(before + fade * (self._mixed(frames, mean) - before), np.float32)

    def _mixed(self, frames: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._alone is None:
            return mean
        channel, sign = self._alone
        return np.asarray(frames[:, channel] * np.float32(sign))

    def _remember(self, peaks: NDArray[np.float32]) -> None:
        n = max(len(peaks), len(self.peaks))
        self.peaks = np.fmax(np.pad(self.peaks, (0, n - len(self.peaks))), np.pad(peaks, (0, n - len(peaks))))


def _mean(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    n_channels = frames.shape[1]
    if n_channels > _FEW:
        return np.asarray(frames.mean(axis=1), np.float32)
    whole = np.array(frames[:, 0], np.float32)
    for channel in range(1, n_channels):
        np.add(whole, frames[:, channel], out=whole)
    return np.asarray(whole / np.float32(n_channels))


def _peaks(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """The loudest sample of each channel (C,); in rows of many samples, which numpy goes through faster."""
    n_samples, n_channels = frames.shape
    if frames.flags.f_contiguous:
        return np.asarray(np.maximum(frames.max(axis=0), -frames.min(axis=0)), np.float32)
    n_rows = n_samples // _ROW
    rows = frames[: n_rows * _ROW].reshape(n_rows, _ROW * n_channels) if n_rows else frames
    highest = np.maximum(rows.max(axis=0), -rows.min(axis=0)).reshape(-1, n_channels).max(axis=0)
    rest = np.abs(frames[n_rows * _ROW :]).max(axis=0, initial=0.0)
    return np.asarray(np.maximum(highest, rest), np.float32)


def _may_cancel(frames: NDArray[np.float32], mixed: NDArray[np.float32]) -> bool:
    """Whether channels may cancel in a chunk: True wherever they do, and cheap."""
    n_channels = frames.shape[1]
    columns = frames.T if n_channels <= _FEW else [frames.reshape(-1)]
    whole = sum(float(np.dot(column, column)) for column in columns)
    mix = float(np.dot(mixed, mixed)) - float(mixed.sum()) ** 2 / len(mixed)
    return bool(mix * n_channels**2 < 1.01 * _CANCELLED * whole)
