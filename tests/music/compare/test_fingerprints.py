"""Fingerprints: the same in every key and rhythm, and nothing that everybody uses is telling."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.music.compare.fingerprints import KEY_NOTES, fingerprints, keys_of, lines_of, telling
from audio_lstm.music.score.score import Score, Track, make_notes

WINDOWS = np.lib.stride_tricks.sliding_window_view


def test_no_fingerprint_is_zero_and_they_spread_evenly() -> None:
    intervals = np.random.default_rng(0).integers(-20, 21, (100_000, 4))
    counts = np.bincount(fingerprints(intervals), minlength=256)
    assert counts[0] == 0
    assert counts[1:].min() > 300
    assert counts[1:].max() < 500


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("a major scale", [2, 2, 1, 2, 2, 2, 1]),
        ("a chromatic scale", [1] * 7),
        ("a trill", [2, -2] * 4),
        ("an Alberti bass", [7, -3, 3, -7] * 2),
        ("a broken triad", [4, 3, -7] * 3),
    ],
)
def test_what_is_nobodys_own_is_not_telling(name: str, steps: list[int]) -> None:
    assert not telling(np.array(steps[: KEY_NOTES - 1]))


def test_a_tune_is_telling() -> None:
    joy = np.array([64, 65, 67, 65, 64, 62, 60, 62, 64, 62])  # Ode to Joy, its repeated notes as one
    assert telling(WINDOWS(np.diff(joy), KEY_NOTES - 1)).all()


def test_a_key_is_four_bytes_in_a_row() -> None:
    assert keys_of(np.array([1, 2, 3, 4, 255], np.uint8)).tolist() == [0x01020304, 0x020304FF]


def test_lines_move_and_rolled_chords_have_one_top() -> None:
    starts, pitches = [0, 3, 480, 960, 1440], [60, 72, 71, 71, 69]
    (line,) = lines_of(Score(480, make_notes(starts, 400, pitches), (Track(),)))
    assert line.pitches.tolist() == [72, 71, 69]
    assert line.start_ticks.tolist() == [0, 12, 36]
