"""What sounds around the next pitch; that the cursor says the same is tested in test_events.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.tokens.event_grammar import EventLayout, Kind
from audio_lstm.music.tokens.event_harmony import HARMONY_SIZES, event_harmony_columns
from audio_lstm.music.tokens.events import EventVocabulary

VOCABULARY = EventVocabulary(steps_per_quarter=4, n_tracks=3)
LAYOUT: EventLayout = VOCABULARY.layout


def columns(starts: Any, pitches: Any, tracks: Any, kinds: tuple[bool, ...]) -> tuple[NDArray[np.int64], Any]:
    """The columns, and the kinds of the events."""
    notes = make_notes(starts, 4, pitches, 63, tracks)
    tokens = VOCABULARY.encode(Score(4, notes, tuple(Track(is_drum=drum) for drum in kinds)))
    return event_harmony_columns(LAYOUT, tokens), LAYOUT.kind_of[tokens]


def test_the_sounding_pitches_are_counted_from_the_own_one() -> None:
    # C E G in the right hand over C, then a step up; the left hand has the lower notes and comes second.
    rows, kinds = columns([0, 0, 0, 0, 4, 4], [60, 64, 67, 48, 69, 50], [0, 0, 0, 1, 0, 1], (False, False))
    pitches = np.flatnonzero(kinds == Kind.PITCH)
    assert not rows[pitches[0]].any()  # nothing yet
    assert not rows[pitches[3]].any()  # the left hand has no pitch to count from
    # Before the right hand's second chord: from G (67) upward sound G, C (5 above) and E (9 above); bass 48.
    assert rows[pitches[4]].tolist() == [0b100001, 0b001000, 48 - 67 + 49, 48 - 67 + 49, 48 - 67 + 49, 67 - 64 + 49]
    # Before the left hand's: from C upward C, E, G and A; the lowest is itself, the top and the latest 69.
    assert rows[pitches[5]].tolist() == [0b010001, 0b001010, 49, 69 - 48 + 49, 69 - 48 + 49, 0]


def test_columns_are_the_same_in_every_key() -> None:
    rng = np.random.default_rng(0)
    starts, pitches, tracks = np.sort(rng.integers(0, 80, 60)), rng.integers(40, 80, 60), rng.integers(0, 3, 60)
    kinds = (False, False, True)
    first, _ = columns(starts, pitches, tracks, kinds)
    moved, _ = columns(starts, pitches + 5 * (tracks < 2), tracks, kinds)
    np.testing.assert_array_equal(first, moved)
    assert (first < np.array(HARMONY_SIZES)).all()
    assert first.any(axis=0).all()


def test_drums_hear_and_say_nothing_and_rows_know_the_past_alone() -> None:
    rows, _ = columns([0, 4, 8, 8], [36, 38, 60, 42], [0, 0, 1, 0], (True, False))
    assert not rows[:-1].any()  # the last one may be followed by a pitch of the melody
    assert event_harmony_columns(LAYOUT, np.zeros(0, np.int64)).shape == (0, 6)
    tokens = VOCABULARY.encode(Score(4, make_notes(np.arange(20) * 2, 2, 60 + np.arange(20) % 7), (Track(),)))
    whole = event_harmony_columns(LAYOUT, tokens)
    np.testing.assert_array_equal(event_harmony_columns(LAYOUT, tokens[:33]), whole[:33])
