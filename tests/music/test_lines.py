"""Lines and passages: what is on top, the same in every key."""

from __future__ import annotations

import numpy as np

from audio_lstm.music.lines import melodic_lines, passage_hashes
from audio_lstm.music.score import Score, Track, make_notes


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
