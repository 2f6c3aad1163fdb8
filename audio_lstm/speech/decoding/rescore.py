"""Second thoughts: the texts that a beam search found, judged again by a character language model.

    n_best = BeamDecoder(alphabet, config, language_model=lm).decode(batch, n_best=16)
    best = [texts[0].text for texts in rescore(n_best, load_char_lm(folder), weight=0.3)]

The model hears a text whole, at a cost that the beam could not pay for every prefix (Mikolov et al. 2010; Hannun et al.
2014 rescore likewise). To tune, score once and call `reweigh` for every weight and bonus.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.decoding.beam import Hypothesis
from audio_lstm.speech.words.char_lm import CharLM

__all__ = ["RescoredHypothesis", "Rescorer", "RescoringConfig", "allowed_texts", "rescore", "reweigh"]


@dataclass(frozen=True)
class RescoringConfig:
    """How a model's texts are judged again; part of decoding.json."""

    model: str  # a shipped character language model's name, or the path of a model folder
    weight: float = 0.3  # of the natural log-probability of the whole text
    length_bonus: float = 0.0  # score for each character
    n_best: int = 16  # texts of the beam search that are judged

    def __post_init__(self) -> None:
        _check(self.weight, self.length_bonus)
        if not 2 <= self.n_best <= 1000:
            raise ConfigError(f"n_best must lie in 2..1000, got {self.n_best}")


@dataclass(frozen=True, eq=False)
class Rescorer:
    """A character language model with its weight: many texts in, the best one out."""

    char_lm: CharLM
    config: RescoringConfig

    def best(self, hypotheses: Sequence[Hypothesis]) -> Hypothesis:
        """The best text of one utterance.

        Args:
            hypotheses: At least one, the best of the beam search first.

        Returns:
            One of them. Texts that the search's language model refuses do not overtake those that it allows.
        """
        allowed = allowed_texts(hypotheses)
        if len(allowed) == 1:
            return allowed[0]
        # By itself: int8 activations are rounded over a batch, and no utterance may depend on its neighbours.
        weight, length_bonus = self.config.weight, self.config.length_bonus
        ((first, *_),) = rescore([allowed], self.char_lm, weight=weight, length_bonus=length_bonus)
        return first.hypothesis


@dataclass(frozen=True)
class RescoredHypothesis:
    """A text of the beam search with its new score."""

    hypothesis: Hypothesis
    score: float  # hypothesis.score + weight * char_lm_log_prob + length_bonus * len(text)
    char_lm_log_prob: float  # natural log, of the whole text and its end

    @property
    def text(self) -> str:
        """Words, one space between them."""
        return self.hypothesis.text


def allowed_texts(hypotheses: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    """The texts that the search's language model allows; all, where it allows none."""
    return tuple(each for each in hypotheses if each.complete) or tuple(hypotheses)


def rescore(
    hypotheses: Sequence[Sequence[Hypothesis]], char_lm: CharLM, *, weight: float = 0.3, length_bonus: float = 0.0
) -> list[tuple[RescoredHypothesis, ...]]:
    """Sort n-best lists by the score of the beam search and the probability of the texts.

    Weights and bonuses out of range are a ConfigError.

    Args:
        hypotheses: The n-best list of each utterance, from `BeamDecoder.decode`; an empty one stays empty.
        char_lm: The second language model; the beam's own score, with its language model in it, stays.
        weight: Of the natural log-probability of the text; 0 leaves the order as it is. To be tuned on dev.
        length_bonus: Score for each character, against the model's taste for short texts. To be tuned on dev.

    Returns:
        For each utterance the same texts, the best first; equal scores in the order of the beam search.

    Raises:
        DataError: If a text does not fit the language model's alphabet; the message names text and letter.
    """
    _check(weight, length_bonus)
    try:
        log_probs = iter(char_lm.log_probs([each.text for n_best in hypotheses for each in n_best]).tolist())
    except DataError as error:
        raise DataError(f"model {char_lm.name!r} cannot judge the texts of this recogniser: {error}") from error
    scored = [tuple(RescoredHypothesis(each, each.score, next(log_probs)) for each in n_best) for n_best in hypotheses]
    return reweigh(scored, weight=weight, length_bonus=length_bonus)


def reweigh(
    rescored: Sequence[Sequence[RescoredHypothesis]], *, weight: float, length_bonus: float = 0.0
) -> list[tuple[RescoredHypothesis, ...]]:
    """Sort rescored lists again, with another weight and bonus, without running the model.

    Weights and bonuses out of range are a ConfigError.

    Args:
        rescored: As `rescore` returned them.
        weight: As for `rescore`.
        length_bonus: As for `rescore`.

    Returns:
        As `rescore` would return them.
    """
    _check(weight, length_bonus)
    return [
        tuple(
            sorted(
                (replace(each, score=_score(each, weight, length_bonus)) for each in n_best),
                key=lambda each: (-each.score, -each.hypothesis.score, each.text),  # ties: the beam search's own order
            )
        )
        for n_best in rescored
    ]


def _score(each: RescoredHypothesis, weight: float, length_bonus: float) -> float:
    return each.hypothesis.score + weight * each.char_lm_log_prob + length_bonus * len(each.text)


def _check(weight: float, length_bonus: float) -> None:
    if not 0 <= weight < math.inf:
        raise ConfigError(f"weight must be 0 or more, got {weight}")
    if not math.isfinite(length_bonus):
        raise ConfigError(f"length_bonus must be a number, got {length_bonus}")
