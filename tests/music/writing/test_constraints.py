"""Constraints: they hold in every piece that is written under them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import END, ChoraleCursor, ChoraleGrid
from audio_lstm.music.tokens.representation import Cursor
from audio_lstm.music.writing.constraints import without_freezing, without_parallels, without_rests
from audio_lstm.music.writing.sample import Mask, sample_tokens


def uniform(columns: NDArray[np.int64], state: int | None) -> tuple[NDArray[np.float32], int]:
    return np.zeros((len(columns), ChoraleGrid().vocabulary_size), dtype=np.float32), 0


def exactly(n_steps: int, *masks: Mask) -> Mask:
    """Chorales of this length, under other masks besides."""

    def mask(cursor: Cursor) -> NDArray[np.bool_]:
        assert isinstance(cursor, ChoraleCursor)
        allowed = cursor.legal()
        at_end = cursor.n_cells == n_steps * N_VOICES
        allowed[:, END] &= at_end
        allowed[at_end, END + 1 :] = False
        for further in masks:
            allowed &= further(cursor)
        return allowed | cursor.done[:, None]

    return mask


def count_parallels(grid: NDArray[np.int64]) -> int:
    """Pairs of voices that move in parallel fifths or octaves, counted without the cursor."""
    n_parallels = 0
    for high in range(4):
        for low in range(high + 1, 4):
            for before, after in itertools.pairwise(grid[:, [high, low]]):
                sounding = min(*before, *after) >= 0
                parallel = before[0] - before[1] == after[0] - after[1] and (before[0] - before[1]) % 12 in (0, 7)
                n_parallels += bool(sounding and parallel and before[0] != after[0])
    return n_parallels


@pytest.mark.parametrize("order", ["SATB", "BTAS", "TSBA"])
def test_no_fifths_or_octaves_in_parallel_whatever_the_order(order: str) -> None:
    grid = ChoraleGrid(order=order, low=58, high=65)  # so few pitches that parallels abound

    def step(columns: NDArray[np.int64], state: None) -> tuple[NDArray[np.float32], None]:
        return np.zeros((len(columns), grid.vocabulary_size), np.float32), None

    free = sample_tokens(step, grid, n_takes=4, seed=0, mask=exactly(256))
    assert sum(count_parallels(grid.decode(take)) for take in free) > 40
    kept = sample_tokens(step, grid, n_takes=4, seed=0, mask=exactly(256, without_parallels))
    assert [count_parallels(grid.decode(take)) for take in kept] == [0] * 4


def test_no_chord_stands_for_more_than_a_bar() -> None:
    def stubborn(columns: NDArray[np.int64], state: None) -> tuple[NDArray[np.float32], None]:
        logits = np.zeros((len(columns), ChoraleGrid().vocabulary_size), np.float32)
        logits[np.arange(len(columns)), columns[:, 3]] = 20.0  # lag_4: hold whatever sounds
        return logits, None

    def longest_chord(take: NDArray[np.int64]) -> int:
        changes = (np.diff(ChoraleGrid().decode(take), axis=0) != 0).any(axis=1)
        return int(np.diff(np.flatnonzero(np.concatenate([[True], changes, [True]]))).max())

    frozen = sample_tokens(stubborn, ChoraleGrid(), n_takes=2, seed=0, mask=exactly(100))
    assert [longest_chord(take) for take in frozen] == [100, 100]
    moving = sample_tokens(stubborn, ChoraleGrid(), n_takes=2, seed=0, mask=exactly(100, without_freezing))
    assert [longest_chord(take) for take in moving] == [16, 16]


def test_all_rules_hold_together_and_every_voice_sings() -> None:
    takes = sample_tokens(
        uniform, ChoraleGrid(), n_takes=4, seed=0, mask=exactly(64, without_parallels, without_freezing, without_rests)
    )
    for take in takes:
        grid = ChoraleGrid().decode(take)
        assert grid.min() >= 0
        assert count_parallels(grid) == 0
    free = sample_tokens(uniform, ChoraleGrid(), n_takes=4, seed=0, mask=exactly(64))
    assert min(ChoraleGrid().decode(take).min() for take in free) == -1
