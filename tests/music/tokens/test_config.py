"""A music model's configuration says what is wrong with it, and goes through JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audio_lstm.config import LSTMConfig, config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError
from audio_lstm.music.tokens.config import MusicModelConfig, RelativeScores

LSTM = LSTMConfig(8, hidden_size=8)


def test_a_configuration_goes_through_json() -> None:
    for relative in (None, RelativeScores(1, 0, 3, 4)):
        config = MusicModelConfig((9, 4), 9, LSTM, embedding_dropout=0.1, relative=relative)
        assert config_from_dict(MusicModelConfig, json.loads(json.dumps(config_to_dict(config)))) == config
    with pytest.raises(ConfigError, match=r"n_pitches must lie in 1\.\.1000000, got 0"):
        RelativeScores(1, 0, 3, 0)
    with pytest.raises(ConfigError, match=r"column must lie in 0\.\.1000000, got -1"):
        RelativeScores(-1, 0, 3, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column_sizes": ()}, "column_sizes needs positive sizes, got ()"),
        (
            {"relative": RelativeScores(2, 0, 0, 3)},
            "RelativeScores(column=2, offset=0, first=0, n_pitches=3) does not fit 2 columns and token 2",
        ),
        (
            {"relative": RelativeScores(1, 0, 7, 3)},
            "RelativeScores(column=1, offset=0, first=7, n_pitches=3) does not fit 2 columns and token 9",
        ),
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
