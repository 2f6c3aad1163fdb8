"""A model of frames for the tests of what recipes/music/rolls holds."""

from __future__ import annotations

import pytest
import torch

from audio_lstm.config import LSTMConfig
from recipes.music.rolls.config import FrameModelConfig
from recipes.music.rolls.model import FrameModel


@pytest.fixture
def frames_model() -> FrameModel:
    """A model of frames whose weights are not at rest."""
    sizes = {"key_size": 8, "key_state": 6, "note_size": 8, "name_size": 2}
    frames = LSTMConfig(8, hidden_size=8, n_layers=2)
    torch.manual_seed(0)
    model = FrameModel(FrameModelConfig(frames, low=30, high=50, p_outside=1e-3, **sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model
