"""A constant offset goes, the sound stays, however it is cut."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.speech.sound.offset import OffsetFilter

RATE = 16_000


def filtered(samples: np.ndarray, *cuts: int) -> np.ndarray:
    offset = OffsetFilter(RATE)
    parts = [offset.feed(part) for part in np.split(samples, cuts)]
    return np.concatenate([*parts, offset.finish()])


def sound(seconds: float = 3.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 200 * time) * np.sin(2 * time)).astype(np.float32)


@pytest.mark.parametrize("level", [0.05, -0.05, 0.3])
def test_an_offset_makes_no_difference(level: float) -> None:
    # Less than -46 dB of either may stay: so much is not taken for an offset.
    np.testing.assert_allclose(filtered(sound() + np.float32(level)), filtered(sound()), atol=6e-3)


def test_sound_without_an_offset_passes_untouched() -> None:
    time = np.arange(3 * RATE) / RATE
    speech = (0.1 * np.sin(2 * np.pi * 200 * time) + 5e-4).astype(np.float32)
    np.testing.assert_array_equal(filtered(speech), speech)
    np.testing.assert_allclose(filtered(sound()), sound(), atol=0.005)
    assert not filtered(np.zeros(RATE, np.float32)).any()


def test_an_offset_about_which_there_is_doubt_makes_no_steps() -> None:
    samples = sound() + np.float32(0.005)  # the estimate moves about the level that is left alone
    taken = samples - filtered(samples)
    assert taken.max() > 0.003
    assert np.abs(np.diff(taken)).max() < 5e-4


def test_the_result_does_not_depend_on_how_the_sound_is_cut() -> None:
    whole = filtered(sound() + np.float32(0.05))
    rng = np.random.default_rng(0)
    for _ in range(5):
        cuts = np.sort(rng.integers(0, len(whole), 30))
        np.testing.assert_array_equal(filtered(sound() + np.float32(0.05), *cuts), whole)


@pytest.mark.parametrize("n_samples", [0, 1, 1599, 1600, 1601])
def test_a_short_sound_comes_whole(n_samples: int) -> None:
    assert len(filtered(np.full(n_samples, 0.05, np.float32))) == n_samples
    assert not np.any(np.abs(filtered(np.full(n_samples, 0.05, np.float32))) > 1e-6)


def test_an_offset_that_drifts_is_followed() -> None:
    drift = np.linspace(0, 0.1, 5 * RATE, dtype=np.float32)
    assert np.abs(filtered(drift)[RATE:]).max() < 0.002
