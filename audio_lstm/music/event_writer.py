"""A batch of event pieces that are being written under a plan: the `Writer` of `sample.write_pieces`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.event_grammar import Kind
from audio_lstm.music.event_line import EventLine, EventTokens
from audio_lstm.music.event_plan import EventPlan
from audio_lstm.music.loops import LoopGuard

__all__ = ["EventWriter"]


class EventWriter:
    """Where the pieces stand, and which tokens may come next.

    Args:
        plan: The rules.
        batch: How many pieces.
        max_repeats: For `LoopGuard`; None lets loops be.
    """

    def __init__(self, plan: EventPlan, batch: int, *, max_repeats: int | None = None) -> None:
        tokens = EventTokens(plan)
        pieces = plan.vocabulary.cursor(batch).pieces
        self._first_note, self._last_note = tokens.first[Kind.PITCH], tokens.first[Kind.VELOCITY] - 1
        self._bar = tokens.first[Kind.BAR]
        self.lines = [EventLine(plan, tokens, piece) for piece in pieces]
        self._loops = [LoopGuard(max_repeats) if max_repeats else None for _ in pieces]

    @property
    def done(self) -> list[bool]:
        """Which pieces have ended."""
        return [line.done for line in self.lines]

    @property
    def held(self) -> None:
        """Nothing: events say how long a note lasts when it begins."""
        return None

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        return np.array([line.piece.columns() for line in self.lines], dtype=np.int64)

    def choices(self) -> list[NDArray[np.int64]]:
        """The tokens that may come next in each piece, ascending."""
        offered = []
        for line, loops in zip(self.lines, self._loops, strict=True):
            tokens = line.choices()
            if loops is not None:
                again = loops.forbidden
                if self._first_note <= again <= self._last_note and len(tokens) > 1:
                    tokens = tokens[tokens != again]
            offered.append(tokens)
        return offered

    def push(self, tokens: Sequence[int]) -> None:
        """Append one token to each piece.

        Args:
            tokens: One of the choices of each.
        """
        for line, loops, token in zip(self.lines, self._loops, tokens, strict=True):
            line.push(token)
            if loops is not None:
                if token == self._bar:
                    loops.begin_bar()
                else:
                    loops.push(token)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only.

        Args:
            rows: Their places in the batch, ascending.
        """
        self.lines = [self.lines[row] for row in rows]
        self._loops = [self._loops[row] for row in rows]
