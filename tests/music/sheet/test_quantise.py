"""The written grid: exact times stay, played times move to the nearest simple place."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.score import Score, TimeSignature, Track, make_notes
from audio_lstm.music.sheet.quantise import UNITS, GridLoss, GridNote, grid_bars, grid_loss, quantise


def grid(score: Score) -> list[GridNote]:
    return quantise(score, score.notes, grid_bars(score, score_bars(score)))


def spans(score: Score) -> list[tuple[int, int]]:
    return [(note.start, note.end) for note in grid(score)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=12), st.sampled_from([4, 3, 12, 8])
)
def test_what_lies_on_one_grid_is_kept_exactly(rows: list[tuple[int, int]], division: int) -> None:
    starts, lengths = zip(*rows, strict=True)
    score = Score(division, make_notes(starts, lengths, np.arange(40, 40 + len(rows))), (Track(),))
    unit = UNITS // division
    expected = sorted((start * unit, (start + length) * unit) for start, length in rows)
    assert sorted(spans(score)) == expected


def test_triplets_beside_eighths_in_another_beat_stay() -> None:
    score = Score(12, make_notes([0, 4, 8, 12, 18], [4, 4, 4, 6, 6], 60), (Track(),))
    assert spans(score) == [(0, 8), (8, 16), (16, 24), (24, 36), (36, 48)]


def test_playing_is_straightened() -> None:
    score = Score(480, make_notes([7, 235, 491, 712, 955], [222, 240, 205, 230, 470], 60), (Track(),))
    assert spans(score) == [(0, 12), (12, 24), (24, 36), (36, 48), (48, 72)]


def test_played_triplets_are_heard_as_triplets() -> None:
    score = Score(480, make_notes([3, 163, 315, 484], [150, 160, 150, 450], 60), (Track(),))
    assert [start for start, _ in spans(score)] == [0, 8, 16, 24]


def test_staccato_is_written_up_to_the_next_note_but_a_real_rest_stays() -> None:
    score = Score(480, make_notes([5, 240, 480, 1440], [130, 140, 235, 200], [60, 62, 64, 65]), (Track(),))
    assert spans(score) == [(0, 12), (12, 24), (24, 36), (72, 84)]


def test_a_note_that_lasts_into_the_next_of_its_pitch_ends_there() -> None:
    score = Score(4, make_notes([0, 4], [8, 4], [60, 60]), (Track(),))
    assert spans(score) == [(0, 24), (24, 48)]


def test_of_two_notes_on_one_key_at_once_the_longer_is_kept() -> None:
    score = Score(4, make_notes([0, 0], [2, 8], [60, 60]), (Track(),))
    assert spans(score) == [(0, 48)]


def test_no_note_vanishes() -> None:
    score = Score(480, make_notes([0, 3, 470], 1, [60, 61, 62]), (Track(),))
    assert all(note.end > note.start for note in grid(score))
    assert len(grid(score)) == 3


def test_highest_notes_come_first() -> None:
    assert [note.pitch for note in grid(Score(4, make_notes(0, 4, [60, 67, 64]), (Track(),)))] == [67, 64, 60]


def test_without_notes_there_is_nothing() -> None:
    assert grid(Score(4)) == []


@pytest.mark.parametrize(("numerator", "denominator", "size"), [(4, 4, 96), (6, 8, 72), (7, 16, 42), (5, 32, 15)])
def test_bars_have_their_size(numerator: int, denominator: int, size: int) -> None:
    score = Score(480, make_notes(0, 4000, 60), (Track(),), time_signatures=(TimeSignature(0, numerator, denominator),))
    bars = grid_bars(score, score_bars(score))
    assert {bar.size for bar in bars} == {size}
    assert all(bar.end == after.start for bar, after in pairwise(bars))


def test_what_writing_costs_is_counted() -> None:
    kept = Score(480, make_notes([0, 480, 640, 800, 960], [480, 160, 160, 160, 60], 60), (Track(),))
    assert (grid_loss(kept), str(grid_loss(kept))) == (GridLoss(5, 5, 0), "")
    repeated = Score(480, make_notes(np.arange(16) * 30, 30, 60), (Track(),))
    loss = grid_loss(repeated)
    assert loss.n_notes == 16
    assert loss.n_written == len(quantise(repeated, repeated.notes, grid_bars(repeated, score_bars(repeated)))) < 16
    assert str(loss).startswith(f"{16 - loss.n_written} of 16 notes fall on another of their pitch and ")
    fifths = Score(480, make_notes(np.arange(5) * 96, 96, [60, 61, 62, 63, 64]), (Track(),))
    assert str(grid_loss(fifths)).startswith("4 notes are moved to the nearest rhythm that is written (down to 32nds")
    unison = Score(480, make_notes([0, 0], [480, 240], 60), (Track(),))
    assert grid_loss(unison).n_written == 1
