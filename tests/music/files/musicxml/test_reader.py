"""From the measures of MusicXML to a score: bars, metres, keys, tempi, ties, and what is left out."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.musicxml.reader import musicxml_to_score
from audio_lstm.music.score.bars import score_bars
from tests.music.files.musicxml.musicxml_texts import (
    DIVISIONS,
    FOUR_FOUR,
    LEFT_REPEAT,
    RIGHT_REPEAT,
    UNPITCHED,
    A,
    B,
    C,
    D,
    E,
    F,
    attributes,
    back,
    bars,
    document,
    ending,
    heard,
    note,
    numbered,
    read,
    sound,
    tempi,
)


@pytest.mark.parametrize("rest", [note("R", 4), note("R", 4).replace("<rest/>", '<rest measure="yes"/>')])
def test_a_rest_for_the_whole_measure_is_no_longer_than_the_bar(rest: str) -> None:
    three = "<time><beats>3</beats><beat-type>4</beat-type></time>"
    bar = note("C4", 3)
    assert heard(read(f"{bar}|{bar}|{bar}|{bar}", f"{bar}|{rest}|{bar}|{rest}", opening=three)).split()[2:4] == [
        "3:60+3", "6:60+3",
    ]  # fmt: skip


def test_a_rest_for_the_whole_measure_makes_no_pickup_or_divided_bar_longer() -> None:
    rest = note("R", 4)
    score = read(
        f"{note('G4')}|{A}|{note('E4', 3)}{RIGHT_REPEAT}|{note('G4')}|{B}", f"{rest}|{rest}|{rest}|{rest}|{rest}"
    )
    assert bars(score) == [0, 1, 5, 9, 13, 17]


def test_a_voice_that_ends_early_does_not_make_its_bar_shorter() -> None:
    part = f"{A}|{note('R', 4)}{back(4)}{note('D4', 2, voice=2)}|{C}"
    assert heard(read(part)) == "0:60+4 4:62+2 8:64+4"


def test_a_measure_without_anything_lasts_as_its_metre_says() -> None:
    assert heard(read(f"{A}||{B}")) == "0:60+4 8:62+4"


def test_a_bar_that_the_exporter_rounded_lasts_as_its_metre_says() -> None:
    third = note("C4").replace("<duration>12<", "<duration>85<")
    text = document(f"{third * 3}|{B}", opening="<time><beats>1</beats><beat-type>4</beat-type></time>")
    score = musicxml_to_score(text.replace(f"<divisions>{DIVISIONS}<", "<divisions>256<").encode())
    assert score.notes["start_ticks"][-1] == score.ticks_per_quarter


def test_a_tie_needs_no_tied_and_a_tied_is_no_tie() -> None:
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    assert heard(
        read(f"{note('C4', 4, start)}|{note('C4', 4, stop + start)}|{note('C4', 2, stop)}{note('C4', 2)}")
    ) == ("0:60+10 10:60+2")
    drawn = '<notations><tied type="start"/></notations>'
    assert heard(read(note("C4", 2, drawn) + note("C4", 2))) == "0:60+2 2:60+2"


def test_a_tie_that_leads_nowhere_ends_with_its_note() -> None:
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    assert heard(read(note("C4", 1, start) + note("D4") + note("C4", 2, stop))) == "0:60+1 1:62+1 2:60+2"


def test_unisons_of_two_voices_are_tied_each_in_its_voice() -> None:
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    high = f"{note('C4', 4, start)}{back(4)}{note('C4', 4, start, voice=2)}"
    low = f"{note('C4', 1, stop)}{note('R', 3)}{back(4)}{note('C4', 4, stop, voice=2)}"
    assert heard(read(f"{high}|{low}")) == "0:60+5 0:60+8"


def test_a_tie_into_a_second_ending_holds_from_the_first_pass_alone() -> None:
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    first = ending("1", note("C4", 4, start))
    second = ending("2", note("C4", 4, stop), repeats=False)
    assert heard(read(f"{LEFT_REPEAT}{E}|{first}|{second}")) == "0:67+4 4:60+4 8:67+4 12:60+4"


def test_a_tie_into_both_endings_is_held_in_both() -> None:
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    first, second = ending("1", note("C4", 4, stop)), ending("2", note("C4", 4, stop), repeats=False)
    assert heard(read(f"{note('C4', 4, start)}|{first}|{second}")) == "0:60+8 8:60+8"


def test_a_note_of_the_second_time_only_is_silent_in_the_first() -> None:
    second = note("G4", 4, attributes=' time-only="2"')
    assert heard(read(f"{A}{back(4)}{second}{RIGHT_REPEAT}")) == "0:60+4 4:60+4 4:67+4"


def test_a_pickup_of_a_second_movement_is_no_end_of_the_bar_before() -> None:
    text = document("|".join((A, note("D4", 3), note("G4"), A)))
    assert bars(numbered(text, 1, 2, 0, 1)) == [0, 4, 7, 8]


def test_a_pickup_is_a_bar_before_the_first() -> None:
    score = read(f'implicit="yes">>{note("G4")}|{A}|{B}|{note("E4", 3)}')
    assert bars(score) == [0, 1, 5, 9]
    assert score_bars(score)[0].is_pickup
    assert score.time_signatures[0].numerator == 4


def test_bars_stay_those_of_the_page_where_a_repeat_begins_with_the_pickup() -> None:
    score = read(f"{note('G4')}|{A}|{note('E4', 3)}{RIGHT_REPEAT}|{note('G4')}|{B}")
    assert bars(score) == [0, 1, 5, 9, 13, 17]
    assert len(score.time_signatures) == 2


def test_bars_longer_and_shorter_than_their_metre_do_not_move_those_behind() -> None:
    score = read(f"{A}|{note('D4', 6)}|{C}|{note('F4', 3)}|{E}|{F}")
    assert bars(score) == [0, 4, 10, 14, 17, 21]


def test_a_bar_that_a_double_bar_divides_is_one() -> None:
    score = read(f'{A}|{note("D4", 3)}|implicit="yes">>{note("E4", 1)}|{E}')
    assert bars(score) == [0, 4, 8]


def test_metres_change_and_may_be_sums() -> None:
    three = attributes("<time><beats>3</beats><beat-type>4</beat-type></time>")
    added = attributes("<time><beats>3+2</beats><beat-type>8</beat-type></time>")
    mixed = attributes("<time><beats>2</beats><beat-type>4</beat-type><beats>3</beats><beat-type>8</beat-type></time>")
    score = read(f"{A}|{three}{note('C4', 3)}|{added}{note('C4', 2.5)}|{mixed}{note('C4', 3.5)}")
    found = [(m.tick / score.ticks_per_quarter, m.numerator, m.denominator) for m in score.time_signatures]
    assert found == [(0, 4, 4), (4, 3, 4), (7, 5, 8), (9.5, 7, 8)]


def test_without_a_metre_each_bar_is_as_long_as_it_is() -> None:
    score = read(f"{note('C4', 5)}|{note('D4', 3)}|{A}", opening="<time><senza-misura/></time>")
    assert bars(score) == [0, 5, 8]


def test_behind_a_repeat_the_tempo_and_key_of_the_page_hold_again() -> None:
    key = attributes("<key><fifths>2</fifths></key>")
    opening = f"{FOUR_FOUR}<key><fifths>0</fifths></key>"
    score = read(
        f"{sound(tempo='60')}{A}|{LEFT_REPEAT}{B}|{key}{sound(tempo='90')}{C}{RIGHT_REPEAT}|{D}", opening=opening
    )
    assert tempi(score) == [(0, 60), (8, 90), (12, 60), (16, 90)]
    assert [(k.tick / 480, k.sharps) for k in score.key_signatures] == [(0, 0), (8, 2), (12, 0), (16, 2)]


def test_no_measure_is_no_note() -> None:
    assert musicxml_to_score(b"<score-partwise/>").n_notes == 0
    assert musicxml_to_score(document("").encode()).n_notes == 0


def test_what_is_left_out_is_said_with_its_count() -> None:
    part = (
        note("G4", 1, before="<cue/>")
        + note("C#4").replace(">1<", ">0.5<")
        + UNPITCHED.format("<duration>24</duration>")
    )
    assert read(part).remarks == (
        "cue notes, which are silent: 1",
        "notes in quarter tones, which MIDI lacks and which sound unaltered: 1",
    )
    nameless = document(UNPITCHED.format("<duration>48</duration>").replace(">C<", ">A<")).replace("Part 0", "x")
    assert musicxml_to_score(nameless.encode()).remarks == ("drums that nothing names and that sound as a snare: 1",)
    assert read(A).remarks == ()


def test_durations_beyond_all_times_are_refused() -> None:
    text = document(f"{A}|{B}").replace("<duration>48<", "<duration>999999999<")
    with pytest.raises(ScoreError, match="its times overflow: it lasts 166,666,666 quarters; check its durations"):
        musicxml_to_score(text.encode())
