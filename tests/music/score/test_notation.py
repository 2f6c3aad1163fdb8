"""Notes that are typed: every length and accidental, what they are not, and back to the same text."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_lstm.errors import ScoreError
from audio_lstm.music.score import notation
from audio_lstm.music.score.notation import is_notes_text, notes_text, parse_length, parse_notes, pitch_class
from audio_lstm.music.score.score import Score, Track, make_notes


def rows(text: str) -> list[tuple[int, int, int]]:
    return [(int(n["start_ticks"]), int(n["duration_ticks"]), int(n["pitch"])) for n in parse_notes(text).notes]


def test_notes_follow_each_other_a_quarter_long() -> None:
    assert rows("C4 E4 G4") == [(0, 480, 60), (480, 480, 64), (960, 480, 67)]
    assert rows("| c4 | e4 |") == [(0, 480, 60), (480, 480, 64)]


def test_lengths_are_quarters_or_note_values() -> None:
    assert rows("C4:2 C4:1/2 C4:0.25 C4/8 C4/8. C4/2.. C4/1 R C4:1/3") == [
        (0, 960, 60),
        (960, 240, 60),
        (1200, 120, 60),
        (1320, 240, 60),
        (1560, 360, 60),
        (1920, 1680, 60),
        (3600, 1920, 60),
        (6000, 160, 60),
    ]


def test_accidentals_octaves_and_chords() -> None:
    names = {"F#4": 66, "Gb4": 66, "C-1": 0, "G9": 127, "Cb4": 59, "B#3": 60, "Bbb3": 57, "C##4": 62, "Cx4": 62}
    names |= {"F♯4": 66, "B♭3": 58, "bb3": 58, "B3": 59}
    for name, pitch in names.items():
        assert rows(name) == [(0, 480, pitch)], name
    assert rows("G4+C4+E4:2 R/8 C5") == [(0, 960, 60), (0, 960, 64), (0, 960, 67), (1200, 480, 72)]
    assert pitch_class("E", "b") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C4 H4", "notes, word 2, 'H4': 'H4' is no note; expected a letter and an octave"),
        ("C4 E", "notes, word 2, 'E': 'E' is no note"),
        ("C4+X4", "word 1, 'C4\\+X4': 'X4' is no note"),
        ("C4 E4:x", "word 2, 'E4:x': no length ':x'; expected quarters such as :2 or :1/2, or a note value such as /8"),
        ("C4/3", "no length '/3'"),
        ("C4:0", "no length ':0'"),
        ("C4:1/0", "no length ':1/0'"),
        ("C4:2000", "no length ':2000'"),
        ("C4:1/7", "1/7 quarters are no whole number of 480ths of a quarter"),
        ("C4 :2", "word 2, ':2': expected a note such as C4"),
        ("A9", "A9 is outside MIDI's range, C-1 to G9"),
        ("R R:2", "notes 'R R:2': there is no note in them"),
        ("", "there is no note in them"),
    ],
)
def test_what_is_no_note_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        parse_notes(text)


def test_too_many_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notation, "_MAX_TOKENS", 3)
    with pytest.raises(ScoreError, match="the notes are 4 words; at most 3 can be read"):
        parse_notes("C4 C4 C4 C4")


def test_texts_that_begin_as_notes_are_told_from_names_of_files() -> None:
    assert all(is_notes_text(text) for text in ("C4", "c4:2 x", "R C4", "| C4+E4/8 D4", "Bb3/4. what"))
    assert not any(is_notes_text(text) for text in ("", "song.mid", "C4.mid", "a/C4", "X:1\nK:C", "H4 C4", "Am F"))


def test_a_score_is_written_as_it_is_read() -> None:
    text = "R:2 C4 C#4:1/2 D4+F4:3 R:1/3 A5:2/3"
    assert notes_text(parse_notes(text)) == text
    held = Score(480, make_notes([0, 480], [960, 480], [60, 62]), (Track(),))
    assert notes_text(held) == "C4 D4"
    assert notes_text(Score(480)) == ""


NOTE = st.tuples(st.sampled_from(("C4", "F#5", "A#2", "D4+F4")), st.fractions(Fraction(1, 8), 8, max_denominator=8))


@given(st.lists(NOTE.filter(lambda note: (480 * note[1]).denominator == 1), min_size=1, max_size=12))
def test_any_row_of_notes_comes_back(notes: list[tuple[str, Fraction]]) -> None:
    text = " ".join(name if length == 1 else f"{name}:{length}" for name, length in notes)
    assert notes_text(parse_notes(text)) == text


def test_an_empty_length_is_a_quarter() -> None:
    assert parse_length("", "here") == 1
    with pytest.raises(ScoreError, match="here: no length"):
        parse_length("2", "here")
