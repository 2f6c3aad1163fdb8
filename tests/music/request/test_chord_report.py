"""A report that says how many beats and basses of the chords were kept, and how many were not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from audio_lstm.music.request.chord_report import chords_finding
from audio_lstm.music.request.report import Finding
from audio_lstm.music.score.chords import parse_chords
from audio_lstm.music.score.score import Score, Track, make_notes


def found(pitches: list[int], *, chords: str = "C F", begin: int = 0) -> Finding:
    """What is said of half notes, one after the other, over a drum that no chord knows."""
    tones = make_notes([8 * place for place in range(len(pitches))], 8, pitches)
    drums = make_notes(0, 8 * len(pitches), 42, track=1)
    score = Score(4, np.concatenate((tones, drums)), (Track(), Track(is_drum=True)))
    end = Fraction(2 * len(pitches))
    return chords_finding(score, parse_chords(chords, bar_quarters=4), begin=Fraction(begin), end=end, beat=Fraction(1))


def test_kept_chords_are_counted() -> None:
    finding = found([60, 64, 65, 69])
    assert finding == Finding("chords", "C F", "8 of 8 beats, 2 of 2 basses", True)


def test_a_foreign_tone_and_a_wrong_bass_are_told() -> None:
    assert found([60, 62, 65, 69]) == Finding("chords", "C F", "6 of 8 beats, 2 of 2 basses", False)
    assert found([64, 60, 65, 69]) == Finding("chords", "C F", "8 of 8 beats, 1 of 2 basses", False)


def test_what_comes_before_the_chords_does_not_count_and_they_begin_again() -> None:
    finding = found([61, 61, 60, 64, 65, 69, 60, 60], begin=4)
    assert finding == Finding("chords", "C F", "12 of 12 beats, 3 of 3 basses", True)
