"""Chorales that keep to a plan: the first constraint on them.

As in event_line.py, each promise is an invariant that holds after every cell; the constraints after this one narrow
what it offers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.compare.copy_guard import CopyGuard
from audio_lstm.music.request.voicing import Voicing
from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import END, FIRST_PITCH, REST, ChoraleCursor
from audio_lstm.music.writing.chorale_plan import ChoralePlan
from audio_lstm.music.writing.constraints import Constraint, Preferred, without_freezing, without_parallels
from audio_lstm.music.writing.copies import VoiceCopies
from audio_lstm.music.writing.loops import Loops
from audio_lstm.music.writing.sample import Writer

__all__ = ["PlannedChorale", "chorale_writer"]

_HIGHEST = 1 << 20
_PLENTY = 1 << 40


def chorale_writer(
    plan: ChoralePlan,
    batch: int,
    *,
    max_repeats: int | None = None,
    guard: CopyGuard | None = None,
    given: Sequence[Constraint[ChoraleCursor]] = (),
) -> Writer[ChoraleCursor]:
    """A writer of chorales under a plan. All of them are at the same cell.

    Args:
        plan: What is asked for.
        batch: How many chorales.
        max_repeats: For `LoopGuard`; None lets loops be.
        guard: What keeps copies out.
        given: Cells and chords that are given.

    Returns:
        The writer, at the beginning of all.
    """
    bar_tokens = plan.bar_steps * N_VOICES
    constraints: list[Constraint[ChoraleCursor]] = [PlannedChorale(plan, batch), *given]
    if guard is not None:
        constraints.append(VoiceCopies(plan, guard, batch))
    constraints += [Preferred(without_parallels, end=END), Preferred(without_freezing, end=END)]
    if max_repeats is not None:
        notes = (FIRST_PITCH, plan.grid.vocabulary_size)
        constraints.append(Loops(batch, max_repeats, notes=notes, bar_tokens=bar_tokens, end=END))
    return Writer(plan.grid.cursor(batch), constraints, planned=True, bar_tokens=bar_tokens)


class PlannedChorale(Constraint[ChoraleCursor]):
    """Chorales that keep to a plan.

    Args:
        plan: What is asked for.
        batch: How many chorales.
    """

    def __init__(self, plan: ChoralePlan, batch: int) -> None:
        self._plan = plan
        self._cell = 0
        self._held = np.zeros(batch, np.int64)  # what the voice that is to be written sang last
        self._n_notes = np.zeros(batch, np.int64)  # that have begun in the bar
        self._n_sounding = np.zeros(batch, np.int64)  # voices of the step
        self._lowest = np.full(batch, _HIGHEST)  # pitch of the step
        rest = _PLENTY if plan.rest_steps is None else plan.rest_steps
        self._rest_left = np.full((batch, N_VOICES), rest)  # 16ths for which each voice may still be silent
        self._resting = np.zeros((batch, N_VOICES), np.bool_)
        self._movable = plan.allowed.sum(axis=1) > 1

    def allowed(self, cursor: ChoraleCursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What keeps to the plan, (B, V): see `Constraint.allowed`."""
        n_steps, done = self._plan.n_steps, cursor.done
        if n_steps is not None and self._cell == n_steps * N_VOICES:
            done[:] = True
            allowed = np.zeros((len(done), self._plan.grid.vocabulary_size), np.bool_)
        else:
            allowed = self._promised()
        allowed[:, END] = self._may_end()
        allowed[done] = False
        allowed[done, END] = True
        return allowed & offered

    def push(self, cursor: ChoraleCursor, tokens: Sequence[int]) -> None:
        """Note what was written: see `Constraint.push`."""
        values, voice = np.array(tokens, np.int64), self._cell % N_VOICES
        self._n_notes += (values >= FIRST_PITCH) & (values != self._held)
        self._held = cursor.held
        self._n_sounding += values >= FIRST_PITCH
        pitches = np.where(values >= FIRST_PITCH, values, _HIGHEST)
        self._lowest = np.minimum(self._lowest, pitches)
        self._resting[:, voice] = values == REST
        self._rest_left[:, voice] -= values == REST
        self._cell += 1
        if self._cell % N_VOICES == 0:
            self._n_sounding[:] = 0
            self._lowest[:] = _HIGHEST
        if self._cell % (self._plan.bar_steps * N_VOICES) == 0:
            self._n_notes[:] = 0

    def fork(self, cursor: ChoraleCursor, rows: Sequence[int]) -> None:
        """See `Constraint.fork`."""
        for name in ("_held", "_n_notes", "_n_sounding", "_lowest", "_rest_left", "_resting"):
            setattr(self, name, getattr(self, name)[list(rows)])

    def _may_end(self) -> bool:
        """Whether the model may end a piece whose length is its own affair; mid-bar too, as after an upbeat."""
        plan = self._plan
        step, voice = divmod(self._cell, N_VOICES)
        whole = plan.wishes.density is None or step % plan.bar_steps == 0
        return plan.n_steps is None and voice == 0 and whole and step >= plan.min_bars * plan.bar_steps

    def _promised(self) -> NDArray[np.bool_]:
        """What keeps all promises, (B, V), never nothing."""
        plan = self._plan
        step, voice = divmod(self._cell, N_VOICES)
        batch, rows = len(self._n_notes), np.arange(len(self._n_notes))
        allowed = np.tile(plan.allowed[voice], (batch, 1))
        allowed[:, REST] = True
        held = self._held
        voicing = plan.first if step == 0 else None
        in_final = plan.last is not None and plan.n_steps is not None and step >= plan.n_steps - plan.bar_steps
        if in_final and plan.n_steps is not None and step > plan.n_steps - plan.bar_steps:
            return self._held_only(held)
        if in_final:
            voicing = plan.last
        if voicing is not None:
            allowed = self._voiced(voicing, voice)
        allowed[:, REST] &= self._may_rest(voice, in_final=in_final)
        if plan.n_steps is not None and voice == 0 and step >= plan.n_steps - plan.bar_steps and not in_final:
            allowed[:, REST] = False  # or a piece that ends in silence would be shorter than it was to be
        self._limit_sounding(allowed, voicing, voice)
        owed = self._owed(voice)
        full = self._n_notes + 1 + owed > plan.high
        if full.any():  # nothing but what sounds already may go on
            stays = np.zeros_like(allowed)
            stays[rows, held] = allowed[rows, held]
            stays[:, REST] = allowed[:, REST]
            allowed[full] = stays[full]
        if plan.low and not in_final:
            self._force_notes(allowed, voice, held)
        return allowed

    def _held_only(self, held: NDArray[np.int64]) -> NDArray[np.bool_]:
        allowed = np.zeros((len(held), self._plan.grid.vocabulary_size), np.bool_)
        allowed[np.arange(len(held)), held] = True
        return allowed

    def _voiced(self, voicing: Voicing, voice: int) -> NDArray[np.bool_]:
        """The tones of a sonority that a voice may sing, (B, V)."""
        low = self._plan.grid.low
        allowed = np.zeros((len(self._lowest), self._plan.grid.vocabulary_size), np.bool_)
        for row, lowest in enumerate(self._lowest.tolist()):
            tones = voicing.allowed(voice, lowest - FIRST_PITCH + low)
            allowed[row, [FIRST_PITCH + pitch - low for pitch in tones]] = True
        allowed[:, REST] = voice not in voicing.required
        return allowed

    def _may_rest(self, voice: int, *, in_final: bool) -> NDArray[np.bool_]:
        """Whether the voice may be silent, (B,): its share of rests, and the notes of the bar, must allow it."""
        plan = self._plan
        left = self._rest_left[:, voice]
        if plan.rest_steps is None:
            return np.ones(len(left), np.bool_)
        if in_final:
            return left >= plan.bar_steps
        # A voice that is silent and cannot stay so to the end of the bar owes it a note.
        owes = left - 1 < self._steps_left() - 1
        may: NDArray[np.bool_] = (left > 0) & (~owes | (self._n_notes + self._owed(voice) + 1 <= plan.high))
        return may

    def _steps_left(self) -> int:
        """Steps of the bar from this one on."""
        return self._plan.bar_steps - self._cell // N_VOICES % self._plan.bar_steps

    def _owed(self, voice: int) -> NDArray[np.int64]:
        """How many other voices have to begin a note before the bar is over, (B,)."""
        plan = self._plan
        if plan.wishes.density is None or plan.rest_steps is None:
            return np.zeros(len(self._n_notes), np.int64)
        if self._cell < N_VOICES:  # nobody sounds yet
            later = np.arange(N_VOICES) > voice
            return np.full(len(self._n_notes), int(later.sum())) + self._owing(voice, later=False)
        return self._owing(voice, later=True)

    def _owing(self, voice: int, *, later: bool) -> NDArray[np.int64]:
        steps = self._steps_left() - (np.arange(N_VOICES) < voice)  # in which each voice has yet to be written
        owing = self._resting & (self._rest_left < steps)
        owing[:, voice] = False
        if not later:
            owing[:, voice:] = False
        counts: NDArray[np.int64] = owing.sum(axis=1)
        return counts

    def _limit_sounding(self, allowed: NDArray[np.bool_], voicing: Voicing | None, voice: int) -> None:
        """No more voices at once than asked for; one is kept free for each that has to sound, (B, V) in place."""
        plan = self._plan
        if plan.cap >= N_VOICES:
            return
        waiting = len([part for part in voicing.required if part > voice]) if voicing else 0
        full = self._n_sounding + 1 + waiting > plan.cap
        allowed[full] = False
        allowed[full, REST] = True

    def _force_notes(self, allowed: NDArray[np.bool_], voice: int, held: NDArray[np.int64]) -> None:
        """Where only as many cells are left as notes are missing, each has to begin one, (B, V) in place."""
        plan = self._plan
        if not self._movable[voice]:
            return
        later_steps = (self._steps_left() - 1) * min(plan.cap, int(self._movable.sum()))
        here = np.minimum(plan.cap - self._n_sounding, int(self._movable[voice:].sum()))
        forced = (self._n_notes + later_steps + here <= plan.low) & (here > 0)
        rows = np.flatnonzero(forced)
        allowed[rows, held[rows]] = False
        allowed[rows, REST] = False
