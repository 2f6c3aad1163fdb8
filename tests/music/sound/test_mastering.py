"""Loudness against the standard's own numbers; a limiter that never lets a peak through and never wobbles."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.music.sound.mastering import CEILING, Limiter, gated_lufs, loudness_lufs, weighted_powers

RATE = 48_000


def sine(level_db: float, seconds: float = 5.0, hz: float = 997.0) -> NDArray[np.float32]:
    time = np.arange(int(seconds * RATE)) / RATE
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def limited(sound: NDArray[np.float32], cuts: list[int]) -> NDArray[np.float32]:
    limiter = Limiter(RATE)
    edges = [0, *cuts, sound.shape[1]]
    spans = list(pairwise(edges))
    return np.concatenate(
        [
            limiter.feed(sound[:, first:last], last=number == len(spans))
            for number, (first, last) in enumerate(spans, 1)
        ],
        axis=1,
    )


def test_a_full_sine_in_one_channel_reads_minus_three() -> None:
    stereo = np.stack([sine(0.0), np.zeros(5 * RATE, np.float32)], axis=1)
    assert loudness_lufs(stereo, RATE) == pytest.approx(-3.01, abs=0.02)


def test_two_channels_are_three_decibels_louder_and_level_counts_one_to_one() -> None:
    assert loudness_lufs(np.stack([sine(-20.0)] * 2, axis=1), RATE) == pytest.approx(-20.0, abs=0.02)
    assert loudness_lufs(np.stack([sine(-33.0)] * 2, axis=1), RATE) == pytest.approx(-33.0, abs=0.02)


def test_low_sounds_count_less() -> None:
    deep = np.stack([sine(-20.0, hz=40.0)] * 2, axis=1)
    assert -30 < loudness_lufs(deep, RATE) < -24


def test_pauses_do_not_count() -> None:
    loud = np.stack([sine(-20.0, 4.0)] * 2, axis=1)
    paused = np.concatenate([loud, np.zeros((8 * RATE, 2), np.float32)])
    assert loudness_lufs(paused, RATE) == pytest.approx(-20.0, abs=0.3)


def test_silence_and_shortness_have_no_loudness() -> None:
    assert loudness_lufs(np.zeros((RATE, 2), np.float32), RATE) == float("-inf")
    assert loudness_lufs(np.ones((100, 2), np.float32), RATE) == float("-inf")
    assert gated_lufs(weighted_powers(np.zeros((RATE, 2), np.float32), RATE)) == float("-inf")


def test_no_sample_passes_the_ceiling() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 100_000)).astype(np.float32)
    assert np.abs(limited(noise, [])).max() <= CEILING * (1 + 1e-6)


def test_the_cuts_between_blocks_change_nothing() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 60_000)).astype(np.float32)
    whole = limited(noise, [])
    assert whole.shape == noise.shape
    for cuts in ([10], [1, 30_000, 30_001], list(range(1000, 60_000, 1000))):
        np.testing.assert_allclose(limited(noise, cuts), whole, atol=1e-5)


def test_what_is_soft_passes_unchanged() -> None:
    soft = np.stack([sine(-6.0)] * 2)
    np.testing.assert_array_equal(limited(soft, [4000]), soft)


def test_the_gain_comes_down_before_the_peak_and_glides() -> None:
    sound = np.full((2, RATE), 0.5, np.float32)
    sound[:, RATE // 2] = 2.0
    gain = limited(sound, [])[0] / sound[0]
    assert gain[RATE // 2] == pytest.approx(CEILING / 2.0, rel=1e-3)
    assert gain[0] == gain[-1] == 1.0
    assert np.abs(np.diff(gain)).max() < 0.002
