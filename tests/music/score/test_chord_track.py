"""Chords on a grid: which sounds when, what is strong, and until when a note may last."""

from __future__ import annotations

from fractions import Fraction

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.chord_track import ChordTrack, beats_of
from audio_lstm.music.score.chords import parse_chords

TRACK = ChordTrack(parse_chords("Am F:2 N.C.:2"), steps_per_quarter=4, beat_steps=4)


def test_chords_have_their_places_and_begin_again() -> None:
    assert TRACK.n_steps == 32
    assert [TRACK.at(step).symbol for step in (0, 15, 16, 24, 32)] == ["Am", "Am", "F", "N.C.", "Am"]
    assert [step for step in range(65) if TRACK.begins(step)] == [0, 16, 32, 48, 64]
    assert TRACK.next_start(0, 40) == 16
    assert TRACK.next_start(-1, 40) == 0
    assert TRACK.next_start(16, 32) is None


def test_beats_and_beginnings_are_strong() -> None:
    track = ChordTrack(parse_chords("Am:1.5 F:2.5"), steps_per_quarter=4, beat_steps=4)
    assert [step for step in range(13) if track.is_strong(step)] == [0, 4, 6, 8, 12]


def test_notes_end_where_they_would_not_belong() -> None:
    basses = range(21, 60)
    assert TRACK.clash(69, 0, 40, basses) == 40  # A belongs to Am and F, and anything goes with no chord
    assert TRACK.clash(64, 0, 40, basses) == 16  # E does not belong to F
    assert TRACK.clash(62, 1, 40, basses) == 4  # D passes until the next beat
    assert TRACK.clash(62, 1, 3, basses) == 3
    assert TRACK.clash(29, 0, 40, basses) == 4
    assert TRACK.clash(21, 0, 40, basses) == 16  # A0 would lie below the bass of F


def test_basses_lie_as_low_as_the_part_goes_from_e1_on() -> None:
    assert TRACK.lowest_bass(0, range(128)) == 33
    assert TRACK.lowest_bass(0, range(60, 128)) == 69
    assert TRACK.lowest_bass(0, range(24)) == 21
    assert TRACK.lowest_bass(24, range(128)) == 0
    with pytest.raises(ConfigError, match="chord 'Am': the lowest part may not play its bass; widen its range"):
        TRACK.lowest_bass(0, [60, 62])


def test_chords_off_the_grid_are_named() -> None:
    with pytest.raises(ConfigError, match="chord 'Am' lasts 1/3 quarters, which is off the grid of 4 steps a quarter"):
        ChordTrack(parse_chords("Am:1/3 F"), steps_per_quarter=4, beat_steps=4)


def test_beats_of_compound_metres_are_three_eighths() -> None:
    assert [beats_of(metre) for metre in ((4, 4), (6, 8), (2, 2), (5, 8))] == [1, Fraction(3, 2), 2, Fraction(1, 2)]
