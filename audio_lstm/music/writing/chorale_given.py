"""What is given of chorales, as constraints: cells that are written already, and chords to keep to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.chord_track import ChordTrack
from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import END, FIRST_PITCH, ChoraleCursor, ChoraleGrid
from audio_lstm.music.tokens.representation import START
from audio_lstm.music.writing.constraints import Constraint

__all__ = ["ChordTones", "GivenCells"]


class GivenCells(Constraint[ChoraleCursor]):
    """Cells that are written already, up to the last of which no chorale ends.

    Args:
        cells: (T, 4) given tokens in the order of writing, `UNKNOWN` where the model writes.
        ends: Whether the chorales end with the last of them.
    """

    UNKNOWN = START

    def __init__(self, cells: NDArray[np.int64], *, ends: bool = False) -> None:
        self._cells: list[int] = cells.reshape(-1).tolist()
        if ends:
            self._cells.append(END)
        self._cell = 0

    def allowed(self, cursor: ChoraleCursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The given token, whatever was offered; where the model writes, all but the end, (B, V)."""
        if self._cell >= len(self._cells):
            return offered
        given = self._cells[self._cell]
        allowed = offered.copy() if given == self.UNKNOWN else np.zeros_like(offered)
        allowed[:, END] = False
        if given != self.UNKNOWN:
            allowed[:, given] = True
        allowed[cursor.done] = offered[cursor.done]
        return allowed

    def push(self, cursor: ChoraleCursor, tokens: Sequence[int]) -> None:
        """Count the cells: see `Constraint.push`."""
        self._cell += 1


class ChordTones(Constraint[ChoraleCursor]):
    """Chorales that keep to chords.

    Where a chord begins, the bass sings the chord's bass and nobody sings below it, and of the chord's tones as many
    sound as there are voices for; there and on each beat nobody sings anything but tones of the chord.

    Args:
        grid: Of the model.
        batch: How many chorales.
        chords: On the grid of 16ths.
        start: The step at which the first of them begins.
    """

    def __init__(self, grid: ChoraleGrid, batch: int, chords: ChordTrack, *, start: int = 0) -> None:
        self._chords, self._start = chords, start
        self._low = grid.low
        self._bass = grid.order.index("B")
        self._classes = np.full(grid.vocabulary_size, -1)
        self._classes[FIRST_PITCH:] = (np.arange(grid.low, grid.high + 1)) % 12
        self._cell = 0
        self._sung = np.zeros((batch, N_VOICES), np.int64)  # tokens of the step that is being written

    def reason(self, cursor: ChoraleCursor, row: int) -> str:
        """Which chord has no note left: see `Constraint.reason`."""
        step = self._cell // N_VOICES
        symbol = self._chords.at(step - self._start).symbol
        return f"chord {symbol!r} at 16th {step + 1}: the other wishes leave it no note; change one of them"

    def allowed(self, cursor: ChoraleCursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What belongs to the chord, (B, V): see `Constraint.allowed`."""
        step, voice = divmod(self._cell, N_VOICES)
        here = step - self._start
        if here < 0 or not self._chords.is_strong(here) or not self._chords.at(here).tones:
            return offered
        allowed = offered & np.isin(self._classes, list(self._chords.at(here).pitch_classes))
        if self._chords.begins(here):
            for row in range(len(allowed)):
                self._voice_chord(allowed[row], row, voice, here)
        is_left = allowed.any(axis=1) | ~offered[:, END + 1 :].any(axis=1)
        allowed[is_left, END] = offered[is_left, END]
        return allowed

    def push(self, cursor: ChoraleCursor, tokens: Sequence[int]) -> None:
        """Note what was sung: see `Constraint.push`."""
        self._sung[:, self._cell % N_VOICES] = tokens
        self._cell += 1

    def fork(self, cursor: ChoraleCursor, rows: Sequence[int]) -> None:
        """See `Constraint.fork`."""
        self._sung = self._sung[list(rows)]

    def _voice_chord(self, allowed: NDArray[np.bool_], row: int, voice: int, here: int) -> None:
        """The tones for one voice where a chord begins, (V,) in place: room below for the bass, and no tone missing."""
        chord = self._chords.at(here)
        bass_tokens = np.flatnonzero(self._classes == chord.bass)
        sung = self._sung[row, :voice]
        if voice == self._bass:
            allowed &= self._classes == chord.bass
            allowed[int(sung.min(initial=len(allowed))) + 1 :] = False
            return
        floor = int(self._sung[row, self._bass]) if voice > self._bass else int(bass_tokens.min())
        allowed[:floor] = False
        present = set(self._classes[sung].tolist()) | {chord.bass}
        missing = [tone for tone in chord.tones if tone not in present]
        voices_left = N_VOICES - voice - (voice < self._bass)
        if missing and len(missing) >= voices_left:
            wanted = allowed & np.isin(self._classes, missing)
            if wanted.any():
                allowed &= wanted
