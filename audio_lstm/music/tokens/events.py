"""Any MIDI as a sequence of events: bars, positions, tracks, notes; exact on its grid, and back again.

After REMI (Huang and Yang 2020, "Pop Music Transformer", ACM Multimedia) and its multitrack form REMI+ (von
Rütte et al. 2022). Where we differ: tracks are declared before the first bar and named by number, so that two
pianos stay two; a tempo is a value of a table, not a class and an offset; metres and keys have tokens; there are
no chord tokens; the grid has 12 steps a quarter, so that triplets and 16ths are both exact; and the grammar
(event_grammar.py) gives every score exactly one spelling, so that a likelihood is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.config import RelativeScores
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.tokens.event_echo import echo_sizes, event_echo_columns
from audio_lstm.music.tokens.event_fit import EventTables, FitReport, fit_events, fit_score
from audio_lstm.music.tokens.event_grammar import DRUM_PROGRAM, MELODY_COLUMN, EventLayout, EventState, Kind
from audio_lstm.music.tokens.event_harmony import HARMONY_SIZES, event_harmony_columns
from audio_lstm.music.tokens.event_order import OrderedTokens

__all__ = ["EventVocabulary"]

# By preference where two have the same length; bars up to eight quarters.
_TIME_SIGNATURES = (
    *((top, 4) for top in range(1, 9)),
    *((top, 8) for top in range(1, 17)),
    *((top, 2) for top in range(1, 5)),
    *((top, 16) for top in range(1, 17)),
)

# 120, 60 and all even numbers of quarters a minute between 24 and 300, ascending in microseconds.
_TEMPI = tuple(round(60e6 / bpm) for bpm in range(300, 22, -2))

# Every 4 of MIDI's 127 steps: 32 loudnesses, 63 and 127 among them.
_VELOCITIES = tuple(range(3, 128, 4))

# In twelfths of a quarter: all up to 8 quarters, eighths up to 16, quarters up to 64 (sixteen bars of 4/4).
_DURATIONS = (*range(1, 97), *range(102, 193, 6), *range(204, 769, 12))


@dataclass(frozen=True)
class EventVocabulary:
    """The tables of an event vocabulary; it is a `Representation` (kind "events", unit "event").

    Ids are, in this order: START, END, BAR, TIME_SIGNATURE, POSITION, KEY, TEMPO, PROGRAM, TRACK, PITCH, DRUM,
    VELOCITY, DURATION. The input columns are the previous token, position in the bar, metre, bar modulo 8, key,
    program and number of the track being written, and the pitch that this track wrote last; with `echoes` also what
    earlier passages and the bar before foretell (event_echo.py), with `harmony` what sounds around (event_harmony.py).

    Examples:
        >>> from audio_lstm.music.score.notation import parse_notes
        >>> score = parse_notes("C4 E4 G4:2")
        >>> vocabulary = EventVocabulary()
        >>> tokens = vocabulary.encode(score)
        >>> vocabulary.decode(tokens) == vocabulary.fit(score)[0]
        True

    Raises:
        ConfigError: a table is empty, out of order, out of range, or off the grid.
    """

    steps_per_quarter: int = 12  # the grid: the least that holds 16ths and triplets of 8ths exactly
    time_signatures: tuple[tuple[int, int], ...] = _TIME_SIGNATURES  # (numerator, denominator), preferred first
    tempi: tuple[int, ...] = _TEMPI  # microseconds a quarter, ascending
    velocities: tuple[int, ...] = _VELOCITIES  # ascending
    durations: tuple[int, ...] = _DURATIONS  # grid steps, ascending
    n_tracks: int = 32  # most tracks a piece may have
    echoes: bool = True  # whether the model sees what earlier passages foretell; the tokens are the same
    harmony: bool = True  # whether it sees how far what sounds lies from the track's last pitch; likewise
    program_words: tuple[tuple[int, int], ...] = ()  # (program, PROGRAM token); the first of a token's is read back
    two_handed: tuple[int, ...] = ()  # programs whose parts fill two tracks, a hand each

    def __post_init__(self) -> None:
        if not 1 <= self.steps_per_quarter <= 480:
            raise ConfigError(f"steps_per_quarter is {self.steps_per_quarter}; expected 1 to 480")
        if not 1 <= self.n_tracks <= 256:
            raise ConfigError(f"n_tracks is {self.n_tracks}; expected 1 to 256")
        programs = [*np.ravel(self.program_words).tolist(), *self.two_handed]
        if not all(0 <= program <= 127 for program in programs):
            raise ConfigError(f"program_words and two_handed hold programs in 0..127, got {programs}")
        highest = {"tempi": 2**24 - 1, "velocities": 127, "durations": 1024 * self.steps_per_quarter}
        for name, high in highest.items():
            table = getattr(self, name)
            if not table or sorted(set(table)) != list(table) or table[0] < 1 or table[-1] > high:
                raise ConfigError(f"{name} must ascend within 1 to {high}, and not be empty; it is {table}")
        if not self.time_signatures or len(set(self.time_signatures)) != len(self.time_signatures):
            raise ConfigError(f"time_signatures must not be empty, nor repeat one; they are {self.time_signatures}")
        for top, bottom in self.time_signatures:
            if top < 1 or bottom < 1 or 4 * top * self.steps_per_quarter % bottom:
                raise ConfigError(
                    f"a bar of {top}/{bottom} is not a whole number of steps with steps_per_quarter "
                    f"{self.steps_per_quarter}; leave it out or refine the grid"
                )

    @classmethod
    def from_scores(
        cls, scores: Iterable[Score], *, steps_per_quarter: int = 12, max_tempi: int = 128
    ) -> EventVocabulary:
        """The smallest vocabulary for some scores: their metres (that fit the grid), tempi and number of tracks.

        Args:
            scores: a corpus.
            steps_per_quarter: the grid.
            max_tempi: where there are more tempi, the default table is taken.

        Returns:
            A vocabulary; metres are in order of how often they occur.
        """
        metres: Counter[tuple[int, int]] = Counter({(4, 4): 1})
        tempi, n_tracks = {500_000}, 1
        for score in scores:
            metres.update((m.numerator, m.denominator) for m in score.time_signatures)
            tempi.update(tempo.microseconds_per_quarter for tempo in score.tempi)
            n_tracks = max(n_tracks, len(np.unique(score.notes["track"])))
        on_grid = [metre for metre, _ in metres.most_common() if 4 * metre[0] * steps_per_quarter % metre[1] == 0]
        return cls(
            steps_per_quarter=steps_per_quarter,
            time_signatures=tuple(on_grid),
            tempi=tuple(sorted(tempi)) if len(tempi) <= max_tempi else _TEMPI,
            n_tracks=n_tracks,
        )

    @property
    def kind(self) -> str:
        """What a model folder calls this representation."""
        return "events"

    @property
    def unit(self) -> str:
        """What `n_units` counts."""
        return "event"

    @property
    def vocabulary_size(self) -> int:
        """How many tokens there are (V)."""
        return self.layout.vocabulary_size

    @property
    def column_sizes(self) -> tuple[int, ...]:
        """The number of values of each input column, (K,)."""
        echoes = echo_sizes(self.layout) if self.echoes else ()
        return (*self.layout.column_sizes, *echoes, *(HARMONY_SIZES if self.harmony else ()))

    @property
    def relative(self) -> RelativeScores:
        """The pitches, counted from the track's last one."""
        return RelativeScores(MELODY_COLUMN, 1, int(self.layout.first[Kind.PITCH]), 128)

    @property
    def end(self) -> int:
        """The token that ends a piece."""
        return int(self.layout.first[Kind.END])

    @property
    def bar(self) -> int:
        """The token that begins a bar."""
        return int(self.layout.ids(Kind.BAR))

    @cached_property
    def _tables(self) -> EventTables:
        return EventTables(
            self.steps_per_quarter,
            self.time_signatures,
            self.tempi,
            self.velocities,
            self.durations,
            self.n_tracks,
        )

    @cached_property
    def layout(self) -> EventLayout:
        """The ids of the tokens, and which may follow which."""
        return EventLayout.build(
            bar_steps=self._tables.bar_steps,
            n_tempi=len(self.tempi),
            n_tracks=self.n_tracks,
            n_velocities=len(self.velocities),
            durations=self.durations,
        )

    def fit(self, score: Score) -> tuple[Score, FitReport]:
        """The nearest score that has a spelling, and how far it is: see `fit_score` for every rule.

        Args:
            score: any score.

        Returns:
            A score at `steps_per_quarter` that `encode` and `decode` give back exactly, and the report.
        """
        fitted, report = fit_score(score, self._tables)
        programs = [self.program_of(self.word_of(track.program)) for track in fitted.tracks]
        tracks = tuple(replace(track, program=program) for track, program in zip(fitted.tracks, programs, strict=True))
        return replace(fitted, tracks=tracks), report

    def word_of(self, program: int) -> int:
        """The number of the PROGRAM token that stands for a program, or for DRUM_PROGRAM."""
        return dict(self.program_words).get(program, program)

    def program_of(self, word: int) -> int:
        """The program that a PROGRAM token is read back as."""
        return next((program for program, other in self.program_words if other == word), word)

    def encode(self, score: Score) -> NDArray[np.int64]:
        """The events of a score, fitted to the grid first; too many tracks or bars raise ScoreError.

        Args:
            score: any score.

        Returns:
            (N,) int64, the last one END.
        """
        fitted, layout = fit_events(score, self._tables), self.layout
        programs = [DRUM_PROGRAM if track.is_drum else self.word_of(track.program) for track in fitted.tracks]
        start, track, pitch = fitted.start, fitted.track, fitted.pitch
        metres, tempi, keys = fitted.metres, fitted.tempi, fitted.keys
        others = np.array([*(tempo.tick for tempo in tempi), *(key.tick for key in keys)], np.int64)
        new_start = np.append(True, start[1:] != start[:-1])[: len(start)]
        ticks = np.unique(np.concatenate((start[new_start], others)))
        bar_starts = self._bar_starts(metres, int(max(ticks[-1], metres[-1].tick)))
        positions = ticks - bar_starts[np.searchsorted(bar_starts, ticks, side="right") - 1]
        is_drum = np.array([track.is_drum for track in fitted.tracks], dtype=bool)
        pitch_tokens = pitch + layout.first[Kind.PITCH]
        if is_drum.any():
            pitch_tokens[is_drum[track]] += layout.first[Kind.DRUM] - layout.first[Kind.PITCH]
        new_part = new_start.copy()
        new_part[1:] |= track[1:] != track[:-1]
        order = OrderedTokens()
        order.add(bar_starts, 0, layout.ids(Kind.BAR, np.zeros(len(bar_starts), np.int64)))
        metre_rows = [self.time_signatures.index((m.numerator, m.denominator)) for m in metres]
        order.add([m.tick for m in metres], 1, layout.ids(Kind.TIME_SIGNATURE, np.array(metre_rows)))
        order.add(ticks, 2, layout.ids(Kind.POSITION, positions))
        key_rows = np.array([key.sharps + 7 + 15 * key.is_minor for key in keys], dtype=np.int64)
        order.add([key.tick for key in keys], 3, layout.ids(Kind.KEY, key_rows))
        tempo_rows = np.searchsorted(self.tempi, [tempo.microseconds_per_quarter for tempo in tempi])
        order.add([tempo.tick for tempo in tempi], 4, layout.ids(Kind.TEMPO, tempo_rows))
        order.add(start[new_part], 5, layout.ids(Kind.TRACK, track[new_part]), track[new_part])
        notes = np.empty((len(start), 3), np.int64)  # each note's three tokens stay together
        notes[:, 0], notes[:, 1] = pitch_tokens, layout.ids(Kind.VELOCITY, fitted.velocity_row)
        notes[:, 2] = layout.ids(Kind.DURATION, fitted.duration_row)
        header = layout.ids(Kind.PROGRAM, np.array(programs, dtype=np.int64))
        return np.concatenate((header, order.with_notes(new_part, notes), [self.end])).astype(np.int64)

    def decode(self, tokens: NDArray[np.int64]) -> Score:
        """The score that events spell; a piece that is cut short ends with its last whole note.

        Args:
            tokens: (N,) int64, a piece or the beginning of one.

        Returns:
            A score at `steps_per_quarter`; all tracks that were declared, without names.
        """
        self.legal(tokens)
        layout = self.layout
        tokens = layout.check_ids(tokens)
        kind, value = layout.kind_of[tokens], layout.value_of[tokens]
        after = EventState.along(layout, np.append(tokens, self.end))  # row t + 1 is the state after token t
        bar, position = after.bar[1:], after.position[1:]
        bar_rows = np.append(np.flatnonzero(kind == Kind.BAR)[1:], len(tokens))  # where each bar has ended
        n_bars = int((kind == Kind.BAR).sum())
        lengths = layout.bar_steps[after.metre[bar_rows[:n_bars]]]
        bar_starts = np.concatenate(([0], np.cumsum(lengths)))
        tick = bar_starts[np.maximum(bar, 0)] + np.maximum(position, 0)
        ends = np.flatnonzero(kind == Kind.DURATION)
        notes = make_notes(
            tick[ends],
            np.array(self.durations)[value[ends]],
            value[ends - 2],
            np.array(self.velocities)[value[ends - 1]],
            after.track[1:][ends],
        )
        programs = value[kind == Kind.PROGRAM].tolist()
        return Score(
            ticks_per_quarter=self.steps_per_quarter,
            notes=notes,
            tracks=tuple(
                Track(is_drum=True) if program == DRUM_PROGRAM else Track(program=self.program_of(program))
                for program in programs
            ),
            tempi=tuple(Tempo(int(tick[row]), self.tempi[value[row]]) for row in np.flatnonzero(kind == Kind.TEMPO)),
            time_signatures=tuple(
                TimeSignature(int(tick[row]), *self.time_signatures[value[row]])
                for row in np.flatnonzero(kind == Kind.TIME_SIGNATURE)
            ),
            key_signatures=tuple(
                KeySignature(int(tick[row]), int(value[row] % 15 - 7), bool(value[row] >= 15))
                for row in np.flatnonzero(kind == Kind.KEY)
            ),
        )

    def columns(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The model's input at each step, (N, K) int64: see `Representation.columns`."""
        checked = self.layout.check_ids(tokens)
        parts = [EventState.along(self.layout, checked).columns()]
        if self.echoes:
            parts.append(event_echo_columns(self.layout, checked))
        if self.harmony:
            parts.append(event_harmony_columns(self.layout, checked))
        return np.concatenate(parts, axis=1)

    def legal(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tokens the grammar allows at each step: see `Representation.legal`.

        Args:
            tokens: one piece, (N,) int64.

        Returns:
            (N, V) bool.

        Raises:
            ScoreError: a token is not allowed where it stands.
        """
        tokens = self.layout.check_ids(tokens)
        legal = EventState.along(self.layout, tokens).legal(self.layout)
        wrong = ~legal[np.arange(len(tokens)), tokens]
        wrong[1:] |= tokens[:-1] == self.end
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            found = Kind(int(self.layout.kind_of[tokens[row]])).name
            raise ScoreError(f"token {tokens[row]} ({found}) may not stand at step {row} of these events")
        return legal

    def cursor(self, batch: int) -> EventCursor:
        """A fresh cursor over `batch` empty pieces: see `Representation.cursor`."""
        return EventCursor(self.layout, batch, echoes=self.echoes, harmony=self.harmony)

    def kinds(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The `Kind` of each event, (N,) int64."""
        kinds: NDArray[np.int64] = self.layout.kind_of[self.layout.check_ids(tokens)]
        return kinds

    def n_units(self, tokens: NDArray[np.int64]) -> int:
        """The number of events, END included."""
        return len(tokens)

    def to_dict(self) -> dict[str, Any]:
        """The tables as JSON values."""
        return {
            "kind": self.kind,
            "steps_per_quarter": self.steps_per_quarter,
            "time_signatures": [list(metre) for metre in self.time_signatures],
            "tempi": list(self.tempi),
            "velocities": list(self.velocities),
            "durations": list(self.durations),
            "n_tracks": self.n_tracks,
            "echoes": self.echoes,
            "harmony": self.harmony,
            "program_words": [list(pair) for pair in self.program_words],
            "two_handed": list(self.two_handed),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EventVocabulary:
        """The vocabulary that `to_dict` described.

        Args:
            values: what `to_dict` returned, perhaps after a trip through JSON.

        Returns:
            A vocabulary equal to the one described.

        Raises:
            ModelError: a field is missing, unknown or wrong.
        """
        expected = set(cls().to_dict())
        switches = [values.get(name) for name in ("echoes", "harmony")]
        if set(values) != expected or values["kind"] != "events" or not all(type(value) is bool for value in switches):
            raise ModelError(f"an event vocabulary has kind 'events' and {sorted(expected)}; got {values}")
        try:
            return cls(
                steps_per_quarter=int(values["steps_per_quarter"]),
                time_signatures=tuple((int(top), int(bottom)) for top, bottom in values["time_signatures"]),
                tempi=tuple(map(int, values["tempi"])),
                velocities=tuple(map(int, values["velocities"])),
                durations=tuple(map(int, values["durations"])),
                n_tracks=int(values["n_tracks"]),
                echoes=values["echoes"],
                harmony=values["harmony"],
                program_words=tuple((int(program), int(word)) for program, word in values["program_words"]),
                two_handed=tuple(map(int, values["two_handed"])),
            )
        except (TypeError, ValueError) as error:
            raise ModelError(f"a table of the event vocabulary is wrong: {error}") from error

    def _bar_starts(self, metres: tuple[TimeSignature, ...], last: int) -> NDArray[np.int64]:
        ends = [metre.tick for metre in metres[1:]] + [last + 1]
        starts = [
            np.arange(metre.tick, end, 4 * metre.numerator * self.steps_per_quarter // metre.denominator)
            for metre, end in zip(metres, ends, strict=True)
        ]
        return np.concatenate(starts)
