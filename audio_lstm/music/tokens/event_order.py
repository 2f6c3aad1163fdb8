"""The tokens of a piece put into the order of the event grammar (events.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["OrderedTokens"]


class OrderedTokens:
    """Tokens gathered by kind, given back in the order of the grammar: tick, rank, track; notes after all others."""

    def __init__(self) -> None:
        self._keys: list[NDArray[np.int64]] = []
        self._tokens: list[NDArray[np.int64]] = []

    def add(self, ticks: Any, rank: int, tokens: NDArray[np.int64], track: Any = 0) -> None:
        """Gather the tokens of one kind.

        Args:
            ticks: (n,) grid steps, below 2^28.
            rank: of the kind among those of one tick, 0..7.
            tokens: (n,).
            track: (n,) below 256, or one for all; orders what has the same tick and rank.
        """
        self._keys.append((np.asarray(ticks, dtype=np.int64) << 11) | (rank << 8) | np.asarray(track))
        self._tokens.append(tokens)

    def with_notes(self, new_part: NDArray[np.bool_], notes: NDArray[np.int64]) -> NDArray[np.int64]:
        """All tokens, and those of the notes, each after the TRACK token of its part.

        Args:
            new_part: (n,) whether a note is the first of its track at its tick; the tokens that were added last are
                the TRACKs of these, in their order.
            notes: (n, k) the tokens of each note, by tick, track and pitch.

        Returns:
            (N,) int64.
        """
        keys = np.concatenate(self._keys)
        order = np.argsort(keys, kind="stable")
        rank = np.empty(len(keys), np.int64)
        rank[order] = np.arange(len(keys))
        n_parts, width = int(new_part.sum()), notes.shape[1]
        before = 1 + rank[len(keys) - n_parts :][np.cumsum(new_part) - 1]  # tokens that are no note's, up to the TRACK
        tokens = np.empty(len(keys) + notes.size, np.int64)
        free = np.ones(len(tokens), np.bool_)
        places = (width * np.arange(len(notes)) + before)[:, None] + np.arange(width)
        tokens[places], free[places] = notes, False
        tokens[free] = np.concatenate(self._tokens)[order]
        return tokens
