"""The resources: models are loaded once, wishes are kept ready, uploads are decoded within limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.audio.files import write_wav
from audio_lstm.demo import resources as rack_module
from audio_lstm.demo.config import DemoConfig
from audio_lstm.demo.resources import SAMPLE_RATE, Resources, samples_folder
from audio_lstm.errors import AudioLSTMError, ConfigError


@pytest.fixture(scope="module")
def resources() -> Iterator[Resources]:
    made = Resources(DemoConfig(max_minutes=0.1, workers=1))
    yield made
    made.close()


def test_a_model_is_loaded_once(resources: Resources) -> None:
    assert resources.recogniser("an4") is resources.recogniser("an4")
    assert resources.composer("chorale") is resources.composer("chorale")
    assert resources.composer("other", lambda name: name.upper()) == "OTHER"


def test_wishes_change_how_words_are_chosen_and_share_the_engine(resources: Resources) -> None:
    plain = resources.recogniser("an4")
    assert resources.hearing("an4", "as tuned", ()) is plain
    greedy = resources.hearing("an4", "none", ())
    assert greedy.decoder.describe() == "greedy"
    assert greedy.engine is plain.engine
    hinted = resources.hearing("an4", "as tuned", ("MUSIC",))
    assert "1 hot word" in hinted.decoder.describe()
    assert resources.hearing("an4", "as tuned", ("MUSIC",)) is hinted
    assert "english" in resources.hearing("an4", "english", ()).decoder.describe()


def test_a_hot_word_that_cannot_be_written_is_refused(resources: Resources) -> None:
    with pytest.raises(AudioLSTMError, match="☃"):
        resources.hearing("an4", "as tuned", ("☃",))


def test_an_upload_is_decoded_in_another_process(resources: Resources) -> None:
    with resources.decoded(samples_folder() / "digits.wav") as found:
        assert found.samples.dtype == np.float32
        assert 3 < len(found.samples) / SAMPLE_RATE < 4


def test_an_upload_beyond_the_limit_or_without_sound_is_refused(resources: Resources, tmp_path: Path) -> None:
    write_wav(tmp_path / "long.wav", np.zeros(7 * 8000, np.int16), 8000)
    with pytest.raises(AudioLSTMError, match=r"long\.wav"), resources.decoded(tmp_path / "long.wav"):
        pass
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(AudioLSTMError, match=r"text\.wav"), resources.decoded(tmp_path / "text.wav"):
        pass
    with resources.decoded(samples_folder() / "spelling.wav") as found:  # the decoder is there for the next one
        assert len(found.samples)


def test_decoding_that_takes_too_long_is_given_up(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rack_module, "_DECODE_S", 0.0)
    with (
        pytest.raises(AudioLSTMError, match="decoding took longer than 0 s; convert it to wav or flac first"),
        resources.decoded(samples_folder() / "spelling.wav"),
    ):
        pass


def test_samples_are_found_in_a_checkout() -> None:
    assert {"spelling.wav", "digits.wav", "control.wav"} <= {file.name for file in samples_folder().iterdir()}


def test_an_unknown_language_model_is_refused(resources: Resources) -> None:
    with pytest.raises((ConfigError, AudioLSTMError)):
        resources.hearing("an4", "klingon", ())
