"""A batch of event pieces that are being written under a plan: a `Writer` for `sample.write_steps`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.compare.copy_guard import CopyGuard, GuardedLine
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.writing.event_line import EventLine, EventTokens
from audio_lstm.music.writing.event_plan import EventPlan
from audio_lstm.music.writing.loops import LoopGuard
from audio_lstm.music.writing.moving_on import moved_on

__all__ = ["EventWriter"]

_NEVER = np.float32(-1e9)
"""A score that is finite, and is drawn only where nothing else may come."""


class EventWriter:
    """Where the pieces stand, and which tokens may come next.

    Args:
        plan: The rules.
        batch: How many pieces.
        max_repeats: For `LoopGuard`; None lets loops be.
        guard: What keeps copies out.
    """

    def __init__(
        self, plan: EventPlan, batch: int, *, max_repeats: int | None = None, guard: CopyGuard | None = None
    ) -> None:
        self.vocabulary = plan.vocabulary
        tokens = EventTokens(plan)
        pieces = plan.vocabulary.cursor(batch).pieces
        self._first_note, self._last_note = tokens.first[Kind.PITCH], tokens.first[Kind.VELOCITY] - 1
        self._first = tokens.first
        self.lines = [EventLine(plan, tokens, piece) for piece in pieces]
        self._loops = [LoopGuard(max_repeats) if max_repeats else None for _ in pieces]
        self._copies = [_GuardedParts(guard, line) if guard else None for line in self.lines]

    @property
    def done(self) -> list[bool]:
        """Which pieces have ended."""
        return [line.done for line in self.lines]

    @property
    def held(self) -> None:
        """Nothing: events say how long a note lasts when it begins."""
        return None

    @property
    def n_bars(self) -> int:
        """How many bars every piece has begun."""
        return min(line.piece.bar for line in self.lines) + 1

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        return np.array([line.piece.columns() for line in self.lines], dtype=np.int64)

    def choices(self) -> list[NDArray[np.int64]]:
        """The tokens that may come next in each piece, ascending."""
        offered = []
        for line, copies in zip(self.lines, self._copies, strict=True):
            tokens = line.choices()
            offered.append(tokens if copies is None else copies.without(tokens))
        return offered

    def weighed(self, logits: NDArray[np.float32], choices: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """The scores, with what is forbidden of moving on handed to what is left (see `moved_on`), and loops broken.

        A note that would go on with a loop is no longer drawn, unless promises or filters leave no other.

        Args:
            logits: (B, V) as the model gives them.
            choices: Of each piece, ascending.

        Returns:
            (B, V).
        """
        found = logits
        for row, (line, loops, tokens) in enumerate(zip(self.lines, self._loops, choices, strict=True)):
            if len(tokens) < 2:
                continue
            again = loops.forbidden if loops is not None else -1
            changed = None
            if line.may_move_on:
                position, bar_steps = line.piece.position, line.bar_steps
                changed = moved_on(logits[row], tokens, self._first, position=position, bar_steps=bar_steps)
            loops_on = self._first_note <= again <= self._last_note
            if changed is not None or loops_on:
                found = logits.copy() if found is logits else found
            if changed is not None:
                found[row, changed[0]] = changed[1]
            if loops_on:
                found[row, again] = _NEVER
        return found

    def push(self, tokens: Sequence[int]) -> None:
        """Append one token to each piece.

        Args:
            tokens: One of the choices of each.
        """
        for line, loops, copies, token in zip(self.lines, self._loops, self._copies, tokens, strict=True):
            line.push(token)
            if copies is not None:
                copies.push(token)
            if loops is not None:
                if token == self._first[Kind.BAR]:
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
        self._copies = [self._copies[row] for row in rows]


class _GuardedParts:
    """The guarded lines of one piece: one a part, told the highest note of each of its onsets."""

    def __init__(self, guard: CopyGuard, line: EventLine) -> None:
        self._guard, self._line = guard, line
        self._parts: dict[int, GuardedLine] = {}
        self._pending = (-1, -1)  # the part that is being written, and its highest note so far

    def without(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tokens but for pitches that would go on with a copy."""
        first = self._line.first_pitch
        part = self._line.piece.track
        if part < 0 or not first <= tokens[-1] < first + 128 or self._line.is_final:
            return tokens
        forbidden = self._of(part).forbidden()
        if not forbidden:
            return tokens
        return tokens[~np.isin(tokens, [first + pitch for pitch in forbidden])]

    def push(self, token: int) -> None:
        """Note what has been written."""
        first = self._line.first_pitch
        if first <= token < first + 128:
            self._pending = (self._line.piece.track, token - first)
        elif self._pending[0] >= 0 and self._line.piece.track != self._pending[0]:  # its onset is complete
            self._close()

    def _close(self) -> None:
        part, pitch = self._pending
        self._of(part).push(pitch)
        self._pending = (-1, -1)

    def _of(self, part: int) -> GuardedLine:
        return self._parts.setdefault(part, self._guard.line())
