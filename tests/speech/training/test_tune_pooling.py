"""Tuning letters against sounds: the head that is right is found, with or without a character language model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.decoding.phoneme_beam import PhonemeBeamDecoder
from audio_lstm.speech.decoding.pooling import Pool, PoolingConfig
from audio_lstm.speech.decoding.rescore import Rescorer, RescoringConfig
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.training.tune_pooling import LM_WEIGHTS, tune_phoneme_beam, tune_pooling
from audio_lstm.speech.words.automaton import WordAutomaton
from audio_lstm.speech.words.char_lm import load_char_lm
from audio_lstm.speech.words.ngram import train_ngram

ALPHABET = Alphabet(("A", "B", " "))
LEXICON = Lexicon.from_pronunciations({"A": [(1,)], "B": [(2,)]}, phonemes=("ah", "b"))


def language_model() -> WordAutomaton:
    return train_ngram(["A", "B", "A B", "B A"], order=1).to_automaton()


def sound(letter: str, phoneme: str) -> np.ndarray:
    """One word, of which both heads are quite sure."""
    rows = np.full((3, 7), 0.01)
    rows[[0, 2], 0] = rows[[0, 2], 4] = 0.97
    rows[1, 1 + "AB".index(letter)] = rows[1, 5 + "AB".index(phoneme)] = 0.9
    rows[1, 2 - "AB".index(letter)] = rows[1, 6 - "AB".index(phoneme)] = 0.08
    for part in (slice(0, 4), slice(4, 7)):
        rows[:, part] /= rows[:, part].sum(axis=1, keepdims=True)
    return np.log(rows)


def pool(config: PoolingConfig | None = None) -> Pool:
    model = language_model()
    letters = BeamDecoder(ALPHABET, BeamConfig(), language_model=model)
    return Pool(letters, PhonemeBeamDecoder(ALPHABET, LEXICON, model), config or PoolingConfig())


@pytest.mark.parametrize("right", ["letters", "phonemes"])
def test_the_head_that_is_right_gets_the_weight(right: str) -> None:
    phrases = [[sound("A", "B")], [sound("B", "A")], [sound("A", "A")]]
    references = ["A", "B", "A"] if right == "letters" else ["B", "A", "A"]
    wrong_start = PoolingConfig(letters=0.0 if right == "letters" else 1.0, phonemes=1.0 if right == "letters" else 0.0)
    tuned = tune_pooling([(phrases, references)], pool(wrong_start))
    assert tuned.wer == 0.0
    assert tuned.rescoring is None
    both = (tuned.pooling.letters, tuned.pooling.phonemes)
    assert (both[0] > both[1]) == (right == "letters")


def test_a_character_language_model_that_is_right_gets_a_weight(likes_b_folder: Path) -> None:
    phrases = [[sound("A", "A")], [sound("A", "B")], [sound("B", "A")]]
    rescorer = Rescorer(load_char_lm(likes_b_folder), RescoringConfig("likes-b"))
    tuned = tune_pooling([(phrases, ["B", "B", "B"])], pool(), rescorer)
    assert tuned.wer == 0.0
    assert tuned.rescoring is not None
    assert tuned.rescoring.model == "likes-b"
    useless = tune_pooling([(phrases[:1], ["A"])], pool(), rescorer)
    assert useless.wer == 0.0


def test_the_beam_through_sounds_gets_the_weights_of_the_fewest_errors() -> None:
    heard = [[[sound("A", "B")[:, 4:]], [sound("A", "A")[:, 4:]]]]
    decoder = tune_phoneme_beam([(heard[0], ["B", "A"])], pool().phonemes)
    assert decoder.config.lm_weight == LM_WEIGHTS[0]  # of equals the first and lightest
    assert decoder.config.beam_size == pool().phonemes.config.beam_size


def test_an_utterance_without_phrases_counts_as_silence() -> None:
    tuned = tune_pooling([([[], [sound("A", "A")]], ["B A", "A"])], pool())
    assert tuned.wers == (pytest.approx(2 / 3),)
