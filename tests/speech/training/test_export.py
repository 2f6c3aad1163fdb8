"""A speech model's folder: what torch says, ONNX Runtime says, in float32 and in int8."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from audio_lstm.checkpoint import open_model
from audio_lstm.config import config_from_dict
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.runtime import OnnxEngine, TorchEngine
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.decoding.lexicon import Lexicon, load_lexicon
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.training.export import export_speech, speech_graph


def build(config: SpeechModelConfig) -> SpeechModel:
    torch.manual_seed(0)
    model = SpeechModel(config).eval()
    with torch.no_grad():
        model.head.weight.mul_(3)  # answers that differ from frame to frame
    return model


def features_of(n_frames: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n_frames, 20)).astype(np.float32)


def test_the_folder_holds_config_weights_graph_and_card(speech_config: SpeechModelConfig, tmp_path: Path) -> None:
    folder = export_speech(build(speech_config), tmp_path / "model", name="tiny", card="# Tiny\n")
    opened = open_model(folder, "speech")
    assert opened.name == "tiny"
    assert opened.representation == {}
    assert config_from_dict(SpeechModelConfig, opened.config) == speech_config
    assert (folder / "README.md").read_text() == "# Tiny\n"
    onnx.checker.check_model(str(opened.graph))


def test_weights_can_be_stored_in_half_precision(speech_config: SpeechModelConfig, tmp_path: Path) -> None:
    folder = export_speech(build(speech_config), tmp_path / "model", name="tiny", card="", half=True)
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float16}


def test_float32_graph_equals_torch_through_the_recogniser(either_config: SpeechModelConfig, tmp_path: Path) -> None:
    config, one_way = either_config, not either_config.lstm.bidirectional
    model = build(config)
    onnx.save(speech_graph(model), tmp_path / "model.onnx")
    engine = OnnxEngine(tmp_path / "model.onnx")
    engine.check(input_size=20, output_size=4, streams=one_way)
    in_torch = SpeechRecogniser("t", config, config.alphabet, TorchEngine(model, streams=one_way))
    in_onnx = SpeechRecogniser("o", config, config.alphabet, engine)
    for n_frames in (1, 5, 64):
        features = features_of(n_frames)
        expected, expected_state = in_torch.log_probs(features)
        answer, state = in_onnx.log_probs(features)
        np.testing.assert_allclose(answer, expected, atol=1e-4)
        assert len(state) == len(expected_state) == (4 if one_way else 0)
        for ours, theirs in zip(state, expected_state, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_graph_goes_on_where_each_item_of_unequal_length_ended(
    streaming_config: SpeechModelConfig, tmp_path: Path
) -> None:
    model = build(streaming_config)
    onnx.save(speech_graph(model), tmp_path / "model.onnx")
    in_onnx, in_torch = OnnxEngine(tmp_path / "model.onnx"), TorchEngine(model, streams=True)
    features, lengths = np.stack([features_of(14), -features_of(14)]), np.array([8, 4])
    rest = np.stack([features[item, length : length + 6] for item, length in enumerate(lengths)])
    for engine in (in_onnx, in_torch):
        first, state = engine.run(features[:, :8], lengths, None)
        second, _ = engine.run(rest, np.array([6, 6]), state)
        for item, length in enumerate(lengths):
            whole, _ = in_torch.run(features[item : item + 1, : length + 6], np.array([length + 6]), None)
            chunks = np.concatenate([first[item, : length // 4], second[item]])
            np.testing.assert_allclose(chunks, whole[0], atol=1e-4)


def test_int8_graph_stays_close_to_torch(either_config: SpeechModelConfig, tmp_path: Path) -> None:
    config = replace(either_config, lstm=replace(either_config.lstm, input_size=32, hidden_size=32))
    model = build(config)
    in_torch = SpeechRecogniser("t", config, config.alphabet, TorchEngine(model, streams=False))
    in_int8 = load_speech(export_speech(model, tmp_path / "model", name="tiny", card=""))
    features = features_of(400)
    expected, _ = in_torch.log_probs(features)
    answer, _ = in_int8.log_probs(features)
    assert np.abs(answer - expected).mean() < 0.1 * expected.std()
    assert (answer.argmax(1) == expected.argmax(1)).mean() > 0.9
    operators = [node.op_type for node in onnx.load(tmp_path / "model" / "model.onnx").graph.node]
    assert "DynamicQuantizeLSTM" in operators
    assert "LSTM" not in operators


LEXICON = Lexicon.from_pronunciations({"A": [(1,)], "B": [(2,)], "AB": [(1, 2)]}, phonemes=("ah", "b", "s"))


def test_both_heads_are_one_graph_that_equals_torch(either_config: SpeechModelConfig, tmp_path: Path) -> None:
    config = replace(either_config, n_phonemes=3, phoneme_output=True)
    model, one_way = build(config), not config.lstm.bidirectional
    onnx.save(speech_graph(model), tmp_path / "model.onnx")
    engine = OnnxEngine(tmp_path / "model.onnx")
    engine.check(input_size=20, output_size=8, streams=one_way)
    in_torch = SpeechRecogniser("t", config, config.alphabet, TorchEngine(model, streams=one_way))
    in_onnx = SpeechRecogniser("o", config, config.alphabet, engine)
    for n_frames in (1, 5, 64):
        features = features_of(n_frames)
        expected, _ = in_torch.log_probs(features)
        answer, state = in_onnx.log_probs(features)
        np.testing.assert_allclose(answer, expected, atol=1e-4)
        assert answer.shape[1] == 8
        assert len(state) == (4 if one_way else 0)
        for part in (answer[:, :4], answer[:, 4:]):
            np.testing.assert_allclose(np.exp(part).sum(axis=1), 1.0, atol=1e-4)
        letters, _ = SpeechRecogniser(
            "l", replace(config, phoneme_output=False), config.alphabet, TorchEngine(letters_of(model), streams=one_way)
        ).log_probs(features)
        np.testing.assert_allclose(answer[:, :4], letters, atol=1e-4)


def letters_of(model: SpeechModel) -> SpeechModel:
    """The same model without the phonemes' output."""
    other = SpeechModel(replace(model.config, phoneme_output=False)).eval()
    other.load_state_dict(model.state_dict())
    return other


