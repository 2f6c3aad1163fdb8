"""How single notes sound: sums of damped partials, one-cycle tables with vibrato, and ensembles; numpy alone.

Three ways to make a tone, each as fast as numpy allows:

- `damped_partials`: strings that are struck or plucked, bars, bells. A sum of decaying sinusoids over n samples is
  one product of two small matrices, since exp(r (iB + j)) = exp(r iB) exp(r j): a piano note of 6 s and 80
  exponentials takes a few milliseconds.
- `cycle_table` and `read_table`: a sustained soloist. One band-limited cycle, read with an exact phase and vibrato.
- `ensemble_loop`: many singers or strings at once. Each harmonic is a narrow band of noise, and one inverse FFT of
  the whole spectrum gives a loop without a seam (the PADsynth algorithm, Paul 2003).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TABLE_SIZE",
    "cycle_table",
    "damped_partials",
    "ensemble_loop",
    "formant_gain",
    "pitch_to_hz",
    "read_table",
]

TABLE_SIZE = 4096
"""Samples of a one-cycle table: linear interpolation between them stays below -70 dB for the 32nd harmonic."""

_TOP = 0.45  # of the sample rate: no partial lies above, so that nothing folds back
_LOOP_S = 3.0  # ensembles repeat after about this long
_COMMON = 0.5  # share of an ensemble's power that both loudspeakers have in common
_VIBRATO_STEP = 64  # samples between two values of the vibrato


def pitch_to_hz(pitch: float) -> float:
    """The frequency of a MIDI pitch in equal temperament, A4 (69) = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def damped_partials(
    frequencies_hz: NDArray[np.float64],
    decays_s: NDArray[np.float64],
    amplitudes: NDArray[np.float64],
    phases: NDArray[np.float64],
    *,
    n_samples: int,
    sample_rate: int,
) -> NDArray[np.float32]:
    """Sums of sinusoids that start at once and die away; partials above 0.45 of the sample rate are left out.

    Args:
        frequencies_hz: (K,).
        decays_s: (K,) how long each takes to fall to 1/e.
        amplitudes: (layers, K): a sum is made for each layer.
        phases: (K,) radians at the first sample.
        n_samples: length of the sums.
        sample_rate: in Hz.

    Returns:
        (layers, n_samples).
    """
    audible = frequencies_hz < _TOP * sample_rate
    rates = (-1.0 / decays_s + 2j * np.pi * frequencies_hz)[audible] / sample_rate  # (K,) per sample
    n_columns = max(1, round(float(np.sqrt(n_samples))))
    n_rows = -(-n_samples // n_columns)
    columns = np.exp(np.outer(rates, np.arange(n_columns)))  # (K, columns)
    rows = np.exp(np.outer(np.arange(n_rows) * n_columns, rates) + 1j * phases[audible])  # (rows, K)
    stacked = (amplitudes[:, audible][:, None, :] * rows).reshape(
        len(amplitudes) * n_rows, len(rates)
    )  # (layers * rows, K)
    left = np.concatenate([stacked.real, -stacked.imag], axis=1).astype(np.float32)
    right = np.concatenate([columns.real, columns.imag], axis=0).astype(np.float32)
    sums = (left @ right).reshape(len(amplitudes), -1)  # the real part of stacked @ columns
    return np.ascontiguousarray(sums[:, :n_samples])


def cycle_table(amplitudes: NDArray[np.float64], fundamental_hz: float, sample_rate: int) -> NDArray[np.float32]:
    """One cycle of a harmonic tone, without what would fold back at this pitch.

    Args:
        amplitudes: (K,) of the harmonics 1..K.
        fundamental_hz: how fast the table will be read.
        sample_rate: in Hz.

    Returns:
        (TABLE_SIZE + 1,): the first sample is repeated at the end; its power is 1.
    """
    n_harmonics = min(len(amplitudes), TABLE_SIZE // 8, int(_TOP * sample_rate / (1.03 * fundamental_hz)))
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, complex)
    order = np.arange(1, n_harmonics + 1)
    # Schroeder's phases (1970): a flat wave, so that the loudness allowed by full scale is large.
    spectrum[1 : n_harmonics + 1] = amplitudes[:n_harmonics] * np.exp(-1j * np.pi * order * (order - 1) / n_harmonics)
    cycle = np.fft.irfft(spectrum, TABLE_SIZE)
    cycle /= max(float(np.sqrt(np.mean(cycle**2))), 1e-12)
    return np.append(cycle, cycle[0]).astype(np.float32)


def read_table(
    table: NDArray[np.float32],
    fundamental_hz: float,
    span: tuple[int, int],
    *,
    sample_rate: int,
    vibrato_hz: float = 0.0,
    vibrato_cents: float = 0.0,
) -> NDArray[np.float32]:
    """Some samples of an endless tone; the vibrato sets in between 0.2 and 0.6 s after its start.

    Args:
        table: from `cycle_table`.
        fundamental_hz: mean pitch.
        span: first sample and the one after the last, counted from the start of the note.
        sample_rate: in Hz.
        vibrato_hz: cycles of vibrato a second.
        vibrato_cents: how far it goes up and down.

    Returns:
        (span,) samples.
    """
    first, end = span
    time = np.arange(first, end, dtype=np.float64)
    phase = time * (fundamental_hz / sample_rate)  # cycles
    if vibrato_cents:
        knots = np.arange(first - first % _VIBRATO_STEP, end + _VIBRATO_STEP, _VIBRATO_STEP) / sample_rate
        onset = np.clip((knots - 0.2) / 0.4, 0.0, 1.0)
        # The phase of a frequency f (1 + d cos(2 pi r t)) is f t + f d / (2 pi r) sin(2 pi r t).
        depth = fundamental_hz * (2.0 ** (vibrato_cents / 1200.0) - 1.0) / (2.0 * np.pi * vibrato_hz)
        phase += np.interp(time / sample_rate, knots, depth * onset * np.sin(2.0 * np.pi * vibrato_hz * knots))
    position = (phase % 1.0) * TABLE_SIZE
    index = position.astype(np.int32)
    fraction = (position - index).astype(np.float32)
    left = table[index]
    return np.asarray(left + fraction * (table[index + 1] - left))


def ensemble_loop(
    amplitudes: NDArray[np.float64],
    fundamental_hz: float,
    *,
    width_cents: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """A stereo loop of many players in unison.

    Args:
        amplitudes: (K,) of the harmonics 1..K.
        fundamental_hz: pitch.
        width_cents: standard deviation of the players' tuning.
        sample_rate: in Hz.
        rng: gives the phases.

    Returns:
        (2, n): left and right, with a correlation of about 0.5, n about 3 s; the power of each is 1.
    """
    n_samples = 1 << round(np.log2(_LOOP_S * sample_rate))
    bin_hz = sample_rate / n_samples
    size = np.zeros(n_samples // 2 + 1)
    for order, amplitude in enumerate(amplitudes, 1):
        centre_hz = order * fundamental_hz
        # Vibrato and tuning scale with frequency; less than a bin would pull the pitch to the bin's.
        sigma_hz = max(centre_hz * (2.0 ** (width_cents / 1200.0) - 1.0), 1.2 * bin_hz)
        low, high = (round((centre_hz + side * 4.0 * sigma_hz) / bin_hz) for side in (-1, 1))
        if high * bin_hz > _TOP * sample_rate:
            break
        bins = np.arange(max(low, 1), high + 1)
        power = np.exp(-(((bins * bin_hz - centre_hz) / sigma_hz) ** 2))
        size[bins] += amplitude * np.sqrt(power / power.sum())
    used = np.flatnonzero(size)
    phases = np.exp(2j * np.pi * rng.uniform(size=(3, len(used))))  # of all players, of those left, of those right
    spectra = np.zeros((2, len(size)), complex)
    spectra[:, used] = size[used] * (np.sqrt(_COMMON) * phases[0] + np.sqrt(1.0 - _COMMON) * phases[1:])
    loop = np.fft.irfft(spectra, n_samples, axis=1)
    loop /= np.maximum(np.sqrt(np.mean(loop**2, axis=1, keepdims=True)), 1e-12)
    return loop.astype(np.float32)


def formant_gain(
    frequencies_hz: NDArray[np.float64], formants: tuple[tuple[float, float, float], ...]
) -> NDArray[np.float64]:
    """How a vocal tract or a body colours a spectrum: peaks over a floor.

    Args:
        frequencies_hz: any shape.
        formants: centre in Hz, bandwidth in Hz, gain of each.

    Returns:
        Gains, same shape.
    """
    gain = np.full(frequencies_hz.shape, 0.02)
    for centre, width, height in formants:
        gain += height / (1.0 + ((frequencies_hz - centre) / (width / 2.0)) ** 2)
    return gain
