"""Rescoring: the scores are the formula's, the order follows them, and nothing is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.runtime import State
from audio_lstm.speech.decoding.beam import Hypothesis
from audio_lstm.speech.decoding.rescore import Rescorer, RescoringConfig, allowed_texts, rescore, reweigh
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.words.char_lm import CharLM, CharLMConfig


@dataclass(frozen=True)
class LovesOneLetter:
    """An engine that gives half of the probability to one symbol, always."""

    symbol: int

    def run(
        self, inputs: NDArray[np.int64], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        n_outputs = len(ENGLISH.symbols) + 1
        probs = np.full((*inputs.shape[:2], n_outputs), 0.5 / (n_outputs - 1), np.float32)
        probs[:, :, self.symbol] = 0.5
        return np.log(probs), ()


CONFIG = CharLMConfig(LSTMConfig(8, hidden_size=8, n_layers=1))
LOVES_C = CharLM("loves-c", CONFIG, CONFIG.alphabet, LovesOneLetter(3))
LOVED, OTHER = math.log(0.5), math.log(0.5 / 28)


def hypothesis(text: str, score: float) -> Hypothesis:
    return Hypothesis(text=text, score=score, ctc_log_prob=score, lm_log_prob=0.0, hot_word_boost=0.0, complete=True)


KAT, CAT = hypothesis("KAT", -4.0), hypothesis("CAT", -5.0)


def test_the_language_model_turns_the_order_round() -> None:
    ((first, second),) = rescore([(KAT, CAT)], LOVES_C, weight=0.5)
    assert (first.text, second.text) == ("CAT", "KAT")
    assert first.hypothesis is CAT
    assert first.char_lm_log_prob == pytest.approx(LOVED + 3 * OTHER, rel=1e-5)
    assert first.score == pytest.approx(-5.0 + 0.5 * (LOVED + 3 * OTHER), rel=1e-5)


def test_a_small_weight_leaves_the_order() -> None:
    assert [each.text for each in rescore([(KAT, CAT)], LOVES_C, weight=0.01)[0]] == ["KAT", "CAT"]


def test_weight_zero_is_the_beams_own_order_and_score() -> None:
    (rescored,) = rescore([(KAT, CAT)], LOVES_C, weight=0.0)
    assert [(each.text, each.score) for each in rescored] == [("KAT", -4.0), ("CAT", -5.0)]


def test_the_length_bonus_counts_characters() -> None:
    short, long = hypothesis("A", -1.0), hypothesis("A BE", -2.0)
    assert [each.text for each in rescore([(short, long)], LOVES_C, weight=0.0, length_bonus=0.3)[0]] == ["A", "A BE"]
    (longer, _) = rescore([(short, long)], LOVES_C, weight=0.0, length_bonus=0.4)[0]
    assert longer.text == "A BE"
    assert longer.score == pytest.approx(-2.0 + 0.4 * 4)


def test_utterances_stay_apart_and_empty_lists_and_texts_pass() -> None:
    lists = [(KAT, CAT), (), (hypothesis("", -0.5),)]
    turned, empty, silent = rescore(lists, LOVES_C, weight=0.5)
    assert [each.text for each in turned] == ["CAT", "KAT"]
    assert empty == ()
    assert silent[0].char_lm_log_prob == pytest.approx(OTHER, rel=1e-5)
    assert rescore([], LOVES_C) == []


def test_equal_scores_keep_the_beams_order() -> None:
    one, two = hypothesis("AB", -3.0), hypothesis("BA", -3.0)
    assert [each.text for each in rescore([(one, two)], LOVES_C)[0]] == ["AB", "BA"]
    better, worse = hypothesis("BA", -1.0), hypothesis("A", -2.0)
    (tied,) = rescore([(better, worse)], LOVES_C, weight=0.0, length_bonus=-1.0)
    assert [(each.text, each.score) for each in tied] == [("BA", -3.0), ("A", -3.0)]


scores = st.floats(-50, 0)
texts = st.lists(st.text("ABC", max_size=6), max_size=6, unique=True)


@settings(deadline=None, max_examples=60)
@given(names=texts, values=st.lists(scores, min_size=6, max_size=6), weight=st.floats(0, 3), bonus=st.floats(-2, 2))
def test_reweighing_equals_rescoring_and_loses_nothing(
    names: list[str], values: list[float], weight: float, bonus: float
) -> None:
    n_best = [hypothesis(name, value) for name, value in zip(names, values, strict=False)]
    (rescored,) = rescore([n_best], LOVES_C, weight=weight, length_bonus=bonus)
    assert sorted(each.text for each in rescored) == sorted(names)
    assert [each.score for each in rescored] == sorted((each.score for each in rescored), reverse=True)
    elsewhere = rescore([n_best], LOVES_C, weight=1.0)
    assert reweigh(elsewhere, weight=weight, length_bonus=bonus) == [rescored]


@pytest.mark.parametrize("weight", [-0.1, math.inf, math.nan])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match=f"weight must be 0 or more, got {weight}"):
        rescore([(KAT,)], LOVES_C, weight=weight)
    with pytest.raises(ConfigError, match=f"weight must be 0 or more, got {weight}"):
        reweigh([], weight=weight)


@pytest.mark.parametrize("bonus", [math.inf, math.nan])
def test_a_length_bonus_that_is_no_number_is_refused(bonus: float) -> None:
    with pytest.raises(ConfigError, match=f"length_bonus must be a number, got {bonus}"):
        rescore([(KAT,)], LOVES_C, length_bonus=bonus)


def test_a_text_of_another_alphabet_is_named() -> None:
    with pytest.raises(DataError, match=r"'loves-c' cannot judge the texts of this recogniser: text 1 .* 'Ö' at pos"):
        rescore([(KAT,), (hypothesis("KÖN", -1.0),)], LOVES_C)


def test_a_rescorer_takes_the_best_of_what_the_search_allows() -> None:
    rescorer = Rescorer(LOVES_C, RescoringConfig("loves-c", weight=0.5))
    assert rescorer.best((KAT, CAT)) is CAT
    assert rescorer.best((KAT,)) is KAT
    refused = replace(CAT, complete=False)
    assert allowed_texts((KAT, refused)) == (KAT,)
    assert rescorer.best((KAT, refused)) is KAT
    assert rescorer.best((replace(KAT, complete=False), refused)) is refused  # where nothing is allowed


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight": -1.0}, "weight must be 0 or more, got -1.0"),
        ({"length_bonus": math.inf}, "length_bonus must be a number, got inf"),
        ({"n_best": 1}, r"n_best must lie in 2..1000, got 1"),
    ],
)
def test_rescoring_out_of_range_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RescoringConfig("loves-c", **values)  # type: ignore[arg-type]
