"""ABC notation: a tune as text -> a score. Repeats are played out, ties joined; parts are played in their order.

After the ABC standard 2.1 (Walshaw 2011). Left out, as they do not sound: words, chord names, annotations, decorations,
slurs; and grace notes, which have no time of their own. Fields in the tune's header hold for all voices, in its body
for the voice in which they stand. What is left out and is not named here is said in the score's `remarks`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.abc.book import AbcTune, abc_tunes, field_of, pick_tune
from audio_lstm.music.files.abc.fields import parse_key, parse_length, parse_metre, parse_tempo, properties, shifts
from audio_lstm.music.files.abc.music import expand_macros, read_music
from audio_lstm.music.files.abc.voice import AbcPart, AbcSigns, AbcVoice, Played, play_out
from audio_lstm.music.score.bars import PageBar, signatures_of_bars
from audio_lstm.music.score.name_text import printable
from audio_lstm.music.score.notation import TICKS_PER_QUARTER
from audio_lstm.music.score.score import MAX_TICKS, KeySignature, Score, Tempo, TimeSignature, Track, make_notes

__all__ = ["abc_to_score", "abc_to_scores"]

_PART_GROUP = re.compile(r"\(([A-Za-z]*)\)(\d*)")
_PART_COUNT = re.compile(r"([A-Za-z])(\d+)")
_MAX_PARTS = 1000
_STRAYS_PER_NOTE = 0.2  # characters that mean nothing: where there are more, it is not ABC


@dataclass
class AbcReader:
    """What holds at the place that is being read."""

    metre: tuple[int, int] | None = None
    unit: Fraction | None = None  # of a whole note; None: not said
    tempo: str = ""  # Q: as it stands in the header: a bare number counts units, which may be named later
    signs: AbcSigns = field(default_factory=AbcSigns)  # at the end of the header
    shift: dict[str, int] = field(default_factory=dict)
    program: int = 0
    parts: str = ""
    label: str | None = None
    octaves_apart: bool | None = False  # whether accidentals hold for their octave only; None: for their note only
    macros: list[tuple[str, str]] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)  # the values of V: in the header
    voices: dict[str, AbcVoice] = field(default_factory=dict)
    current: str = "1"
    in_body: bool = False
    n_grace: int = 0
    n_jumps: int = 0  # D.C., D.S. and their like
    strays: Counter[str] = field(default_factory=Counter)  # what means nothing -> how often
    first_stray: str = ""
    header_text: list[str] = field(default_factory=list)  # lines that are no fields, with their place

    @property
    def voice(self) -> AbcVoice:
        """The voice that is being read."""
        if self.current not in self.voices:
            voice = AbcVoice(self.signs, self.unit or Fraction(1, 8), shift=dict(self.shift), program=self.program)
            if self.label is not None:
                voice.symbols.append(AbcPart(self.label))
            self.voices[self.current] = voice
        return self.voices[self.current]

    def read_field(self, letter: str, value: str, where: str) -> None:
        """Take in a field; those that do not sound are passed over.

        Args:
            letter: Its name.
            value: What it says.
            where: For messages.
        """
        if letter == "m":
            name, _, played = value.partition("=")
            self.macros.append((name.strip(), played.strip()))
        elif letter == "I":
            self._instruct(value.split())
        elif letter == "V" and value:
            self._turn_to(value)
        elif letter == "P":
            self._part(value)
        elif not self.in_body:
            self._header_field(letter, value, where)
        elif letter in "KLMQ":
            self._body_field(letter, value, where)

    def _header_field(self, letter: str, value: str, where: str) -> None:
        if letter == "M":
            self.metre = parse_metre(value, where)
        elif letter == "L":
            self.unit = parse_length(value, where)
        elif letter == "Q":
            self.tempo = value
        elif letter == "K":
            if self.unit is None:
                is_short = self.metre is not None and Fraction(*self.metre) < Fraction(3, 4)
                self.unit = Fraction(1, 16) if is_short else Fraction(1, 8)
            key = parse_key(value, where) or AbcSigns().key
            self.signs = AbcSigns(key, self.metre, parse_tempo(self.tempo, self.unit))
            self.shift.update(shifts(value))
            self.in_body = True
            for declared in self.declared:
                self._turn_to(declared)
            if self.declared:
                self.current = self.declared[0].split()[0]

    def _body_field(self, letter: str, value: str, where: str) -> None:
        voice = self.voice
        if letter == "M":
            voice.signs = replace(voice.signs, metre=parse_metre(value, where))
        elif letter == "L":
            voice.unit = parse_length(value, where)
        elif letter == "Q":
            voice.signs = replace(voice.signs, bpm=parse_tempo(value, voice.unit) or voice.signs.bpm)
        else:
            voice.signs = replace(voice.signs, key=parse_key(value, where) or voice.signs.key)
            voice.shift.update(shifts(value))

    def _turn_to(self, value: str) -> None:
        if not self.in_body:
            self.declared.append(value)
            return
        self.current = value.split()[0]
        self.voice.shift.update(shifts(value.partition(self.current)[2]))
        named = properties(value)
        self.voice.name = printable(named.get("name") or named.get("nm") or self.voice.name)

    def _part(self, value: str) -> None:
        if not self.in_body:
            self.parts = value
        elif value:
            self.label = value[0]
            for voice in self.voices.values():
                voice.symbols.append(AbcPart(self.label))
                voice.accidentals = {}

    def _instruct(self, words: Sequence[str]) -> None:
        numbers = [int(word) for word in words if re.fullmatch(r"-?\d{1,3}", word)]
        if words[:1] == ["propagate-accidentals"] and words[1:]:
            self.octaves_apart = {"not": None, "octave": True}.get(words[1], False)
        elif words[:2] in (["MIDI", "nobarlines"], ["MIDI", "barlines"]):  # early music without bars
            self.octaves_apart = None if words[1] == "nobarlines" else False
        elif words[:2] == ["MIDI", "program"] and numbers and 0 <= numbers[-1] <= 127:
            self.program = self.program if self.in_body else numbers[-1]
            if self.in_body:
                self.voice.program = numbers[-1]
        elif words[:2] == ["MIDI", "transpose"] and numbers:
            (self.voice.shift if self.in_body else self.shift)["midi"] = numbers[-1]

    def stray(self, text: str, where: str, place: int) -> None:
        """Note what means nothing where it stands.

        Args:
            text: The characters.
            where: The line.
            place: Where in it, from 1.
        """
        self.first_stray = self.first_stray or f"{where}, place {place}, {text!r}"
        self.strays[text[:1]] += 1


def abc_to_score(data: bytes, tune: str | None = None) -> Score:
    """The score of a tune; what is no ABC in it is a ScoreError with its line and place.

    Args:
        data: The file, in any encoding.
        tune: Which one, by its X: number or title; None: the first, and the score says how many there are.

    Returns:
        480 ticks a quarter, a track a voice; perhaps without notes.
    """
    tunes = abc_tunes(data)
    picked = pick_tune(tunes, tune)
    score = _tune_score(picked)
    if tune is None and len(tunes) > 1:
        word = f"it holds {len(tunes)} tunes, and {picked.name} is read; name another one by its X: number or title"
        score = replace(score, remarks=(word, *score.remarks))
    return score


def abc_to_scores(data: bytes) -> list[tuple[str, Score | ScoreError]]:
    """All tunes of a file.

    Args:
        data: The file, in any encoding.

    Returns:
        Each with what it is called, "" for the only one, and its score, or what is wrong with it.
    """
    tunes = abc_tunes(data)
    found: list[tuple[str, Score | ScoreError]] = []
    for tune in tunes:
        name = tune.name if len(tunes) > 1 else ""
        try:
            found.append((name, _tune_score(tune)))
        except ScoreError as error:
            found.append((name, error))
    return found


def _tune_score(tune: AbcTune) -> Score:
    reader = AbcReader()
    where = "ABC"
    for number, line in tune.lines:
        where = f"ABC line {number}"
        named = field_of(line)
        if named:
            reader.read_field(named[0], named[1], where)
        elif line.strip() and reader.in_body:
            read_music(reader, expand_macros(line, reader.macros), where)
        elif line.strip():
            reader.header_text.append(f"{where}, {line.strip()[:20]!r}")
    if not reader.in_body:
        raise ScoreError(f"{where}: the tune ends without a K: field; its header ends with K:, such as K:C")
    return _score(reader)


def _score(reader: AbcReader) -> Score:
    voices = reader.voices
    played = play_out(list(voices.values()), _part_order(reader))
    n_notes = sum(len(part.notes) for part in played)
    n_strays = sum(reader.strays.values())
    if n_strays > _STRAYS_PER_NOTE * n_notes:
        raise ScoreError(f"{reader.first_stray}: this is no ABC")
    sounding = [place for place, part in enumerate(played) if part.notes]
    rows = [
        (_ticks(start), _ticks(start + length), pitch, track)
        for track, place in enumerate(sounding)
        for start, length, pitch in played[place].notes
    ]
    several = len(sounding) > 1
    names = [voice.name or (f"Voice {name}" if several else "Melody") for name, voice in voices.items()]
    parts = list(voices.values())
    starts, ends, pitches, tracks = zip(*rows, strict=True) if rows else ((), (), (), ())
    first = played[sounding[0]] if sounding else Played(signs=[(Fraction(0), reader.signs)])
    return Score(
        TICKS_PER_QUARTER,
        make_notes(starts, [max(b - a, 1) for a, b in zip(starts, ends, strict=True)], pitches, 80, tracks)
        if rows
        else Score(1).notes,
        tracks=tuple(Track(names[place], parts[place].program) for place in sounding),
        tempi=_tempi(played),
        time_signatures=_time_signatures(first, reader.signs.metre),
        key_signatures=_key_signatures(first),
        remarks=_remarks(reader),
    )


def _ticks(place: Fraction) -> int:
    ticks = round(4 * TICKS_PER_QUARTER * place)
    if ticks > MAX_TICKS:
        raise ScoreError("the ABC tune is too long for a score; cut it")
    return ticks


def _time_signatures(first: Played, metre: tuple[int, int] | None) -> tuple[TimeSignature, ...]:
    if all(bar[2] is None for bar in first.bars):
        return (TimeSignature(0, *metre),) if metre else ()
    bars = (PageBar(_ticks(start), _ticks(end), metre, goes_on) for start, end, metre, goes_on in first.bars)
    return signatures_of_bars(bars, TICKS_PER_QUARTER)


def _tempi(played: Sequence[Played]) -> tuple[Tempo, ...]:
    """Those of all voices, each where it changes."""
    found: list[Tempo] = []
    said = sorted((start, signs.bpm) for part in played for start, signs in part.signs if signs.bpm)
    for start, bpm in said:
        tempo = Tempo.from_bpm(_ticks(start), bpm)
        if not found or found[-1].microseconds_per_quarter != tempo.microseconds_per_quarter:
            found.append(tempo)
    return tuple(found)


def _key_signatures(first: Played) -> tuple[KeySignature, ...]:
    found: list[KeySignature] = []
    for start, signs in first.signs:
        key = KeySignature(_ticks(start), signs.key.sharps, signs.key.is_minor)
        if not found or (found[-1].sharps, found[-1].is_minor) != (key.sharps, key.is_minor):
            found.append(key)
    return tuple(found)


def _remarks(reader: AbcReader) -> tuple[str, ...]:
    remarks = []
    if reader.n_grace:
        remarks.append(f"{reader.n_grace} grace notes are left out, as they have no time of their own in ABC")
    if reader.n_jumps:
        remarks.append(f"{reader.n_jumps} signs such as D.C. or D.S. are not followed: the music goes on behind them")
    if reader.header_text:
        remarks.append(
            f"{len(reader.header_text)} lines before the K: are no fields and left out: {reader.header_text[0]}"
        )
    n_strays = sum(reader.strays.values())
    if n_strays:
        remarks.append(
            f"{n_strays} characters that mean nothing in ABC are left out, the first at {reader.first_stray}"
        )
    return tuple(remarks)


def _part_order(reader: AbcReader) -> list[str] | None:
    """The labels in the order of playing; None where the header says none, or the body has none of them."""
    labels = {
        symbol.label for voice in reader.voices.values() for symbol in voice.symbols if isinstance(symbol, AbcPart)
    }
    text = re.sub(r"[^A-Za-z0-9()]", "", reader.parts)
    while (group := _PART_GROUP.search(text)) or (group := _PART_COUNT.search(text)):
        text = text[: group.start()] + group[1] * min(int(group[2] or 1), _MAX_PARTS) + text[group.end() :]
        if len(text) > _MAX_PARTS:
            raise ScoreError(f"P:{reader.parts[:40]} plays more than {_MAX_PARTS} parts; write fewer")
    order = [label for label in text if label in labels]
    return order or None
