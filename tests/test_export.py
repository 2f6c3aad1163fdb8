"""torch and ONNX Runtime answer alike, whole and in chunks, padded and alone; int8 stays close."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.export import quantise
from audio_lstm.music.models.export import music_graph
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.runtime import OnnxEngine, TorchEngine
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.training.export import speech_graph

LSTMS = {
    "plain": LSTMConfig(12, hidden_size=16, n_layers=2),
    "projection, norm, residual": LSTMConfig(
        12, hidden_size=16, n_layers=3, projection_size=12, layer_norm=True, residual=True
    ),
    "bidirectional": LSTMConfig(12, hidden_size=16, n_layers=2, bidirectional=True),
    "bidirectional, all options": LSTMConfig(
        12, hidden_size=16, n_layers=3, bidirectional=True, projection_size=12, layer_norm=True, residual=True
    ),
}
FEATURES = FeatureConfig(n_mels=20, normalisation="none")


def speech_engines(lstm: LSTMConfig, folder: Path) -> tuple[TorchEngine, OnnxEngine]:
    torch.manual_seed(0)
    model = SpeechModel(SpeechModelConfig(FEATURES, lstm, ("A", "B", " "), conv_channels=4)).eval()
    onnx.save(speech_graph(model), folder / "model.onnx")
    return TorchEngine(model, streams=not lstm.bidirectional), OnnxEngine(folder / "model.onnx")


@pytest.mark.parametrize("lstm", LSTMS.values(), ids=LSTMS.keys())
@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 37])
def test_speech_graph_equals_torch(lstm: LSTMConfig, n_frames: int, tmp_path: Path) -> None:
    in_torch, in_onnx = speech_engines(lstm, tmp_path)
    features = np.random.default_rng(0).normal(size=(3, n_frames, 20)).astype(np.float32)
    lengths = np.array([n_frames, max(1, n_frames - 5), 1])
    expected, _ = in_torch.run(features, lengths, None)
    answer, _ = in_onnx.run(features, lengths, None)
    for item, length in enumerate(-(-lengths // 4)):
        np.testing.assert_allclose(answer[item, :length], expected[item, :length], atol=1e-4)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_padded_recordings_equal_recordings_alone(engine: str, tmp_path: Path) -> None:
    run = speech_engines(LSTMS["bidirectional, all options"], tmp_path)[engine == "onnx"].run
    features = np.random.default_rng(0).normal(size=(2, 21, 20)).astype(np.float32)
    padded, _ = run(features, np.array([21, 10]), None)
    alone, _ = run(features[1:, :10], np.array([10]), None)
    np.testing.assert_allclose(padded[1, :3], alone[0], atol=1e-5)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("lstm", [LSTMS["plain"], LSTMS["projection, norm, residual"]])
def test_speech_chunks_with_carried_state_equal_the_whole(engine: str, lstm: LSTMConfig, tmp_path: Path) -> None:
    run = speech_engines(lstm, tmp_path)[engine == "onnx"].run
    features = np.random.default_rng(0).normal(size=(2, 30, 20)).astype(np.float32)
    whole, _ = run(features, np.array([30, 30]), None)
    state, pieces = None, []
    for chunk in np.split(features, [4, 12, 28], axis=1):
        output, state = run(chunk, np.full(2, chunk.shape[1]), state)
        pieces.append(output)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-5)


def music_model(hidden_size: int = 16) -> MusicModel:
    torch.manual_seed(0)
    lstm = LSTMConfig(12, hidden_size=hidden_size, n_layers=2)
    return MusicModel(MusicModelConfig((9, 9, 4), 9, lstm)).eval()


def music_columns(n_items: int, n_steps: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.integers(0, size, (n_items, n_steps)) for size in (9, 9, 4)], axis=-1)


def test_music_graph_equals_torch_step_by_step_and_whole(tmp_path: Path) -> None:
    model = music_model()
    onnx.save(music_graph(model), tmp_path / "model.onnx")
    in_torch, in_onnx = TorchEngine(model, streams=True), OnnxEngine(tmp_path / "model.onnx")
    columns = music_columns(3, 11)
    expected, _ = in_torch.run(columns, np.full(3, 11), None)
    whole, _ = in_onnx.run(columns, np.full(3, 11), None)
    np.testing.assert_allclose(whole, expected, atol=1e-4)
    for engine in (in_torch, in_onnx):
        state = None
        for step in range(11):
            logits, state = engine.run(columns[:, step : step + 1], np.ones(3, np.int64), state)
            np.testing.assert_allclose(logits[:, 0], expected[:, step], atol=1e-4)


def test_quantised_graph_keeps_the_lstm_operator_and_stays_close(tmp_path: Path) -> None:
    model = music_model(hidden_size=64)
    graph = music_graph(model)
    assert sum(node.op_type == "LSTM" for node in graph.graph.node) == 2
    small = quantise(graph)
    operators = [node.op_type for node in small.graph.node]
    assert operators.count("DynamicQuantizeLSTM") == 2
    assert "LSTM" not in operators
    assert len(small.SerializeToString()) < 0.45 * len(graph.SerializeToString())
    onnx.save(small, tmp_path / "int8.onnx")
    columns = music_columns(2, 20)
    expected, _ = TorchEngine(model, streams=True).run(columns, np.full(2, 20), None)
    answer, _ = OnnxEngine(tmp_path / "int8.onnx").run(columns, np.full(2, 20), None)
    assert np.abs(answer - expected).mean() < 0.1 * expected.std()


def test_a_layer_can_be_kept_in_float32(tmp_path: Path) -> None:
    graph = music_graph(music_model())
    first = next(node.name for node in graph.graph.node if node.op_type == "LSTM")
    operators = [node.op_type for node in quantise(graph, keep_fp32=(first,)).graph.node]
    assert operators.count("LSTM") == 1
    assert operators.count("DynamicQuantizeLSTM") == 1
