from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_lstm import units


def test_a_duration_in_seconds_is_exact() -> None:
    assert units.samples_to_seconds(1, 44100) == Fraction(1, 44100)
    assert units.seconds_to_samples(0.1, 16000) == 1600


def test_a_tie_rounds_up_also_below_zero() -> None:
    assert [units.round_half_up(value) for value in (0.5, 1.5, 2.5, -0.5, -1.5)] == [1, 2, 3, 0, -1]


@given(n_samples=st.integers(0, 10**12), sample_rate=st.integers(1, 10**6))
def test_samples_come_back_from_seconds(n_samples: int, sample_rate: int) -> None:
    assert units.seconds_to_samples(units.samples_to_seconds(n_samples, sample_rate), sample_rate) == n_samples


@given(ticks=st.integers(0, 10**9), per_beat=st.integers(1, 32767), tempo=st.integers(1, 2**24 - 1))
def test_ticks_come_back_from_seconds_and_beats(ticks: int, per_beat: int, tempo: int) -> None:
    assert units.seconds_to_ticks(units.ticks_to_seconds(ticks, per_beat, tempo), per_beat, tempo) == ticks
    assert units.beats_to_ticks(units.ticks_to_beats(ticks, per_beat), per_beat) == ticks


def test_a_beat_at_120_bpm_lasts_half_a_second() -> None:
    assert units.ticks_to_seconds(480, 480, 500_000) == Fraction(1, 2)


@pytest.mark.parametrize(
    ("n_samples", "from_rate", "to_rate", "expected"),
    [(44100, 44100, 16000, 16000), (3, 48000, 16000, 1), (1, 48000, 16000, 0), (7, 8000, 16000, 14)],
)
def test_rescaled_lengths_are_the_nearest(n_samples: int, from_rate: int, to_rate: int, expected: int) -> None:
    assert units.rescale_samples(n_samples, from_rate, to_rate) == expected


def test_a_sample_falls_in_the_frame_that_began_last() -> None:
    assert [units.samples_to_frames(n, 160) for n in (0, 159, 160)] == [0, 0, 1]
    assert units.samples_to_frames(units.frames_to_samples(25, 160), 160) == 25
    assert units.frames_to_seconds(25, 160, 16000) == Fraction(1, 4)
