"""Models of a few hundred weights, recordings and manifests for the commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.config import LSTMConfig
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.representation import Representation
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.sound.features import FeatureConfig

# What imports torch is imported inside the fixtures that ask for `torch`: the others run without it.


@pytest.fixture(scope="session")
def speech(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A speech model that hears an A in every recording; B comes second."""
    from audio_lstm.speech.acoustic.model import SpeechModel
    from audio_lstm.speech.training.export import export_speech

    lstm = LSTMConfig(8, hidden_size=8, n_layers=1, bidirectional=True)
    model = SpeechModel(SpeechModelConfig(FeatureConfig(n_mels=20), lstm, ("A", "B", " "), conv_channels=4)).eval()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.0, 4.0, 3.75, 0.0]))  # blank, A, B, space
    folder = tmp_path_factory.mktemp("speech") / "hears-a"
    return str(export_speech(model, folder, name="hears-a", card="# hears-a\n\nHears an A.\n"))


def untrained_music(representation: Representation, folder: Path) -> str:
    import torch

    from audio_lstm.music.models.export import export_music
    from audio_lstm.music.models.model import MusicModel

    torch.manual_seed(0)
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1)
    model = MusicModel(MusicModelConfig(representation.column_sizes, representation.vocabulary_size, lstm)).eval()
    return str(export_music(model, representation, folder, name="tiny", card="# tiny\n"))


@pytest.fixture(scope="session")
def music(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained model of chorales."""
    return untrained_music(ChoraleGrid(), tmp_path_factory.mktemp("music") / "tiny")


@pytest.fixture(scope="session")
def events(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained model of events."""
    return untrained_music(EventVocabulary(), tmp_path_factory.mktemp("events") / "tiny")


@pytest.fixture(scope="session")
def tone(voice: Callable[..., NDArray[np.float32]]) -> Callable[..., Path]:
    """Writes a recording in which somebody speaks, of half a second if no length is given."""

    def write(path: Path, seconds: float = 0.5) -> Path:
        write_wav(path, voice(seconds), 16_000)
        return path

    return write


@pytest.fixture(scope="session")
def manifest(tone: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a manifest of recordings that are said to say texts."""

    def write(folder: Path, *texts: str) -> Path:
        lines = []
        for number, text in enumerate(texts):
            tone(folder / f"{number}.wav")
            lines.append(json.dumps({"id": str(number), "audio": f"{number}.wav", "text": text}))
        file = folder / "set.jsonl"
        file.write_text("\n".join(lines) + "\n")
        return file

    return write
