"""Choose how much a character language model counts, on development data; or that it does not.

    tuned = tune_rescoring([(phrases, references)], decoder, char_lm, RescoringConfig("english-char"))
    tuned.config, tuned.wers        # the best weight and bonus, and the word error rates with it

The texts are searched and judged once; the grid then only sorts them anew (rescore.reweigh).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.speech.decoding.decoding import WordDecoder
from audio_lstm.speech.decoding.rescore import RescoredHypothesis, RescoringConfig, allowed_texts, rescore, reweigh
from audio_lstm.speech.training.metrics import score
from audio_lstm.speech.words.char_lm import CharLM

__all__ = ["LENGTH_BONUSES", "RESCORER_WEIGHTS", "TunedRescoring", "tune_rescoring"]

RESCORER_WEIGHTS = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
LENGTH_BONUSES = (0.0, 0.2, 0.4, 0.7, 1.0, 1.4, 1.8)

Phrases = Sequence[Sequence[NDArray[np.float32]]]
"""The log-probabilities (time, n_outputs) of each phrase of each utterance."""


@dataclass(frozen=True)
class TunedRescoring:
    """The best of the grid."""

    config: RescoringConfig
    wers: tuple[float, ...]  # of each corpus

    @property
    def wer(self) -> float:
        """Mean over the corpora."""
        return float(np.mean(self.wers))


def tune_rescoring(
    corpora: Sequence[tuple[Phrases, Sequence[str]]],
    decoder: WordDecoder,
    char_lm: CharLM,
    config: RescoringConfig,
) -> TunedRescoring:
    """Search the grid of weights and length bonuses.

    Args:
        corpora: Phrases and normalised texts of each development set; their word error rates count alike.
        decoder: With a beam search, whose texts are judged; one that is greedy is a ValueError.
        char_lm: The judge.
        config: Its name and the number of texts; the weights are searched for.

    Returns:
        The setting with the lowest mean; of equal ones the lightest.
    """
    judged = [_judge(phrases, decoder, char_lm, config.n_best) for phrases, _ in corpora]
    grid = [
        RescoringConfig(config.model, weight, bonus, config.n_best)
        for weight in RESCORER_WEIGHTS
        for bonus in LENGTH_BONUSES
    ]
    found = [
        TunedRescoring(
            trial,
            tuple(
                score(references, _texts(rows, trial)).wer
                for rows, (_, references) in zip(judged, corpora, strict=True)
            ),
        )
        for trial in grid
    ]
    return min(found, key=lambda each: each.wer)


Judged = list[list[tuple[RescoredHypothesis, ...]]]
"""The judged texts of each phrase of each utterance."""


def _judge(phrases: Phrases, decoder: WordDecoder, char_lm: CharLM, n_best: int) -> Judged:
    if decoder.beam is None:
        raise ValueError("a greedy decoder finds one text only: there is nothing to rescore")
    size = decoder.alphabet.size
    found = iter(decoder.beam.decode([phrase[:, :size] for row in phrases for phrase in row], n_best=n_best))
    lists = [[allowed_texts(next(found)) for _ in row] for row in phrases]
    return [rescore(row, char_lm) for row in lists]


def _texts(rows: Judged, config: RescoringConfig) -> list[str]:
    weighed = [reweigh(row, weight=config.weight, length_bonus=config.length_bonus) for row in rows]
    return [" ".join(best.text for best, *_ in row if best.text) for row in weighed]
