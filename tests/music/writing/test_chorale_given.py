"""Given cells and chords narrow what a chorale may sing."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.chord_track import ChordTrack
from audio_lstm.music.score.chords import parse_chords
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.writing.chorale_given import ChoraleGiven

GRID = ChoraleGrid()


def track(text: str) -> ChordTrack:
    return ChordTrack(parse_chords(text), steps_per_quarter=4, beat_steps=4)


def pitches(allowed: np.ndarray) -> set[int]:
    return set((np.flatnonzero(allowed[0]) - 3 + GRID.low).tolist())


def everything() -> np.ndarray:
    allowed = np.ones((1, GRID.vocabulary_size), np.bool_)
    allowed[:, :3] = False
    return allowed


def test_given_cells_are_forced() -> None:
    given = ChoraleGiven(GRID, 1, cells=np.array([[5, -1, -1, 9]]))
    assert [given.forced(cell) for cell in range(5)] == [5, None, None, 9, None]
    assert given.n_steps == 1


def test_a_chord_has_its_bass_below_and_all_its_tones() -> None:
    given = ChoraleGiven(GRID, 1, chords=track("Am"))
    sung = [69, 69, 69]  # three voices on the root: the bass has the root too
    for cell, pitch in enumerate(sung):
        allowed = everything()
        given.narrow(allowed, cell)
        assert {value % 12 for value in pitches(allowed)} <= {9, 0, 4}
        assert min(pitches(allowed)) >= 33
        if cell == 2:
            assert {value % 12 for value in pitches(allowed)} <= {0, 4}
        given.push([pitch - GRID.low + 3], cell)
    allowed = everything()
    given.narrow(allowed, 3)
    assert {value % 12 for value in pitches(allowed)} == {9}
    assert max(pitches(allowed)) <= 69


def test_between_beats_anything_may_pass() -> None:
    given = ChoraleGiven(GRID, 1, chords=track("Am"), chords_from=4)
    for cell in (0, 20, 28):
        allowed = everything()
        given.narrow(allowed, cell)
        assert allowed.sum() == everything().sum()
    allowed = everything()
    given.narrow(allowed, 32)  # the second beat of the chord
    assert {value % 12 for value in pitches(allowed)} == {9, 0, 4}
    nothing = ChoraleGiven(GRID, 1, chords=track("N.C."))
    allowed = everything()
    nothing.narrow(allowed, 0)
    assert allowed.sum() == everything().sum()


def test_rows_that_go_on_keep_what_they_sang() -> None:
    given = ChoraleGiven(GRID, 2, chords=track("Am"))
    for cell in range(3):
        given.push([40, 30], cell)
    given.keep([1])
    allowed = everything()
    given.narrow(allowed, 3)
    assert max(np.flatnonzero(allowed[0])) <= 30


def test_a_chord_without_a_note_left_is_named() -> None:
    given = ChoraleGiven(GRID, 1, chords=track("Am"))
    allowed = np.zeros((1, GRID.vocabulary_size), np.bool_)
    allowed[0, 3 + 60 - GRID.low + 1] = True
    with pytest.raises(ConfigError, match="chord 'Am' at 16th 1: the other wishes leave it no note; change one"):
        given.narrow(allowed, 0)
