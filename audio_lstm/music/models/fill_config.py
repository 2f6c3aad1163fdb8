"""A model that fills in chorales: what it is made of, and what it is told. Readable without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.representation import START

__all__ = ["FILL_KIND", "UNKNOWN", "FillModelConfig", "reader_columns"]

FILL_KIND = "fill"  # config.json: representation {"kind": "fill", "chorale": {...}}
UNKNOWN = START
"""What stands in the place of a cell that is to be filled in: a token that no cell has."""

_PHASES = (16, 12)  # bars of 4/4 and 3/4, as in the columns of ChoraleGrid


@dataclass(frozen=True)
class FillModelConfig:
    """A generator of chorales, and a reader of what is given."""

    generator: MusicModelConfig
    reader: LSTMConfig  # bidirectional, over steps

    def __post_init__(self) -> None:
        if not self.reader.bidirectional:
            raise ConfigError("the reader of a fill model must be bidirectional: it reads what is given as a whole")

    @property
    def reader_column_sizes(self) -> tuple[int, ...]:
        """Ids of each column that the reader sees."""
        return (*[self.generator.vocabulary_size] * N_VOICES, *_PHASES)

    @property
    def context_size(self) -> int:
        """Width of what the reader tells about each cell."""
        return self.generator.lstm.input_size


def reader_columns(given: NDArray[np.int64]) -> NDArray[np.int64]:
    """What the reader sees of a chorale.

    Args:
        given: (T, 4) tokens in the order of writing, UNKNOWN where a cell is to be filled in.

    Returns:
        (T, 6) int64: the tokens, and the place in bars of 4/4 and of 3/4.
    """
    step = np.arange(len(given))
    return np.concatenate([given, *(step[:, None] % phase for phase in _PHASES)], axis=1)
