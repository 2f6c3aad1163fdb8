"""How well a model foretells music: exact negative log-likelihood, and the simple models that it must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError, ModelError
from audio_lstm.music.score.voices import N_VOICES, REST_PITCH

__all__ = [
    "NLL",
    "PieceNLL",
    "negative_log_likelihood",
    "voice_bigram_floor",
]


@dataclass(frozen=True)
class PieceNLL:
    """What a model pays for one piece."""

    name: str
    nats: float  # sum over all its tokens, its end included where it has one
    n_units: int  # cells, frames or events: the denominator
    n_tokens: int  # what the model read, its end included

    @property
    def nats_per_unit(self) -> float:
        """Sum over tokens, divided by units."""
        return self.nats / self.n_units


@dataclass(frozen=True)
class NLL:
    """What a model pays for a corpus: all units of all pieces pooled, so that long pieces count for more.

    Raises:
        DataError: no pieces, or none with a unit.
    """

    unit: str  # "cell", "frame", "event"
    pieces: tuple[PieceNLL, ...]

    def __post_init__(self) -> None:
        if not self.pieces or self.n_units < 1:
            raise DataError(f"no {self.unit} to score: the corpus holds {len(self.pieces)} pieces")

    @property
    def total_nats(self) -> float:
        """Sum over all pieces."""
        return float(sum(piece.nats for piece in self.pieces))

    @property
    def n_units(self) -> int:
        """The denominator."""
        return sum(piece.n_units for piece in self.pieces)

    @property
    def n_tokens(self) -> int:
        """Tokens of all pieces."""
        return sum(piece.n_tokens for piece in self.pieces)

    @property
    def nats_per_unit(self) -> float:
        """The figure to report, in nats per unit."""
        return self.total_nats / self.n_units


def negative_log_likelihood(
    logits: NDArray[np.float32], tokens: NDArray[np.int64], legal: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What each token costs in nats, under the softmax over what is legal, in float64.

    Args:
        logits: (N, V) scores; those of illegal tokens do not matter.
        tokens: (N,) what came.
        legal: (N, V).

    Returns:
        (N,), all >= 0.

    Raises:
        DataError: shapes that do not fit, or a token that is not legal.
        ModelError: the score of a legal token is not finite.
    """
    if logits.ndim != 2 or logits.shape != legal.shape or tokens.shape != logits.shape[:1]:
        raise DataError(
            f"expected logits (N, V), tokens (N,), legal (N, V); got {logits.shape}, {tokens.shape}, {legal.shape}"
        )
    rows = np.arange(tokens.size)
    if not legal[rows, tokens].all():
        t = int(np.argmin(legal[rows, tokens]))
        raise DataError(f"token {tokens[t]} at place {t} is not legal there; the piece and its mask do not match")
    scores = np.where(legal, logits.astype(np.float64), -np.inf)
    if not np.isfinite(scores[legal]).all():
        raise ModelError("the model's scores hold NaN or infinity; its weights or its input are damaged")
    scores = scores - scores.max(axis=1, keepdims=True, initial=-np.inf)
    costs: NDArray[np.float64] = np.log(np.exp(scores).sum(axis=1)) - scores[rows, tokens]
    return costs


def voice_bigram_floor(
    train: Sequence[NDArray[np.int64]], pieces: Sequence[NDArray[np.int64]], *, low: int = 33, high: int = 84
) -> NLL:
    """What each voice of a chorale pays on its own, given its previous pitch (a start before the first).

    Args:
        train: voice grids (T, 4) that the counts come from (½ added to each of the pitches and the rest).
        pieces: voice grids to score.
        low: lowest pitch there can be.
        high: highest pitch there can be.

    Returns:
        Nats per cell.

    Raises:
        DataError: a pitch outside low..high.
    """
    grids = [*train, *pieces]
    if any(((grid != REST_PITCH) & ((grid < low) | (grid > high))).any() for grid in grids):
        raise DataError(f"a pitch lies outside {low}..{high}; widen the range")
    n_values = high - low + 2
    counts = np.full((N_VOICES, n_values + 1, n_values), 0.5)  # voice, previous value or start, value
    voice = np.arange(N_VOICES)

    def values_of(grid: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        values = np.where(grid == REST_PITCH, n_values - 1, grid - low)
        return values, np.concatenate([np.full((1, N_VOICES), n_values), values[:-1]])

    for grid in train:
        values, previous = values_of(grid)
        np.add.at(counts, (voice, previous, values), 1.0)
    costs = -np.log(counts / counts.sum(axis=2, keepdims=True))
    scored = []
    for i, grid in enumerate(pieces):
        values, previous = values_of(grid)
        scored.append(PieceNLL(f"piece {i}", float(costs[voice, previous, values].sum()), grid.size, grid.size))
    return NLL("cell", tuple(scored))
