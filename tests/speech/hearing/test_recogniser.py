"""Loading a speech model: the same answers from either engine, and damaged folders refused in our own words."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from audio_lstm.checkpoint import load_weights, open_model
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.runtime import OnnxEngine, TorchEngine
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.decoding.confidence import Calibration
from audio_lstm.speech.decoding.decoding import Decoding, DecodingConfig, write_decoding
from audio_lstm.speech.hearing import recogniser as recogniser_module
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.training.export import export_speech, speech_graph


def features_of(n_frames: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n_frames, 20)).astype(np.float32)


def float32_graph(folder: Path, config: SpeechModelConfig) -> onnx.ModelProto:
    module = SpeechModel(config).eval()
    load_weights(open_model(folder, "speech"), module)
    return speech_graph(module)


@pytest.fixture
def folder(untrained_folder: Path, tmp_path: Path) -> Path:
    """A copy of the untrained model, to be damaged."""
    return shutil.copytree(untrained_folder, tmp_path / "model")


@pytest.fixture
def streaming_folder(streaming_config: SpeechModelConfig, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    return export_speech(SpeechModel(streaming_config).eval(), tmp_path / "streaming", name="streaming", card="")


def edit_model(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "config.json"
    content = json.loads(file.read_text())
    change(content["model"])
    file.write_text(json.dumps(content))


def test_a_loaded_model_knows_its_name_config_and_alphabet(
    untrained_folder: Path, speech_config: SpeechModelConfig
) -> None:
    recogniser = load_speech(untrained_folder)
    assert recogniser.name == "untrained"
    assert recogniser.config == speech_config
    assert recogniser.alphabet == speech_config.alphabet
    assert isinstance(recogniser.engine, OnnxEngine)
    assert load_speech(recogniser) is recogniser


@pytest.mark.parametrize(("n_frames", "n_outputs"), [(0, 0), (1, 1), (4, 1), (5, 2), (37, 10)])
def test_four_feature_frames_make_one_output_frame(untrained_folder: Path, n_frames: int, n_outputs: int) -> None:
    log_probs, state = load_speech(untrained_folder).log_probs(features_of(n_frames))
    assert log_probs.shape == (n_outputs, 4)
    assert log_probs.dtype == np.float32
    assert state == ()
    np.testing.assert_allclose(np.exp(log_probs).sum(1), 1, atol=1e-5)


def test_torch_on_the_same_folder_agrees(
    untrained_folder: Path, speech_config: SpeechModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What load_speech(device="cuda") does, on the CPU.
    monkeypatch.setattr(recogniser_module, "resolve_device", lambda device: device)
    original = recogniser_module._torch_engine
    monkeypatch.setattr(recogniser_module, "_torch_engine", lambda folder, config, _: original(folder, config, "cpu"))
    in_torch = load_speech(untrained_folder, device="cuda")
    assert isinstance(in_torch.engine, TorchEngine)
    expected, state = in_torch.log_probs(features_of(120))
    answer, _ = load_speech(untrained_folder).log_probs(features_of(120))
    assert state == ()
    assert np.abs(answer - expected).mean() < 0.02  # int8 against float32


def test_chunks_with_carried_state_equal_the_whole(streaming_config: SpeechModelConfig, streaming_folder: Path) -> None:
    # In int8 the scale of the activations is that of the chunk, so chunks differ a little.
    onnx.save(float32_graph(streaming_folder, streaming_config), streaming_folder / "model.onnx")
    recogniser = load_speech(streaming_folder)
    features = features_of(37)
    whole, _ = recogniser.log_probs(features)
    state, pieces = None, []
    for chunk in np.split(features, [4, 4, 20, 36]):  # one of them empty
        log_probs, state = recogniser.log_probs(chunk, state)
        pieces.append(log_probs)
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5)


def test_an_empty_first_chunk_starts_nothing(streaming_folder: Path) -> None:
    recogniser = load_speech(streaming_folder)
    _, state = recogniser.log_probs(features_of(0))
    expected, _ = recogniser.log_probs(features_of(8))
    np.testing.assert_array_equal(recogniser.log_probs(features_of(8), state)[0], expected)


def test_threads_may_share_one_model(streaming_folder: Path) -> None:
    recogniser = load_speech(streaming_folder)
    inputs = [features_of(n) for n in (40, 80, 120, 160)]
    expected = [recogniser.log_probs(features)[0] for features in inputs]
    answers: dict[int, np.ndarray] = {}

    def run(index: int) -> None:
        for _ in range(5):
            answers[index] = recogniser.log_probs(inputs[index])[0]

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [0, 1, 2, 3]
    for index, answer in answers.items():
        np.testing.assert_array_equal(answer, expected[index])


def test_decoding_is_chosen_at_loading_or_later(always_a_folder: Path) -> None:
    recogniser = load_speech(always_a_folder)
    assert recogniser.decoder.describe() == "greedy"
    closed = load_speech(always_a_folder, decoding=Decoding(vocabulary=("B",)))
    assert closed.decoder.is_closed
    later = load_speech(recogniser, decoding=Decoding(vocabulary=("B",)))
    assert later.decoder.describe() == closed.decoder.describe()
    assert later.engine is recogniser.engine
    assert later.folder == always_a_folder
    log_probs, _ = recogniser.log_probs(features_of(40))
    assert [word.text for word in recogniser.words(log_probs)] == ["A"]
    assert [word.text for word in later.words(log_probs)] == ["B"]
    with pytest.raises(ConfigError, match="this model comes without one; choose a language model"):
        recogniser.with_decoding(Decoding(lm_weight=1.0))


def test_the_decoding_that_lies_in_the_folder_is_the_default(always_a_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(always_a_folder, tmp_path / "model")
    calibration = Calibration(bias=-1.0, slope=1.0, length=0.0)
    write_decoding(folder, DecodingConfig(calibration=calibration))
    assert load_speech(folder).decoder.calibration == calibration
    (folder / "decoding.json").write_text("{}}")
    with pytest.raises(ModelError, match=r"decoding\.json: not valid JSON"):
        load_speech(folder)


def test_a_recogniser_made_by_hand_decodes_greedily(untrained_folder: Path) -> None:
    loaded = load_speech(untrained_folder)
    by_hand = SpeechRecogniser("hand", loaded.config, loaded.alphabet, loaded.engine)
    log_probs, _ = loaded.log_probs(features_of(40))
    assert by_hand.words(log_probs) == loaded.words(log_probs)


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(vocabulary=("A",))])
def test_log_probabilities_that_are_none_are_blamed_on_the_model(untrained_folder: Path, decoding: Decoding) -> None:
    recogniser = load_speech(untrained_folder, decoding=decoding)
    with pytest.raises(ModelError, match=r"model 'untrained' is damaged \(.*NaN.*\); copy or export it again"):
        recogniser.words(np.full((3, 4), np.nan, np.float32))


@pytest.mark.parametrize("shape", [(8, 19), (8,), (1, 8, 20)])
def test_features_of_another_shape_are_refused(untrained_folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected features of shape \(time, 20\), got \("):
        load_speech(untrained_folder).log_probs(np.zeros(shape, np.float32))


def test_a_bidirectional_model_takes_no_state(untrained_folder: Path, streaming_folder: Path) -> None:
    _, state = load_speech(streaming_folder).log_probs(features_of(8))
    with pytest.raises(ValueError, match="'untrained' is bidirectional: it reads whole recordings and takes no state"):
        load_speech(untrained_folder).log_probs(features_of(8), state)


def test_an_unknown_device_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(ConfigError, match="device must be 'cpu' or 'cuda', got 'gpu'"):
        load_speech("no/such/model", device="gpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(beam=3), "unknown field 'beam'; SpeechModelConfig has features, lstm"),
        (lambda m: m["lstm"].update(cell="gru"), "lstm: unknown field 'cell'"),
        (lambda m: m.pop("symbols"), "SpeechModelConfig needs the field 'symbols'"),
        (lambda m: m.update(symbols=["AB"]), "every character of a piece is a symbol too"),
        (lambda m: m["lstm"].update(hidden_size=10**9), "hidden_size must lie in"),
        (lambda m: m["features"].update(n_fft="512"), "n_fft must be int, got '512'"),
        (lambda m: m["features"].update(sample_rate=float("nan")), "sample_rate must be int"),
    ],
    ids=range(7),
)
def test_a_config_that_is_not_this_versions_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit_model(folder, change)
    with pytest.raises(ModelError, match=f"{message}.*; the model folder is damaged or of another version"):
        load_speech(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["features"].update(n_mels=40),
        lambda m: m.update(symbols=["A", "B"]),
        lambda m: m["lstm"].update(bidirectional=False),
    ],
    ids=["features", "alphabet", "direction"],
)
def test_a_graph_that_does_not_fit_the_config_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    edit_model(folder, change)
    with pytest.raises(
        ModelError, match=r"model\.onnx: does not fit config\.json \(expected input width \d+, output w"
    ):
        load_speech(folder)


def test_a_folder_without_its_graph_is_refused(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: no such file"):
        load_speech(folder)