def test_a_model_with_a_lexicon_is_loaded_with_both_heads(either_config: SpeechModelConfig, tmp_path: Path) -> None:
    model = build(replace(either_config, n_phonemes=3))
    folder = export_speech(model, tmp_path / "model", name="tiny", card="", lexicon=LEXICON)
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md",
        "config.json",
        "lexicon.lex",
        "model.onnx",
        "model.safetensors",
    ]
    loaded = load_speech(folder)
    assert loaded.config.phoneme_output
    assert loaded.log_probs(features_of(40))[0].shape == (10, 8)
    assert load_lexicon(folder, 3).words == ("A", "AB", "B")
    assert export_speech(model, folder, name="tiny", card="").name == "model"  # replaces it, and the lexicon goes
    assert not (folder / "lexicon.lex").exists()
    assert load_speech(folder).log_probs(features_of(40))[0].shape == (10, 4)


def test_a_lexicon_of_other_phonemes_than_the_models_is_refused(
    speech_config: SpeechModelConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="the lexicon has 3 phonemes and the model 0; train with pronunciations"):
        export_speech(build(speech_config), tmp_path / "model", name="tiny", card="", lexicon=LEXICON)
    folder = export_speech(
        build(replace(speech_config, n_phonemes=3)), tmp_path / "model", name="tiny", card="", lexicon=LEXICON
    )
    with pytest.raises(ModelError, match=r"lexicon\.lex: has 3 phonemes, the model hears 2; copy the model again"):
        load_lexicon(folder, 2)
    (folder / "lexicon.lex").unlink()
    with pytest.raises(ModelError, match=r"lexicon\.lex: the lexicon of this model is missing; copy the model again"):
        load_lexicon(folder, 3)
