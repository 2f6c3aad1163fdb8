"""Chord symbols: "Am F C G7/B" -> pitch classes, basses, and when each of them sounds.

    Am, C, F#dim   a bar each
    Am:2           two quarters; lengths as in notation.py
    Am F | C G     with bar lines, the chords of a bar share it in equal parts (but for those with lengths)
    N.C.           no chord: anything may sound

Qualities: none or maj (M), m (min, -), dim (o, °), aug (+), 5, 6, m6, 7, maj7 (M7, Δ), m7, mmaj7, dim7 (o7), m7b5 (ø),
sus2, sus4 (sus), 7sus4, add9, madd9, 9, maj9, m9; after a slash the bass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.notation import parse_length, pitch_class

__all__ = ["Chord", "ChordSpan", "chord_at", "parse_chord", "parse_chords"]

# Semitones above the root; of each, the first four that tell it from others must sound, the root first.
_QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "5": (0, 7),
    "6": (0, 4, 9, 7),
    "m6": (0, 3, 9, 7),
    "7": (0, 4, 10, 7),
    "maj7": (0, 4, 11, 7),
    "m7": (0, 3, 10, 7),
    "mmaj7": (0, 3, 11, 7),
    "dim7": (0, 3, 9, 6),
    "m7b5": (0, 3, 10, 6),
    "aug7": (0, 4, 10, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "7sus4": (0, 5, 10, 7),
    "add9": (0, 4, 2, 7),
    "madd9": (0, 3, 2, 7),
    "9": (0, 4, 10, 2, 7),
    "maj9": (0, 4, 11, 2, 7),
    "m9": (0, 3, 10, 2, 7),
}
_OTHER_SPELLINGS = {
    "": "maj M major",
    "m": "min - minor",
    "dim": "o °",
    "aug": "+ #5",
    "6": "maj6",
    "m6": "min6 -6",
    "7": "dom7",
    "maj7": "M7 Maj7 Δ Δ7 j7",
    "m7": "min7 -7",
    "mmaj7": "mM7 minmaj7 m(maj7) -maj7",
    "dim7": "o7 °7",
    "m7b5": "ø ø7 min7b5 -7b5 m7(b5)",
    "aug7": "+7 7#5",
    "sus4": "sus",
    "7sus4": "7sus",
    "maj9": "M9",
    "m9": "min9 -9",
}
_SPELLINGS = {other: quality for quality, others in _OTHER_SPELLINGS.items() for other in others.split()}
_ROOT = r"([A-G])(##|bb|#|b|♯|♭)?"
_SYMBOL = re.compile(rf"{_ROOT}([^/:]*)(?:/{_ROOT})?")
_NO_CHORD = ("N.C.", "NC", "N.C")
_MAX_CHORDS = 10_000


@dataclass(frozen=True)
class Chord:
    """What a symbol says."""

    symbol: str  # as it was written
    tones: tuple[int, ...]  # pitch classes: the root, then the others, those that tell it from other chords first
    bass: int  # pitch class of the lowest note: the root, or what follows the slash; -1 where there is no chord

    @property
    def pitch_classes(self) -> frozenset[int]:
        """All that belongs to it, the bass too; all twelve where there is no chord."""
        return frozenset((*self.tones, self.bass)) if self.tones else frozenset(range(12))


@dataclass(frozen=True)
class ChordSpan:
    """A chord with its place."""

    chord: Chord
    start_quarters: Fraction
    length_quarters: Fraction

    @property
    def end_quarters(self) -> Fraction:
        """Where the next one may begin."""
        return self.start_quarters + self.length_quarters


def parse_chord(symbol: str) -> Chord:
    """One chord.

    Examples:
        >>> sorted(parse_chord("Am7/G").pitch_classes)
        [0, 4, 7, 9]

    Args:
        symbol: Such as "C", "F#m7b5" or "G7/B"; "N.C." for none.

    Returns:
        Its tones.

    Raises:
        ScoreError: It cannot be understood.
    """
    if symbol.upper() in _NO_CHORD:
        return Chord(symbol, (), -1)
    match = _SYMBOL.fullmatch(symbol)
    quality = None if match is None else _SPELLINGS.get(match[3], match[3])
    if match is None or quality not in _QUALITIES:
        known = ", ".join(name for name in _QUALITIES if name)
        raise ScoreError(
            f"chord {symbol!r} cannot be understood; expected a root A to G with # or b, one of {known}, and "
            "perhaps a bass, as in Am, F#m7b5 or G7/B"
        )
    root = pitch_class(match[1], match[2])
    tones = tuple((root + interval) % 12 for interval in _QUALITIES[quality])
    return Chord(symbol, tones, pitch_class(match[4], match[5]) if match[4] else root)


def parse_chords(text: str, *, bar_quarters: Fraction | float = Fraction(4)) -> tuple[ChordSpan, ...]:
    """A row of chords with their places.

    Args:
        text: Symbols with spaces between, as in the module's first lines.
        bar_quarters: Length of a bar.

    Returns:
        The chords, each beginning where the one before ends.

    Raises:
        ScoreError: A symbol or a length cannot be understood, or there is none.
    """
    bar = Fraction(bar_quarters)
    has_bar_lines = "|" in text.strip().strip("|")
    groups = [group.split() for group in text.split("|") if group.strip()]
    if not groups:
        raise ScoreError(f"chords {text!r}: there is no chord in them; write for instance 'Am F C G'")
    if sum(map(len, groups)) > _MAX_CHORDS:
        raise ScoreError(f"more than {_MAX_CHORDS} chords; write fewer, and let them repeat")
    spans: list[ChordSpan] = []
    now = Fraction(0)
    for group in groups:
        for symbol, length in _lengths(group, bar, shared=has_bar_lines):
            spans.append(ChordSpan(parse_chord(symbol), now, length))
            now += length
    return tuple(spans)


def chord_at(spans: tuple[ChordSpan, ...], quarters: Fraction | float) -> ChordSpan:
    """The chord that sounds at a time; after the last one they begin again.

    Args:
        spans: What `parse_chords` gave.
        quarters: The time, from 0 on.

    Returns:
        The chord, with the place that it has in that round.
    """
    total = spans[-1].end_quarters
    rounds, within = divmod(Fraction(quarters), total)
    span = next(span for span in reversed(spans) if span.start_quarters <= within)
    return ChordSpan(span.chord, rounds * total + span.start_quarters, span.length_quarters)


def _lengths(words: list[str], bar: Fraction, *, shared: bool) -> list[tuple[str, Fraction]]:
    """The symbols of a bar (or of the whole row, where there are no bar lines) with their lengths in quarters."""
    pairs = []
    for word in words:
        symbol, colon, length = word.partition(":")
        pairs.append((symbol, parse_length(colon + length, f"chord {word!r}") if colon else None))
    open_ones = sum(length is None for _, length in pairs)
    left = bar - sum((length for _, length in pairs if length is not None), Fraction(0))
    if shared and (left < 0 or (left > 0) != (open_ones > 0)):
        raise ScoreError(
            f"chords {' '.join(words)!r} do not fill their bar of {bar} quarters; change a length or a bar line"
        )
    each = left / open_ones if shared and open_ones else bar
    return [(symbol, each if length is None else length) for symbol, length in pairs]
