"""Simulated rooms: impulse responses drawn from a statistical model, and speech heard through them.

    response = room_impulse_response(0.4, 3.0, rng, sample_rate=16_000)
    samples = reverberate(samples, response)

A room with a reverberation time T60 is a direct path followed by Gaussian noise whose amplitude decays by 60 dB in T60
(Polack 1988); the level of the direct path against all the rest says how far away the speaker is (Habets 2007). Ko et
al. 2017 found simulated responses nearly as good for training as recorded ones. We differ from the model in two ways:
before the echoes have mixed, the same energy arrives in a few of them, and high frequencies die away faster.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["convolve", "reverberate", "room_impulse_response"]

_MIXING_S = 0.02  # until then single echoes, later a diffuse field: the root of the volume in m^3, in ms (Polack 1988)
_FIRST_ECHO_S = 0.001  # a detour of 34 cm
_N_ECHOES = 8
_HIGH_FREQUENCY_T60 = 0.7  # of the reverberation time: air and soft furnishings take the upper half of the band first
_DECAY_60_DB = 3 * math.log(10)  # amplitude exp(-this t / T60) is down by 60 dB at T60
_T60_RANGE_S = (0.01, 10.0)
_BLOCK_SAMPLES = 16_384  # of an FFT: its arrays stay in the cache, which halves the time


def room_impulse_response(
    t60_s: float, direct_to_reverberant_db: float, rng: np.random.Generator, *, sample_rate: int
) -> NDArray[np.float32]:
    """What a listener in a room hears of a click.

    Args:
        t60_s: Time in which the sound decays by 60 dB: 0.2 is a furnished room, 0.6 an empty one.
        direct_to_reverberant_db: Energy of the direct path over that of everything later.
        rng: Source of echoes and noise.
        sample_rate: In Hz.

    Returns:
        float32 (about t60_s * sample_rate,); the direct path is a 1 at sample 0.

    Raises:
        ValueError: If t60_s is outside 0.01..10.
    """
    low, high = _T60_RANGE_S
    if not low <= t60_s <= high:
        raise ValueError(f"t60_s lies in {low}..{high} seconds; got {t60_s}")
    length = max(2, round(t60_s * sample_rate))
    mixing = min(max(2, round(_MIXING_S * sample_rate)), length)  # first sample of the diffuse field
    first = min(max(1, round(_FIRST_ECHO_S * sample_rate)), mixing - 1)
    noise = np.zeros(length, np.float32)
    noise[mixing:] = rng.standard_normal(length - mixing, dtype=np.float32)
    echoes = rng.integers(first, mixing, _N_ECHOES)
    np.add.at(noise, echoes, rng.choice([-1, 1], _N_ECHOES) * np.float32(math.sqrt((mixing - first) / _N_ECHOES)))
    # Half sums and half differences of neighbours part the band at a quarter of the sample rate; together they are
    # the noise again.
    delayed = np.concatenate([noise[:1], noise[:-1]])
    decay = np.arange(length, dtype=np.float32) * np.float32(-_DECAY_60_DB / (t60_s * sample_rate))
    response: NDArray[np.float32] = (noise + delayed) * np.exp(decay) + (noise - delayed) * np.exp(
        decay / np.float32(_HIGH_FREQUENCY_T60)
    )
    response[0] = 0
    energy = float(np.square(response, dtype=np.float64).sum())
    if energy > 0:
        response *= np.float32(math.sqrt(10 ** (-direct_to_reverberant_db / 10) / energy))
    response[0] = 1
    return response


def reverberate(samples: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
    """Samples as they sound through an impulse response: as long, as loud and in the same place as before.

    Args:
        samples: Mono samples (n,).
        response: Impulse response (m,) at the same sample rate, its direct path at sample 0.

    Returns:
        float32 (n,), of the same mean power as the samples; the echoes after the last sample are cut off.
    """
    heard = convolve(samples, response)
    power, heard_power = (float(np.square(x, dtype=np.float64).mean()) for x in (samples, heard))
    return heard * np.float32(math.sqrt(power / heard_power) if heard_power > 0 else 1)


def convolve(samples: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first n samples of a convolution, by FFT in overlapping blocks (overlap-save).

    Args:
        samples: Mono samples (n,).
        kernel: Impulse response (m,) at the same sample rate.

    Returns:
        float32 (n,): sample t is the sum of kernel[k] * samples[t - k].

    Raises:
        ValueError: If either is not a non-empty one-dimensional array.
    """
    for name, array in (("samples", samples), ("kernel", kernel)):
        if array.ndim != 1 or len(array) == 0:
            raise ValueError(f"expected {name} of shape (n,), not empty; got shape {array.shape}")
    n_samples, kernel = len(samples), kernel[: len(samples)].astype(np.float32, copy=False)
    before = len(kernel) - 1  # samples at the start of a block that only fill the kernel
    n_fft = 1 << max(4, (min(n_samples + before, max(_BLOCK_SAMPLES, 2 * before)) - 1).bit_length())
    step = n_fft - before
    padded = np.zeros(before + -(-n_samples // step) * step, np.float32)
    padded[before : before + n_samples] = samples
    spectrum = np.fft.rfft(sliding_window_view(padded, n_fft)[::step])  # (blocks, n_fft // 2 + 1)
    spectrum *= np.fft.rfft(kernel, n_fft)
    blocks = np.fft.irfft(spectrum, n_fft)[:, before:]  # (blocks, step)
    return blocks.reshape(-1)[:n_samples].astype(np.float32)
