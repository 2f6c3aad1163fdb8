"""What is given of pieces of events, as constraints: tokens that are written already, and chords to keep to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.chord_track import BASS_SPAN, ChordTrack
from audio_lstm.music.tokens.event_cursor import EventCursor, EventPiece
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.constraints import Constraint
from audio_lstm.music.writing.event_plan import EventPlan

__all__ = ["EventChords", "PieceConstraint", "Prefix"]


class PieceConstraint(Constraint[EventCursor]):
    """A constraint that looks at one piece of events at a time, and keeps nothing but what it was told.

    Args:
        vocabulary: Of the pieces.
    """

    def __init__(self, vocabulary: EventVocabulary) -> None:
        self._first = [int(start) for start in vocabulary.layout.first]
        self._durations = np.array(vocabulary.durations)

    def allowed(self, cursor: EventCursor, offered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What may come next, (B, V): see `Constraint.allowed`."""
        allowed = offered.copy()
        for row, piece in zip(allowed, cursor.pieces, strict=True):
            if not piece.done:
                self._narrow(piece, row)
        return allowed

    def _narrow(self, piece: EventPiece, row: NDArray[np.bool_]) -> None:
        """Forbid what may not come next in a piece, (V,) in place."""

    def _span(self, row: NDArray[np.bool_], kind: Kind, until: Kind | None = None) -> NDArray[np.bool_]:
        """The tokens of a kind (or of several up to another), a view."""
        return row[self._first[kind] : self._first[kind + 1 if until is None else until]]


class Prefix(PieceConstraint):
    """Pieces that begin with given tokens, and go on from a given time.

    Args:
        vocabulary: Of the pieces.
        prefix: The tokens, END left out.
        resume: The step at which the first new note may begin.
    """

    def __init__(self, vocabulary: EventVocabulary, prefix: NDArray[np.int64], resume: int) -> None:
        super().__init__(vocabulary)
        self._prefix: list[int] = prefix.tolist()
        self._resume = resume

    def reason(self, cursor: EventCursor, row: int) -> str:
        """Where nothing is left: see `Constraint.reason`."""
        return f"after the primer, at step {self._resume}: the other wishes leave it no note; change one of them"

    def _narrow(self, piece: EventPiece, row: NDArray[np.bool_]) -> None:
        """The given token; after the last one, no note before the time to go on."""
        if piece.n_tokens < len(self._prefix):
            row[:] = False
            row[self._prefix[piece.n_tokens]] = True
            return
        if piece.now >= self._resume and piece.n_tokens > len(self._prefix):
            return
        self._span(row, Kind.POSITION)[: max(self._resume - piece.bar_start, 0)] = False
        if piece.position >= 0:  # nothing joins the primer's own last notes
            self._span(row, Kind.TRACK, Kind.VELOCITY)[:] = False


