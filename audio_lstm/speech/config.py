"""What a speech model is made of: features, subsampling, backbone, alphabet. Readable without torch."""

from __future__ import annotations

from dataclasses import dataclass

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.speech.alphabet import Alphabet
from audio_lstm.speech.features import FeatureConfig

__all__ = ["SUBSAMPLING", "SpeechModelConfig"]

SUBSAMPLING = 4  # feature frames per output frame: two convolutions of stride 2


@dataclass(frozen=True)
class SpeechModelConfig:
    """Everything needed to build a `SpeechModel` and to feed it."""

    features: FeatureConfig
    lstm: LSTMConfig
    symbols: tuple[str, ...]  # the alphabet; the CTC blank comes before it
    conv_channels: int = 32  # as in Deep Speech 2's first layers

    def __post_init__(self) -> None:
        Alphabet(self.symbols)  # says what is wrong with the symbols
        if not 1 <= self.conv_channels <= 1024:
            raise ConfigError(f"conv_channels must lie in 1..1024, got {self.conv_channels}")
        if self.features.feature_size < SUBSAMPLING:
            raise ConfigError(
                f"the convolutions need at least {SUBSAMPLING} features, got {self.features.feature_size}"
            )

    @property
    def alphabet(self) -> Alphabet:
        """The output symbols."""
        return Alphabet(self.symbols)

    @property
    def n_outputs(self) -> int:
        """Width of the output: blank and symbols."""
        return len(self.symbols) + 1

    @property
    def n_bands(self) -> tuple[int, int]:
        """Frequency bands left after the first and the second convolution."""
        first = (self.features.feature_size + 1) // 2
        return first, (first + 1) // 2

    @property
    def front_size(self) -> int:
        """Width of the linear layer between convolutions and backbone."""
        return self.lstm.input_size

    @property
    def output_frame_s(self) -> float:
        """Seconds from one output frame to the next."""
        return SUBSAMPLING * self.features.hop_samples / self.features.sample_rate
