"""A guard against loops: a model that has begun to write the same bars for ever is led out of them.

A loop is a passage of one, two or four bars that has been written `max_repeats` times in a row, to the last token. In
the bar that would repeat it once more, the first note that would be the same again may not come (where another one
may). What repeats less often, or with any change, is music, and left alone.
"""

from __future__ import annotations

from audio_lstm.errors import ConfigError

__all__ = ["LoopGuard"]

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
