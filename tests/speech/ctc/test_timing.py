"""Word times: pauses are found to 10 ms, boundaries without a pause lie where the model's peaks lead one to expect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.ctc.decode import WordSpan
from audio_lstm.speech.ctc.timing import (
    LEVEL_RATE,
    QUIET,
    Peaks,
    Timing,
    level_db,
    peaks_of,
    powers,
    quietness,
    word_times,
)
from audio_lstm.speech.text.alphabet import Alphabet

RATE = 16_000
TIMING = Timing(start_s=0.05, end_s=0.05, single_start_s=0.1, single_end_s=0.2, spread_s=0.05)


def sound(*spans: tuple[float, float], length_s: float, noise_db: float = -60.0) -> NDArray[np.float32]:
    """Noise at -20 dB in the spans, at noise_db elsewhere."""
    rng = np.random.default_rng(0)
    gain = np.full(round(length_s * RATE), 10 ** (noise_db / 20))
    for start_s, end_s in spans:
        gain[round(start_s * RATE) : round(end_s * RATE)] = 0.1
    return (gain * rng.normal(size=len(gain))).astype(np.float32)


def test_the_level_is_that_of_each_hundredth_of_a_second() -> None:
    level = level_db(powers(sound((0.5, 1.0), length_s=1.505), RATE))
    assert len(level) == 151
    assert level[52:98] == pytest.approx(-20, abs=1.5)
    assert level[2:48] == pytest.approx(-60, abs=1.5)
    assert level_db(powers(np.zeros(RATE, np.float32), RATE)) == pytest.approx(-100)
    assert (
        powers(np.zeros(0, np.float32), RATE).shape
        == level_db(np.zeros(0)).shape
        == quietness(np.zeros(0)).shape
        == (0,)
    )


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100])
def test_levels_keep_time_at_every_rate(rate: int) -> None:
    samples = np.zeros(60 * rate, np.float32)
    samples[30 * rate :] = 0.5
    level = level_db(powers(samples, rate))
    assert len(level) == 60 * LEVEL_RATE
    assert abs(int(np.argmax(level > -20)) - 30 * LEVEL_RATE) <= 1


@pytest.mark.parametrize("noise_db", [-90.0, -60.0, -40.0])
def test_pauses_are_quiet_and_words_are_not(noise_db: float) -> None:
    quiet = quietness(powers(sound((0.3, 0.8), (1.1, 1.6), length_s=2.0, noise_db=noise_db), RATE))
    assert (quiet[32:78] < 0).all()
    assert (quiet[82:108] > 0).all()
    assert quiet.max() <= QUIET


def test_pauses_that_were_cut_out_do_not_pass_for_the_noise() -> None:
    power = powers(sound((0.3, 0.8), (1.1, 1.6), length_s=2.0, noise_db=-40.0), RATE)
    joined = np.concatenate([power, np.full(200, np.nan), power])
    np.testing.assert_allclose(quietness(joined)[2:195], quietness(power)[2:195], atol=0.1)
    assert (quietness(joined)[205:395] == QUIET).all()
    assert (quietness(np.full(9, np.nan)) <= QUIET).all()


@pytest.mark.parametrize("noise_db", [-90.0, -60.0, -40.0])
@pytest.mark.parametrize("off_s", [-0.1, 0.0, 0.1])
def test_edges_at_pauses_are_found_wherever_the_peaks_are(noise_db: float, off_s: float) -> None:
    spans = ((0.3, 0.8), (1.1, 1.6))
    quiet = quietness(powers(sound(*spans, length_s=2.0, noise_db=noise_db), RATE))
    peaks = [Peaks(start_s + 0.05 + off_s, end_s - 0.05 + off_s, is_single=False) for start_s, end_s in spans]
    np.testing.assert_allclose(word_times(peaks, quiet, TIMING), spans, atol=0.021)


def test_without_a_pause_the_boundary_lies_where_both_words_expect_it() -> None:
    quiet = quietness(powers(sound((0.2, 2.0), length_s=2.2), RATE))
    peaks = [Peaks(0.25, 0.9, is_single=False), Peaks(1.1, 1.9, is_single=False)]
    (_, end_s), (start_s, _) = word_times(peaks, quiet, TIMING)
    assert end_s == start_s == pytest.approx(1.0, abs=0.02)  # between 0.9 + 0.05 and 1.1 - 0.05
    late = replace(TIMING, start_s=0.15)  # a model whose letters come later
    assert word_times(peaks, quiet, late)[1][0] == pytest.approx(0.95, abs=0.02)


def test_a_dip_near_the_expectation_draws_the_boundary() -> None:
    quiet = quietness(powers(sound((0.2, 1.03), (1.06, 2.0), length_s=2.2), RATE))
    peaks = [Peaks(0.25, 0.9, is_single=False), Peaks(1.1, 1.9, is_single=False)]
    (_, end_s), (start_s, _) = word_times(peaks, quiet, TIMING)
    assert 1.01 <= end_s < start_s <= 1.08


def test_a_pause_far_from_the_words_is_not_theirs() -> None:
    quiet = quietness(
        powers(sound((0.2, 0.4), (0.6, 2.0), length_s=2.2), RATE)
    )  # the closure of a stop in the first word
    peaks = [Peaks(0.25, 1.2, is_single=False), Peaks(1.35, 1.9, is_single=False)]
    (_, end_s), (start_s, _) = word_times(peaks, quiet, TIMING)
    assert end_s == pytest.approx(1.27, abs=0.04)
    assert start_s == pytest.approx(1.27, abs=0.04)


def test_the_name_of_a_letter_is_longer_than_its_peak() -> None:
    quiet = quietness(powers(sound((0.2, 2.0), length_s=2.2), RATE))
    for is_single, expected_s in ((False, 1.04 + 0.05), (True, 1.04 + 0.2)):
        peaks = [Peaks(1.0, 1.04, is_single), Peaks(1.6, 1.9, is_single=False)]
        (_, end_s), (start_s, _) = word_times(peaks, quiet, TIMING)
        assert (end_s + start_s) / 2 == pytest.approx((expected_s + 1.55) / 2, abs=0.02)


def test_sound_beside_the_first_and_the_last_word_draws_them_no_further_than_its_doubt() -> None:
    quiet = quietness(powers(sound((0.0, 3.0), length_s=3.0), RATE))
    ((start_s, end_s),) = word_times([Peaks(1.0, 1.5, is_single=False)], quiet, TIMING)
    assert 0.75 <= start_s <= 0.95
    assert 1.55 <= end_s <= 1.75


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)), min_size=1, max_size=6),
    seed=st.integers(0, 99),
    delay_s=st.floats(-1, 1),
    is_single=st.booleans(),
)
def test_times_are_in_order_and_inside_whatever_the_sound(
    steps: list[tuple[float, float]], seed: int, delay_s: float, *, is_single: bool
) -> None:
    peaks, at_s = [], 0.0
    for gap_s, length_s in steps:
        peaks.append(Peaks(at_s + gap_s, at_s + gap_s + length_s + 0.04, is_single))
        at_s = peaks[-1].last_s + 0.04
    quiet = np.random.default_rng(seed).uniform(-QUIET, QUIET, round(at_s * LEVEL_RATE) + 1)
    times = word_times(peaks, quiet, Timing(start_s=delay_s, end_s=-delay_s))
    edges = [edge for span in times for edge in span]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= len(quiet) / LEVEL_RATE
    assert all(end_s - start_s >= 0.0299 for start_s, end_s in times)


def test_no_word_has_no_time() -> None:
    assert word_times([], np.zeros(0), TIMING) == []


def test_peaks_count_symbols_and_not_letters() -> None:
    letters = [WordSpan("A", 2, 3, 0.0), WordSpan("AB", 5, 5, 0.0)]
    assert peaks_of(letters, Alphabet(("A", "B", " ")), 0.04) == [Peaks(0.08, 0.16, True), Peaks(0.2, 0.24, False)]
    pieces = Alphabet((" A", " AB", "A", "B", " "))
    assert [peaks.is_single for peaks in peaks_of(letters, pieces, 0.04)] == [True, True]
    assert [peaks.is_single for peaks in peaks_of([WordSpan("B", 0, 0, 0.0)], pieces, 0.04)] == [True]


@pytest.mark.parametrize("name", ["start_s", "end_s", "single_start_s", "single_end_s"])
def test_a_timing_beyond_reason_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} of the timing must lie in -2\.\.2 s, got 3"):
        Timing(**{name: 3.0})


@pytest.mark.parametrize("spread_s", [0.0, 2.0, float("nan")])
def test_a_spread_beyond_reason_is_refused(spread_s: float) -> None:
    with pytest.raises(ConfigError, match=r"spread_s of the timing must lie in 0\.01\.\.1 s, got"):
        Timing(spread_s=spread_s)
