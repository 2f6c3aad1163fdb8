"""What is given of a chorale: cells that are written already, and chords to keep to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.chord_track import ChordTrack
from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import FIRST_PITCH, ChoraleGrid

__all__ = ["ChoraleGiven"]


class ChoraleGiven:
    """Narrows what a batch of chorales may sing, cell by cell.

    Where a chord begins, the bass sings the chord's bass and nobody sings below it, and of the chord's tones as many
    sound as there are voices for; there and on each beat nobody sings anything but tones of the chord.

    Args:
        grid: Of the model.
        batch: How many chorales.
        cells: (T, 4) given tokens in the order of writing, `UNKNOWN` where the model writes; None: nothing is given.
        chords: On the grid of 16ths; None: none.
        chords_from: The step at which the first of them begins.
    """

    UNKNOWN = -1

    def __init__(
        self,
        grid: ChoraleGrid,
        batch: int,
        *,
        cells: NDArray[np.int64] | None = None,
        chords: ChordTrack | None = None,
        chords_from: int = 0,
    ) -> None:
        self._cells: list[int] = [] if cells is None else cells.reshape(-1).tolist()
        self._chords, self._from = chords, chords_from
        self._low = grid.low
        self._bass = grid.order.index("B")
        self._classes = np.full(grid.vocabulary_size, -1)
        self._classes[FIRST_PITCH:] = (np.arange(grid.low, grid.high + 1)) % 12
        self._sung = np.zeros((batch, N_VOICES), np.int64)  # tokens of the step that is being written

    @property
    def n_steps(self) -> int:
        """How many steps something is given for."""
        return len(self._cells) // N_VOICES

    def forced(self, cell: int) -> int | None:
        """The given token of a cell.

        Args:
            cell: Its number.

        Returns:
            The token; None where the model writes.
        """
        given = self._cells[cell] if cell < len(self._cells) else self.UNKNOWN
        return None if given == self.UNKNOWN else given

    def narrow(self, allowed: NDArray[np.bool_], cell: int) -> None:
        """Forbid what does not belong to the chord, in place.

        Args:
            allowed: (B, V) what may be sung.
            cell: Number of the cell.

        Raises:
            ConfigError: The other wishes leave a chord no note.
        """
        step, voice = divmod(cell, N_VOICES)
        here = step - self._from
        if self._chords is None or here < 0 or not self._chords.is_strong(here):
            return
        chord = self._chords.at(here)
        if not chord.tones:
            return
        allowed &= np.isin(self._classes, list(chord.pitch_classes))
        if self._chords.begins(here):
            for row in range(len(allowed)):
                self._voice_chord(allowed[row], row, voice, here)
        if not allowed.any(axis=1).all():
            raise ConfigError(
                f"chord {chord.symbol!r} at 16th {step + 1}: the other wishes leave it no note; change one of them"
            )

    def push(self, tokens: Sequence[int], cell: int) -> None:
        """Note what was sung.

        Args:
            tokens: One a chorale.
            cell: Number of the cell.
        """
        self._sung[:, cell % N_VOICES] = tokens

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the chorales only.

        Args:
            rows: Their places.
        """
        self._sung = self._sung[list(rows)]

    def _voice_chord(self, allowed: NDArray[np.bool_], row: int, voice: int, here: int) -> None:
        """The tones for one voice where a chord begins, (V,) in place: room below for the bass, and no tone missing."""
        chords = self._chords
        if chords is None:
            return
        chord = chords.at(here)
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
