"""What one part of a MusicXML score says in one measure: notes as they sound, metre, keys, tempi, marks and signs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree.ElementTree import Element

from audio_lstm.music.files.musicxml.order import Signs

__all__ = ["LENGTHS", "Measure", "Note", "number_of", "read_barline", "read_direction", "read_sound"]

LENGTHS = {
    "maxima": Fraction(32), "long": Fraction(16), "breve": Fraction(8), "whole": Fraction(4), "half": Fraction(2),
    "quarter": Fraction(1), "eighth": Fraction(1, 2), "16th": Fraction(1, 4), "32nd": Fraction(1, 8),
    "64th": Fraction(1, 16), "128th": Fraction(1, 32), "256th": Fraction(1, 64), "512th": Fraction(1, 128),
    "1024th": Fraction(1, 256),
}  # fmt: skip
"""The note values of MusicXML, in quarters."""

_NUMBER = re.compile(r"[+-]?(\d{1,9}(\.\d{0,12})?|\.\d{1,12})")
_TEMPO_RANGE = (3.6, 6000.0)  # quarters a minute: what a MIDI file can say, and nobody exceeds
_SIGN_NAMES = ("segno", "coda")
_JUMP_NAMES = ("dacapo", "dalsegno", "tocoda", "fine", *_SIGN_NAMES)
_GOAL = r"( (al|alla|till|to|e poi|senza|con)\b.*)?"
_JUMP_WORDS = (
    ("dacapo", re.compile(rf"(d\. ?c\.?|dc|da capo){_GOAL}")),
    ("dalsegno", re.compile(rf"(d\. ?s\.?|ds|dal segno){_GOAL}")),
    ("tocoda", re.compile(r"(to|al) coda\.?")),
    ("fine", re.compile(r"fine\.?")),
)

Units = Callable[[str | None], int]
"""From the text of a number of divisions to units."""


@dataclass(slots=True)
class Note:
    """A note of a measure, as it sounds."""

    start: int  # units from the beginning of the measure; a grace note may begin before it
    length: int  # units
    pitch: int
    staff: int
    voice: str
    at: int  # where it is written: before grace notes moved it
    is_drum: bool = False
    velocity: int = 0  # what the note itself says; 0 where the marks do
    is_accented: bool = False
    tied_from: bool = False
    tied_on: bool = False
    passes: tuple[int, ...] = ()  # of the repeat in which it sounds; none: all


@dataclass(slots=True)
class Measure:
    """What one part says in a measure; times in units from its beginning."""

    length: int = 0  # as far as its voices with notes reach, and its forwards
    rest_length: int = 0  # as far as those reach that rest throughout
    notes: list[Note] = field(default_factory=list)
    metres: list[tuple[int, tuple[int, int] | None]] = field(default_factory=list)  # time, metre (None: senza misura)
    keys: list[tuple[int, int, bool]] = field(default_factory=list)  # time, sharps, is minor
    tempi: list[tuple[int, float]] = field(default_factory=list)  # time, quarters a minute
    marks: list[tuple[int, Element]] = field(default_factory=list)  # time, a direction
    signs: Signs = field(default_factory=Signs)
    is_implicit: bool = False  # not counted on the page


def number_of(text: str | None, default: Fraction | int = 0) -> Fraction:
    """A number in XML: whole, or with a decimal point.

    Args:
        text: as it stands there; None where it is missing.
        default: for what is none.

    Returns:
        The number.
    """
    stripped = (text or "").strip()
    return Fraction(stripped) if _NUMBER.fullmatch(stripped) else Fraction(default)


def read_direction(measure: Measure, element: Element, now: int, units: Units) -> None:
    """Take the marks, tempi and signs of a direction.

    Args:
        measure: takes them.
        element: `<direction>`.
        now: where it stands.
        units: of a number of divisions.
    """
    offset = element.find("offset")
    # An offset moves what is printed, and what is heard only where it says so.
    shift = _offset(offset, units)
    heard = max(0, now + (shift if offset is not None and offset.get("sound") == "yes" else 0))
    measure.marks.append((max(0, now + shift), element))
    sound = element.find("sound")
    says = {} if sound is None else {name: sound.get(name, "") for name in _JUMP_NAMES if sound.get(name) is not None}
    for kind in element.findall("direction-type"):
        metronome = kind.find("metronome")
        if metronome is not None and (sound is None or sound.get("tempo") is None):
            _take_tempo(measure, heard, _metronome_bpm(metronome))
        if says:
            continue
        for name in _SIGN_NAMES:
            if kind.find(name) is not None:
                _take_jump(measure.signs, name, "")
        text = " ".join(" ".join(words.text or "" for words in kind.findall("words")).lower().split())
        for name, pattern in _JUMP_WORDS:
            if text and pattern.fullmatch(text):
                _take_jump(measure.signs, name, "")
    if sound is not None:
        read_sound(measure, sound, heard, units)


def read_sound(measure: Measure, element: Element, now: int, units: Units) -> None:
    """Take the tempo and the jumps of a sound.

    Args:
        measure: takes them.
        element: `<sound>`.
        now: where it stands.
        units: of a number of divisions.
    """
    now = max(0, now + _offset(element.find("offset"), units))
    if element.get("tempo") is not None:
        _take_tempo(measure, now, float(number_of(element.get("tempo"))))
    for name in _JUMP_NAMES:
        value = element.get(name)
        if value is not None and value != "no":
            _take_jump(measure.signs, name, value)


def read_barline(measure: Measure, element: Element, before: Measure | None, now: int) -> None:
    """Take the repeat sign and the ending of a bar line.

    Args:
        measure: takes them.
        element: `<barline>`.
        before: the measure before, if there is one.
        now: where it stands.
    """
    is_left = element.get("location") == "left" or (element.get("location") is None and now == 0)
    repeat, ending = element.find("repeat"), element.find("ending")
    if repeat is not None and repeat.get("direction") == "forward":
        if is_left:
            measure.signs.forward = True
        else:
            measure.signs.forward_behind = True
    elif repeat is not None and repeat.get("direction") == "backward":
        times = max(2, int(number_of(repeat.get("times"), 2)))
        target = before if element.get("location") == "left" and before is not None else measure
        target.signs.backward = max(target.signs.backward, times)
    if ending is not None and ending.get("type") == "start":
        measure.signs.ending = _passes(ending.get("number") or "") or _passes(ending.text or "")
    elif ending is not None:
        measure.signs.ending_stops = True
    for name in _SIGN_NAMES:
        if element.get(name) is not None or (is_left and element.find(name) is not None):
            _take_jump(measure.signs, name, element.get(name, ""))


def _offset(element: Element | None, units: Units) -> int:
    text = (element.text or "").strip() if element is not None else ""
    return -units(text[1:]) if text.startswith("-") else units(text.removeprefix("+"))


def _take_tempo(measure: Measure, time: int, bpm: float) -> None:
    if _TEMPO_RANGE[0] <= bpm <= _TEMPO_RANGE[1]:
        measure.tempi.append((time, bpm))


def _take_jump(signs: Signs, name: str, value: str) -> None:
    if name == "segno":
        signs.segnos.add(value)
    elif name == "coda":
        signs.codas.add(value)
    elif name == "dacapo":
        signs.da_capo = True
    elif name == "dalsegno":
        signs.dal_segno = value
    elif name == "tocoda":
        signs.to_coda = value
    else:
        signs.fine = True


def _metronome_bpm(element: Element) -> float:
    """Quarters a minute; 0 where it says none, as in "quarter = eighth"."""
    length, dots = Fraction(0), 0
    for child in element:
        if child.tag == "beat-unit":
            length, dots = LENGTHS.get((child.text or "").strip(), Fraction(0)), 0
        elif child.tag == "beat-unit-dot":
            dots += 1
    found = re.search(r"\d+(\.\d+)?", element.findtext("per-minute") or "")
    return float(length * (2 - Fraction(1, 2**dots))) * float(found[0]) if found else 0.0


def _passes(text: str) -> tuple[int, ...]:
    """The numbers of an ending: "1", "1, 2", "1-3"."""
    found: set[int] = set()
    for first, last in re.findall(r"(\d{1,3})(?:\s*-\s*(\d{1,3}))?", text):
        found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found - {0}))
