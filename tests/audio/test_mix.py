"""Channels to mono: the mean, but channels that go against each other do not disappear."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.audio.files import load_audio, read_blocks
from audio_lstm.audio.mix import Mixer
from tests.audio.encoders import RATE, speech_like


def mixed(*channels: np.ndarray) -> np.ndarray:
    return Mixer().mix(np.stack(channels, axis=1).astype(np.float32), RATE)


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples[RATE // 10 :]))))


VOICE = speech_like()
NOISE = np.random.default_rng(1).standard_normal(len(VOICE)).astype(np.float32) * 0.1


@pytest.mark.parametrize(
    "others",
    [
        [-VOICE],
        [-0.8 * VOICE],
        [-VOICE + 0.03 * NOISE],
        [-VOICE, 0 * VOICE, 0 * VOICE],
        [-VOICE + 0.05],
        [VOICE, -VOICE, -VOICE],
    ],
    ids=["opposite", "quieter", "noisy", "surround", "offset", "pairs"],
)
def test_channels_in_opposite_phase_do_not_cancel(others: list[np.ndarray]) -> None:
    samples = mixed(VOICE, *others)
    assert loudness(samples - samples.mean()) > loudness(VOICE) / (len(others) + 1)
    assert np.corrcoef(samples, VOICE)[0, 1] > 0.95  # the first channel keeps its sign


@pytest.mark.parametrize("other", [VOICE, 0 * VOICE, NOISE, 0.5 * VOICE + NOISE, -0.2 * VOICE], ids=str)
def test_other_channels_are_averaged(other: np.ndarray) -> None:
    np.testing.assert_allclose(mixed(VOICE, other), (VOICE + other) / 2, atol=1e-6)


def test_a_phase_that_turns_midway_is_followed() -> None:
    half = len(VOICE) // 2
    right = np.concatenate([-VOICE[:half], VOICE[half:]])
    mixer = Mixer()
    frames = np.stack([VOICE, right], axis=1)
    samples = np.concatenate([mixer.mix(frames[at : at + RATE], RATE) for at in range(0, len(frames), RATE)])
    assert loudness(samples[:half]) == pytest.approx(loudness(VOICE[:half]), rel=0.1)
    assert loudness(samples[half:]) == pytest.approx(loudness(VOICE[half:]), rel=0.1)


def test_channels_that_cancel_at_low_frequencies_alone_keep_their_high_ones() -> None:
    """Lossy codecs store high frequencies once for both channels, with one sign."""
    hiss = np.diff(NOISE, prepend=np.float32(0)) * np.float32(0.2)
    samples = mixed(VOICE + hiss, hiss - 0.9 * VOICE)
    np.testing.assert_allclose(samples[RATE // 10 :], (VOICE + hiss)[RATE // 10 :], atol=1e-6)


def test_a_channel_taken_alone_is_left_where_the_other_speaks() -> None:
    half = len(VOICE) // 2
    left = np.concatenate([VOICE[:half], 0.01 * NOISE[half:]])
    samples = mixed(left, np.concatenate([-VOICE[:half], VOICE[half:]]))
    assert loudness(samples[half:]) == pytest.approx(loudness(VOICE[half:]) / 2, rel=0.1)


def test_the_loudness_of_each_channel_is_known() -> None:
    reading = read_blocks((np.stack([VOICE, 0.5 * VOICE, 0 * VOICE], axis=1), RATE))
    list(reading)
    peak = 20 * np.log10(np.abs(VOICE).max())
    assert reading.channel_peaks_db == pytest.approx((peak, peak - 6.02, -np.inf), abs=0.01)
    reading = read_blocks((VOICE, RATE))
    list(reading)
    assert reading.channel_peaks_db == ()


def test_an_array_in_opposite_phase_is_heard() -> None:
    samples = load_audio((np.stack([VOICE, -VOICE], axis=1), RATE))
    np.testing.assert_allclose(samples[RATE // 10 :], VOICE[RATE // 10 :], atol=1e-6)


def test_blocks_without_samples_or_of_other_channels_are_taken() -> None:
    mixer = Mixer()
    assert len(mixer.mix(np.zeros((0, 2), np.float32), RATE)) == 0
    for n_channels in (2, 1, 3):
        assert len(mixer.mix(np.ones((5, n_channels), np.float32), RATE)) == 5
