"""Fitting scores to an event vocabulary: what moves, and the account of it."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.event_fit import EventTables, fit_score, nearest

TABLES = EventTables(
    steps_per_quarter=4,
    time_signatures=((4, 4), (3, 4), (2, 4)),
    tempi=(250_000, 500_000, 1_000_000),
    velocities=(40, 80),
    durations=(1, 2, 4, 8),
    n_tracks=2,
)


def fit_metres(*signatures: tuple[int, int, int]) -> tuple[list[tuple[int, int, int]], int]:
    """(tick, numerator, denominator), ticks in steps of a 16th."""
    score = Score(4, time_signatures=tuple(TimeSignature(*row) for row in signatures))
    fitted, report = fit_score(score, TABLES)
    return [(m.tick, m.numerator, m.denominator) for m in fitted.time_signatures], report.n_metres_changed


def test_nearest_row_of_a_table() -> None:
    assert nearest([1, 2, 4], [0, 1, 1.4, 1.5, 3, 3.1, 9]).tolist() == [0, 0, 0, 0, 1, 2, 2]
    assert nearest([7], [0, 9]).tolist() == [0, 0]


def test_the_report_says_how_far_notes_moved() -> None:
    score = Score(480, make_notes([50, 480], [480, 5 * 480], 60, [80, 50]), (Track("named", 5),))
    fitted, report = fit_score(score, TABLES)
    assert fitted.tracks == (Track("", 5),)
    assert fitted.notes["start_ticks"].tolist() == [0, 4]
    assert fitted.notes["duration_ticks"].tolist() == [4, 8]
    assert fitted.notes["velocity"].tolist() == [80, 40]
    assert report.max_onset_shift_quarters == pytest.approx(50 / 480)
    assert report.max_duration_shift_quarters == pytest.approx(3)
    assert report.max_velocity_shift == 10
    assert (report.n_notes, report.n_merged_notes) == (2, 0)


def test_notes_that_fall_on_one_another_become_the_longest_and_loudest() -> None:
    notes = make_notes([0, 1, 0, 0], [480, 960, 480, 1], [60, 60, 61, 61], [80, 40, 40, 40], [0, 0, 0, 1])
    fitted, report = fit_score(Score(480, notes, (Track(), Track())), TABLES)
    assert report.n_merged_notes == 1
    assert fitted.notes[["duration_ticks", "pitch", "velocity", "track"]].tolist() == [
        (8, 60, 80, 0),
        (4, 61, 40, 0),
        (1, 61, 40, 1),
    ]


def test_silent_tracks_go_and_kits_become_kit_0() -> None:
    tracks = (Track("silent"), Track("kit", 9, is_drum=True))
    fitted, _ = fit_score(Score(4, make_notes(0, 1, 36, 80, 1), tracks), TABLES)
    assert fitted.tracks == (Track("", 0, is_drum=True),)
    assert fitted.notes["track"].tolist() == [0]


def test_tempo_and_metre_are_written_out_and_repeats_dropped() -> None:
    fitted, report = fit_score(Score(4), TABLES)
    assert fitted.tempi == (Tempo(0, 500_000),)
    assert fitted.time_signatures == (TimeSignature(0, 4, 4),)
    assert report.max_tempo_ratio == 0
    given = Score(
        4,
        tempi=(Tempo(8, 490_000), Tempo(9, 1_000_000), Tempo(10, 999_000)),
        key_signatures=(KeySignature(0, 1), KeySignature(4, 1), KeySignature(5, 1, True)),
    )
    fitted, report = fit_score(given, TABLES)
    assert fitted.tempi == (Tempo(0, 500_000), Tempo(9, 1_000_000))
    assert fitted.key_signatures == (KeySignature(0, 1), KeySignature(5, 1, True))
    assert report.max_tempo_ratio == pytest.approx(500 / 490 - 1)


def test_metres_at_bar_lines_stay() -> None:
    assert fit_metres((0, 3, 4), (24, 2, 4), (32, 4, 4)) == ([(0, 3, 4), (24, 2, 4), (32, 4, 4)], 0)
    assert fit_metres((0, 3, 4), (24, 3, 4)) == ([(0, 3, 4)], 0)
    assert fit_metres((16, 3, 4)) == ([(0, 4, 4), (16, 3, 4)], 0)


def test_a_bar_cut_short_gets_a_metre_of_its_length() -> None:
    assert fit_metres((0, 4, 4), (24, 3, 4)) == ([(0, 4, 4), (16, 2, 4), (24, 3, 4)], 1)
    assert fit_metres((0, 4, 4), (24, 4, 4)) == ([(0, 4, 4), (16, 2, 4), (24, 4, 4)], 1)
    assert fit_metres((0, 4, 4), (8, 3, 4)) == ([(0, 2, 4), (8, 3, 4)], 1)  # the first bar is all there was


def test_a_metre_off_all_bars_goes_to_the_nearest_bar_line() -> None:
    assert fit_metres((0, 4, 4), (21, 3, 4)) == ([(0, 4, 4), (16, 3, 4)], 1)
    assert fit_metres((0, 4, 4), (31, 3, 4)) == ([(0, 4, 4), (32, 3, 4)], 1)
    assert fit_metres((0, 4, 4), (3, 3, 4)) == ([(0, 3, 4)], 1)
    assert fit_metres((0, 4, 4), (29, 3, 4), (30, 2, 4)) == ([(0, 4, 4), (32, 2, 4)], 2)


def test_an_unknown_metre_becomes_the_nearest_bar() -> None:
    assert fit_metres((0, 6, 8), (12, 13, 16)) == ([(0, 3, 4)], 2)
    assert fit_metres((0, 9, 4)) == ([(0, 4, 4)], 1)


def test_what_cannot_be_said_is_refused() -> None:
    score = Score(4, make_notes(0, 1, 60, 80, range(3)), (Track(),) * 3)
    with pytest.raises(ScoreError, match="3 tracks with notes; this vocabulary holds 2: merge some, or build"):
        fit_score(score, TABLES)
    far = Score(4, make_notes(16 * 20_001, 1, 60), (Track(),))
    with pytest.raises(ScoreError, match="the last event is more than 20000 bars from the start; cut the score"):
        fit_score(far, TABLES)
    near = Score(4, make_notes(16 * 19_999, 1, 60), (Track(),))
    assert fit_score(near, TABLES)[0] == Score(
        4, make_notes(16 * 19_999, 1, 60), (Track(),), (Tempo(0, 500_000),), (TimeSignature(0, 4, 4),)
    )


def test_the_score_given_stays_as_it_was() -> None:
    score = Score(480, make_notes([50, 51], 480, 60), (Track("named", 5),))
    before = score.notes.copy()
    fit_score(score, TABLES)
    np.testing.assert_array_equal(score.notes, before)
