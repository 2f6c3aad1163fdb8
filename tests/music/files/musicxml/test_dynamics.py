"""The loudness of MusicXML notes, worked out from the marks."""

from __future__ import annotations

from audio_lstm.music.files.musicxml.dynamics import LEVELS, UNMARKED
from audio_lstm.music.files.musicxml.reader import musicxml_to_score


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
    """Those of each part's notes in the order of their start; a part is its measures, separated by |."""
    text = "".join(
        f'<part id="P{number}">' + "".join(f"<measure>{measure}</measure>" for measure in part.split("|")) + "</part>"
        for number, part in enumerate(parts)
    )
    notes = musicxml_to_score(f"<score-partwise>{text}</score-partwise>".encode()).notes
    return [notes["velocity"][notes["track"] == number].tolist() for number in range(len(parts))]


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
    assert velocities(voice, piano) == [[49, 49, 96, 96], [49, 49, 96, 96]]


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


def test_a_score_without_marks_is_at_one_level_but_for_what_its_notes_say() -> None:
    accent = "<notations><articulations><accent/></articulations></notations>"
    assert velocities(note() + note(inside=accent), note(attributes=' dynamics="50"')) == [[UNMARKED] * 2, [45]]


def test_marks_in_a_part_without_divisions_are_heard() -> None:
    broken = "<attributes><divisions>x</divisions></attributes>"
    assert velocities(broken + mark("p") + note()) == [[49]]


def test_no_mark_makes_a_note_silent_or_too_loud() -> None:
    fade = mark("pppp") + (wedge("diminuendo") + note() * 2 + wedge("stop")) * 3
    swell = mark("ffff") + mark("sffz") + (wedge("crescendo") + note() * 2 + wedge("stop")) * 3
    for [found] in (velocities(fade), velocities(swell)):
        assert all(16 <= velocity <= 127 for velocity in found)
