"""Constraints: they hold in every piece that is written under them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.chorale import ChoraleGrid
from audio_lstm.music.constraints import exact_steps
from audio_lstm.music.rolls import RollFrames
from audio_lstm.music.sample import SamplingConfig, sample_tokens


def uniform(columns: NDArray[np.int64], state: int | None) -> tuple[NDArray[np.float32], int]:
    return np.zeros((len(columns), ChoraleGrid().vocabulary_size), dtype=np.float32), 0


@pytest.mark.parametrize("n_steps", [1, 16, 33])
def test_chorales_have_exactly_the_length_asked_for(n_steps: int) -> None:
    config = SamplingConfig(max_tokens=4 * n_steps + 1)
    takes = sample_tokens(uniform, ChoraleGrid(), n_takes=4, seed=0, config=config, mask=exact_steps(n_steps))
    for take in takes:
        assert ChoraleGrid().decode(take).shape == (n_steps, 4)
        assert take.size == 4 * n_steps + 1


def test_no_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_steps must be >= 1, got 0"):
        exact_steps(0)


def test_another_representation_is_refused() -> None:
    with pytest.raises(ConfigError, match="exact_steps counts the steps of chorales, not those of RollCursor"):
        exact_steps(4)(RollFrames().cursor(1))
