"""decoding.json: what is written is read again, and one line for what is wrong with it; more in test_decoding.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.speech.decoding.beam import BeamConfig
from audio_lstm.speech.decoding.decoding_file import DecodingConfig, read_decoding, write_decoding
from audio_lstm.speech.decoding.pooling import PoolingConfig
from audio_lstm.speech.decoding.rescore import RescoringConfig

TUNED = DecodingConfig(
    "own",
    BeamConfig(lm_weight=0.1),
    rescoring=RescoringConfig("english-char"),
    pooling=PoolingConfig(letters=0.2, phonemes=1.0, unknown_word=-6.0),
)


@pytest.mark.parametrize("config", [DecodingConfig(), DecodingConfig("own"), TUNED])
def test_what_is_written_is_read_again(config: DecodingConfig, tmp_path: Path) -> None:
    write_decoding(tmp_path, config)
    assert read_decoding(tmp_path) == config


def test_a_file_from_before_there_were_sounds_has_letters_only(tmp_path: Path) -> None:
    (tmp_path / "decoding.json").write_text('{"language_model": "own"}')
    assert read_decoding(tmp_path).pooling is None
    assert read_decoding(tmp_path / "nowhere") == DecodingConfig()


def test_a_weight_out_of_range_is_one_clear_line(tmp_path: Path) -> None:
    file = write_decoding(tmp_path, TUNED)
    file.write_text(file.read_text().replace('"phonemes": 1.0', '"phonemes": -1.0'))
    with pytest.raises(ModelError, match=r"phonemes must be 0 or more, got -1\.0.*; copy the model again, or delete"):
        read_decoding(tmp_path)


def test_a_language_model_is_named_without_a_folder() -> None:
    with pytest.raises(ConfigError, match="language_model is the name of a file without a folder, got 'a/b'"):
        DecodingConfig("a/b")
