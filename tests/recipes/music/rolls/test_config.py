"""Configurations of models of frames are checked."""

from __future__ import annotations

from typing import Any

import pytest

from audio_lstm.config import LSTMConfig, config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError
from recipes.music.rolls.config import FrameModelConfig

FRAMES = LSTMConfig(8, hidden_size=8, n_layers=1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 40, "high": 40}, "0 <= low < high <= 88, got 40 and 40"),
        ({"high": 89}, "got 0 and 89"),
        ({"p_outside": 0.0}, "p_outside must lie between 0 and 0.5"),
        ({"key_state": 0}, r"key_state must lie in 1\.\.4096, got 0"),
        ({"dropout": 1.0}, "dropout is a probability below 1"),
        ({"frames": LSTMConfig(8, bidirectional=True)}, "must not be bidirectional"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FrameModelConfig(**({"frames": FRAMES} | values))


def test_it_survives_json() -> None:
    config = FrameModelConfig(FRAMES, low=20, high=60)
    assert config.n_keys == 40
    assert config_from_dict(FrameModelConfig, config_to_dict(config)) == config
