"""When words begin and end: the model's peaks corrected for its delay, and moved to where the sound falls silent.

CTC marks a letter somewhere in its sound, mostly in one frame of 40 ms; a spelled letter's name lasts ten. So a word's
first and last peaks say where it is, not where it begins and ends. Two things are known beside them: how far peaks lie
from the edges of words on average, which depends on the model (`audio-lstm tune --timing` measures it), and the level
of the sound. Between two words the end of the first, e, and the start of the second, s >= e, are chosen to maximise

    sum of quiet(t) over e <= t < s  -  (e - expected end)^2 / (2 spread^2)  -  (s - expected start)^2 / (2 spread^2)

where quiet(t) is how far the level lies below what speech has there. Where there is a pause it is found to 10 ms;
where there is none the boundary lies between the expectations, or in the dip of the level that is near them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.ctc.decode import WordSpan
from audio_lstm.speech.text.alphabet import Alphabet

__all__ = [
    "LEVEL_RATE",
    "QUIET",
    "SILENT_DB",
    "Peaks",
    "Timing",
    "level_db",
    "peaks_of",
    "powers",
    "quietness",
    "word_times",
]

LEVEL_RATE = 100  # levels a second
_FLOOR_POWER = 1e-10  # -100 dB: digital silence
_SMOOTHING = 3  # levels
_RANGE_DB = 30.0  # speech is at most this far below its loudest
_ABOVE_NOISE_DB = 8.0  # or, where the noise is louder than that, this far above the noise (the quietest tenth)
_LEAST_RANGE_DB = 15.0  # but never closer to the loudest than this
SILENT_DB = -90.0  # at most this is silence in any recording
_LOUD_SHARE = 0.95  # of the levels lie below the loudness of speech
_NOISE_SHARE = 0.10
_DB_PER_UNIT = 10.0  # of evidence that a level is a pause
_LOUD = 0.7  # less than QUIET: sound beside a word that nobody expects there should not draw it far
_REACH_S = 0.5  # how far from where it is expected a boundary is looked for
_LEAST_WORD_S = 0.03

QUIET = 1.5  # the quietness of a pause: as much as a level can say


@dataclass(frozen=True)
class Timing:
    """Where a model's peaks lie in its words; the defaults are about those of the bidirectional `an4`."""

    start_s: float = 0.04  # from a word's start to the first frame of its first symbol, the median
    end_s: float = 0.03  # from the end of the last frame of its last symbol to its end
    single_start_s: float = 0.14  # the same of words of one symbol, the names of letters, which last longer than peaks
    single_end_s: float = 0.18
    spread_s: float = 0.05  # how far edges may lie from where they are expected before the level counts for less

    def __post_init__(self) -> None:
        for name in ("start_s", "end_s", "single_start_s", "single_end_s"):
            if not -2.0 <= getattr(self, name) <= 2.0:
                raise ConfigError(f"{name} of the timing must lie in -2..2 s, got {getattr(self, name)}")
        if not 0.01 <= self.spread_s <= 1.0:
            raise ConfigError(f"spread_s of the timing must lie in 0.01..1 s, got {self.spread_s}")


@dataclass(frozen=True)
class Peaks:
    """Where a model hears a word."""

    first_s: float  # start of the first frame of its first symbol
    last_s: float  # end of the last frame of its last symbol
    is_single: bool  # whether it has one symbol


def peaks_of(words: Sequence[WordSpan], alphabet: Alphabet, frame_s: float) -> list[Peaks]:
    """Where the words of a phrase were heard, in seconds from its start.

    Args:
        words: In order.
        alphabet: The model's.
        frame_s: Seconds from one output frame to the next.

    Returns:
        The peaks of each.
    """
    return [
        Peaks(word.start_frame * frame_s, (word.end_frame + 1) * frame_s, _n_symbols(word.text, alphabet) == 1)
        for word in words
    ]


def _n_symbols(word: str, alphabet: Alphabet) -> int:
    """How many symbols a word has; a space before it is none."""
    if alphabet.is_characters:
        return len(word)
    return sum(alphabet.symbols[number - 1] != " " for number in alphabet.encode(word).tolist())


