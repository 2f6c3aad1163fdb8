"""One part of a MusicXML score, measure by measure, by what sounds: `<duration>`, `<pitch>` and `<tie>`.

What is only written is not looked at: `<type>`, `<dot>`, `<accidental>`, `<tied>`, `<tuplet>`. Times are whole units; a
quarter has as many as can be divided by every `<divisions>` of the score.
"""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.musicxml.instruments import SNARE, Instruments, read_instruments
from audio_lstm.music.files.musicxml.measure import (
    LENGTHS,
    Measure,
    Note,
    number_of,
    read_barline,
    read_direction,
    read_sound,
)

__all__ = ["ROUNDED_UNITS", "PartReader", "read_parts", "units_per_quarter"]

ROUNDED_UNITS = 30_240
"""Of a quarter, 2^5 3^3 5 7: where no number of units holds all times."""

_MOST_UNITS = 2**31  # in a quarter
_LEAST_UNITS = 480
_DIVISIONS = re.compile(rb"<(?:\w+:)?divisions>\s*([\d.]+)\s*<")

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SLASHED = Fraction(1, 8)  # quarters: how long a grace note with a slash sounds before the beat, at most
_GRACE_SHARE = 2  # the others take at most one part in so many of the note that they lean on
_MOST_DIGITS = 9
_FINEST = 480  # of a quarter: what grace notes are cut to where they share the time of a note
_FULL_VELOCITY = 0.9  # of MIDI, for each hundredth of the attribute "dynamics"


@dataclass
class _Grace:
    """Grace notes that sound together."""

    notes: list[Note]
    length: int
    before: bool  # the beat; else on it


