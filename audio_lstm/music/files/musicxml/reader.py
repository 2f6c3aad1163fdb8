"""MusicXML as a score: what sounds, in the order in which it is played.

Read are `<duration>`, `<pitch>` and `<tie>` (musicxml/part.py); repeats and jumps are played out (musicxml/order.py);
dynamic marks become velocities (musicxml/dynamics.py). Grace notes have the length that they are written with: those
with a slash sound before the beat, a 32nd at most; others on it, in up to half of the time of their note. Cue notes are
silent, each staff is a track, and ornaments, arpeggios, pedals and fermatas are not played out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.musicxml.dynamics import ACCENT, UNMARKED, read_marks
from audio_lstm.music.files.musicxml.file import musicxml_document
from audio_lstm.music.files.musicxml.measure import Measure, Note
from audio_lstm.music.files.musicxml.order import Signs, play_order
from audio_lstm.music.files.musicxml.part import ROUNDED_UNITS, PartReader, read_parts, units_per_quarter
from audio_lstm.music.score.bars import PageBar, signatures_of_bars
from audio_lstm.music.score.score import MAX_TICKS, KeySignature, Score, Tempo, Track, make_notes, rescale_ticks

__all__ = ["musicxml_to_score"]

_TICKS_PER_QUARTER = 480  # or a multiple that all times of the file are whole numbers of
_LEAST_TICKS_PER_QUARTER = 12  # of what is too long for more
_MOST_TICKS_PER_QUARTER = 2**15 - 1
_NEARLY = 32  # what is nearer than one part in so many of a quarter was rounded by the exporter
_DEFAULT_BPM = 120.0

_Value = TypeVar("_Value")


def musicxml_to_score(data: bytes, *, max_notes: int = 1_000_000) -> Score:
    """The music of a MusicXML file.

    Args:
        data: the whole file, plain or zipped (.mxl).
        max_notes: more than this, repeats played out, are refused.

    Returns:
        The score, at 480 ticks a quarter or a multiple; it may have no notes.

    Raises:
        ScoreError: it is damaged, too large, or no MusicXML.
    """
    document = musicxml_document(data)
    quarter = units_per_quarter(document)
    parts = read_parts(document, quarter)
    page = _Page.of(parts, quarter)
    n_notes = sum(len(part.measures[place].notes) for part in parts for place, _, _ in page.played_in(part))
    if n_notes > max_notes:
        raise ScoreError(f"too large: {n_notes} notes, more than {max_notes}; raise max_notes to read it")
    return _score(parts, page)


@dataclass(frozen=True)
class _Page:
    """What all parts have in common; times in units."""

    quarter: int
    starts: tuple[int, ...]  # of the measures on the page, one after the other; and where the last one ends
    metres: tuple[tuple[int, int] | None, ...]  # in force in each
    tempi: tuple[dict[int, float], ...]  # of each measure, by time; quarters a minute
    keys: tuple[dict[int, tuple[int, bool]], ...]  # likewise; sharps, is minor
    is_joined: tuple[bool, ...]  # whether a measure may go on with the bar before it
    movements: frozenset[int]  # the measures with which movements begin
    order: tuple[tuple[int, int, int], ...]  # as played: a measure, when it begins, the pass through its repeat

    @classmethod
    def of(cls, parts: Sequence[PartReader], quarter: int) -> _Page:
        n_measures = max((len(part.measures) for part in parts), default=0)
        rows = [[part.measures[place] for part in parts if place < len(part.measures)] for place in range(n_measures)]
        metres = _metres(rows)
        lengths = _lengths(rows, metres, quarter)
        signs = [_merged_signs([one.signs for one in row]) for row in rows]
        for sign, following in pairwise(signs):
            following.forward |= sign.forward_behind
        order = play_order(signs)
        begins = accumulate((lengths[place] for place, _ in order), initial=0)
        joined = [
            not signs[place].begins
            and (
                any(one.is_implicit for one in row)
                or signs[place].forward
                or signs[place].ending is not None
                or (place > 0 and (bool(signs[place - 1].backward) or signs[place - 1].ending_stops))
            )
            for place, row in enumerate(rows)
        ]
        with_keys = next((part for part in parts if part.has_pitches and any(one.keys for one in part.measures)), None)
        keys = [dict[int, tuple[int, bool]]() for _ in rows]
        for place, measure in enumerate(with_keys.measures if with_keys else []):
            keys[place] = {time: (sharps, is_minor) for time, sharps, is_minor in measure.keys}
        return cls(
            quarter,
            tuple(accumulate(lengths, initial=0)),
            tuple(metres),
            tuple(dict(event for one in reversed(row) for event in one.tempi) for row in rows),
            tuple(keys),
            tuple(joined),
            frozenset(place for place, sign in enumerate(signs) if sign.begins),
            tuple((place, begin, number) for (place, number), begin in zip(order, begins, strict=False)),
        )

    @property
    def end(self) -> int:
        """When the last measure that is played ends."""
        if not self.order:
            return 0
        place, begin, _ = self.order[-1]
        return begin + self.starts[place + 1] - self.starts[place]

    def played_in(self, part: PartReader) -> list[tuple[int, int, int]]:
        return [entry for entry in self.order if entry[0] < len(part.measures)]

    def bars(self) -> list[PageBar]:
        found = []
        for number, (place, begin, _) in enumerate(self.order):
            length = self.starts[place + 1] - self.starts[place]
            jumped = number > 0 and self.order[number - 1][0] != place - 1
            joined = number > 0 and (self.is_joined[place] or (jumped and place not in self.movements))
            found.append(PageBar(begin, begin + length, self.metres[place], goes_on=joined))
        return found

    def played(self, events: Sequence[dict[int, _Value]], default: _Value | None) -> list[tuple[int, _Value]]:
        """Changes as they are played: behind a jump, what holds there on the page holds again."""
        at_start: list[_Value | None] = []
        held = default
        for changes in events:
            at_start.append(held)
            held = changes[max(changes)] if changes else held
        found: list[tuple[int, _Value]] = []
        held = default
        for place, begin, _ in self.order:
            for time, value in sorted(({0: at_start[place]} | events[place]).items()):
                if value is not None and value != held:
                    found.append((begin + time, value))
                    held = value
        return found


@dataclass(slots=True)
class _Sounding:
    """A note in the order of playing."""

    start: int
    end: int
    track: tuple[int, int, bool]
    note: Note


def _metres(rows: Sequence[Sequence[Measure]]) -> list[tuple[int, int] | None]:
    """The metre of each measure; one that comes in mid-measure holds from the next on."""
    found: list[tuple[int, int] | None] = []
    held: tuple[int, int] | None = None
    for row in rows:
        now = [metre for one in row for time, metre in one.metres if time == 0]
        later = [metre for one in row for time, metre in one.metres if time > 0]
        held = now[0] if now else held
        found.append(held)
        held = later[0] if later else held
    return found


def _lengths(rows: Sequence[Sequence[Measure]], metres: Sequence[tuple[int, int] | None], quarter: int) -> list[int]:
    """How long each measure is: as far as its notes reach, and its rests within the metre.

    Exporters write a rest for the whole measure with the length of the metre, or longer, in pickups and in bars that a
    repeat sign divides too: there it is as long as the notes of the others.
    """
    found = []
    for place, (row, metre) in enumerate(zip(rows, metres, strict=True)):
        bar = 4 * quarter * metre[0] // metre[1] if metre else 4 * quarter
        notes = max((one.length for one in row), default=0)
        rests = {one.rest_length for one in row} - {0}
        following = rows[place + 1] if place + 1 < len(rows) else None
        is_part = (
            place == 0
            or following is None
            or any(one.is_implicit or one.signs.begins for one in (*row, *following))
            or any(one.signs.backward for one in (*row, *rows[place - 1]))
            or any(one.signs.forward for one in row)
        )
        length = notes
        if not notes and rests:
            length = max(rests) if len(rests) == 1 else min(max(rests), bar)
        elif rests and not is_part:
            length = max(notes, min(max(rests), bar))
        length = length or bar
        found.append(bar if abs(length - bar) * _NEARLY < quarter else length)
    return found


def _merged_signs(signs: Sequence[Signs]) -> Signs:
    """Of all parts: some exporters write them into one part, some into each."""
    endings = [sign.ending for sign in signs if sign.ending is not None]
    return Signs(
        begins=any(sign.begins for sign in signs),
        forward=any(sign.forward for sign in signs),
        forward_behind=any(sign.forward_behind for sign in signs),
        backward=max((sign.backward for sign in signs), default=0),
        ending=max(endings, key=len) if endings else None,
        ending_stops=any(sign.ending_stops for sign in signs),
        segnos={name for sign in signs for name in sign.segnos},
        codas={name for sign in signs for name in sign.codas},
        da_capo=any(sign.da_capo for sign in signs),
        dal_segno=next((sign.dal_segno for sign in signs if sign.dal_segno is not None), None),
        to_coda=next((sign.to_coda for sign in signs if sign.to_coda is not None), None),
        fine=any(sign.fine for sign in signs),
    )


def _set_velocities(parts: Sequence[PartReader], page: _Page) -> None:
    """Marks hold for all staves of their part; a part without marks follows the part with the most of them."""
    marks = [
        read_marks(
            ((page.starts[place] + time, mark) for place, one in enumerate(part.measures) for time, mark in one.marks),
            page.quarter,
        )
        for part in parts
    ]
    fullest = max(marks, key=lambda found: len(found.levels), default=None)
    for part, own in zip(parts, marks, strict=True):
        followed = own if own.levels else fullest
        known: dict[int, int] = {}
        for start, measure in zip(page.starts, part.measures, strict=False):
            for note in measure.notes:
                if note.velocity:
                    continue
                if followed is None or not followed.levels:
                    note.velocity = UNMARKED
                    continue
                time = start + note.at
                if time not in known:
                    known[time] = followed.velocity(time)
                note.velocity = min(127, known[time] + ACCENT * note.is_accented)


def _sounding(part: PartReader, number: int, page: _Page) -> list[_Sounding]:
    """The notes of a part as they are played, tied ones joined, in order of their start."""
    found = []
    for place, begin, passing in page.played_in(part):
        for note in part.measures[place].notes:
            if not note.passes or passing in note.passes:
                start = max(0, begin + note.start)
                found.append(_Sounding(start, start + note.length, (number, note.staff, note.is_drum), note))
    found.sort(key=lambda one: one.start)
    joined: list[_Sounding] = []
    open_ties: dict[int, list[_Sounding]] = {}  # by pitch
    for one in found:
        note = one.note
        held = _tied_to(one, open_ties.get(note.pitch, []), page.quarter) if note.tied_from else None
        if held is not None:
            held.end = one.end
            if not note.tied_on:
                open_ties[note.pitch].remove(held)
            continue
        joined.append(one)
        if note.tied_on:
            open_ties.setdefault(note.pitch, []).append(one)
    return joined


def _tied_to(one: _Sounding, waiting: Sequence[_Sounding], quarter: int) -> _Sounding | None:
    """The note that a tie leads from: one that ends here, in the same voice if there is one."""
    ending = [held for held in waiting if abs(held.end - one.start) * _NEARLY <= quarter]
    same = [held for held in ending if held.note.voice == one.note.voice and held.note.staff == one.note.staff]
    return (same or ending)[-1] if ending else None


def _score(parts: Sequence[PartReader], page: _Page) -> Score:
    _set_velocities(parts, page)
    sounding = [one for number, part in enumerate(parts) for one in _sounding(part, number, page)]
    last = max([page.end, *(one.end for one in sounding)])
    if last > MAX_TICKS * page.quarter // _LEAST_TICKS_PER_QUARTER:
        raise ScoreError(f"its times overflow: it lasts {last // page.quarter:,} quarters; check its durations")
    keys = sorted({one.track for one in sounding})
    index = {key: place for place, key in enumerate(keys)}
    tempi = page.played(page.tempi, _DEFAULT_BPM if not any(page.tempi) else None)
    signs = page.played(page.keys, None)
    starts = np.array([one.start for one in sounding], np.int64)
    ends = np.array([one.end for one in sounding], np.int64)
    bars = page.bars()
    others = np.array([*(time for time, _ in tempi), *(time for time, _ in signs), *(bar.end_ticks for bar in bars)])
    quarter = page.quarter
    ticks = _ticks_per_quarter(np.concatenate((starts, ends, others.astype(np.int64))), quarter)
    starts, ends = (rescale_ticks(times, quarter, ticks) for times in (starts, ends))
    at = [int(rescale_ticks(time, quarter, ticks)) for time in [0, *(bar.end_ticks for bar in bars)]]
    bars = [PageBar(first, last, bar.metre, bar.goes_on) for first, last, bar in zip(at, at[1:], bars, strict=False)]
    instruments = [part.instruments for part in parts]
    return Score(
        ticks_per_quarter=ticks,
        notes=make_notes(
            starts,
            np.maximum(ends - starts, 1),
            [one.note.pitch for one in sounding],
            [one.note.velocity for one in sounding],
            [index[one.track] for one in sounding],
        ),
        tracks=tuple(
            Track(instruments[number].part, instruments[number].program(drums=is_drum), is_drum)
            for number, _, is_drum in keys
        ),
        tempi=tuple(Tempo.from_bpm(int(rescale_ticks(time, quarter, ticks)), bpm) for time, bpm in tempi),
        time_signatures=signatures_of_bars(bars, ticks),
        key_signatures=tuple(
            KeySignature(int(rescale_ticks(time, quarter, ticks)), sharps, is_minor)
            for time, (sharps, is_minor) in signs
        ),
        remarks=_remarks(parts),
    )


def _remarks(parts: Sequence[PartReader]) -> tuple[str, ...]:
    counts = (
        (sum(part.n_cues for part in parts), "cue notes, which are silent"),
        (
            sum(part.n_quarter_tones for part in parts),
            "notes in quarter tones, which MIDI lacks and which sound unaltered",
        ),
        (sum(part.n_guessed for part in parts), "drums that nothing names and that sound as a snare"),
    )
    return tuple(f"{what}: {count}" for count, what in counts if count)


def _ticks_per_quarter(times: np.ndarray[tuple[int], np.dtype[np.int64]], quarter: int) -> int:
    """A resolution at which all times are whole: of those, a multiple of 480 if there is room."""
    exact = quarter // math.gcd(quarter, int(np.gcd.reduce(times))) if len(times) else 1
    last = int(times.max(initial=0))
    for ticks in (math.lcm(exact, _TICKS_PER_QUARTER), exact, ROUNDED_UNITS):
        if ticks <= _MOST_TICKS_PER_QUARTER and last * ticks // quarter <= MAX_TICKS:
            return ticks
    return _LEAST_TICKS_PER_QUARTER
