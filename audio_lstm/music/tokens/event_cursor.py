"""A batch of event pieces that are being written: the incremental twin of `EventState.along`.

Sampling takes one token at a time, mostly for few pieces, where numpy's cost per call would exceed the network's:
so this is plain Python a piece (about eight times as fast for one), and tests hold it equal to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy, deepcopy

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.tokens.event_echo import EventEcho
from audio_lstm.music.tokens.event_grammar import BAR_CYCLE, DRUM_PROGRAM, EventLayout, Kind
from audio_lstm.music.tokens.event_harmony import EventHarmony
from audio_lstm.music.tokens.representation import START, forked

__all__ = ["EventCursor", "EventPiece"]


class EventPiece:
    """One piece: its grammatical state (the fields of `EventState`, each -1 where there is none yet), and where it
    stands in time. All that observe a piece read it here.

    Args:
        layout: The ids.
        echoes: Whether the rows of columns hold what earlier passages foretell.
        harmony: Whether they hold what sounds around.
    """

    def __init__(self, layout: EventLayout, *, echoes: bool = False, harmony: bool = False) -> None:
        # The tables as lists: reading one number of an array costs more than a step.
        self._kind_of = [Kind(kind) for kind in layout.kind_of.tolist()]
        self._value_of: list[int] = layout.value_of.tolist()
        self._bar_steps: list[int] = layout.bar_steps.tolist()
        self._durations = layout.durations
        self.token, self.kind, self.n_tokens = START, Kind.START, 0
        self.bar = self.metre = self.position = self.key = self.tempo = self.track = self.pitch = -1
        self.programs: list[int] = []  # of the tracks declared
        self.melodies: dict[int, int] = {}  # the last pitch of each track that has written one
        self.bar_start = self.bar_steps = self.now = 0  # grid steps; `now` is the position that is being written
        self.n_notes = 0  # that have begun in the bar
        self.sounding: list[tuple[int, int, int]] = []  # (end, track, pitch) of notes that began and may still sound
        self.has_played: set[int] = set()  # tracks with a note at this position
        self.echo = EventEcho(layout) if echoes else None
        self.harmony = EventHarmony() if harmony else None

    def copy(self) -> EventPiece:
        """The same piece once more, to go on in another way."""
        twin = copy(self)
        twin.programs, twin.melodies, twin.sounding = self.programs.copy(), self.melodies.copy(), self.sounding.copy()
        twin.has_played = self.has_played.copy()
        twin.echo = None if self.echo is None else self.echo.copy()
        twin.harmony = deepcopy(self.harmony)
        return twin

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.kind is Kind.END

    @property
    def bar_end(self) -> int:
        """Where the next bar begins, in grid steps."""
        return self.bar_start + self.bar_steps

    def held(self) -> list[tuple[int, int]]:
        """Track and pitch of the notes that sound now, drums apart, those struck at this position included."""
        return [(track, pitch) for end, track, pitch in self.sounding if end > self.now and not self.is_drum(track)]

    def is_drum(self, track: int) -> bool:
        """Whether a track is a drum kit.

        Args:
            track: Its number.

        Returns:
            True for drums.
        """
        return self.programs[track] == DRUM_PROGRAM

    def columns(self) -> tuple[int, ...]:
        """The next row of input columns, (K,)."""
        program, melody = -1, -1
        if self.track >= 0:
            program, melody = self.programs[self.track], self.melodies.get(self.track, -1)
        bar = self.bar % BAR_CYCLE + 1 if self.bar >= 0 else 0
        position, metre, key, track = self.position + 1, self.metre + 1, self.key + 1, self.track + 1
        foretold = self.echo.columns() if self.echo is not None else ()
        around = self.harmony.columns() if self.harmony is not None else ()
        return (self.token, position, metre, bar, key, program + 1, track, melody + 1, *foretold, *around)

    def push(self, token: int) -> None:
        """Append a token that is legal.

        Args:
            token: Its id.
        """
        kind, value = self._kind_of[token], self._value_of[token]
        self.token, self.kind = token, kind
        self.n_tokens += 1
        if self.echo is not None:
            self.echo.push(token, kind, value)
        if self.harmony is not None:
            self.harmony.push(kind, value)
        if kind == Kind.PITCH or kind == Kind.DRUM:
            self.pitch = self.melodies[self.track] = value
            self.has_played.add(self.track)
            self.n_notes += 1
        elif kind == Kind.DURATION:
            self.sounding.append((self.now + self._durations[value], self.track, self.pitch))
        elif kind == Kind.TRACK:
            self.track, self.pitch = value, -1
        elif kind == Kind.POSITION:
            self._move(value)
        elif kind == Kind.BAR:
            self.bar_start += self.bar_steps
            self.bar += 1
            self.n_notes = 0
            self._move(-1)
        elif kind == Kind.TIME_SIGNATURE:
            self.metre, self.bar_steps = value, self._bar_steps[value]
        elif kind == Kind.KEY:
            self.key = value
        elif kind == Kind.TEMPO:
            self.tempo = value
        elif kind == Kind.PROGRAM:
            self.programs.append(value)

    def _move(self, position: int) -> None:
        self.position, self.track, self.pitch = position, -1, -1
        self.now = now = self.bar_start + max(position, 0)
        self.has_played = set()
        self.sounding = [note for note in self.sounding if note[0] > now]


class EventCursor:
    """Where a batch of event pieces stands (see `Cursor`).

    Args:
        layout: the ids.
        batch: how many pieces, at least 1.
        echoes: whether the rows hold what earlier passages foretell.
        harmony: whether they hold what sounds around.

    Raises:
        ConfigError: `batch` is less than 1.
    """

    def __init__(self, layout: EventLayout, batch: int, *, echoes: bool = False, harmony: bool = False) -> None:
        if batch < 1:
            raise ConfigError(f"batch is {batch}; expected at least 1")
        self._layout = layout
        self.pieces = [EventPiece(layout, echoes=echoes, harmony=harmony) for _ in range(batch)]
        self._first = [int(first) for first in layout.first]
        self._legal: NDArray[np.bool_] | None = None  # until the next push

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which pieces have ended, (B,)."""
        return np.array([piece.done for piece in self.pieces])

    @property
    def held(self) -> NDArray[np.int64]:
        """Nothing: events say how long a note lasts when it begins."""
        return np.full(len(self.pieces), START, dtype=np.int64)

    @property
    def n_bars(self) -> NDArray[np.int64]:
        """How many bars each piece has begun, (B,)."""
        return np.array([piece.bar + 1 for piece in self.pieces], dtype=np.int64)

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        return np.array([piece.columns() for piece in self.pieces], dtype=np.int64)

    def legal(self) -> NDArray[np.bool_]:
        """The tokens that may come next in each piece, (B, V); END alone in a piece that is done."""
        if self._legal is None:
            kinds = [piece.kind + len(Kind) * (piece.tempo < 0) for piece in self.pieces]
            self._legal = self._layout.rules[kinds]  # (B, V), a copy
            for piece, row in zip(self.pieces, self._legal, strict=True):
                self._narrow(piece, row)
        return self._legal.copy()

    def _narrow(self, piece: EventPiece, row: NDArray[np.bool_]) -> None:
        """Forbid what the kind of the last token allows, but this piece's state does not, (V,) in place."""
        first = self._first
        if row[first[Kind.POSITION]]:
            end = piece.bar_steps if piece.tempo >= 0 else 1
            row[first[Kind.POSITION] : first[Kind.POSITION] + piece.position + 1] = False
            row[first[Kind.POSITION] + end : first[Kind.POSITION + 1]] = False
        if row[first[Kind.TRACK]]:
            row[first[Kind.TRACK] : first[Kind.TRACK] + piece.track + 1] = False
            row[first[Kind.TRACK] + len(piece.programs) : first[Kind.TRACK + 1]] = False
        if row[first[Kind.PITCH]]:
            tonal = piece.programs[piece.track] != DRUM_PROGRAM
            low, other = (Kind.PITCH, Kind.DRUM) if tonal else (Kind.DRUM, Kind.PITCH)
            row[first[other] : first[other + 1]] = False
            row[first[low] : first[low] + piece.pitch + 1] = False
        if row[first[Kind.PROGRAM]] and len(piece.programs) == self._layout.sizes[Kind.TRACK]:
            row[first[Kind.PROGRAM] : first[Kind.PROGRAM + 1]] = False
        for kind, current in (
            (Kind.TIME_SIGNATURE, piece.metre),
            (Kind.KEY, piece.key),
            (Kind.TEMPO, piece.tempo),
        ):
            if current >= 0:
                row[first[kind] + current] = False

    def push(self, tokens: NDArray[np.int64]) -> None:
        """Append one token to each piece.

        Args:
            tokens: (B,) int64, each legal in its row; ignored in rows that are done.

        Raises:
            ScoreError: a token is not legal where it is pushed.
        """
        pushed = self._layout.check_ids(tokens).tolist()
        if len(pushed) != len(self.pieces):
            raise ScoreError(f"{len(pushed)} tokens for a batch of {len(self.pieces)}; expected one a piece")
        legal = self._legal if self._legal is not None else self.legal()
        for number, (piece, token) in enumerate(zip(self.pieces, pushed, strict=True)):
            if not piece.done and not legal[number, token]:
                raise ScoreError(f"token {token} may not follow token {piece.token} in piece {number}")
        self.advance(pushed)

    def advance(self, tokens: Sequence[int]) -> None:
        """Append one token to each piece, without a check: those that a plan offers are legal.

        Args:
            tokens: One a piece, ignored in pieces that are done.
        """
        for piece, token in zip(self.pieces, tokens, strict=True):
            if not piece.done:
                piece.push(token)
        self._legal = None

    def fork(self, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only: see `Cursor.fork`.

        Args:
            rows: Their places in the batch.
        """
        self.pieces = forked(self.pieces, rows)
        self._legal = None