class PartReader:
    """Reads the measures of a part in their order; what a measure says holds on in those behind it.

    Args:
        instruments: its instruments.
        quarter: units in a quarter note.
    """

    def __init__(self, instruments: Instruments, quarter: int) -> None:
        self.instruments = instruments
        self.measures: list[Measure] = []
        self.n_cues = 0  # notes that are silent
        self.n_quarter_tones = 0  # notes moved to MIDI's scale
        self.n_guessed = 0  # drums that nothing names
        self._quarter = quarter
        self._divisions = Fraction(1)
        self._per_division = quarter  # units; 0 where that is no whole number
        self._transposed: dict[int, int] = {}  # semitones by staff; staff 0 is any
        self._repeated: dict[int, int] = {}  # staves (0: all) whose measures sound as those so many before
        self._where = ""
        self._number = 0  # of the last measure that has one
        self._graces: dict[str, list[_Grace]] = {}  # that wait for their note, by voice
        self._chords: dict[str, list[Note]] = {}  # the last one, by voice
        self._delay = 0  # by which grace notes put off the last chord

    @property
    def has_pitches(self) -> bool:
        """Whether there is a note in it that is no drum."""
        return any(not note.is_drum for measure in self.measures for note in measure.notes)

    def read(self, element: Element) -> None:
        """Take the next measure; a pitch that is none is a ScoreError.

        Args:
            element: `<measure>`, or the `<part>` within one.
        """
        before = self.measures[-1] if self.measures else None
        measure = Measure(is_implicit=element.get("implicit") == "yes")
        self.measures.append(measure)
        number = (element.get("number") or "").strip()
        if number.isdecimal():
            measure.signs.begins = int(number) <= 1 < self._number
            self._number = int(number)
        self._where = f"part {self.instruments.part!r}, measure {element.get('number') or len(self.measures)}"
        self._graces, self._chords = {}, {}
        repeated = dict(self._repeated)
        ends: dict[str, int] = {}  # by voice
        sounding: set[str] = set()  # voices
        now = chord_start = 0
        for child in element:
            tag = child.tag
            if tag == "note":
                found = {part.tag: part for part in child}
                start = chord_start if "chord" in found else now
                length = self._take_note(measure, child, found, start)
                if "chord" not in found and "grace" not in found:
                    chord_start, now = start, start + length
                voice = found["voice"].text or "" if "voice" in found else ""
                ends[voice] = max(ends.get(voice, 0), now)
                if "rest" not in found:
                    sounding.add(voice)
            elif tag in ("backup", "forward"):
                length = self._units(child.findtext("duration"))
                now = now + length if tag == "forward" else max(0, now - length)
                measure.length = max(measure.length, now)
            elif tag == "attributes":
                self._take_attributes(measure, child, now, repeated)
            elif tag == "direction":
                read_direction(measure, child, now, self._units)
            elif tag == "sound":
                read_sound(measure, child, now, self._units)
            elif tag == "barline":
                read_barline(measure, child, before, now)
        for voice in list(self._graces):
            self._play_after(measure, voice)
        measure.length = max([measure.length, *(ends[voice] for voice in sounding)])
        measure.rest_length = max([0, *(end for voice, end in ends.items() if voice not in sounding)])
        self._copy_repeated(measure, repeated)

    def _units(self, text: str | None) -> int:
        """A number of divisions, in units."""
        if text and self._per_division and len(text) <= _MOST_DIGITS and text.isdecimal():
            return int(text) * self._per_division
        return max(0, round(number_of(text) * self._quarter / self._divisions))

    def _take_note(self, measure: Measure, element: Element, found: dict[str, Element], start: int) -> int:
        """Take a note, rest or grace note, and say how long it is."""
        voice = found["voice"].text or "" if "voice" in found else ""
        in_chord = "chord" in found
        length = 0
        if "grace" not in found:
            length = self._units(found["duration"].text) if "duration" in found else self._written(element, found)
        sounds = ("pitch" in found or "unpitched" in found) and "cue" not in found
        self.n_cues += "cue" in found and "rest" not in found
        note = self._note(element, found, start, length, voice) if sounds else None
        if "grace" in found:
            if note is not None:
                self._hold_grace(element, found, note, in_chord=in_chord)
            return 0
        if not in_chord:
            self._delay = self._play_before(measure, voice, note) if note is not None else 0
            if note is None:
                self._play_after(measure, voice)
            self._chords[voice] = []
        if note is not None:
            note.start, note.length = note.start + self._delay, note.length - self._delay
        if note is not None and note.length > 0:
            measure.notes.append(note)
            self._chords.setdefault(voice, []).append(note)
        return length

    def _written(self, element: Element, found: dict[str, Element], default: Fraction = Fraction(1)) -> int:
        """The length that a note is written with: of grace notes, and where the duration is missing."""
        length = LENGTHS.get((found["type"].text or "").strip(), default) if "type" in found else default
        length *= 2 - Fraction(1, 2 ** len(element.findall("dot")))
        tuplet = found.get("time-modification")
        if tuplet is not None:
            length *= number_of(tuplet.findtext("normal-notes"), 1) / (number_of(tuplet.findtext("actual-notes")) or 1)
        return max(1, round(length * self._quarter))

    def _note(self, element: Element, found: dict[str, Element], start: int, length: int, voice: str) -> Note:
        staff = int(number_of(found["staff"].text, 1)) if "staff" in found else 1
        if "pitch" in found:
            is_drum = self.instruments.is_kit(found.get("instrument"))
            pitch = self._pitch(found["pitch"]) + self._transposed.get(staff, self._transposed.get(0, 0))
            key = self.instruments.own_key(found.get("instrument")) if is_drum else None
            pitch = pitch if key is None else key
        else:
            key, is_drum = self.instruments.key_of(element), True
            self.n_guessed += key is None
            pitch = SNARE if key is None else key
        if not 0 <= pitch <= 127:
            raise ScoreError(f"{self._where}: a note sounds at MIDI pitch {pitch}, outside 0 to 127; check its octave")
        note = Note(start, length, pitch, staff, voice, start, is_drum)
        if "tie" in found:
            ties = {tie.get("type") for tie in element.findall("tie")}
            note.tied_from, note.tied_on = "stop" in ties, "start" in ties
        if "notations" in found:
            note.is_accented = found["notations"].find("articulations/accent") is not None
        if element.get("dynamics") is not None:
            loudness = float(number_of(element.get("dynamics"), 100))
            note.velocity = min(127, max(1, round(loudness * _FULL_VELOCITY)))
        if element.get("time-only"):
            passes = element.get("time-only", "").replace(",", " ").split()
            note.passes = tuple(int(one) for one in passes if one.isdecimal())
        return note

    def _pitch(self, element: Element) -> int:
        step, octave = (element.findtext("step") or "").strip(), number_of(element.findtext("octave"), -99)
        if step not in _STEPS or octave == -99:
            raise ScoreError(
                f"{self._where}: a <pitch> of step {step!r} and octave {element.findtext('octave')!r} is none; "
                "export the file again"
            )
        # MIDI has no quarter tones: they go to the nearest pitch, of two the less altered one.
        alter = number_of(element.findtext("alter"))
        self.n_quarter_tones += alter.denominator != 1
        return 12 * (int(octave) + 1) + _STEPS[step] + int(alter)

    def _hold_grace(self, element: Element, found: dict[str, Element], note: Note, *, in_chord: bool) -> None:
        waiting = self._graces.setdefault(note.voice, [])
        if in_chord and waiting:
            waiting[-1].notes.append(note)
            return
        length = self._written(element, found, default=Fraction(1, 2))
        slashed = found["grace"].get("slash") == "yes"
        if slashed:
            length = min(length, round(_SLASHED * self._quarter))
        before = slashed or found["grace"].get("steal-time-previous") is not None
        waiting.append(_Grace([note], length, before))

    def _play_before(self, measure: Measure, voice: str, note: Note) -> int:
        """Sound the grace notes that lead to a note: those with a slash before it, the others in its time, so long."""
        graces = self._graces.pop(voice, [])
        ahead = [grace for grace in graces if grace.before]
        self._sound(measure, ahead, note.at - sum(grace.length for grace in ahead), 1)
        on_beat = [grace for grace in graces if not grace.before]
        asked, most = sum(grace.length for grace in on_beat), note.length // _GRACE_SHARE
        scale = Fraction(min(asked, most), asked) if asked else Fraction(1)
        return self._sound(measure, on_beat, note.at, scale) - note.at

    def _play_after(self, measure: Measure, voice: str) -> None:
        """Sound the grace notes that no note follows, in the last of the time of the chord before them."""
        graces = self._graces.pop(voice, [])
        chord = self._chords.get(voice, [])
        if not graces or not chord:
            return
        asked, most = sum(grace.length for grace in graces), chord[0].length // _GRACE_SHARE
        scale = Fraction(min(asked, most), asked)
        end = max(note.start + note.length for note in chord)
        self._sound(measure, graces, end - int(asked * scale), scale)
        start = min(note.start for grace in graces for note in grace.notes)
        for note in chord:
            note.length = max(1, min(note.length, start - note.start))

    def _sound(self, measure: Measure, graces: list[_Grace], start: int, scale: Fraction | int) -> int:
        """Add grace notes one after the other, and say where the last one ends."""
        finest = max(1, self._quarter // _FINEST)
        for grace in graces:
            length = max(finest, int(grace.length * scale) // finest * finest)
            for note in grace.notes:
                note.start, note.length = start, max(1, length)
                measure.notes.append(note)
            start += length
        return start

    def _take_attributes(self, measure: Measure, element: Element, now: int, repeated: dict[int, int]) -> None:
        divisions = number_of(element.findtext("divisions"))
        if divisions > 0:
            self._divisions = divisions
            per_division = self._quarter / divisions
            self._per_division = int(per_division) if per_division.denominator == 1 else 0
        for transpose in element.findall("transpose"):
            semitones = int(number_of(transpose.findtext("chromatic")))
            semitones += 12 * int(number_of(transpose.findtext("octave-change")))
            if transpose.get("number") is None:
                self._transposed.clear()
            self._transposed[int(number_of(transpose.get("number")))] = semitones
        key = element.find("key")
        if key is not None and key.find("fifths") is not None:
            sharps = _sounding_sharps(int(number_of(key.findtext("fifths"))), self._transposed.get(0, 0))
            measure.keys.append((now, sharps, (key.findtext("mode") or "").strip() in ("minor", "aeolian")))
        time = element.find("time")
        if time is not None:
            measure.metres.append((now, _metre(time)))
        for style in element.findall("measure-style"):
            repeat = style.find("measure-repeat")
            if repeat is None:
                continue
            staff = int(number_of(style.get("number")))
            if repeat.get("type") == "start":
                repeated[staff] = self._repeated[staff] = max(1, int(number_of(repeat.text, 1)))
            else:
                self._repeated.pop(staff, None)
                if now == 0:
                    repeated.pop(staff, None)

    def _copy_repeated(self, measure: Measure, repeated: dict[int, int]) -> None:
        """Let a measure with a repeat sign in it sound as the one before, unless its notes are written out."""
        for staff, distance in repeated.items():
            if distance < len(self.measures) and not any(staff in (0, note.staff) for note in measure.notes):
                source = self.measures[-1 - distance]
                measure.notes += [replace(note) for note in source.notes if staff in (0, note.staff)]
                measure.length = max(measure.length, source.length)
                measure.rest_length = max(measure.rest_length, source.rest_length)


def units_per_quarter(document: bytes) -> int:
    """How many units a quarter of a score has.

    Args:
        document: from `musicxml_document`.

    Returns:
        A multiple of 480 and of all its divisions, if there is one of a reasonable size.
    """
    units = _LEAST_UNITS
    for text in set(_DIVISIONS.findall(document)):
        units = math.lcm(units, number_of(text.decode("ascii"), 1).numerator or 1)
        if units > _MOST_UNITS:
            return ROUNDED_UNITS
    return units


def read_parts(document: bytes, quarter: int) -> list[PartReader]:
    """The parts of a score, measure by measure: what was read of the document is let go.

    Args:
        document: from `musicxml_document`.
        quarter: units in a quarter.

    Returns:
        The parts in the order of the part list; of what it lacks, behind them.
    """
    known: list[tuple[str, PartReader]] = []
    used: list[PartReader] = []  # those that have this score's part, or this measure's
    root, measure = "", Element("measure")

    def reader_of(name: str) -> PartReader:  # parts of one name, or without any, come in the order of the list
        found = next((one for other, one in known if other == name and one not in used), None)
        if found is None:
            found = PartReader(Instruments("", {}), quarter)
            known.append((name, found))
        used.append(found)
        return found

    for event, element in ElementTree.iterparse(io.BytesIO(document), ("start", "end")):
        tag = element.tag.rpartition("}")[2]
        if event == "start":
            root = root or tag
            if tag == "part" and root == "score-partwise":
                reader_of(element.get("id", ""))
            elif tag == "measure":
                measure = element
            continue
        if tag not in ("score-part", "measure", "part"):
            continue
        if "}" in element.tag:
            for inner in element.iter():
                inner.tag = inner.tag.rpartition("}")[2]
        if tag == "score-part":
            known.append((element.get("id", ""), PartReader(read_instruments(element), quarter)))
        elif tag == "measure" and root == "score-partwise":
            (used[-1] if used else reader_of("")).read(element)
            element.clear()
        elif tag == "part" and root == "score-timewise":
            element.attrib.update({name: measure.get(name, "") for name in ("number", "implicit")})
            reader_of(element.get("id", "")).read(element)
            element.clear()
        elif tag == "measure":  # of all parts: those that it lacks are silent in it
            for _, one in known:
                if one not in used:
                    one.read(Element("part"))
            used.clear()
    return [one for _, one in known]


def _sounding_sharps(sharps: int, semitones: int) -> int:
    """A key of a transposing instrument as it sounds; of enharmonic keys, one with at most six signs."""
    if semitones % 12:
        sharps = (sharps + 7 * semitones + 5) % 12 - 5
    while abs(sharps) > 7:
        sharps -= 12 if sharps > 0 else -12
    return sharps


def _metre(element: Element) -> tuple[int, int] | None:
    """The metre, sums (3+2, or 2/4 + 3/8) added up; None where there is none, or none that a score can hold."""
    total, unit = Fraction(0), 1
    for beats, beat_type in zip(element.findall("beats"), element.findall("beat-type"), strict=False):
        bottom = int(number_of(beat_type.text))
        if bottom not in (1, 2, 4, 8, 16, 32, 64, 128):
            return None
        unit = max(unit, bottom)
        total += sum((number_of(part) for part in (beats.text or "").split("+")), Fraction(0)) / bottom
    top = total * unit
    return (int(top), unit) if top.denominator == 1 and 1 <= top <= 255 else None
