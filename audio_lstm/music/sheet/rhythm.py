"""Lengths as note values: plain, dotted, tied, in triplets; and which of them a beam joins."""

from __future__ import annotations

from dataclasses import dataclass

from audio_lstm.music.score.score import TimeSignature
from audio_lstm.music.sheet.quantise import UNITS

__all__ = ["Value", "beam_groups", "beat_units", "split_length"]

_TYPES = {96: "whole", 48: "half", 24: "quarter", 12: "eighth", 6: "16th", 3: "32nd"}
_FLAGS = {"eighth": 1, "16th": 2, "32nd": 3}


@dataclass(frozen=True)
class Value:
    """One written note value."""

    start: int  # units from the bar's start
    units: int  # how long it sounds
    type: str  # "whole" to "32nd", in MusicXML's words
    dots: int  # 0 or 1
    in_triplet: bool  # three in the time of two

    @property
    def flags(self) -> int:
        """How many beams or flags it has."""
        return _FLAGS.get(self.type, 0)


def beat_units(metre: TimeSignature) -> int:
    """How long a beat is: a dotted quarter in 6/8, 9/8 and 12/8, else a quarter.

    Args:
        metre: in force.

    Returns:
        Units of the grid.
    """
    compound = metre.denominator == 8 and metre.numerator % 3 == 0 and metre.numerator > 3
    return 3 * UNITS // 2 if compound else UNITS


def split_length(start: int, end: int, metre: TimeSignature, triplets: frozenset[int], *, rest: bool) -> list[Value]:
    """A stretch of a bar as note values, to be tied together.

    Args:
        start: units from the bar's start.
        end: likewise.
        metre: in force.
        triplets: which quarters of the bar (0, 1, …) are divided by three in this voice.
        rest: rests are split more readily: they show the beats.

    Returns:
        The values in order; together they fill the stretch.
    """
    values = []
    position = start
    while position < end:
        quarter = position // UNITS
        if quarter in triplets:
            stop = min(end, (quarter + 1) * UNITS)
            values += _in_triplet(position, stop)
            position = stop
            continue
        stop = next((UNITS * other for other in sorted(triplets) if position < UNITS * other < end), end)
        while position < stop:
            value = _longest(position, stop, metre, rest=rest)
            values.append(value)
            position += value.units
    return values


def _in_triplet(start: int, end: int) -> list[Value]:
    values = []
    while start < end:
        written = next(units for units in (36, 24, 18, 12, 9, 6, 3) if 2 * units <= 3 * (end - start))
        values.append(_value(start, written, sounding=2 * written // 3))
        start += 2 * written // 3
    return values


def _longest(start: int, end: int, metre: TimeSignature, *, rest: bool) -> Value:
    room = end - start
    beat = beat_units(metre)
    if beat != UNITS:
        if start % beat == 0 and room >= beat:
            return _value(start, 2 * beat if start % (2 * beat) == 0 and room >= 2 * beat else beat)
        room = min(room, beat - start % beat)
        fits = (units for units, grid in _COMPOUND if units <= room and start % grid == 0)
        return _value(start, next(units for units in fits if units in _TYPES or not rest))
    return _value(start, next(units for units in _ORDER if units <= room and _allowed(start, units, metre, rest=rest)))


_COMPOUND = ((24, 12), (18, 12), (12, 6), (9, 6), (6, 3), (3, 3))  # within a dotted quarter: value, where it may start
_ORDER = (144, 96, 72, 48, 36, 24, 18, 12, 9, 6, 3)


def _allowed(start: int, units: int, metre: TimeSignature, *, rest: bool) -> bool:
    """Whether a value may begin here without hiding the beats."""
    if units == 3:
        return True
    if units in _TYPES:
        if start % units == 0:
            return True
        # A syncopation, within the value twice as long: across the middle of a bar only as a half note.
        span = 2 * units
        return not rest and start % (units // 2) == 0 and start // span == (start + units - 1) // span
    if rest:
        return False
    length = 2 * units // 3  # without the dot
    end = start + units
    if start % (2 * length if length < UNITS else length) == 0 or end % (2 * length) == 0:
        return True
    return start % UNITS == 0 and end == 4 * UNITS * metre.numerator // metre.denominator


def _value(start: int, written: int, *, sounding: int | None = None) -> Value:
    dotted = written not in _TYPES
    name = _TYPES[2 * written // 3 if dotted else written]
    return Value(start, written if sounding is None else sounding, name, int(dotted), sounding is not None)


def beam_groups(values: list[Value], sounds: list[bool], metre: TimeSignature) -> list[tuple[str, ...]]:
    """What joins the values of a voice in a bar: for each, the state of its beams from the first on.

    Args:
        values: in order.
        sounds: False for rests, which end a beam.
        metre: in force: beams stay within a beat.

    Returns:
        For each value "begin", "continue", "end", "forward hook" or "backward hook" for each of its beams; () without.
    """
    beams: list[tuple[str, ...]] = [()] * len(values)
    beat = beat_units(metre)
    group: list[int] = []
    for index, value in enumerate([*values, None]):
        joins = (
            value is not None
            and value.flags > 0
            and sounds[index]
            and (not group or value.start // beat == values[group[0]].start // beat)
        )
        if not joins:
            _join(values, group, beams)
            group = []
        if value is not None and value.flags > 0 and sounds[index]:
            group.append(index)
    return beams


def _join(values: list[Value], group: list[int], beams: list[tuple[str, ...]]) -> None:
    if len(group) < 2:
        return
    for place, index in enumerate(group):
        before = values[group[place - 1]].flags if place else 0
        after = values[group[place + 1]].flags if place + 1 < len(group) else 0
        states = []
        for level in range(1, values[index].flags + 1):
            left, right = before >= level, after >= level
            if left and right:
                states.append("continue")
            elif left or right:
                states.append("end" if left else "begin")
            else:
                states.append("backward hook" if place else "forward hook")
        beams[index] = tuple(states)
