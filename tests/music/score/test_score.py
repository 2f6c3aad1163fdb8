"""Score: one canonical order, checked values, times through the tempi."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.score import (
    MAX_TICKS,
    NOTE_DTYPE,
    KeySignature,
    Score,
    Tempo,
    TimeSignature,
    Track,
    make_notes,
)

PIANO = (Track("Piano"),)


def test_notes_are_sorted_and_read_only_and_equal_music_is_equal() -> None:
    notes = make_notes([10, 0, 0], [5, 9, 7], [60, 64, 64])
    score = Score(480, notes, PIANO)
    assert score.notes["start_ticks"].tolist() == [0, 0, 10]
    assert score.notes["duration_ticks"].tolist() == [7, 9, 5]
    with pytest.raises(ValueError, match="read-only"):
        score.notes["pitch"] = 1
    other = Score(480, notes[::-1], PIANO)
    assert score == other
    assert hash(score) == hash(other)
    assert score != Score(480, notes[:2], PIANO)
    assert score != "a score"
    assert notes["start_ticks"].tolist() == [10, 0, 0]  # the argument stays as it was
    notes["pitch"] = 1
    assert score.notes["pitch"].min() == 60


def test_last_event_on_a_tick_counts() -> None:
    score = Score(480, tempi=(Tempo(9, 1), Tempo(0, 2), Tempo(9, 3)))
    assert score.tempi == (Tempo(0, 2), Tempo(9, 3))


def test_tempo_of_120_is_exactly_120() -> None:
    assert Tempo.from_bpm(0, 120).bpm == 120.0
    assert Tempo.from_bpm(0, 120).microseconds_per_quarter == 500_000


def test_seconds_follow_the_tempi() -> None:
    notes = make_notes([0, 960], [960, 480], 60)
    score = Score(480, notes, PIANO, tempi=(Tempo(480, 1_000_000), Tempo(960, 250_000)))
    np.testing.assert_allclose(score.seconds_at([0, 480, 720, 960, 1440]), [0, 0.5, 1.0, 1.5, 1.75])
    assert score.duration_s == 1.75
    assert Score(480).duration_s == 0
    assert Score(480).end_ticks == 0


def test_transposing_moves_pitches_and_keys_but_not_drums() -> None:
    tracks = (Track("Flute"), Track("Kit", is_drum=True))
    score = Score(4, make_notes([0, 0], 1, [60, 36], track=[0, 1]), tracks, key_signatures=(KeySignature(0, -3, True),))
    moved = score.transpose(2)
    assert moved.notes["pitch"].tolist() == [62, 36]
    assert moved.key_signatures == (KeySignature(0, -1, True),)
    assert moved.transpose(-2) == score
    assert score.transpose(12).key_signatures == score.key_signatures
    assert Score(4).transpose(3) == Score(4)
    with pytest.raises(ScoreError, match=r"transposing by 90 takes pitches to 36\.\.150, not 0\.\.127"):
        score.transpose(90)


def test_resampling_is_exact_on_the_grid_and_rounds_off_it() -> None:
    score = Score(
        480,
        make_notes([0, 240, 481], [240, 241, 1], 60),
        PIANO,
        tempi=(Tempo(479, 500_000),),
        time_signatures=(TimeSignature(960, 3, 4),),
        key_signatures=(KeySignature(20, 1),),
    )
    coarse = score.resample_ticks(12)
    assert coarse.notes["start_ticks"].tolist() == [0, 6, 12]
    assert coarse.notes["duration_ticks"].tolist() == [6, 6, 1]  # they still touch, and none vanishes
    assert (coarse.tempi[0].tick, coarse.time_signatures[0].tick, coarse.key_signatures[0].tick) == (12, 24, 1)
    assert coarse.resample_ticks(480).resample_ticks(12) == coarse
    assert score.resample_ticks(480) is score
    with pytest.raises(ScoreError, match="ticks per quarter is 0"):
        score.resample_ticks(0)


def test_a_score_without_notes_says_so_when_notes_are_required() -> None:
    score = Score(4, make_notes(0, 1, 60), PIANO)
    assert score.require_notes() is score
    with pytest.raises(ScoreError, match=r"x\.mid: there is no note in it; give a score"):
        Score(4).require_notes("x.mid")


def test_bar_length_in_quarters() -> None:
    assert TimeSignature(0, 6, 8).bar_quarters == 3
    assert TimeSignature(0, 5, 16).bar_quarters == 1.25


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Score(0), "ticks per quarter is 0; expected a whole number from 1 to 32767"),
        (lambda: Score(True), "ticks per quarter is True"),
        (lambda: Score(4, np.zeros((2, 2))), r"notes have shape \(2, 2\) and type float64; expected \(n,\) NOTE_DTYPE"),
        (lambda: Score(4, make_notes(0, 1, 60)), "track of a note is 0; expected 0 to -1"),
        (lambda: Score(4, make_notes(-1, 1, 60), PIANO), "start_ticks of a note is -1"),
        (lambda: Score(4, make_notes(0, 0, 60), PIANO), "duration_ticks of a note is 0; expected 1 to"),
        (lambda: Score(4, make_notes(0, 1, 128), PIANO), "pitch of a note is 128; expected 0 to 127"),
        (lambda: Score(4, make_notes(0, 1, 60, 0), PIANO), "velocity of a note is 0; expected 1 to 127"),
        (lambda: Score(4, make_notes(MAX_TICKS, 1, 60), PIANO), f"a note ends at tick {MAX_TICKS + 1}, after the last"),
        (lambda: Track("x", program=128), "program of track 'x' is 128; expected a whole number from 0 to 127"),
        (lambda: Tempo(-1, 5), "tick of a tempo is -1"),
        (lambda: Tempo(0, 0), "microseconds per quarter of a tempo is 0"),
        (lambda: Tempo(0, 0.5), "microseconds per quarter of a tempo is 0.5"),
        (lambda: TimeSignature(0, 0, 4), "numerator of a time signature is 0"),
        (lambda: TimeSignature(0, 4, 3), "denominator of a time signature is 3; expected a power of two"),
        (lambda: KeySignature(0, 8), "sharps of a key signature is 8"),
    ],
)
def test_values_out_of_range_are_refused(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ScoreError, match=message):
        build()


def test_notes_without_rows_are_welcome() -> None:
    assert Score(4, np.empty(0, NOTE_DTYPE)).n_notes == 0
