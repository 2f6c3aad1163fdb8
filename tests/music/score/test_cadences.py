"""Phrase ends and cadences, found in notes that were written for it."""

from __future__ import annotations

from audio_lstm.music.score.cadences import cadence_ticks, phrase_end_ticks
from audio_lstm.music.score.score import Score, Track, make_notes

QUARTER = 4
DOMINANT, TONIC, MINOR = (55, 62, 67, 71), (48, 64, 67, 72), (57, 64, 69, 72)


def chords(*pairs: tuple[tuple[int, ...], int]) -> Score:
    """Chords and their lengths in quarters; an empty chord is silence."""
    rows, at = [], 0
    for pitches, quarters in pairs:
        rows += [(at, quarters * QUARTER, pitch, voice) for voice, pitch in enumerate(reversed(pitches))]
        at += quarters * QUARTER
    starts, lengths, pitches, tracks = zip(*rows, strict=True)
    return Score(QUARTER, make_notes(starts, lengths, pitches, 80, tracks), tracks=(Track(),) * 4)


def test_dominant_and_tonic_make_a_cadence() -> None:
    assert cadence_ticks(chords((TONIC, 1), (DOMINANT, 1), (TONIC, 2))) == (8,)


def test_other_steps_of_the_bass_make_none() -> None:
    assert cadence_ticks(chords((TONIC, 1), (MINOR, 1), (DOMINANT, 1), (MINOR, 1))) == ()


def test_a_chord_of_arrival_that_does_not_rest_is_none() -> None:
    passing = Score(
        QUARTER,
        make_notes([0] * 4 + [4] * 4, [4] * 4 + [2] * 4, [*DOMINANT, *TONIC], 80, [3, 2, 1, 0] * 2),
        tracks=(Track(),) * 4,
    )
    assert cadence_ticks(passing) == ()


def test_a_minor_chord_is_a_goal_too_but_no_seventh_is() -> None:
    dominant_of_a = (52, 64, 68, 71)
    assert cadence_ticks(chords((dominant_of_a, 1), (MINOR, 1))) == (4,)
    assert cadence_ticks(chords((DOMINANT, 1), ((48, 64, 67, 70), 1))) == ()


def test_phrases_end_in_long_chords_before_silence_and_at_the_end() -> None:
    score = chords((TONIC, 1), (DOMINANT, 2), (TONIC, 1), ((), 1), (MINOR, 1), (TONIC, 1))
    assert phrase_end_ticks(score) == (4, 12, 24)


def test_drums_are_left_out_and_an_empty_score_has_neither() -> None:
    drums = Score(QUARTER, make_notes([0], [16], [36], 80, [0]), tracks=(Track(is_drum=True),))
    assert phrase_end_ticks(drums) == cadence_ticks(drums) == ()
    assert phrase_end_ticks(Score(QUARTER)) == ()
