"""The exported folder: one graph for steps and pieces, the state in the open, everything `load_music` needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from audio_lstm.checkpoint import load_weights, open_model
from audio_lstm.config import LSTMConfig, config_from_dict
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.models.export import export_music, music_graph
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.tokens.kinds import representation_from_dict
from audio_lstm.music.tokens.representation import Representation
from audio_lstm.runtime import OnnxEngine

GRID = ChoraleGrid()


def model(hidden_size: int = 8) -> MusicModel:
    torch.manual_seed(0)
    lstm = LSTMConfig(8, hidden_size=hidden_size, n_layers=2)
    return MusicModel(MusicModelConfig(GRID.column_sizes, GRID.vocabulary_size, lstm)).eval()


def test_the_graph_takes_columns_and_state_and_returns_scores_and_state() -> None:
    graph = music_graph(model()).graph
    assert [item.name for item in graph.input] == ["columns", "lengths", "hidden", "cell"]
    assert [item.name for item in graph.output] == ["logits", "next_hidden", "next_cell"]
    assert sum(node.op_type == "LSTM" for node in graph.node) == 2


def test_the_folder_holds_the_model_its_grammar_and_its_card(tmp_path: Path) -> None:
    trained = model()
    folder = export_music(trained, GRID, tmp_path / "model", name="tiny", card="# Tiny\n")
    opened = open_model(folder, "music")
    assert opened.name == "tiny"
    assert config_from_dict(MusicModelConfig, opened.config) == trained.config
    assert representation_from_dict(dict(opened.representation)) == GRID
    assert (folder / "README.md").read_text("utf-8") == "# Tiny\n"
    again = MusicModel(trained.config)
    load_weights(opened, again)
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor)


@pytest.mark.parametrize("grid", [GRID, EventVocabulary(steps_per_quarter=4)])
def test_the_graph_scores_as_the_torch_model_does(grid: Representation, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = grid.column_sizes
    config = MusicModelConfig(sizes, grid.vocabulary_size, LSTMConfig(8, hidden_size=8, n_layers=1))
    trained = MusicModel(replace(config, relative=grid.relative)).eval()
    onnx.save(music_graph(trained), tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    columns = np.stack([rng.integers(0, size, (2, 30)) for size in sizes], axis=2)
    found, _ = OnnxEngine(tmp_path / "model.onnx").run(columns, np.array([30, 30]), None)
    with torch.no_grad():
        np.testing.assert_allclose(found, trained(torch.from_numpy(columns))[0].numpy(), atol=1e-4)


def test_half_weights_take_half_the_place(tmp_path: Path) -> None:
    whole = export_music(model(64), GRID, tmp_path / "whole", name="tiny", card="")
    half = export_music(model(64), GRID, tmp_path / "half", name="tiny", card="", half=True)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (whole, half)]
    assert sizes[1] < 0.6 * sizes[0]


def test_the_exported_int8_model_scores_a_piece_like_the_torch_model(tmp_path: Path) -> None:
    trained = model(64)
    composer = load_music(export_music(trained, GRID, tmp_path / "model", name="tiny", card=""))
    tokens = GRID.encode(np.tile([72, 67, 64, 48], (16, 1)))
    with torch.no_grad():
        expected = trained(torch.from_numpy(GRID.columns(tokens))[None])[0][0].numpy()
    assert np.abs(composer.logits(tokens) - expected).mean() < 0.1 * expected.std()
