"""What a speech model is made of: features, subsampling, backbone, alphabet. Readable without torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.text.alphabet import Alphabet

__all__ = ["SUBSAMPLING", "SpeechModelConfig"]

_LANGUAGE = re.compile("[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # RFC 5646, without its registry
SUBSAMPLING = 4  # feature frames per output frame: two convolutions of stride 2


@dataclass(frozen=True)
class SpeechModelConfig:
    """Everything needed to build a `SpeechModel` and to feed it."""

    features: FeatureConfig
    lstm: LSTMConfig
    symbols: tuple[str, ...]  # the alphabet; the CTC blank comes before it
    conv_channels: int = 32  # as in Deep Speech 2's first layers
    # Output frames that the LSTM reads, and writes, in one step (multiframe networks: Vanhoucke et al. 2013). With 2
    # it takes half as many steps, so trains and runs at half the cost, and the output keeps its frame rate.
    frames_per_step: int = 1
    n_phonemes: int = 0  # outputs, beside a blank, of a second head that reads an inner or the last layer; 0: none
    # Whether that head reads the last layer and takes part in decoding; else only training uses it.
    phoneme_output: bool = False
    longest_phrase_s: float = 8.0  # heard in one go: a little more than the longest training clips (AN4: 6.4 s)
    language: str = "en"  # that it hears, as an IETF tag (RFC 5646); transcripts say so

    def __post_init__(self) -> None:
        Alphabet(self.symbols)  # says what is wrong with the symbols
        if not 1 <= self.conv_channels <= 1024:
            raise ConfigError(f"conv_channels must lie in 1..1024, got {self.conv_channels}")
        if not 1 <= self.frames_per_step <= 8:
            raise ConfigError(f"frames_per_step must lie in 1..8, got {self.frames_per_step}")
        if not 0 <= self.n_phonemes <= 1000:
            raise ConfigError(f"n_phonemes must lie in 0..1000, got {self.n_phonemes}")
        if self.phoneme_output and not self.n_phonemes:
            raise ConfigError("phoneme_output needs a phoneme head, but n_phonemes is 0")
        if not 1.0 <= self.longest_phrase_s <= 20.0:
            raise ConfigError(f"longest_phrase_s must lie in 1..20, got {self.longest_phrase_s}")
        if not _LANGUAGE.fullmatch(self.language):
            raise ConfigError(f"language must be an IETF tag such as en or pt-BR, got {self.language!r:.40}")
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
        """Width of the letters' output: blank and symbols."""
        return len(self.symbols) + 1

    @property
    def n_columns(self) -> int:
        """Width of all outputs side by side: the letters', then a blank and the phonemes where they are decoded too."""
        return self.n_outputs + (self.n_phonemes + 1 if self.phoneme_output else 0)

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
    def chunk_frames(self) -> int:
        """Feature frames that one step of the LSTM reads: a chunk that is followed by another holds a multiple."""
        return SUBSAMPLING * self.frames_per_step

    @property
    def latency_s(self) -> float | None:
        """Algorithmic latency in seconds: from a sound to the end of the last sample its outputs wait for.

        One step of the LSTM reads `chunk_frames` windows, the last of which ends `window - hop` after its hop; the
        convolutions look only backwards. Computing time is not in it, nor how long the network, which chooses
        where to write a letter, waits of its own accord. None for a bidirectional model: it waits for the end.
        """
        if self.lstm.bidirectional:
            return None
        features = self.features
        samples = (self.chunk_frames - 1) * features.hop_samples + features.window_samples
        return samples / features.sample_rate

    @property
    def output_frame_s(self) -> float:
        """Seconds from one output frame to the next."""
        return SUBSAMPLING * self.features.hop_samples / self.features.sample_rate
