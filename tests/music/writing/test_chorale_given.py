"""Given cells and chords narrow what a chorale may sing."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wishes import PitchRange, Wishes
from audio_lstm.music.score.chord_track import ChordTrack
from audio_lstm.music.score.chords import parse_chords
from audio_lstm.music.tokens.chorale import END, ChoraleGrid
from audio_lstm.music.writing.chorale_given import ChordTones, GivenCells
from audio_lstm.music.writing.chorale_plan import plan_chorale
from audio_lstm.music.writing.planned_chorale import chorale_writer

GRID = ChoraleGrid()


def track(text: str) -> ChordTrack:
    return ChordTrack(parse_chords(text), steps_per_quarter=4, beat_steps=4)


def pitches(allowed: np.ndarray) -> set[int]:
    return set((np.flatnonzero(allowed[0]) - 3 + GRID.low).tolist())


def everything() -> np.ndarray:
    allowed = np.ones((1, GRID.vocabulary_size), np.bool_)
    allowed[:, :3] = False
    return allowed


def left(constraint: GivenCells | ChordTones, offered: np.ndarray | None = None) -> np.ndarray:
    start = everything() if offered is None else offered
    return constraint.allowed(GRID.cursor(len(start)), start)


def push(constraint: GivenCells | ChordTones, *tokens: int) -> None:
    constraint.push(GRID.cursor(len(tokens)), tokens)


def test_given_cells_are_forced() -> None:
    unknown = GivenCells.UNKNOWN
    given = GivenCells(np.array([[5, unknown, unknown, 9]]))
    found = []
    for _ in range(5):
        allowed = left(given)
        found.append(np.flatnonzero(allowed[0]).tolist() if allowed.sum() == 1 else None)
        push(given, 5)
    assert found == [[5], None, None, [9], None]


def test_no_piece_ends_within_given_cells_and_some_end_after_them() -> None:
    for ends in (False, True):
        given = GivenCells(np.full((1, 4), GivenCells.UNKNOWN), ends=ends)
        offered = everything()
        offered[:, END] = True
        for _ in range(4):
            assert not left(given, offered)[0, END]
            push(given, 5)
        assert left(given, offered).sum() == (1 if ends else offered.sum())


def test_a_chord_has_its_bass_below_and_all_its_tones() -> None:
    given = ChordTones(GRID, 1, track("Am"))
    for cell, pitch in enumerate([69, 69, 69]):  # three voices on the root: the bass has the root too
        allowed = left(given)
        assert {value % 12 for value in pitches(allowed)} <= {9, 0, 4}
        assert min(pitches(allowed)) >= 33
        if cell == 2:
            assert {value % 12 for value in pitches(allowed)} <= {0, 4}
        push(given, pitch - GRID.low + 3)
    allowed = left(given)
    assert {value % 12 for value in pitches(allowed)} == {9}
    assert max(pitches(allowed)) <= 69


def test_between_beats_anything_may_pass() -> None:
    given = ChordTones(GRID, 1, track("Am"), start=4)
    for cell in range(33):
        if cell in (0, 20, 28):
            assert left(given).sum() == everything().sum()
        if cell < 32:
            push(given, 40)
    assert {value % 12 for value in pitches(left(given))} == {9, 0, 4}  # the second beat of the chord
    assert left(ChordTones(GRID, 1, track("N.C."))).sum() == everything().sum()


def test_pieces_that_go_on_keep_what_they_sang() -> None:
    given = ChordTones(GRID, 2, track("Am"))
    for _ in range(3):
        push(given, 40, 30)
    given.fork(GRID.cursor(1), [1])
    assert max(np.flatnonzero(left(given)[0])) <= 30


def test_a_chord_without_a_note_left_is_named() -> None:
    plan = plan_chorale(GRID, Wishes(bars=1, ranges=(PitchRange(61, 61),)))
    writer = chorale_writer(plan, 1, given=[ChordTones(GRID, 1, track("Am"))])
    with pytest.raises(ConfigError, match="chord 'Am' at 16th 1: the other wishes leave it no note; change one"):
        writer.choices()
