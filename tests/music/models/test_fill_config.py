"""What a fill model is made of."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.config import LSTMConfig, config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError
from audio_lstm.music.models.fill_config import UNKNOWN, FillModelConfig, reader_columns
from tests.music.models.fill_models import GRID, fill_config


def test_configurations_survive_json() -> None:
    config = fill_config()
    assert config_from_dict(FillModelConfig, config_to_dict(config), where="here") == config
    assert config.reader_column_sizes == (*[GRID.vocabulary_size] * 4, 16, 12)
    assert config.context_size == 12


def test_a_reader_reads_both_ways() -> None:
    with pytest.raises(ConfigError, match="the reader of a fill model must be bidirectional"):
        FillModelConfig(fill_config().generator, LSTMConfig(8, hidden_size=8, n_layers=1))


def test_the_reader_sees_tokens_and_the_place_in_the_bar() -> None:
    given = np.array([[5, UNKNOWN, 7, 8]] * 17)
    columns = reader_columns(given)
    assert columns.shape == (17, 6)
    assert columns[16].tolist() == [5, UNKNOWN, 7, 8, 0, 4]