class EventChords(PieceConstraint):
    """Pieces that keep to chords.

    Where a chord begins, the lowest part with pitches strikes the chord's bass, below all that sounds. There and on
    each beat nothing sounds but tones of the chord; other notes may pass in between, and are over by then.

    Args:
        plan: What else is asked of the pieces.
        chords: On the vocabulary's grid.
        start: The step from which they hold: what comes before is given.
    """

    def __init__(self, plan: EventPlan, chords: ChordTrack, *, start: int = 0) -> None:
        super().__init__(plan.vocabulary)
        self._plan, self._chords, self._start = plan, chords, start
        self._playable: dict[tuple[int, int], frozenset[int]] = {}  # by part and program

    def reason(self, cursor: EventCursor, row: int) -> str:
        """Which chord has no note left: see `Constraint.reason`."""
        piece = cursor.pieces[row]
        chord = self._chords.at(max(piece.now - self._start, 0))
        return f"chord {chord.symbol!r} in bar {piece.bar + 1}: the other wishes leave it no note; change one of them"

    def _narrow(self, piece: EventPiece, row: NDArray[np.bool_]) -> None:
        """Those that keep to the chords."""
        if piece.bar < 0 or piece.kind in (Kind.PITCH, Kind.DRUM):
            if piece.bar < 0:
                self._with_a_part(piece, row)
            return
        if piece.kind == Kind.VELOCITY:
            self._short_enough(piece, row)
            return
        first = self._first
        later, owes_bass = self._next_start(piece), self._owes_bass(piece)
        if later is not None:
            self._span(row, Kind.POSITION)[later - piece.bar_start + 1 :] = False
        if owes_bass:
            self._span(row, Kind.POSITION)[:] = False
            self._span(row, Kind.TRACK)[_bass_part(piece) + 1 :] = False
        if later is not None or owes_bass:
            row[[first[Kind.BAR], first[Kind.END]]] = False
        pitches = self._span(row, Kind.PITCH)
        if pitches.any():
            keep = np.zeros_like(pitches)
            keep[self._pitches(piece, piece.track)] = True
            pitches &= keep
        tracks = self._span(row, Kind.TRACK)
        for part in np.flatnonzero(tracks).tolist():
            if not piece.is_drum(part) and not self._pitches(piece, part):
                tracks[part] = False

    def _with_a_part(self, piece: EventPiece, row: NDArray[np.bool_]) -> None:
        """In the header: no music before a part with pitches is declared."""
        if any(True for _ in _pitched(piece)):
            return
        row[self._first[Kind.BAR]] = False
        programs = self._span(row, Kind.PROGRAM)
        if programs[:-1].any():
            programs[-1] = False  # drums

    def _next_start(self, piece: EventPiece) -> int | None:
        """Where the next chord of this bar begins, counted from the piece's beginning."""
        at = piece.now if piece.position >= 0 else piece.bar_start - 1
        found = self._chords.next_start(max(at, self._start - 1) - self._start, piece.bar_end - self._start)
        return None if found is None else found + self._start

    def _owes_bass(self, piece: EventPiece) -> bool:
        here = piece.now - self._start
        if piece.position < 0 or here < 0 or not self._chords.begins(here):
            return False
        return _bass_part(piece) not in piece.has_played

    def _notes_of(self, piece: EventPiece, part: int) -> frozenset[int]:
        which = part, piece.programs[part]
        if which not in self._playable:
            self._playable[which] = frozenset(self._plan.part(piece.programs[part], part).pitches)
        return self._playable[which]

    def _pitches(self, piece: EventPiece, part: int) -> list[int]:
        """What a part may play now, as far as chords go."""
        chords, own = self._chords, self._notes_of(piece, part)
        here = piece.now - self._start
        if here < 0 or not chords.is_strong(here):
            return list(own)
        classes, bass_part = chords.at(here).pitch_classes, _bass_part(piece)
        if not chords.begins(here):
            return [pitch for pitch in own if pitch % 12 in classes]
        lowest = chords.lowest_bass(here, self._notes_of(piece, bass_part))
        if part == bass_part and part not in piece.has_played:
            below = min([lowest + BASS_SPAN, *(pitch for _, pitch in piece.held())])
            return [pitch for pitch in own if lowest <= pitch < below and pitch % 12 == chords.at(here).bass]
        floor = lowest if part != bass_part else piece.pitch
        return [pitch for pitch in own if pitch > floor and pitch % 12 in classes]

    def _short_enough(self, piece: EventPiece, row: NDArray[np.bool_]) -> None:
        """The durations after which a note that would not belong has ended."""
        offered = self._span(row, Kind.DURATION)
        if piece.is_drum(piece.track) or not offered.any():
            return
        longest = int(self._durations[offered].max())
        here = piece.now - self._start  # before the first chord: negative
        basses = self._notes_of(piece, _bass_part(piece))
        until = self._chords.clash(piece.pitch, max(here, -1), here + longest + 1, basses)
        offered &= self._durations <= until - here


def _pitched(piece: EventPiece) -> Iterator[int]:
    return (part for part in range(len(piece.programs)) if not piece.is_drum(part))


def _bass_part(piece: EventPiece) -> int:
    return max(_pitched(piece))
