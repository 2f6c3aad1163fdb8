"""Where the beats are: the metre of written notes, and the pulse of notes that somebody played or sang.

Both are measured by `recipes/quality/finding.py` and `humming.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.music.score.score import Score

__all__ = ["Pulse", "find_metre", "find_pulse", "quantise"]

_STEPS = 12  # a quarter, for the autocorrelation
_MIN_QUARTERS = 6.0  # below, there is no telling

_ONSET_ERROR_S = 0.035  # standard deviation of what people play or sing against what they mean
_CHANCES = {1: 0.62, 2: 0.26, 4: 0.08, 3: 0.04}  # how often a note begins on a beat, a half, a quarter, a third of it
_MEAN_BPM, _OCTAVES = 100.0, 0.45  # what tempi are like, before anything is heard
_SLOWEST_BPM, _FASTEST_BPM = 45.0, 190.0
_PHASE_GAIN, _PERIOD_GAIN = 0.4, 0.2  # how fast the pulse follows somebody who drifts


def find_metre(score: Score) -> tuple[int, int]:
    """The likeliest metre of notes whose quarters are known.

    The autocorrelation of the onsets, each as loud as the notes there are long, decides twice (Brown 1993): whether
    they repeat after one and a half quarters rather than after one, and whether after three and six rather than two
    and four.

    Args:
        score: Its ticks count; its own time signatures do not.

    Returns:
        (4, 4), (3, 4) or (6, 8); (4, 4) for less than six quarters of music.
    """
    notes = score.resample_ticks(_STEPS).notes
    if not len(notes):
        return (4, 4)
    start = notes["start_ticks"] - notes["start_ticks"].min()
    if start.max() < _MIN_QUARTERS * _STEPS:
        return (4, 4)
    weight = np.zeros(int(start.max()) + 1 + 16 * _STEPS)
    np.add.at(weight, start, np.minimum(notes["duration_ticks"], 2 * _STEPS) / _STEPS)
    spectrum = np.fft.rfft(np.sqrt(weight), 2 * len(weight))
    again = np.fft.irfft(spectrum * np.conj(spectrum))
    after = {quarters: float(again[round(quarters * _STEPS)] / again[0]) for quarters in (1, 1.5, 2, 3, 4, 6)}
    if after[1.5] > after[1]:
        return (6, 8)
    triple, duple = (after[3] + after[6]) / 2, (after[2] / 2 + after[4]) / 1.5
    return (3, 4) if triple > duple else (4, 4)


@dataclass(frozen=True)
class Pulse:
    """A steady beat."""

    period_s: float  # from beat to beat
    start_s: float  # of one beat

    @property
    def bpm(self) -> float:
        """Beats a minute."""
        return 60.0 / self.period_s


def find_pulse(onsets_s: ArrayLike, *, bpm: float | None = None) -> Pulse:
    """The beat under some onsets: the one that makes them likeliest.

    An onset falls on a beat, a half, a quarter or a third of one, with the chances above, and misses it by a normal
    error of 35 ms; faster beats pay for having more places to fall on; tempi are log-normal around 100.

    Args:
        onsets_s: (n,) ascending, seconds.
        bpm: The beats a minute, where they are known.

    Returns:
        The pulse; 100 beats a minute from the first onset on for fewer than three.
    """
    onsets = np.asarray(onsets_s, dtype=np.float64)
    if len(onsets) < 3:
        return Pulse(60.0 / (bpm or _MEAN_BPM), float(onsets[0]) if len(onsets) else 0.0)
    n_tempi = int(np.log2(_FASTEST_BPM / _SLOWEST_BPM) * 48)
    tempi = np.array([bpm]) if bpm else np.geomspace(_SLOWEST_BPM, _FASTEST_BPM, n_tempi)
    # A beat may begin anywhere within a beat of the first onset; 24 places are 42 ms apart at 60.
    best_cost, best = np.inf, Pulse(60.0 / float(tempi[0]), float(onsets[0]))
    for tempo in tempi.tolist():
        period = 60.0 / tempo
        starts = onsets[0] + np.arange(24) / 24 * period
        prior = 0.0 if bpm else 0.5 * (np.log2(tempo / _MEAN_BPM) / _OCTAVES) ** 2
        costs = _costs(onsets, period, starts) + prior
        if costs.min() < best_cost:
            best_cost, best = float(costs.min()), Pulse(period, float(starts[int(costs.argmin())]))
    return _refined(onsets, best, fixed=bpm is not None)


def quantise(onsets_s: ArrayLike, pulse: Pulse) -> list[Fraction]:
    """The places of onsets on the grid of beats, halves, quarters and thirds; the pulse follows who drifts.

    Args:
        onsets_s: (n,) ascending, seconds.
        pulse: What `find_pulse` found.

    Returns:
        (n,) beats from the beat at or before the first onset, so the first lies in [0, 1); ascending, no two alike.
    """
    places: list[Fraction] = []
    onsets = np.asarray(onsets_s, dtype=np.float64).tolist()
    if not onsets:
        return places
    period = pulse.period_s
    beat_s = pulse.start_s + np.floor((onsets[0] - pulse.start_s) / period + 0.125) * period
    beat = 0
    for onset in onsets:
        place = _nearest((onset - beat_s) / period, period)
        if places and beat + place <= places[-1]:
            place = places[-1] - beat + Fraction(1, 4)
        error_s = onset - beat_s - float(place) * period
        places.append(beat + place)
        whole = int(place)
        beat_s += whole * period + _PHASE_GAIN * error_s
        if place > 0:
            period *= 1.0 + _PERIOD_GAIN * float(np.clip(error_s / period / max(float(place), 1.0), -0.5, 0.5))
            period = float(np.clip(period, 0.8 * pulse.period_s, 1.25 * pulse.period_s))
        beat += whole
    return places


def _costs(onsets: NDArray[np.float64], period: float, starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the log-likelihood of onsets for each beginning of the beat, (n_starts,), but for a constant."""
    place = (onsets[None, :] - starts[:, None]) / period  # (n_starts, n)
    likelihood = np.zeros(place.shape)
    for parts, chance in _CHANCES.items():
        miss_s = (place * parts - np.rint(place * parts)) * period / parts
        likelihood += chance / parts * np.exp(-0.5 * (miss_s / _ONSET_ERROR_S) ** 2)
    costs: NDArray[np.float64] = -np.log(likelihood * period + 1e-4).sum(axis=1)
    return costs


def _refined(onsets: NDArray[np.float64], pulse: Pulse, *, fixed: bool) -> Pulse:
    """The line through the places that the onsets take: period and start by least squares."""
    places = np.array([float(_nearest(place, pulse.period_s)) for place in (onsets - pulse.start_s) / pulse.period_s])
    if fixed or np.ptp(places) == 0:
        return Pulse(pulse.period_s, float(np.median(onsets - places * pulse.period_s)))
    period, start = np.polyfit(places, onsets, 1)
    return pulse if not 0.8 < period / pulse.period_s < 1.25 else Pulse(float(period), float(start))


def _nearest(place: float, period_s: float) -> Fraction:
    """The likeliest place on the grid near to one in beats."""
    best_cost, best = np.inf, Fraction(0)
    for parts, chance in _CHANCES.items():
        whole = round(place * parts)
        miss_s = (place - whole / parts) * period_s
        cost = 0.5 * (miss_s / _ONSET_ERROR_S) ** 2 - np.log(chance / parts)
        if cost < best_cost:
            best_cost, best = float(cost), Fraction(whole, parts)
    return best
