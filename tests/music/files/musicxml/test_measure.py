"""What a measure of MusicXML says beside its notes: directions, tempi, bar lines, signs."""

from __future__ import annotations

from fractions import Fraction
from xml.etree import ElementTree

import pytest

from audio_lstm.music.files.musicxml.measure import Measure, number_of, read_barline, read_direction, read_sound
from tests.music.files.musicxml.musicxml_texts import (
    DIVISIONS,
    RIGHT_REPEAT,
    A,
    B,
    direction,
    heard,
    note,
    read,
    sound,
    tempi,
)


def test_the_offset_of_a_direction_moves_no_note_and_a_tempo_only_where_it_says_so() -> None:
    late = direction("<words/>", f'<offset>{100 * DIVISIONS}</offset><sound tempo="60"/>')
    assert heard(read(f"{A}{late}|{B}")) == "0:60+4 4:62+4"
    text = direction("<words/>", f'<offset sound="yes">{2 * DIVISIONS}</offset><sound tempo="90"/>')
    assert [(t.tick / 480, round(t.bpm)) for t in read(text + A).tempi] == [(2, 90)]
    assert [t.tick for t in read(text.replace(' sound="yes"', "") + A).tempi] == [0]


def test_a_tempo_inside_a_bar_stays_there() -> None:
    part = sound(tempo="60") + note("C4", 2) + sound(tempo="120") + note("D4", 2) + f"|{sound(tempo='90')}{B}"
    assert tempi(read(part)) == [(0, 60), (2, 120), (4, 90)]


def test_a_metronome_mark_counts_where_nothing_else_says_the_tempo() -> None:
    mark = "<metronome><beat-unit>quarter</beat-unit><beat-unit-dot/><per-minute>ca. 60</per-minute></metronome>"
    assert tempi(read(direction(mark) + A)) == [(0, 90)]
    assert tempi(read(direction(mark, sound(tempo="80")) + A)) == [(0, 80)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", 3), (" -2 ", -2), ("+1.5", Fraction(3, 2)), (".25", Fraction(1, 4)), ("7.", 7), (None, 9), ("", 9)]
    + [(text, 9) for text in ("x", "1/2", "1e3", "nan", "1,5", "9" * 40)],
)
def test_numbers_are_exact_and_what_is_none_takes_the_default(text: str | None, expected: Fraction) -> None:
    assert number_of(text, 9) == expected


def units(text: str | None) -> int:
    return 10 * int(text or 0)


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("D.C. al Fine", "da_capo", True),
        ("Da Capo", "da_capo", True),
        ("D. S.  al Coda", "dal_segno", ""),
        ("dal segno", "dal_segno", ""),
        ("To Coda", "to_coda", ""),
        ("Fine.", "fine", True),
    ],
)
def test_jumps_in_words_are_jumps(words: str, name: str, value: object) -> None:
    measure = Measure()
    read_direction(measure, ElementTree.fromstring(direction(f"<words>{words}</words>")), 0, units)
    assert getattr(measure.signs, name) == value


def test_a_jump_that_is_said_in_sound_is_not_taken_from_the_words_as_well() -> None:
    measure = Measure()
    text = direction("<words>D.C.</words>", '<sound dalsegno="x"/>')
    read_direction(measure, ElementTree.fromstring(text), 0, units)
    assert (measure.signs.da_capo, measure.signs.dal_segno) == (False, "x")


def test_a_mark_stands_where_it_is_printed() -> None:
    measure = Measure()
    text = direction("<dynamics><p/></dynamics>", "<offset>-1</offset>")
    read_direction(measure, ElementTree.fromstring(text), 30, units)
    assert [time for time, _ in measure.marks] == [20]


@pytest.mark.parametrize("tempo", ["0", "-60", "1e9", "x", "2", "99999"])
def test_a_tempo_that_nobody_plays_is_none(tempo: str) -> None:
    measure = Measure()
    read_sound(measure, ElementTree.fromstring(f'<sound tempo="{tempo}"/>'), 0, units)
    assert measure.tempi == []


def test_a_sound_stands_where_its_offset_says() -> None:
    measure = Measure()
    read_sound(measure, ElementTree.fromstring('<sound tempo="72" fine="no"><offset>2</offset></sound>'), 5, units)
    assert measure.tempi == [(25, 72.0)]
    assert not measure.signs.fine


@pytest.mark.parametrize(
    ("numbers", "expected"), [("1", (1,)), ("1, 2", (1, 2)), ("1,3", (1, 3)), ("2-4", (2, 3, 4)), ("", ())]
)
def test_an_ending_names_its_passes(numbers: str, expected: tuple[int, ...]) -> None:
    measure = Measure()
    text = f'<barline location="left"><ending number="{numbers}" type="start"/></barline>'
    read_barline(measure, ElementTree.fromstring(text), None, 0)
    assert measure.signs.ending == expected


def test_the_number_of_an_ending_may_stand_in_its_text() -> None:
    measure = Measure()
    text = '<barline location="left"><ending number=" " type="start">2.</ending></barline>'
    read_barline(measure, ElementTree.fromstring(text), None, 0)
    assert measure.signs.ending == (2,)


def test_a_repeat_that_ends_at_a_left_bar_line_ends_with_the_measure_before() -> None:
    before, measure = Measure(), Measure()
    read_barline(measure, ElementTree.fromstring(RIGHT_REPEAT.replace('"right"', '"left"')), before, 0)
    assert (before.signs.backward, measure.signs.backward) == (2, 0)


def test_a_bar_line_without_a_place_is_left_at_the_beginning_and_right_behind_it() -> None:
    text = '<barline><repeat direction="forward"/></barline>'
    first, behind = Measure(), Measure()
    read_barline(first, ElementTree.fromstring(text), None, 0)
    read_barline(behind, ElementTree.fromstring(text), None, 40)
    assert (first.signs.forward, first.signs.forward_behind) == (True, False)
    assert (behind.signs.forward, behind.signs.forward_behind) == (False, True)
