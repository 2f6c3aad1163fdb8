"""Front ends against librosa and torchaudio, streamed against whole, and what they refuse."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import hypothesis.strategies as st
import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from audio_lstm.errors import ConfigError
from audio_lstm.speech.sound.features import FeatureConfig, StreamingFeatures, extract_features, n_frames
from audio_lstm.speech.sound.filters import warp_frequencies

PLAIN = FeatureConfig(normalisation="none")


def _speech_like(n_samples: int, seed: int = 0) -> np.ndarray:
    """A gliding buzz in noise whose loudness rises and falls."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(n_samples) / 16_000
    buzz = np.sign(np.sin(2 * np.pi * (120 * time_s + 20 * time_s**2)))
    envelope = 0.05 + 0.2 * np.abs(np.sin(2 * np.pi * 2 * time_s))
    return (envelope * (0.5 * buzz + 0.3 * rng.standard_normal(n_samples))).astype(np.float32)


def _padded(samples: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """The input for which librosa and torch with center=False put the same samples under the same windows."""
    before = (config.n_fft - config.window_samples) // 2
    total = (n_frames(len(samples), config) - 1) * config.hop_samples + config.n_fft
    return np.pad(samples, (before, total - before - len(samples)))


SHAPES = [
    pytest.param({}, id="defaults"),
    pytest.param({"n_fft": 400, "n_mels": 40, "f_min_hz": 0.0}, id="window fills the fft"),
    pytest.param(
        {"sample_rate": 8_000, "n_fft": 256, "n_mels": 23, "f_min_hz": 125.0, "f_max_hz": 3_800.0}, id="8 kHz"
    ),
    pytest.param({"window_ms": 32.0, "hop_ms": 16.0, "n_mels": 64}, id="half overlap"),
]


@pytest.mark.parametrize("changes", SHAPES)
@pytest.mark.parametrize("mel_scale", ["htk", "slaney"])
def test_log_mel_equals_librosa(changes, mel_scale):
    config = dataclasses.replace(PLAIN, mel_scale=mel_scale, **changes)
    samples = _speech_like(30_123)
    mel = librosa.feature.melspectrogram(
        y=_padded(samples, config),
        sr=config.sample_rate,
        n_fft=config.n_fft,
        win_length=config.window_samples,
        hop_length=config.hop_samples,
        center=False,
        n_mels=config.n_mels,
        fmin=config.f_min_hz,
        fmax=config.f_max_hz,
        htk=mel_scale == "htk",
        norm=None if mel_scale == "htk" else "slaney",
    )
    np.testing.assert_allclose(extract_features(samples, config), np.log(mel + config.log_offset).T, atol=1e-4)


def _mel_options(config: FeatureConfig) -> dict[str, object]:
    return {
        "n_fft": config.n_fft,
        "win_length": config.window_samples,
        "hop_length": config.hop_samples,
        "center": False,
        "n_mels": config.n_mels,
        "f_min": config.f_min_hz,
        "f_max": config.f_max_hz,
        "mel_scale": config.mel_scale,
        "norm": "slaney" if config.mel_scale == "slaney" else None,
    }


@pytest.mark.parametrize("changes", SHAPES)
@pytest.mark.parametrize("mel_scale", ["htk", "slaney"])
def test_log_mel_equals_torchaudio(changes, mel_scale, torchaudio):
    config = dataclasses.replace(PLAIN, mel_scale=mel_scale, **changes)
    samples = _speech_like(30_123)
    transform = torchaudio.transforms.MelSpectrogram(config.sample_rate, **_mel_options(config))
    mel = transform(torch.from_numpy(_padded(samples, config)))
    expected = (mel + config.log_offset).log().T.numpy()
    np.testing.assert_allclose(extract_features(samples, config), expected, atol=1e-4)


@pytest.mark.parametrize("changes", SHAPES)
def test_mfcc_equals_torchaudio_with_log_mels(changes, torchaudio):
    config = dataclasses.replace(PLAIN, kind="mfcc", log_offset=1e-6, **changes)
    samples = _speech_like(30_123)
    transform = torchaudio.transforms.MFCC(config.sample_rate, 13, log_mels=True, melkwargs=_mel_options(config))
    expected = transform(torch.from_numpy(_padded(samples, config))).T.numpy()
    np.testing.assert_allclose(extract_features(samples, config), expected, atol=1e-4)


def test_mfcc_equals_librosas_transform_of_the_log_mel():
    config = dataclasses.replace(PLAIN, kind="mfcc", n_mfcc=20, mel_scale="slaney")
    samples = _speech_like(20_000)
    log_mel = extract_features(samples, dataclasses.replace(config, kind="log_mel"))
    expected = librosa.feature.mfcc(S=log_mel.T, n_mfcc=20).T
    np.testing.assert_allclose(extract_features(samples, config), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
@pytest.mark.parametrize("n_samples", [400, 700, 20_000])
def test_deltas_equal_torchaudios_compute_deltas(kind, n_samples, torchaudio):
    config = dataclasses.replace(PLAIN, kind=kind, deltas=2)
    samples = _speech_like(n_samples)
    static = torch.from_numpy(extract_features(samples, dataclasses.replace(config, deltas=0))).T
    first = torchaudio.functional.compute_deltas(static, win_length=5, mode="replicate")
    second = torchaudio.functional.compute_deltas(first, win_length=5, mode="replicate")
    expected = torch.cat([static, first, second]).T.numpy()
    np.testing.assert_allclose(extract_features(samples, config), expected, atol=1e-4)


def test_deltas_equal_librosas_away_from_the_edges():
    config = dataclasses.replace(PLAIN, deltas=1)
    features = extract_features(_speech_like(20_000), config)
    expected = librosa.feature.delta(features[:, :80].T, width=5, mode="nearest").T
    np.testing.assert_allclose(features[:, 80:], expected, atol=1e-4)


@pytest.mark.parametrize("hop_ms", [10.0, 12.5, 25.0])
def test_every_sample_is_in_a_frame_and_no_frame_is_only_padding(hop_ms):
    config = dataclasses.replace(PLAIN, hop_ms=hop_ms)
    window, hop = config.window_samples, config.hop_samples
    assert n_frames(0, config) == 0
    for n_samples in range(1, 2_000, 7):
        frames = n_frames(n_samples, config)
        assert extract_features(np.ones(n_samples, np.float32), config).shape == (frames, 80)
        assert (frames - 1) * hop + window >= n_samples
        assert frames == 1 or (frames - 2) * hop + window < n_samples


def test_one_sample_makes_one_frame():
    assert extract_features(np.ones(1, np.float32), FeatureConfig(deltas=2)).shape == (1, 240)


def test_last_sample_reaches_the_last_frame():
    samples = np.zeros(16_000, np.float32)
    samples[-1] = 0.5
    features = extract_features(samples, PLAIN)
    assert (features[-1] > features[0] + 0.01).all()


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_silence_gives_zeros_after_utterance_normalisation(kind):
    features = extract_features(np.zeros(32_000, np.float32), FeatureConfig(kind=kind, deltas=2))
    np.testing.assert_allclose(features, 0, atol=0.01)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_silence_stays_small_and_fades_in_running_normalisation(kind):
    config = FeatureConfig(kind=kind, deltas=2, normalisation="running")
    features = extract_features(np.zeros(160_000, np.float32), config)
    assert np.abs(features).max() < 5
    assert np.abs(features[-1]).max() < 0.3


def test_utterance_normalisation_gives_mean_0_and_variance_1():
    features = extract_features(_speech_like(32_000), FeatureConfig(deltas=1))
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-3)


def test_utterance_normalisation_hardly_hears_a_change_of_level():
    samples = _speech_like(32_000)
    np.testing.assert_allclose(
        extract_features(samples, FeatureConfig()), extract_features(0.3 * samples, FeatureConfig()), atol=0.02
    )


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_running_prior_is_near_the_statistics_of_real_speech(shared, kind):
    import soundfile

    config = FeatureConfig(kind=kind, deltas=2, normalisation="running", running_prior_s=1e6)
    rows = [json.loads(line) for line in (shared / "speech" / "an4.train.jsonl").read_text().splitlines()[::100]]
    assert len(rows) >= 5
    parts = [
        extract_features(soundfile.read(shared / "speech" / row["audio"], dtype="float32")[0], config) for row in rows
    ]
    features = np.concatenate(parts)
    assert np.abs(features.mean(axis=0)).max() < 1.5
    assert features.std(axis=0).min() > 0.4
    assert features.std(axis=0).max() < 1.8


CONFIGS = st.builds(
    FeatureConfig,
    kind=st.sampled_from(["log_mel", "mfcc"]),
    hop_ms=st.sampled_from([10.0, 12.5, 25.0]),
    n_mels=st.just(20),
    deltas=st.integers(0, 2),
    normalisation=st.sampled_from(["running", "none"]),
)


@settings(max_examples=60, deadline=None)
@given(config=CONFIGS, lengths=st.lists(st.integers(0, 4_000), min_size=1, max_size=12))
def test_streamed_equals_whole_however_the_samples_are_cut(config, lengths):
    samples = _speech_like(sum(lengths))
    stream = StreamingFeatures(config)
    blocks = np.split(samples, np.cumsum(lengths)[:-1])
    streamed = np.concatenate([*(stream.feed(block) for block in blocks), stream.finish()])
    assert streamed.dtype == np.float32
    if len(samples) == 0:
        assert streamed.shape == (0, config.feature_size)
    else:
        np.testing.assert_allclose(streamed, extract_features(samples, config), atol=2e-5)


def test_stream_fed_one_sample_at_a_time_equals_whole():
    config = dataclasses.replace(PLAIN, deltas=1)
    samples = _speech_like(1_500)
    stream = StreamingFeatures(config)
    streamed = np.concatenate([*(stream.feed(samples[i : i + 1]) for i in range(1_500)), stream.finish()])
    np.testing.assert_allclose(streamed, extract_features(samples, config), atol=1e-5)


@pytest.mark.parametrize("deltas", [0, 1, 2])
def test_stream_holds_back_only_its_lookahead(deltas):
    config = dataclasses.replace(PLAIN, deltas=deltas)
    assert config.lookahead_frames == 2 * deltas
    given_out = len(StreamingFeatures(config).feed(_speech_like(400 + 20 * 160)))
    assert given_out == 21 - config.lookahead_frames


def test_long_recording_equals_its_pieces_beyond_the_block_size():
    samples = _speech_like(160_000)
    whole = extract_features(samples, PLAIN)
    assert len(whole) == 999
    start = 500 * PLAIN.hop_samples
    np.testing.assert_allclose(whole[500:510], extract_features(samples[start : start + 1_840], PLAIN), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats_are_taken_and_the_argument_is_left_alone(dtype):
    samples = _speech_like(5_000).astype(dtype)
    before = samples.copy()
    features = extract_features(samples, FeatureConfig(deltas=1))
    assert features.dtype == np.float32
    np.testing.assert_array_equal(samples, before)
    np.testing.assert_allclose(features, extract_features(samples.astype(np.float32), FeatureConfig(deltas=1)))


def test_config_survives_json():
    config = FeatureConfig(kind="mfcc", deltas=2, normalisation="running")
    assert FeatureConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    assert (config.feature_size, config.window_samples, config.hop_samples, config.frame_rate) == (39, 400, 160, 100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "plp"}, "kind is one of log_mel, mfcc; got 'plp'"),
        ({"mel_scale": "bark"}, "mel_scale is one of htk, slaney; got 'bark'"),
        ({"normalisation": "global"}, "normalisation is one of utterance, running, none; got 'global'"),
        ({"deltas": 3}, "deltas is a whole number in 0..2; got 3"),
        ({"n_fft": 512.0}, "n_fft is a whole number in 16..16384; got 512.0"),
        ({"n_mels": True}, "n_mels is a whole number in 1..512; got True"),
        ({"n_mels": 0}, "n_mels is a whole number in 1..512; got 0"),
        ({"window_ms": float("nan")}, "window_ms is a number in 1..1000; got nan"),
        ({"running_memory_s": 0}, "running_memory_s is a number in 0.1..1e[+]06; got 0"),
        ({"hop_ms": 30.0}, "hop_ms must lie between one sample and window_ms=25.0.*got 30.0"),
        ({"n_fft": 256}, r"n_fft must hold the window of 400 samples \(25.0 ms at 16000 Hz\); got 256"),
        ({"f_max_hz": 8_001.0}, r"f_min_hz < f_max_hz <= 8000 \(half of sample_rate\).*f_max_hz=8001.0"),
        ({"f_min_hz": 8_000.0}, "expected f_min_hz < f_max_hz"),
        ({"kind": "mfcc", "n_mfcc": 81}, "n_mfcc cannot exceed n_mels=80; got 81"),
        ({"n_mels": 200}, "of 200 mel bands hold no bin of an FFT of 512 points.*lower n_mels or raise n_fft"),
    ],
)
def test_config_that_cannot_work_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        FeatureConfig(**changes)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 100), np.float32), r"expected mono samples of shape \(n,\), got shape \(2, 100\)"),
        (np.zeros(100, np.int16), "expected floating-point samples.*got int16: divide 16-bit samples by 32768"),
        (np.array([0, np.nan], np.float32), "expected finite samples, got nan at sample 1"),
        (np.array([-np.inf, 0], np.float32), "expected finite samples, got -inf at sample 0"),
    ],
)
def test_samples_that_cannot_be_used_are_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        extract_features(samples, PLAIN)
    with pytest.raises(ValueError, match=message):
        StreamingFeatures(PLAIN).feed(samples)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="expected at least one sample, got an empty array"):
        extract_features(np.zeros(0, np.float32), PLAIN)


