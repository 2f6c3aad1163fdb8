"""The fixed matrices of the front end: window, mel filters, cosine transform. Cached, read-only."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError

__all__ = ["VTLP_LIMITS", "dct_matrix", "hann_window", "mel_filters", "warp_frequencies"]

VTLP_LIMITS = (0.8, 1.25)
"""Lowest and highest warp of the frequency axis: a little beyond the 0.85..1.25 that Kaldi's recipes search."""


_FORMANTS_HZ = 4_800.0  # Jaitly & Hinton's F_hi: the formants that matter lie below it
_FORMANTS_FRACTION = 0.6  # of half the sample rate: their 4.8 of 8 kHz, where the sample rate is lower


@lru_cache(maxsize=16)
def hann_window(n_samples: int) -> NDArray[np.float32]:
    """Periodic Hann window, as torch.hann_window and librosa have it.

    Args:
        n_samples: Length of the window.

    Returns:
        float32 (n_samples,).
    """
    return _constant(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_samples) / n_samples))


@lru_cache(maxsize=64)  # one front end and its 46 warps of 0.80, 0.81 … 1.25
def mel_filters(
    n_mels: int,
    *,
    n_fft: int,
    sample_rate: int,
    f_min_hz: float,
    f_max_hz: float,
    scale: Literal["htk", "slaney"],
    vtlp_alpha: float = 1.0,
) -> NDArray[np.float32]:
    """Triangular filters, equally spaced in mel, over the bins of a real FFT.

    "htk": 2595 log10(1 + f / 700) (O'Shaughnessy 1987), triangles of height 1; torchaudio's defaults. "slaney":
    3 mel per 200 Hz up to 1 kHz, then 27 for each factor of 6.4 (Slaney 1998), triangles of area 1; librosa's defaults.

    Args:
        n_mels: Number of filters.
        n_fft: Points of the FFT.
        sample_rate: In Hz.
        f_min_hz: Where the first triangle begins.
        f_max_hz: Where the last triangle ends.
        scale: The mel scale and its norm.
        vtlp_alpha: Where each bin is taken to lie: see `warp_frequencies`. 1 is where it is.

    Returns:
        float32 (n_fft // 2 + 1, n_mels).

    Raises:
        ConfigError: If a warp, which makes the filters narrower or wider, leaves one without a bin.
        ValueError: If vtlp_alpha is outside VTLP_LIMITS.
    """
    low, high = VTLP_LIMITS
    if not low <= vtlp_alpha <= high:
        raise ValueError(f"vtlp_alpha lies in {low}..{high}; got {vtlp_alpha}")
    bins_hz = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    if vtlp_alpha != 1:
        bins_hz = warp_frequencies(bins_hz, vtlp_alpha, sample_rate=sample_rate)
    if scale == "htk":
        low, high = (2595 * math.log10(1 + f / 700) for f in (f_min_hz, f_max_hz))
        edges_hz = 700 * (10 ** (np.linspace(low, high, n_mels + 2) / 2595) - 1)
    else:
        low, high = (f * 3 / 200 if f < 1000 else 15 + 27 * math.log(f / 1000, 6.4) for f in (f_min_hz, f_max_hz))
        mels = np.linspace(low, high, n_mels + 2)
        edges_hz = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - left) / (centre - left)
    falling = (right - bins_hz[:, None]) / (right - centre)
    filters = np.maximum(0, np.minimum(rising, falling))
    if vtlp_alpha != 1 and not filters.any(axis=0).all():
        raise ConfigError(
            f"at vtlp_alpha={vtlp_alpha} mel band {int(np.argmin(filters.any(axis=0)))} of {n_mels} holds no bin of an "
            f"FFT of {n_fft} points: raise n_fft, lower n_mels or narrow vtlp_range"
        )
    return _constant(filters if scale == "htk" else filters * 2 / (right - left))


def warp_frequencies(frequencies_hz: NDArray[np.floating], alpha: float, *, sample_rate: int) -> NDArray[np.float64]:
    """Where frequencies come to lie when a speaker's vocal tract is shorter by a factor (Jaitly & Hinton 2013).

    Below a knee f' = alpha f; above it a straight line to half the sample rate, which stays where it is. The knee is
    F_hi min(alpha, 1) / alpha with F_hi = 4800 Hz, or 0.6 of half the sample rate if that is less.

    Args:
        frequencies_hz: Frequencies from 0 to half the sample rate, any shape.
        alpha: Above 1 moves the formants up, towards a child's; below 1 down.
        sample_rate: In Hz.

    Returns:
        float64, of the same shape.
    """
    half = sample_rate / 2
    warped_knee = min(_FORMANTS_HZ, _FORMANTS_FRACTION * half) * min(alpha, 1)
    knee = warped_knee / alpha
    above = half - (half - warped_knee) / (half - knee) * (half - frequencies_hz)
    return np.where(frequencies_hz <= knee, alpha * frequencies_hz, above)


@lru_cache(maxsize=16)
def dct_matrix(n_inputs: int, n_outputs: int) -> NDArray[np.float32]:
    """The first columns of the orthonormal DCT-II (torchaudio.functional.create_dct, norm="ortho").

    Args:
        n_inputs: Length of the input.
        n_outputs: Coefficients kept, from the constant one on.

    Returns:
        float32 (n_inputs, n_outputs).
    """
    angles = np.pi / n_inputs * (np.arange(n_inputs)[:, None] + 0.5) * np.arange(n_outputs)
    scale = np.where(np.arange(n_outputs) == 0, math.sqrt(1 / n_inputs), math.sqrt(2 / n_inputs))
    return _constant(np.cos(angles) * scale)


def _constant(values: NDArray[np.float64]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = values.astype(np.float32)
    result.flags.writeable = False  # one array serves every caller
    return result
