"""The instruments of a MusicXML part: programs, kits, and which drum a note strikes."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from audio_lstm.music.files.musicxml.instruments import CROSSED_DRUMS, DRUM_PLACES, Instruments, read_instruments
from audio_lstm.music.files.musicxml.reader import musicxml_to_score
from tests.music.files.musicxml.musicxml_texts import UNPITCHED, document, note, pitches, read


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


def instruments(inside: str, name: str = "Part") -> Instruments:
    return read_instruments(ElementTree.fromstring(f"<score-part><part-name>{name}</part-name>{inside}</score-part>"))


def midi(name: str, inside: str) -> str:
    return f'<midi-instrument id="{name}">{inside}</midi-instrument>'


def test_programs_are_counted_from_1_and_stay_in_their_range() -> None:
    assert instruments(midi("a", "<midi-program>74</midi-program>")).program(drums=False) == 73
    assert instruments(midi("a", "<midi-program>999</midi-program>")).program(drums=False) == 127
    assert instruments(midi("a", "<midi-program>x</midi-program>")).program(drums=False) == 0
    assert instruments("").program(drums=False) == 0


def test_a_kit_has_the_program_of_the_instrument_on_channel_10() -> None:
    both = midi("a", "<midi-program>41</midi-program><midi-channel>1</midi-channel>")
    both += midi("b", "<midi-program>26</midi-program><midi-channel>10</midi-channel>")
    found = instruments(both)
    assert (found.program(drums=False), found.program(drums=True)) == (40, 25)


def test_a_note_with_a_pitch_is_a_drum_where_its_instrument_plays_on_channel_10() -> None:
    found = instruments(midi("a", "<midi-channel>1</midi-channel>") + midi("b", "<midi-channel>10</midi-channel>"))
    assert found.is_kit(Element("instrument", id="b"))
    assert not found.is_kit(Element("instrument", id="a"))
    assert not found.is_kit(Element("instrument", id="unknown"))  # then as the first one
    assert not found.is_kit(None)


def test_a_key_outside_midi_is_none() -> None:
    for text, key in (("36", 35), ("128", 127), ("0", None), ("129", None)):
        assert instruments(midi("a", f"<midi-unpitched>{text}</midi-unpitched>")).own_key(None) == key


def test_of_several_instruments_the_name_of_each_goes_before_that_of_the_part() -> None:
    names = "".join(
        f'<score-instrument id="{n}"><instrument-name>{name}</instrument-name></score-instrument>'
        for n, name in (("a", "Triangle"), ("b", "Cow Bell"))
    )
    hit = ElementTree.fromstring('<note><unpitched/><instrument id="b"/></note>')
    assert instruments(names, name="Snare Drum").key_of(hit) == 56
    alone = '<score-instrument id="b"><instrument-name>Cow Bell</instrument-name></score-instrument>'
    assert instruments(alone, name="Snare Drum").key_of(hit) == 38


@pytest.mark.parametrize("key", sorted(DRUM_PLACES))
def test_every_place_on_the_staff_is_a_drum_of_that_place(key: int) -> None:
    step, octave = DRUM_PLACES[key]
    head = "<notehead>x</notehead>" if key in CROSSED_DRUMS else ""
    place = f"<display-step>{step}</display-step><display-octave>{octave}</display-octave>"
    found = instruments("").key_of(ElementTree.fromstring(f"<note><unpitched>{place}</unpitched>{head}</note>"))
    assert found is not None
    assert DRUM_PLACES[found] == DRUM_PLACES[key]


def test_a_drum_that_nothing_names_has_no_key() -> None:
    assert instruments("").key_of(ElementTree.fromstring("<note><unpitched/></note>")) is None
