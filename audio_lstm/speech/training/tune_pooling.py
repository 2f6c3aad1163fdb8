"""Choose how letters and sounds are weighed against each other, on development data.

    tuned = tune_pooling([(phrases, references)], pool, rescorer)
    tuned.pooling, tuned.rescoring, tuned.wers

The searches run once and their texts are judged once. Then the weights go up and down their scales, one after another,
as long as that lowers the mean word error rate (coordinate descent).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.decoding.phoneme_beam import PhonemeBeamDecoder
from audio_lstm.speech.decoding.pooling import FEATURES, JudgedTexts, Pool, PoolingConfig
from audio_lstm.speech.decoding.rescore import Rescorer, RescoringConfig
from audio_lstm.speech.training.metrics import score
from audio_lstm.speech.training.tune_rescoring import Phrases

__all__ = ["TunedPooling", "tune_phoneme_beam", "tune_pooling"]

LM_WEIGHTS = (0.4, 0.6, 0.8, 1.1)
WORD_BONUSES = (0.0, 1.0)
TUNING_BEAM_SIZE = 24
_HEADS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2)
SCALES: tuple[tuple[float, ...], ...] = (
    _HEADS,
    _HEADS,
    (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0),
    (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0),
    (-8.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0),
    (-12.0, -8.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0),
    (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0),  # of the character language model
    (0.0, 0.2, 0.4, 0.7, 1.0, 1.4, 1.8),  # score for each character
)
# Beside the given weights: one head alone, and few words; one weight at a time does not lead out of every corner.
STARTS = tuple(np.array([*heads, 0.4, 0.0, -4.0, -4.0]) for heads in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.5)))
_N_ROUNDS = 4
_LEAST_GAIN = 1e-6


@dataclass(frozen=True)
class TunedPooling:
    """The best that was found."""

    pooling: PoolingConfig
    rescoring: RescoringConfig | None  # None: without a character language model, or it is of no use
    wers: tuple[float, ...]  # of each corpus

    @property
    def wer(self) -> float:
        """Mean over the corpora."""
        return float(np.mean(self.wers))


@dataclass(frozen=True, eq=False)
class _Utterance:
    """An utterance whose phrases have been judged."""

    reference: str
    phrases: tuple[JudgedTexts, ...]  # with further columns where a character language model has judged, too
    errors: dict[str, int]  # of each text that has been asked for


def tune_phoneme_beam(
    corpora: Sequence[tuple[Phrases, Sequence[str]]], decoder: PhonemeBeamDecoder
) -> PhonemeBeamDecoder:
    """Choose the weights of the search through sounds by what it finds alone.

    Args:
        corpora: The phonemes' log-probabilities of each phrase, and the normalised texts, of each development set.
        decoder: Everything but the weights.

    Returns:
        The decoder with the weights of the lowest mean word error rate.
    """
    small = min(TUNING_BEAM_SIZE, decoder.config.beam_size)
    trials = [
        replace(decoder.config, lm_weight=weight, word_bonus=bonus) for weight in LM_WEIGHTS for bonus in WORD_BONUSES
    ]

    def wer(trial: PhonemeBeamDecoder) -> float:
        wers = []
        for phrases, references in corpora:
            found = iter(trial.decode([phrase for row in phrases for phrase in row]))
            texts = [" ".join(best[0].text for _ in row if (best := next(found)) and best[0].text) for row in phrases]
            wers.append(score(references, texts).wer)
        return float(np.mean(wers))

    wers = [wer(replace(decoder, config=replace(trial, beam_size=small))) for trial in trials]
    return replace(decoder, config=trials[int(np.argmin(wers))])


def tune_pooling(
    corpora: Sequence[tuple[Phrases, Sequence[str]]], pool: Pool, rescorer: Rescorer | None = None
) -> TunedPooling:
    """Choose the weights of a pool, and of a character language model that judges its best texts once more.

    Args:
        corpora: Phrases of both heads and normalised texts of each development set; their word error rates count alike.
        pool: Both searches; the weights are searched for.
        rescorer: The character language model; its weights are searched for.

    Returns:
        The weights with the lowest mean.
    """
    judged = [
        [_Utterance(reference, tuple(pool.judge(row)), {}) for row, reference in zip(phrases, references, strict=True)]
        for phrases, references in corpora
    ]
    weights = _descend_from(judged, [pool.config.weights, *STARTS])
    rescoring = None
    if rescorer is not None:
        judged = [[_rescored(utterance, weights, rescorer) for utterance in corpus] for corpus in judged]
        judge = [rescorer.config.weight, rescorer.config.length_bonus]
        both = _descend_from(judged, [np.append(weights, judge), np.append(weights, [0.0, 0.0])])
        weights = both[: len(FEATURES)]
        wers = _wers(judged, both)
        if both[-2] > 0:
            rescoring = replace(rescorer.config, weight=float(both[-2]), length_bonus=float(both[-1]))
    else:
        wers = _wers(judged, weights)
    changes: dict[str, Any] = dict(zip(FEATURES, (float(each) for each in weights), strict=True))
    return TunedPooling(replace(pool.config, **changes), rescoring, wers)


def _descend_from(judged: Sequence[Sequence[_Utterance]], starts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The best of what several starts lead to; of equals the first."""
    return min((_descend(judged, start) for start in starts), key=lambda each: float(np.mean(_wers(judged, each))))


def _descend(judged: Sequence[Sequence[_Utterance]], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights with the lowest mean word error rate, as far as one at a time finds them."""
    best, lowest = start.copy(), float(np.mean(_wers(judged, start)))
    for _ in range(_N_ROUNDS):
        before = lowest
        for place, scale in enumerate(SCALES[: len(start)]):
            for value in scale:
                trial = best.copy()
                trial[place] = value
                found = float(np.mean(_wers(judged, trial)))
                if found < lowest - _LEAST_GAIN:
                    best, lowest = trial, found
        if lowest >= before:
            break
    return best


def _wers(judged: Sequence[Sequence[_Utterance]], weights: NDArray[np.float64]) -> tuple[float, ...]:
    n_words = [sum(len(utterance.reference.split()) for utterance in corpus) for corpus in judged]
    errors = [sum(_errors(utterance, weights) for utterance in corpus) for corpus in judged]
    return tuple(wrong / max(1, n) for wrong, n in zip(errors, n_words, strict=True))


def _errors(utterance: _Utterance, weights: NDArray[np.float64]) -> int:
    """Word errors of what an utterance says by some weights."""
    texts = [phrase.texts[phrase.best(weights)] for phrase in utterance.phrases]
    text = " ".join(text for text in texts if text)
    if text not in utterance.errors:
        utterance.errors[text] = score([utterance.reference], [text]).words.n_errors
    return utterance.errors[text]


def _rescored(utterance: _Utterance, weights: NDArray[np.float64], rescorer: Rescorer) -> _Utterance:
    """The best texts of each phrase, with what the character language model says of them, and their lengths."""
    phrases = []
    for phrase in utterance.phrases:
        rows = phrase.order(weights)[: rescorer.config.n_best]
        texts = tuple(phrase.texts[row] for row in rows)
        more = np.stack(
            [rescorer.char_lm.log_probs(texts), np.array([len(text) for text in texts], np.float64)], axis=1
        )
        features = np.concatenate([phrase.features[rows], more], axis=1)
        phrases.append(JudgedTexts(texts, features, phrase.boosts[rows], phrase.complete[rows]))
    return replace(utterance, phrases=tuple(phrases))
