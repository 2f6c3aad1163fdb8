"""What a speech model is made of: sizes follow from the fields, and fields that cannot work are refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from audio_lstm.config import LSTMConfig, config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.text.alphabet import ENGLISH

CONFIG = SpeechModelConfig(FeatureConfig(), LSTMConfig(192, bidirectional=True), ENGLISH.symbols)


def test_sizes_follow_from_the_fields() -> None:
    assert CONFIG.alphabet == ENGLISH
    assert CONFIG.n_outputs == ENGLISH.size == 29
    assert CONFIG.n_bands == (40, 20)
    assert CONFIG.front_size == 192
    assert CONFIG.output_frame_s == pytest.approx(0.04)


@pytest.mark.parametrize("n_mels", [4, 5, 6, 7, 20, 21])
def test_any_number_of_features_fits_the_convolutions(n_mels: int) -> None:
    config = SpeechModelConfig(FeatureConfig(n_mels=n_mels), LSTMConfig(4, hidden_size=4, n_layers=1), ("A",))
    assert SpeechModel(config).front.in_features == config.conv_channels * config.n_bands[1]


def test_it_survives_json() -> None:
    assert config_from_dict(SpeechModelConfig, json.loads(json.dumps(config_to_dict(CONFIG)))) == CONFIG


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"symbols": ()}, "an alphabet needs at least one symbol"),
        ({"symbols": ("A", "A")}, "symbols must differ from each other"),
        ({"conv_channels": 0}, r"conv_channels must lie in 1\.\.1024, got 0"),
        ({"conv_channels": 1025}, r"conv_channels must lie in 1\.\.1024, got 1025"),
        ({"language": "English"}, "language must be an IETF tag such as en or pt-BR, got 'English'"),
        ({"features": FeatureConfig(n_mels=3)}, "the convolutions need at least 4 features, got 3"),
    ],
)
def test_fields_that_cannot_work_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(CONFIG, **changes)  # type: ignore[arg-type]


def test_the_latency_of_a_streaming_model_is_computed_from_its_windows(streaming_config: SpeechModelConfig) -> None:
    assert streaming_config.latency_s == pytest.approx(0.03 + 0.025)  # three hops more and a window of 25 ms
    assert replace(streaming_config, frames_per_step=2).latency_s == pytest.approx(0.07 + 0.025)
    assert streaming_config.chunk_frames == 4
    assert replace(streaming_config, frames_per_step=2).chunk_frames == 8


def test_a_bidirectional_model_has_no_latency_as_it_waits_for_the_end(speech_config: SpeechModelConfig) -> None:
    assert speech_config.latency_s is None


@pytest.mark.parametrize("value", [0, 9])
def test_frames_per_step_out_of_range_are_refused(speech_config: SpeechModelConfig, value: int) -> None:
    with pytest.raises(ConfigError, match=rf"frames_per_step must lie in 1\.\.8, got {value}"):
        replace(speech_config, frames_per_step=value)


def test_a_longest_phrase_out_of_range_is_refused(speech_config: SpeechModelConfig) -> None:
    with pytest.raises(ConfigError, match=r"longest_phrase_s must lie in 1\.\.20, got 0\.5"):
        replace(speech_config, longest_phrase_s=0.5)


def test_an_absurd_number_of_phonemes_is_refused(speech_config: SpeechModelConfig) -> None:
    with pytest.raises(ConfigError, match=r"n_phonemes must lie in 0\.\.1000, got 1001"):
        replace(speech_config, n_phonemes=1001)
