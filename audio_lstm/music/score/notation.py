"""Notes as one types them: "C4 E4 G4:2 R F#4/8" -> a score, and back.

C4        a quarter note (60 is C4, middle C); F#4, Bb3, C##4 and Ebb5 have accidentals
C4:2      two quarters long; C4:1/2 and C4:0.5 are eighths
C4/8      an eighth note; /1 /2 /4 /8 /16 /32, with dots: C4/8.
R, R:2    a rest
C4+E4+G4  notes at once
|         a bar line, for the reader's eye alone
"""

from __future__ import annotations

import re
from fractions import Fraction

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.score import Score, Track, make_notes

__all__ = ["TICKS_PER_QUARTER", "is_notes_text", "notes_text", "parse_length", "parse_notes", "pitch_class"]

TICKS_PER_QUARTER = 480  # what most notation programs write; triplets of 32nds are whole numbers of them

_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_PITCH = re.compile(r"([A-Ga-g])(##|bb|#|b|♯|♭|x)?(-?\d+)")
_LENGTH = r"(?P<length>[:/].*)?"
_TOKEN = re.compile(rf"(?P<pitches>[^:/|]+?){_LENGTH}")
_MAX_TOKENS = 20_000
_MAX_QUARTERS = 1000  # of one note


def pitch_class(letter: str, accidental: str | None) -> int:
    """The pitch class of a note's name.

    Args:
        letter: A to G, upper or lower case.
        accidental: "", None, "#", "b", "##", "bb", "x", "♯" or "♭".

    Returns:
        0 (C) to 11 (B).
    """
    signs = (accidental or "").replace("♯", "#").replace("♭", "b").replace("x", "##")
    return (_PITCH_CLASSES[letter.upper()] + signs.count("#") - signs.count("b")) % 12


def is_notes_text(text: str) -> bool:
    """Whether a text begins as notes do, so that it is meant as notes and not as a file's name.

    Args:
        text: Anything.

    Returns:
        True where the first word but for bar lines is a note or a rest.
    """
    words = text.replace("|", " ").split()
    if not words:
        return False
    first = words[0].partition(":")[0].partition("/")[0]
    return all(part.upper() == "R" or _PITCH.fullmatch(part) for part in first.split("+"))


def parse_notes(text: str) -> Score:
    """The score of notes that are written as in the module's first lines.

    Examples:
        >>> parse_notes("C4 E4 G4:2").notes["pitch"].tolist()
        [60, 64, 67]

    Args:
        text: Notes and rests with spaces between.

    Returns:
        One track, 480 ticks a quarter, neither tempo, metre nor key.

    Raises:
        ScoreError: A word is none of these, a note leaves MIDI's 0..127, or there is no note.
    """
    words = text.replace("|", " ").split()
    if len(words) > _MAX_TOKENS:
        raise ScoreError(f"the notes are {len(words)} words; at most {_MAX_TOKENS} can be read, so save them as a file")
    now = 0
    rows: list[tuple[int, int, int]] = []
    for place, word in enumerate(words, start=1):
        match = _TOKEN.fullmatch(word)
        where = f"notes, word {place}, {word!r}"
        if match is None:
            raise ScoreError(f"{where}: expected a note such as C4, F#4:2 or Bb3/8, or a rest R")
        ticks = _ticks(parse_length(match["length"] or "", where), where)
        if match["pitches"].upper() != "R":
            rows += [(now, ticks, pitch) for pitch in sorted(_pitches(match["pitches"], where))]
        now += ticks
    if not rows:
        raise ScoreError(f"notes {text[:40]!r}: there is no note in them; write for instance 'C4 E4 G4:2'")
    starts, lengths, pitches = zip(*rows, strict=True)
    return Score(TICKS_PER_QUARTER, make_notes(starts, lengths, pitches), tracks=(Track("Melody"),))


def notes_text(score: Score) -> str:
    """The notes of one line as `parse_notes` reads them; of notes at once, those that begin together.

    Args:
        score: One track counts: the first with notes. A note that sounds when the next begins is cut there.

    Returns:
        The text, notes with sharps; "" without notes.
    """
    if not score.n_notes:
        return ""
    notes = score.notes[score.notes["track"] == score.notes["track"].min()]
    words: list[str] = []
    now = 0
    starts = sorted(set(notes["start_ticks"].tolist()))
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        together = notes[notes["start_ticks"] == start]
        length = int(together["duration_ticks"].max())
        if start > now:
            words.append("R" + _length_text(start - now, score.ticks_per_quarter))
        length = length if following is None else min(length, following - start)
        names = [f"{_NAMES[pitch % 12]}{pitch // 12 - 1}" for pitch in together["pitch"].tolist()]
        words.append("+".join(names) + _length_text(length, score.ticks_per_quarter))
        now = start + length
    return " ".join(words)


def parse_length(text: str, where: str) -> Fraction:
    """How long a note or a chord lasts, in quarters.

    Args:
        text: ":2", ":1/2", ":0.5" (quarters), "/8", "/8." (note values), or "" for a quarter.
        where: What a message calls the place.

    Returns:
        Quarters, above 0.

    Raises:
        ScoreError: It is none of these.
    """
    if not text:
        return Fraction(1)
    quarters = re.fullmatch(r":(\d{1,4}(?:\.\d{1,6}|/[1-9]\d{0,3})?)", text)
    value = re.fullmatch(r"/(1|2|4|8|16|32)(\.{0,2})", text)
    length = Fraction(0)
    if quarters:
        length = Fraction(quarters[1])
    elif value:
        dots = Fraction(2 ** (len(value[2]) + 1) - 1, 2 ** len(value[2]))  # 1, 3/2, 7/4
        length = Fraction(4, int(value[1])) * dots
    if not 0 < length <= _MAX_QUARTERS:
        raise ScoreError(
            f"{where}: no length {text!r}; expected quarters such as :2 or :1/2, or a note value such as /8"
        )
    return length


def _pitches(text: str, where: str) -> set[int]:
    found = set()
    for name in text.split("+"):
        match = _PITCH.fullmatch(name)
        if match is None:
            raise ScoreError(
                f"{where}: {name!r} is no note; expected a letter and an octave such as C4, F#4 or Bb3, or R"
            )
        letter, accidental, octave = match.groups()
        natural = _PITCH_CLASSES[letter.upper()]
        signs = (pitch_class(letter, accidental) - natural + 6) % 12 - 6
        pitch = 12 * (int(octave) + 1) + natural + signs
        if not 0 <= pitch <= 127:
            raise ScoreError(f"{where}: {name} is outside MIDI's range, C-1 to G9")
        found.add(pitch)
    return found


def _ticks(quarters: Fraction, where: str) -> int:
    ticks = quarters * TICKS_PER_QUARTER
    if ticks.denominator != 1:
        raise ScoreError(
            f"{where}: {quarters} quarters are no whole number of 480ths of a quarter; use a simpler length"
        )
    return int(ticks)


def _length_text(ticks: int, ticks_per_quarter: int) -> str:
    quarters = Fraction(ticks, ticks_per_quarter)
    return "" if quarters == 1 else f":{quarters}"
