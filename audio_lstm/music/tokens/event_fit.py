"""A score as an event vocabulary can say it: onto the grid and into the tables, with an account of what moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.score import (
    DEFAULT_MICROSECONDS_PER_QUARTER,
    KeySignature,
    Score,
    Tempo,
    TimeSignature,
    Track,
    make_notes,
    rescale_ticks,
)

__all__ = ["EventTables", "FitReport", "FittedScore", "fit_events", "fit_score", "nearest"]

# At 120 quarters a minute, 4/4: eleven hours. More is a damaged file, and each empty bar is a token.
_MAX_BARS = 20_000

_Event = TypeVar("_Event", Tempo, TimeSignature, KeySignature)


@dataclass(frozen=True)
class EventTables:
    """What an event vocabulary has words for; all tables ascend but the metres, which are by preference."""

    steps_per_quarter: int
    time_signatures: tuple[tuple[int, int], ...]  # (numerator, denominator)
    tempi: tuple[int, ...]  # microseconds a quarter
    velocities: tuple[int, ...]  # 1..127
    durations: tuple[int, ...]  # grid steps
    n_tracks: int  # most tracks a piece may have

    @cached_property
    def bar_steps(self) -> tuple[int, ...]:
        """The length of a bar of each metre, in grid steps."""
        return tuple(4 * top * self.steps_per_quarter // bottom for top, bottom in self.time_signatures)

    @cached_property
    def log_tempi(self) -> NDArray[np.float64]:
        """The logarithms of `tempi`: the nearest in ratio is the nearest here."""
        return np.log(self.tempi)

    @cached_property
    def duration_rows(self) -> NDArray[np.int64]:
        """The nearest row of `durations` for every number of steps up to the last one (which takes what is longer)."""
        return nearest(self.durations, np.arange(self.durations[-1] + 1))

    @cached_property
    def velocity_rows(self) -> NDArray[np.int64]:
        """The nearest row of `velocities` for each of MIDI's 128."""
        return nearest(self.velocities, np.arange(128))


@dataclass(frozen=True, eq=False)
class FittedScore:
    """A score in the words of an event vocabulary; the notes by start, track and pitch, no two alike in these."""

    start: NDArray[np.int64]  # (n,) grid steps
    track: NDArray[np.int64]  # (n,) index into `tracks`
    pitch: NDArray[np.int64]  # (n,) MIDI note numbers
    duration_row: NDArray[np.int64]  # (n,) of the table
    velocity_row: NDArray[np.int64]  # (n,) of the table
    tracks: tuple[Track, ...]  # those with notes
    tempi: tuple[Tempo, ...]
    metres: tuple[TimeSignature, ...]
    keys: tuple[KeySignature, ...]
    n_metres_changed: int


@dataclass(frozen=True)
class FitReport:
    """How far a score moved on its way into an event vocabulary; all 0 for a score that is on its grid."""

    n_notes: int  # notes of the score that was given
    n_merged_notes: int  # notes that fell onto another of the same track, onset and pitch
    max_onset_shift_quarters: float  # the farthest that an onset moved to the grid
    max_duration_shift_quarters: float  # the most that a note grew or shrank
    max_velocity_shift: int  # the most that a velocity moved to the table's
    max_tempo_ratio: float  # the largest change of a tempo, as a factor less 1
    n_metres_changed: int  # time signatures replaced, moved to a bar line, or put in to fill a bar cut short


