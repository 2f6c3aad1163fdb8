"""Wishes as they are typed, in Python, on the command line and in the demo: "D minor", "3/4", "voice,piano", "C4-A5".

Each option takes text or the value itself, so that all three say the same thing in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.request.wishes import PitchRange, Sonority, Wishes
from audio_lstm.music.score.chords import parse_chord
from audio_lstm.music.score.part_names import parse_parts
from audio_lstm.music.score.scales import Scale, parse_scale

__all__ = ["WishOptions", "parse_pitch", "parse_sonority", "parse_wishes"]


class WishOptions(TypedDict, total=False):
    """The options that say what a piece has to be; see `Wishes` for what each of them promises."""

    key: str | Scale  # "D minor", "F# dorian", "C D E G A"
    bars: int  # exactly so many
    tempo_bpm: float  # quarters a minute
    metre: str | tuple[int, int]  # "3/4"
    parts: str | Sequence[int]  # "voice,piano": names, or General MIDI programs (128: drums)
    ranges: str | Sequence[PitchRange]  # "C4-A5" for all parts, "C4-A5,C2-C6" for each
    max_polyphony: int  # notes at once
    density: str | tuple[int, int]  # "4-12": least and most notes that begin in a bar
    rests: str | float  # "none", "free", or the most of the piece that a part may be silent: 0.2, "20%"
    first: str | Sonority  # a note, "C4", or a chord, "Am"
    last: str | Sonority
    ending: bool  # the last bar is the chord on the tonic, held
    max_copied: int  # notes of the longest run that may be shared with the training set


def parse_wishes(options: WishOptions) -> Wishes:
    """The wishes that some options say.

    Examples:
        >>> parse_wishes({"key": "D minor", "bars": 16, "parts": "voice,piano"}).parts
        (52, 0)

    Args:
        options: Any of them; what is left out is left to the model.

    Returns:
        The wishes.

    Raises:
        ConfigError: One of them cannot be understood, or they contradict each other.
    """
    unknown = set(options) - set(WishOptions.__annotations__)
    if unknown:
        raise ConfigError(f"no wish is called {sorted(unknown)[0]!r}; known: {', '.join(WishOptions.__annotations__)}")
    key, metre, parts = options.get("key"), options.get("metre"), options.get("parts", ())
    ranges, density, rests = options.get("ranges", ()), options.get("density"), options.get("rests")
    first, last = options.get("first"), options.get("last")
    return Wishes(
        key=parse_scale(key) if isinstance(key, str) else key,
        bars=options.get("bars"),
        tempo_bpm=options.get("tempo_bpm"),
        metre=_metre(metre) if isinstance(metre, str) else metre,
        parts=parse_parts(parts) if isinstance(parts, str) else tuple(parts),
        ranges=tuple(map(_range, ranges.split(","))) if isinstance(ranges, str) else tuple(ranges),
        max_polyphony=options.get("max_polyphony"),
        density=_density(density) if isinstance(density, str) else density,
        rests=_rests(rests) if isinstance(rests, str) else rests,
        first=parse_sonority(first) if isinstance(first, str) else first,
        last=parse_sonority(last) if isinstance(last, str) else last,
        ending=options.get("ending", False),
        max_copied=options.get("max_copied"),
    )


def parse_pitch(text: str) -> int:
    """A note with its octave.

    Args:
        text: Such as "C4" (60), "F#3", "Bb-1", or a MIDI number.

    Returns:
        The MIDI note number.

    Raises:
        ConfigError: It is none, or outside MIDI's 0..127.
    """
    match = re.fullmatch(r"([A-Ga-g])([#b♯♭]{0,2})(-?\d)", text.strip())
    if match:
        natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[match[1].upper()]
        signs = match[2].replace("♯", "#").replace("♭", "b")
        pitch = 12 * (int(match[3]) + 1) + natural + signs.count("#") - signs.count("b")
    elif text.strip().isdecimal():
        pitch = int(text)
    else:
        raise ConfigError(f"{text!r} is no note; expected a letter and an octave, such as C4, F#3 or Bb5")
    if not 0 <= pitch <= 127:
        raise ConfigError(f"{text!r} is outside C-1..G9 (MIDI 0..127)")
    return pitch


def parse_sonority(text: str) -> Sonority:
    """A note with its octave ("C4"), or a chord by its symbol ("Am", "G7/B").

    Args:
        text: As typed.

    Returns:
        The note or chord.

    Raises:
        ConfigError: It is neither.
    """
    name = text.strip()
    if re.fullmatch(r"[A-Ga-g][#b♯♭]{0,2}-?\d", name):
        return Sonority(name, parse_pitch(name))
    try:
        chord = parse_chord(name)
    except ScoreError as error:
        raise ConfigError(f"{text!r} is no note with its octave, such as C4, and as a chord: {error}") from error
    if not chord.tones:
        raise ConfigError(f"{text!r} is neither a note with its octave, such as C4, nor a chord, such as Am or C/E")
    return Sonority(name, None, chord.pitch_classes, chord.bass)


def _metre(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d{1,2})\s*/\s*(\d{1,2})\s*", text)
    if not match:
        raise ConfigError(f"metre {text!r}: expected one such as 4/4, 3/4 or 6/8")
    return int(match[1]), int(match[2])


def _range(text: str) -> PitchRange:
    match = re.fullmatch(r"\s*([A-Ga-g][#b♯♭]*-?\d|\d{1,3})\s*(?:-|\.\.|–)\s*([A-Ga-g][#b♯♭]*-?\d|\d{1,3})\s*", text)
    if not match:
        raise ConfigError(f"range {text!r}: expected the lowest and the highest note, such as C4-A5")
    low, high = parse_pitch(match[1]), parse_pitch(match[2])
    if low > high:
        raise ConfigError(f"range {text!r} runs downwards; write the lower note first")
    return PitchRange(low, high)


def _density(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d{1,4})(?:\s*(?:-|\.\.|–)\s*(\d{1,4}))?\s*", text)
    if not match:
        raise ConfigError(f"density {text!r}: expected the least and the most notes of a bar, such as 4-12")
    return int(match[1]), int(match[2] or match[1])


def _rests(text: str) -> float | None:
    word = text.strip().lower()
    if word in ("none", "no", "never"):
        return 0.0
    if word in ("free", "allowed", "any"):
        return 1.0
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?|\.\d+)\s*(%?)", word)
    if not match:
        raise ConfigError(f"rests {text!r}: expected 'none', 'free', or a share of the piece such as 20% or 0.2")
    return float(match[1]) / (100 if match[2] else 1)
