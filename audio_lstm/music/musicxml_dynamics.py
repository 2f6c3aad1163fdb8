"""The loudness of MusicXML: what the dynamic marks ask for, written onto every note.

Notation programs store marks (p, cresc.) beside the notes, and verovio plays each note alike unless the note itself
says how loud it is. So the marks are worked out before verovio sees the file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree import ElementTree

__all__ = ["LEVELS", "with_dynamics"]

LEVELS = {
    "pppp": 10, "ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 126, "ffff": 127,
}  # fmt: skip
"""MIDI velocities of the marks, as MuseScore plays them; mf where a piece begins without one."""
_ACCENTS = {"sf": 20, "sfz": 20, "fz": 20, "sffz": 30, "rf": 14, "rfz": 14, "fp": 20, "sfp": 20, "accent": 14}
"""How much louder the notes at such a mark are; those with a p leave the level at p."""
_WEDGE = 16
"""What a crescendo adds where no mark says where it leads: one step of the marks."""
_NEAR = Fraction(4)  # quarters: a mark that close behind a crescendo is where it leads
_FORTE = 90  # the velocity that MusicXML's attribute counts in hundredths of


@dataclass
class _Marks:
    """The marks of a part, times in quarters from its beginning."""

    levels: list[tuple[Fraction, int]] = field(default_factory=list)
    wedges: list[tuple[Fraction, Fraction, int]] = field(default_factory=list)  # begin, end, +1 or -1
    accents: dict[Fraction, int] = field(default_factory=dict)
    open_wedges: dict[str, tuple[Fraction, int]] = field(default_factory=dict)  # by number

    def velocity(self, time: Fraction) -> int:
        level, began = LEVELS["mf"], Fraction(0)
        place = bisect_right(self.levels, (time, 128))
        if place:
            began, level = self.levels[place - 1]
        for begin, end, sign in self.wedges:
            if begin < began or begin > time:
                continue
            goal = level + sign * _WEDGE
            following = self.levels[place] if place < len(self.levels) else None
            if following and begin < following[0] <= end + _NEAR and sign * (following[1] - level) > 0:
                goal, end = following[1], max(end, following[0])
            share = min(Fraction(1), (time - begin) / (end - begin))
            level = round(level + share * (goal - level))
        return min(127, max(LEVELS["ppp"], level) + self.accents.get(time, 0))


def with_dynamics(data: bytes) -> bytes:
    """A MusicXML file whose notes say how loud they are, by the marks around them.

    Marks hold for all staves of their part until the next one; crescendi lead to the mark behind them; a part without
    marks follows the part with the most of them, as a singer does. Notes that say it themselves are left alone.

    Args:
        data: A whole file, well-formed.

    Returns:
        The file with an attribute `dynamics` at each note, or as it was if it holds no marks or is score-timewise.
    """
    root = ElementTree.fromstring(data)
    parts = root.findall("part") if root.tag == "score-partwise" else []
    placed = [list(_placed(part)) for part in parts]
    marks = [_marks(elements) for elements in placed]
    fullest = max(marks, key=lambda found: len(found.levels), default=_Marks())
    if not fullest.levels:
        return data
    for elements, own in zip(placed, marks, strict=True):
        followed = own if own.levels else fullest
        for time, element in elements:
            if element.tag == "note" and element.find("pitch") is not None and "dynamics" not in element.attrib:
                accent = _ACCENTS["accent"] if element.find("notations/articulations/accent") is not None else 0
                velocity = min(127, followed.velocity(time) + accent)
                element.set("dynamics", f"{100 * velocity / _FORTE:.2f}")
    text: bytes = ElementTree.tostring(root, "utf-8")
    return text


def _placed(part: ElementTree.Element) -> Iterator[tuple[Fraction, ElementTree.Element]]:
    """The notes and directions of a part with their times, in quarters."""
    divisions, measure_start = Fraction(1), Fraction(0)
    for measure in part.findall("measure"):
        now, farthest, chord_start = Fraction(0), Fraction(0), Fraction(0)
        for element in measure:
            if element.tag == "attributes":
                divisions = _number(element, "divisions") or divisions
            elif element.tag == "direction":
                yield measure_start + now + _number(element, "offset") / divisions, element
            elif element.tag in ("backup", "forward"):
                sign = 1 if element.tag == "forward" else -1
                now = max(Fraction(0), now + sign * _number(element, "duration") / divisions)
            elif element.tag == "note":
                if element.find("chord") is None:
                    chord_start = now
                    now += _number(element, "duration") / divisions
                yield measure_start + chord_start, element
            farthest = max(farthest, now)
        measure_start += farthest


def _number(element: ElementTree.Element, name: str) -> Fraction:
    try:
        return Fraction(element.findtext(name, "0").strip() or "0")
    except (ValueError, ZeroDivisionError):
        return Fraction(0)


def _marks(elements: list[tuple[Fraction, ElementTree.Element]]) -> _Marks:
    marks = _Marks()
    for time, element in elements:
        if element.tag != "direction":
            continue
        for kind in element.findall("direction-type"):
            for wedge in kind.findall("wedge"):
                _take_wedge(marks, time, wedge)
            for mark in kind.findall("dynamics/*"):
                if mark.tag in LEVELS:
                    marks.levels.append((time, LEVELS[mark.tag]))
                elif mark.tag in _ACCENTS:
                    marks.accents[time] = _ACCENTS[mark.tag]
                    if mark.tag in ("fp", "sfp"):
                        marks.levels.append((time, LEVELS["p"]))
    marks.levels.sort()
    return marks


def _take_wedge(marks: _Marks, time: Fraction, wedge: ElementTree.Element) -> None:
    kind, number = wedge.get("type", ""), wedge.get("number", "1")
    if kind in ("crescendo", "diminuendo"):
        marks.open_wedges[number] = (time, 1 if kind == "crescendo" else -1)
    elif kind == "stop" and number in marks.open_wedges:
        begin, sign = marks.open_wedges.pop(number)
        if time > begin:
            marks.wedges.append((begin, time, sign))
