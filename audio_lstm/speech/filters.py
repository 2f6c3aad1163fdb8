"""The fixed matrices of the front end: window, mel filters, cosine transform. Cached, read-only."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["dct_matrix", "hann_window", "mel_filters"]


@lru_cache(maxsize=16)
def hann_window(n_samples: int) -> NDArray[np.float32]:
    """Periodic Hann window, as torch.hann_window and librosa have it.

    Args:
        n_samples: Length of the window.

    Returns:
        float32 (n_samples,).
    """
    return _constant(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_samples) / n_samples))


@lru_cache(maxsize=16)
def mel_filters(
    n_mels: int, *, n_fft: int, sample_rate: int, f_min_hz: float, f_max_hz: float, scale: Literal["htk", "slaney"]
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

    Returns:
        float32 (n_fft // 2 + 1, n_mels).
    """
    bins_hz = np.fft.rfftfreq(n_fft, 1 / sample_rate)
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
    return _constant(filters if scale == "htk" else filters * 2 / (right - left))


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
