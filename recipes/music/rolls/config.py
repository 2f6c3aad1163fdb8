"""What a model of frames is made of. Readable without torch."""

from __future__ import annotations

from dataclasses import dataclass

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from recipes.music.rolls.context import METRE_SIZES, N_CHANNELS

__all__ = ["FrameModelConfig"]

_N_KEYS = 88


@dataclass(frozen=True)
class FrameModelConfig:
    """Everything needed to build a `FrameModel`."""

    frames: LSTMConfig  # the backbone: reads whole frames
    low: int = 0  # the lowest key that is modelled; key j is MIDI pitch 21 + j
    high: int = _N_KEYS  # one more than the highest
    p_outside: float = 1e-5  # with which each key outside these sounds in a frame
    key_size: int = 64  # features of each key and frame
    key_state: int = 64  # hidden size of the LSTM along time
    note_size: int = 128  # hidden units that decide a key, given those below it
    name_size: int = 16  # what the backbone tells each key
    dropout: float = 0.2  # of these, one mask for all frames or keys

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= _N_KEYS:
            raise ConfigError(f"low and high must be 0 <= low < high <= {_N_KEYS}, got {self.low} and {self.high}")
        if not 0.0 < self.p_outside < 0.5:
            raise ConfigError(f"p_outside must lie between 0 and 0.5, got {self.p_outside}")
        for name in ("key_size", "key_state", "note_size", "name_size"):
            if not 1 <= getattr(self, name) <= 4096:
                raise ConfigError(f"{name} must lie in 1..4096, got {getattr(self, name)}")
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout is a probability below 1, got {self.dropout}")
        if self.frames.bidirectional:
            raise ConfigError("frames must not be bidirectional: a model that reads the future predicts nothing")

    @property
    def n_keys(self) -> int:
        """How many keys are modelled."""
        return self.high - self.low

    @property
    def input_size(self) -> int:
        """Width of the model's input: the rows of the context, the frame itself, and the metre, one-hot."""
        return (N_CHANNELS + 1) * self.n_keys + sum(METRE_SIZES)
