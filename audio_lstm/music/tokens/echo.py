"""Echoes: whether the last steps of a piece repeat an earlier passage, and what came next there.

Truncated back-propagation cannot teach an LSTM to copy from hundreds of steps back, but a lookup can tell it
what it wrote after the same passage before (the context match of prediction by partial matching, Cleary and
Witten 1984). The answer depends on the past alone, so a likelihood conditioned on it stays exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.tokens.representation import START

__all__ = ["ECHO_STEPS", "N_LENGTHS", "Echo", "echo_columns"]

ECHO_STEPS = 8
"""A passage counts as a repeat once two beats of 16ths agree; on jsb16 it then goes on in 92 % of steps."""
N_LENGTHS = 4
"""The values of `Echo.length`."""


class Echo:
    """Follows one piece, a token at a time.

    An echo goes on while it foretells each token; when it fails, the latest place where the last 8 steps
    occurred takes over, if there is one.
    """

    def __init__(self, *, cells_per_step: int) -> None:
        """Starts an empty piece.

        Args:
            cells_per_step: tokens a step, as the voices of a chorale; an echo stays in its own voice.
        """
        self._cells_per_step = cells_per_step
        self._cells: list[int] = []
        self._seen: dict[tuple[int, ...], int] = {}
        self._pointer = -1  # the cell that foretells the next one
        self._n_cells = 0  # how many cells agree up to now

    def copy(self) -> Echo:
        """The same piece once more, to go on in another way."""
        twin = Echo(cells_per_step=self._cells_per_step)
        twin._cells, twin._seen = self._cells.copy(), self._seen.copy()
        twin._pointer, twin._n_cells = self._pointer, self._n_cells
        return twin

    def push(self, token: int) -> None:
        """Append one cell.

        Args:
            token: any integer.
        """
        window = ECHO_STEPS * self._cells_per_step
        agrees = self._pointer >= 0 and self._cells[self._pointer] == token
        self._cells.append(token)
        n = len(self._cells)
        if n < window:
            return
        # The place within the step is part of the key: a soprano must not foretell an alto.
        key = (n % self._cells_per_step, *self._cells[n - window :])
        if agrees:
            self._pointer, self._n_cells = self._pointer + 1, self._n_cells + 1
        else:
            self._pointer = self._seen.get(key, -1)
            self._n_cells = window if self._pointer >= 0 else 0
        self._seen[key] = n

    def token(self) -> int:
        """What followed the earlier passage; START without one."""
        return self._cells[self._pointer] if self._pointer >= 0 else START

    def length(self) -> int:
        """How sure that is: 0 = no echo; 1, 2, 3 = the passages agree in at least 8, 16, 32 steps."""
        n_steps = self._n_cells // self._cells_per_step
        return sum(n_steps >= bound for bound in (ECHO_STEPS, 2 * ECHO_STEPS, 4 * ECHO_STEPS))


def echo_columns(tokens: NDArray[np.int64], *, cells_per_step: int) -> NDArray[np.int64]:
    """What `Echo` says before each token of a piece.

    Args:
        tokens: (N,).
        cells_per_step: see `Echo`.

    Returns:
        (2, N) int64: the token that it foretells, and its length; column t depends on tokens[:t] alone.
    """
    echo = Echo(cells_per_step=cells_per_step)
    foretold, lengths = [], []
    for token in tokens.tolist():
        foretold.append(echo.token())
        lengths.append(echo.length())
        echo.push(token)
    return np.array([foretold, lengths], dtype=np.int64).reshape(2, -1)
