"""The drum kit: every key sounds, bounded and over in time; low drums are low and cymbals high."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.music.sound.drums import drum_of, drum_sound

RATE = 32_000


def centroid_hz(pitch: int) -> float:
    sound = drum_sound(pitch, RATE)
    power = np.abs(np.fft.rfft(sound)) ** 2
    return float((np.fft.rfftfreq(len(sound), 1 / RATE) * power).sum() / power.sum())


@pytest.mark.parametrize("pitch", [0, *range(35, 82), 127])
def test_every_key_sounds_and_ends(pitch: int) -> None:
    sound = drum_sound(pitch, RATE)
    assert np.isfinite(sound).all()
    peak = np.abs(sound).max()
    assert peak == pytest.approx(10 ** (drum_of(pitch).level_db / 20), rel=1e-3)
    assert np.abs(sound[-30:]).max() < 0.01 * peak
    assert len(sound) < 8 * RATE


def test_low_drums_are_low_and_cymbals_high() -> None:
    kick, snare, closed = (centroid_hz(pitch) for pitch in (36, 38, 42))
    assert kick < 300 < snare < closed
    assert len(drum_sound(46, RATE)) > 3 * len(drum_sound(42, RATE))  # an open hat rings on


def test_toms_rise_from_key_to_key() -> None:
    heights = [drum_of(pitch).tone_hz for pitch in (41, 43, 45, 47, 48, 50)]
    assert heights == sorted(heights)


def test_the_same_stroke_is_the_same_sound() -> None:
    np.testing.assert_array_equal(drum_sound(38, RATE), drum_sound(38, RATE))


def test_a_slow_rate_leaves_out_what_does_not_fit() -> None:
    assert np.isfinite(drum_sound(81, 8_000)).all()