def test_negative_number_of_samples_is_refused():
    with pytest.raises(ValueError, match="expected a number of samples, got -1"):
        n_frames(-1, PLAIN)


def test_stream_refuses_utterance_normalisation():
    with pytest.raises(ConfigError, match='normalisation="utterance" needs the whole recording'):
        StreamingFeatures(FeatureConfig())


def test_finished_stream_refuses_more():
    stream = StreamingFeatures(PLAIN)
    stream.finish()
    with pytest.raises(ValueError, match="this stream has finished"):
        stream.feed(np.zeros(10, np.float32))
    with pytest.raises(ValueError, match="this stream has finished"):
        stream.finish()


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
@pytest.mark.parametrize("normalisation", ["utterance", "running", "none"])
def test_vtlp_alpha_1_is_bit_equal_to_none(kind, normalisation):
    config = FeatureConfig(kind=kind, deltas=2, normalisation=normalisation)
    samples = _speech_like(20_000)
    plain = extract_features(samples, config)
    for alpha in (1.0, 1, 1.004):  # rounded to 0.01
        np.testing.assert_array_equal(extract_features(samples, config, vtlp_alpha=alpha), plain)
    assert not np.array_equal(extract_features(samples, config, vtlp_alpha=1.01), plain)


@pytest.mark.parametrize("alpha", [0.8, 0.9, 1.1, 1.25])
@pytest.mark.parametrize("frequency_hz", [500.0, 1_500.0, 4_000.0, 6_500.0])
def test_vtlp_moves_a_tones_peak_to_the_band_that_the_formula_says(alpha, frequency_hz):
    def peak(frequency_hz, alpha):
        tone = 0.1 * np.sin(2 * np.pi * frequency_hz * np.arange(8_000) / 16_000)
        return int(extract_features(tone, PLAIN, vtlp_alpha=alpha)[5:-5].mean(axis=0).argmax())

    moved = float(warp_frequencies(np.array([frequency_hz]), alpha, sample_rate=16_000)[0])
    assert abs(peak(frequency_hz, alpha) - peak(moved, 1.0)) <= 1
    assert (peak(frequency_hz, alpha) - peak(frequency_hz, 1.0)) * (1 if alpha > 1 else -1) >= 1


def test_vtlp_alpha_outside_its_limits_is_refused():
    with pytest.raises(ValueError, match=r"vtlp_alpha lies in 0.8..1.25; got 1.3"):
        extract_features(_speech_like(1_000), PLAIN, vtlp_alpha=1.3)


def test_extracting_features_imports_neither_torch_nor_scipy():
    code = (
        "import sys, numpy as np\n"
        "from audio_lstm.speech.sound.features import FeatureConfig, extract_features\n"
        "extract_features(np.zeros(400, np.float32), FeatureConfig(kind='mfcc', deltas=2))\n"
        "assert not {'torch', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
