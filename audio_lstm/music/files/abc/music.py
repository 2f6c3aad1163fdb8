"""The music lines of an ABC tune: notes, chords, rests, tuplets, bar lines and inline fields into voices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.abc.fields import parse_tuplet
from audio_lstm.music.files.abc.voice import AbcBar, AbcOverlay
from audio_lstm.music.score.notation import pitch_class

if TYPE_CHECKING:
    from audio_lstm.music.files.abc.text import AbcReader

__all__ = ["expand_macros", "read_music"]

_NATURAL = {letter: pitch_class(letter, None) for letter in "ABCDEFG"}
_SIGNS = {"^": 1, "_": -1, "=": 0}
_MAX_MACRO_LINE = 100_000

_TOKEN = re.compile(
    r"""(?P<skip>\s+|"[^"]*(?:"|$)|!(?:[^!\s|:\[\]]+)!|\+[a-zA-Z.()<>]*[h-zH-Z.()<>][a-zA-Z.()<>]*\+
        |[H-Wh-w~.`$*;?@\#\\)]|y\d*/*\d*|\(&|&\)|\((?!\d)|!)
    |(?P<grace>\{[^}]*\})
    |(?P<field>\[[A-Za-z]:[^\]]*\])
    |(?P<bar>:+\|[|\]]*:*(?!\|)|::+(?!\|)|\[\|\]|\|:\||\[?\|[|\]]*(?:\[(?=\|))?:*(?!\|))(?P<ending>\d[\d,.-]*)?
    |(?P<lone_ending>\[\s*\d[\d,.-]*|\[(?="))
    |(?P<tuplet>\(\d+(?::\d*){0,2})
    |(?P<broken>[<>]+)
    |(?P<overlay>&)
    |(?P<rest>[zxZX])(?P<restlength>\d*/*\d*)
    |(?P<chord>\[[^\]|]+\]|\+[\^_=A-Ga-g,'\d/]+\+)(?P<chordlength>\d*/*\d*)(?P<chordtie>-?)
    |(?P<note>[_^=]*[A-Ga-g][,']*)(?P<length>\d*/*\d*)(?P<tie>-?)
    |(?P<late_tie>-)
    |(?P<colon>:)""",
    re.VERBOSE,
)
_JUMP = re.compile(r"!(?:D\.[CS]\.|dacapo|dacoda)", re.IGNORECASE)
_INNER = re.compile(r'"[^"]*"|![^!]*!|([_^=]*)([A-Ga-g])([,\']*)(\d*/*\d*)(-?)')


def read_music(reader: AbcReader, line: str, where: str) -> None:
    """Read a line of music into the reader's voices.

    Args:
        reader: What holds at its beginning.
        line: Without comments.
        where: For messages.
    """
    place = 0
    while place < len(line):
        match = _TOKEN.match(line, place)
        if match is None or match.end() == place:
            reader.stray(line[place : place + 8], where, place + 1)
            place += 1
            continue
        _read_token(reader, match, where)
        place = match.end()


def _read_token(reader: AbcReader, match: re.Match[str], where: str) -> None:
    kind = next(name for name in _KINDS if match[name])
    text = match[kind]
    if kind == "field":
        reader.read_field(text[1], text[3:-1].strip(), where)
    elif kind in ("bar", "lone_ending"):
        reader.voice.bar(_bar(match))
    elif kind == "colon":
        _read_colon(reader, match, where)
    elif kind == "tuplet":
        reader.voice.tuplet = parse_tuplet(text, reader.voice.signs.metre, where)
    elif kind == "broken":
        reader.voice.broken(text)
    elif kind == "overlay":
        reader.voice.symbols.append(AbcOverlay())
        reader.voice.accidentals = {}
    elif kind == "rest":
        metre = reader.voice.signs.metre
        unit = (Fraction(*metre) if metre else Fraction(1)) if text in "ZX" else reader.voice.unit
        reader.voice.add([], unit * _factor(match["restlength"], where))
    elif kind == "late_tie":
        last = reader.voice.last_sound()
        if last is not None:
            last.notes = [(pitch, length, True) for pitch, length, _ in last.notes]
    elif kind == "grace":
        reader.n_grace += len(_INNER.findall(text))
    elif kind == "skip":
        reader.n_jumps += bool(_JUMP.match(text))
    else:
        _read_notes(reader, match, where)


_KINDS = (
    *("skip", "grace", "field", "bar", "lone_ending", "tuplet", "broken", "overlay", "rest"),
    *("chord", "note", "late_tie", "colon"),
)


def _read_colon(reader: AbcReader, match: re.Match[str], where: str) -> None:
    """A colon behind a bar line and a gap begins a repeat."""
    last = reader.voice.symbols[-1] if reader.voice.symbols else None
    if isinstance(last, AbcBar):
        reader.voice.bar(AbcBar(n_starts=1, endings=last.endings, is_line=False))
    else:
        reader.stray(":", where, match.start() + 1)


def _bar(match: re.Match[str]) -> AbcBar:
    text = match["bar"] or ""
    numbers = match["ending"] or (match["lone_ending"] or "")[1:]
    endings: list[int] = []
    for first, last in re.findall(r"(\d{1,2})(?:-(\d{1,2}))?", numbers):
        endings += range(int(first), int(last or first) + 1)
    if not text:
        return AbcBar(endings=tuple(endings), is_line=False)
    lines = text.strip(":")
    if not lines:
        return AbcBar(1, 1, tuple(endings))
    n_ends, n_starts = len(text) - len(text.lstrip(":")), len(text) - len(text.rstrip(":"))
    return AbcBar(n_ends, n_starts, tuple(endings), is_double=len(lines) > 1 and lines != "[|]")


def _read_notes(reader: AbcReader, match: re.Match[str], where: str) -> None:
    voice = reader.voice
    text = match["chord"][1:-1] if match["chord"] else match["note"] + match["length"] + match["tie"]
    factor = _factor(match["chordlength"] or "", where)
    notes: list[tuple[int, Fraction, bool]] = []
    tied: dict[str, int] = {}
    for signs, letter, marks, own_length, tie in _INNER.findall(text):
        if not letter:
            continue
        alter = _alter(reader, signs, letter, marks)
        is_tied = bool(tie or match["chordtie"])
        if is_tied:
            tied[letter + marks] = alter
        pitch = _pitch(voice.shift, alter, letter, marks, f"{where}: {signs}{letter}{marks}")
        notes.append((pitch, voice.unit * factor * _factor(own_length, where), is_tied))
    if not notes:
        raise ScoreError(f"{where}: {match[0]!r} holds no note")
    voice.tied = tied
    voice.add(notes, notes[0][1])


def _alter(reader: AbcReader, signs: str, letter: str, marks: str) -> int:
    """Semitones that a note is raised by; an accidental holds for its bar, or on through a tie."""
    voice = reader.voice
    upper = letter.upper()
    place = letter + marks if reader.octaves_apart else upper
    if signs:
        alter = sum(_SIGNS[sign] for sign in signs)
        if reader.octaves_apart is not None:
            voice.accidentals[place] = alter
        return alter
    if letter + marks in voice.tied:
        return voice.tied[letter + marks]
    return voice.accidentals.get(place, voice.signs.key.alter(upper))


def _pitch(shift: dict[str, int], alter: int, letter: str, marks: str, what: str) -> int:
    octave = 5 + letter.islower() + marks.count("'") - marks.count(",")
    pitch = 12 * octave + _NATURAL[letter.upper()] + alter + sum(shift.values())
    if not 0 <= pitch <= 127:
        raise ScoreError(f"{what} is outside MIDI's range")
    return pitch


def _factor(text: str, where: str) -> Fraction:
    """What a length multiplies: 3 for "3", 1/2 for "/", 1/4 for "//"."""
    if not text:
        return Fraction(1)
    above, slashes, below = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    bottom = int(below) if below else 2 ** len(slashes)
    top = int(above or 1)
    if not 0 < top <= 1024 or not 0 < bottom <= 1024:
        raise ScoreError(f"{where}: no length {text!r}; expected a multiple such as 2, /2 or 3/2")
    return Fraction(top, bottom)


def expand_macros(line: str, macros: Sequence[tuple[str, str]]) -> str:
    """A line of music with its macros (m:) written out.

    Args:
        line: The line.
        macros: What stands for what; an "n" stands for any note, and letters around it in what is played for the
            notes that are as many steps away.

    Returns:
        The line as it is played.
    """
    for name, played in macros:
        if not name or len(line) > _MAX_MACRO_LINE:
            continue
        if "n" not in name:
            line = line.replace(name, played)
            continue
        before, after = map(re.escape, name.split("n", 1))

        def write(match: re.Match[str], played: str = played) -> str:
            return re.sub(r"[h-z]", lambda letter: _step(match[1], ord(letter[0]) - ord("n")), played)

        line = re.sub(rf"{before}([A-Ga-g][,']*){after}", write, line)
    return line


def _step(note: str, steps: int) -> str:
    """The note so many steps of the scale above another one."""
    octave = note[0].islower() + note.count("'") - note.count(",")
    octave, place = divmod(7 * octave + "CDEFGAB".index(note[0].upper()) + steps, 7)
    letter = "CDEFGAB"[place]
    return letter.lower() + "'" * (octave - 1) if octave > 0 else letter + "," * -octave
