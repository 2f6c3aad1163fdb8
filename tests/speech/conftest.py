"""Speech models of a few hundred weights: one untrained, and ones that always hear the same letter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.config import LSTMConfig
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.sound.features import FeatureConfig, extract_features
from audio_lstm.speech.words.char_lm import CharLMConfig

# What imports torch is imported inside the fixtures that ask for `torch`: the others run without it.


@pytest.fixture(scope="session")
def speech_config() -> SpeechModelConfig:
    """A bidirectional model over A, B and the space."""
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1, bidirectional=True)
    return SpeechModelConfig(FeatureConfig(n_mels=20), lstm, ("A", "B", " "), conv_channels=4)


@pytest.fixture(scope="session")
def streaming_config(speech_config: SpeechModelConfig) -> SpeechModelConfig:
    """The same, one way."""
    return replace(speech_config, lstm=replace(speech_config.lstm, bidirectional=False))


@pytest.fixture(params=["both ways", "one way", "both ways, three frames a step", "one way, two frames a step"])
def either_config(
    request: pytest.FixtureRequest, speech_config: SpeechModelConfig, streaming_config: SpeechModelConfig
) -> SpeechModelConfig:
    """One after the other."""
    config = streaming_config if request.param.startswith("one way") else speech_config
    together = {"two": 2, "three": 3}
    return replace(config, frames_per_step=next((n for word, n in together.items() if word in request.param), 1))


@pytest.fixture(scope="session")
def untrained_folder(
    torch: ModuleType, speech_config: SpeechModelConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model folder with random weights, named "untrained"."""
    from audio_lstm.speech.acoustic.model import SpeechModel
    from audio_lstm.speech.training.export import export_speech

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("untrained") / "model"
    return export_speech(SpeechModel(speech_config).eval(), folder, name="untrained", card="# Untrained\n")


@pytest.fixture(scope="session")
def likes_b_folder(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A character language model over A, B and the space, named "likes-b": of two letters B is e^8 times as likely."""
    from audio_lstm.speech.words.char_lm_export import export_char_lm
    from audio_lstm.speech.words.char_lm_model import CharLMModel

    model = CharLMModel(CharLMConfig(LSTMConfig(8, hidden_size=8, n_layers=1), ("A", "B", " "))).eval()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.0, -4.0, 4.0, 0.0]))  # end, A, B, space
    return export_char_lm(model, tmp_path_factory.mktemp("likes-b") / "likes-b", name="likes-b", card="# Likes B\n")


@pytest.fixture(scope="session")
def always_a_folder(
    torch: ModuleType, speech_config: SpeechModelConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model folder whose answer is "A" in every frame, so "A" for every window."""
    from audio_lstm.speech.acoustic.model import SpeechModel
    from audio_lstm.speech.training.export import export_speech

    model = SpeechModel(speech_config).eval()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.0, 4.0, 0.0, 0.0]))  # blank, A, B, space
    folder = tmp_path_factory.mktemp("always-a") / "model"
    return export_speech(model, folder, name="always-a", card="# Always A\n")


@pytest.fixture(scope="session")
def live_config(streaming_config: SpeechModelConfig) -> SpeechModelConfig:
    """One way, and with features that need no end: a model that streams."""
    return replace(streaming_config, features=replace(streaming_config.features, normalisation="running"))


@pytest.fixture(scope="session")
def live_folder(
    torch: ModuleType,
    live_config: SpeechModelConfig,
    voice: Callable[..., NDArray[np.float32]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A model folder, named "live", that streams; its weights are random, and so large that it is never at a loss."""
    from audio_lstm.speech.acoustic.model import SpeechModel
    from audio_lstm.speech.training.export import export_speech

    torch.manual_seed(12)
    model = SpeechModel(live_config).eval()
    features = torch.from_numpy(extract_features(voice(4.0), live_config.features))[None]
    with torch.no_grad():
        for parameter in (*model.backbone.parameters(), model.head.weight):
            parameter.mul_(30 if parameter is model.head.weight else 2.5)
        mean = model(features)[0][0].mean(dim=0)
        model.head.bias += mean.mean() - mean  # every symbol is likely somewhere
    return export_speech(model, tmp_path_factory.mktemp("live") / "model", name="live", card="# Live\n")


@pytest.fixture(scope="session")
def writer_folder(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A punctuation model with random weights, named "scribe"."""
    from audio_lstm.checkpoint import ModelFolder, write_model
    from audio_lstm.config import config_to_dict
    from audio_lstm.speech.text.punctuation import PunctuationConfig
    from audio_lstm.speech.training.punctuation_model import PunctuationModel, punctuation_graph

    torch.manual_seed(0)
    config = PunctuationConfig(
        causal=LSTMConfig(8, hidden_size=16, n_layers=1),
        both_ways=LSTMConfig(16, hidden_size=8, n_layers=1, bidirectional=True),
        head_size=8,
        n_buckets=100,
        forms=("McDonald", "café"),
    )
    model = PunctuationModel(config).eval()
    with torch.no_grad():
        for head in (model.head, model.live_head):
            head.weight.mul_(20)  # so that its answers differ from word to word
    folder = tmp_path_factory.mktemp("scribe") / "scribe"
    header = ModelFolder(folder, "punctuation", "scribe", config_to_dict(config), {})
    return write_model(folder, header, module=model, graph=punctuation_graph(model), card="# Scribe\n")
