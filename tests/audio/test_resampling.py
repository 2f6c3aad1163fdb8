"""Another rate, block by block: as in one go, and as long as it should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.audio.files import resample
from audio_lstm.audio.resampling import Resampler, rescale_samples


@settings(max_examples=40, deadline=None)
@given(
    rates=st.sampled_from([(44_100, 16_000), (8_000, 16_000), (48_000, 16_000), (11_025, 8_000), (16_000, 16_000)]),
    n=st.integers(0, 3000),
    cuts=st.lists(st.integers(0, 3000), max_size=6),
)
def test_blocks_of_any_size_give_what_one_gives(rates: tuple[int, int], n: int, cuts: list[int]) -> None:
    samples = np.random.default_rng(n).normal(scale=0.1, size=n).astype(np.float32)
    resampler = Resampler(*rates)
    parts = [resampler.feed(block) for block in np.split(samples, sorted(min(cut, n) for cut in cuts))]
    out = np.concatenate([*parts, resampler.finish()])
    assert len(out) == max(rescale_samples(n, *rates), min(n, 1))
    assert out.dtype == np.float32
    if n:
        np.testing.assert_allclose(out, resample(samples, *rates), atol=1e-6)


def test_the_same_rate_passes_through() -> None:
    samples = np.arange(5, dtype=np.float32)
    resampler = Resampler(8_000, 8_000)
    assert resampler.feed(samples) is samples
    assert resampler.finish().shape == (0,)


def test_a_tone_keeps_its_pitch_and_its_level() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(44_100) / 44_100).astype(np.float32)
    resampler = Resampler(44_100, 16_000)
    out = np.concatenate([resampler.feed(tone), resampler.finish()])
    spectrum = np.abs(np.fft.rfft(out)) / len(out) * 2
    assert int(spectrum.argmax()) == 1000
    assert spectrum[1000] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("n_samples", "from_rate", "to_rate", "expected"),
    [(44100, 44100, 16000, 16000), (3, 48000, 16000, 1), (1, 48000, 16000, 0), (7, 8000, 16000, 14), (1, 2, 1, 1)],
)
def test_rescaled_lengths_are_the_nearest(n_samples: int, from_rate: int, to_rate: int, expected: int) -> None:
    assert rescale_samples(n_samples, from_rate, to_rate) == expected
