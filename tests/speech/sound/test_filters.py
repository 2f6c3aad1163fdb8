"""The matrices of the front end against torch, torchaudio and librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from audio_lstm.errors import ConfigError
from audio_lstm.speech.sound.filters import VTLP_LIMITS, dct_matrix, hann_window, mel_filters, warp_frequencies

MEL_80 = {"n_fft": 512, "sample_rate": 16_000, "f_min_hz": 20.0, "f_max_hz": 8_000.0}


@pytest.mark.parametrize("n_samples", [400, 401, 16])
def test_hann_window_is_torchs_periodic_one(n_samples):
    np.testing.assert_allclose(hann_window(n_samples), torch.hann_window(n_samples).numpy(), atol=1e-6)


MEL_SHAPES = [(80, 512, 16_000, 20.0, 8_000.0), (40, 400, 16_000, 0.0, 7_600.0), (23, 256, 8_000, 125.0, 3_800.0)]


@pytest.mark.parametrize(("n_mels", "n_fft", "sample_rate", "f_min_hz", "f_max_hz"), MEL_SHAPES)
def test_slaney_mel_filters_are_librosas(n_mels, n_fft, sample_rate, f_min_hz, f_max_hz):
    options = {"n_fft": n_fft, "sample_rate": sample_rate, "f_min_hz": f_min_hz, "f_max_hz": f_max_hz}
    slaney = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=f_min_hz, fmax=f_max_hz).T
    np.testing.assert_allclose(mel_filters(n_mels, **options, scale="slaney"), slaney, atol=1e-7)


@pytest.mark.parametrize(("n_mels", "n_fft", "sample_rate", "f_min_hz", "f_max_hz"), MEL_SHAPES)
def test_htk_mel_filters_are_torchaudios(n_mels, n_fft, sample_rate, f_min_hz, f_max_hz, torchaudio):
    options = {"n_fft": n_fft, "sample_rate": sample_rate, "f_min_hz": f_min_hz, "f_max_hz": f_max_hz}
    htk = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, f_min_hz, f_max_hz, n_mels, sample_rate).numpy()
    np.testing.assert_allclose(mel_filters(n_mels, **options, scale="htk"), htk, atol=1e-4)


def test_dct_matrix_is_torchaudios_orthonormal_one(torchaudio):
    reference = torchaudio.functional.create_dct(13, 80, norm="ortho").numpy()
    np.testing.assert_allclose(dct_matrix(80, 13), reference, atol=1e-6)


def test_cached_matrices_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        hann_window(16)[0] = 1


@pytest.mark.parametrize(
    ("alpha", "f_hz", "expected_hz"),
    [
        # Jaitly & Hinton 2013 by hand, S = 16 kHz, F_hi = 4.8 kHz.
        (1.1, 1_000, 1_100),
        (1.1, 4_800 / 1.1, 4_800),  # the knee
        (1.1, 6_000, 8_000 - 3_200 / (8_000 - 4_800 / 1.1) * 2_000),
        (1.1, 8_000, 8_000),
        (0.9, 1_000, 900),
        (0.9, 4_800, 4_320),  # the knee
        (0.9, 6_000, 8_000 - (8_000 - 4_320) / 3_200 * 2_000),
        (0.9, 8_000, 8_000),
        (1.0, 5_000, 5_000),
    ],
)
def test_warped_frequencies_follow_the_piecewise_linear_formula(alpha, f_hz, expected_hz):
    np.testing.assert_allclose(warp_frequencies(np.array([float(f_hz)]), alpha, sample_rate=16_000), [expected_hz])


@pytest.mark.parametrize("alpha", [VTLP_LIMITS[0], 0.9, 1.1, VTLP_LIMITS[1]])
@pytest.mark.parametrize("sample_rate", [4_000, 8_000, 16_000, 48_000])
def test_warped_frequencies_rise_from_0_to_half_the_sample_rate(alpha, sample_rate):
    warped = warp_frequencies(np.linspace(0, sample_rate / 2, 1_001), alpha, sample_rate=sample_rate)
    assert (np.diff(warped) > 0).all()
    assert np.abs(np.diff(warped)).max() < 3 * sample_rate / 2_000  # no jump at the knee
    np.testing.assert_allclose(warped[[0, -1]], [0, sample_rate / 2])


def test_alpha_1_gives_the_very_filters_without_a_warp():
    assert np.array_equal(
        mel_filters(80, **MEL_80, scale="htk", vtlp_alpha=1.0), mel_filters(80, **MEL_80, scale="htk")
    )


def test_warped_filters_leave_no_band_empty_within_the_limits():
    alphas = np.arange(80, 126) / 100
    for alpha in alphas:
        assert mel_filters(80, **MEL_80, scale="htk", vtlp_alpha=float(alpha)).any(axis=0).all()
    assert len(alphas) == 46


def test_warp_that_leaves_a_band_empty_is_refused():
    assert mel_filters(100, **MEL_80, scale="htk").any(axis=0).all()
    with pytest.raises(
        ConfigError,
        match=r"at vtlp_alpha=1.21 mel band \d+ of 100 holds no bin of an FFT of 512 points: raise n_fft, lower n_mels",
    ):
        mel_filters(100, **MEL_80, scale="htk", vtlp_alpha=1.21)


@pytest.mark.parametrize("alpha", [0.79, 1.26, float("nan")])
def test_alpha_outside_its_limits_is_refused(alpha):
    with pytest.raises(ValueError, match=f"vtlp_alpha lies in 0.8..1.25; got {alpha}"):
        mel_filters(80, **MEL_80, scale="htk", vtlp_alpha=alpha)
