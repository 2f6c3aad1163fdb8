"""Single lines as ABC, the notation of tune books: one part, one staff, chords allowed."""

from __future__ import annotations

from fractions import Fraction

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.key_finding import key_name
from audio_lstm.music.score.name_text import printable
from audio_lstm.music.score.score import KeySignature, Score
from audio_lstm.music.score.spelling import alter_in_key
from audio_lstm.music.sheet.staves import Head, Symbol, WrittenBar, WrittenPart, score_to_notation

__all__ = ["score_to_abc"]

_UNIT = 12  # units of the grid in L:1/8
_BARS_PER_LINE = 4
_SIGNS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
_CLEFS = {"G": "", "G8": " clef=treble-8", "F": " clef=bass"}


def score_to_abc(score: Score, *, title: str = "") -> str:
    """A score of one line as an ABC tune.

    Args:
        score: one pitched part in which no two notes overlap; notes that start and end together are a chord.
        title: the T: field.

    Returns:
        The tune, ending in a line feed.

    Raises:
        ScoreError: there are several parts, drums, overlapping notes, or no note.
    """
    score.require_notes()
    notation = score_to_notation(score, keep_one_staff=True)
    if len(notation.parts) > 1:
        names = ", ".join(part.name for part in notation.parts[:4])
        raise ScoreError(
            f"ABC holds single lines, and this score has {len(notation.parts)} parts ({names}); save one track, or use "
            ".musicxml"
        )
    part = notation.parts[0]
    if part.is_drum:
        raise ScoreError("ABC holds single lines, and this score has drums only; use .musicxml or .mid")
    crowded = next((bar for bar in part.bars if len(bar.voices) > 1), None)
    if crowded is not None:
        raise ScoreError(f"ABC holds single lines, and notes overlap in bar {crowded.grid.bar.number}; use .musicxml")
    first = part.bars[0]
    metre = first.grid.bar.metre
    bpm = score.tempi[0].bpm if score.tempi and score.tempi[0].tick == 0 else 120.0
    lines = [
        "X:1",
        f"T:{printable(title) or part.name}",
        f"M:{metre.numerator}/{metre.denominator}",
        "L:1/8",
        f"Q:1/4={bpm:.0f}",
        f"K:{_key(first.key)}{_CLEFS[part.clefs[0]]}",
    ]
    return "\n".join([*lines, *_music(part), ""])


def _music(part: WrittenPart) -> list[str]:
    lines: list[str] = []
    row: list[str] = []
    for index, bar in enumerate(part.bars):
        before = part.bars[index - 1] if index else None
        last = index + 1 == len(part.bars)
        row.append(
            _changes(before, bar)
            + "".join(_symbol(symbol, bar.key) for symbol in bar.voices[0]).strip()
            + (" |]" if last else " |")
        )
        if last or len(row) == _BARS_PER_LINE:
            lines.append(" ".join(row))
            row = []
    return lines


def _changes(before: WrittenBar | None, bar: WrittenBar) -> str:
    """Inline fields where the metre or the key is another than in the bar before."""
    if before is None:
        return ""
    metre, old = bar.grid.bar.metre, before.grid.bar.metre
    text = ""
    if (metre.numerator, metre.denominator) != (old.numerator, old.denominator):
        text += f"[M:{metre.numerator}/{metre.denominator}]"
    if _key(bar.key) != _key(before.key):
        text += f"[K:{_key(bar.key)}]"
    return text


def _symbol(symbol: Symbol, key: KeySignature) -> str:
    """A note, chord or rest, with the gap after it that ends a beam."""
    value = symbol.value
    length = _length(Fraction(value.units * 3, 2) if value.in_triplet else Fraction(value.units))
    tie = "-" if symbol.tied_on else ""
    if not symbol.heads:
        text = f"z{length}"
    elif len(symbol.heads) == 1:
        text = f"{_note(symbol.heads[0], key)}{length}{tie}"
    else:
        # Lengths and ties inside the bracket: not every reader knows them behind it.
        text = f"[{''.join(f'{_note(head, key)}{length}{tie}' for head in reversed(symbol.heads))}]"
    bracket = f"(3:2:{symbol.n_in_triplet}" if symbol.triplet == "start" else ""
    joined = symbol.beams and symbol.beams[0] in ("begin", "continue")
    return f"{bracket}{text}{'' if joined else ' '}"


def _note(head: Head, key: KeySignature) -> str:
    # Accidentals are repeated within a bar: not every reader remembers them as the standard says.
    altered = head.pitch.alter != alter_in_key(head.pitch.step, key) or head.accidental is not None
    sign = _SIGNS[head.pitch.alter] if altered else ""
    octave = head.pitch.octave
    letter = head.pitch.step.lower() if octave >= 5 else head.pitch.step
    return sign + letter + ("'" * (octave - 5) if octave >= 5 else "," * (4 - octave))


def _length(units: Fraction) -> str:
    length = units / _UNIT
    if length == 1:
        return ""
    numerator = "" if length.numerator == 1 and length.denominator > 1 else str(length.numerator)
    return numerator if length.denominator == 1 else f"{numerator}/{length.denominator}"


def _key(key: KeySignature) -> str:
    tonic, mode = key_name(key).split()
    return tonic + ("m" if mode == "minor" else "")
