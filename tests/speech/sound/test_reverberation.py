"""Simulated rooms: reverberation time and ratio measured on the responses, and convolution against numpy's."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from audio_lstm.speech.sound.reverberation import convolve, reverberate, room_impulse_response


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _measured_t60_s(response: np.ndarray, sample_rate: int) -> float:
    """Schroeder's backward integration, and the slope from -5 to -35 dB (ISO 3382's T30)."""
    energy = np.cumsum(np.square(response[1:], dtype=np.float64)[::-1])[::-1]
    level_db = 10 * np.log10(energy / energy[0])
    fitted = np.flatnonzero((level_db <= -5) & (level_db >= -35))
    return -60 / np.polyfit(fitted / sample_rate, level_db[fitted], 1)[0]


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("t60_s", [0.1, 0.3, 0.6])
def test_response_decays_by_60_db_in_the_time_asked_for(t60_s, sample_rate):
    measured = [
        _measured_t60_s(room_impulse_response(t60_s, 0.0, _rng(seed), sample_rate=sample_rate), sample_rate)
        for seed in range(20)
    ]
    assert abs(np.mean(measured) / t60_s - 1) < 0.07
    assert max(abs(np.array(measured) / t60_s - 1)) < 0.15


def test_high_frequencies_die_away_faster():
    responses = [room_impulse_response(0.5, 0.0, _rng(seed), sample_rate=16_000) for seed in range(10)]
    late = np.mean([np.square(np.abs(np.fft.rfft(response[4_000:]))) for response in responses], axis=0)
    eighth = len(late) // 8
    assert late[:eighth].mean() > 5 * late[-eighth:].mean()


@pytest.mark.parametrize("ratio_db", [-6.0, 0.0, 12.5])
@pytest.mark.parametrize("t60_s", [0.01, 0.1, 0.6])
def test_response_has_its_direct_path_first_and_the_ratio_asked_for(ratio_db, t60_s):
    for seed in range(10):
        response = room_impulse_response(t60_s, ratio_db, _rng(seed), sample_rate=16_000)
        assert response.dtype == np.float32
        assert len(response) == round(t60_s * 16_000)
        assert response[0] == 1
        assert abs(-10 * np.log10(np.square(response[1:], dtype=np.float64).sum()) - ratio_db) < 0.01


def test_echoes_come_one_by_one_before_they_mix():
    response = room_impulse_response(0.4, 0.0, _rng(), sample_rate=16_000)
    assert not response[1:16].any()
    assert 0 < np.count_nonzero(response[16:320]) <= 2 * 8  # an echo is split over two samples
    assert np.count_nonzero(response[320:]) > 0.99 * len(response[320:])


def test_response_at_the_lowest_rates_is_finite():
    for sample_rate in (1, 50, 100, 1_000):
        response = room_impulse_response(0.02, 0.0, _rng(), sample_rate=sample_rate)
        assert np.isfinite(response).all()
        assert response[0] == 1


def test_same_seed_gives_the_same_room_and_another_seed_another():
    first, again, other = (room_impulse_response(0.3, 3.0, _rng(seed), sample_rate=16_000) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("t60_s", [0.0, 11.0, float("nan")])
def test_reverberation_time_out_of_range_is_refused(t60_s):
    with pytest.raises(ValueError, match=rf"t60_s lies in 0.01..10.0 seconds; got {t60_s}"):
        room_impulse_response(t60_s, 0.0, _rng(), sample_rate=16_000)


def test_reverberated_speech_keeps_length_level_and_place():
    samples = np.concatenate([np.zeros(500), _rng(1).standard_normal(20_000) * 0.1]).astype(np.float32)
    heard = reverberate(samples, room_impulse_response(0.5, 6.0, _rng(), sample_rate=16_000))
    assert heard.shape == samples.shape
    assert heard.dtype == np.float32
    assert abs(np.square(heard, dtype=np.float64).mean() / np.square(samples, dtype=np.float64).mean() - 1) < 1e-4
    assert np.abs(heard[:500]).max() < 1e-5  # nothing before its cause
    lags = [float(np.dot(heard[lag : lag + 20_000], samples[:20_000])) for lag in range(50)]
    assert int(np.argmax(lags)) == 0


def test_room_without_echoes_changes_nothing():
    samples = _rng().standard_normal(1_000).astype(np.float32)
    np.testing.assert_allclose(reverberate(samples, np.ones(1, np.float32)), samples, atol=1e-5)
    np.testing.assert_array_equal(reverberate(np.zeros(9, np.float32), np.ones(3, np.float32)), np.zeros(9))


@settings(max_examples=60, deadline=None)
@given(n_samples=st.integers(1, 40_000), n_kernel=st.integers(1, 20_000), seed=st.integers(0, 9))
def test_convolution_equals_numpys_first_samples(n_samples, n_kernel, seed):
    samples = _rng(seed).standard_normal(n_samples).astype(np.float32)
    kernel = (_rng(seed + 10).standard_normal(n_kernel) / np.sqrt(n_kernel)).astype(np.float32)
    n_fft = n_samples + n_kernel
    expected = np.fft.irfft(np.fft.rfft(samples.astype(float), n_fft) * np.fft.rfft(kernel.astype(float), n_fft), n_fft)
    convolved = convolve(samples, kernel)
    assert convolved.dtype == np.float32
    np.testing.assert_allclose(convolved, expected[:n_samples], atol=1e-4)


@pytest.mark.parametrize("n_samples", [1, 2, 16_384, 16_385])
@pytest.mark.parametrize("n_kernel", [1, 2, 255])
def test_convolution_at_the_edges_of_a_block_equals_numpys(n_samples, n_kernel):
    samples, kernel = _rng().standard_normal(n_samples), _rng(1).standard_normal(n_kernel)
    expected = np.convolve(samples, kernel)[:n_samples]
    np.testing.assert_allclose(convolve(samples.astype(np.float32), kernel.astype(np.float32)), expected, atol=1e-3)


def test_convolution_writes_into_no_argument_and_gives_none_back():
    samples, kernel = (_rng(seed).standard_normal(300).astype(np.float32) for seed in (0, 1))
    samples.flags.writeable = kernel.flags.writeable = False
    for heard in (convolve(samples, kernel), reverberate(samples, kernel), convolve(samples, np.ones(1, np.float32))):
        assert not np.shares_memory(heard, samples)
        assert heard.flags.writeable


@pytest.mark.parametrize(
    ("samples", "kernel", "message"),
    [
        (np.zeros((2, 8)), np.ones(1), r"expected samples of shape \(n,\), not empty; got shape \(2, 8\)"),
        (np.zeros(0), np.ones(1), r"expected samples of shape \(n,\), not empty; got shape \(0,\)"),
        (np.zeros(8), np.ones(0), r"expected kernel of shape \(n,\), not empty; got shape \(0,\)"),
    ],
)
def test_arrays_that_cannot_be_convolved_are_refused(samples, kernel, message):
    with pytest.raises(ValueError, match=message):
        convolve(samples, kernel)
