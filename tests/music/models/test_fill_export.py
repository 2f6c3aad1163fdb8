"""The two graphs answer as the torch model does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from audio_lstm.checkpoint import READER_FILE, open_model
from audio_lstm.music.models.fill_config import reader_columns
from audio_lstm.music.models.fill_export import generator_graph, reader_graph
from audio_lstm.runtime import OnnxEngine
from tests.music.models.fill_models import GRID, random_model, write_random_model


@pytest.mark.parametrize("n_members", [1, 3])
def test_graphs_equal_torch_step_by_step(tmp_path: Path, n_members: int) -> None:
    model = random_model(n_members=n_members)
    onnx.save(reader_graph(model), tmp_path / "reader.onnx")
    onnx.save(generator_graph(model), tmp_path / "generator.onnx")
    reader, generator = OnnxEngine(tmp_path / "reader.onnx"), OnnxEngine(tmp_path / "generator.onnx")
    tokens = np.random.default_rng(0).integers(2, GRID.vocabulary_size, (9, 4))
    given, columns = reader_columns(tokens)[None], GRID.columns(tokens.reshape(-1))[None]
    told, _ = reader.run(given, np.array([9]), None)
    context = told.reshape(1, 36, -1)
    with torch.no_grad():
        expected = model.read(torch.from_numpy(given), torch.tensor([9]))
        logits = model(torch.from_numpy(columns), torch.from_numpy(given), torch.tensor([9]))
    np.testing.assert_allclose(context, expected.numpy(), atol=1e-5)
    inputs, state = np.concatenate([columns.astype(np.float32), context], axis=2), None
    for place in range(36):
        found, state = generator.run(inputs[:, place : place + 1], np.array([1]), state)
        np.testing.assert_allclose(found[0, 0], logits[0, place].numpy(), atol=1e-4)


def test_a_folder_holds_both_parts_and_may_be_replaced(tmp_path: Path) -> None:
    folder = write_random_model(tmp_path / "model")
    assert (folder / READER_FILE).is_file()
    assert open_model(folder, "music").representation["kind"] == "fill"
    write_random_model(folder, seed=1)
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.onnx",
        "model.safetensors",
        "reader.onnx",
    ]