def fit_events(score: Score, tables: EventTables) -> FittedScore:
    """A score in the words of a vocabulary.

    - Onsets and ends are rounded to the grid; a note keeps at least one step; durations and velocities take the
      nearest value of their tables.
    - Notes of one track, onset and pitch become one, with the longest duration and the highest velocity.
    - Tracks without notes go; names go; drum kits become kit 0.
    - The first tempo and metre are written out (120, 4/4 where the score names none); repeats are dropped.
    - A tempo takes the nearest of the table (in ratio).
    - A metre that the table lacks becomes the one with the nearest bar length. A metre that comes in mid-bar cuts
      that bar short, which is written as a metre of the length that is left; where the table has none so long, the
      new metre waits for (or returns to) the nearest bar line. Notes never move for a metre's sake.

    Args:
        score: any score.
        tables: the vocabulary's.

    Returns:
        The parts, in rows of the tables.

    Raises:
        ScoreError: the score has more tracks or bars than can be said.
    """
    given = score.notes["track"]
    used = np.flatnonzero(np.bincount(given, minlength=1)) if len(given) else given
    if len(used) > tables.n_tracks:
        raise ScoreError(
            f"{len(used)} tracks with notes; this vocabulary holds {tables.n_tracks}: merge some, or build a "
            "vocabulary with more n_tracks"
        )
    old, new = score.ticks_per_quarter, tables.steps_per_quarter
    metres, n_metres_changed = _fit_metres(_rescaled(score.time_signatures, old, new), tables)
    tempi = _fit_tempi(_rescaled(score.tempi, old, new), tables)
    keys = _without_repeats(_rescaled(score.key_signatures, old, new))
    start, track, pitch, duration_row, velocity_row = _fit_notes(score, tables, used)
    last = max(int(start[-1]) if len(start) else 0, *(events[-1].tick for events in (tempi, metres, keys) if events))
    if last // min(tables.bar_steps) > _MAX_BARS and _count_bars(metres, last, tables) > _MAX_BARS:
        raise ScoreError(f"the last event is more than {_MAX_BARS} bars from the start; cut the score")
    tracks = tuple(
        Track(program=0 if part.is_drum else part.program, is_drum=part.is_drum)
        for part in (score.tracks[index] for index in used.tolist())
    )
    return FittedScore(start, track, pitch, duration_row, velocity_row, tracks, tempi, metres, keys, n_metres_changed)


def fit_score(score: Score, tables: EventTables) -> tuple[Score, FitReport]:
    """The nearest score that the tables can say (see `fit_events`), and what it took.

    Args:
        score: any score; what cannot be said is a ScoreError of `fit_events`.
        tables: the vocabulary's.

    Returns:
        A score at `steps_per_quarter`, and the report.
    """
    parts = fit_events(score, tables)
    durations, velocities = np.array(tables.durations), np.array(tables.velocities)
    fitted = Score(
        ticks_per_quarter=tables.steps_per_quarter,
        notes=make_notes(
            parts.start, durations[parts.duration_row], parts.pitch, velocities[parts.velocity_row], parts.track
        ),
        tracks=parts.tracks,
        tempi=parts.tempi,
        time_signatures=parts.metres,
        key_signatures=parts.keys,
    )
    report = FitReport(
        n_notes=score.n_notes,
        n_merged_notes=score.n_notes - len(parts.start),
        **_shifts(score, tables),
        max_tempo_ratio=_max_tempo_ratio(score.tempi, tables),
        n_metres_changed=parts.n_metres_changed,
    )
    return fitted, report


def nearest(table: Any, values: Any) -> NDArray[np.int64]:
    """The rows of an ascending table that are nearest to some values (the lower of two as near).

    Args:
        table: (n,) ascending numbers.
        values: (m,) numbers.

    Returns:
        (m,) int64.
    """
    table, values = np.asarray(table), np.asarray(values)
    above = np.clip(np.searchsorted(table, values), 1, max(len(table) - 1, 1))
    if len(table) == 1:
        return np.zeros(values.shape, np.int64)
    lower_is_nearer = values - table[above - 1] <= table[above] - values
    return np.asarray(above - lower_is_nearer, dtype=np.int64)


def _rescaled(events: tuple[_Event, ...], old: int, new: int) -> tuple[_Event, ...]:
    """Events on the grid; of several that fall on one step, the last one."""
    by_tick = {event.tick: event for event in (replace(e, tick=int(rescale_ticks(e.tick, old, new))) for e in events)}
    return tuple(by_tick.values())


def _on_grid(score: Score, tables: EventTables) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Onset in grid steps, and rows of duration and velocity, of each note as it comes."""
    old, new = score.ticks_per_quarter, tables.steps_per_quarter
    given = np.ascontiguousarray(score.notes["start_ticks"])
    start = rescale_ticks(given, old, new)
    length = rescale_ticks(given + score.notes["duration_ticks"], old, new) - start
    duration_row = tables.duration_rows[np.clip(length, 1, tables.durations[-1])]
    return start, duration_row, tables.velocity_rows[score.notes["velocity"]]


def _fit_notes(score: Score, tables: EventTables, used: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Start, track, pitch, row of the duration and of the velocity: sorted and merged."""
    start, duration_row, velocity_row = _on_grid(score, tables)
    track = np.zeros(len(score.tracks), np.int64)
    track[used] = np.arange(len(used))
    # 28 bits of start, 8 of track, 7 of pitch: one integer a note.
    key = (start << 15) | (track[score.notes["track"]] << 7) | score.notes["pitch"]
    if not (key[1:] > key[:-1]).all():
        order = np.argsort(key, kind="stable")
        key, duration_row, velocity_row = key[order], duration_row[order], velocity_row[order]
        heads = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        if len(heads) < len(key):
            key = key[heads]
            duration_row, velocity_row = (np.maximum.reduceat(rows, heads) for rows in (duration_row, velocity_row))
    return key >> 15, (key >> 7) & 255, key & 127, duration_row, velocity_row


