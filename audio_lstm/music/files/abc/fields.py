"""What the fields of an ABC tune say: key, metre, unit length, tempo, and the properties of a clef or voice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from audio_lstm.errors import ScoreError

__all__ = ["AbcKey", "parse_key", "parse_length", "parse_metre", "parse_tempo", "parse_tuplet", "properties", "shifts"]

_SHARP_ORDER = "FCGDAEB"
_FIFTHS = {name: place for place, name in enumerate(_SHARP_ORDER, start=-1)}  # sharps of the major key on a white key
_MAJOR = {"maj": 0, "ion": 0, "dur": 0}
_MODES = _MAJOR | {"mix": -1, "dor": -2, "min": -3, "m": -3, "mol": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
_SIGNS = {"^": 1, "_": -1, "=": 0}
_TONIC = re.compile(r"([A-H])((?<!H)(?:#|b|[♯♭n=]|is|es|(?<=[AE])s|[ -]?sharp|[ -]?flat))?(?:\s*-?\s*([A-Za-z]+))?")
_TONIC_SIGNS = {"#": 7, "♯": 7, "is": 7, "sharp": 7, "b": -7, "♭": -7, "es": -7, "s": -7, "flat": -7}  # in fifths
_ACCIDENTAL = re.compile(r"(\^{1,2}|_{1,2}|=)([A-Ga-g])")
_PROPERTY = re.compile(r'([A-Za-z]+)\s*=\s*("[^"]*"|\S+)')
_CLEF = re.compile(r"(?:treble|bass|alto|tenor|perc|none|[GCF])[1-5]?([+-](?:8|15))?")
_LAYOUT_WORDS = re.compile(r"(?:up|down|merge|auto|treble|bass|alto|tenor|perc|none|mezzo|soprano|baritone)")
_CLEF_WORD = re.compile(rf"(?<!\S)(?:{_LAYOUT_WORDS.pattern}[1-8]?(?:[+^_-](?:8|15))?|[+-]?8va)(?!\S)")
_OCTAVES = {"+8": 12, "-8": -12, "+15": 24, "-15": -24}
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # notes that the time of so many is taken from; others: by the metre
_METRE_EXPECTED = "expected one such as 3/4 or C"


@dataclass(frozen=True)
class AbcKey:
    """What K: says about the notes."""

    sharps: int = 0  # of the signature that is nearest, -7..7
    is_minor: bool = False
    alters: tuple[tuple[str, int], ...] = ()  # semitones of each letter that is altered

    def alter(self, letter: str) -> int:
        """Semitones up of a note without an accidental of its own.

        Args:
            letter: "A" to "G".

        Returns:
            Such as 1 for F in G major.
        """
        return dict(self.alters).get(letter, 0)


def parse_key(value: str, where: str) -> AbcKey | None:
    """The key that K: names.

    Args:
        value: Such as "Em", "D exp _b ^f", "HP" or "treble-8"; German names too, but for B, which is ABC's own.
        where: For the message.

    Returns:
        The key; None where the field speaks of the clef alone.

    Raises:
        ScoreError: It is no key.
    """
    words = _PROPERTY.sub(" ", value).strip()
    pipes = re.match(r"(HP|Hp)(?=\s|$)", words)
    if pipes:  # the scale of the bagpipe; HP has no signature on the page
        return AbcKey(2, alters=(("F", 1), ("C", 1)))
    signs = {match[2].upper(): sum(map(_SIGNS.__getitem__, match[1])) for match in _ACCIDENTAL.finditer(words)}
    plain = _CLEF_WORD.sub(" ", _ACCIDENTAL.sub(" ", words)).strip() if words.lower() != "none" else "none"
    if not plain and not signs:
        return None if value.strip() else AbcKey()
    match = _TONIC.fullmatch(re.sub(r"\bexp\b", "", plain).strip())
    mode = ((match[3] or "").lower() if match else "") or "maj"
    shift = _MODES.get(mode[:3])
    if plain in ("", "none", "exp"):
        match, shift = None, 0
    elif match is None or shift is None:
        raise ScoreError(f"{where}: key {value!r}; expected one such as G, Bb, Em or D dorian")
    sharps = 0
    if match:
        sign = _TONIC_SIGNS.get((match[2] or "").strip(" -"), 0)
        sharps = _FIFTHS[match[1].replace("H", "B")] + sign + (shift or 0)
    if not -7 <= sharps <= 7:
        raise ScoreError(f"{where}: key {value!r} has {abs(sharps)} accidentals; write it enharmonically, with up to 7")
    own = {} if "exp" in plain.split() else _signature(sharps)
    alters = {letter: alter for letter, alter in {**own, **signs}.items() if alter}
    shown = next((number for number in range(-7, 8) if _signature(number) == alters), 0 if not own else sharps)
    return AbcKey(shown, shift == -3, tuple(alters.items()))


def _signature(sharps: int) -> dict[str, int]:
    letters = _SHARP_ORDER if sharps > 0 else _SHARP_ORDER[::-1]
    return dict.fromkeys(letters[: abs(sharps)], 1 if sharps > 0 else -1)


def properties(value: str) -> dict[str, str]:
    """What a K: or V: field sets by name.

    Args:
        value: Such as 'T1 clef=treble-8 name="Tenor"'.

    Returns:
        Such as {"clef": "treble-8", "name": "Tenor"}, in lower case.
    """
    return {name.lower(): text.strip('"') for name, text in _PROPERTY.findall(value)}


def shifts(value: str) -> dict[str, int]:
    """How far a K: or V: field moves the notes from what is written.

    Args:
        value: Such as "C treble-8 transpose=-2".

    Returns:
        Semitones under "octave", "clef" and "transpose", each only where the field speaks of it.
    """
    named, moved = properties(value), {}
    for name, semitones in (("octave", 12), ("transpose", 1)):
        if re.fullmatch(r"[+-]?\d{1,2}", named.get(name, "")):
            moved[name] = semitones * int(named[name])
    clefs = [named["clef"]] if "clef" in named else _PROPERTY.sub(" ", value).split()
    for clef in clefs:
        match = _CLEF.fullmatch(clef)
        if match and not (len(clef) == 1 and "clef" not in named):
            moved["clef"] = _OCTAVES.get(match[1] or "", 0)
    return moved


def parse_metre(value: str, where: str) -> tuple[int, int] | None:
    """The metre that M: names.

    Args:
        value: Such as "6/8", "C|", "2+3/8" or "none".
        where: For the message.

    Returns:
        Numerator and denominator; None where there is none.

    Raises:
        ScoreError: It is no metre.
    """
    if value in ("C", "c"):
        return (4, 4)
    if value in ("C|", "c|"):
        return (2, 2)
    match = re.match(r"\(?\s*(\d+(?:\s*\+\s*\d+)*)\s*\)?\s*/\s*(\d+)", value)
    if match is None and (not value or value[0].isalpha()):
        return None  # free, in words
    top, bottom = (sum(map(int, match[1].split("+"))), int(match[2])) if match else (0, 0)
    if not 1 <= top <= 255 or bottom not in (1, 2, 4, 8, 16, 32, 64):
        raise ScoreError(f"{where}: metre {value!r}; {_METRE_EXPECTED}")
    return top, bottom


def parse_length(value: str, where: str) -> Fraction:
    """The unit that L: names, of a whole note.

    Args:
        value: Such as "1/8".
        where: For the message.

    Returns:
        Its length.

    Raises:
        ScoreError: It is no length.
    """
    match = re.match(r"(\d{1,2})(?:\s*/\s*(\d{1,3}))?", value)
    if match is None or not int(match[1]) or not int(match[2] or 1):
        raise ScoreError(f"{where}: length {value!r}; expected a note value such as 1/8")
    return Fraction(int(match[1]), int(match[2] or 1))


def parse_tempo(value: str, unit: Fraction) -> float | None:
    """The tempo that Q: names.

    Args:
        value: Such as "1/4=120", '"Allegro" 3/8=50', "C3=80" or "120".
        unit: The length that a bare number counts.

    Returns:
        Quarters a minute; None where it is words alone, which say nothing that counts.
    """
    text = re.sub(r'"[^"]*"', " ", value)
    match = re.search(r"=\s*(\d+(?:\.\d+)?)", text)
    bare = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*", text)
    if match:
        before = text[: match.start()]
        beat = sum(
            (Fraction(int(a), int(b)) for a, b in re.findall(r"(\d+)\s*/\s*(\d+)", before) if int(b)), Fraction()
        )
        if not beat:
            old = re.search(r"C\s*(\d*)", before)
            beat = unit * int(old[1] or 1) if old else Fraction(1, 4)
        bpm = 4 * float(beat) * float(match[1])
    elif bare:
        bpm = 4 * float(unit) * float(bare[1])
    else:
        return None
    return bpm if 5 <= bpm <= 1000 else None


def parse_tuplet(text: str, metre: tuple[int, int] | None, where: str) -> tuple[Fraction, int]:
    """A tuplet's bracket.

    Args:
        text: Such as "(3" or "(5:4:6".
        metre: In which it stands: it says what the time of 5, 7 or 9 notes is.
        where: For the message.

    Returns:
        The factor of the lengths, and for how many notes it holds.

    Raises:
        ScoreError: It is no tuplet.
    """
    p, q, r = ([int(number) if number else 0 for number in text[1:].split(":")] + [0, 0])[:3]
    if p < 2 or q > 64 or p > 64:
        raise ScoreError(f"{where}: no tuplet {text!r}; expected one such as (3 or (3:2:3")
    compound = metre is not None and metre[0] % 3 == 0 and metre[0] > 3
    return Fraction(q or _TUPLET_TIME.get(p, 3 if compound else 2), p), r or p
