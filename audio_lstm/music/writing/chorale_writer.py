"""A batch of chorales that are being written under a plan: the `Writer` of `sample.write_steps`.

As in event_line.py, each promise is an invariant that holds after every cell; only then come the rules of style
(no parallels, no freezing), which give way where they would leave nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.compare.copy_guard import CopyGuard
from audio_lstm.music.request.voicing import Voicing
from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import END, FIRST_PITCH, REST
from audio_lstm.music.writing.chorale_given import ChoraleGiven
from audio_lstm.music.writing.chorale_plan import ChoralePlan
from audio_lstm.music.writing.constraints import without_freezing, without_parallels
from audio_lstm.music.writing.loops import LoopGuard

__all__ = ["ChoraleWriter"]

_HIGHEST = 1 << 20
_PLENTY = 1 << 40


class ChoraleWriter:
    """Where the chorales stand, and which cells may come next. All of them are at the same cell.

    Args:
        plan: The rules.
        batch: How many chorales.
        max_repeats: For `LoopGuard`; None lets loops be.
        guard: What keeps copies out.
        given: Cells and chords that are given.
    """

    def __init__(
        self,
        plan: ChoralePlan,
        batch: int,
        *,
        max_repeats: int | None = None,
        guard: CopyGuard | None = None,
        given: ChoraleGiven | None = None,
    ) -> None:
        self._plan, self._given = plan, given
        self.grid = plan.grid
        self._cursor = plan.grid.cursor(batch)
        self._loops = [LoopGuard(max_repeats) if max_repeats else None for _ in range(batch)]
        self._copies = [[guard.line() for _ in range(N_VOICES)] if guard else [] for _ in range(batch)]
        self._cell = 0
        self._n_notes = np.zeros(batch, np.int64)  # that have begun in the bar
        self._n_sounding = np.zeros(batch, np.int64)  # voices of the step
        self._lowest = np.full(batch, _HIGHEST)  # pitch of the step
        rest = _PLENTY if plan.rest_steps is None else plan.rest_steps
        self._rest_left = np.full((batch, N_VOICES), rest)  # 16ths for which each voice may still be silent
        self._resting = np.zeros((batch, N_VOICES), np.bool_)
        self._movable = plan.allowed.sum(axis=1) > 1

    @property
    def done(self) -> list[bool]:
        """Which chorales have ended."""
        done: list[bool] = self._cursor.done.tolist()
        return done

    @property
    def held(self) -> NDArray[np.int64]:
        """The pitch that the voice to be written sang last, (B,)."""
        return self._cursor.held

    @property
    def n_bars(self) -> int:
        """How many bars the chorales have begun."""
        return -(-self._cell // (self._plan.bar_steps * N_VOICES))

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each chorale, (B, K)."""
        return self._cursor.columns()

    def choices(self) -> list[NDArray[np.int64]]:
        """The tokens that may come next in each chorale."""
        n_steps = self._plan.n_steps
        if n_steps is not None and self._cell == n_steps * N_VOICES:
            return [np.array([END])] * len(self._n_notes)
        forced = self._given.forced(self._cell) if self._given else None
        if forced is not None:
            return [np.array([END if ended else forced]) for ended in self.done]
        allowed = self._promised()
        if self._given is not None:
            self._given.narrow(allowed, self._cell)
        self._keep_copies_out(allowed)
        for rule in (without_parallels, without_freezing):
            ruled = allowed & rule(self._cursor)
            has_choice = ruled.any(axis=1)
            allowed[has_choice] = ruled[has_choice]
        for row, loops in enumerate(self._loops):
            if loops is not None and loops.forbidden >= FIRST_PITCH and allowed[row].sum() > 1:
                allowed[row, loops.forbidden] = False
        allowed[:, END] = self._may_end()
        allowed[self._cursor.done] = False
        allowed[self._cursor.done, END] = True
        return [np.flatnonzero(row) for row in allowed]

    def weighed(self, logits: NDArray[np.float32], choices: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """The scores as they are, (B, V): a grid of time knows no other way to go on."""
        return logits

    def push(self, tokens: Sequence[int]) -> None:
        """Append one cell to each chorale.

        Args:
            tokens: One of the choices of each.
        """
        values, voice = np.array(tokens, np.int64), self._cell % N_VOICES
        if self._given is not None:
            self._given.push(tokens, self._cell)
        begins = (values >= FIRST_PITCH) & (values != self._cursor.held)
        self._cursor.push(values)
        self._n_notes += begins
        self._n_sounding += values >= FIRST_PITCH
        pitches = np.where(values >= FIRST_PITCH, values, _HIGHEST)
        self._lowest = np.minimum(self._lowest, pitches)
        for copies, token in zip(self._copies, values.tolist(), strict=True):
            if copies and token >= FIRST_PITCH:
                copies[voice].push(token - FIRST_PITCH)
        self._resting[:, voice] = values == REST
        self._rest_left[:, voice] -= values == REST
        self._cell += 1
        bar_cells = self._plan.bar_steps * N_VOICES
        for loops, token in zip(self._loops, values.tolist(), strict=True):
            if loops is not None:
                loops.push(token)
                if self._cell % bar_cells == 0:
                    loops.begin_bar()
        if self._cell % N_VOICES == 0:
            self._n_sounding[:] = 0
            self._lowest[:] = _HIGHEST
        if self._cell % bar_cells == 0:
            self._n_notes[:] = 0

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the chorales only; one that is named twice goes on twice.

        Args:
            rows: Their places in the batch.
        """
        chosen = list(rows)
        self._cursor.keep(chosen)
        if self._given is not None:
            self._given.keep(chosen)
        again = [row in chosen[:place] for place, row in enumerate(chosen)]
        loops = [self._loops[row] for row in chosen]
        self._loops = [guard.copy() if guard and twice else guard for guard, twice in zip(loops, again, strict=True)]
        lines = [self._copies[row] for row in chosen]
        self._copies = [
            [line.copy() for line in own] if twice else own for own, twice in zip(lines, again, strict=True)
        ]
        for name in ("_n_notes", "_n_sounding", "_lowest", "_rest_left", "_resting"):
            setattr(self, name, getattr(self, name)[chosen])

    def _may_end(self) -> bool:
        """Whether the model may end a piece whose length is its own affair; mid-bar too, as after an upbeat."""
        plan = self._plan
        step, voice = divmod(self._cell, N_VOICES)
        whole = plan.wishes.density is None or step % plan.bar_steps == 0
        given = self._given.n_steps if self._given else 0
        return plan.n_steps is None and voice == 0 and whole and step >= max(plan.min_bars * plan.bar_steps, given)

    def _promised(self) -> NDArray[np.bool_]:
        """What keeps all promises, (B, V), never nothing."""
        plan = self._plan
        step, voice = divmod(self._cell, N_VOICES)
        batch, rows = len(self._n_notes), np.arange(len(self._n_notes))
        allowed = np.tile(plan.allowed[voice], (batch, 1))
        allowed[:, REST] = True
        held = self._cursor.held
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

    def _keep_copies_out(self, allowed: NDArray[np.bool_]) -> None:
        """Forbid what would go on with a copy, (B, V) in place; never the pitch that a voice sang last."""
        n_steps, bar_steps = self._plan.n_steps, self._plan.bar_steps
        if self._plan.last is not None and n_steps is not None and self._cell // N_VOICES >= n_steps - bar_steps:
            return  # what is given may be the one note more that was kept in hand
        for row, copies in enumerate(self._copies):
            for pitch in copies[self._cell % N_VOICES].forbidden() if copies else ():
                if pitch + FIRST_PITCH < allowed.shape[1]:
                    allowed[row, pitch + FIRST_PITCH] = False

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
