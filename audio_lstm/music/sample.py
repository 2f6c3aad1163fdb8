"""Writing new pieces: one token at a time from a model's scores, under the grammar and any further constraint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.music.representation import Cursor, Representation

__all__ = ["Mask", "SamplingConfig", "sample_tokens", "token_probabilities"]

State = TypeVar("State")
Step = Callable[[NDArray[np.int64], State | None], tuple[NDArray[np.float32], State]]
"""(columns (B, K), state or None at the start) -> (logits (B, V), state)."""
Mask = Callable[[Cursor], NDArray[np.bool_]]
"""A constraint: which tokens may come next, (B, V), asked at every token; the grammar applies on top of it."""


@dataclass(frozen=True)
class SamplingConfig:
    """How a token is chosen. The steps apply in this order: temperature, top-k, top-p.

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
    max_tokens: int = 8192
    """Tokens a piece at most: a chorale of 64 bars of 4/4 has 4,096 cells."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 100.0:
            raise ConfigError(f"temperature must lie in 0..100, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"top_k must be >= 1, or None for all tokens, got {self.top_k}")
        if not 0.0 < self.top_p <= 1.0:
            raise ConfigError(f"top_p must lie above 0 and not above 1, got {self.top_p}")
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens must be >= 1, got {self.max_tokens}")


def sample_tokens(
    step: Step[State],
    representation: Representation,
    *,
    n_takes: int,
    seed: int,
    config: SamplingConfig | None = None,
    mask: Mask | None = None,
    first_take: int = 0,
) -> list[NDArray[np.int64]]:
    """New pieces, written side by side.

    Take i draws from its own generator, seeded with (seed, i): it is the same piece whatever the number of takes
    beside it (as far as the engine's logits are), and `first_take=i, n_takes=1` writes it alone.

    Args:
        step: the model: scores of the next token of each piece, and its state.
        representation: the grammar, and the columns that `step` reads.
        n_takes: how many pieces (B), at least 1.
        seed: not negative.
        config: temperature and cuts; None = the defaults.
        mask: a further constraint, for instance `constraints.exact_steps`.
        first_take: number of the first take, not negative.

    Returns:
        The tokens of each piece, (N,) int64: up to its end, or `max_tokens` long where it has none.

    Raises:
        ConfigError: no takes, a negative seed or take, or a constraint that leaves nothing to choose.
    """
    if n_takes < 1 or first_take < 0 or seed < 0:
        raise ConfigError(f"n_takes must be >= 1, seed and first_take >= 0; got {n_takes}, {seed} and {first_take}")
    chosen = config or SamplingConfig()
    generators = [np.random.default_rng([seed, first_take + i]) for i in range(n_takes)]
    cursor = representation.cursor(n_takes)
    state: State | None = None
    written: list[list[int]] = [[] for _ in range(n_takes)]
    for _ in range(chosen.max_tokens):
        logits, state = step(cursor.columns(), state)
        live = np.flatnonzero(~cursor.done)
        legal = cursor.legal()
        if mask is not None:
            legal[live] &= mask(cursor)[live]
            if not legal[live].any(axis=1).all():
                stuck = live[~legal[live].any(axis=1)][0]
                raise ConfigError(
                    f"the constraint leaves take {first_take + stuck} no legal token after {len(written[stuck])}"
                )
        # One number a token from each take's own generator, so that takes never share their luck.
        luck = np.array([generator.random() for generator in generators])
        tokens = _choose(token_probabilities(logits, legal, chosen, held=cursor.held), luck)
        for row in live:
            written[row].append(int(tokens[row]))
        cursor.push(tokens)
        if cursor.done.all():
            break
    return [np.array(tokens, dtype=np.int64) for tokens in written]


def token_probabilities(
    logits: NDArray[np.float32],
    legal: NDArray[np.bool_],
    config: SamplingConfig,
    *,
    held: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """The distribution that the next token is drawn from.

    On a grid of time most tokens only prolong a note, with a high probability at every step. Sharpening that too would
    let pieces freeze, so the token that prolongs keeps the model's own probability, and temperature and cuts
    choose among the others: they decide what comes next, not when.

    Args:
        logits: (B, V) scores.
        legal: (B, V); at least one True a row.
        config: temperature, top-k and top-p. Of tokens that score alike, a cut keeps the first ones.
        held: (B,), the token that prolongs what sounds; START (0), or an illegal token, where there is none.

    Returns:
        (B, V), rows sum to 1; 0 for what is illegal or cut.

    Raises:
        ModelError: the score of a legal token is not finite.
    """
    scores = np.where(legal, logits.astype(np.float64), 0.0)
    if not np.isfinite(scores).all():
        raise ModelError("the model's scores hold NaN or infinity; its weights or its input are damaged")
    if held is None or config.temperature == 0:
        return _sharpened(scores, legal, config)
    rows = np.arange(len(held))
    others = legal.copy()
    others[rows, held] = False
    alone = ~others.any(axis=1)  # nothing but the held token is legal
    others[alone] = legal[alone]
    own = _sharpened(scores, legal, SamplingConfig())
    kept = np.where(alone, 0.0, own[rows, held])
    probabilities = _sharpened(scores, others, config) * (1.0 - kept)[:, None]
    probabilities[rows, held] += kept
    return probabilities


def _sharpened(scores: NDArray[np.float64], legal: NDArray[np.bool_], config: SamplingConfig) -> NDArray[np.float64]:
    """Temperature, top-k and top-p over what is legal, (B, V)."""
    order = np.argsort(np.where(legal, -scores, np.inf), axis=1, kind="stable")  # (B, V), best first
    keep = np.take_along_axis(legal, order, axis=1)
    best_first = np.take_along_axis(scores, order, axis=1)
    if config.temperature == 0:
        keep[:, 1:] = False
    else:
        best_first = best_first / config.temperature
    if config.top_k is not None:
        keep[:, config.top_k :] = False
    weights = np.where(keep, np.exp(np.minimum(best_first - best_first[:, :1], 0.0)), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    if config.top_p < 1.0:
        weights[np.cumsum(weights, axis=1) - weights >= config.top_p] = 0.0
        weights /= weights.sum(axis=1, keepdims=True)
    probabilities = np.empty_like(weights)
    np.put_along_axis(probabilities, order, weights, axis=1)
    return probabilities


def _choose(probabilities: NDArray[np.float64], luck: NDArray[np.float64]) -> NDArray[np.int64]:
    """One token a row, (B,): where the cumulative distribution passes `luck` (B,) in [0, 1)."""
    cumulative = np.cumsum(probabilities, axis=1)
    passed = cumulative > luck[:, None] * cumulative[:, -1:]
    chosen: NDArray[np.int64] = np.argmax(passed & (probabilities > 0), axis=1)
    return chosen
