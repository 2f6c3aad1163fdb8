"""Wishes: what contradicts itself is named before anything is sampled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wishes import PitchRange, Sonority, Wishes
from audio_lstm.music.score.scales import Scale, parse_scale

D_MINOR = parse_scale("D minor")
A4 = Sonority("A4", 69)
C_MAJOR_CHORD = Sonority("C", None, frozenset({0, 4, 7}), 0)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"bars": 0}, r"bars must be a whole number in 1\.\.1000, got 0"),
        ({"bars": 10_000}, r"bars must be a whole number in 1\.\.1000, got 10000"),
        ({"tempo_bpm": 2000.0}, r"tempo must lie in 5\.\.1000"),
        ({"metre": (3, 5)}, "metre 3/5: expected one such as"),
        ({"parts": (200,)}, "parts must be at most 16 programs"),
        ({"max_polyphony": 0}, r"max_polyphony must lie in 1\.\.128"),
        ({"density": (5, 2)}, "density must be the least and the most notes"),
        ({"rests": 1.5}, "rests must be a share"),
        ({"max_copied": 3}, "max_copied must be 8 notes or more"),
        ({"ending": True, "bars": 4}, "an ending rests on the tonic: pass a key"),
        ({"ending": True, "key": D_MINOR}, "ending shapes the last bar: pass bars too"),
        ({"ending": True, "bars": 4, "key": Scale("x", frozenset({0, 4}))}, "an ending rests on the tonic"),
        ({"last": A4}, "last shapes the last bar: pass bars too"),
        ({"rests": 0.2}, r"rests=0.2 is a share of the piece: pass bars too"),
        ({"bars": 1, "first": A4, "last": A4}, "bars=1 leaves no room"),
        ({"parts": (0, 52), "max_polyphony": 1}, "max_polyphony=1 is less than the 2 parts"),
        ({"parts": (128,), "key": D_MINOR}, "key is about pitched notes, but all parts are drums"),
        ({"parts": (128,), "rests": 0.0}, "rests is about pitched notes"),
        ({"key": D_MINOR, "ranges": (PitchRange(63, 63),)}, "the range, Eb4-Eb4, holds no note of D minor"),
        (
            {"key": D_MINOR, "parts": (0, 0), "ranges": (PitchRange(60, 72), PitchRange(63, 63))},
            "the range of part 2, Eb4-Eb4, holds no note of D minor",
        ),
        ({"key": D_MINOR, "first": Sonority("Eb4", 63)}, "the first note, Eb4, is outside C-1-G9 in D minor"),
        ({"ranges": (PitchRange(60, 65),), "first": A4}, "the first note, A4, is outside C4-F4"),
        ({"key": D_MINOR, "first": Sonority("Eb", None, frozenset({3, 7, 10}), 3)}, "the first chord, Eb, has notes"),
        (
            {"key": D_MINOR, "bars": 4, "ending": True, "last": Sonority("C5", 72)},
            "an ending is the chord on the tonic",
        ),
    ],
)
def test_a_contradiction_is_named_before_sampling(wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Wishes(**wishes)


@pytest.mark.parametrize(("low", "high"), [(-1, 5), (60, 50), (0, 128)])
def test_a_range_outside_midi_or_upside_down_is_refused(low: int, high: int) -> None:
    with pytest.raises(ConfigError, match="a range runs upwards"):
        PitchRange(low, high)


def test_a_sonority_that_says_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="a chord has tones"):
        Sonority("x")
    with pytest.raises(ConfigError, match="a chord has tones, and its bass is one of them"):
        Sonority("x", None, frozenset({0}), 1)
    with pytest.raises(ConfigError, match="a note lies within"):
        Sonority("x", 200)


def test_the_notes_of_a_part_lie_in_its_range_and_the_key() -> None:
    wishes = Wishes(key=D_MINOR, parts=(0, 0), ranges=(PitchRange(60, 64), PitchRange(48, 50)))
    assert wishes.pitches(0) == {60, 61, 62, 64}
    assert wishes.pitches(1) == {48, 49, 50}
    assert len(Wishes().pitches(0)) == 128


def test_the_end_is_the_last_sonority_or_the_tonic_or_both() -> None:
    assert Wishes(bars=2, last=C_MAJOR_CHORD).final == C_MAJOR_CHORD
    assert Wishes(bars=2).final is None
    both = Wishes(bars=2, key=D_MINOR, ending=True, last=A4).final
    assert both is not None
    assert (both.pitch, both.pitch_classes, both.bass) == (69, {2, 5, 9}, 2)


def test_the_melody_is_the_first_pitched_part() -> None:
    assert Wishes(parts=(128, 0, 52)).melody == 1
    assert Wishes().melody == 0


def test_wishes_go_into_json_by_their_names() -> None:
    wishes = Wishes(
        key=D_MINOR,
        bars=4,
        metre=(3, 4),
        parts=(52, 0),
        ranges=(PitchRange(60, 72),),
        density=(1, 9),
        ending=True,
        first=A4,
    )
    told = json.loads(json.dumps(wishes.to_dict()))
    assert told == {
        "key": "D minor",
        "bars": 4,
        "metre": "3/4",
        "parts": ["voice", "piano"],
        "ranges": ["C4-C5"],
        "density": [1, 9],
        "first": "A4",
        "ending": True,
    }


def test_an_instrument_of_two_hands_is_two_parts_with_one_range() -> None:
    ranges = (PitchRange(60, 80), PitchRange(30, 90))
    asked = Wishes(parts=(52, 0), ranges=ranges)
    both = asked.with_hands((0,))
    assert both.parts == (52, 0, 0)
    assert both.ranges == (ranges[0], ranges[1], ranges[1])
    assert both.with_hands((0,)) == both  # both hands were asked for
    assert asked.with_hands(()) == asked
    assert Wishes(parts=(0,), ranges=ranges[:1]).with_hands((0,)).ranges == ranges[:1]
    crowded = Wishes(parts=(52, 0), max_polyphony=2)
    assert crowded.with_hands((0,)) == crowded
    sparse = Wishes(parts=(52, 0), density=(1, 2))
    assert sparse.with_hands((0,)) == sparse


def test_a_whole_number_of_bars_may_be_written_with_a_point() -> None:
    assert type(Wishes(bars=5.0).bars) is int  # type: ignore[arg-type]
