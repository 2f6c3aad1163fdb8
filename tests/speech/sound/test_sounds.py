"""The sounds that are not speech: repeatable, levelled, finite, and as often as stated."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.speech.sound.sounds import KINDS, RATE, noise


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_sounds_are_repeatable_and_have_one_level(name: str, seconds: float) -> None:
    make, _ = KINDS[name]
    n = round(seconds * RATE)
    sound = make(n, np.random.default_rng(1))
    assert (sound.shape, sound.dtype) == ((n,), np.float32)
    assert np.isfinite(sound).all()
    assert np.sqrt(np.mean(np.square(sound))) == pytest.approx(0.1, rel=0.01)
    np.testing.assert_array_equal(make(n, np.random.default_rng(1)), sound)
    assert not np.array_equal(make(n, np.random.default_rng(2)), sound)


def test_shares_add_up() -> None:
    assert sum(share for _, share in KINDS.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(("exponent", "slope_db"), [(0.0, 0.0), (1.0, -3.0), (2.0, -6.0)])
def test_noise_falls_as_its_colour_says(exponent: float, slope_db: float) -> None:
    power = np.square(np.abs(np.fft.rfft(noise(10 * RATE, np.random.default_rng(0), exponent=exponent))))
    hertz = np.fft.rfftfreq(10 * RATE, 1 / RATE)
    octaves = [power[(hertz >= low) & (hertz < 2 * low)].mean() for low in (100, 200, 400, 800, 1600, 3200)]
    steps_db = np.diff(10 * np.log10(octaves))
    assert steps_db == pytest.approx(slope_db, abs=0.5)
