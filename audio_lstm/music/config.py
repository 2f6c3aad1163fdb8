"""What a music model is made of: the input columns, the vocabulary, the backbone. Readable without torch."""

from __future__ import annotations

from dataclasses import dataclass

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError

__all__ = ["MusicModelConfig"]

_MAX_IDS = 1_000_000


@dataclass(frozen=True)
class MusicModelConfig:
    """Everything needed to build a `MusicModel`; the meaning of the ids is the representation's."""

    column_sizes: tuple[int, ...]  # how many ids each input column has
    vocabulary_size: int  # tokens that can be predicted
    lstm: LSTMConfig
    embedding_dropout: float = 0.0  # share of embedding features dropped, the same ones at every step

    def __post_init__(self) -> None:
        if not self.column_sizes or any(size < 1 for size in self.column_sizes):
            raise ConfigError(f"column_sizes needs positive sizes, got {self.column_sizes}")
        if sum(self.column_sizes) > _MAX_IDS:
            raise ConfigError(f"column_sizes may add up to {_MAX_IDS}, got {sum(self.column_sizes)}")
        if not 2 <= self.vocabulary_size <= _MAX_IDS:
            raise ConfigError(f"vocabulary_size must lie in 2..{_MAX_IDS}, got {self.vocabulary_size}")
        if not 0.0 <= self.embedding_dropout < 1.0:
            raise ConfigError(f"embedding_dropout is a probability below 1, got {self.embedding_dropout}")
