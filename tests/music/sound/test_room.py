"""The room: its tail dies as it should, and blocks give what the whole gives."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.music.sound.room import DECAY_S, Room, room_response

RATE = 16_000


def test_the_tail_falls_by_sixty_decibels_in_its_time() -> None:
    response = room_response(RATE)
    left = np.cumsum((response**2)[:, ::-1], axis=1)[:, ::-1]  # Schroeder's integral
    level = 10 * np.log10(left / left[:, :1])
    at = int(0.4 * RATE)
    slope_db = (level[:, at + int(0.2 * RATE)] - level[:, at]) / 0.2
    assert -60 / slope_db == pytest.approx([DECAY_S, DECAY_S], rel=0.35)
    assert abs(np.corrcoef(response)[0, 1]) < 0.2


def test_blocks_give_what_the_whole_gives() -> None:
    sound = np.random.default_rng(0).normal(size=(2, 4096)).astype(np.float32)
    whole = Room(RATE, 4096).add(sound)
    room = Room(RATE, 1024)
    parts = np.concatenate([room.add(sound[:, start : start + 1024]) for start in range(0, 4096, 1024)], axis=1)
    np.testing.assert_allclose(parts, whole, atol=1e-4)


def test_the_direct_sound_comes_through_unchanged_before_the_first_echo() -> None:
    click = np.zeros((2, 512), np.float32)
    click[:, 0] = 1.0
    answer = Room(RATE, 512).add(click)
    np.testing.assert_allclose(answer[:, :100], click[:, :100], atol=1e-5)
    assert np.abs(answer[:, 140:]).max() > 0.01


def test_the_room_falls_silent_after_its_tail() -> None:
    room = Room(RATE, 4096)
    room.add(np.ones((2, 4096), np.float32))
    for _ in range(-(-room.tail_samples // 4096)):
        room.add(np.zeros((2, 4096), np.float32))
    assert np.abs(room.add(np.zeros((2, 4096), np.float32))).max() < 1e-4
