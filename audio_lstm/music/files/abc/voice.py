"""One voice of an ABC tune as it stands on the page, and what sounds once its repeats are played out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.abc.fields import AbcKey
from audio_lstm.music.files.abc.order import play_order

__all__ = ["AbcBar", "AbcSigns", "AbcSound", "AbcVoice", "Played", "play_out"]

_MAX_SYMBOLS = 100_000


@dataclass(frozen=True)
class AbcSigns:
    """What holds at a place of the page besides its notes."""

    key: AbcKey = field(default_factory=AbcKey)
    metre: tuple[int, int] | None = None
    bpm: float | None = None  # quarters a minute


@dataclass
class AbcSound:
    """Notes that begin together, or a rest."""

    notes: list[tuple[int, Fraction, bool]]  # pitch, length of a whole note, whether it is tied on
    length: Fraction  # until the next sound, of a whole note
    signs: AbcSigns = field(default_factory=AbcSigns)

    def stretch(self, factor: Fraction) -> None:
        """Make it longer or shorter."""
        self.length *= factor
        self.notes = [(pitch, length * factor, tied) for pitch, length, tied in self.notes]


@dataclass(frozen=True)
class AbcBar:
    """A bar line with what it says about repeats; or the sign of an ending alone."""

    n_ends: int = 0  # how many repeats end here: 1 for ":|"
    n_starts: int = 0  # 1 for "|:"
    endings: tuple[int, ...] = ()  # of which time round the music after it is; () for every one
    is_line: bool = True  # False for "[2" without a bar line
    is_double: bool = False  # "||", "|]" and their like, which end an ending
    signs: AbcSigns = field(default_factory=AbcSigns)


@dataclass(frozen=True)
class AbcPart:
    """The label P: of what follows."""

    label: str


@dataclass(frozen=True)
class AbcOverlay:
    """An "&": what follows sounds with this bar from its beginning."""


Symbol = AbcSound | AbcBar | AbcPart | AbcOverlay


@dataclass
class Played:
    """What sounds of a voice; times in whole notes."""

    notes: list[tuple[Fraction, Fraction, int]] = field(default_factory=list)  # start, length, pitch
    bars: list[tuple[Fraction, Fraction, tuple[int, int] | None, bool]] = field(default_factory=list)
    # of each bar: start, end, metre, and whether it goes on with the one before, behind a repeat sign or double line
    signs: list[tuple[Fraction, AbcSigns]] = field(default_factory=list)  # wherever one of them changes


@dataclass
class AbcVoice:
    """What has been read of a voice, in the order of the page."""

    signs: AbcSigns
    unit: Fraction
    symbols: list[Symbol] = field(default_factory=list)
    accidentals: dict[str, int] = field(default_factory=dict)  # of this bar, by letter (or letter and octave)
    tied: dict[str, int] = field(default_factory=dict)  # of the notes that are tied on, by letter and octave
    tuplet: tuple[Fraction, int] = (Fraction(1), 0)  # factor, and notes to come
    shift: dict[str, int] = field(default_factory=dict)  # semitones that octave=, transpose= and the clef add
    name: str = ""
    program: int = 0
    is_drum: bool = False
    _broken: tuple[Fraction, Fraction] | None = None  # factors of the note before and of the next one

    def add(self, notes: list[tuple[int, Fraction, bool]], length: Fraction) -> None:
        """Append notes that begin together, or a rest.

        Args:
            notes: Pitch, length as written, and whether it is tied on; none for a rest.
            length: As written, of a whole note.
        """
        factor, left = self.tuplet
        if left:
            self.tuplet = (factor, left - 1)
        else:
            factor = Fraction(1)
        sound = AbcSound([(pitch, own * factor, tied) for pitch, own, tied in notes], length * factor, self.signs)
        last = self.last_sound()
        # Between notes of different lengths the standard leaves it undefined; abc2midi passes it over, as we do.
        if self._broken is not None and last is not None and last.length == sound.length:
            last.stretch(self._broken[0])
            sound.stretch(self._broken[1])
        self._broken = None
        self.symbols.append(sound)

    def last_sound(self) -> AbcSound | None:
        """The sound that was read last."""
        return next((symbol for symbol in reversed(self.symbols) if isinstance(symbol, AbcSound)), None)

    def broken(self, marks: str) -> None:
        """Lengthen the note before and shorten the next (">"), or the other way round ("<").

        Args:
            marks: One to three of either.
        """
        short = Fraction(1, 2 ** len(marks))
        self._broken = (2 - short, short) if marks[0] == ">" else (short, 2 - short)

    def bar(self, line: AbcBar) -> None:
        """Append a bar line.

        Args:
            line: A number that follows a bar line at once belongs to it.
        """
        last = self.symbols[-1] if self.symbols else None
        if isinstance(last, AbcBar) and not line.is_line:
            self.symbols[-1] = replace(last, endings=line.endings, n_starts=max(last.n_starts, line.n_starts))
            return
        if line.is_line:
            self.accidentals = {}
        self.symbols.append(replace(line, signs=self.signs))

    def parts(self) -> dict[str, list[Symbol]]:
        """The symbols by the label of the part in which they stand, "" before the first one."""
        found: dict[str, list[Symbol]] = {"": []}
        label = ""
        for symbol in self.symbols:
            if isinstance(symbol, AbcPart):
                label = symbol.label
                found.setdefault(label, [])
            else:
                found[label].append(symbol)
        return found


def play_out(voices: Sequence[AbcVoice], parts: Sequence[str] | None = None) -> list[Played]:
    """What sounds of the voices of a tune.

    Args:
        voices: As they were read.
        parts: The order of the labelled parts, what stands before the first one excepted; None: as on the page.

    Returns:
        One for each voice; the parts begin together in all of them.

    Raises:
        ScoreError: The repeats make it too long.
    """
    if parts is None:
        segments: list[list[list[Symbol]]] = [
            [[symbol for symbol in voice.symbols if not isinstance(symbol, AbcPart)]] for voice in voices
        ]
    else:
        by_label = [voice.parts() for voice in voices]
        segments = [[found.get(label, []) for label in ("", *parts)] for found in by_label]
    played = [Played() for _ in voices]
    now, n_symbols = Fraction(0), 0
    for number in range(len(segments[0]) if segments else 0):
        ends = []
        for voice, result in zip(segments, played, strict=True):
            order = play_order(voice[number], limit=_MAX_SYMBOLS)
            n_symbols += len(order)
            if n_symbols > _MAX_SYMBOLS:
                raise ScoreError(f"the ABC tune has more than {_MAX_SYMBOLS} notes; cut it")
            ends.append(_play([voice[number][place] for place in order], now, result))
        now = max(ends)
    return played


def _play(symbols: Sequence[Symbol], now: Fraction, played: Played) -> Fraction:
    """Append what sounds, from a time on; its end is the answer."""
    bar_start, furthest, layer, goes_on = now, now, 0, False
    held: dict[tuple[int, int], int] = {}  # layer and pitch -> place in the notes
    for symbol in symbols:
        if isinstance(symbol, AbcOverlay):
            furthest, now, layer = max(furthest, now), bar_start, layer + 1
        elif isinstance(symbol, AbcSound):
            _note_signs(played, now, symbol.signs)
            going_on = {key: place for key, place in held.items() if key[0] != layer}
            for pitch, length, tied in symbol.notes:
                place = held.pop((layer, pitch), len(played.notes))
                if place < len(played.notes):
                    start = played.notes[place][0]
                    played.notes[place] = (start, now + length - start, pitch)
                else:
                    played.notes.append((now, length, pitch))
                if tied:
                    going_on[layer, pitch] = place
            held = going_on
            now += symbol.length
        elif isinstance(symbol, AbcBar) and symbol.is_line:
            now = furthest = max(furthest, now)
            if now > bar_start:
                played.bars.append((bar_start, now, symbol.signs.metre, goes_on))
                goes_on = bool(symbol.n_ends or symbol.n_starts or symbol.is_double or symbol.endings)
            bar_start, layer = now, 0
    now = max(furthest, now)
    if now > bar_start and symbols:
        last = next((symbol for symbol in reversed(symbols) if isinstance(symbol, AbcSound)), None)
        played.bars.append((bar_start, now, last.signs.metre if last else None, goes_on))
    return now


def _note_signs(played: Played, now: Fraction, signs: AbcSigns) -> None:
    if not played.signs or played.signs[-1][1] != signs:
        played.signs.append((now, signs))
