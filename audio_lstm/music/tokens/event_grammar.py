"""Which event may follow which: the token ids, the state of a piece being written, its legal next tokens.

    piece    = PROGRAM* bar bar* END                     one PROGRAM a track; DRUMS is the last program
    bar      = BAR [TIME_SIGNATURE] position*            the first bar always names its metre, and
    position = POSITION [KEY] [TEMPO] part*              POSITION 0 of the first bar always its tempo
    part     = TRACK note note*
    note     = (PITCH | DRUM) VELOCITY DURATION

Positions in a bar, tracks at a position and pitches in a part only rise, a metre, key or tempo is named only when
it changes, no position is empty, and no empty bar ends a piece: so each score has exactly one spelling, and no
probability is lost on others.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ScoreError
from audio_lstm.music.tokens.representation import START

__all__ = ["BAR_CYCLE", "DRUM_PROGRAM", "MELODY_COLUMN", "N_KEYS", "EventLayout", "EventState", "Kind"]

BAR_CYCLE = 8
"""Bars are counted modulo this in the input columns: phrases of four and eight bars are the common ones."""

DRUM_PROGRAM = 128
"""The value of the PROGRAM token that declares a drum track."""

MELODY_COLUMN = 7
"""The input column that holds the last pitch of the track being written, from 1."""

N_KEYS = 30
"""Seven flats to seven sharps, major then minor."""


class Kind(IntEnum):
    """The kinds of event, in the order of their ids."""

    START = 0
    END = 1
    BAR = 2
    TIME_SIGNATURE = 3
    POSITION = 4
    KEY = 5
    TEMPO = 6
    PROGRAM = 7
    TRACK = 8
    PITCH = 9
    DRUM = 10
    VELOCITY = 11
    DURATION = 12


_NEXT_PART = (Kind.TRACK, Kind.POSITION, Kind.BAR, Kind.END)

# What may follow each kind, before the state narrows it down.
_FOLLOWERS: dict[Kind, tuple[Kind, ...]] = {
    Kind.START: (Kind.PROGRAM, Kind.BAR),
    Kind.END: (Kind.END,),
    Kind.BAR: (Kind.TIME_SIGNATURE, Kind.POSITION, Kind.BAR),
    Kind.TIME_SIGNATURE: (Kind.POSITION, Kind.BAR, Kind.END),
    Kind.POSITION: (Kind.KEY, Kind.TEMPO, Kind.TRACK),
    Kind.KEY: (Kind.TEMPO, *_NEXT_PART),
    Kind.TEMPO: _NEXT_PART,
    Kind.PROGRAM: (Kind.PROGRAM, Kind.BAR),
    Kind.TRACK: (Kind.PITCH, Kind.DRUM),
    Kind.PITCH: (Kind.VELOCITY,),
    Kind.DRUM: (Kind.VELOCITY,),
    Kind.VELOCITY: (Kind.DURATION,),
    Kind.DURATION: (Kind.PITCH, Kind.DRUM, *_NEXT_PART),
}

# The same until the first tempo is named; such states come after all kinds in the rule table.
_FOLLOWERS_BEFORE_TEMPO: dict[Kind, tuple[Kind, ...]] = {
    **_FOLLOWERS,
    Kind.BAR: (Kind.TIME_SIGNATURE,),
    Kind.TIME_SIGNATURE: (Kind.POSITION,),
    Kind.POSITION: (Kind.KEY, Kind.TEMPO),
    Kind.KEY: (Kind.TEMPO,),
}


@dataclass(frozen=True, eq=False)
class EventLayout:
    """Where each kind of token starts among the ids, and the rules that follow from the tables' sizes alone."""

    sizes: tuple[int, ...]  # tokens of each kind, in the order of Kind
    bar_steps: NDArray[np.int64]  # (n_time_signatures,) grid steps in a bar of each metre
    durations: tuple[int, ...]  # grid steps of each
    first: NDArray[np.int64]  # (n_kinds + 1,) the first id of each kind; the last entry is the vocabulary size
    kind_of: NDArray[np.int64]  # (V,) the kind of each id
    value_of: NDArray[np.int64]  # (V,) its number within the kind
    rules: NDArray[np.bool_]  # (2 * n_kinds, V) what may follow each kind, with a tempo and before it

    @classmethod
    def build(
        cls, *, bar_steps: tuple[int, ...], n_tempi: int, n_tracks: int, n_velocities: int, durations: tuple[int, ...]
    ) -> EventLayout:
        """The layout for tables of these sizes.

        Args:
            bar_steps: grid steps in a bar of each metre.
            n_tempi: how many tempi there are.
            n_tracks: how many tracks a piece may have.
            n_velocities: how many velocities there are.
            durations: grid steps of each duration.

        Returns:
            The layout; there is a position for each step of the longest bar.
        """
        sizes = (
            *(1, 1, 1, len(bar_steps), max(bar_steps), N_KEYS, n_tempi),
            *(DRUM_PROGRAM + 1, n_tracks, 128, 128, n_velocities, len(durations)),
        )
        first = np.concatenate(([0], np.cumsum(sizes)))
        kind_of = np.repeat(np.arange(len(sizes)), sizes)
        rules = np.zeros((2 * len(Kind), int(first[-1])), dtype=bool)
        for offset, table in ((0, _FOLLOWERS), (len(Kind), _FOLLOWERS_BEFORE_TEMPO)):
            for kind, followers in table.items():
                for follower in followers:
                    rules[offset + kind, first[follower] : first[follower + 1]] = True
        return cls(
            sizes=sizes,
            bar_steps=np.array(bar_steps),
            durations=durations,
            first=first,
            kind_of=kind_of,
            value_of=np.arange(first[-1]) - first[kind_of],
            rules=rules,
        )

    @property
    def vocabulary_size(self) -> int:
        """How many ids there are (V)."""
        return int(self.first[-1])

    @property
    def column_sizes(self) -> tuple[int, ...]:
        """The number of values of each column that `EventState.columns` gives."""
        n_metres, n_positions = self.sizes[Kind.TIME_SIGNATURE], self.sizes[Kind.POSITION]
        n_tracks = self.sizes[Kind.TRACK]
        return (
            self.vocabulary_size,
            n_positions + 1,
            n_metres + 1,
            BAR_CYCLE + 1,
            N_KEYS + 1,
            DRUM_PROGRAM + 2,
            n_tracks + 1,
            129,
        )

    def ids(self, kind: Kind, values: Any = 0) -> Any:
        """The ids of the tokens of one kind.

        Args:
            kind: which kind.
            values: their numbers within the kind, any shape.

        Returns:
            Ids of the same shape.
        """
        return self.first[kind] + values

    def check_ids(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tokens of a piece, provided that they are ids.

        Args:
            tokens: (N,) whole numbers.

        Returns:
            (N,) int64.

        Raises:
            ScoreError: the shape, type or range is another.
        """
        tokens = np.asarray(tokens)
        if tokens.ndim != 1 or (len(tokens) and tokens.dtype.kind not in "iu"):
            raise ScoreError(f"tokens have shape {tokens.shape} and type {tokens.dtype}; expected (N,) int64")
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < self.vocabulary_size:
            raise ScoreError(
                f"tokens run from {tokens.min()} to {tokens.max()}; expected 0 to {self.vocabulary_size - 1}"
            )
        return tokens.astype(np.int64)


@dataclass(eq=False)
class EventState:
    """Where pieces stand before their next token; each field is (N,) int64, and -1 says that there is none yet."""

    token: NDArray[np.int64]  # the previous token
    bar: NDArray[np.int64]  # number of the bar
    metre: NDArray[np.int64]  # row of the time signature table
    position: NDArray[np.int64]  # grid steps into the bar
    key: NDArray[np.int64]  # number within Kind.KEY
    tempo: NDArray[np.int64]  # row of the tempo table
    n_tracks: NDArray[np.int64]  # tracks declared (0 where none)
    track: NDArray[np.int64]  # of the part being written
    program: NDArray[np.int64]  # of that track; DRUM_PROGRAM for drums
    pitch: NDArray[np.int64]  # the last one of the part being written
    melody: NDArray[np.int64]  # the last one that this track wrote, at whatever position

    @classmethod
    def initial(cls, batch: int) -> EventState:
        """The state before the first token, (batch,) a field."""
        state = cls(*(np.full(batch, -1) for _ in fields(cls)))
        state.token[:] = START
        state.n_tracks[:] = 0
        return state

    @classmethod
    def along(cls, layout: EventLayout, tokens: NDArray[np.int64]) -> EventState:
        """The states before each token of one piece, all at once: row t depends on tokens[:t].

        Args:
            layout: the ids.
            tokens: one piece, (N,), within the vocabulary.

        Returns:
            (N,) a field; meaningless after a token that breaks the grammar.
        """
        kind, value = layout.kind_of[tokens], layout.value_of[tokens]
        new_bar, new_position, new_track = kind == Kind.BAR, kind == Kind.POSITION, kind == Kind.TRACK
        note = (kind == Kind.PITCH) | (kind == Kind.DRUM)
        part = new_bar | new_position | new_track
        track = _latest(part, np.where(new_track, value, -1))
        programs = np.append(value[kind == Kind.PROGRAM], -1)
        melody = np.full(len(tokens), -1)
        for index in np.unique(track[track >= 0]):
            here = track == index
            melody[here] = _latest(note & here, value)[here]
        after = cls(
            token=tokens,
            bar=np.cumsum(new_bar) - 1,
            metre=_latest(kind == Kind.TIME_SIGNATURE, value),
            position=_latest(new_bar | new_position, np.where(new_position, value, -1)),
            key=_latest(kind == Kind.KEY, value),
            tempo=_latest(kind == Kind.TEMPO, value),
            n_tracks=np.cumsum(kind == Kind.PROGRAM),
            track=track,
            program=programs[np.minimum(track, len(programs) - 1)],  # track -1 finds the -1 at the end
            pitch=_latest(part | note, np.where(note, value, -1)),
            melody=melody,
        )
        before = cls.initial(len(tokens))
        for field in fields(cls):
            getattr(before, field.name)[1:] = getattr(after, field.name)[:-1]
        return before

    def columns(self) -> NDArray[np.int64]:
        """The model's input, (N, K) int64, in the order of `EventLayout.column_sizes`; 0 says none yet."""
        bar = np.where(self.bar < 0, 0, self.bar % BAR_CYCLE + 1)
        known = (self.position, self.metre, self.key, self.program, self.track, self.melody)
        position, metre, key, program, track, melody = (values + 1 for values in known)
        return np.stack((self.token, position, metre, bar, key, program, track, melody), axis=1)

    def legal(self, layout: EventLayout) -> NDArray[np.bool_]:
        """What may come next, (N, V) bool."""
        rule = layout.kind_of[self.token] + len(Kind) * (self.tempo < 0)
        legal: NDArray[np.bool_] = layout.rules[rule]  # (N, V), a copy
        first = layout.first

        def narrow(kind: Kind, low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
            """Only the tokens of this kind with low < value < high."""
            rows = np.flatnonzero(legal[:, first[kind]])
            if len(rows):
                values = np.arange(layout.sizes[kind])
                within = (values > low[rows, None]) & (values < high[rows, None])
                legal[rows, first[kind] : first[kind + 1]] = within

        def forbid_current(kind: Kind, current: NDArray[np.int64]) -> None:
            """A metre, key or tempo is named only when it changes."""
            rows = np.flatnonzero(current >= 0)
            legal[rows, first[kind] + current[rows]] = False

        size = len(self.token)
        nothing, pitches = np.full(size, -1), np.full(size, 128)
        is_drum = self.program == DRUM_PROGRAM
        bar_end = np.where(self.metre < 0, 0, layout.bar_steps[self.metre])
        narrow(Kind.POSITION, self.position, np.where(self.tempo < 0, 1, bar_end))
        narrow(Kind.PROGRAM, nothing, np.where(self.n_tracks < layout.sizes[Kind.TRACK], DRUM_PROGRAM + 1, 0))
        narrow(Kind.TRACK, self.track, self.n_tracks)
        narrow(Kind.PITCH, self.pitch, np.where(is_drum, 0, pitches))
        narrow(Kind.DRUM, self.pitch, np.where(is_drum, pitches, 0))
        forbid_current(Kind.TIME_SIGNATURE, self.metre)
        forbid_current(Kind.KEY, self.key)
        forbid_current(Kind.TEMPO, self.tempo)
        return legal


def _latest(where: NDArray[np.bool_], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """At each place, the value at the last place up to it where `where` holds; -1 where there is none."""
    last = np.maximum.accumulate(np.where(where, np.arange(len(where)), -1))
    return np.where(last < 0, -1, values[last]) if len(where) else np.empty(0, np.int64)
