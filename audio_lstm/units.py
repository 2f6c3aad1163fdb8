"""Seconds, samples, frames, beats and ticks: conversions through integers and fractions, so that nothing drifts."""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = [
    "beats_to_ticks",
    "frames_to_samples",
    "frames_to_seconds",
    "rescale_samples",
    "round_half_up",
    "samples_to_frames",
    "samples_to_seconds",
    "seconds_to_samples",
    "seconds_to_ticks",
    "ticks_to_beats",
    "ticks_to_seconds",
]

_MICROSECONDS = 1_000_000  # MIDI writes a tempo as whole microseconds a beat


def round_half_up(value: Fraction | float) -> int:
    """The nearest integer; a tie goes up, so that a shifted grid rounds as the grid itself does."""
    return math.floor(Fraction(value) + Fraction(1, 2))


def samples_to_seconds(n_samples: int, sample_rate: int) -> Fraction:
    """Exact duration in seconds of `n_samples` at `sample_rate` (Hz)."""
    return Fraction(n_samples, sample_rate)


def seconds_to_samples(seconds: Fraction | float, sample_rate: int) -> int:
    """The sample nearest to `seconds` at `sample_rate` (Hz)."""
    return round_half_up(Fraction(seconds) * sample_rate)


def rescale_samples(n_samples: int, from_rate: int, to_rate: int) -> int:
    """How many samples at `to_rate` (Hz) last as long as `n_samples` at `from_rate`, to the nearest."""
    return round_half_up(Fraction(n_samples * to_rate, from_rate))


def samples_to_frames(n_samples: int, hop_samples: int) -> int:
    """The frame in which sample `n_samples` falls, frames being `hop_samples` apart and the first at 0."""
    return n_samples // hop_samples


def frames_to_samples(n_frames: int, hop_samples: int) -> int:
    """The first sample of frame `n_frames`."""
    return n_frames * hop_samples


def frames_to_seconds(n_frames: int, hop_samples: int, sample_rate: int) -> Fraction:
    """Exact start in seconds of frame `n_frames`, frames being `hop_samples` apart at `sample_rate` (Hz)."""
    return Fraction(n_frames * hop_samples, sample_rate)


def ticks_to_beats(ticks: int, ticks_per_beat: int) -> Fraction:
    """Exact number of quarter notes in `ticks`."""
    return Fraction(ticks, ticks_per_beat)


def beats_to_ticks(beats: Fraction | float, ticks_per_beat: int) -> int:
    """The tick nearest to `beats` quarter notes."""
    return round_half_up(Fraction(beats) * ticks_per_beat)


def ticks_to_seconds(ticks: int, ticks_per_beat: int, microseconds_per_beat: int) -> Fraction:
    """Exact seconds in `ticks` at one tempo, given as MIDI gives it: 500,000 µs a beat is 120 bpm."""
    return Fraction(ticks * microseconds_per_beat, ticks_per_beat * _MICROSECONDS)


def seconds_to_ticks(seconds: Fraction | float, ticks_per_beat: int, microseconds_per_beat: int) -> int:
    """The tick nearest to `seconds` at one tempo, given in microseconds a beat."""
    return round_half_up(Fraction(seconds) * ticks_per_beat * _MICROSECONDS / microseconds_per_beat)
