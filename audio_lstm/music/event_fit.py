"""A score as an event vocabulary can say it: onto the grid and into the tables, with an account of what moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ScoreError
from audio_lstm.music.score import (
    DEFAULT_MICROSECONDS_PER_QUARTER,
    NOTE_DTYPE,
    KeySignature,
    Score,
    Tempo,
    TimeSignature,
    Track,
    rescale_ticks,
)

__all__ = ["EventTables", "FitReport", "fit_score", "nearest"]

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

    @property
    def bar_steps(self) -> tuple[int, ...]:
        """The length of a bar of each metre, in grid steps."""
        return tuple(4 * top * self.steps_per_quarter // bottom for top, bottom in self.time_signatures)


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


def fit_score(score: Score, tables: EventTables) -> tuple[Score, FitReport]:
    """The nearest score that the tables can say, and what it took.

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
        A score at `steps_per_quarter`, and the report.

    Raises:
        ScoreError: the score has more tracks or bars than can be said.
    """
    used = np.unique(score.notes["track"])
    if len(used) > tables.n_tracks:
        raise ScoreError(
            f"{len(used)} tracks with notes; this vocabulary holds {tables.n_tracks}: merge some, or build a "
            "vocabulary with more n_tracks"
        )
    grid = score.resample_ticks(tables.steps_per_quarter)
    notes, shifts = _fit_notes(score, tables, used)
    metres, n_metres_changed = _fit_metres(grid.time_signatures, tables)
    tempi = _fit_tempi(grid.tempi, tables)
    keys = _without_repeats(grid.key_signatures)
    fitted = Score(
        ticks_per_quarter=tables.steps_per_quarter,
        notes=notes,
        tracks=tuple(
            Track(program=0 if track.is_drum else track.program, is_drum=track.is_drum)
            for track in (score.tracks[index] for index in used)
        ),
        tempi=tempi,
        time_signatures=metres,
        key_signatures=keys,
    )
    last = max(
        int(notes["start_ticks"].max(initial=0)),
        *(events[-1].tick for events in (tempi, metres, keys) if events),
    )
    if last // min(tables.bar_steps) > _MAX_BARS and _count_bars(metres, last, tables) > _MAX_BARS:
        raise ScoreError(f"the last event is more than {_MAX_BARS} bars from the start; cut the score")
    report = FitReport(
        n_notes=score.n_notes,
        n_merged_notes=score.n_notes - len(notes),
        **shifts,
        max_tempo_ratio=_max_tempo_ratio(score.tempi, tables),
        n_metres_changed=n_metres_changed,
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


def _fit_notes(score: Score, tables: EventTables, used: NDArray[np.int64]) -> tuple[NDArray[Any], dict[str, Any]]:
    """The notes in grid steps, sorted and merged, and how far they moved."""
    old, new = score.ticks_per_quarter, tables.steps_per_quarter
    given = score.notes
    start = rescale_ticks(given["start_ticks"], old, new)
    end = rescale_ticks(given["start_ticks"] + given["duration_ticks"], old, new)
    durations, velocities = np.array(tables.durations), np.array(tables.velocities)
    notes = np.empty(len(given), NOTE_DTYPE)
    notes["start_ticks"] = start
    notes["duration_ticks"] = durations[nearest(durations, np.maximum(end - start, 1))]
    notes["pitch"] = given["pitch"]
    notes["velocity"] = velocities[nearest(velocities, given["velocity"])]
    notes["track"] = np.searchsorted(used, given["track"])
    onset_shift = np.abs(start / new - given["start_ticks"] / old)
    duration_shift = np.abs(notes["duration_ticks"] / new - given["duration_ticks"] / old)
    shifts = {
        "max_onset_shift_quarters": float(onset_shift.max(initial=0)),
        "max_duration_shift_quarters": float(duration_shift.max(initial=0)),
        "max_velocity_shift": int(np.abs(notes["velocity"] - given["velocity"]).max(initial=0)),
    }
    notes = notes[np.lexsort((notes["pitch"], notes["track"], notes["start_ticks"]))]
    same = np.ones(len(notes), dtype=bool)  # as the note before; the first is the same as none
    for name in ("start_ticks", "track", "pitch"):
        same[1:] &= notes[name][1:] == notes[name][:-1]
    same[:1] = False
    heads = np.flatnonzero(~same)
    merged = notes[heads]
    if same.any():
        for name in ("duration_ticks", "velocity"):
            merged[name] = np.maximum.reduceat(notes[name], heads)
    return merged, shifts


def _max_tempo_ratio(tempi: tuple[Tempo, ...], tables: EventTables) -> float:
    given = np.array([tempo.microseconds_per_quarter for tempo in tempi] or [DEFAULT_MICROSECONDS_PER_QUARTER])
    taken = np.array(tables.tempi)[nearest(np.log(tables.tempi), np.log(given))]
    return float(np.exp(np.abs(np.log(taken / given)).max()) - 1)


def _fit_tempi(tempi: tuple[Tempo, ...], tables: EventTables) -> tuple[Tempo, ...]:
    if not tempi or tempi[0].tick > 0:
        tempi = (Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER), *tempi)
    rows = nearest(np.log(tables.tempi), np.log([tempo.microseconds_per_quarter for tempo in tempi]))
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
