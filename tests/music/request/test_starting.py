"""What a piece starts from, beside what is asked of it: completed from the primer, and contradictions named."""

from __future__ import annotations

from fractions import Fraction

import pytest

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.request.primer import read_primer
from audio_lstm.music.request.starting import Start, pitched_parts, plan_start, require_kept, without_silent_parts
from audio_lstm.music.request.wish_text import parse_wishes
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.training.novelty_build import build_index

TUNE = "D4 F4 A4:2 Bb4 A4 G4 E4 F4 E4 D4:2"


def test_what_is_not_asked_for_is_as_in_the_primer() -> None:
    wishes, start = plan_start({"bars": 8}, primer=TUNE)
    assert start is not None
    assert start.primer is not None
    assert wishes.key is not None
    assert (wishes.key.name, wishes.metre, wishes.tempo_bpm, wishes.bars) == ("D minor", (4, 4), 120, 8)
    wishes, _ = plan_start({"key": "F major", "metre": "3/4", "tempo_bpm": 70}, primer=TUNE)
    assert wishes.key is not None
    assert (wishes.key.name, wishes.metre, wishes.tempo_bpm) == ("F major", (3, 4), 70)


def test_a_found_key_holds_what_the_primer_holds() -> None:
    wishes, _ = plan_start({}, primer=TUNE + " F#4 D4")
    assert wishes.key is not None
    assert 6 in wishes.key.pitch_classes
    wishes, _ = plan_start({}, primer=TUNE, chords="Dm A7 Ab")
    assert wishes.key is not None
    assert 8 in wishes.key.pitch_classes
    assert wishes.key.name == "D minor and Eb, G#"


def test_a_key_with_more_notes_says_so_in_its_name() -> None:
    wishes, _ = plan_start({}, primer="C4 E4 G4 C#4 D#4 C4 G4 C5")
    assert wishes.key is not None
    assert wishes.key.name == "C minor and C#, E"
    assert wishes.key.pitch_classes == {0, 1, 2, 3, 4, 5, 7, 8, 10, 11}


def test_an_ending_rests_on_the_tonic_of_the_primer() -> None:
    wishes, _ = plan_start({"bars": 8, "ending": True}, primer=TUNE)
    assert wishes.ending
    assert wishes.final is not None
    assert wishes.final.name == "tonic of D minor"


def test_nothing_given_is_nothing_changed() -> None:
    wishes, start = plan_start({"bars": 4})
    assert start is None
    assert wishes.key is None


def test_chords_say_how_long_a_piece_is() -> None:
    wishes, start = plan_start({}, chords="Am F C G")
    assert (wishes.bars, wishes.metre) == (4, (4, 4))
    assert plan_start({"metre": "3/4"}, chords="Am F:2 G:2")[0].bars == 3
    assert plan_start({"bars": 12}, chords="Am F")[0].bars == 12
    wishes, start = plan_start({}, chords="Am F C G", primer=TUNE)
    assert wishes.bars == 3 + 4
    assert start is not None
    assert start.first_bar(Fraction(4)) == 3
    assert Start().first_bar(Fraction(4)) == 0


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({}, {"primer_bars": (1, 2)}, "primer_bars is about a primer; pass primer too"),
        ({}, {"transpose": -12}, "transpose is about a primer; pass primer too"),
        ({}, {"chords": "Am", "without_primer": True}, "without_primer is about a primer; pass primer too"),
        ({"key": "C major"}, {"primer": TUNE}, "the notes: has notes outside C major: Bb; choose another key"),
        ({"bars": 2}, {"primer": TUNE}, "bars=2, but the primer alone has 3; pass more, or fewer primer_bars"),
        (
            {"bars": 3, "ending": True},
            {"primer": TUNE},
            "ending fills the last bar of 3, into which the primer reaches: it has 3 bars; pass more bars",
        ),
        ({"bars": 1, "last": "C4"}, {"primer": "C4 D4"}, "last fills the last bar of 1, into which the primer reaches"),
        ({"first": "C4"}, {"primer": TUNE}, "a primer says how the piece begins: leave first out"),
        ({"density": "1-4"}, {"primer": TUNE}, "a primer says how the piece begins: leave density out"),
        ({"bars": 4, "rests": "none"}, {"primer": TUNE}, "leave rests out"),
        (
            {"key": "C major", "bars": 4, "ending": True},
            {"chords": "C F"},
            "chords say what sounds from .*: leave ending",
        ),
        ({"max_polyphony": 2}, {"chords": "C F"}, "leave max_polyphony out"),
        ({"key": "C major"}, {"chords": "C D7"}, "chord 'D7' has notes outside C major: F#; change one of them"),
    ],
)
def test_contradictions_are_named(options: dict[str, object], given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_start(options, **given)  # type: ignore[arg-type]


def test_a_primer_that_breaks_a_wish_itself_is_refused() -> None:
    tune = read_primer(TUNE)
    with pytest.raises(ConfigError, match="the notes: out of what is asked for: range of part 1 C4-E4, it has D4-Bb4"):
        require_kept(parse_wishes({"ranges": "C4-E4"}), tune)
    notes = make_notes([0, 0, 0], 480, [72, 60, 48], 80, [0, 1, 2])
    trio = read_primer(Score(480, notes, tuple(map(Track, "abc"))))
    with pytest.raises(ConfigError, match="the score: has 3 parts, but 2 ranges are asked for; name as many"):
        require_kept(parse_wishes({"parts": "voice,piano", "ranges": "C2-C7,C1-C8"}), trio)
    with pytest.raises(ConfigError, match="out of what is asked for: polyphony <= 2, it has 3"):
        require_kept(parse_wishes({"max_polyphony": 2}), trio)


def test_a_primer_that_is_a_copy_is_refused_where_copies_are_kept_out() -> None:
    song = "C4 D4 F4 E4 A4 G4 B4 C5 A4 F4 D4 B3 E4 C4"
    index = build_index([parse_notes(song)], ["song"])
    require_kept(parse_wishes({"max_copied": 14}), read_primer(song), index=index)
    require_kept(parse_wishes({"max_copied": 8}), read_primer(TUNE), index=index)
    with pytest.raises(ConfigError, match="shares a run of 14 notes with the training set"):
        require_kept(parse_wishes({"max_copied": 8}), read_primer(song), index=index)


def test_chords_that_cannot_be_parsed_are_named() -> None:
    with pytest.raises(ScoreError, match="chord 'Hm' cannot be understood"):
        plan_start({}, chords="Am Hm")


def test_parts_with_pitches_and_with_notes() -> None:
    notes = make_notes([0, 0], 480, [60, 36], 80, [2, 1])
    score = Score(480, notes, (Track("a"), Track("kit", is_drum=True), Track("b")))
    assert pitched_parts(score) == [2]
    left = without_silent_parts(score)
    assert [track.name for track in left.tracks] == ["kit", "b"]
    assert left.notes["track"].tolist() == [0, 1]
    tune = parse_notes(TUNE)
    assert without_silent_parts(tune) == tune
