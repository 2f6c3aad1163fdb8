"""The exported folder: its state in the open, its wing "language", everything that loading needs."""

from __future__ import annotations

from pathlib import Path

import torch

from audio_lstm.checkpoint import load_weights, open_model
from audio_lstm.config import LSTMConfig, config_from_dict
from audio_lstm.speech.words.char_lm import CharLMConfig, load_char_lm
from audio_lstm.speech.words.char_lm_export import char_lm_graph, export_char_lm
from audio_lstm.speech.words.char_lm_model import CharLMModel


def untrained(hidden_size: int = 8) -> CharLMModel:
    torch.manual_seed(0)
    return CharLMModel(CharLMConfig(LSTMConfig(8, hidden_size=hidden_size, n_layers=2))).eval()


def test_the_graph_takes_symbols_and_state_and_returns_log_probs_and_state() -> None:
    graph = char_lm_graph(untrained()).graph
    assert [item.name for item in graph.input] == ["symbols", "lengths", "hidden", "cell"]
    assert [item.name for item in graph.output] == ["log_probs", "next_hidden", "next_cell"]
    assert sum(node.op_type == "LSTM" for node in graph.node) == 2


def test_the_folder_holds_the_model_and_its_card(tmp_path: Path) -> None:
    trained = untrained()
    opened = open_model(export_char_lm(trained, tmp_path / "model", name="tiny", card="# Tiny\n"), "language")
    assert (opened.name, opened.wing) == ("tiny", "language")
    assert config_from_dict(CharLMConfig, opened.config) == trained.config
    assert (opened.path / "README.md").read_text("utf-8") == "# Tiny\n"
    again = CharLMModel(trained.config)
    load_weights(opened, again)
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor)


def test_int8_weights_are_a_quarter_and_half_weights_a_half(tmp_path: Path) -> None:
    whole = export_char_lm(untrained(128), tmp_path / "whole", name="tiny", card="")
    half = export_char_lm(untrained(128), tmp_path / "half", name="tiny", card="", half=True)
    size = (whole / "model.safetensors").stat().st_size
    assert (half / "model.safetensors").stat().st_size < 0.55 * size
    assert (whole / "model.onnx").stat().st_size < 0.35 * size
    assert load_char_lm(half).log_probs(["THE CAT"]) < 0
