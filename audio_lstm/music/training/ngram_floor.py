"""What the last few tokens alone foretell: n-grams over a representation's tokens, the floor under its LSTMs.

floor = NgramFloor.fit(pieces, EventVocabulary(), order=5)
nats = floor.costs(tokens)      # what each token costs, (N,)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.tokens.representation import START, Representation

__all__ = ["NgramFloor"]

_ROWS = 2048  # tokens that are priced at a time: 15 MB of probabilities for a thousand tokens


@dataclass(frozen=True, eq=False)
class _Table:
    """The n-grams of one length, sorted by context."""

    contexts: NDArray[np.int64]  # (n_contexts,) ascending, the tokens before as one number
    starts: NDArray[np.int64]  # (n_contexts + 1,) where the followers of each begin
    followers: NDArray[np.int64]  # (n_grams,) tokens
    shares: NDArray[np.float64]  # (n_grams,) discounted probability of each follower
    left: NDArray[np.float64]  # (n_contexts,) probability that goes to shorter contexts


@dataclass(frozen=True, eq=False)
class NgramFloor:
    """Interpolated Kneser-Ney over tokens (Kneser and Ney 1995; Chen and Goodman 1999, with one discount a length).

    What the grammar forbids at a step has no probability there, as for the LSTMs: the rest is normalised again.
    """

    representation: Representation
    tables: tuple[_Table, ...]  # of 1-grams, 2-grams, ...

    @classmethod
    def fit(cls, pieces: Sequence[NDArray[np.int64]], representation: Representation, *, order: int) -> NgramFloor:
        """Count n-grams.

        Args:
            pieces: Tokens of each piece, (N,) int64.
            representation: Whose tokens.
            order: The longest n-grams, at least 1; a token is foretold from order - 1 tokens before it.

        Returns:
            The model.

        Raises:
            ConfigError: If the order is out of range.
            DataError: If there are no pieces.
        """
        size = representation.vocabulary_size
        if order < 1 or size**order > np.iinfo(np.int64).max:
            raise ConfigError(f"order must lie in 1..{int(63 / np.log2(size))} for {size} tokens, got {order}")
        if not pieces:
            raise DataError("no pieces to count n-grams in")
        grams = np.concatenate([_packed(piece, order, size) for piece in pieces])
        keys, counts = np.unique(grams, return_counts=True)
        tables = [_table(keys, counts, size)]
        for length in range(order - 1, 0, -1):
            # Kneser-Ney: a shorter n-gram counts once for each different token before it.
            keys, counts = np.unique(keys % size**length, return_counts=True)
            tables.append(_table(keys, counts, size))
        return cls(representation, tuple(reversed(tables)))

    def costs(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """What each token of a piece costs.

        Args:
            tokens: (N,), legal.

        Returns:
            (N,) nats, under n-grams of the longest kind.
        """
        size, legal = self.representation.vocabulary_size, self.representation.legal(tokens)
        contexts = _packed(tokens, len(self.tables), size) // size
        found = []
        for begin in range(0, len(tokens), _ROWS):
            rows = slice(begin, begin + _ROWS)
            chances = np.full(legal[rows].shape, 1.0 / size)
            for length, table in enumerate(self.tables):
                _mix(chances, table, contexts[rows] % size**length)
            chances *= legal[rows]
            picked = chances[np.arange(len(chances)), tokens[rows]]
            found.append(np.log(chances.sum(axis=1)) - np.log(picked))
        return np.concatenate([np.zeros(0), *found])


def _packed(tokens: NDArray[np.int64], order: int, size: int) -> NDArray[np.int64]:
    """Each token with those before it, as one number; START before the first."""
    padded = np.concatenate([np.full(order - 1, START, np.int64), tokens])
    packed = np.zeros(len(tokens), np.int64)
    for lag in range(order):
        packed = packed * size + padded[lag : lag + len(tokens)]
    return packed


def _table(keys: NDArray[np.int64], counts: NDArray[np.int64], size: int) -> _Table:
    contexts, starts = np.unique(keys // size, return_index=True)
    starts = np.append(starts, len(keys))
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    # Without n-grams that occur once or twice (a tiny corpus) there is nothing to estimate it from.
    discount = once / (once + 2 * twice) if once and twice else 0.5
    totals = np.add.reduceat(counts, starts[:-1])
    shares = (counts - discount) / np.repeat(totals, np.diff(starts))
    return _Table(contexts, starts, keys % size, shares, discount * np.diff(starts) / totals)


def _mix(chances: NDArray[np.float64], table: _Table, contexts: NDArray[np.int64]) -> None:
    """Replace the probabilities of shorter contexts by those of these, where they are known; in place."""
    places = np.minimum(np.searchsorted(table.contexts, contexts), len(table.contexts) - 1)
    rows = np.flatnonzero(table.contexts[places] == contexts)
    places = places[rows]
    chances[rows] *= table.left[places, None]
    firsts, lengths = table.starts[places], table.starts[places + 1] - table.starts[places]
    # The entries of all rows one after the other: each row's first entry, and how far into the row.
    offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    entries = np.repeat(firsts, lengths) + offsets
    chances[np.repeat(rows, lengths), table.followers[entries]] += table.shares[entries]
