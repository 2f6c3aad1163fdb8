"""Precision, recall and F1 of marks and capitals."""

from __future__ import annotations

import numpy as np

from audio_lstm.speech.text.punctuation import MARKS
from audio_lstm.speech.training.punctuation_data import IGNORED, Window
from audio_lstm.speech.training.punctuation_score import Counts, Score, count_marks, counts, tuned_bias


def ids(*marks: str) -> np.ndarray:
    return np.array([MARKS.index(mark) for mark in marks])


def test_a_question_mark_for_a_full_stop_ends_the_sentence_all_the_same() -> None:
    scores = count_marks(ids("?", ",", ""), ids(".", "", ",")).scores
    assert scores["end"] == Score(1, 1, 1)
    assert scores["question"] == Score(0, 1, 0)
    assert scores["comma"] == Score(0, 1, 1)


def test_precision_recall_and_f1() -> None:
    score = Score(2, 4, 3)
    assert (score.precision, round(score.recall, 3), round(score.f1, 3)) == (0.5, 0.667, 0.571)
    assert Score().f1 == Score().precision == Score().recall == 0


def test_counts_are_added_kind_by_kind() -> None:
    total = Counts({"end": Score(1, 1, 1)}) + Counts({"end": Score(0, 1, 2), "comma": Score(1, 1, 1)})
    assert total.scores == {"end": Score(1, 2, 3), "comma": Score(1, 1, 1)}


def test_first_words_of_sentences_are_not_counted_as_capitals() -> None:
    window = Window(np.zeros((3, 10), np.int64), ids("", "", "."), np.array([IGNORED, 1, 0]))
    found = counts(window, np.zeros((3, len(MARKS)), np.float32), np.array([1, 1, 1]))
    assert found.scores["capital"] == Score(1, 2, 1)


def test_the_bias_mends_a_model_that_writes_too_few_commas() -> None:
    wanted = ids(*([",", "", ""] * 50 + ["."]))
    chances = np.full((len(wanted), len(MARKS)), 1e-3, np.float32)
    chances[:, 0] = 0.6
    chances[wanted == MARKS.index(","), MARKS.index(",")] = 0.35
    chances[-1, MARKS.index(".")] = 5
    window = Window(np.zeros((len(wanted), 10), np.int64), wanted, np.zeros(len(wanted), np.int64))
    bias = tuned_bias([(window, np.log(chances))])
    assert bias[MARKS.index(",")] > 0.4