def powers(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """The mean power of a sound, LEVEL_RATE times a second.

    Args:
        samples: Mono, float in [-1, 1], (n,).
        sample_rate: Hz.

    Returns:
        (ceil(n * LEVEL_RATE / sample_rate),); of pieces of whole hundredths of a second they are those of the whole.
    """
    if len(samples) == 0:
        return np.zeros(0)
    starts = np.arange(-(-len(samples) * LEVEL_RATE // sample_rate)) * sample_rate // LEVEL_RATE
    sums = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
    means: NDArray[np.float64] = sums / np.diff(starts, append=len(samples))
    return means


def level_db(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """The level of a sound in dB relative to full scale, smoothed.

    Args:
        power: From `powers` (n,).

    Returns:
        (n,), at least -100.
    """
    if len(power) == 0:
        return power
    level = 10 * np.log10(power + _FLOOR_POWER)
    padded = np.pad(level, _SMOOTHING // 2, mode="edge")
    return np.convolve(padded, np.full(_SMOOTHING, 1 / _SMOOTHING), mode="valid")


def quietness(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """How surely a phrase is silent (above 0) or somebody speaks (below), LEVEL_RATE times a second.

    Args:
        power: From `powers` (n,); as much as was heard in one go, since its loudness is measured against; NaN for
            pauses that were left out, which say nothing about the noise.

    Returns:
        (n,), each at most QUIET.
    """
    if len(power) == 0:
        return power
    heard = np.isfinite(power)
    level = level_db(np.where(heard, power, 0.0))
    loud, noise = np.quantile(level[heard] if heard.any() else level, [_LOUD_SHARE, _NOISE_SHARE])
    threshold = max(SILENT_DB, loud - _RANGE_DB, min(noise + _ABOVE_NOISE_DB, loud - _LEAST_RANGE_DB))
    quiet: NDArray[np.float64] = np.clip((threshold - level) / _DB_PER_UNIT, -_LOUD, QUIET)
    return quiet


def word_times(words: Sequence[Peaks], quiet: NDArray[np.float64], timing: Timing) -> list[tuple[float, float]]:
    """When the words of a phrase begin and end.

    Args:
        words: In order.
        quiet: Of the phrase (n,), from `quietness`; times count from its first.
        timing: Of the model.

    Returns:
        (start, end) in seconds of each word: in order, not overlapping, from 0 to n / LEVEL_RATE.
    """
    if not words:
        return []
    length_s = len(quiet) / LEVEL_RATE
    sums = np.concatenate([[0.0], np.cumsum(quiet)])
    expected = [_expected(word, timing) for word in words]
    lasts = [length_s - _LEAST_WORD_S * n_left for n_left in range(len(words), 0, -1)]  # starts that leave room
    starts = [_edge(sums, expected[0][0], timing.spread_s, 0.0, lasts[0], sign=1)]
    ends = []
    for (_, end_s), (start_s, _), last_s in zip(expected[:-1], expected[1:], lasts[1:], strict=True):
        end, start = _gap(sums, end_s, start_s, timing.spread_s, starts[-1] + _LEAST_WORD_S, last_s)
        ends.append(end)
        starts.append(start)
    ends.append(_edge(sums, expected[-1][1], timing.spread_s, starts[-1] + _LEAST_WORD_S, length_s, sign=-1))
    return list(zip(starts, ends, strict=True))


def _expected(word: Peaks, timing: Timing) -> tuple[float, float]:
    if word.is_single:
        return word.first_s - timing.single_start_s, word.last_s + timing.single_end_s
    return word.first_s - timing.start_s, word.last_s + timing.end_s


def _places(low_s: float, high_s: float, n_levels: int) -> NDArray[np.int64]:
    """The places between levels from one time to another, at least one."""
    low = min(max(0, math.ceil(low_s * LEVEL_RATE - 1e-6)), n_levels)
    high = min(max(low, math.floor(high_s * LEVEL_RATE + 1e-6)), n_levels)
    return np.arange(low, high + 1)


def _surprise(places: NDArray[np.int64], expected_s: float, spread_s: float) -> NDArray[np.float64]:
    return np.square((places / LEVEL_RATE - expected_s) / spread_s) / 2


def _edge(
    sums: NDArray[np.float64], expected_s: float, spread_s: float, low_s: float, high_s: float, *, sign: int
) -> float:
    """Where a phrase's first word starts (sign 1: quiet before it) or its last ends (-1: quiet after it)."""
    begin_s = min(max(expected_s - _REACH_S, low_s), high_s)
    places = _places(begin_s, max(begin_s, min(expected_s + _REACH_S, high_s)), len(sums) - 1)
    best = np.argmax(sign * sums[places] - _surprise(places, expected_s, spread_s))
    return float(places[best]) / LEVEL_RATE


def _gap(
    sums: NDArray[np.float64], end_s: float, start_s: float, spread_s: float, low_s: float, high_s: float
) -> tuple[float, float]:
    """The end of a word and the start of the next, no earlier."""
    begin_s = min(max(min(end_s, start_s) - _REACH_S, low_s), high_s)
    places = _places(begin_s, max(begin_s, min(max(end_s, start_s) + _REACH_S, high_s)), len(sums) - 1)
    ends = -sums[places] - _surprise(places, end_s, spread_s)
    starts = sums[places] - _surprise(places, start_s, spread_s)
    best_so_far = np.maximum.accumulate(ends)
    start = int(np.argmax(starts + best_so_far))
    end = int(np.argmax(ends[: start + 1]))
    return float(places[end]) / LEVEL_RATE, float(places[start]) / LEVEL_RATE
