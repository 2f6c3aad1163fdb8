"""Copies kept out of pieces that are being written: `CopyGuard` as constraints of chorales and of events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.compare.copy_guard import CopyGuard, GuardedLine
from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import FIRST_PITCH, ChoraleCursor
from audio_lstm.music.tokens.event_cursor import EventCursor, EventPiece
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.representation import forked
from audio_lstm.music.writing.chorale_plan import ChoralePlan
from audio_lstm.music.writing.constraints import Constraint
from audio_lstm.music.writing.event_plan import EventPlan

__all__ = ["PartCopies", "VoiceCopies"]


class _Lines(dict[int, GuardedLine]):
    """The lines of one piece by voice or part."""

    pending = (-1, -1)  # the part that is being written, and its highest note so far

    def copy(self) -> _Lines:
        twin = _Lines({number: line.copy() for number, line in self.items()})
        twin.pending = self.pending
        return twin


class VoiceCopies(Constraint[ChoraleCursor]):
    """No voice of a chorale goes on with a copy; what is asked for in the last bar may be the one note in hand.

    Args:
        plan: What else is asked for.
        guard: What keeps copies out.
        batch: How many chorales.
    """

    def __init__(self, plan: ChoralePlan, guard: CopyGuard, batch: int) -> None:
        self._plan, self._cell = plan, 0
        self._lines = [_Lines({voice: guard.line() for voice in range(N_VOICES)}) for _ in range(batch)]

    def allowed(self, cursor: ChoraleCursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What goes on with no copy, (B, V); never without the pitch that the voice sang last."""
        plan, found = self._plan, offered
        step, voice = divmod(self._cell, N_VOICES)
        if plan.last is not None and plan.n_steps is not None and step >= plan.n_steps - plan.bar_steps:
            return offered
        for row, lines in enumerate(self._lines):
            forbidden = [FIRST_PITCH + pitch for pitch in lines[voice].forbidden()]
            forbidden = [token for token in forbidden if token < offered.shape[1]]
            if forbidden and offered[row].sum() > 1:
                found = offered.copy() if found is offered else found
                found[row, forbidden] = False
        return found

    def push(self, cursor: ChoraleCursor, tokens: Sequence[int]) -> None:
        """Note the pitches: see `Constraint.push`."""
        for lines, token in zip(self._lines, tokens, strict=True):
            if token >= FIRST_PITCH:
                lines[self._cell % N_VOICES].push(token - FIRST_PITCH)
        self._cell += 1

    def fork(self, cursor: ChoraleCursor, rows: Sequence[int]) -> None:
        """See `Constraint.fork`."""
        self._lines = forked(self._lines, rows)


class PartCopies(Constraint[EventCursor]):
    """No part of a piece of events goes on with a copy: of each of its onsets the highest note counts.

    Args:
        plan: What else is asked for.
        guard: What keeps copies out.
        batch: How many pieces.
    """

    def __init__(self, plan: EventPlan, guard: CopyGuard, batch: int) -> None:
        self._plan, self._guard = plan, guard
        self._first = int(plan.vocabulary.layout.first[Kind.PITCH])
        self._lines = [_Lines() for _ in range(batch)]

    def allowed(self, cursor: EventCursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What goes on with no copy, (B, V)."""
        first, found = self._first, offered
        for row, (piece, lines) in enumerate(zip(cursor.pieces, self._lines, strict=True)):
            may_begin = piece.track >= 0 and not self._plan.is_final(piece.bar)
            if not may_begin or not offered[row, first : first + 128].any():
                continue
            forbidden = self._line(lines, piece.track).forbidden()
            if forbidden:
                found = offered.copy() if found is offered else found
                found[row, [first + pitch for pitch in forbidden]] = False
        return found

    def push(self, cursor: EventCursor, tokens: Sequence[int]) -> None:
        """Note the highest note of each onset, once it is complete: see `Constraint.push`."""
        for piece, lines, token in zip(cursor.pieces, self._lines, tokens, strict=True):
            self._note(piece, lines, token)

    def fork(self, cursor: EventCursor, rows: Sequence[int]) -> None:
        """See `Constraint.fork`."""
        self._lines = forked(self._lines, rows)

    def _note(self, piece: EventPiece, lines: _Lines, token: int) -> None:
        part, pitch = lines.pending
        if self._first <= token < self._first + 128:
            lines.pending = (piece.track, token - self._first)
        elif part >= 0 and piece.track != part:
            self._line(lines, part).push(pitch)
            lines.pending = (-1, -1)

    def _line(self, lines: _Lines, part: int) -> GuardedLine:
        return lines.setdefault(part, self._guard.line())
