"""Loudness by a standard measure, and a limiter that looks ahead: nothing clips, nothing is distorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CEILING", "Limiter", "gated_lufs", "loudness_lufs", "weighted_powers"]

CEILING = 10.0 ** (-1.5 / 20.0)
"""The highest sample, -1.5 dB below full scale, so that the wave between the samples stays below full scale too."""

_CHUNK_S = 0.0015
_AHEAD = 20  # chunks: the gain comes down over the 30 ms before a peak
_HOLD = 60  # chunks: it stays down for 90 ms after it
_WINDOW_S = 0.4  # of BS.1770
_SILENCE_LUFS, _GATE_LU = -70.0, -10.0
_OFFSET = -0.691  # of BS.1770: a full-scale sine of 997 Hz in one channel reads -3.01


class Limiter:
    """Turns the gain down around peaks, smoothly and ahead of time; blocks come out a little later than they go in.

    Args:
        sample_rate: in Hz.
        ceiling: no sample gets louder.
    """

    def __init__(self, sample_rate: int, *, ceiling: float = CEILING) -> None:
        self._chunk_samples = max(1, round(_CHUNK_S * sample_rate))
        self._ceiling = ceiling
        self._waiting = np.zeros((2, 0), np.float32)  # for what comes after it
        self._past = np.ones(_AHEAD + _HOLD)  # the gains that were needed just before it

    def feed(self, block: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Take a block and give what can be given.

        Args:
            block: (2, n).
            last: nothing comes after it.

        Returns:
            (2, m), m whole chunks; after the last block, all that is left.
        """
        sound = np.concatenate([self._waiting, block], axis=1)
        size = self._chunk_samples
        n_chunks = -(-sound.shape[1] // size) if last else sound.shape[1] // size
        n_out = n_chunks if last else max(0, n_chunks - _AHEAD)
        peaks = np.zeros(n_chunks * size, np.float32)
        heard = np.maximum(*np.abs(sound[:, : n_chunks * size]))
        peaks[: len(heard)] = heard
        loudest = np.maximum(peaks.reshape(n_chunks, size).max(axis=1, initial=0.0), 1e-9)
        needed = np.minimum(1.0, self._ceiling / loudest)  # (chunks,)
        result = sound[:, : n_out * size]
        if needed.min(initial=1.0) < 1.0 or self._past.min() < 1.0:
            knots = self._gains(needed)[: n_out + 1]  # at the start of each chunk
            gain = np.interp(np.arange(result.shape[1]) / size, np.arange(n_out + 1), knots)
            result = result * gain.astype(np.float32)
        self._past = np.concatenate([self._past, needed[:n_out]])[-len(self._past) :]
        self._waiting = sound[:, n_out * size :]
        return result

    def _gains(self, needed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Means over minima. Every minimum in the mean at the start of chunk i looks at chunks i - 1 and i, so that no
        gain between two starts is above what its chunk needs.
        """
        padded = np.concatenate([self._past, needed, np.ones(_AHEAD)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, len(self._past) + 1)
        return np.convolve(windows.min(axis=1), np.full(_AHEAD, 1.0 / _AHEAD), mode="valid")


def loudness_lufs(sound: NDArray[np.float32], sample_rate: int) -> float:
    """Integrated loudness after ITU-R BS.1770-4, with its two gates.

    Args:
        sound: (n, channels), one or two.
        sample_rate: in Hz.

    Returns:
        LUFS; minus infinity for silence, or for less than 0.4 s.
    """
    return gated_lufs(weighted_powers(sound, sample_rate, hop_s=_WINDOW_S / 4))


def weighted_powers(sound: NDArray[np.float32], sample_rate: int, *, hop_s: float = _WINDOW_S) -> NDArray[np.float64]:
    """The power of windows of 0.4 s, filtered as BS.1770 says and summed over the channels.

    Args:
        sound: (n, channels).
        sample_rate: in Hz.
        hop_s: from window to window.

    Returns:
        (n_windows,)
    """
    size, hop = round(_WINDOW_S * sample_rate), round(hop_s * sample_rate)
    weight = _k_weight(np.fft.rfftfreq(size, 1.0 / sample_rate).astype(np.float64))
    weight[1:-1] *= 2.0  # both halves of the spectrum
    starts = range(0, len(sound) - size + 1, hop)
    spectra = (np.fft.rfft(sound[start : start + size], axis=0) for start in starts)
    powers = [float(weight @ (np.abs(spectrum) ** 2).sum(axis=1)) for spectrum in spectra]
    return np.array(powers, np.float64) / size**2


def gated_lufs(powers: NDArray[np.float64]) -> float:
    """Loudness of windows: the mean of those that are not silent and not 10 LU below the rest.

    Args:
        powers: from `weighted_powers`.

    Returns:
        LUFS; minus infinity where all is silent.
    """
    heard = powers[powers > 10.0 ** ((_SILENCE_LUFS - _OFFSET) / 10.0)]
    if not len(heard):
        return float("-inf")
    loud = heard[heard > heard.mean() * 10.0 ** (_GATE_LU / 10.0)]
    return float(_OFFSET + 10.0 * np.log10(loud.mean()))


def _k_weight(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """|H|^2 of the two filters of BS.1770, from the coefficients that it gives at 48 kHz."""
    z = np.exp(-2j * np.pi * np.minimum(hz, 23_999.0) / 48_000.0)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.asarray(np.abs(shelf * high) ** 2)