def _shifts(score: Score, tables: EventTables) -> dict[str, Any]:
    """How far the notes moved."""
    start, duration_row, velocity_row = _on_grid(score, tables)
    old, new = score.ticks_per_quarter, tables.steps_per_quarter
    onset = np.abs(start / new - score.notes["start_ticks"] / old)
    duration = np.abs(np.array(tables.durations)[duration_row] / new - score.notes["duration_ticks"] / old)
    velocity = np.abs(np.array(tables.velocities)[velocity_row] - score.notes["velocity"])
    return {
        "max_onset_shift_quarters": float(onset.max(initial=0)),
        "max_duration_shift_quarters": float(duration.max(initial=0)),
        "max_velocity_shift": int(velocity.max(initial=0)),
    }


def _max_tempo_ratio(tempi: tuple[Tempo, ...], tables: EventTables) -> float:
    given = np.array([tempo.microseconds_per_quarter for tempo in tempi] or [DEFAULT_MICROSECONDS_PER_QUARTER])
    taken = np.array(tables.tempi)[nearest(tables.log_tempi, np.log(given))]
    return float(np.exp(np.abs(np.log(taken / given)).max()) - 1)


def _fit_tempi(tempi: tuple[Tempo, ...], tables: EventTables) -> tuple[Tempo, ...]:
    if not tempi or tempi[0].tick > 0:
        tempi = (Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER), *tempi)
    rows = nearest(tables.log_tempi, np.log([tempo.microseconds_per_quarter for tempo in tempi]))
    return _without_repeats(tuple(Tempo(tempo.tick, tables.tempi[row]) for tempo, row in zip(tempi, rows, strict=True)))


def _without_repeats(events: tuple[_Event, ...]) -> tuple[_Event, ...]:
    """Only the events that change something: those that differ from the one before in more than the tick."""
    kept: list[_Event] = []
    for event in events:
        if not kept or replace(event, tick=kept[-1].tick) != kept[-1]:
            kept.append(event)
    return tuple(kept)


def _fit_metres(signatures: tuple[TimeSignature, ...], tables: EventTables) -> tuple[tuple[TimeSignature, ...], int]:
    """Metres of the table that start at bar lines, and how many signatures that changed."""
    lengths = tables.bar_steps
    row_of = {metre: row for row, metre in enumerate(tables.time_signatures)}
    if not signatures or signatures[0].tick > 0:
        signatures = (TimeSignature(0, 4, 4), *signatures)
    n_changed = 0
    placed: list[tuple[int, int]] = []  # (tick, row of the table)
    for signature in signatures:
        row = row_of.get((signature.numerator, signature.denominator), -1)
        if row < 0:
            steps = signature.bar_quarters * tables.steps_per_quarter
            row = min(range(len(lengths)), key=lambda index: abs(lengths[index] - steps))
            n_changed += 1
        tick = signature.tick
        if placed:
            start, current = placed[-1]
            n_bars, left = divmod(max(tick - start, 0), lengths[current])
            if left and left in lengths:  # the bar is cut short: give it a metre of its own
                if n_bars == 0:
                    placed.pop()
                placed.append((tick - left, lengths.index(left)))
            else:
                tick = start + lengths[current] * (n_bars + (2 * left >= lengths[current]))
                if tick == start:  # the metre before does not last a bar
                    placed.pop()
            n_changed += left > 0 or tick != signature.tick
        placed.append((tick, row))
    metres = tuple(TimeSignature(tick, *tables.time_signatures[row]) for tick, row in placed)
    return _without_repeats(metres), n_changed


def _count_bars(metres: tuple[TimeSignature, ...], last: int, tables: EventTables) -> int:
    starts = [metre.tick for metre in metres]
    ends = [*starts[1:], max(last, starts[-1]) + 1]
    steps = [metre.bar_quarters * tables.steps_per_quarter for metre in metres]
    return sum(-int(-(end - start) // length) for start, end, length in zip(starts, ends, steps, strict=True))
