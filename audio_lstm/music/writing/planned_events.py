"""Pieces of events that keep to a plan: the first constraint on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.compare.copy_guard import CopyGuard
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.writing.constraints import Constraint
from audio_lstm.music.writing.copies import PartCopies
from audio_lstm.music.writing.event_line import EventLine, EventTokens
from audio_lstm.music.writing.event_moves import moved_on
from audio_lstm.music.writing.event_plan import EventPlan
from audio_lstm.music.writing.loops import Loops
from audio_lstm.music.writing.sample import Writer

__all__ = ["PlannedEvents", "event_writer"]


def event_writer(
    plan: EventPlan,
    batch: int,
    *,
    max_repeats: int | None = None,
    guard: CopyGuard | None = None,
    given: Sequence[Constraint[EventCursor]] = (),
) -> Writer[EventCursor]:
    """A writer of pieces of events under a plan.

    Args:
        plan: What is asked for.
        batch: How many pieces.
        max_repeats: For `LoopGuard`; None lets loops be.
        guard: What keeps copies out.
        given: Tokens and chords that are given.

    Returns:
        The writer, at the beginning of all.
    """
    cursor, first = plan.vocabulary.cursor(batch), [int(start) for start in plan.vocabulary.layout.first]
    constraints: list[Constraint[EventCursor]] = [PlannedEvents(plan, cursor)]
    if guard is not None:
        constraints.append(PartCopies(plan, guard, batch))
    constraints += given
    if max_repeats is not None:
        notes = (first[Kind.PITCH], first[Kind.VELOCITY])
        constraints.append(Loops(batch, max_repeats, notes=notes, bar=first[Kind.BAR]))
    return Writer(cursor, constraints, planned=True)


class PlannedEvents(Constraint[EventCursor]):
    """Pieces that keep to a plan.

    Args:
        plan: What is asked for.
        cursor: Where the pieces stand.
    """

    def __init__(self, plan: EventPlan, cursor: EventCursor) -> None:
        tokens = EventTokens(plan)
        self._first = tokens.first
        self._lines = [EventLine(plan, tokens, piece) for piece in cursor.pieces]

    def allowed(self, cursor: EventCursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What keeps to the plan, (B, V): see `Constraint.allowed`."""
        allowed = np.zeros((len(self._lines), self._first[-1]), np.bool_)
        for row, line in zip(allowed, self._lines, strict=True):
            row[line.choices()] = True
        return allowed & offered

    def reweigh(
        self, cursor: EventCursor, logits: NDArray[np.float32], choices: Sequence[NDArray[np.int64]]
    ) -> NDArray[np.float32]:
        """What is forbidden of moving on hands its probability to what is left, (B, V): see `moved_on`."""
        found = logits
        for row, (line, tokens) in enumerate(zip(self._lines, choices, strict=True)):
            if len(tokens) < 2 or not line.may_move_on:
                continue
            piece = line.piece
            changed = moved_on(logits[row], tokens, self._first, position=piece.position, bar_steps=piece.bar_steps)
            if changed is not None:
                found = logits.copy() if found is logits else found
                found[row, changed[0]] = changed[1]
        return found

    def push(self, cursor: EventCursor, tokens: Sequence[int]) -> None:
        """Note what was written: see `Constraint.push`."""
        for line in self._lines:
            line.push()

    def fork(self, cursor: EventCursor, rows: Sequence[int]) -> None:
        """See `Constraint.fork`."""
        self._lines = [self._lines[row].copy(piece) for row, piece in zip(rows, cursor.pieces, strict=True)]
