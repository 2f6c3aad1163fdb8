"""The loudness of MusicXML notes, worked out from the marks."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from audio_lstm.music.musicxml_dynamics import LEVELS, with_dynamics


def note(duration: int = 1, inside: str = "", attributes: str = "") -> str:
    return (
        f"<note{attributes}>{'<chord/>' if inside == 'chord' else ''}<pitch><step>C</step><octave>4</octave></pitch>"
        f"<duration>{duration}</duration>{'' if inside == 'chord' else inside}</note>"
    )


def mark(name: str) -> str:
    return f"<direction><direction-type><dynamics><{name}/></dynamics></direction-type></direction>"


def wedge(kind: str) -> str:
    return f'<direction><direction-type><wedge type="{kind}"/></direction-type></direction>'


def velocities(*parts: str) -> list[list[float]]:
    """What each note of each part ends up with; a part is the content of its measures, separated by |."""
    text = "".join(
        "<part>" + "".join(f"<measure>{measure}</measure>" for measure in part.split("|")) + "</part>" for part in parts
    )
    root = ElementTree.fromstring(with_dynamics(f"<score-partwise>{text}</score-partwise>".encode()))
    return [
        [round(float(found.get("dynamics", "nan")) * 0.9) for found in part.iter("note")] for part in root.iter("part")
    ]


def test_a_mark_holds_until_the_next_one_and_a_piece_begins_at_mf() -> None:
    part = note() + mark("p") + note() + "|" + note() + mark("ff") + note()
    assert velocities(part) == [[LEVELS["mf"], LEVELS["p"], LEVELS["p"], LEVELS["ff"]]]


def test_a_crescendo_leads_to_the_mark_behind_it() -> None:
    part = mark("p") + wedge("crescendo") + note() * 4 + wedge("stop") + "|" + mark("f") + note()
    [found] = velocities(part)
    assert found == [49, 61, 72, 84, 96]


def test_a_diminuendo_without_a_goal_loses_one_level() -> None:
    part = mark("f") + wedge("diminuendo") + note() * 4 + wedge("stop") + note() * 2
    assert velocities(part) == [[96, 92, 88, 84, 80, 80]]
    never_ends = mark("f") + wedge("diminuendo") + note() * 2
    assert velocities(never_ends) == [[96, 96]]


def test_accents_are_for_their_notes_alone_and_a_p_after_them_stays() -> None:
    accent = "<notations><articulations><accent/></articulations></notations>"
    part = mark("mf") + note(inside=accent) + note() + mark("sf") + note() + note() + mark("fp") + note() + note()
    assert velocities(part) == [[94, 80, 100, 80, 69, 49]]


def test_both_hands_follow_the_marks_and_a_part_without_marks_follows_the_fullest() -> None:
    piano = mark("p") + note(2) + mark("f") + note(2) + "<backup><duration>4</duration></backup>" + note(2) * 2
    voice = note() * 4
    assert velocities(voice, piano) == [[49, 49, 96, 96], [49, 96, 49, 96]]


def test_divisions_chords_and_forwards_are_counted() -> None:
    part = (
        "<attributes><divisions>2</divisions></attributes>"
        + mark("p")
        + note(2)
        + note(2, "chord")
        + "<forward><duration>2</duration></forward>"
        + mark("f")
        + note(2)
        + note(2, "chord")
    )
    other = "<attributes><divisions>1</divisions></attributes>" + note() * 3
    assert velocities(part, other) == [[49, 49, 96, 96], [49, 49, 96]]


def test_what_a_note_says_itself_is_left_alone() -> None:
    part = mark("p") + note(attributes=' dynamics="100"') + note()
    assert velocities(part) == [[90, 49]]


@pytest.mark.parametrize(
    "text",
    [
        "<score-partwise><part><measure><note><rest/></note></measure></part></score-partwise>",
        "<score-timewise><measure/></score-timewise>",
        "<score-partwise/>",
        "<score-partwise><part><measure><attributes><divisions>x</divisions></attributes></measure></part>"
        "</score-partwise>",
    ],
)
def test_a_file_without_marks_stays_as_it_was(text: str) -> None:
    assert with_dynamics(text.encode()) == text.encode()


def test_no_mark_makes_a_note_silent_or_too_loud() -> None:
    fade = mark("pppp") + (wedge("diminuendo") + note() * 2 + wedge("stop")) * 3
    swell = mark("ffff") + mark("sffz") + (wedge("crescendo") + note() * 2 + wedge("stop")) * 3
    for [found] in (velocities(fade), velocities(swell)):
        assert all(16 <= velocity <= 127 for velocity in found)
