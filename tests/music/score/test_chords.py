"""Chord symbols: what belongs to each, where each begins, and what cannot be understood."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_lstm.errors import ScoreError
from audio_lstm.music.score import chords
from audio_lstm.music.score.chords import chord_at, parse_chord, parse_chords


@pytest.mark.parametrize(
    ("symbol", "classes", "bass"),
    [
        ("C", {0, 4, 7}, 0),
        ("Am", {9, 0, 4}, 9),
        ("A-", {9, 0, 4}, 9),
        ("Bdim", {11, 2, 5}, 11),
        ("B°7", {11, 2, 5, 8}, 11),
        ("C+", {0, 4, 8}, 0),
        ("G7", {7, 11, 2, 5}, 7),
        ("Fmaj7", {5, 9, 0, 4}, 5),
        ("FM7", {5, 9, 0, 4}, 5),
        ("Dm7", {2, 5, 9, 0}, 2),
        ("F#m7b5", {6, 9, 0, 4}, 6),
        ("F♯ø", {6, 9, 0, 4}, 6),
        ("Esus4", {4, 9, 11}, 4),
        ("Esus", {4, 9, 11}, 4),
        ("Dsus2", {2, 4, 9}, 2),
        ("A7sus4", {9, 2, 4, 7}, 9),
        ("Bb6", {10, 2, 5, 7}, 10),
        ("Cm(maj7)", {0, 3, 7, 11}, 0),
        ("C5", {0, 7}, 0),
        ("C9", {0, 4, 7, 10, 2}, 0),
        ("G7/B", {7, 11, 2, 5}, 11),
        ("C/D", {0, 4, 7, 2}, 2),
        ("E♭/Bb", {3, 7, 10}, 10),
        ("Cb", {11, 3, 6}, 11),
    ],
)
def test_symbols_and_their_tones(symbol: str, classes: set[int], bass: int) -> None:
    chord = parse_chord(symbol)
    assert chord.pitch_classes == classes
    assert chord.bass == bass


def test_no_chord_lets_anything_sound() -> None:
    for symbol in ("N.C.", "NC", "n.c."):
        assert parse_chord(symbol).pitch_classes == set(range(12))


@pytest.mark.parametrize("symbol", ["H7", "Cmajor9sus", "am", "C/", "/C", "C//G", "Xm", "C7b", "", "Cm7-5/H"])
def test_what_cannot_be_understood_is_named(symbol: str) -> None:
    with pytest.raises(ScoreError, match="cannot be understood; expected a root A to G") as caught:
        parse_chord(symbol)
    assert repr(symbol) in str(caught.value)


def places(text: str, bar: int = 4) -> list[tuple[str, float, float]]:
    spans = parse_chords(text, bar_quarters=bar)
    return [(span.chord.symbol, float(span.start_quarters), float(span.length_quarters)) for span in spans]


def test_chords_take_a_bar_each() -> None:
    assert places("Am F C G") == [("Am", 0, 4), ("F", 4, 4), ("C", 8, 4), ("G", 12, 4)]
    assert places("| Am F |", bar=3) == [("Am", 0, 3), ("F", 3, 3)]


def test_lengths_and_bar_lines_divide_bars() -> None:
    assert places("Am:2 F:1/2 C") == [("Am", 0, 2), ("F", 2, 0.5), ("C", 2.5, 4)]
    assert places("Am F | C | G7:3 E") == [("Am", 0, 2), ("F", 2, 2), ("C", 4, 4), ("G7", 8, 3), ("E", 11, 1)]


@pytest.mark.parametrize("text", ["Am:3 F:2 | C", "Am:2 | C", "Am:4 F | C"])
def test_bars_that_their_chords_do_not_fill_are_named(text: str) -> None:
    with pytest.raises(ScoreError, match="do not fill their bar of 4 quarters"):
        parse_chords(text)


def test_rows_without_a_chord_or_with_a_wrong_length_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScoreError, match=r"chords ' \| ': there is no chord in them"):
        parse_chords(" | ")
    with pytest.raises(ScoreError, match="chord 'Am:x': no length ':x'"):
        parse_chords("Am:x")
    monkeypatch.setattr(chords, "_MAX_CHORDS", 2)
    with pytest.raises(ScoreError, match="more than 2 chords"):
        parse_chords("C D E")


def test_after_the_last_chord_they_begin_again() -> None:
    spans = parse_chords("Am F:2")
    assert [chord_at(spans, time).chord.symbol for time in (0, 3.5, 4, 5.9, 6, 10)] == ["Am", "Am", "F", "F", "Am", "F"]
    again = chord_at(spans, 11)
    assert (again.start_quarters, again.end_quarters) == (10, 12)


@given(st.sampled_from(sorted(chords._QUALITIES)), st.sampled_from("ABCDEFG"), st.sampled_from(["", "#", "b"]))
def test_any_quality_on_any_root_moves_with_it(quality: str, letter: str, accidental: str) -> None:
    at_c, here = parse_chord(f"C{quality}"), parse_chord(f"{letter}{accidental}{quality}")
    assert here.tones == tuple((tone + here.tones[0]) % 12 for tone in at_c.tones)
    assert chord_at(parse_chords(f"{letter}{accidental}{quality}"), Fraction(1)).chord == here
