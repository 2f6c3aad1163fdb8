"""A score as it is written: parts, staves, bars, voices, note values; what MusicXML and ABC are made from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.key_finding import find_key
from audio_lstm.music.score.name_text import printable
from audio_lstm.music.score.score import KeySignature, Score, Track
from audio_lstm.music.score.spelling import SpelledPitch, alter_in_key, key_at, spell
from audio_lstm.music.sheet.quantise import UNITS, GridBar, GridNote, grid_bars, quantise
from audio_lstm.music.sheet.rhythm import Value, beam_groups, split_length

__all__ = ["Head", "Notation", "Symbol", "WrittenBar", "WrittenPart", "score_to_notation"]

_SPLIT_PITCH = 60  # keyboards: middle C and above belong to the right hand
_KEYBOARDS = frozenset((*range(8), 8, 9, 10, 11, 12, 16, 17, 18, 19, 20, 46))  # pianos, bars, organs, harp
_ONE_STAFF_SEMITONES = 24  # a keyboard part within two octaves on one side of middle C has one staff


@dataclass(frozen=True)
class Head:
    """A note of a chord."""

    pitch: SpelledPitch
    midi: int
    velocity: int
    accidental: int | None = None  # what is printed: -2..2; None where the key or the bar says it already


@dataclass(frozen=True)
class Symbol:
    """A chord or a rest of one note value."""

    value: Value
    heads: tuple[Head, ...] = ()  # from the top down; none is a rest
    tied_from: bool = False  # to the symbol before
    tied_on: bool = False  # to the symbol after
    beams: tuple[str, ...] = ()
    fills_bar: bool = False  # a rest for the whole bar
    triplet: str = ""  # "start" and "stop" of the bracket
    n_in_triplet: int = 0  # how many symbols it spans, where it starts


@dataclass(frozen=True)
class WrittenBar:
    """One bar of one part."""

    grid: GridBar
    key: KeySignature
    voices: tuple[tuple[Symbol, ...], ...]  # by number; gaps between symbols are left out of all but a staff's first
    staves: tuple[int, ...]  # of each voice, from 0


@dataclass(frozen=True)
class WrittenPart:
    """One player's part."""

    name: str
    program: int
    is_drum: bool
    clefs: tuple[str, ...]  # of each staff: "G", "G8" (an octave lower), "F" or "drums"
    bars: tuple[WrittenBar, ...]


@dataclass(frozen=True)
class Notation:
    """A whole score as it is written."""

    parts: tuple[WrittenPart, ...]
    bars: tuple[GridBar, ...]
    keys: tuple[KeySignature, ...]  # of each bar


def score_to_notation(score: Score, *, keep_one_staff: bool = False) -> Notation:
    """Decide how a score is written.

    Times are brought onto a grid (`quantise`); chords are notes of one voice with one start and one end; notes that
    overlap otherwise go to further voices. Without a key signature the key is found in the notes. Two neighbouring
    keyboard tracks of one name are the hands of one player.

    Args:
        score: any score of at most 10,000 bars.
        keep_one_staff: keyboards have one staff too.

    Returns:
        Its parts; tracks without notes are left out, but of a score without notes the first is kept.
    """
    grid = grid_bars(score, score_bars(score))
    if not score.key_signatures:
        score = replace(score, key_signatures=(find_key(score),))
    keys = tuple(key_at(score, bar.bar.start_ticks) for bar in grid)
    used = np.unique(score.notes["track"]).tolist() or ([0] if score.tracks else [])
    tracks = score.tracks or (Track("Music"),)
    parts = []
    for hands in _players(tracks, used or [0], score) if not keep_one_staff else [[track] for track in used]:
        staves = [quantise(score, score.notes[score.notes["track"] == track], grid) for track in hands]
        if len(staves) == 1 and not keep_one_staff and tracks[hands[0]].program in _KEYBOARDS:
            staves = _split_hands(staves[0]) if not tracks[hands[0]].is_drum else staves
        parts.append(_part(tracks[hands[0]], hands[0], staves, grid, keys))
    return Notation(tuple(parts), grid, keys)


