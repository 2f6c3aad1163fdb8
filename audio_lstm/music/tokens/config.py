"""What a music model is made of: the input columns, the vocabulary, the backbone. Readable without torch."""

from __future__ import annotations

from dataclasses import dataclass

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError

__all__ = ["MusicModelConfig", "RelativeScores"]

_MAX_IDS = 1_000_000
_MAX_MEMBERS = 64


@dataclass(frozen=True)
class RelativeScores:
    """Pitches that are scored a second time by their distance from the last one of their voice: alike in every key.

    Raises:
        ConfigError: A number is out of range.
    """

    column: int  # the input column that names the voice's last pitch
    offset: int  # what that column holds for the lowest pitch; less means that there is none yet
    first: int  # the token of the lowest pitch
    n_pitches: int

    def __post_init__(self) -> None:
        for name, least in (("column", 0), ("offset", 0), ("first", 0), ("n_pitches", 1)):
            if not least <= getattr(self, name) <= _MAX_IDS:
                raise ConfigError(f"{name} must lie in {least}..{_MAX_IDS}, got {getattr(self, name)}")


@dataclass(frozen=True)
class MusicModelConfig:
    """Everything needed to build a `MusicModel`; the meaning of the ids is the representation's."""

    column_sizes: tuple[int, ...]  # how many ids each input column has
    vocabulary_size: int  # tokens that can be predicted
    lstm: LSTMConfig
    embedding_dropout: float = 0.0  # share of embedding features dropped, the same ones at every step
    relative: RelativeScores | None = None  # None: tokens are scored by what they are alone
    n_members: int = 1  # LSTMs of this shape whose scores are averaged (ensemble.py)
    n_absolute: int = 0  # how many of them, the last ones, score tokens by what they are alone

    def __post_init__(self) -> None:
        if not self.column_sizes or any(size < 1 for size in self.column_sizes):
            raise ConfigError(f"column_sizes needs positive sizes, got {self.column_sizes}")
        if sum(self.column_sizes) > _MAX_IDS:
            raise ConfigError(f"column_sizes may add up to {_MAX_IDS}, got {sum(self.column_sizes)}")
        if not 2 <= self.vocabulary_size <= _MAX_IDS:
            raise ConfigError(f"vocabulary_size must lie in 2..{_MAX_IDS}, got {self.vocabulary_size}")
        if not 0.0 <= self.embedding_dropout < 1.0:
            raise ConfigError(f"embedding_dropout is a probability below 1, got {self.embedding_dropout}")
        if not 1 <= self.n_members <= _MAX_MEMBERS:
            raise ConfigError(f"n_members must lie in 1..{_MAX_MEMBERS}, got {self.n_members}")
        if not 0 <= self.n_absolute < self.n_members:
            raise ConfigError(
                f"n_absolute must lie in 0..{self.n_members - 1}, below n_members, got {self.n_absolute}; "
                "relative None makes all of them absolute"
            )
        if self.relative is not None:
            column, end = self.relative.column, self.relative.first + self.relative.n_pitches
            if column >= len(self.column_sizes) or end > self.vocabulary_size:
                raise ConfigError(f"{self.relative} does not fit {len(self.column_sizes)} columns and token {end - 1}")
