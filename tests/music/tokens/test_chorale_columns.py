"""The columns of chorales one by one; that whole pieces and the cursor agree is tested in test_chorale.py."""

from __future__ import annotations

import numpy as np

from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.chorale_columns import (
    FEATURES,
    FIRST_PITCH,
    REST,
    clock,
    column_values,
    delayed,
    intervals,
)


def test_intervals_are_the_same_in_every_key_and_unknown_beside_a_rest() -> None:
    grid = ChoraleGrid()
    voices = np.array([[72, 67, 64, 48], [74, 67, 65, 47], [72, 67, -1, 48]])
    rows, higher = (grid.columns(grid.encode(piece)) for piece in (voices, np.where(voices < 0, -1, voices + 3)))
    names = [FEATURES.index(name) for name in ("interval_1", "interval_2", "interval_3", "last_move")]
    np.testing.assert_array_equal(rows[:, names], higher[:, names])
    assert not rows[:4, names].any()  # no voice has sung yet
    # The second alto: the soprano has just moved to 74, bass and tenor stand at 48 and 64, and it sang 67.
    assert (rows[5, names[:3]] - 25).tolist() == [7, -19, -3]
    tenor = 10  # of the third step: it moved from 64 to 65
    assert rows[tenor, names[3]] - 25 == 1
    bass = 11  # of the third step: the tenor before it rests
    assert rows[bass, names[0]] == 0


def test_intervals_are_told_apart_up_to_two_octaves() -> None:
    token = np.array([FIRST_PITCH, FIRST_PITCH + 30, REST])
    values = {f"lag_{lag}": token for lag in range(1, 4)} | {"lag_4": token[[1, 0, 0]], "before": token[[2, 0, 0]]}
    found = intervals(values)
    assert found["interval_2"].tolist() == [1, 49, 0]
    assert found["last_move"].tolist() == [0, 25, 25]
    assert max(found["interval_1"]) < column_values()["interval_1"]


def test_places_and_delays() -> None:
    assert {name: values.tolist() for name, values in clock(np.array([0, 5, 66])).items()} == {
        "voice": [0, 1, 2],
        "beat": [0, 1, 0],
        "bar_4": [0, 1, 0],
        "bar_3": [0, 1, 4],
    }
    assert delayed(np.array([5, 6, 7]), 2).tolist() == [0, 0, 5]
    assert set(column_values()) < set(FEATURES)
