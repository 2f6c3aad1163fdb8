"""First and last sonorities: whoever plays first, the bass stays the lowest and everybody finds a note."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.voicing import settle
from audio_lstm.music.request.wishes import Sonority

CHORD = Sonority("C", None, frozenset({0, 4, 7}), 0)
HIGH, LOW = frozenset(range(60, 73)), frozenset(range(36, 61))


def test_the_part_that_reaches_lowest_has_the_bass() -> None:
    voicing = settle(CHORD, [HIGH, LOW], where="last", melody=0)
    assert voicing.bass_part == 1
    assert voicing.required == {1}
    assert voicing.basses == {36, 48, 60}
    assert voicing.tones[0] == {60, 64, 67, 72}


def test_of_parts_that_reach_as_low_the_one_named_has_it_else_the_last() -> None:
    assert settle(CHORD, [LOW, LOW, LOW], where="last", melody=0).bass_part == 2
    assert settle(CHORD, [LOW, LOW, LOW], where="last", melody=0, lowest_part=0).bass_part == 0


def test_a_note_is_what_the_melody_plays_above_the_bass() -> None:
    voicing = settle(Sonority("both", 64, CHORD.pitch_classes, 0), [HIGH, LOW], where="last", melody=0)
    assert voicing.tones[0] == {64}
    assert (voicing.melody_part, voicing.required) == (0, {0, 1})


def test_nobody_goes_below_the_bass_and_the_bass_below_all() -> None:
    voicing = settle(CHORD, [LOW, HIGH, None], where="last", melody=0)
    assert voicing.allowed(0, lowest=200) == [36, 48, 60]
    assert voicing.allowed(0, lowest=200, begins=False) == [36, 40, 43, 48, 52, 55, 60]
    assert voicing.allowed(1, lowest=62) == [64, 67, 72]
    before = settle(CHORD, [HIGH, LOW], where="last", melody=0)
    assert before.allowed(1, lowest=50) == [36, 48]


def test_the_bass_leaves_room_for_parts_that_have_to_play() -> None:
    narrow = frozenset({43})
    voicing = settle(CHORD, [LOW, narrow], where="last", melody=0, needed=frozenset({0, 1}))
    assert voicing.basses == {36}


@pytest.mark.parametrize(
    ("sonority", "pitches", "message"),
    [
        (CHORD, [frozenset({62})], "no part can play the lowest note of the last chord, C"),
        (Sonority("A4", 69), [LOW], "part 1 has no note for the last sonority, A4"),
        (Sonority("both", 64, CHORD.pitch_classes, 0), [HIGH], "no part can play the lowest note"),
    ],
)
def test_what_cannot_be_played_is_named(sonority: Sonority, pitches: list[frozenset[int] | None], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settle(sonority, pitches, where="last", melody=0)
