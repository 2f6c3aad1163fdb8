"""What somebody wants of a piece, as one frozen value: key, length, tempo, metre, parts, ranges, density, ending ...

Every wish that is accepted is kept exactly: the sampler never leaves it (event_plan.py, chorale_plan.py). Wishes that
contradict each other are refused here, before anything is sampled; those that a model cannot say, by its plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.part_names import DRUMS, part_name
from audio_lstm.music.score.scales import Scale, pitch_name

__all__ = ["MAX_BARS", "PitchRange", "Sonority", "Wishes"]

_Value = TypeVar("_Value")

MAX_BARS = 1000
MAX_PARTS = 16
"""As many as there are MIDI channels."""
MIN_COPIED = 8
"""No shorter run can be ruled out: see copy_guard.py, and one note is kept in hand for a wished last note."""


@dataclass(frozen=True)
class PitchRange:
    """The lowest and the highest note of a part.

    Raises:
        ConfigError: Outside MIDI's 0..127, or upside down.
    """

    low: int  # MIDI note number
    high: int

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 127:
            raise ConfigError(f"a range runs upwards within C-1..G9 (0..127), got {self.low}..{self.high}")

    def __str__(self) -> str:
        return f"{pitch_name(self.low)}-{pitch_name(self.high)}"


@dataclass(frozen=True)
class Sonority:
    """A note or a chord with which a piece begins or ends.

    A note is what the first part plays, and nothing else of it there. Of a chord, all parts play tones (drums apart),
    and the lowest note is its bass.

    Raises:
        ConfigError: It says nothing, or its bass is none of its tones.
    """

    name: str  # as it was asked for: "C4", "Am"
    pitch: int | None = None  # the note, MIDI; None for a chord
    pitch_classes: frozenset[int] = frozenset()  # of the chord; empty for a note
    bass: int | None = None  # pitch class of the chord's lowest note

    def __post_init__(self) -> None:
        if self.pitch is None and (not self.pitch_classes or self.bass not in self.pitch_classes):
            raise ConfigError(f"{self.name!r}: a chord has tones, and its bass is one of them")
        if self.pitch is not None and not 0 <= self.pitch <= 127:
            raise ConfigError(f"{self.name!r}: a note lies within C-1..G9 (0..127), got {self.pitch}")


@dataclass(frozen=True)
class Wishes:
    """What a piece has to be; None (or empty) leaves it to the model.

    Examples:
        >>> from audio_lstm.music.score.scales import parse_scale
        >>> wishes = Wishes(key=parse_scale("D minor"), bars=16, tempo_bpm=90, parts=(52, 0), ending=True)

    Raises:
        ConfigError: A value out of range, or wishes that contradict each other.
    """

    key: Scale | None = None  # every pitched note belongs to it
    bars: int | None = None  # exactly so many; no note sounds beyond the last
    tempo_bpm: float | None = None  # quarters a minute, throughout
    metre: tuple[int, int] | None = None  # such as (3, 4), throughout
    parts: tuple[int, ...] = ()  # General MIDI programs, 128 for drums, in this order; each of them plays
    ranges: tuple[PitchRange, ...] = ()  # one for all pitched parts, or one for each of the parts
    max_polyphony: int | None = None  # notes that sound at once, in all parts together
    density: tuple[int, int] | None = None  # least and most notes that begin in a bar
    rests: float | None = None  # the most of the piece that a pitched part may be silent: 0 never, 0.25 a quarter
    first: Sonority | None = None  # sounds at the very beginning
    last: Sonority | None = None  # fills the last bar; nothing else does
    ending: bool = False  # the last bar is the chord on the tonic, held
    max_copied: int | None = None  # notes of the longest run that may be shared with the training set

    def __post_init__(self) -> None:
        self._check_values()
        if self.bars is not None:
            object.__setattr__(self, "bars", int(self.bars))  # 8.0 is a whole number too
        if self.ending and (self.key is None or self.key.tonic is None):
            raise ConfigError("an ending rests on the tonic: pass a key that has one, such as 'D minor'")
        for name in ("ending", "last"):
            if getattr(self, name) and self.bars is None:
                raise ConfigError(f"{name} shapes the last bar: pass bars too, so that it is known which that is")
        if self.rests is not None and 0 < self.rests < 1 and self.bars is None:
            raise ConfigError(
                f"rests={self.rests:g} is a share of the piece: pass bars too, so that its length is known"
            )
        if self.bars == 1 and self.first and (self.last or self.ending):
            raise ConfigError("bars=1 leaves no room for both a first and a last sonority; pass 2 bars or more")
        if self.max_polyphony is not None and self.max_polyphony < len(self.parts):
            raise ConfigError(
                f"max_polyphony={self.max_polyphony} is less than the {len(self.parts)} parts that are to sound; "
                "pass more, or fewer parts"
            )
        if self.parts and all(program == DRUMS for program in self.parts):
            wanted = [
                name for name in ("key", "first", "last", "ranges", "rests") if getattr(self, name) not in (None, ())
            ]
            if wanted:
                raise ConfigError(f"{wanted[0]} is about pitched notes, but all parts are drums; leave one of them out")
        self._check_pitches()

    def _check_values(self) -> None:
        if self.bars is not None and not (1 <= self.bars <= MAX_BARS and self.bars == int(self.bars)):
            raise ConfigError(f"bars must be a whole number in 1..{MAX_BARS}, got {self.bars}")
        if self.tempo_bpm is not None and not 5.0 <= self.tempo_bpm <= 1000.0:
            raise ConfigError(f"tempo must lie in 5..1000 quarters a minute, got {self.tempo_bpm}")
        if self.metre is not None:
            top, bottom = self.metre
            if not 1 <= top <= 64 or bottom not in (1, 2, 4, 8, 16, 32):
                raise ConfigError(f"metre {top}/{bottom}: expected one such as 4/4, 3/4 or 6/8")
        if len(self.parts) > MAX_PARTS or not all(0 <= program <= DRUMS for program in self.parts):
            raise ConfigError(f"parts must be at most {MAX_PARTS} programs in 0..{DRUMS}, got {self.parts}")
        if self.max_polyphony is not None and not 1 <= self.max_polyphony <= 128:
            raise ConfigError(f"max_polyphony must lie in 1..128, got {self.max_polyphony}")
        if self.density is not None and not (0 <= self.density[0] <= self.density[1] and self.density[1] >= 1):
            raise ConfigError(
                f"density must be the least and the most notes of a bar, such as 4-12, got {self.density}"
            )
        if self.rests is not None and not 0.0 <= self.rests <= 1.0:
            raise ConfigError(f"rests must be a share of the piece in 0..1, got {self.rests}")
        if self.max_copied is not None and self.max_copied < MIN_COPIED:
            raise ConfigError(
                f"max_copied must be {MIN_COPIED} notes or more (all tunes share shorter runs), got {self.max_copied}"
            )

    def _check_pitches(self) -> None:
        for number, held in enumerate(self.ranges):
            if len(self.ranges) == len(self.parts) > 1 and self.parts[number] == DRUMS:
                continue
            if not self.pitches(number):
                part = f" of part {number + 1}" if len(self.ranges) > 1 else ""
                raise ConfigError(f"the range{part}, {held}, holds no note of {self.key.name if self.key else 'MIDI'}")
        for where, sonority in (("first", self.first), ("last", self.last)):
            if sonority is None:
                continue
            if sonority.pitch is not None and sonority.pitch not in self.pitches(self.melody):
                raise ConfigError(
                    f"the {where} note, {sonority.name}, is outside {self._held(self.melody)}; choose another"
                )
            if sonority.pitch is None and self.key is not None:
                outside = sonority.pitch_classes - self.key.pitch_classes
                if outside:
                    raise ConfigError(
                        f"the {where} chord, {sonority.name}, has notes outside {self.key.name}; choose another"
                    )
        if self.ending and self.last is not None and self.key is not None:
            tones = self.last.pitch_classes or {(self.last.pitch or 0) % 12}
            if not tones <= self.key.triad or self.last.bass not in (None, self.key.tonic):
                raise ConfigError(
                    f"an ending is the chord on the tonic of {self.key.name}, which {self.last.name} is not; "
                    "leave one of them out"
                )

    @property
    def melody(self) -> int:
        """The number of the part that a first or last note is asked of: the first pitched one."""
        return next((number for number, program in enumerate(self.parts) if program != DRUMS), 0)

    def pitches(self, part: int) -> frozenset[int]:
        """The notes that a pitched part may use.

        Args:
            part: Its number, from 0.

        Returns:
            MIDI note numbers within its range and the key.
        """
        held = self.ranges[part if len(self.ranges) > 1 else 0] if self.ranges else PitchRange(0, 127)
        classes = self.key.pitch_classes if self.key else frozenset(range(12))
        return frozenset(pitch for pitch in range(held.low, held.high + 1) if pitch % 12 in classes)

    @property
    def final(self) -> Sonority | None:
        """What the last bar has to be: the last note or chord, the chord on the tonic, or both in one."""
        if not self.ending or self.key is None:
            return self.last
        pitch = self.last.pitch if self.last else None
        tones = (self.last.pitch_classes if self.last else None) or self.key.triad
        return Sonority(f"tonic of {self.key.name}", pitch, tones, self.key.tonic)

    def with_hands(self, two_handed: Sequence[int]) -> Wishes:
        """The same, for a model that writes each hand of some instruments as a part of its own.

        Args:
            two_handed: Those instruments' programs.

        Returns:
            Each of them that is asked for once, asked for twice, with the same range; as it was where polyphony or
            density leave no room for that.
        """
        hands = [2 if program in two_handed and self.parts.count(program) == 1 else 1 for program in self.parts]
        room = min(MAX_PARTS, self.max_polyphony or MAX_PARTS, self.density[1] if self.density else MAX_PARTS)
        if sum(hands) > room:
            return self

        def twice(values: tuple[_Value, ...]) -> tuple[_Value, ...]:
            return tuple(value for value, n in zip(values, hands, strict=True) for _ in range(n))

        ranges = twice(self.ranges) if len(self.ranges) == len(self.parts) > 1 else self.ranges
        return replace(self, parts=twice(self.parts), ranges=ranges)

    def to_dict(self) -> dict[str, Any]:
        """The wishes that are there, as JSON values."""
        told: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or value is False or value == ():
                continue
            if field.name in ("key", "first", "last"):
                value = value.name
            elif field.name == "parts":
                value = [part_name(program) for program in value]
            elif field.name == "ranges":
                value = [str(held) for held in value]
            elif field.name == "metre":
                value = f"{value[0]}/{value[1]}"
            told[field.name] = list(value) if isinstance(value, tuple) else value
        return told

    def _held(self, part: int) -> str:
        held = self.ranges[part if len(self.ranges) > 1 else 0] if self.ranges else PitchRange(0, 127)
        return f"{held}" + (f" in {self.key.name}" if self.key else "")
