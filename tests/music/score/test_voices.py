"""Voice grids: checked, moved, and made into scores and back."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.score.voices import (
    allowed_transpositions,
    as_voice_grid,
    score_to_melody,
    score_to_voice_grid,
    transpose,
    voice_grid_to_score,
)

GRID = [[72, 67, 64, 48], [72, 67, 62, -1], [74, 67, 62, 50], [-1, 67, 62, 50]]


def test_whole_floats_pass_and_the_result_is_a_new_array() -> None:
    values = np.array(GRID, dtype=np.float64)
    grid = as_voice_grid(values)
    assert grid.dtype == np.int64
    assert grid.tolist() == GRID


@pytest.mark.parametrize("bad", [60.5, -2, 128, float("nan"), None])
def test_a_number_that_is_no_pitch_is_named_with_its_place(bad: object) -> None:
    with pytest.raises(ScoreError, match="step 1, voice T: expected a MIDI pitch 0-127 or -1 for a rest, got"):
        as_voice_grid([[60, 60, 60, 60], [60, 60, bad, 60]])


def test_another_width_or_no_step_is_refused() -> None:
    with pytest.raises(ScoreError, match=r"\(steps, 4\), steps >= 1; got \(1, 3\)"):
        as_voice_grid([[60, 60, 60]])
    with pytest.raises(ScoreError, match=r"got \(0,\)"):
        as_voice_grid([])


def test_ragged_rows_are_refused() -> None:
    with pytest.raises(ScoreError, match="a voice grid holds rows of four MIDI pitches"):
        as_voice_grid([[60, 60, 60, 60], [60, 60, 60]])  # type: ignore[list-item]


def test_transposing_moves_pitches_and_leaves_rests() -> None:
    assert transpose(GRID, -3)[1].tolist() == [69, 64, 59, -1]
    np.testing.assert_array_equal(transpose(transpose(GRID, 5), -5), GRID)


def test_transposing_out_of_midi_is_refused() -> None:
    with pytest.raises(ScoreError, match="transposing by 60 semitones leaves MIDI's 0-127: pitches 108 to 134"):
        transpose(GRID, 60)


def test_allowed_transpositions_are_exactly_those_that_fit() -> None:
    allowed = allowed_transpositions(GRID, low=40, high=80)
    assert allowed == range(-8, 7)
    for semitones in allowed:
        moved = transpose(GRID, semitones)
        assert moved[moved >= 0].min() >= 40
        assert moved.max() <= 80
    assert not allowed_transpositions(GRID, low=50, high=60)
    assert list(allowed_transpositions([[-1] * 4])) == [0]


def test_equal_neighbours_become_one_note_across_a_bar_line() -> None:
    score = voice_grid_to_score([[60, 55, 50, 45]] * 20, bpm=90)
    assert score.n_notes == 4
    assert (score.notes["duration_ticks"] == 20 * 120).all()
    assert [track.name for track in score.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert score.tempi[0].bpm == pytest.approx(90, abs=1e-3)


def test_a_grid_comes_back_from_its_score() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        grid = np.repeat(rng.choice([-1, 50, 60, 62, 64], size=(8, 4)), 3, axis=0)
        grid[-1] = 60  # rests in all voices at the end are not kept
        grid[0] = 59  # each voice sings at least once
        np.testing.assert_array_equal(score_to_voice_grid(voice_grid_to_score(grid)), grid)


def test_a_silent_voice_keeps_its_track() -> None:
    score = voice_grid_to_score([[60, 55, -1, 45]])
    assert len(score.tracks) == 4
    assert score.n_notes == 3
    with pytest.raises(ScoreError, match="expected four parts with notes"):
        score_to_voice_grid(score)


def test_a_part_with_two_notes_at_once_is_refused() -> None:
    notes = make_notes([0, 0, 0, 0, 120], 240, [70, 65, 60, 55, 58], 80, [0, 1, 2, 3, 3])
    score = Score(480, notes, tracks=tuple(Track(name) for name in "SATB"))
    with pytest.raises(ScoreError, match="track 3 sounds two notes at once at 16th 1"):
        score_to_voice_grid(score)


def test_names_and_tempo_are_checked() -> None:
    with pytest.raises(ScoreError, match="expected four names of voices, got 2"):
        voice_grid_to_score(GRID, names=("a", "b"))
    with pytest.raises(ScoreError, match="expected a tempo of 1 to 1000 quarters a minute, got 0"):
        voice_grid_to_score(GRID, bpm=0)


def test_a_melody_is_the_top_of_the_first_part_with_pitches() -> None:
    notes = make_notes([0, 0, 0, 480, 1440], [480, 480, 480, 480, 240], [36, 60, 64, 62, 67], 80, [0, 1, 1, 1, 1])
    score = Score(480, notes, (Track("kit", is_drum=True), Track("tune")))
    assert score_to_melody(score).tolist() == [64] * 4 + [62] * 4 + [-1] * 4 + [67] * 2
    assert score_to_melody(Score(480)).tolist() == []
