"""Looking inside a speech model: the whole of it in numpy equals torch, and the words lie where they were heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from audio_lstm.errors import AudioError, ConfigError, ModelError
from audio_lstm.inspection.weight_arrays import WeightArrays
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.hearing.recogniser import load_speech
from audio_lstm.speech.inside import inspect_speech, speech_front
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.training.export import export_speech

RATE = 16_000
Voice = Callable[..., NDArray[np.float32]]


def test_the_model_in_numpy_equals_that_in_torch(
    either_config: SpeechModelConfig, voice: Voice, tmp_path: Path
) -> None:
    torch.manual_seed(2)
    model = SpeechModel(either_config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder = export_speech(model, tmp_path / "model", name="m", card="# M\n")
    samples = voice(1.53)
    found = inspect_speech((samples, RATE), model=folder)
    features = extract_features(samples, either_config.features)
    with torch.no_grad():
        expected, _, _ = model(torch.from_numpy(features)[None])
        frames, _ = model._convolve(
            torch.cat([model.initial_state(1).features, torch.from_numpy(features)[None]], dim=1),
            model.initial_state(1).channels,
        )
        x, _, _ = model._front(frames, torch.tensor([len(features)]))
    weights = WeightArrays({name: tensor.numpy() for name, tensor in model.state_dict().items()}, "m")
    np.testing.assert_allclose(speech_front(features, weights, either_config), x[0].numpy(), atol=1e-5)
    assert found.log_probs is not None
    np.testing.assert_allclose(found.log_probs, expected[0].numpy(), atol=1e-4)
    assert found.n_steps == -(-len(expected[0]) // either_config.frames_per_step)


def test_a_shipped_model_is_seen_while_it_spells(repository: Path) -> None:
    sample = repository / "demos" / "samples" / "spelling.wav"
    seen = inspect_speech(sample, layer=2, direction="backward")
    assert (seen.model, seen.layer, seen.n_layers, seen.direction) == ("english-base", 2, 4, "backward")
    assert "".join(mark.text for mark in seen.marks).startswith("MUSI")  # greedy letters, without a language model
    assert seen.log_probs is not None
    assert seen.log_probs.shape == (seen.n_steps, len(seen.symbols))
    starts = seen.edges_s[:-1][seen.events["word start"]]
    assert len(starts) == 5
    assert all(abs(start - mark.start_s) <= 0.04 for start, mark in zip(starts, seen.marks, strict=True))
    assert seen.events["phrase end"].sum() == 1
    assert (seen.events["pause"] == ~seen.events["inside a word"]).all()
    assert (seen.events["word boundary"] >= seen.events["word end"]).all()
    assert seen.events["letter"].any()


def test_a_span_counts_from_the_start_of_the_recording(repository: Path) -> None:
    seen = inspect_speech(repository / "demos" / "samples" / "spelling.wav", span_s=(0.5, 60.0))
    assert seen.edges_s[0] == 0.5
    assert all(mark.start_s >= 0.5 for mark in seen.marks)


def test_a_loaded_recogniser_is_seen_with_its_own_decoding(always_a_folder: Path, voice: Voice) -> None:
    seen = inspect_speech((voice(1.0), RATE), model=load_speech(always_a_folder))
    assert [mark.text for mark in seen.marks] == ["A"]


def test_a_recogniser_without_a_folder_is_refused(always_a_folder: Path, voice: Voice) -> None:
    homeless = replace(load_speech(always_a_folder), folder=None)
    with pytest.raises(ModelError, match="was not loaded from a folder"):
        inspect_speech((voice(1.0), RATE), model=homeless)


@pytest.mark.parametrize(
    ("span_s", "error", "message"),
    [
        ((2.0, 1.0), ConfigError, r"span_s must be two seconds, 0 <= start < end, got \(2.0, 1.0\)"),
        ((5.0, 6.0), AudioError, "from 5 s on there is nothing to look at: the recording has 1.00 s"),
    ],
)
def test_a_span_outside_the_recording_is_refused(
    span_s: tuple[float, float], error: type[Exception], message: str, always_a_folder: Path, voice: Voice
) -> None:
    with pytest.raises(error, match=message):
        inspect_speech((voice(1.0), RATE), model=always_a_folder, span_s=span_s)


def test_a_long_recording_asks_for_a_span(always_a_folder: Path, voice: Voice) -> None:
    with pytest.raises(AudioError, match="61 s are too much to look into; pass span_s of at most 60 s"):
        inspect_speech((voice(61.0), RATE), model=always_a_folder)
