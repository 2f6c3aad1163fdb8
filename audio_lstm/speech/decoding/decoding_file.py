"""The file decoding.json of a model folder: how the model's output becomes text, as `audio-lstm tune` found it.

It names the language model that goes with the model, and holds the weights that were found on development data, the
calibration of confidence, and the timing of words. Without it decoding is greedy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from audio_lstm.atomic import atomic_write
from audio_lstm.checkpoint import DECODING_FILE
from audio_lstm.config import config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.speech.ctc.timing import Timing
from audio_lstm.speech.decoding.beam import BeamConfig
from audio_lstm.speech.decoding.confidence import Calibration
from audio_lstm.speech.decoding.pooling import PoolingConfig
from audio_lstm.speech.decoding.rescore import RescoringConfig

__all__ = ["DecodingConfig", "read_decoding", "write_decoding"]

_MAX_BYTES = 100_000


@dataclass(frozen=True)
class DecodingConfig:
    """The contents of decoding.json."""

    language_model: str = ""  # name of a .lm file in the model's folder, or of a shipped one; "" decodes greedily
    beam: BeamConfig = field(default_factory=BeamConfig)
    calibration: Calibration | None = None  # of the words' confidence; None leaves the letters' probabilities
    timing: Timing = field(default_factory=Timing)  # of the words' beginnings and ends
    rescoring: RescoringConfig | None = None  # of the texts found, by a character language model
    pooling: PoolingConfig | None = None  # of letters and sounds, if the model hears phonemes; None: letters only
    writer: str = ""  # punctuation model: name of a folder in the model's folder, or of a shipped one; "": none

    def __post_init__(self) -> None:
        if self.language_model and Path(self.language_model).name != self.language_model:
            raise ConfigError(f"language_model is the name of a file without a folder, got {self.language_model!r}")
        if self.writer and Path(self.writer).name != self.writer:
            raise ConfigError(f"writer is the name of a model without a folder, got {self.writer!r}")


def read_decoding(folder: Path) -> DecodingConfig:
    """The decoding.json of a model folder.

    Args:
        folder: The model's.

    Returns:
        Its configuration; greedy if there is none.

    Raises:
        ModelError: If the file is damaged or cannot be read.
    """
    file = folder / DECODING_FILE
    if not file.is_file():
        return DecodingConfig()
    if file.stat().st_size > _MAX_BYTES:
        raise ModelError(f"{file}: {file.stat().st_size} bytes is too large for a configuration; not a model's file")
    try:
        return config_from_dict(DecodingConfig, json.loads(file.read_text("utf-8")), where=str(file))
    except ConfigError as error:
        raise ModelError(f"{error}; copy the model again, or delete this file and tune it anew") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{file}: not valid JSON ({error}); copy the model again, or delete this file and tune it anew"
        ) from error
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error


def write_decoding(folder: Path, config: DecodingConfig) -> Path:
    """Write the decoding.json of a model folder.

    Args:
        folder: The model's, which exists.
        config: What to write.

    Returns:
        The file.

    Raises:
        ModelError: If it cannot be written.
    """
    file = folder / DECODING_FILE
    try:
        with atomic_write(file) as scratch:
            scratch.write_text(json.dumps(config_to_dict(config), indent=1) + "\n", "utf-8")
    except OSError as error:
        raise ModelError(
            f"{file}: cannot be written ({error.strerror}); check the folder and the space left"
        ) from error
    return file
