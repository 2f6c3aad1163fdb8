"""Wishes as they are typed: text and values say the same, and what cannot be read is one line."""

from __future__ import annotations

from typing import Any, cast

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wish_text import WishOptions, parse_pitch, parse_sonority, parse_wishes
from audio_lstm.music.request.wishes import PitchRange, Wishes
from audio_lstm.music.score.scales import parse_scale


def test_text_and_values_say_the_same() -> None:
    typed = parse_wishes(
        {
            "key": "D minor",
            "bars": 16,
            "tempo_bpm": 90,
            "metre": "3/4",
            "parts": "voice,piano",
            "ranges": "C4-A5, C2..C6",
            "density": "4-12",
            "rests": "20%",
            "first": "D4",
            "ending": True,
        }
    )
    assert typed == Wishes(
        key=parse_scale("D minor"),
        bars=16,
        tempo_bpm=90,
        metre=(3, 4),
        parts=(52, 0),
        ranges=(PitchRange(60, 81), PitchRange(36, 84)),
        density=(4, 12),
        rests=0.2,
        first=parse_sonority("D4"),
        ending=True,
    )
    assert parse_wishes({"key": typed.key or "C", "parts": (52, 0), "metre": (3, 4)}).parts == (52, 0)
    assert parse_wishes({}) == Wishes()


@pytest.mark.parametrize(
    ("text", "rests"), [("none", 0.0), ("free", 1.0), ("0.25", 0.25), ("5%", 0.05), ("0", 0.0), (".5", 0.5)]
)
def test_rests_are_words_or_shares(text: str, rests: float) -> None:
    assert parse_wishes({"rests": text, "bars": 4}).rests == rests


def test_one_number_of_notes_is_least_and_most() -> None:
    assert parse_wishes({"density": "8"}).density == (8, 8)


@pytest.mark.parametrize(("text", "pitch"), [("C4", 60), ("f#3", 54), ("Bb-1", 10), ("Cb4", 59), ("64", 64)])
def test_notes_have_octaves(text: str, pitch: int) -> None:
    assert parse_pitch(text) == pitch


def test_a_note_has_an_octave_and_a_chord_has_none() -> None:
    assert parse_sonority("A4").pitch == 69
    chord = parse_sonority("Am/C")
    assert (chord.pitch, chord.pitch_classes, chord.bass) == (None, {9, 0, 4}, 0)
    assert parse_sonority("Bdim").pitch_classes == {11, 2, 5}
    assert parse_sonority("Gmaj7").pitch_classes == {7, 11, 2, 6}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metre": "waltz"}, "metre 'waltz': expected one such as 4/4"),
        ({"ranges": "C4"}, "range 'C4': expected the lowest and the highest note"),
        ({"ranges": "C5-C4"}, "range 'C5-C4' runs downwards"),
        ({"ranges": "C4-G12"}, "range 'C4-G12'"),
        ({"ranges": "C4-200"}, "'200' is outside C-1"),
        ({"density": "many"}, "density 'many': expected the least and the most"),
        ({"rests": "some"}, "rests 'some': expected 'none', 'free', or a share"),
        ({"first": "H9"}, "'H9' is no note with its octave, such as C4, and as a chord: chord 'H9' cannot be"),
        ({"first": "N.C."}, "'N.C.' is neither a note with its octave"),
        ({"keys": "C"}, "no wish is called 'keys'; known: key, bars"),
    ],
)
def test_what_cannot_be_read_is_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_wishes(cast(WishOptions, options))


def test_a_note_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="'do' is no note"):
        parse_pitch("do")
