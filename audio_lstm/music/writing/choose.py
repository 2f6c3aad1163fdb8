"""How one token is chosen from a model's scores: temperature, cuts, and a draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError

__all__ = ["SamplingConfig", "choose_tokens", "token_probabilities"]


@dataclass(frozen=True)
class SamplingConfig:
    """How a token is chosen. The steps apply in this order: temperature, top-k, top-p, min-p.

    In chorales the token that holds a pitch keeps the model's own probability: temperature (but for 0) and cuts choose
    among the others (see `token_probabilities`).

    Raises:
        ConfigError: a value out of range.
    """

    temperature: float = 1.0
    """Divides the logits: 1 is the model's own distribution, 0 takes the best token always.

    In chorales the pitch being held keeps the model's own probability, but at 0."""
    top_k: int | None = None
    """Only the k best tokens (Fan, Lewis and Dauphin 2018), in chorales beside the pitch being held; None = all."""
    top_p: float = 1.0
    """Only the smallest set of best tokens whose probability reaches p (nucleus, Holtzman et al. 2020).

    In chorales the share p is of the tokens beside the pitch being held, which is never cut."""
    min_p: float = 0.0
    """Only tokens that are at least so likely, as a share of the best one (Nguyen et al. 2024); 0 = all."""
    max_repeats: int | None = 4
    """A passage of one, two or four bars stands at most so often in a row: see loops.py; None = any number."""
    best_of: int | None = None
    """Drafts of each piece, of which the likeliest is kept; None: 8 of a chorale of given length, judged by its end."""
    beam_size: int | None = None
    """Of pieces of given length: search for a likely one with so many beams instead of drawing; None = draw."""
    max_tokens: int = 8192
    """Tokens a piece at most: a chorale of 64 bars of 4/4 has 4,096 cells."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 100.0:
            raise ConfigError(f"temperature must lie in 0..100, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"top_k must be >= 1, or None for all tokens, got {self.top_k}")
        if not 0.0 < self.top_p <= 1.0:
            raise ConfigError(f"top_p must lie above 0 and not above 1, got {self.top_p}")
        if not 0.0 <= self.min_p <= 1.0:
            raise ConfigError(f"min_p must lie in 0..1, got {self.min_p}")
        if self.max_repeats is not None and self.max_repeats < 1:
            raise ConfigError(f"max_repeats must be >= 1, or None for any number, got {self.max_repeats}")
        if self.best_of is not None and not 1 <= self.best_of <= 64:
            raise ConfigError(f"best_of must lie in 1..64, got {self.best_of}")
        if self.beam_size is not None and not 1 <= self.beam_size <= 64:
            raise ConfigError(f"beam_size must lie in 1..64, got {self.beam_size}")
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens must be >= 1, got {self.max_tokens}")


_PLAIN = SamplingConfig()


def choose_tokens(
    logits: NDArray[np.float32],
    choices: Sequence[NDArray[np.int64]],
    luck: NDArray[np.float64],
    config: SamplingConfig,
    *,
    held: NDArray[np.int64] | None = None,
) -> list[int]:
    """One token a row, drawn from its choices alone: what else the vocabulary holds costs no time.

    Args:
        logits: (B, V) scores.
        choices: for each row the tokens that may come, at least one.
        luck: (B,) in [0, 1): where in the cumulative distribution the token lies.
        config: temperature and cuts.
        held: (B,), as for `token_probabilities`.

    Returns:
        The tokens.
    """
    if len(choices) == 1 and held is None:
        return [_choose_alone(logits[0], choices[0], float(luck[0]), config)]
    if len(choices) == 1:
        ids = choices[0][None]
        scores = _finite(logits[:, choices[0]])
    else:
        ids, outside = _side_by_side(choices)
        scores = _finite(np.take_along_axis(logits, ids, axis=1))
        scores[outside] = -np.inf
    if held is None:
        weights = _weights(scores, config)
    else:
        weights = _with_held(scores, config, ids == held[:, None])
    cumulative = weights.cumsum(axis=1)
    total = cumulative[:, -1]
    target = np.minimum(luck * total, np.nextafter(total, 0.0))
    places = (cumulative <= target[:, None]).sum(axis=1)  # (B,) the first whose cumulative weight lies above it
    chosen: list[int] = ids[np.arange(len(ids)), places].tolist()
    return chosen


def token_probabilities(
    logits: NDArray[np.float32],
    legal: NDArray[np.bool_],
    config: SamplingConfig,
    *,
    held: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """The distribution that a token is drawn from.

    With `held`, the token that only prolongs what sounds keeps the probability that the model gives it (unless the
    temperature is 0), and temperature and cuts apply to the others alone. On a grid of 16ths holding is by far the
    likeliest event, so sharpening it lengthens every note, and a voice that holds foretells a still longer hold: the
    music slows down and stops. Temperature is there to choose what comes next, not when.

    Args:
        logits: (B, V) scores.
        legal: (B, V); at least one True a row.
        config: temperature and cuts. Of tokens that score exactly alike, a cut keeps all or none.
        held: (B,), the token that prolongs what sounds; START (0), or an illegal token, where there is none.

    Returns:
        (B, V), rows sum to 1; 0 for what is illegal or cut.
    """
    scores = _finite(np.where(legal, logits, np.float32(0.0)))
    scores[~legal] = -np.inf
    if held is None:
        weights = _weights(scores, config)
    else:
        weights = _with_held(scores, config, np.arange(scores.shape[1]) == held[:, None])
    probabilities: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def _choose_alone(logits: NDArray[np.float32], choices: NDArray[np.int64], luck: float, config: SamplingConfig) -> int:
    """The same for one row, with half as many calls of numpy: beside a step of the model each of them counts."""
    scores = logits.take(choices).astype(np.float64)
    best, least = float(scores.max()), float(scores.min())
    if not (math.isfinite(best) and math.isfinite(least)):
        raise ModelError("the model's scores hold NaN or infinity; its weights or its input are damaged")
    if config.temperature == 0:
        return int(choices[scores.argmax()])
    scores -= best
    scores /= config.temperature
    weights = np.exp(scores, out=scores)
    if (config.top_k is not None and config.top_k < len(weights)) or config.top_p < 1.0:
        ordered = np.sort(weights)[::-1][: config.top_k]  # best first
        reached = ordered.cumsum()
        n_kept = 1 + int(reached[:-1].searchsorted(config.top_p * reached[-1])) if config.top_p < 1.0 else len(ordered)
        weights[weights < ordered[n_kept - 1]] = 0.0
    if config.min_p > 0.0:
        weights[weights < config.min_p] = 0.0
    cumulative = weights.cumsum()
    total = float(cumulative[-1])
    return int(choices[cumulative.searchsorted(min(luck * total, math.nextafter(total, 0.0)), side="right")])


def _finite(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    if not np.isfinite(scores).all():
        raise ModelError("the model's scores hold NaN or infinity; its weights or its input are damaged")
    return scores.astype(np.float64)


def _side_by_side(choices: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows of different lengths as one array, and where it holds nothing."""
    lengths = [len(row) for row in choices]
    width = max(lengths)
    ids = np.zeros((len(choices), width), np.int64)
    for place, (row, length) in enumerate(zip(choices, lengths, strict=True)):
        ids[place, :length] = row
        ids[place, length:] = row[0]  # a score that is known to be finite
    return ids, np.arange(width) >= np.array(lengths)[:, None]


