"""How far a word can be trusted: letter probabilities turned into the chance that the word is right.

    calibration = fit_calibration(words, correct)       # on development data
    calibration.confidence(word)                        # 0..1
    expected_calibration_error(confidences, correct)    # Naeini et al. 2015

CTC's letter probabilities are too sure of themselves. Logistic calibration (Platt 1999) of a word's mean letter
log-probability and of its length brings them near the share of words that are right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.ctc.decode import WordSpan

__all__ = ["Calibration", "expected_calibration_error", "fit_calibration"]

_FLOOR = -20.0  # a letter less likely than e^-20 tells no more than one of e^-20
_RIDGE = 1e-3  # keeps the fit finite where right and wrong words are told apart without error
_N_NEWTON_STEPS = 50


@dataclass(frozen=True)
class Calibration:
    """The chance that a word is right = sigmoid(bias + slope * mean letter log-probability + length * ln letters)."""

    bias: float
    slope: float  # per nat
    length: float  # per unit of the natural log of the number of letters

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.bias, self.slope, self.length)):
            raise ConfigError(
                f"a calibration has finite numbers, got bias {self.bias}, slope {self.slope}, length {self.length}"
            )

    def confidence(self, word: WordSpan) -> float:
        """The chance that a word is right.

        Args:
            word: From `greedy` or `word_spans`.

        Returns:
            0..1.
        """
        return float(_sigmoid(_inputs([word]) @ np.array([self.bias, self.slope, self.length]))[0])


def fit_calibration(words: Sequence[WordSpan], correct: Sequence[bool]) -> Calibration:
    """The calibration under which the labels are likeliest (logistic regression by Newton's method).

    Args:
        words: Recognised words of development data.
        correct: Whether each of them is right.

    Returns:
        The calibration.

    Raises:
        DataError: If the numbers of words and labels differ, or the words are all right or all wrong.
    """
    labels = np.asarray(correct, np.float64)
    if len(words) != len(labels):
        raise DataError(f"a calibration needs one label a word, got {len(words)} words and {len(labels)} labels")
    if not 0 < labels.sum() < len(labels):
        raise DataError(
            f"a calibration needs right and wrong words, got {int(labels.sum())} right ones of {len(labels)}; "
            "pass more development data"
        )
    inputs = _inputs(words)
    weights = np.zeros(3)
    for _ in range(_N_NEWTON_STEPS):
        chance = _sigmoid(inputs @ weights)
        gradient = inputs.T @ (labels - chance) - _RIDGE * weights
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + _RIDGE * np.eye(3)
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return Calibration(*(float(weight) for weight in weights))


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike, *, n_bins: int = 10) -> float:
    """How far confidences lie from the share of words that are right (Naeini, Cooper & Hauskrecht 2015).

    Args:
        confidences: (n,) in 0..1.
        correct: (n,) whether each word is right.
        n_bins: Equal bins over 0..1.

    Returns:
        Mean over the bins, weighted by their words, of |share right - mean confidence|, in 0..1; 0 without words.

    Raises:
        ValueError: If the shapes differ, a confidence lies outside 0..1, or there is no bin.
    """
    values, labels = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    if values.shape != labels.shape or values.ndim != 1:
        raise ValueError(f"expected as many labels as confidences, (n,), got {values.shape} and {labels.shape}")
    if len(values) == 0:
        return 0.0
    if not 0 <= values.min() <= values.max() <= 1:
        raise ValueError(f"confidences lie in 0..1, got {values.min():.4g}..{values.max():.4g}")
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    bins = np.minimum((values * n_bins).astype(np.int64), n_bins - 1)
    gaps = np.bincount(bins, values - labels, minlength=n_bins)  # words times (mean confidence - share right)
    return float(np.abs(gaps).sum() / len(values))


def _inputs(words: Sequence[WordSpan]) -> NDArray[np.float64]:
    """(n, 3): one, the mean letter log-probability, the log of the number of letters."""
    rows = [(1.0, max(word.log_prob, _FLOOR), math.log(max(1, len(word.text)))) for word in words]
    return np.array(rows, np.float64).reshape(-1, 3)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * x))
