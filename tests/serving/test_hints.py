"""Prompts that are lists of words become hot words; others change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.serving.hints import HintedRecognisers, phrases_in
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.transcribe import transcribe
from tests.serving.conftest import speech


@pytest.mark.parametrize(
    ("prompt", "phrases"),
    [
        ("", ()),
        ("espresso", ("espresso",)),
        ("ESPRESSO, flat  white;\nAleksander.", ("ESPRESSO", "flat white", "Aleksander")),
        ("a, a,, b", ("a", "b")),
        ("Welcome back to the programme, Anna.", ()),
        (", ".join(f"w{number}" for number in range(101)), ()),
        ("x" * 61, ()),
    ],
)
def test_a_prompt_is_a_list_of_phrases_or_says_nothing(prompt: str, phrases: tuple[str, ...]) -> None:
    assert phrases_in(prompt) == phrases


def heard(model: SpeechRecogniser) -> str:
    return transcribe((speech(), 16_000), model=model).text


def test_a_phrase_is_preferred(recogniser: SpeechRecogniser) -> None:
    hinted = HintedRecognisers(recogniser, Decoding())
    assert heard(hinted.hearing("")) == heard(recogniser) == "A"
    model = hinted.hearing("b")
    assert model.decoder.describe().endswith("1 hot word, boost 5")
    assert hinted.hearing("B") is model  # as the model writes it
    assert hinted.hearing("") is recogniser


def test_phrases_that_cannot_be_written_are_passed_over(recogniser: SpeechRecogniser) -> None:
    hinted = HintedRecognisers(recogniser, Decoding())
    assert hinted.hearing("xyz, 1984, ???") is recogniser
    assert hinted.hearing("xyz, B") is hinted.hearing("b")


def test_the_servers_own_hot_words_stay(recogniser: SpeechRecogniser) -> None:
    decoding = Decoding(hotwords=("B",))
    hinted = HintedRecognisers(recogniser.with_decoding(decoding), decoding)
    assert hinted.hearing("b") is hinted.plain
    assert "2 hot words" in hinted.hearing("AB").decoder.describe()


def test_a_closed_vocabulary_stays_closed(recogniser: SpeechRecogniser) -> None:
    decoding = Decoding(vocabulary=("A", "B"))
    hinted = HintedRecognisers(recogniser.with_decoding(decoding), decoding)
    assert hinted.hearing("AB").decoder.is_closed


def test_a_prompt_that_cannot_be_followed_changes_nothing(recogniser: SpeechRecogniser) -> None:
    hinted = HintedRecognisers(recogniser, Decoding())
    object.__setattr__(hinted, "plain", _Refusing(recogniser))
    assert hinted._with_hot_words(("A",)) is hinted.plain


class _Refusing:
    def __init__(self, recogniser: SpeechRecogniser) -> None:
        self.alphabet = recogniser.alphabet

    def with_decoding(self, decoding: Decoding) -> SpeechRecogniser:
        from audio_lstm.errors import ConfigError

        raise ConfigError("the hot words are too many")


def test_a_language_model_is_read_once(recogniser: SpeechRecogniser, tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "b.arpa"
    file.write_text("\\data\\\nngram 1=4\n\n\\1-grams:\n-0.5 </s>\n-99 <s>\n-60 A\n-0.5 B\n\n\\end\\\n")
    decoding = Decoding(language_model=file, lm_weight=1.0)
    hinted = HintedRecognisers(recogniser.with_decoding(decoding), decoding)
    file.unlink()
    model = hinted.hearing("AB")
    assert "hot word" in model.decoder.describe()
    assert model.decoder.beam is not None
    assert hinted.plain.decoder.beam is not None
    assert model.decoder.beam.language_model is hinted.plain.decoder.beam.language_model
    assert model.decoder.beam.config.lm_weight == 1.0
    assert np.isfinite(model.decoder.beam.config.word_bonus)
