"""A music model's configuration says what is wrong with it, and goes through JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audio_lstm.config import LSTMConfig, config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError
from audio_lstm.music.config import MusicModelConfig

LSTM = LSTMConfig(8, hidden_size=8)


def test_a_configuration_goes_through_json() -> None:
    config = MusicModelConfig((9, 4), 9, LSTM, embedding_dropout=0.1)
    assert config_from_dict(MusicModelConfig, json.loads(json.dumps(config_to_dict(config)))) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column_sizes": ()}, "column_sizes needs positive sizes, got ()"),
        ({"column_sizes": (9, 0)}, "column_sizes needs positive sizes, got (9, 0)"),
        ({"column_sizes": (9, 1_000_000)}, "column_sizes may add up to 1000000, got 1000009"),
        ({"vocabulary_size": 1}, "vocabulary_size must lie in 2..1000000, got 1"),
        ({"vocabulary_size": 1_000_001}, "vocabulary_size must lie in 2..1000000, got 1000001"),
        ({"embedding_dropout": 1.0}, "embedding_dropout is a probability below 1, got 1.0"),
        ({"embedding_dropout": -0.1}, "embedding_dropout is a probability below 1, got -0.1"),
    ],
)
def test_bad_values_are_refused(options: dict[str, Any], message: str) -> None:
    values = {"column_sizes": (9, 4), "vocabulary_size": 9, "lstm": LSTM} | options
    with pytest.raises(ConfigError) as caught:
        MusicModelConfig(**values)
    assert str(caught.value) == message
