"""Small fill models for tests."""

from __future__ import annotations

from pathlib import Path

import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.music.models.fill_config import FillModelConfig
from audio_lstm.music.models.fill_export import export_fill
from audio_lstm.music.models.fill_model import FillModel
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig

GRID = ChoraleGrid()


def fill_config(n_members: int = 1) -> FillModelConfig:
    generator = MusicModelConfig(
        GRID.column_sizes,
        GRID.vocabulary_size,
        LSTMConfig(12, hidden_size=12, n_layers=1),
        relative=GRID.relative,
        n_members=n_members,
    )
    return FillModelConfig(generator, LSTMConfig(8, hidden_size=8, n_layers=1, bidirectional=True))


def random_model(seed: int = 0, n_members: int = 1) -> FillModel:
    """One whose reader does tell something."""
    torch.manual_seed(seed)
    model = FillModel(fill_config(n_members))
    torch.nn.init.normal_(model.tell.weight, std=0.5)
    return model.eval()


def write_random_model(folder: Path, seed: int = 0) -> Path:
    return export_fill(random_model(seed), GRID, folder, name="fill", card="# fill\n")
