"""The instruments of a MusicXML part: its program, whether it is a drum kit, and the key of each of its drums."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from audio_lstm.music.files.musicxml.measure import number_of

__all__ = ["CROSSED_DRUMS", "DRUM_CHANNEL", "DRUM_PLACES", "SNARE", "Instruments", "read_instruments"]

DRUM_CHANNEL = 10
"""Of MIDI, counted from 1."""

DRUM_PLACES = {
    35: "E4", 36: "F4", 38: "C5", 40: "C5", 37: "C5", 41: "G4", 43: "A4", 45: "B4", 47: "D5", 48: "E5", 50: "F5",
    42: "G5", 44: "D4", 46: "G5", 49: "A5", 57: "A5", 51: "F5", 59: "F5", 53: "F5", 52: "A5", 55: "A5",
}  # fmt: skip
"""Where drums are written on the staff (Weinberg 1998)."""

CROSSED_DRUMS = frozenset((37, 42, 44, 46, 49, 51, 52, 53, 55, 57, 59))
"""Those whose note heads are crosses."""

SNARE = 38
"""What a drum is where nothing says which."""

_BY_PLACE = {(place, key in CROSSED_DRUMS): key for key, place in reversed(DRUM_PLACES.items())}
_BY_NAME = (
    (r"side ?stick|rim|cross ?stick", 37), (r"clap|whip|slapstick", 39),
    (r"snare|side drum|caisse claire|kleine trommel|military drum|tamburo", SNARE),
    (r"bass drum|kick|gran cassa|grosse caisse|gro(ß|ss)e trommel", 36),
    (r"pedal hi|foot hi", 44), (r"open hi", 46), (r"hi-? ?hat|charleston", 42),
    (r"ride", 51), (r"splash", 55), (r"chin(a|ese)|gong|tam-? ?tam", 52), (r"crash|cymbal|becken|piatti|cinelli", 49),
    (r"floor tom|low tom", 43), (r"high tom", 50), (r"tom", 47),
    (r"tambour(in|o b)|pandeiro", 54), (r"cow ?bell", 56), (r"triang", 81), (r"wood ?block|temple ?block", 76),
    (r"clave", 75), (r"maraca", 70), (r"castanet", 85), (r"bongo", 60), (r"conga", 63), (r"timbale", 65),
    (r"agogo", 67), (r"cabasa|shaker", 69), (r"guiro", 73), (r"cuica", 78), (r"vibra-?slap", 58),
    (r"sleigh|jingle", 83),
)  # fmt: skip


@dataclass(frozen=True)
class _Instrument:
    name: str = ""
    program: int = 0
    channel: int = 0  # 1 to 16; 0 where it is not said
    key: int | None = None  # of a drum


@dataclass(frozen=True)
class Instruments:
    """The instruments of a part, by their ids."""

    part: str  # its name
    by_id: Mapping[str, _Instrument]

    @property
    def _first(self) -> _Instrument:
        return next(iter(self.by_id.values()), _Instrument())

    def program(self, *, drums: bool) -> int:
        """The General MIDI program of its notes, or the kit of its drums.

        Args:
            drums: which of the two.

        Returns:
            0 (piano, or the standard kit) where the part does not say.
        """
        fitting = [one for one in self.by_id.values() if not drums or one.channel == DRUM_CHANNEL]
        return fitting[0].program if fitting else 0

    def is_kit(self, note: Element | None) -> bool:
        """Whether a note that has a pitch is a drum all the same.

        Args:
            note: its `<instrument>`.

        Returns:
            True where it plays on the channel of drums.
        """
        found = self.by_id.get(note.get("id", "")) if note is not None else None
        return (found or self._first).channel == DRUM_CHANNEL

    def own_key(self, note: Element | None) -> int | None:
        """The key that the instrument of a note names.

        Args:
            note: its `<instrument>`.

        Returns:
            A key of General MIDI's kit, or None.
        """
        found = self.by_id.get(note.get("id", "")) if note is not None else None
        return (found or self._first).key

    def key_of(self, note: Element) -> int | None:
        """Which drum a note strikes: as its instrument says, by a key or by its name; else by its place on the staff.

        Args:
            note: `<note>`.

        Returns:
            A key of General MIDI's kit, or None where nothing says it.
        """
        instrument = note.find("instrument")
        key = self.own_key(instrument)
        if key is not None:
            return key
        found = self.by_id.get(instrument.get("id", "")) if instrument is not None else None
        found = found or self._first
        names = (found.name, self.part) if len(self.by_id) > 1 else (self.part, found.name)
        for name in names:
            for pattern, key in _BY_NAME:
                if re.search(pattern, name.lower()):
                    return key
        place = (note.findtext("unpitched/display-step") or "") + (note.findtext("unpitched/display-octave") or "")
        crossed = (note.findtext("notehead") or "").strip() in ("x", "circle-x", "cross", "diamond")
        return _BY_PLACE.get((place, crossed))


def read_instruments(element: Element) -> Instruments:
    """The instruments of a part.

    Args:
        element: `<score-part>`.

    Returns:
        They, in the order of the file.
    """
    name = " ".join((element.findtext("part-name") or "").split())
    found: dict[str, _Instrument] = {}
    for instrument in element.findall("score-instrument"):
        found[instrument.get("id", "")] = _Instrument(instrument.findtext("instrument-name") or "")
    for midi in element.findall("midi-instrument"):
        known = found.get(midi.get("id", ""), _Instrument())
        unpitched = midi.find("midi-unpitched")
        key = int(number_of(unpitched.text)) - 1 if unpitched is not None else -1
        found[midi.get("id", "")] = _Instrument(
            known.name,
            program=min(127, max(0, int(number_of(midi.findtext("midi-program"), 1)) - 1)),
            channel=int(number_of(midi.findtext("midi-channel"))),
            key=key if 0 <= key <= 127 else None,
        )
    return Instruments(name, found)
