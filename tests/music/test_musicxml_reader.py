"""MusicXML by what sounds: durations, pitches, ties; repeats and jumps; bars, metres, keys, tempi; drums and graces."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.bars import score_bars
from audio_lstm.music.musicxml_reader import musicxml_to_score
from audio_lstm.music.score import Score

DIVISIONS = 12
FOUR_FOUR = "<time><beats>4</beats><beat-type>4</beat-type></time>"
LEFT_REPEAT = '<barline location="left"><repeat direction="forward"/></barline>'
RIGHT_REPEAT = '<barline location="right"><repeat direction="backward"/></barline>'


def note(
    name: str, quarters: float = 1, inside: str = "", voice: int = 1, before: str = "", attributes: str = ""
) -> str:
    """ "C4", "F#4" or "Bb3"; "R" is a rest."""
    alter = {"#": "<alter>1</alter>", "b": "<alter>-1</alter>"}.get(name[1:2], "")
    pitch = "<rest/>" if name == "R" else f"<pitch><step>{name[0]}</step>{alter}<octave>{name[-1]}</octave></pitch>"
    length = f"<duration>{round(quarters * DIVISIONS)}</duration>" if quarters else ""
    return f"<note{attributes}>{before}{pitch}{length}{inside}<voice>{voice}</voice></note>"


def grace(name: str, kind: str = "eighth", attributes: str = "") -> str:
    return note(name, 0, before=f"<grace{attributes}/>").replace("</voice>", f"</voice><type>{kind}</type>")


def back(quarters: float, tag: str = "backup") -> str:
    return f"<{tag}><duration>{round(quarters * DIVISIONS)}</duration></{tag}>"


def attributes(inside: str) -> str:
    return f"<attributes>{inside}</attributes>"


def ending(numbers: str, content: str, *, repeats: bool = True) -> str:
    repeat = '<repeat direction="backward"/>' if repeats else ""
    return (
        f'<barline location="left"><ending number="{numbers}" type="start"/></barline>{content}'
        f'<barline location="right"><ending number="{numbers}" type="stop"/>{repeat}</barline>'
    )


def sound(**says: str) -> str:
    return f"<sound {' '.join(f'{name}={value!r}' for name, value in says.items())}/>"


def direction(kind: str, inside: str = "") -> str:
    return f"<direction><direction-type>{kind}</direction-type>{inside}</direction>"


def numbered(text: str, *numbers: int) -> Score:
    for place, number in enumerate(numbers, 1):
        text = text.replace(f'<measure number="{place}" ', f'<measure  number="{number}" ')
    return musicxml_to_score(text.encode())


def document(*parts: str, entry: str = "", opening: str = FOUR_FOUR) -> str:
    """Parts of measures, which | divides; a measure may begin with attributes of its element and >>."""
    names = "".join(
        f'<score-part id="P{n}"><part-name>Part {n}</part-name>{entry}</score-part>' for n in range(len(parts))
    )
    bodies = ""
    for number, part in enumerate(parts):
        bodies += f'<part id="P{number}">'
        for index, measure in enumerate(part.split("|")):
            element, _, content = measure.rpartition(">>")
            head = attributes(f"<divisions>{DIVISIONS}</divisions>{opening}") if index == 0 else ""
            bodies += f'<measure number="{index + 1}" {element}>{head}{content}</measure>'
        bodies += "</part>"
    return f"<score-partwise><part-list>{names}</part-list>{bodies}</score-partwise>"


def read(*parts: str, entry: str = "", opening: str = FOUR_FOUR) -> Score:
    return musicxml_to_score(document(*parts, entry=entry, opening=opening).encode())


def heard(score: Score) -> str:
    quarter = score.ticks_per_quarter
    return " ".join(
        f"{start / quarter:g}:{pitch}+{length / quarter:g}" for start, length, pitch, _, _ in score.notes.tolist()
    )


def pitches(score: Score) -> list[int]:
    return [int(pitch) for pitch in score.notes["pitch"]]


def bars(score: Score) -> list[float]:
    return [bar.start_ticks / score.ticks_per_quarter for bar in score_bars(score)]


A, B, C, D, E, F = (note(name, 4) for name in ("C4", "D4", "E4", "F4", "G4", "A4"))  # 60 62 64 65 67 69


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


def test_a_chord_without_a_voice_stays_with_its_note() -> None:
    chord = note("G4", 1, before="<chord/>").replace("<voice>1</voice>", "")
    assert heard(read(note("C4") + chord + note("D4", 2) + note("E4") + chord)) == (
        "0:60+1 0:67+1 1:62+2 3:64+1 3:67+1"
    )


def test_a_measure_without_anything_lasts_as_its_metre_says() -> None:
    assert heard(read(f"{A}||{B}")) == "0:60+4 8:62+4"


def test_a_bar_that_the_exporter_rounded_lasts_as_its_metre_says() -> None:
    third = note("C4").replace("<duration>12<", "<duration>85<")
    text = document(f"{third * 3}|{B}", opening="<time><beats>1</beats><beat-type>4</beat-type></time>")
    score = musicxml_to_score(text.replace(f"<divisions>{DIVISIONS}<", "<divisions>256<").encode())
    assert score.notes["start_ticks"][-1] == score.ticks_per_quarter


def test_the_offset_of_a_direction_moves_no_note_and_a_tempo_only_where_it_says_so() -> None:
    late = direction("<words/>", f'<offset>{100 * DIVISIONS}</offset><sound tempo="60"/>')
    assert heard(read(f"{A}{late}|{B}")) == "0:60+4 4:62+4"
    text = direction("<words/>", f'<offset sound="yes">{2 * DIVISIONS}</offset><sound tempo="90"/>')
    assert [(t.tick / 480, round(t.bpm)) for t in read(text + A).tempi] == [(2, 90)]
    assert [t.tick for t in read(text.replace(' sound="yes"', "") + A).tempi] == [0]


# Pitch


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


# Ties


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


# Grace notes, cues, repeated measures, drums


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


def test_a_note_of_the_second_time_only_is_silent_in_the_first() -> None:
    second = note("G4", 4, attributes=' time-only="2"')
    assert heard(read(f"{A}{back(4)}{second}{RIGHT_REPEAT}")) == "0:60+4 4:60+4 4:67+4"


def style(kind: str, number: str = "") -> str:
    return attributes(f'<measure-style><measure-repeat type="{kind}">{number}</measure-repeat></measure-style>')


def test_measures_with_a_repeat_sign_sound_as_those_before() -> None:
    rest = note("R", 4)
    assert pitches(read(f"{A}|{style('start', '1')}{rest}|{rest}|{style('stop')}{E}")) == [60, 60, 60, 67]
    assert pitches(read(f"{A}|{B}|{style('start', '2')}{rest}|{rest}|{style('stop')}{E}")) == [60, 62, 60, 62, 67]
    assert pitches(read(f"{A}|{style('start', '1')}{C}|{style('stop')}{E}")) == [60, 64, 67]  # it is written out


UNPITCHED = "<note><unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched>{}</note>"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Snare Drum", 38),
        ("Triangle", 81),
        ("Bass Drum", 36),
        ("Große Trommel", 36),
        ("Becken", 49),
        ("Percussion", 38),
    ],
)
def test_drums_without_keys_go_by_the_name_of_their_part(name: str, expected: int) -> None:
    text = document(UNPITCHED.format("<duration>48</duration>")).replace("Part 0", name)
    score = musicxml_to_score(text.encode())
    assert pitches(score) == [expected]
    assert score.tracks[0].is_drum


def test_drums_go_by_the_keys_of_their_instruments() -> None:
    entry = (
        '<score-instrument id="P0-I36"><instrument-name>x</instrument-name></score-instrument>'
        '<midi-instrument id="P0-I36"><midi-channel>10</midi-channel><midi-program>1</midi-program>'
        "<midi-unpitched>36</midi-unpitched></midi-instrument>"
    )
    hit = UNPITCHED.format('<duration>48</duration><instrument id="P0-I36"/>')
    assert pitches(read(hit, entry=entry)) == [35]


def test_drums_of_a_kit_go_by_their_place_on_the_staff() -> None:
    kick = UNPITCHED.format("<duration>24</duration>").replace(">C<", ">F<").replace(">5<", ">4<")
    hat = UNPITCHED.format("<duration>24</duration><notehead>x</notehead>").replace(">C<", ">G<")
    assert pitches(read(kick + hat)) == [36, 42]


def test_drums_beside_notes_are_a_track_of_their_own() -> None:
    score = read(note("C4", 2) + UNPITCHED.format("<duration>24</duration>"))
    assert [track.is_drum for track in score.tracks] == [False, True]


# Order


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ((LEFT_REPEAT + A, B + RIGHT_REPEAT, C), [60, 62, 60, 62, 64]),
        ((A + RIGHT_REPEAT, B + RIGHT_REPEAT, C), [60, 60, 62, 62, 64]),
        ((A, B + LEFT_REPEAT.replace("left", "right"), C + RIGHT_REPEAT, D), [60, 62, 64, 64, 65]),
        ((A, B + RIGHT_REPEAT.replace("/>", ' times="3"/>')), [60, 62] * 3),
        ((LEFT_REPEAT + A, ending("1", B), C, D), [60, 62, 60, 64, 65]),
        ((A, ending("1", B), ending("2", C, repeats=False), D), [60, 62, 60, 64, 65]),
        ((A, ending("1", B), ending("2", C)), [60, 62, 60, 64]),
        ((A, ending("1,2", B), ending("3", C, repeats=False)), [60, 62, 60, 62, 60, 64]),
        ((A, ending("1, 3", B), ending("2", C), ending("4", D, repeats=False)), [60, 62, 60, 64, 60, 62, 60, 65]),
        ((A, ending("1-3", B), ending("4", C, repeats=False)), [60, 62, 60, 62, 60, 62, 60, 64]),
        (
            (A, ending("1", B).replace('type="stop"', 'type="discontinue"'), ending("2", C, repeats=False)),
            [60, 62, 60, 64],
        ),
        ((A, ending("1", B), ending("2", C, repeats=False), D + RIGHT_REPEAT), [60, 62, 60, 64, 65, 65]),
        ((A, ending("", B), ending("", C, repeats=False)), [60, 62, 60, 64]),
        ((A, ending("1", B, repeats=False), ending("2", C, repeats=False)), [60, 62, 60, 64]),  # the sign is missing
        ((A, ending("1", B).replace('<ending number="1" type="stop"/>', ""), C), [60, 62, 60, 64]),
    ],
)
def test_repeats_and_endings_are_played(measures: tuple[str, ...], expected: list[int]) -> None:
    assert pitches(read("|".join(measures))) == expected


DC, FINE = sound(dacapo="yes"), sound(fine="yes")


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ((A, B + FINE, C + DC), [60, 62, 64, 60, 62]),
        ((A, B, C + DC), [60, 62, 64] * 2),
        ((A, sound(segno="s") + B, C + FINE, D + sound(dalsegno="s")), [60, 62, 64, 65, 62, 64]),
        (
            (A + sound(tocoda="c"), B, C + DC, sound(coda="c") + D, E),
            [60, 62, 64, 60, 65, 67],
        ),
        ((A + RIGHT_REPEAT, B + FINE, C + DC), [60, 60, 62, 64, 60, 62]),
        ((A, ending("1", B), ending("2", C, repeats=False), D + DC), [60, 62, 60, 64, 65, 60, 64, 65]),
        ((A + sound(tocoda="c"), B + DC, sound(coda="c") + C + RIGHT_REPEAT), [60, 62, 60, 64, 64]),
        ((A, B + direction("<words>Fine</words>"), C + direction("<words>D.C. al Fine</words>")), [60, 62, 64, 60, 62]),
        (
            (
                A,
                direction("<segno/>") + B,
                C + direction("<coda/>"),
                D + direction("<words>D.S. al Coda</words>"),
                direction("<coda/>") + E,
            ),
            [60, 62, 64, 65, 62, 64, 67],
        ),
        (
            (A, B + direction("<words>alla fine del mondo</words>"), C + direction("<words>con brio</words>")),
            [60, 62, 64],
        ),
    ],
)
def test_jumps_are_played(measures: tuple[str, ...], expected: list[int]) -> None:
    assert pitches(read("|".join(measures))) == expected


def test_movements_whose_bars_are_counted_anew_are_played_each_by_itself() -> None:
    text = document("|".join((A, B + FINE, C + DC, D + RIGHT_REPEAT, E, F + DC)))
    expected = [60, 62, 64, 60, 62, 65, 65, 67, 69, 65, 67, 69]
    assert pitches(numbered(text, 1, 2, 3, 1, 2, 3)) == expected


def test_a_trio_leads_back_to_the_beginning_of_its_minuet() -> None:
    text = document("|".join((E, F, A, B + FINE, C, D + DC, E)))
    assert pitches(numbered(text, 1, 2, 1, 2, 1, 2, 1)) == [67, 69, 60, 62, 64, 65, 60, 62, 67]


def test_a_pickup_of_a_second_movement_is_no_end_of_the_bar_before() -> None:
    text = document("|".join((A, note("D4", 3), note("G4"), A)))
    assert bars(numbered(text, 1, 2, 0, 1)) == [0, 4, 7, 8]


def test_signs_in_one_part_hold_for_all() -> None:
    assert heard(read(f"{A}|{B}{RIGHT_REPEAT}", f"{note('C3', 4)}|{note('D3', 4)}")).split()[4:] == [
        "8:60+4", "8:48+4", "12:62+4", "12:50+4",
    ]  # fmt: skip


def test_repeats_without_end_are_refused() -> None:
    many = RIGHT_REPEAT.replace("/>", ' times="99999"/>')
    with pytest.raises(ScoreError, match="its repeats ask for more than 50,000 measures; check the repeat signs"):
        read(A + many)
    with pytest.raises(ScoreError, match="too large: 100 notes, more than 99; raise max_notes to read it"):
        musicxml_to_score(document(A + many.replace("99999", "100")).encode(), max_notes=99)


# Bars, metres, tempi


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


def tempi(score: Score) -> list[tuple[float, int]]:
    return [(tempo.tick / score.ticks_per_quarter, round(tempo.bpm)) for tempo in score.tempi]


def test_a_tempo_inside_a_bar_stays_there() -> None:
    part = sound(tempo="60") + note("C4", 2) + sound(tempo="120") + note("D4", 2) + f"|{sound(tempo='90')}{B}"
    assert tempi(read(part)) == [(0, 60), (2, 120), (4, 90)]


def test_a_metronome_mark_counts_where_nothing_else_says_the_tempo() -> None:
    mark = "<metronome><beat-unit>quarter</beat-unit><beat-unit-dot/><per-minute>ca. 60</per-minute></metronome>"
    assert tempi(read(direction(mark) + A)) == [(0, 90)]
    assert tempi(read(direction(mark, sound(tempo="80")) + A)) == [(0, 80)]


def test_behind_a_repeat_the_tempo_and_key_of_the_page_hold_again() -> None:
    key = attributes("<key><fifths>2</fifths></key>")
    opening = f"{FOUR_FOUR}<key><fifths>0</fifths></key>"
    score = read(
        f"{sound(tempo='60')}{A}|{LEFT_REPEAT}{B}|{key}{sound(tempo='90')}{C}{RIGHT_REPEAT}|{D}", opening=opening
    )
    assert tempi(score) == [(0, 60), (8, 90), (12, 60), (16, 90)]
    assert [(k.tick / 480, k.sharps) for k in score.key_signatures] == [(0, 0), (8, 2), (12, 0), (16, 2)]


# The document


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


def test_durations_beyond_all_times_are_refused() -> None:
    text = document(f"{A}|{B}").replace("<duration>48<", "<duration>999999999<")
    with pytest.raises(ScoreError, match="its times overflow: it lasts 166,666,666 quarters; check its durations"):
        musicxml_to_score(text.encode())
