"""Random requests, and random pieces that follow them: for wishes.py beside this file, and for the property tests."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wishes import PitchRange, Sonority
from audio_lstm.music.score.scales import MODES, PITCH_NAMES, parse_scale
from audio_lstm.music.tokens.chorale import ChoraleCursor
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.sample import Writer

# Notes of every length up to a bar, as the full vocabulary has them, on a coarse grid.
SMALL_VOCABULARY = EventVocabulary(
    steps_per_quarter=2,
    time_signatures=((4, 4), (3, 4)),
    tempi=(400_000, 500_000, 600_000),
    velocities=(64, 96),
    durations=(*range(1, 9), 12, 16),
    n_tracks=3,
)


def random_wishes(chance: random.Random, *, chorale: bool) -> dict[str, Any]:
    """Arguments of `Wishes`; about half of them contradict each other."""
    wishes: dict[str, Any] = {}

    def sometimes(share: float) -> bool:
        return chance.random() < share

    if sometimes(0.6):
        wishes["key"] = parse_scale(f"{chance.choice(PITCH_NAMES)} {chance.choice(list(MODES))}")
    if sometimes(0.85):
        wishes["bars"] = chance.choice([1, 2, 3, 4])
    if sometimes(0.3):
        wishes["tempo_bpm"] = chance.choice([90.0, 120.0, 143.0])
    if sometimes(0.4):
        wishes["metre"] = chance.choice([(4, 4), (3, 4)])
    if sometimes(0.5) and not chorale:
        wishes["parts"] = tuple(chance.choice([0, 52, 40, 128]) for _ in range(chance.randint(1, 3)))
    if sometimes(0.4):
        n_ranges = 4 if chorale else len(wishes.get("parts", ())) or 1
        lows = [chance.randint(40, 70) for _ in range(chance.choice([1, n_ranges]))]
        wishes["ranges"] = tuple(PitchRange(low, low + chance.choice([3, 7, 12, 14])) for low in lows)
    if sometimes(0.4):
        wishes["max_polyphony"] = chance.randint(1, 6)
    if sometimes(0.5):
        low = chance.choice([0, 1, 2, 4, 6])
        wishes["density"] = low, low + chance.choice([1, 2, 5])
    if sometimes(0.5):
        wishes["rests"] = chance.choice([0.0, 0.0, 0.1, 0.3, 0.6, 1.0])
    for name in ("first", "last"):
        if sometimes(0.25):
            wishes[name] = _random_sonority(chance, wishes)
    if "key" in wishes and "bars" in wishes and sometimes(0.4):
        wishes["ending"] = True
    return wishes


def _random_sonority(chance: random.Random, wishes: dict[str, Any]) -> Sonority:
    key = wishes.get("key")
    if chance.random() < 0.5:
        pitches = [pitch for pitch in range(48, 78) if key is None or pitch % 12 in key.pitch_classes]
        return Sonority("a note", chance.choice(pitches))
    if key is not None:
        return Sonority("a chord", None, key.triad, key.tonic)
    root = chance.randrange(12)
    return Sonority("a chord", None, frozenset({root, (root + 4) % 12, (root + 7) % 12}), root)


def random_piece(
    writer: Writer[ChoraleCursor] | Writer[EventCursor], chance: random.Random, n_most: int
) -> NDArray[np.int64] | None:
    """One piece, written by a model that knows nothing and has its moods; None where it does not end in time."""
    written: list[int] = []
    mood = chance.random()
    while len(written) < n_most:
        (choices,) = writer.choices()
        if not len(choices):
            raise ConfigError(f"no way on after {written[-20:]}")
        held = None if writer.held is None else int(writer.held[0])
        if mood < 0.15:
            token = int(choices[-1])
        elif mood < 0.3 and chance.random() < 0.9:
            token = int(choices[0])
        elif mood < 0.5 and held in choices and chance.random() < 0.9:
            token = held or 0
        else:
            token = int(chance.choice(choices))
        written.append(token)
        writer.push([token])
        if writer.done[0]:
            return np.array(written)
    return None
