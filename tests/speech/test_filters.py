"""The matrices of the front end against torch, torchaudio and librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
import torchaudio

from audio_lstm.speech.filters import dct_matrix, hann_window, mel_filters


@pytest.mark.parametrize("n_samples", [400, 401, 16])
def test_hann_window_is_torchs_periodic_one(n_samples):
    np.testing.assert_allclose(hann_window(n_samples), torch.hann_window(n_samples).numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("n_mels", "n_fft", "sample_rate", "f_min_hz", "f_max_hz"),
    [(80, 512, 16_000, 20.0, 8_000.0), (40, 400, 16_000, 0.0, 7_600.0), (23, 256, 8_000, 125.0, 3_800.0)],
)
def test_mel_filters_are_librosas_and_torchaudios(n_mels, n_fft, sample_rate, f_min_hz, f_max_hz):
    options = {"n_fft": n_fft, "sample_rate": sample_rate, "f_min_hz": f_min_hz, "f_max_hz": f_max_hz}
    slaney = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=f_min_hz, fmax=f_max_hz).T
    np.testing.assert_allclose(mel_filters(n_mels, **options, scale="slaney"), slaney, atol=1e-7)
    htk = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, f_min_hz, f_max_hz, n_mels, sample_rate).numpy()
    np.testing.assert_allclose(mel_filters(n_mels, **options, scale="htk"), htk, atol=1e-4)


def test_dct_matrix_is_torchaudios_orthonormal_one():
    reference = torchaudio.functional.create_dct(13, 80, norm="ortho").numpy()
    np.testing.assert_allclose(dct_matrix(80, 13), reference, atol=1e-6)


def test_cached_matrices_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        hann_window(16)[0] = 1
