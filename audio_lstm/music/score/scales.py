"""Keys and scales by name: "D minor", "F# dorian", "Bb", "C D E G A" -> the pitch classes that may sound.

A key of common practice is more than seven notes: "minor" is the natural minor with its leading tone, so that its
dominant is a major chord. Who wants a scale to the letter says "aeolian" (or "natural minor"), "harmonic minor", and
so on.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from audio_lstm.errors import ConfigError

__all__ = ["MODES", "PITCH_NAMES", "Scale", "parse_scale", "pitch_name"]

MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "natural minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 8, 9, 10, 11),
    "harmonic major": (0, 2, 4, 5, 7, 8, 11),
    "phrygian dominant": (0, 1, 4, 5, 7, 8, 10),
    "lydian dominant": (0, 2, 4, 6, 7, 9, 10),
    "altered": (0, 1, 3, 4, 6, 8, 10),
    "hungarian minor": (0, 2, 3, 6, 7, 8, 11),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "diminished": (0, 2, 3, 5, 6, 8, 9, 11),
    "chromatic": tuple(range(12)),
}
"""Semitones above the tonic; "melodic minor" holds both its ways, up and down."""

PITCH_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
"""How pitch classes are written where no key says otherwise."""

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAME = r"([A-Ga-g])(##|bb|[#b♯♭]|[- ]?sharp|[- ]?flat)?"
# "H", "fis-moll", "Es-Dur", "as"; not "am" or "Bb".
_GERMAN = re.compile(r"([A-Ha-h])(is|es|(?<=[AEae])s|)((?:[- ]|$).*)")
_SIGNS = {"##": 2, "#": 1, "♯": 1, "sharp": 1, "bb": -2, "b": -1, "♭": -1, "flat": -1, "": 0}
# How far the signature of each mode lies from that of the major key on its tonic, in sharps.
_MODE_SHARPS = {"dorian": -2, "phrygian": -4, "lydian": 1, "mixolydian": -1, "locrian": -5}


@dataclass(frozen=True)
class Scale:
    """Which pitch classes may sound, and which of them is home.

    Raises:
        ConfigError: No pitch class, one outside 0..11, or a tonic that is not among them.
    """

    name: str  # as it was asked for, tidied: "D minor"
    pitch_classes: frozenset[int]  # 0 (C) to 11 (B)
    tonic: int | None = None  # pitch class; None where the scale has no home
    sharps: int = 0  # of the key signature that suits it, flats negative
    is_minor: bool = False  # whether its third is a minor one

    def __post_init__(self) -> None:
        if not self.pitch_classes or not self.pitch_classes <= set(range(12)):
            raise ConfigError(f"a scale holds pitch classes 0 to 11, at least one; got {sorted(self.pitch_classes)}")
        if self.tonic is not None and self.tonic not in self.pitch_classes:
            raise ConfigError(f"the tonic {self.tonic} is not among the scale's {sorted(self.pitch_classes)}")

    @property
    def triad(self) -> frozenset[int]:
        """The pitch classes of the chord on the tonic: third and fifth as the scale has them, as far as it has them."""
        if self.tonic is None:
            return frozenset()
        third = 3 if self.is_minor else 4
        fifth = next((step for step in (7, 6, 8) if (self.tonic + step) % 12 in self.pitch_classes), 7)
        tones = {self.tonic, (self.tonic + third) % 12, (self.tonic + fifth) % 12}
        return frozenset(tones & self.pitch_classes)


def pitch_name(pitch: int) -> str:
    """How a MIDI pitch is written: 60 is "C4".

    Args:
        pitch: MIDI note number.

    Returns:
        The name with its octave.
    """
    return f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}"


def parse_scale(text: str) -> Scale:
    """The scale that a text names.

    Examples:
        >>> sorted(parse_scale("F# dorian").pitch_classes)
        [1, 3, 4, 6, 8, 9, 11]

    Args:
        text: A tonic with a mode ("D minor", "F# dorian", "Bb", "am"), the same in German ("fis-moll", "H-Dur", where
            "B-Dur" is B flat major), or pitch classes by name or number ("C D E G A", "0 2 4 7 9"), of which the first
            is the tonic.

    Returns:
        The scale.

    Raises:
        ConfigError: It names none.
    """
    words = text.replace(",", " ").split()
    if len(words) > 1 and all(re.fullmatch(r"\d+", word) for word in words):
        return _from_classes(text, [int(word) for word in words])
    if len(words) > 1 and all(re.fullmatch(_NAME, word) for word in words):
        return _from_classes(text, [_pitch_class(word) for word in words])
    match = re.fullmatch(rf"{_NAME}(m(?=$|\s))?\s*(.*)", _in_english(" ".join(words)))
    if not match:
        raise ConfigError(f"key {text!r}: expected a tonic and a mode such as 'D minor' or 'F# dorian', or pitch names")
    letter, sign, minor, mode = match.groups()
    mode = {"": "minor" if minor else "major", "maj": "major", "min": "minor"}.get(mode.lower(), mode.lower())
    if mode not in MODES:
        close = difflib.get_close_matches(mode, MODES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(MODES)}"
        raise ConfigError(f"key {text!r}: no mode is called {mode!r}; {hint}")
    tonic = _pitch_class(letter + (sign or ""))
    classes = frozenset((tonic + step) % 12 for step in MODES[mode])
    is_minor = 4 not in MODES[mode] and 3 in MODES[mode]
    sharps = _signature(letter.upper(), _sign_of(sign), mode, is_minor=is_minor)
    name = f"{letter.upper()}{'#' * max(0, _sign_of(sign))}{'b' * max(0, -_sign_of(sign))} {mode}"
    return Scale(name, classes, tonic, sharps, is_minor)


def _in_english(text: str) -> str:
    """A key with a German name under its English one: "fis-moll" is "F# minor"; others as they are."""
    match = _GERMAN.fullmatch(text)
    if not match:
        return text
    letter, sign, mode = match[1], match[2].lower(), match[3].strip("- ").lower()
    if letter.upper() != "H" and not sign and mode not in ("dur", "moll"):
        return text
    if mode.startswith(("flat", "sharp")):  # English, and no key of this letter: "H flat" is none
        return text
    is_flat = sign in ("es", "s") or (letter.upper() == "B" and not sign)
    name = ("B" if letter.upper() == "H" else letter.upper()) + ("b" if is_flat else "#" if sign else "")
    mode = {"dur": "major", "moll": "minor", "": "minor" if letter.islower() else "major"}.get(mode, mode)
    return f"{name} {mode}"


def _from_classes(text: str, classes: list[int]) -> Scale:
    if max(classes) > 11:
        raise ConfigError(f"key {text!r}: pitch classes run from 0 (C) to 11 (B)")
    tonic, held = classes[0], frozenset(classes)
    is_minor = (tonic + 4) % 12 not in held and (tonic + 3) % 12 in held
    sharps = _signature(PITCH_NAMES[tonic][0], _sign_of(PITCH_NAMES[tonic][1:]), "", is_minor=is_minor)
    return Scale(" ".join(PITCH_NAMES[held_class] for held_class in classes), held, tonic, sharps, is_minor)


def _sign_of(sign: str | None) -> int:
    return _SIGNS[(sign or "").strip("- ")]


def _pitch_class(name: str) -> int:
    return (_LETTERS[name[0].upper()] + _sign_of(name[1:])) % 12


def _signature(letter: str, sign: int, mode: str, *, is_minor: bool) -> int:
    """Sharps of the key signature; of more than seven signs, the enharmonic key with fewer."""
    major = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}[letter] + 7 * sign
    sharps = major + _MODE_SHARPS.get(mode, -3 if is_minor else 0)
    while sharps > 7:
        sharps -= 12
    while sharps < -7:
        sharps += 12
    return sharps
