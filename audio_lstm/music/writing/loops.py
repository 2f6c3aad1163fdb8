"""A guard against loops: a model that has begun to write the same bars for ever is led out of them.

A loop is a passage of one, two or four bars that has been written `max_repeats` times in a row, to the last token. In
the bar that would repeat it once more, the first note that would be the same again may not come (where another one
may). What repeats less often, or with any change, is music, and left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.tokens.representation import Cursor, forked
from audio_lstm.music.writing.constraints import Constraint

__all__ = ["LoopGuard", "Loops"]

_PERIODS = (1, 2, 4)  # bars
_NOTHING: tuple[int, ...] = ()


class LoopGuard:
    """Follows one piece, a token at a time.

    Args:
        max_repeats: How often a passage may stand in a row.

    Raises:
        ConfigError: It is less than 1.
    """

    def __init__(self, max_repeats: int) -> None:
        if max_repeats < 1:
            raise ConfigError(f"max_repeats must be >= 1, or None for any number, got {max_repeats}")
        self._max_repeats = max_repeats
        self._bars: list[tuple[int, ...]] = []  # the last ones, as many as the longest loop has
        self._bar: list[int] = []  # the one that is being written
        self._again: tuple[int, ...] = _NOTHING  # the bar that may not come again, while this one is like it

    def copy(self) -> LoopGuard:
        """The same piece once more, to go on in another way."""
        twin = LoopGuard(self._max_repeats)
        twin._bars, twin._bar, twin._again = self._bars.copy(), self._bar.copy(), self._again
        return twin

    @property
    def forbidden(self) -> int:
        """The token that would go on with the loop, if it is a note; -1 where there is no loop."""
        place = len(self._bar)
        return self._again[place] if place < len(self._again) else -1

    def push(self, token: int) -> None:
        """Append a token of the bar that is being written.

        Args:
            token: Its id.
        """
        if self._again and (len(self._bar) >= len(self._again) or self._again[len(self._bar)] != token):
            self._again = _NOTHING
        self._bar.append(token)

    def begin_bar(self) -> None:
        """A bar is over and the next one begins."""
        bars = self._bars
        bars.append(tuple(self._bar))
        self._bar.clear()
        del bars[: -max(_PERIODS) * self._max_repeats]
        self._again = _NOTHING
        for period in _PERIODS:
            n = period * self._max_repeats
            if len(bars) >= n and all(bars[-i] == bars[-i - period] for i in range(1, n - period + 1)):
                self._again = bars[-period]
                return


class Loops(Constraint[Cursor]):
    """Pieces that are led out of their loops, where any other way is left: the last constraint of all.

    Args:
        batch: How many pieces.
        max_repeats: As for `LoopGuard`.
        notes: The first token of a note, and the first one after those.
        bar: The token with which a bar begins, which is no part of it; None where bars have equally many tokens.
        bar_tokens: So many.
        end: A token that is no other way: the end of a chorale.
    """

    def __init__(
        self,
        batch: int,
        max_repeats: int,
        *,
        notes: tuple[int, int],
        bar: int | None = None,
        bar_tokens: int = 0,
        end: int | None = None,
    ) -> None:
        self._guards = [LoopGuard(max_repeats) for _ in range(batch)]
        self._notes, self._bar, self._bar_tokens, self._end = notes, bar, bar_tokens, end
        self._n_written = 0

    def allowed(self, cursor: Cursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What does not go on with a loop, (B, V): see `Constraint.allowed`."""
        found, (low, high) = offered, self._notes
        for row, guard in enumerate(self._guards):
            again = guard.forbidden
            if low <= again < high and offered[row, again]:
                n_left = offered[row].sum() - (offered[row, self._end] if self._end is not None else 0)
                if n_left > 1:
                    found = offered.copy() if found is offered else found
                    found[row, again] = False
        return found

    def push(self, cursor: Cursor, tokens: Sequence[int]) -> None:
        """Note what was written: see `Constraint.push`."""
        self._n_written += 1
        begins = self._bar is None and self._n_written % self._bar_tokens == 0
        for guard, token in zip(self._guards, tokens, strict=True):
            if token == self._bar:
                guard.begin_bar()
                continue
            guard.push(token)
            if begins:
                guard.begin_bar()

    def fork(self, cursor: Cursor, rows: Sequence[int]) -> None:
        """See `Constraint.fork`."""
        self._guards = forked(self._guards, rows)
