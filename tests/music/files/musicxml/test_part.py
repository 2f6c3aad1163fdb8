"""One part of MusicXML by what sounds: durations, pitches, graces, cues, repeated measures."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.musicxml.reader import musicxml_to_score
from tests.music.files.musicxml.musicxml_texts import (
    DIVISIONS,
    FOUR_FOUR,
    RIGHT_REPEAT,
    A,
    B,
    C,
    E,
    attributes,
    back,
    document,
    grace,
    heard,
    note,
    pitches,
    read,
)


def test_durations_count_and_types_dots_and_tuplets_do_not() -> None:
    shape = "<type>quarter</type>"
    assert heard(read(note("C4", 1, shape) + note("D4", 1.5) + note("E4", 0.5) + note("F4", 1 / 3))) == (
        "0:60+1 1:62+1.5 2.5:64+0.5 3:65+0.333333"
    )


def test_a_note_without_a_duration_has_the_length_that_it_is_written_with() -> None:
    dotted = note("C4", 0).replace("</voice>", "</voice><type>half</type><dot/>")
    assert heard(read(dotted + note("D4"))) == "0:60+3 3:62+1"


@pytest.mark.parametrize("divisions", ["0.5", "1", "7", "768", "10080", "12.0"])
def test_any_number_of_divisions_is_exact(divisions: str) -> None:
    half = f"<duration>{float(divisions) * 2:g}</duration>"
    text = document(note("C4") + note("D4")).replace("<duration>12</duration>", half)
    text = text.replace(f"<divisions>{DIVISIONS}<", f"<divisions>{divisions}<")
    assert heard(musicxml_to_score(text.encode())) == "0:60+2 2:62+2"


def test_divisions_may_change_and_differ_between_parts() -> None:
    other = (
        attributes("<divisions>5</divisions>")
        + "<note><pitch><step>E</step><octave>4</octave></pitch><duration>2</duration></note>"
    )
    assert heard(read(note("C4") + other, note("C3"))) == "0:60+1 0:48+1 1:64+0.4"


def test_times_that_no_resolution_holds_are_rounded() -> None:
    parts = [
        f'<part id="P{n}"><measure><attributes><divisions>{divisions}</divisions></attributes><note><pitch>'
        f"<step>C</step><octave>4</octave></pitch><duration>{divisions // 3}</duration></note></measure></part>"
        for n, divisions in enumerate((32749, 32719, 30011))
    ]
    score = musicxml_to_score(f"<score-partwise>{''.join(parts)}</score-partwise>".encode())
    assert [round(length / score.ticks_per_quarter, 3) for length in score.notes["duration_ticks"]] == [0.333] * 3


def test_chords_share_their_start_and_keep_their_lengths() -> None:
    assert heard(read(note("C4", 2) + note("E4", 1, before="<chord/>") + note("G4", 2))) == "0:60+2 0:64+1 2:67+2"


def test_voices_written_in_turn_stay_where_they_are() -> None:
    part = note("C4", 2) + back(2) + note("G4", 2, voice=2) + note("D4", 2) + back(2) + note("F4", 2, voice=2)
    assert heard(read(f"{part}|{C}")) == "0:60+2 0:67+2 2:62+2 2:65+2 4:64+4"


def test_a_bar_or_its_end_may_be_a_forward() -> None:
    assert heard(read(f"{A}|{back(4, 'forward')}|{B}")) == "0:60+4 8:62+4"
    assert heard(read(f"{note('C4', 2)}{back(2, 'forward')}|{B}")) == "0:60+2 4:62+4"


def test_a_chord_without_a_voice_stays_with_its_note() -> None:
    chord = note("G4", 1, before="<chord/>").replace("<voice>1</voice>", "")
    assert heard(read(note("C4") + chord + note("D4", 2) + note("E4") + chord)) == (
        "0:60+1 0:67+1 1:62+2 3:64+1 3:67+1"
    )


def test_accidentals_that_are_drawn_change_nothing() -> None:
    drawn = note("B4", 2, "").replace("</voice>", "</voice><accidental>sharp</accidental>")
    assert pitches(read(drawn + note("Bb4", 2).replace("</voice>", "</voice><accidental/>"))) == [71, 70]


def test_quarter_tones_go_to_the_less_altered_pitch() -> None:
    assert pitches(read(note("C#4").replace(">1<", ">0.5<") + note("Bb4").replace(">-1<", ">-1.5<"))) == [60, 70]


def test_transposing_parts_sound_as_heard_and_may_change() -> None:
    clarinet = attributes("<transpose><chromatic>-2</chromatic></transpose>")
    bass = attributes("<transpose><chromatic>0</chromatic><octave-change>-1</octave-change></transpose>")
    assert pitches(read(f"{A}|{clarinet}{B}|{bass}{C}")) == [60, 60, 52]


def test_a_transposition_may_be_of_one_staff_alone() -> None:
    staff = attributes('<staves>2</staves><transpose number="2"><chromatic>-2</chromatic></transpose>')
    second = note("D4", 2).replace("</voice>", "</voice><staff>2</staff>")
    score = read(staff + note("C4", 2) + second)
    assert pitches(score) == [60, 60]
    assert len(score.tracks) == 2  # a track a staff


def test_the_key_of_a_transposing_part_is_that_which_sounds() -> None:
    key = attributes("<key><fifths>2</fifths></key><transpose><chromatic>-2</chromatic></transpose>")
    assert [(k.tick, k.sharps) for k in read(key + A).key_signatures] == [(0, 0)]


def test_the_octave_of_a_clef_is_in_the_pitches_already() -> None:
    clef = "<clef><sign>G</sign><line>2</line><clef-octave-change>-1</clef-octave-change></clef>"
    assert pitches(read(attributes(clef) + A)) == [60]


def test_tablature_sounds_at_its_pitches() -> None:
    technical = "<notations><technical><string>2</string><fret>1</fret></technical></notations>"
    score = read(attributes("<clef><sign>TAB</sign></clef>") + note("C4", 2, technical) + note("D4", 2))
    assert heard(score) == "0:60+2 2:62+2"


def test_a_pitch_outside_midi_is_refused_with_its_measure() -> None:
    with pytest.raises(
        ScoreError, match=r"part 'Part 0', measure 2: a note sounds at MIDI pitch 129, outside 0 to 127"
    ):
        read(f"{A}|{note('A9', 4)}")
    with pytest.raises(ScoreError, match=r"part 'Part 0', measure 1: a <pitch> of step 'H' and octave '4' is none"):
        read(note("H4", 4))


@pytest.mark.parametrize(
    ("graces", "expected"),
    [
        (grace("G4", "16th"), "0:67+0.25 0.25:62+1.75"),
        (grace("G4", "half"), "0:67+1 1:62+1"),  # at most half of the note
        (grace("G4", "32nd") + grace("A4", "32nd"), "0:67+0.125 0.125:69+0.125 0.25:62+1.75"),
        (grace("G4") + grace("B4").replace("<grace/>", "<grace/><chord/>"), "0:67+0.5 0:71+0.5 0.5:62+1.5"),
    ],
)
def test_grace_notes_without_a_slash_take_their_own_length_from_their_note(graces: str, expected: str) -> None:
    assert heard(read(graces + note("D4", 2))) == expected


def test_grace_notes_with_a_slash_sound_before_the_beat_and_leave_their_note_alone() -> None:
    slashed = grace("G4", "eighth", ' slash="yes"')
    assert heard(read(note("C4", 2) + slashed + note("D4", 2))) == "0:60+2 1.875:67+0.125 2:62+2"
    assert heard(read(slashed + A)) == "0:60+4 0:67+0.125"  # nothing is before the beginning


def test_grace_notes_behind_a_note_sound_in_the_last_of_its_time() -> None:
    assert heard(read(f"{note('C4', 4)}{grace('D4', '16th')}{grace('E4', '16th')}|{B}")) == (
        "0:60+3.5 3.5:62+0.25 3.75:64+0.25 4:62+4"
    )


def test_a_whole_chord_waits_for_its_grace_notes() -> None:
    chord = note("D4", 2) + note("F4", 2, before="<chord/>")
    assert heard(read(grace("G4", "eighth") + chord)) == "0:67+0.5 0.5:62+1.5 0.5:65+1.5"


def test_cue_notes_are_silent_and_take_their_time() -> None:
    assert heard(read(note("G4", 2, before="<cue/>") + note("C4", 2))) == "2:60+2"


def style(kind: str, number: str = "") -> str:
    return attributes(f'<measure-style><measure-repeat type="{kind}">{number}</measure-repeat></measure-style>')


def test_measures_with_a_repeat_sign_sound_as_those_before() -> None:
    rest = note("R", 4)
    assert pitches(read(f"{A}|{style('start', '1')}{rest}|{rest}|{style('stop')}{E}")) == [60, 60, 60, 67]
    assert pitches(read(f"{A}|{B}|{style('start', '2')}{rest}|{rest}|{style('stop')}{E}")) == [60, 62, 60, 62, 67]
    assert pitches(read(f"{A}|{style('start', '1')}{C}|{style('stop')}{E}")) == [60, 64, 67]  # it is written out


def test_a_score_by_measures_is_the_same_as_one_by_parts() -> None:
    parts = [[A, B + RIGHT_REPEAT, C], [note("C3", 4), note("D3", 4), ""]]
    head = attributes(f"<divisions>{DIVISIONS}</divisions>{FOUR_FOUR}")
    measures = ""
    for number, row in enumerate(zip(*parts, strict=True)):
        inside = "".join(
            f'<part id="P{n}">{head if not number else ""}{content}</part>' for n, content in enumerate(row) if content
        )
        measures += f'<measure number="{number + 1}">{inside}</measure>'
    names = "".join(f'<score-part id="P{n}"><part-name>Part {n}</part-name></score-part>' for n in range(2))
    timewise = f"<score-timewise><part-list>{names}</part-list>{measures}</score-timewise>"
    assert musicxml_to_score(timewise.encode()) == read(*("|".join(part) for part in parts))


def test_namespaces_change_nothing() -> None:
    plain = document(A)
    named = plain.replace("<score-partwise>", '<score-partwise xmlns="http://www.musicxml.org/ns">')
    assert musicxml_to_score(named.encode()) == musicxml_to_score(plain.encode())


def test_parts_without_ids_come_in_the_order_of_the_list() -> None:
    text = document(A, note("C3", 4)).replace(' id="P0"', "").replace(' id="P1"', "")
    score = musicxml_to_score(text.encode())
    assert heard(score) == "0:60+4 0:48+4"
    assert [track.name for track in score.tracks] == ["Part 0", "Part 1"]


def test_a_part_that_the_list_lacks_sounds() -> None:
    text = document(A).replace('<part id="P0">', '<part id="other">')
    assert heard(musicxml_to_score(text.encode())) == "0:60+4"
    assert heard(musicxml_to_score(document(A).replace("part-list>", "x>").encode())) == "0:60+4"


@pytest.mark.parametrize("number", ["x", "1/0", "1e9999999", "nan", "9" * 40, "-5"])
def test_numbers_that_are_none_cost_a_note_its_length_and_no_more(number: str) -> None:
    text = document(note("C4", 2) + note("D4")).replace("<duration>12<", f"<duration>{number}<")
    assert heard(musicxml_to_score(text.encode())) == "0:60+2"
