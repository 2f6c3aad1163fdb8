"""Lines and passages: what is on top, the same in every key."""

from __future__ import annotations

import numpy as np

from audio_lstm.music.score.lines import (
    Line,
    interval_hash,
    interval_hashes,
    melodic_lines,
    passage_hashes,
    without_repeats,
)
from audio_lstm.music.score.score import Score, Track, make_notes


def test_a_line_is_the_highest_note_of_each_onset_and_drums_have_none() -> None:
    notes = make_notes([0, 0, 480, 0, 480], [480] * 5, [60, 67, 65, 36, 38], [90] * 5, [0, 0, 0, 1, 1])
    score = Score(480, notes, (Track("piano"), Track("drums", is_drum=True)))
    (line,) = melodic_lines(score)
    assert line.track == 0
    assert line.start_ticks.tolist() == [0, 480]
    assert line.pitches.tolist() == [67, 65]


def test_passages_are_the_same_in_any_key_and_differ_otherwise() -> None:
    tune = np.array([60, 62, 64, 65, 67, 65, 64, 62])
    hashes = passage_hashes(tune, 4)
    assert len(hashes) == 5
    np.testing.assert_array_equal(hashes, passage_hashes(tune + 7, 4))
    other = tune.copy()
    other[4] += 1
    assert (hashes == passage_hashes(other, 4)).tolist() == [True, False, False, False, False]
    assert len(set(passage_hashes(np.array([60, 62, 60, 62, 60]), 3).tolist())) == 2  # up and down are two things


def test_short_lines_have_no_passages() -> None:
    assert passage_hashes(np.array([60, 62]), 3).shape == (0,)
    assert passage_hashes(np.array([60, 62, 64]), 3).shape == (1,)


def test_different_passages_have_different_numbers() -> None:
    pitches = np.random.default_rng(0).integers(40, 90, 20_000)
    assert len(np.unique(passage_hashes(pitches, 6))) >= 19_990


def test_one_row_of_intervals_has_the_same_number_with_and_without_numpy() -> None:
    rows = np.random.default_rng(1).integers(-127, 128, (50, 4))
    assert [interval_hash(row) for row in rows.tolist()] == interval_hashes(rows).tolist()


def test_repeated_notes_become_one() -> None:
    line = without_repeats(Line(3, np.arange(5) * 10, np.array([60, 60, 62, 62, 60])))
    assert (line.track, line.start_ticks.tolist(), line.pitches.tolist()) == (3, [0, 20, 40], [60, 62, 60])
    assert len(without_repeats(Line(0, np.zeros(0, np.int64), np.zeros(0, np.int64))).pitches) == 0
