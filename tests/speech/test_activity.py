"""Pauses are found whatever the level, and nothing that sounds is lost."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.speech.activity import speech_spans

RATE = 16_000


def tone(seconds: float, level: float = 0.3) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * 400 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def silence(seconds: float, level: float = 0.0) -> NDArray[np.float32]:
    noise = np.random.default_rng(0).normal(size=round(seconds * RATE)) * level
    return noise.astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 1e-4, 3e-3])
@pytest.mark.parametrize("level", [0.3, 0.03])
def test_long_pauses_part_and_short_ones_do_not(noise: float, level: float) -> None:
    noise *= level / 0.3
    parts = [silence(2, noise), tone(1, level), silence(0.3, noise), tone(1, level), silence(3, noise)]
    parts += [tone(0.5, level), silence(2, noise)]
    spans = speech_spans(np.concatenate(parts), RATE)
    expected = [(1.6, 4.7), (6.9, 8.2)]  # with a margin of 0.4 s on both sides
    assert len(spans) == 2
    for (start, stop), (start_s, stop_s) in zip(spans, expected, strict=True):
        assert start / RATE == pytest.approx(start_s, abs=0.04)
        assert stop / RATE == pytest.approx(stop_s, abs=0.04)


def test_sound_without_pauses_is_one_span_of_all_of_it() -> None:
    samples = tone(1.2345)
    assert speech_spans(samples, RATE) == [(0, len(samples))]


@pytest.mark.parametrize("n_samples", [1, 100, 479, 480, 5000, 8160])
def test_short_sounds_are_kept_whole(n_samples: int) -> None:
    assert speech_spans(np.full(n_samples, 0.1, np.float32), RATE) == [(0, n_samples)]


@pytest.mark.parametrize("n_samples", [0, 1, 100, 480, 16_000])
def test_digital_silence_has_no_spans(n_samples: int) -> None:
    assert speech_spans(np.zeros(n_samples, np.float32), RATE) == []
