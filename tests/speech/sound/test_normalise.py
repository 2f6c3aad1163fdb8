"""Normalisation of feature frames: against plain loops, on silence, cut anywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audio_lstm.speech.sound.normalise import RunningNormalisation, normalise_utterance


def _frames(n_frames: int, size: int = 3) -> np.ndarray:
    rng = np.random.default_rng(n_frames)
    return (rng.standard_normal((n_frames, size)) * [1, 5, 0.2] - [3, 0, 10]).astype(np.float32)


def test_utterance_has_mean_0_and_variance_1_per_feature():
    normalised = normalise_utterance(_frames(200))
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(normalised.std(axis=0), 1, atol=1e-4)
    assert normalised.dtype == np.float32


def test_features_that_do_not_vary_become_zeros():
    frames = np.full((50, 3), -16.6, np.float32)
    np.testing.assert_array_equal(normalise_utterance(frames), 0)
    np.testing.assert_array_equal(normalise_utterance(frames[:1]), 0)


def test_normalising_does_not_write_into_its_argument():
    frames = _frames(20)
    before = frames.copy()
    normalise_utterance(frames)
    RunningNormalisation(np.zeros(3), np.ones(3), memory_frames=10, prior_frames=1).advance(frames)
    np.testing.assert_array_equal(frames, before)


def test_running_normalisation_is_its_documented_recursion():
    frames = _frames(150)
    prior_mean, prior_variance = np.array([-2.0, 1.0, -9.0]), np.array([2.0, 20.0, 0.1])
    decay = math.exp(-1 / 40)
    n, s, q = 7.0, np.zeros(3), 7.0 * prior_variance
    expected = []
    for x in frames.astype(np.float64):
        y = x - prior_mean
        n, s, q = decay * n + 1, decay * s + y, decay * q + y**2
        expected.append((y - s / n) / np.sqrt(q / n - (s / n) ** 2))
    running = RunningNormalisation(prior_mean, prior_variance, memory_frames=40, prior_frames=7)
    np.testing.assert_allclose(running.advance(frames), expected, atol=1e-5)


@pytest.mark.parametrize("cut", [1, 7, 64, 65, 149])
def test_running_normalisation_of_pieces_equals_the_whole(cut):
    frames = _frames(150)
    options = {"memory_frames": 40.0, "prior_frames": 5.0}
    whole = RunningNormalisation(np.zeros(3), np.ones(3), **options).advance(frames)
    running = RunningNormalisation(np.zeros(3), np.ones(3), **options)
    pieces = [running.advance(frames[begin : begin + cut]) for begin in range(0, 150, cut)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


def test_running_normalisation_never_looks_ahead():
    frames = _frames(150)
    changed = frames.copy()
    changed[100:] += 50
    options = {"memory_frames": 40.0, "prior_frames": 5.0}
    first, second = (
        RunningNormalisation(np.zeros(3), np.ones(3), **options).advance(x)[:100] for x in (frames, changed)
    )
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_running_normalisation_of_long_silence_tends_to_zeros():
    frames = np.full((3000, 3), -16.6, np.float32)
    normalised = RunningNormalisation(np.zeros(3), np.ones(3), memory_frames=40, prior_frames=5).advance(frames)
    assert np.isfinite(normalised).all()
    np.testing.assert_allclose(normalised[-1], 0, atol=1e-3)


def test_running_normalisation_follows_a_change_of_level():
    frames = np.concatenate([_frames(2000), _frames(2000) + 20])
    normalised = RunningNormalisation(np.zeros(3), np.ones(3), memory_frames=100, prior_frames=5).advance(frames)
    np.testing.assert_allclose(normalised[-1000:].mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(normalised[-1000:].std(axis=0), 1, atol=0.1)
