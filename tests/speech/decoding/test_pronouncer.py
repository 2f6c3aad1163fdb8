"""Spelling to sound without torch: what is read, what is said, and a line about every word that cannot be said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.checkpoint import shipped_models
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError, ModelError
from audio_lstm.speech.decoding.pronouncer import Pronouncer, PronouncerConfig, load_pronouncer, pad_words

CONFIG = PronouncerConfig(
    LSTMConfig(4, hidden_size=4, bidirectional=True), ("A", "B", "'", "E"), ("AH", "B", "EY"), frames_per_letter=2
)


class Spelling:
    """An engine that says AH or, half as often, EY for an A, B for a B, and nothing for an E or an apostrophe."""

    def run(
        self, inputs: NDArray[np.int64], lengths: NDArray[np.int64], state: None
    ) -> tuple[NDArray[np.float32], tuple[()]]:
        probs = np.zeros((*inputs.shape[:2], 2, 4), np.float32)
        probs[..., 0] = 1.0
        letters = inputs[:, :, 0]
        probs[letters == 1, 0] = (0.1, 0.6, 0.0, 0.3)
        probs[letters == 2, 0] = (0.0, 0.0, 1.0, 0.0)
        return np.log(np.maximum(probs, 1e-9)).reshape(len(inputs), -1, 4), ()


SPELLER = Pronouncer("spelling", CONFIG, Spelling())


def test_the_likeliest_ways_come_first_with_their_probabilities() -> None:
    (ways,) = SPELLER.pronounce(["ab"], n_best=3)
    assert [way.phonemes for way in ways] == [("AH", "B"), ("EY", "B"), ("B",)]
    assert [math.exp(way.log_prob) for way in ways] == pytest.approx([0.6, 0.3, 0.1], abs=1e-4)


def test_words_of_all_lengths_are_said_as_if_each_were_alone() -> None:
    words = ["B", "ABBA", "A" * 30, "A'B", "BA"] * 300
    together = SPELLER.pronounce(words, n_best=2)
    assert together[:5] == [SPELLER.pronounce([word], n_best=2)[0] for word in words[:5]]
    assert together[1][0].phonemes == ("AH", "B", "B", "AH")
    assert SPELLER.pronounce([]) == []


def test_what_is_silent_is_still_said() -> None:
    (ways,) = SPELLER.pronounce(["B'A"])
    assert ways[0].phonemes == ("B", "AH")
    (silent,) = SPELLER.pronounce(["E"])
    assert len(silent[0].phonemes) == 1


def test_a_lexicon_gets_the_ways_that_are_likely_enough_and_none_for_what_is_no_word() -> None:
    assert SPELLER.spell(["AB", "C", "", "A B", "B"]) == [((1, 2), (3, 2)), (), (), (), ((2,),)]


@pytest.mark.parametrize("word", ["C", "A7", "é", "", " ", "A B", "..."])
def test_what_is_no_word_in_the_letters_is_named(word: str) -> None:
    with pytest.raises(DataError, match=r"cannot be pronounced: ") as error:
        SPELLER.pronounce(["AB", word])
    assert repr(word) in str(error.value)


def test_calls_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="n_best must be at least 1, got 0"):
        SPELLER.pronounce(["A"], n_best=0)
    with pytest.raises(TypeError, match="expected a list of words, got the text 'AB'"):
        SPELLER.pronounce("AB")


def test_words_are_padded_between_boundaries() -> None:
    inputs, lengths = pad_words([np.array([1, 2, 1]), np.array([2])])
    assert inputs[:, :, 0].tolist() == [[0, 1, 2, 1, 0], [0, 2, 0, 0, 0]]
    assert lengths.tolist() == [5, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"letters": ("A", " ")}, "letters are single characters without the space"),
        ({"letters": ("AB", "A", "B")}, "letters are single characters without the space"),
        ({"letters": ("A", "A")}, "symbols must differ"),
        ({"phonemes": ()}, "phonemes must be different names"),
        ({"phonemes": ("B", "B")}, "phonemes must be different names"),
        ({"frames_per_letter": 0}, r"frames_per_letter must lie in 1\.\.16, got 0"),
        ({"lstm": LSTMConfig(4)}, "set lstm.bidirectional to true"),
    ],
)
def test_configurations_that_cannot_work_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(CONFIG, **changes)  # type: ignore[arg-type]


def test_a_model_of_another_kind_is_refused_with_the_way_out() -> None:
    with pytest.raises(ModelError, match=r"a model of the language wing, .*use it with `load_char_lm`"):
        load_pronouncer(shipped_models()["english-char"])
    assert load_pronouncer(SPELLER) is SPELLER


def test_what_is_no_word_has_no_pronunciation() -> None:
    speller = load_pronouncer("english-sounds")
    ways = speller.spell(["'", "''", "", "TWO WORDS", "ÉLAN", "'TIS", "A" * 300])
    assert [bool(found) for found in ways] == [False, False, False, False, False, True, True]
