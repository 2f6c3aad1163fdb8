"""The benchmark of sounds beside letters on a model of a few weights, with and without flashlight."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.decoding.beam import BeamConfig
from audio_lstm.speech.decoding.decoding import DecodingConfig, write_decoding
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.decoding.pooling import PoolingConfig
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.training.export import export_speech
from audio_lstm.speech.words.lm_file import write_language_model
from audio_lstm.speech.words.ngram import train_ngram


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("quality/sounds")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1, bidirectional=True)
    config = SpeechModelConfig(FeatureConfig(n_mels=20), lstm, ("A", "B", " "), conv_channels=4, n_phonemes=2)
    lexicon = Lexicon.from_pronunciations({"A": [(1,)], "B": [(2,)]}, phonemes=("ah", "b"))
    folder = export_speech(SpeechModel(config).eval(), tmp_path / "model", name="tiny", card="", lexicon=lexicon)
    write_language_model(train_ngram(["A B", "B A", "A"], order=2), folder / "own.lm")
    write_decoding(folder, DecodingConfig("own", BeamConfig(beam_size=4), pooling=PoolingConfig()))
    return folder


@pytest.fixture
def manifest(tmp_path: Path, voice: Callable[..., NDArray[np.float32]]) -> Path:
    write_wav(tmp_path / "a.wav", voice(1.5), 16_000)
    file = tmp_path / "two.dev.jsonl"
    lines = [json.dumps({"id": name, "audio": "a.wav", "text": "A B", "duration_s": 1.5}) for name in "xy"]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_the_benchmark_prints_a_row_a_way_to_decode(
    recipe: ModuleType, model: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recipe.main(["--model", str(model), "--manifest", str(manifest), "--utterances", "1"]) == 0
    printed = capsys.readouterr().out
    assert "| | two.dev | mean | ms a second of sound |" in printed
    for name in ("letters", "letters, character LSTM", "sounds", "both", "both, character LSTM"):
        assert re.search(rf"^\| {name} \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$", printed, re.MULTILINE)
    assert re.search(r"^\| best in the pool \| [\d.]+ \| [\d.]+ \| - \|$", printed, re.MULTILINE)
    assert re.search(r"^from file to words: [\d,]+ x real time \(2 s, processor time; beam 4, ", printed, re.MULTILINE)
    assert re.search(r"flashlight finds the same text first in \d of 1|flashlight-text: not installed", printed)


def test_a_model_that_was_not_tuned_for_sounds_is_refused(recipe: ModuleType, model: Path, manifest: Path) -> None:
    write_decoding(model, DecodingConfig("own"))
    with pytest.raises(ConfigError, match="model 'tiny' is not tuned for sounds; run audio-lstm tune on it first"):
        recipe.main(["--model", str(model), "--manifest", str(manifest)])
