"""The weight of a character language model is chosen on development data, and the lightest of equals is taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder
from audio_lstm.speech.decoding.decoding import WordDecoder
from audio_lstm.speech.decoding.rescore import RescoringConfig
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.training.tune_rescoring import LENGTH_BONUSES, RESCORER_WEIGHTS, tune_rescoring
from audio_lstm.speech.words.char_lm import CharLM, load_char_lm

ALPHABET = Alphabet(("A", "B", " "))
DECODER = WordDecoder(ALPHABET, BeamDecoder(ALPHABET, BeamConfig(beam_size=8)))
CONFIG = RescoringConfig("likes-b", n_best=4)


@pytest.fixture(scope="module")
def likes_b(likes_b_folder: Path) -> CharLM:
    return load_char_lm(likes_b_folder)


def sound(a: float) -> np.ndarray:
    """Log-probabilities (3, 4) of one letter: A with this probability, else B."""
    rows = np.array([[0.97, 0.01, 0.01, 0.01], [0.01, a, 0.98 - a, 0.01], [0.97, 0.01, 0.01, 0.01]])
    return np.log(rows / rows.sum(1, keepdims=True)).astype(np.float32)


def test_a_weight_that_mends_the_text_is_found(likes_b: CharLM) -> None:
    # B where the sound says A, hardly; A where it clearly does: only small weights serve both.
    nearly, clearly = sound(0.55), sound(0.975)
    found = tune_rescoring([([[nearly], [clearly]], ["B", "A"])], DECODER, likes_b, CONFIG)
    assert found.wers == (0.0,)
    assert found.wer == 0.0
    assert found.config.model == "likes-b"
    assert found.config.n_best == 4
    assert found.config.weight in RESCORER_WEIGHTS
    # B is e^8 times as likely: 0.55 against 0.43 needs a weight of 0.03, 0.975 against 0.005 allows 0.66.
    assert 0.03 < found.config.weight < 0.66


def test_of_equal_settings_the_lightest_is_taken(likes_b: CharLM) -> None:
    found = tune_rescoring([([[sound(0.5)]], ["B"])], DECODER, likes_b, CONFIG)
    assert (found.config.weight, found.config.length_bonus) == (RESCORER_WEIGHTS[0], LENGTH_BONUSES[0])


def test_corpora_count_alike_and_phrases_are_joined(likes_b: CharLM) -> None:
    one = ([[sound(0.55), sound(0.55)]], ["B B"])
    other = ([[sound(0.55)]] * 3, ["A"] * 3)
    found = tune_rescoring([one, other], DECODER, likes_b, CONFIG)
    assert found.wers in ((0.0, 1.0), (1.0, 0.0))
    assert found.wer == 0.5


def test_a_greedy_decoder_has_nothing_to_rescore(likes_b: CharLM) -> None:
    with pytest.raises(ValueError, match="a greedy decoder finds one text only: there is nothing to rescore"):
        tune_rescoring([([[sound(0.5)]], ["B"])], WordDecoder(ALPHABET), likes_b, CONFIG)
