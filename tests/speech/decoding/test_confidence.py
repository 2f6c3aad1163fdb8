"""Confidence: a calibration recovers the chances it was made from, and its error is measured by the book."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audio_lstm.config import config_from_dict, config_to_dict
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.ctc.decode import WordSpan
from audio_lstm.speech.decoding.confidence import Calibration, expected_calibration_error, fit_calibration

TRUTH = Calibration(bias=2.0, slope=1.5, length=-0.4)


def some_words(n: int) -> list[WordSpan]:
    rng = np.random.default_rng(0)
    lengths, log_probs = rng.integers(1, 12, n), -rng.exponential(1.5, n)
    return [WordSpan("A" * length, 0, 1, log_prob) for length, log_prob in zip(lengths, log_probs, strict=True)]


def test_a_fit_recovers_the_chances_that_the_labels_were_drawn_from() -> None:
    words = some_words(20_000)
    chances = np.array([TRUTH.confidence(word) for word in words])
    correct = np.random.default_rng(1).random(len(words)) < chances
    fitted = fit_calibration(words, correct.tolist())
    assert (fitted.bias, fitted.slope, fitted.length) == pytest.approx((2.0, 1.5, -0.4), abs=0.15)
    confidences = [fitted.confidence(word) for word in words]
    assert expected_calibration_error(confidences, correct) < 0.015
    assert expected_calibration_error([word.confidence for word in words], correct) > 0.05


def test_confidence_is_a_logistic_curve() -> None:
    word = WordSpan("ABC", 0, 1, -0.7)
    assert TRUTH.confidence(word) == pytest.approx(1 / (1 + math.exp(-(2.0 - 1.5 * 0.7 - 0.4 * math.log(3)))))
    assert 0 <= TRUTH.confidence(WordSpan("A", 0, 1, -math.inf)) < 1e-9


def test_words_told_apart_without_error_still_give_a_finite_fit() -> None:
    words = [WordSpan("A", 0, 1, -0.01), WordSpan("A", 0, 1, -5.0)]
    fitted = fit_calibration(words, [True, False])
    assert fitted.confidence(words[0]) > 0.9
    assert fitted.confidence(words[1]) < 0.1


def test_the_calibration_error_of_a_hand_computed_case() -> None:
    # Bin 0.2-0.3: two words at 0.25, one right: |0.5 - 0.25| x 2/4. Bin 0.9-1: 0.9 and 1.0, both right: 0.05 x 2/4.
    assert expected_calibration_error([0.25, 0.25, 0.9, 1.0], [True, False, True, True]) == pytest.approx(0.15)
    assert expected_calibration_error([], []) == 0.0


def test_it_survives_json() -> None:
    assert config_from_dict(Calibration, config_to_dict(TRUTH)) == TRUTH


def test_what_cannot_be_calibrated_is_refused() -> None:
    words = some_words(3)
    with pytest.raises(DataError, match="one label a word, got 3 words and 2 labels"):
        fit_calibration(words, [True, False])
    with pytest.raises(DataError, match="needs right and wrong words, got 3 right ones of 3; pass more"):
        fit_calibration(words, [True] * 3)
    with pytest.raises(ConfigError, match="a calibration has finite numbers, got bias nan"):
        Calibration(math.nan, 1.0, 0.0)


def test_wrong_arguments_of_the_error_are_refused() -> None:
    with pytest.raises(ValueError, match=r"as many labels as confidences, \(n,\), got \(1,\) and \(2,\)"):
        expected_calibration_error([0.5], [True, False])
    with pytest.raises(ValueError, match=r"confidences lie in 0\.\.1, got 0\.5\.\.1\.5"):
        expected_calibration_error([0.5, 1.5], [True, False])
    with pytest.raises(ValueError, match="n_bins must be at least 1, got 0"):
        expected_calibration_error([0.5], [True], n_bins=0)
