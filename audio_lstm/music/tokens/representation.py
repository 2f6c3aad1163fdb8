"""What every way of writing music as tokens promises: the input columns, what may come next, the denominator.

A piece is a sequence `tokens (N,) int64` that ends as its representation says (by a token of its own or
not). The model sees row t of `columns` and predicts `tokens[t]`; tokens that `legal` forbids are masked to
minus infinity before the softmax, so a likelihood is exact and nothing that is sampled needs mending.

Each fact is offered twice: over a whole piece at once (training, evaluation) and step by step for a batch of
pieces (sampling). The two must agree: `columns(tokens)[t]` is `cursor.columns()` after pushing `tokens[:t]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.tokens.config import RelativeScores

__all__ = ["START", "Cursor", "Representation", "forked"]

START = 0
"""The token before the first one: column 0 of row 0. It is never legal, so it is never predicted."""


class Cursor(Protocol):
    """Where a batch of pieces that are being written stands; it holds no model state.

    Built by `Representation.cursor(batch)`, one row a piece, all at their start. A row that is `done` keeps
    its place: whatever is pushed to it is ignored, and its `legal` row still allows at least one token, so
    that a batched softmax never meets a row of minus infinities.
    """

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which pieces have ended, (B,)."""
        ...

    @property
    def held(self) -> NDArray[np.int64]:
        """The token that would only prolong what sounds already, (B,); `START` where there is none.

        Sampling leaves its probability as the model has it: see `sample.token_probabilities`.
        """
        ...

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        ...

    def legal(self) -> NDArray[np.bool_]:
        """The tokens that may come next in each piece, (B, V)."""
        ...

    def push(self, tokens: NDArray[np.int64]) -> None:
        """Append one token to each piece; a token that is not legal in its row raises ScoreError.

        Args:
            tokens: one token a piece, (B,) int64; ignored in rows that are done.
        """
        ...

    def fork(self, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only; one that is named twice goes on twice.

        Args:
            rows: their places in the batch.
        """
        ...


class _Copied(Protocol):
    def copy(self) -> Self: ...


_Copy = TypeVar("_Copy", bound=_Copied)


def forked(states: Sequence[_Copy], rows: Sequence[int]) -> list[_Copy]:
    """What is known of each piece of a batch, after a fork.

    Args:
        states: one a piece.
        rows: as for `Cursor.fork`.

    Returns:
        One a row: a copy where the piece is named a second time.
    """
    return [states[row].copy() if row in rows[:place] else states[row] for place, row in enumerate(rows)]


class Representation(Protocol):
    """A reversible way of writing scores as tokens: pieces of N tokens out of V, with K input columns.

    Implementations are frozen: two that have the same `to_dict()` behave the same, and a model folder stores
    that dict beside the weights.
    """

    @property
    def kind(self) -> str:
        """The name that a model folder stores to find the class again, as in "events" or "chorale"."""
        ...

    @property
    def unit(self) -> str:
        """What `n_units` counts and likelihoods are divided by: "cell", "event" or "frame"."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """How many tokens there are (V), `START` included."""
        ...

    @property
    def column_sizes(self) -> tuple[int, ...]:
        """The number of values of each input column, (K,): column k holds integers in [0, column_sizes[k]).

        Column 0 is the previous token (`START` in row 0), so `column_sizes[0] == vocabulary_size`.
        """
        ...

    @property
    def relative(self) -> RelativeScores | None:
        """Which tokens a model may score by their distance from the last pitch of their voice; None: none."""
        ...

    def columns(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The model's input for each step: what is known just before each token.

        Tokens outside [0, V) raise ScoreError; `legal` checks the rest of the grammar.

        Args:
            tokens: one piece, (N,) int64.

        Returns:
            (N, K) int64; row t depends on tokens[:t] alone.
        """
        ...

    def legal(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tokens the grammar allows at each step; tokens that break it raise ScoreError.

        Args:
            tokens: one piece, (N,) int64.

        Returns:
            (N, V) bool; row t depends on tokens[:t] alone, allows tokens[t], and never allows `START`.
        """
        ...

    def cursor(self, batch: int) -> Cursor:
        """A fresh cursor over `batch` empty pieces.

        Args:
            batch: how many pieces are written side by side (B), at least 1.

        Returns:
            The incremental twin of `columns` and `legal`.
        """
        ...

    def n_units(self, tokens: NDArray[np.int64]) -> int:
        """The denominator of this piece's negative log-likelihood, counted in `unit`.

        Args:
            tokens: one piece, (N,) int64.

        Returns:
            How many units the piece holds.
        """
        ...

    def to_dict(self) -> dict[str, Any]:
        """Everything needed to build the same representation again, as plain JSON values, `kind` included."""
        ...

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Representation:
        """The representation that `to_dict` described; a missing, unknown or wrong field raises ModelError.

        Args:
            values: what `to_dict` returned, perhaps after a trip through JSON.

        Returns:
            A representation with the same `to_dict()`.
        """
        ...