def _players(tracks: tuple[Track, ...], used: list[int], score: Score) -> list[list[int]]:
    """Tracks of each part."""
    players: list[list[int]] = []
    for track in used:
        if players and len(players[-1]) == 1:
            other = players[-1][0]
            same = (tracks[other].name, tracks[other].program) == (tracks[track].name, tracks[track].program)
            keyboards = (
                same and tracks[track].program in _KEYBOARDS and not (tracks[track].is_drum or tracks[other].is_drum)
            )
            if keyboards and _mean_pitch(score, other) >= _mean_pitch(score, track):
                players[-1].append(track)
                continue
        players.append([track])
    return players


def _mean_pitch(score: Score, track: int) -> float:
    return float(score.notes["pitch"][score.notes["track"] == track].mean())


def _part(
    track: Track, number: int, staves: list[list[GridNote]], grid: tuple[GridBar, ...], keys: tuple[KeySignature, ...]
) -> WrittenPart:
    clefs = ("drums",) if track.is_drum else tuple(_clef(track.name, notes) for notes in staves)
    if len(clefs) == 2:
        clefs = ("G", "F") if clefs[0] == clefs[1] == "G8" else tuple(clef.replace("G8", "G") for clef in clefs)
    lines = [_voices(notes) for notes in staves]
    bars = []
    pointers = [[0] * len(voices) for voices in lines]
    for bar, key in zip(grid, keys, strict=True):
        voices, places = [], []
        for staff, staff_lines in enumerate(lines):
            written = [
                _voice_in_bar(line, pointers[staff], index, bar, key) for index, line in enumerate(staff_lines)
            ] or [()]
            first, *others = written
            kept = [first or (_bar_rest(bar),), *(voice for voice in others if voice)]
            kept = [_filled(voice, bar, is_first=not index) for index, voice in enumerate(kept)]
            voices += _with_accidentals(kept, key)
            places += [staff] * len(kept)
        bars.append(WrittenBar(bar, key, tuple(voices), tuple(places)))
    name = printable(track.name) or ("Drums" if track.is_drum else f"Part {number + 1}")
    return WrittenPart(name, track.program, track.is_drum, clefs, tuple(bars))


def _split_hands(notes: list[GridNote]) -> list[list[GridNote]]:
    pitches = [note.pitch for note in notes]
    if not pitches:
        return [notes]
    one_side = min(pitches) >= _SPLIT_PITCH - 5 or max(pitches) <= _SPLIT_PITCH + 4
    if one_side and max(pitches) - min(pitches) <= _ONE_STAFF_SEMITONES:
        return [notes]
    return [
        [note for note in notes if note.pitch >= _SPLIT_PITCH],
        [note for note in notes if note.pitch < _SPLIT_PITCH],
    ]


def _clef(name: str, notes: list[GridNote]) -> str:
    pitches = [note.pitch for note in notes]
    middle = float(np.median(pitches)) if pitches else _SPLIT_PITCH
    if "tenor" in name.lower() and pitches and 48 <= middle <= 67:
        return "G8"
    return "G" if middle >= _SPLIT_PITCH - 1 else "F"


def _voices(notes: list[GridNote]) -> list[list[tuple[GridNote, ...]]]:
    """Chords, each in the first voice that is free; high notes first."""
    chords: dict[tuple[int, int], list[GridNote]] = {}
    for note in notes:
        chords.setdefault((note.start, note.end), []).append(note)
    by_start = sorted(chords.values(), key=lambda chord: (chord[0].start, -chord[0].pitch))
    lines: list[list[tuple[GridNote, ...]]] = []
    for chord in by_start:
        line = next((line for line in lines if line[-1][0].end <= chord[0].start), None)
        if line is None:
            lines.append(line := [])
        line.append(tuple(chord))
    return lines


