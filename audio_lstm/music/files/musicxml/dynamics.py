"""The loudness of MusicXML: what the dynamic marks of a part ask for at each time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree.ElementTree import Element

__all__ = ["ACCENT", "LEVELS", "UNMARKED", "Marks", "read_marks"]

LEVELS = {
    "pppp": 10, "ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 126, "ffff": 127,
}  # fmt: skip
"""MIDI velocities of the marks, as MuseScore plays them; mf where a piece begins without one."""

UNMARKED = 90
"""The velocity of a score without any mark: what MusicXML counts hundredths of."""

ACCENT = 14
"""How much louder an accented note is."""

_ACCENTS = {"sf": 20, "sfz": 20, "fz": 20, "sffz": 30, "rf": 14, "rfz": 14, "fp": 20, "sfp": 20}
"""How much louder the notes at such a mark are; those with a p leave the level at p."""
_WEDGE = 16
"""What a crescendo adds where no mark says where it leads: one step of the marks."""
_NEAR = 4  # quarters: a mark that close behind a crescendo is where it leads


@dataclass
class Marks:
    """The marks of a part, times in units from its beginning."""

    quarter: int  # units in a quarter
    levels: list[tuple[int, int]] = field(default_factory=list)
    wedges: list[tuple[int, int, int]] = field(default_factory=list)  # begin, end, +1 or -1
    accents: dict[int, int] = field(default_factory=dict)
    open_wedges: dict[str, tuple[int, int]] = field(default_factory=dict)  # by number

    def velocity(self, time: int) -> int:
        """How loud a note is.

        Args:
            time: where it begins.

        Returns:
            Its velocity, at most 127.
        """
        level, began = LEVELS["mf"], 0
        place = bisect_right(self.levels, (time, 128))
        if place:
            began, level = self.levels[place - 1]
        for begin, end, sign in self.wedges:
            if begin < began or begin > time:
                continue
            goal = level + sign * _WEDGE
            following = self.levels[place] if place < len(self.levels) else None
            is_near = following is not None and begin < following[0] <= end + _NEAR * self.quarter
            if following is not None and is_near and sign * (following[1] - level) > 0:
                goal, end = following[1], max(end, following[0])
            share = min(Fraction(1), Fraction(time - begin, end - begin))
            level = round(level + share * (goal - level))
        return min(127, max(LEVELS["ppp"], level) + self.accents.get(time, 0))


def read_marks(directions: Iterable[tuple[int, Element]], quarter: int) -> Marks:
    """The marks of a part, which hold for all its staves until the next one; crescendi lead to the mark behind them.

    Args:
        directions: time and `<direction>`, in the order of the file.
        quarter: units in a quarter.

    Returns:
        The marks.
    """
    marks = Marks(quarter)
    for time, element in directions:
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


def _take_wedge(marks: Marks, time: int, wedge: Element) -> None:
    kind, number = wedge.get("type", ""), wedge.get("number", "1")
    if kind in ("crescendo", "diminuendo"):
        marks.open_wedges[number] = (time, 1 if kind == "crescendo" else -1)
    elif kind == "stop" and number in marks.open_wedges:
        begin, sign = marks.open_wedges.pop(number)
        if time > begin:
            marks.wedges.append((begin, time, sign))
