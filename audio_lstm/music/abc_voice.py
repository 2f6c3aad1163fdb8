"""One voice of an ABC tune while it is read, and its notes once the repeats are played out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fractions import Fraction

from audio_lstm.errors import ScoreError

__all__ = ["Voice", "play_out"]

_MAX_SYMBOLS = 100_000


@dataclass
class _Sound:
    """Notes that begin together, or a rest."""

    pitches: tuple[int, ...]
    length: Fraction  # of a whole note
    ties: tuple[int, ...]  # the pitches that go on into the next sound


@dataclass(frozen=True)
class _Bar:
    """A bar line with what it says about repeats."""

    ends_repeat: bool
    starts_repeat: bool
    endings: tuple[int, ...]  # of which time round the music after it is; () for every one


@dataclass
class Voice:
    """What has been read of a voice, in the order of the page."""

    symbols: list[_Sound | _Bar] = field(default_factory=list)
    accidentals: dict[str, int] = field(default_factory=dict)  # of this bar, by letter
    tuplet: tuple[Fraction, int] = (Fraction(1), 0)  # factor, and notes to come
    _broken: Fraction | None = None  # factor of the next note

    def add(self, pitches: tuple[int, ...], length: Fraction, *, ties: tuple[int, ...]) -> None:
        """Append notes that begin together, or a rest.

        Args:
            pitches: MIDI numbers; none for a rest.
            length: As written, of a whole note.
            ties: Those that go on into the next ones.
        """
        factor, left = self.tuplet
        if left:
            length *= factor
            self.tuplet = (factor, left - 1)
        if self._broken is not None:
            length *= self._broken
            self._broken = None
        self.symbols.append(_Sound(pitches, length, ties))

    def broken(self, signs: str) -> None:
        """Lengthen the note before and shorten the next (">"), or the other way round ("<").

        Args:
            signs: One to three of either.
        """
        short = Fraction(1, 2 ** len(signs))
        before, after = (2 - short, short) if signs[0] == ">" else (short, 2 - short)
        last = next((symbol for symbol in reversed(self.symbols) if isinstance(symbol, _Sound)), None)
        if last is not None:
            last.length *= before
            self._broken = after

    def bar(self, text: str) -> None:
        """Append a bar line.

        Args:
            text: Such as "|", ":|", "|:", "::", "|1", "1" or "|]".
        """
        numbers = tuple(int(number) for number in re.findall(r"\d", text))
        double = "|" not in text and "::" in text
        colons = re.fullmatch(r"(:*)[^:]*(:*)\D*[\d,-]*", text)
        before, after = (colons[1], colons[2]) if colons else ("", "")
        line = _Bar(double or bool(before), double or bool(after), numbers)
        last = self.symbols[-1] if self.symbols else None
        if isinstance(last, _Bar) and text[:1].isdigit():  # ":| [2" is ":|2"
            self.symbols[-1] = replace(last, endings=numbers)
        else:
            self.symbols.append(line)
        if not text[:1].isdigit():
            self.accidentals = {}


def play_out(voice: Voice) -> list[tuple[Fraction, Fraction, int]]:
    """The notes of a voice as they sound.

    Args:
        voice: What was read.

    Returns:
        (start, length, pitch), times in whole notes; ties are joined.
    """
    now = Fraction(0)
    notes: list[tuple[Fraction, Fraction, int]] = []
    held: dict[int, int] = {}  # pitch -> place in notes
    for sound in _order(voice.symbols):
        going_on: dict[int, int] = {}
        for pitch in sound.pitches:
            if pitch in held:
                place = held[pitch]
                start, length, _ = notes[place]
                notes[place] = (start, length + sound.length, pitch)
            else:
                place = len(notes)
                notes.append((now, sound.length, pitch))
            if pitch in sound.ties:
                going_on[pitch] = place
        held = going_on
        now += sound.length
    return notes


def _order(symbols: list[_Sound | _Bar]) -> list[_Sound]:
    """The sounds in the order of playing: each repeat once, each ending in its time round."""
    played: list[_Sound] = []
    start, place, time_round = 0, 0, 1
    skipping = False
    while place < len(symbols):
        symbol = symbols[place]
        if isinstance(symbol, _Sound):
            if not skipping:
                played.append(symbol)
        elif symbol.ends_repeat and not skipping and time_round == 1:
            time_round, place = 2, start
            continue
        else:
            if symbol.endings or symbol.ends_repeat:
                skipping = bool(symbol.endings) and time_round not in symbol.endings
            if symbol.starts_repeat or (symbol.ends_repeat and not skipping):
                time_round, start = 1, place + 1
        if len(played) > _MAX_SYMBOLS:
            raise ScoreError(f"the ABC tune has more than {_MAX_SYMBOLS} notes; cut it")
        place += 1
    return played
