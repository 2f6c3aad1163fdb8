"""Speech is told from silence, noise, tones and music, at any level and however the sound is cut."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_lstm.audio.files import load_audio, resample
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.speech.sound import sounds
from audio_lstm.speech.sound.vad import (
    CONTEXT_SIZE,
    SILENCE_DB,
    WEIGHTS_FILE,
    SpeechDetector,
    activity_features,
    context_windows,
)
from audio_lstm.speech.text.data import read_manifest

RATE = 16_000
Voice = Callable[..., NDArray[np.float32]]


def chances(samples: NDArray[np.float32], *cuts: int, rate: int = RATE) -> NDArray[np.float32]:
    detector = SpeechDetector(rate)
    parts = [detector.feed(block) for block in np.split(samples, sorted(cuts))]
    return np.concatenate([*parts, detector.finish()])


@settings(max_examples=40, deadline=None)
@given(n_samples=st.integers(0, 30_000), cuts=st.lists(st.integers(0, 30_000), max_size=8), seed=st.integers(0, 5))
def test_decisions_do_not_depend_on_the_cuts(n_samples: int, cuts: list[int], seed: int) -> None:
    samples = sounds.noise(n_samples, np.random.default_rng(seed)) if n_samples else np.zeros(0, np.float32)
    whole = chances(samples)
    assert len(whole) == -(-n_samples // 320)
    np.testing.assert_array_equal(chances(samples, *[cut for cut in cuts if cut < n_samples]), whole)


def test_decisions_wait_no_longer_than_they_say(voice: Voice) -> None:
    detector, n_decided = SpeechDetector(RATE), 0
    for n_fed in range(160, 3 * RATE, 160):
        n_decided += len(detector.feed(voice(3.0)[n_fed - 160 : n_fed]))
        assert n_fed - n_decided * detector.frame_samples <= detector.delay_samples + 8 * detector.frame_samples


@pytest.mark.parametrize("peak", [0.9, 0.05, 0.003])
def test_speech_is_found_at_any_level_and_silence_is_not_speech(voice: Voice, peak: float) -> None:
    rng = np.random.default_rng(0)
    samples = np.concatenate([np.zeros(RATE, np.float32), voice(3.0, peak=peak), np.zeros(RATE, np.float32)])
    samples += (peak * 1e-3 * rng.normal(size=len(samples))).astype(np.float32)
    found = chances(samples)
    assert np.mean(found[50:200] > 0.35) > 0.8
    assert found[:44].max() < 0.35
    assert found[215:].max() < 0.35


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_other_rates_are_judged_alike(voice: Voice, rate: int) -> None:
    found = chances(resample(voice(3.0), RATE, rate), rate=rate)
    assert np.mean(found > 0.35) > 0.8
    tone = np.sin(np.arange(3 * rate) * 2 * np.pi * 300 / rate).astype(np.float32)
    assert np.mean(chances(0.3 * tone, rate=rate) > 0.35) < 0.02


def test_below_the_level_of_silence_nothing_is_heard(voice: Voice) -> None:
    quiet = 10 ** ((SILENCE_DB - 1) / 20)
    assert not chances(voice(2.0, peak=quiet)).any()
    assert chances(voice(2.0, peak=2 * quiet)).any()


_TAKEN_FOR_SPEECH = pytest.mark.xfail(
    strict=True, reason="known fault: some sweeps and trembling tones pass for speech"
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=_TAKEN_FOR_SPEECH if name in ("tone", "sweep") else ())
        for name in sounds.KINDS
        if name != "music"
    ],
)
@pytest.mark.parametrize("gain", [1.0, 0.02])
def test_noise_tones_and_clicks_are_not_speech(name: str, gain: float) -> None:
    make, _ = sounds.KINDS[name]
    found = [chances(make(6 * RATE, np.random.default_rng([9, seed])) * np.float32(gain)) for seed in range(5)]
    assert np.mean(np.concatenate(found) > 0.5) < 0.03


@pytest.mark.parametrize("gain", [0.5, 0.005])
def test_steady_tones_and_glides_are_not_speech(gain: float) -> None:
    t = np.arange(6 * RATE) / RATE
    cycles = [hertz * t for hertz in (60, 100, 150, 220, 300, 440, 700, 1000, 2000, 3500)]
    cycles += [low * t + (high - low) * np.square(t) / 12 for low, high in ((80, 400), (400, 80), (100, 4000))]
    for turns in cycles:
        assert np.mean(chances((gain * np.sin(2 * np.pi * turns)).astype(np.float32)) > 0.5) < 0.03


def test_music_is_rarely_taken_for_speech() -> None:
    found = [chances(sounds.music(6 * RATE, np.random.default_rng([9, seed]))) for seed in range(12)]
    assert np.mean(np.concatenate(found) > 0.5) < 0.05


@pytest.mark.shared
def test_speech_of_the_development_sets_is_found_in_noise(shared: Path) -> None:
    rng = np.random.default_rng(0)
    shares: dict[int, list[float]] = {40: [], 20: [], 10: []}
    for corpus in ("an4", "cv13", "so762"):
        for utterance in read_manifest(shared / "speech" / f"{corpus}.dev.jsonl")[::40]:
            samples = load_audio(utterance.audio)
            rms = float(np.sqrt(np.mean(np.square(samples))))
            n = len(samples) // 320
            power = np.square(samples[: n * 320].reshape(n, 320)).mean(axis=1)
            loud = power > np.sort(power)[-15:][0] / 100  # within 20 dB of the loudest
            for snr_db, found in shares.items():
                noise = rng.normal(size=len(samples)).astype(np.float32) * np.float32(rms * 10 ** (-snr_db / 20))
                found.append(float(np.mean(chances(samples + noise)[:n][loud] > 0.35)))
    assert len(shares[10]) >= 30
    assert {snr_db: float(np.mean(found)) > 0.85 for snr_db, found in shares.items()} == {40: True, 20: True, 10: True}


def test_a_window_is_relative_to_its_loudest_band() -> None:
    frames = np.random.default_rng(0).normal(size=(60, 24)).astype(np.float32)
    windows = context_windows(frames)
    assert windows.shape == (60 - CONTEXT_SIZE // 24 + 1, CONTEXT_SIZE)
    np.testing.assert_allclose(windows.max(axis=1), 1.0)
    np.testing.assert_allclose(context_windows(frames + 7), windows, atol=1e-5)
    assert context_windows(frames[:10]).shape == (0, CONTEXT_SIZE)
    assert context_windows(frames * 100).min() == -1.0


def test_a_rate_too_low_for_speech_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sample rates of 7600 Hz and more, got 4000; use a model of 8,000 or"):
        SpeechDetector(4_000)
    assert activity_features(8_000).f_max_hz == 3_800


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "activity.safetensors"
    with pytest.raises(ModelError, match=r"activity\.safetensors: not the weights of a speech detector"):
        SpeechDetector(RATE, weights=file)
    file.write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="not the weights of a speech detector; install the package again"):
        SpeechDetector(RATE, weights=file)
    arrays = safetensors.numpy.load_file(WEIGHTS_FILE)
    other = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({**arrays, "1.bias": arrays["1.bias"][:3].copy()}, other)
    with pytest.raises(ModelError, match=r"layer 1 is not one of \(64, 16\); train it again with recipes/speech"):
        SpeechDetector(RATE, weights=other)
    nan = tmp_path / "nan.safetensors"
    safetensors.numpy.save_file({**arrays, "0.bias": arrays["0.bias"] * np.float32(np.nan)}, nan)
    with pytest.raises(ModelError, match="layer 0 holds NaN or infinite weights; copy it again"):
        SpeechDetector(RATE, weights=nan)
    copy = shutil.copy(WEIGHTS_FILE, tmp_path / "copy.safetensors")
    assert SpeechDetector(RATE, weights=Path(copy)).frame_samples == 320
