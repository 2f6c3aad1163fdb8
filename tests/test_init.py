"""The public surface: what `import audio_lstm` offers, and that neither it nor using it on a CPU brings in torch."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import audio_lstm
from audio_lstm.config import LSTMConfig
from audio_lstm.music.models.export import export_music
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.training.export import export_speech


@pytest.fixture(scope="module")
def speech_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1, bidirectional=True)
    model = SpeechModel(SpeechModelConfig(FeatureConfig(n_mels=20), lstm, ("A", " "), conv_channels=4)).eval()
    return export_speech(model, tmp_path_factory.mktemp("speech") / "model", name="untrained", card="")


@pytest.fixture(scope="module")
def music_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    grid = ChoraleGrid()
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1)
    model = MusicModel(MusicModelConfig(grid.column_sizes, grid.vocabulary_size, lstm)).eval()
    return export_music(model, grid, tmp_path_factory.mktemp("music") / "model", name="untrained", card="")


def run(script: str, *arguments: Path) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    folder = Path(audio_lstm.__file__).parent.parent
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=folder)
    assert result.returncode == 0, result.stderr
    return result.stdout


HEAVY = "print(sorted({'torch', 'torchaudio', 'onnx', 'scipy', 'tensorboard', 'jsonargparse'} & set(sys.modules)))"


def test_importing_the_package_imports_next_to_nothing() -> None:
    script = "import sys; before = set(sys.modules); import audio_lstm; print(*set(sys.modules) - before)"
    new = run(script).split()
    assert {name for name in new if name.startswith("audio_lstm")} == {
        "audio_lstm",
        "audio_lstm.errors",
        "audio_lstm.version",
    }
    assert not {"numpy", "torch", "onnxruntime", "soundfile", "av", "json"} & set(new)


def test_transcribing_on_a_cpu_does_not_import_torch(speech_folder: Path) -> None:
    script = f"""
import sys
import numpy as np
import audio_lstm
samples = np.random.default_rng(0).uniform(-0.5, 0.5, 16000).astype(np.float32)
transcript = audio_lstm.transcribe((samples, 16000), model=sys.argv[1])
print(type(transcript).__name__, transcript.duration_s, transcript.model)
{HEAVY}
"""
    assert run(script, speech_folder).splitlines() == ["Transcript 1.0 untrained", "[]"]


def test_composing_on_a_cpu_does_not_import_torch(music_folder: Path, tmp_path: Path) -> None:
    script = f"""
import sys
import audio_lstm
composition = audio_lstm.compose(model=sys.argv[1], seed=1, bars=1)
print(composition.save(sys.argv[2] + "/x.mid").name, len(composition.to_pretty_midi().instruments) > 0)
{HEAVY}
"""
    assert run(script, music_folder, tmp_path).splitlines() == ["x.mid True", "[]"]
    assert (tmp_path / "x.mid").read_bytes().startswith(b"MThd")


@pytest.mark.parametrize("name", audio_lstm.__all__)
def test_every_public_name_loads_and_is_listed(name: str) -> None:
    assert getattr(audio_lstm, name) is not None
    assert name in dir(audio_lstm)


def test_public_names_are_those_of_their_modules() -> None:
    for name, module in audio_lstm._HOME.items():
        assert getattr(audio_lstm, name) is getattr(importlib.import_module(module), name)
    assert set(audio_lstm._HOME) | {"AudioLSTMError", "__version__"} == set(audio_lstm.__all__)


def test_importing_the_modules_behind_the_verbs_does_not_hide_them() -> None:
    importlib.import_module("audio_lstm.speech.hearing.transcribe")
    importlib.import_module("audio_lstm.music.compose")
    assert callable(audio_lstm.transcribe)
    assert callable(audio_lstm.compose)


def test_several_takes_are_written_with_public_names_alone(music_folder: Path) -> None:
    sampling = audio_lstm.SamplingConfig(temperature=0.5, max_tokens=65)
    takes = list(audio_lstm.compose_takes(n_takes=2, model=music_folder, seed=1, bars=1, sampling=sampling))
    assert [take.take for take in takes] == [0, 1]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'audio_lstm' has no attribute 'sing'"):
        _ = audio_lstm.sing


def test_the_doors_open_the_models(speech_folder: Path, music_folder: Path) -> None:
    assert audio_lstm.load_speech(speech_folder).name == "untrained"
    assert audio_lstm.load_music(music_folder).name == "untrained"
    with pytest.raises(audio_lstm.AudioLSTMError, match="of the music wing, but a speech model is needed"):
        audio_lstm.transcribe("any.wav", model=music_folder)
    with pytest.raises(audio_lstm.AudioLSTMError, match="of the speech wing, but a music model is needed"):
        audio_lstm.compose(model=speech_folder)
