"""What a visitor wishes of a piece: the fields of the tab "Compose", and the options of `compose` that they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from audio_lstm.errors import ConfigError

__all__ = ["ANY", "MusicWishes"]

ANY = "as the model likes"
_MOST_TAKES = 4
_USUAL_BPM = 80.0  # of chorales
_MISSING = {
    "notes": "press some keys of the piano",
    "chords": "write some chords",
    "file": "choose a file",
    "humming": "record something",
}


@dataclass(frozen=True)
class MusicWishes:
    """The fields, by the names that gradio_client knows them by; an empty one, or 0, leaves it to the model."""

    begin: str  # "nothing", "notes", "chords", "file" or "humming"
    notes: str  # "C4 E4 G4:2", or ABC
    chords: str  # "Am F C G"
    file: str | None  # MIDI, MusicXML or ABC
    humming: str | None  # a recording
    model: str
    key: str  # "D minor", or ANY
    bars: float | None
    tempo_bpm: float | None
    metre: str  # "3/4", or ANY
    parts: str  # "voice,piano"
    ranges: str  # "C4-A5"
    density: str  # "4-12"
    max_polyphony: float | None
    first: str  # "C4" or "Am"
    last: str
    ending: bool
    max_copied: float | None
    temperature: float
    seed: float | None
    takes: float

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> MusicWishes:
        """The wishes in a tab's values; what else is among them is passed over.

        Args:
            values: By name.

        Returns:
            The wishes.
        """
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    @property
    def n_takes(self) -> int:
        """How many pieces are wished for; a number out of range is refused.

        Raises:
            ConfigError: If it is.
        """
        if not 1 <= int(self.takes) <= _MOST_TAKES:
            raise ConfigError(f"takes must lie in 1..{_MOST_TAKES}, got {self.takes:g}")
        return int(self.takes)

    @property
    def expected_s(self) -> float:
        """How long the piece is going to be, roughly; 0 where nobody knows."""
        top, _, bottom = self.metre.partition("/")
        known = top.isdecimal() and bottom.isdecimal() and int(bottom) > 0
        quarters = 4 * int(top) / int(bottom) if known else 4.0
        return (self.bars or 0) * quarters * 60 / (self.tempo_bpm or _USUAL_BPM)

    @property
    def chosen_seed(self) -> int | None:
        """The seed; None for another one each time."""
        return int(self.seed) if self.seed else None

    @property
    def beginning(self) -> str | None:
        """The notes or the file that the piece begins with; None for neither, ConfigError for one that is missing."""
        given = {"notes": self.notes.strip(), "file": self.file, "humming": self.humming}
        return self._there(given[self.begin]) if self.begin in given else None

    def _there(self, found: str | None) -> str:
        if not found:
            raise ConfigError(f"nothing to begin with is there yet: {_MISSING[self.begin]} first")
        return found

    def options(self, *, max_bars: int) -> dict[str, Any]:
        """The options of `compose`.

        Args:
            max_bars: The longest piece that this server writes.

        Returns:
            By name, without those that are left to the model.

        Raises:
            ConfigError: If the piece would be longer than that.
        """
        if self.bars and self.bars > max_bars:
            raise ConfigError(f"bars may be {max_bars} at most on this server, got {self.bars:g}")
        texts = {name: getattr(self, name).strip() for name in ("key", "metre", "parts", "ranges", "density")}
        texts |= {"first": self.first.strip(), "last": self.last.strip()}
        given: dict[str, Any] = {name: text for name, text in texts.items() if text and text != ANY}
        for name in ("bars", "max_polyphony", "max_copied"):
            if getattr(self, name):
                given[name] = int(getattr(self, name))
        if self.tempo_bpm:
            given["tempo_bpm"] = float(self.tempo_bpm)
        if self.ending:
            given["ending"] = True
        if self.begin == "chords":
            given["chords"] = self._there(self.chords.strip())
        if self.beginning is not None:
            given["primer"] = self.beginning
        return {**given, "temperature": float(self.temperature)}