def _weights(scores: NDArray[np.float64], config: SamplingConfig) -> NDArray[np.float64]:
    """Temperature and cuts, (B, N): probabilities up to a factor, the best 1; -inf is none."""
    if config.temperature == 0:
        best: NDArray[np.float64] = np.eye(scores.shape[1])[scores.argmax(axis=1)]
        return best
    weights: NDArray[np.float64] = np.exp((scores - scores.max(axis=1, keepdims=True)) / config.temperature)
    k = config.top_k
    if (k is not None and k < weights.shape[1]) or config.top_p < 1.0:
        ordered = np.sort(weights, axis=1)[:, ::-1]  # best first
        if k is not None:
            ordered = ordered[:, :k]
        if config.top_p < 1.0:
            before = ordered.cumsum(axis=1) - ordered
            ordered = np.where(before < config.top_p * ordered.sum(axis=1, keepdims=True), ordered, 1.0)
        weights[weights < ordered.min(axis=1, keepdims=True)] = 0.0
    if config.min_p > 0.0:
        weights[weights < config.min_p] = 0.0
    return weights


def _with_held(scores: NDArray[np.float64], config: SamplingConfig, is_held: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same, where one token of a row keeps the model's own probability: see `token_probabilities`."""
    if config.temperature == 0:
        return _weights(scores, config)
    sounding = is_held & (scores > -np.inf)
    others = np.where(sounding, -np.inf, scores)
    alone = (others == -np.inf).all(axis=1)  # nothing but the held token may come
    others[alone] = scores[alone]
    own = _weights(scores, _PLAIN)
    kept = np.where(alone, 0.0, (own * sounding).sum(axis=1) / own.sum(axis=1))
    weights = _weights(others, config)
    weights *= ((1.0 - kept) / weights.sum(axis=1))[:, None]
    weights[sounding & ~alone[:, None]] = kept[(sounding & ~alone[:, None]).any(axis=1)]
    return weights
