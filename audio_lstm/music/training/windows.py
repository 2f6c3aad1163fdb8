"""Windows for truncated back-propagation through time: pieces laid end to end in parallel rows, cut alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.tokens.representation import START, Representation

__all__ = ["Augment", "BPTTWindows", "Window"]

Augment = Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.int64]]
"""What an epoch does to the tokens of a piece, for instance `augment.random_transposition`; never in place."""


@dataclass(frozen=True)
class Window:
    """One step of training: B rows, each a stretch of L tokens of one piece.

    The state of the previous window is carried into each row, except where `reset` says that a piece begins.
    """

    columns: NDArray[np.int64]  # (B, L, K), the input; 0 in the padding
    targets: NDArray[np.int64]  # (B, L), the tokens to predict; START in the padding
    legal: NDArray[np.bool_]  # (B, L, V); all True in the padding, so that its softmax stays finite
    weights: NDArray[np.float32]  # (B, L), 1 for a token, 0 for padding
    lengths: NDArray[np.int64]  # (B,), tokens in each row; 0 where a row has run out of pieces
    reset: NDArray[np.bool_]  # (B,), whether the row begins a new piece: its state starts from zero
    names: tuple[str, ...]  # (B,), the piece in each row, "" for none: for error messages

    @property
    def n_tokens(self) -> int:
        """How many tokens the window predicts."""
        return int(self.lengths.sum())


@dataclass(frozen=True)
class _Plan:
    """An epoch: the pieces as they are sung this time, and which stretch of which piece each row holds."""

    epoch: int
    tokens: tuple[NDArray[np.int64], ...]
    rows: NDArray[np.int64]  # (n_windows, B, 2): piece (-1 = none) and its first token


class BPTTWindows:
    """The windows of every epoch, as a pure function of (seed, epoch, index).

    In each epoch the pieces are passed through `augment` and dealt out at random to rows of about the same length, in
    random order. A row walks through its piece window by window; what is left of a window when the piece ends is
    padding, and the next window begins another piece. Nothing depends on which windows were asked for before,
    so that a run can be resumed anywhere; the last epoch's plan and the pieces in hand are kept for speed.
    """

    def __init__(
        self,
        pieces: Sequence[NDArray[np.int64]],
        representation: Representation,
        *,
        batch_size: int,
        window: int,
        seed: int,
        names: Sequence[str] | None = None,
        augment: Augment | None = None,
    ) -> None:
        """Takes the pieces; nothing is computed yet.

        Args:
            pieces: the tokens of each piece, (N,) int64.
            representation: gives each piece its columns and legal tokens.
            batch_size: rows (B).
            window: tokens a row (L).
            seed: of the shuffling and of `augment`.
            names: one a piece, for error messages; numbers if None.
            augment: what each epoch does to each piece.

        Raises:
            ConfigError: batch_size or window below 1.
            DataError: no pieces, an empty piece, or names that do not fit.
        """
        if batch_size < 1 or window < 1:
            raise ConfigError(f"batch_size and window must be >= 1, got {batch_size} and {window}")
        self._pieces = tuple(np.asarray(piece, dtype=np.int64) for piece in pieces)
        self._names = tuple(names) if names is not None else tuple(f"piece {i}" for i in range(len(pieces)))
        if not self._pieces:
            raise DataError("no pieces to train on")
        if len(self._names) != len(self._pieces):
            raise DataError(f"{len(self._names)} names for {len(self._pieces)} pieces")
        for name, piece in zip(self._names, self._pieces, strict=True):
            if piece.size == 0:
                raise DataError(f"{name} has no tokens; leave it out")
        self._representation = representation
        self._batch_size, self._window, self._seed, self._augment = batch_size, window, seed, augment
        self._plan: _Plan | None = None
        # The columns and legal tokens of the pieces of the last window: at most B of them.
        self._in_hand: dict[int, tuple[NDArray[np.int64], NDArray[np.bool_]]] = {}

    def n_windows(self, epoch: int) -> int:
        """How many windows the epoch has; it differs between epochs, as pieces fall into rows differently.

        Args:
            epoch: from 0.

        Returns:
            The count.
        """
        return len(self._planned(epoch).rows)

    def window(self, epoch: int, index: int) -> Window:
        """One window.

        Args:
            epoch: from 0.
            index: from 0; below `n_windows(epoch)`.

        Returns:
            The same arrays whenever it is asked for.

        Raises:
            IndexError: no such window in this epoch.
        """
        plan = self._planned(epoch)
        if not 0 <= index < len(plan.rows):
            raise IndexError(f"epoch {epoch} has the windows 0 to {len(plan.rows) - 1}, asked for {index}")
        batch, length = self._batch_size, self._window
        columns = np.zeros((batch, length, len(self._representation.column_sizes)), dtype=np.int64)
        targets = np.full((batch, length), START, dtype=np.int64)
        legal = np.ones((batch, length, self._representation.vocabulary_size), dtype=np.bool_)
        lengths = np.zeros(batch, dtype=np.int64)
        reset = np.zeros(batch, dtype=np.bool_)
        rows = plan.rows[index]
        self._take_in_hand(plan, {int(piece) for piece in rows[:, 0] if piece >= 0})
        for row, (piece, first) in enumerate(rows.tolist()):
            if piece < 0:
                continue
            stretch = slice(first, first + length)
            n = plan.tokens[piece][stretch].size
            targets[row, :n] = plan.tokens[piece][stretch]
            columns[row, :n], legal[row, :n] = (values[stretch] for values in self._in_hand[piece])
            lengths[row], reset[row] = n, first == 0
        weights = (np.arange(length) < lengths[:, None]).astype(np.float32)  # (B, L)
        names = tuple(self._names[piece] if piece >= 0 else "" for piece in rows[:, 0].tolist())
        return Window(columns, targets, legal, weights, lengths, reset, names)

    def _take_in_hand(self, plan: _Plan, wanted: set[int]) -> None:
        self._in_hand = {piece: values for piece, values in self._in_hand.items() if piece in wanted}
        for piece in sorted(wanted - set(self._in_hand)):
            tokens = plan.tokens[piece]
            self._in_hand[piece] = self._representation.columns(tokens), self._representation.legal(tokens)

    def _planned(self, epoch: int) -> _Plan:
        if self._plan is None or self._plan.epoch != epoch:
            self._in_hand = {}
            self._plan = self._make_plan(epoch)
        return self._plan

    def _make_plan(self, epoch: int) -> _Plan:
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self._pieces))
        tokens = self._pieces
        if self._augment is not None:
            tokens = tuple(
                np.asarray(self._augment(piece, np.random.default_rng([self._seed, epoch, i])), dtype=np.int64)
                for i, piece in enumerate(self._pieces)
            )
        n_windows = np.array([-(-piece.size // self._window) for piece in tokens])
        # The longest first, each to the row with the least: else an epoch ends with one long piece in one row.
        members: list[list[int]] = [[] for _ in range(self._batch_size)]
        load = np.zeros(self._batch_size, dtype=np.int64)
        for piece in order[np.argsort(-n_windows[order], kind="stable")].tolist():
            row = int(np.argmin(load))
            members[row].append(piece)
            load[row] += n_windows[piece]
        entries: list[tuple[int, int, int, int]] = []  # window, row, piece, first token
        for row, pieces in enumerate(members):
            begin = 0
            for piece in rng.permutation(pieces).tolist():
                starts = range(0, tokens[piece].size, self._window)
                entries += [(begin + i, row, piece, first) for i, first in enumerate(starts)]
                begin += len(starts)
        rows = np.full((int(load.max()), self._batch_size, 2), -1, dtype=np.int64)
        window, row_index, piece_index, first_token = np.array(entries, dtype=np.int64).T
        rows[window, row_index, 0], rows[window, row_index, 1] = piece_index, first_token
        return _Plan(epoch, tokens, rows)
