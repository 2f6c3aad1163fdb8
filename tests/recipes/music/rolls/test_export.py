"""The graph of a model of frames: the state in the open, the same log-odds in any chunks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from audio_lstm.checkpoint import load_weights, open_model
from audio_lstm.runtime import OnnxEngine
from recipes.music.rolls.context import echoes, frame_inputs
from recipes.music.rolls.export import export_frames, frames_graph
from recipes.music.rolls.model import FrameModel


def test_the_graph_takes_inputs_and_state_and_returns_log_odds_and_state(frames_model: FrameModel) -> None:
    graph = frames_graph(frames_model).graph
    state = ["frames_hidden", "frames_cell", "keys_hidden", "keys_cell"]
    assert [item.name for item in graph.input] == ["inputs", "lengths", *state]
    assert [item.name for item in graph.output] == ["logits", *(f"next_{name}" for name in state)]
    assert sum(node.op_type == "LSTM" for node in graph.node) == 3


def test_batches_and_chunks_agree_with_torch(frames_model: FrameModel, tmp_path: Path) -> None:
    rolls = [np.random.default_rng(seed).random((25, 20)) < 0.3 for seed in range(3)]
    inputs = np.stack([frame_inputs(roll, echoes(roll), 0, 25) for roll in rolls])
    engine = OnnxEngine(export_frames(frames_model, tmp_path / "model", name="toy", card="").joinpath("model.onnx"))
    with torch.no_grad():
        expected = frames_model(torch.from_numpy(inputs))[0].numpy()
    state, found = None, []
    for start, stop in ((0, 9), (9, 10), (10, 25)):
        logits, state = engine.run(inputs[:, start:stop], np.full(3, stop - start), state)
        found.append(logits)
    np.testing.assert_allclose(np.concatenate(found, axis=1), expected, atol=1e-4)


def test_the_folder_holds_the_weights_for_torch(frames_model: FrameModel, tmp_path: Path) -> None:
    folder = open_model(export_frames(frames_model, tmp_path / "model", name="toy", card="# Toy\n"), "music")
    again = FrameModel(frames_model.config)
    load_weights(folder, again)
    for name, tensor in frames_model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor)