def _voice_in_bar(
    line: list[tuple[GridNote, ...]], pointers: list[int], index: int, bar: GridBar, key: KeySignature
) -> tuple[Symbol, ...]:
    """The symbols of one voice in one bar, without rests; moves the voice's pointer on."""
    while pointers[index] < len(line) and line[pointers[index]][0].end <= bar.start:
        pointers[index] += 1
    chords = []
    for chord in line[pointers[index] :]:
        if chord[0].start >= bar.end:
            break
        chords.append(chord)
    triplets = _triplets(chords, bar)
    symbols = []
    for chord in chords:
        start, end = chord[0].start, chord[0].end
        heads = tuple(Head(spell(note.pitch, key), note.pitch, note.velocity) for note in chord)
        inside = max(start, bar.start) - bar.start, min(end, bar.end) - bar.start
        values = split_length(*inside, bar.bar.metre, triplets, rest=False)
        symbols += [
            Symbol(
                value,
                heads,
                tied_from=number > 0 or start < bar.start,
                tied_on=number + 1 < len(values) or end > bar.end,
            )
            for number, value in enumerate(values)
        ]
    return tuple(symbols)


def _triplets(chords: list[tuple[GridNote, ...]], bar: GridBar) -> frozenset[int]:
    """The quarters of a bar in which a voice starts or ends a note off the grid of 32nds."""
    times = {time - bar.start for chord in chords for time in (chord[0].start, chord[0].end)}
    return frozenset(time // UNITS for time in times if 0 <= time < bar.size and time % 3)


def _bar_rest(bar: GridBar) -> Symbol:
    return Symbol(Value(0, bar.size, "whole", 0, False), fills_bar=True)


def _filled(voice: tuple[Symbol, ...], bar: GridBar, *, is_first: bool) -> tuple[Symbol, ...]:
    """Rests in the gaps: all of them in a staff's first voice, in others only where they complete a triplet."""
    if voice[0].fills_bar:
        return voice
    triplets = frozenset(symbol.value.start // UNITS for symbol in voice if symbol.value.in_triplet)
    result: list[Symbol] = []
    position = 0
    for symbol in [*voice, None]:
        until = bar.size if symbol is None else symbol.value.start
        rests = split_length(position, until, bar.bar.metre, triplets, rest=True)
        result += [Symbol(value) for value in rests if is_first or value.start // UNITS in triplets]
        if symbol is not None:
            result.append(symbol)
            position = symbol.value.start + symbol.value.units
    values = [symbol.value for symbol in result]
    beams = beam_groups(values, [bool(symbol.heads) for symbol in result], bar.bar.metre)
    return tuple(
        replace(symbol, beams=beam, triplet=bracket, n_in_triplet=count)
        for symbol, beam, (bracket, count) in zip(result, beams, _brackets(values), strict=True)
    )


def _brackets(values: list[Value]) -> list[tuple[str, int]]:
    """For each value the start or stop of a triplet's bracket, and how many values that spans from its start."""
    marks = [("", 0)] * len(values)
    quarters = [value.start // UNITS if value.in_triplet else -1 for value in values]
    for quarter in set(quarters) - {-1}:
        inside = [index for index, other in enumerate(quarters) if other == quarter]
        marks[inside[0]] = ("start", len(inside))
        if len(inside) > 1:
            marks[inside[-1]] = ("stop", 0)
    return marks


def _with_accidentals(voices: list[tuple[Symbol, ...]], key: KeySignature) -> list[tuple[Symbol, ...]]:
    """Which accidentals are printed on a staff in a bar, in the order in which they are read."""
    state: dict[tuple[str, int], int] = {}
    order = sorted(
        (symbol.value.start, number, index) for number, voice in enumerate(voices) for index, symbol in enumerate(voice)
    )
    result = [list(voice) for voice in voices]
    for _, number, index in order:
        symbol = result[number][index]
        heads = []
        for head in symbol.heads:
            place = head.pitch.step, head.pitch.octave
            known = state.get(place, alter_in_key(head.pitch.step, key))
            shown = head.pitch.alter if head.pitch.alter != known and not symbol.tied_from else None
            if not symbol.tied_from:
                state[place] = head.pitch.alter
            heads.append(replace(head, accidental=shown))
        result[number][index] = replace(symbol, heads=tuple(heads))
    return [tuple(voice) for voice in result]
