"""ABC notation: a tune as text -> a score. Repeats are played out, ties joined; the first tune of a book counts.

After the ABC standard 2.1 (Walshaw 2011): fields X, M, L, Q, K and V (in the header, on lines of their own, or in
brackets), notes with accidentals that last for their bar, lengths, broken rhythm, ties, tuplets, chords in brackets,
rests, repeats with first and second endings. Left out, as they do not sound or sound too short to matter: words, chord
names, decorations, grace notes, slurs. Overlaid voices (&) are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

from audio_lstm.errors import ScoreError
from audio_lstm.music.abc_voice import Voice, play_out
from audio_lstm.music.notation import TICKS_PER_QUARTER, pitch_class
from audio_lstm.music.score import MAX_TICKS, KeySignature, Score, Tempo, TimeSignature, Track, make_notes

__all__ = ["abc_to_score", "is_abc"]

_FIELD = re.compile(r"([A-Za-z]):\s*(.*)")
_SHARP_ORDER = "FCGDAEB"
_MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "m": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
_KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")
_FIFTHS = {name: place for place, name in enumerate(_SHARP_ORDER, start=-1)}  # sharps of the major key on a white key
_NATURAL = {letter: pitch_class(letter, None) for letter in "ABCDEFG"}
_SIGNS = {"^": 1, "_": -1, "=": 0}
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}  # notes that the time of so many is taken from

_TOKEN = re.compile(
    r"""(?P<skip>\s+|"[^"]*"|![^!\n]*!|\+[a-z]+\+|\{[^}]*\}|[~HLMOPSTuv.$`\\)]|y\d*|\((?!\d))
    |(?P<field>\[[A-Za-z]:[^\]]*\])
    |(?P<ending>\[\d[\d,-]*)
    |(?P<bar>:*\[?\|[|\]]?:*(?:\d[\d,-]*)?|::+)
    |(?P<tuplet>\(\d(?::\d*){0,2})
    |(?P<broken>[<>]+)
    |(?P<rest>[zxZX])(?P<restlength>\d*/*\d*)
    |(?P<chord>\[[^\]]+\])(?P<chordlength>\d*/*\d*)(?P<chordtie>-?)
    |(?P<note>[_^=]*[A-Ga-g][,']*)(?P<length>\d*/*\d*)(?P<tie>-?)""",
    re.VERBOSE,
)
_INNER = re.compile(r"([_^=]*)([A-Ga-g])([,']*)(\d*/*\d*)(-?)")


def is_abc(data: bytes) -> bool:
    """Whether the bytes of a file are ABC: a line "X: number", or "K:" after other fields, before any music.

    Args:
        data: The file, or its beginning.

    Returns:
        True for ABC.
    """
    fields = set()
    for line in data[:4096].decode("latin-1").removeprefix("ï»¿").splitlines():
        if not line.strip() or line.startswith("%"):
            continue
        match = _FIELD.match(line)
        if match is None:
            return "K" in fields
        fields.add(match[1])
        if match[1] == "X" and re.match(r"\d", match[2]):
            return True
    return "K" in fields


@dataclass
class _Reader:
    """What holds at the place that is being read."""

    unit: Fraction = Fraction(0)  # of a whole note; 0: not said yet
    metre: tuple[int, int] | None = None
    quarters_a_minute: float | None = None
    sharps: int = 0
    is_minor: bool = False
    voices: dict[str, Voice] = field(default_factory=dict)
    current: str = "1"

    @property
    def voice(self) -> Voice:
        return self.voices.setdefault(self.current, Voice())

    def unit_length(self) -> Fraction:
        """L:, or its default: a sixteenth in metres shorter than 3/4, an eighth otherwise."""
        if self.unit:
            return self.unit
        return Fraction(1, 16) if self.metre and Fraction(*self.metre) < Fraction(3, 4) else Fraction(1, 8)

    def key_sign(self, letter: str) -> int:
        place = _SHARP_ORDER.index(letter)
        return int(place < self.sharps) - int(6 - place < -self.sharps)


def abc_to_score(data: bytes) -> Score:
    """The score of a tune; what is no ABC in it is a ScoreError with its line and place.

    Args:
        data: The text, UTF-8 or Latin-1.

    Returns:
        480 ticks a quarter, a track a voice; perhaps without notes. Metre, key and tempo are those of its header.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    reader, started = _Reader(), False
    header: _Reader | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(?<!\\)%.*", "", raw)
        match = _FIELD.match(line)
        if match and match[1] == "X" and started and header is not None:
            break  # the next tune of the book
        started = started or bool(line.strip())
        if match:
            _read_field(reader, match[1], match[2].strip(), f"ABC line {number}")
            if match[1] == "K" and header is None:
                header = replace(reader, voices={})
        elif line.strip() and header is not None:
            _read_music(reader, line, f"ABC line {number}")
        elif not line.strip() and header is not None and any(voice.symbols for voice in reader.voices.values()):
            break  # an empty line ends a tune
    return _score(reader, header or reader)


def _score(reader: _Reader, header: _Reader) -> Score:
    rows = []
    for track, voice in enumerate(reader.voices.values()):
        for start, length, pitch in play_out(voice):
            ticks, end = (round(4 * TICKS_PER_QUARTER * place) for place in (start, start + length))
            if end > MAX_TICKS:
                raise ScoreError("the ABC tune is too long for a score; cut it")
            rows.append((ticks, max(end - ticks, 1), pitch, track))
    starts, lengths, pitches, tracks = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Score(
        TICKS_PER_QUARTER,
        make_notes(starts, lengths, pitches, 80, tracks) if rows else Score(1).notes,
        tracks=tuple(Track(f"Voice {name}" if len(reader.voices) > 1 else "Melody") for name in reader.voices),
        tempi=(Tempo.from_bpm(0, header.quarters_a_minute),) if header.quarters_a_minute else (),
        time_signatures=(TimeSignature(0, *header.metre),) if header.metre else (),
        key_signatures=(KeySignature(0, header.sharps, header.is_minor),),
    )


def _read_field(reader: _Reader, name: str, value: str, where: str) -> None:
    if name == "M":
        common = {"C": (4, 4), "C|": (2, 2), "none": None, "": None}
        match = re.fullmatch(r"(\d+(?:\+\d+)*)/(1|2|4|8|16|32)", value)
        if match is None and value not in common:
            raise ScoreError(f"{where}: metre {value!r}; expected one such as 3/4 or C")
        reader.metre = (sum(map(int, match[1].split("+"))), int(match[2])) if match else common[value]
        if reader.metre and not 1 <= reader.metre[0] <= 255:
            raise ScoreError(f"{where}: metre {value!r}; expected one such as 3/4 or C")
    elif name == "L":
        match = re.fullmatch(r"(\d{1,2})/(\d{1,3})|1", value)
        if match is None or (match[1] and not int(match[2])):
            raise ScoreError(f"{where}: length {value!r}; expected a note value such as 1/8")
        reader.unit = Fraction(value)
    elif name == "Q":
        _read_tempo(reader, value)
    elif name == "K":
        _read_key(reader, value, where)
    elif name == "V":
        reader.current = value.split()[0] if value else reader.current


def _read_tempo(reader: _Reader, value: str) -> None:
    """A tempo in words alone says nothing that counts."""
    match = re.search(r"(\d+)/(\d+)\s*=\s*(\d+(?:\.\d+)?)", value)
    bare = re.fullmatch(r"(\d+)", value)
    if match and int(match[2]):
        bpm = 4 * float(match[1]) / float(match[2]) * float(match[3])
    elif bare:
        bpm = 4 * float(reader.unit_length()) * float(bare[1])
    else:
        return
    if 5 <= bpm <= 1000:
        reader.quarters_a_minute = bpm


def _read_key(reader: _Reader, value: str, where: str) -> None:
    if value.lower().startswith(("none", "hp", "clef")) or not value:
        reader.sharps, reader.is_minor = (2 if value.startswith("Hp") else 0), False
        return
    match = _KEY.match(value)
    mode = (match[3].lower() if match else "") or "maj"
    shift = _MODES.get(mode[:3]) if mode != "m" else -3
    if match is None or (shift is None and not mode.startswith(("clef", "exp", "trans", "oct", "mid", "tre", "bas"))):
        raise ScoreError(f"{where}: key {value!r}; expected one such as G, Bb, Em or D dorian")
    sharps = _FIFTHS[match[1]] + 7 * (match[2].count("#") - match[2].count("b")) + (shift or 0)
    if not -7 <= sharps <= 7:
        raise ScoreError(f"{where}: key {value!r} has {abs(sharps)} accidentals; write it enharmonically, with up to 7")
    reader.sharps, reader.is_minor = sharps, shift == -3


def _read_music(reader: _Reader, line: str, where: str) -> None:
    place = 0
    while place < len(line):
        match = _TOKEN.match(line, place)
        if match is None or match.end() == place:
            what = "overlaid voices are not read; write them as V:" if line[place] == "&" else "this is no ABC"
            raise ScoreError(f"{where}, place {place + 1}, {line[place : place + 8]!r}: {what}")
        place = match.end()
        voice = reader.voice
        if match["field"]:
            _read_field(reader, match["field"][1], match["field"][3:-1].strip(), where)
        elif match["bar"] or match["ending"]:
            voice.bar((match["bar"] or match["ending"]).replace("[", ""))
        elif match["tuplet"]:
            voice.tuplet = _tuplet(match["tuplet"], where)
        elif match["broken"]:
            voice.broken(match["broken"])
        elif match["rest"]:
            bars = Fraction(*reader.metre) if reader.metre else Fraction(1)
            unit = bars if match["rest"] in "ZX" else reader.unit_length()
            voice.add((), unit * _factor(match["restlength"], where), ties=())
        elif match["chord"] or match["note"]:
            _read_notes(reader, match, where)


def _read_notes(reader: _Reader, match: re.Match[str], where: str) -> None:
    text = match["chord"][1:-1] if match["chord"] else match["note"] + match["length"] + match["tie"]
    length = reader.unit_length() * _factor(match["chordlength"] or "", where)
    pitches, ties, own = [], [], None
    for signs, letter, marks, own_length, tie in _INNER.findall(text):
        pitches.append(_pitch(reader, signs, letter, marks, where))
        own = own or _factor(own_length, where)
        if tie or match["chordtie"]:
            ties.append(pitches[-1])
    if not pitches:
        raise ScoreError(f"{where}: {match[0]!r} holds no note")
    reader.voice.add(tuple(pitches), length * (own or 1), ties=tuple(ties))


def _pitch(reader: _Reader, signs: str, letter: str, marks: str, where: str) -> int:
    upper = letter.upper()
    if signs:
        reader.voice.accidentals[upper] = sum(_SIGNS[sign] for sign in signs)
    sign = reader.voice.accidentals.get(upper, reader.key_sign(upper))
    octave = 5 + letter.islower() + marks.count("'") - marks.count(",")
    pitch = 12 * octave + _NATURAL[upper] + sign
    if not 0 <= pitch <= 127:
        raise ScoreError(f"{where}: {signs}{letter}{marks} is outside MIDI's range")
    return pitch


def _factor(text: str, where: str) -> Fraction:
    """What a length multiplies: 3 for "3", 1/2 for "/", 1/4 for "//"."""
    above, slashes, below = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    bottom = int(below) if below else 2 ** len(slashes)
    top = int(above or 1)
    if not 0 < top <= 1024 or not 0 < bottom <= 1024:
        raise ScoreError(f"{where}: no length {text!r}; expected a multiple such as 2, /2 or 3/2")
    return Fraction(top, bottom)


def _tuplet(text: str, where: str) -> tuple[Fraction, int]:
    """The factor of the lengths, and for how many notes it holds."""
    numbers = [int(number) if number else 0 for number in text[1:].split(":")]
    p, q, r = (*numbers, 0, 0)[:3]
    if p < 2 and not q:
        raise ScoreError(f"{where}: no tuplet {text!r}; expected one such as (3 or (3:2:3")
    return Fraction(q or _TUPLET_TIME[p], p or 1), r or p
