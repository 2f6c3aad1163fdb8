"""The order of the event grammar: by tick, rank and track, with each note's tokens after those of its part."""

from __future__ import annotations

import numpy as np

from audio_lstm.music.tokens.event_order import OrderedTokens


def test_notes_follow_the_track_token_of_their_part() -> None:
    order = OrderedTokens()
    order.add([0, 48], 0, np.array([1, 1]))  # bars
    order.add([48, 0], 4, np.array([3, 2]))  # tempi, in any order
    order.add(np.array([0, 0, 48]), 5, np.array([10, 11, 10]), np.array([0, 1, 0]))
    notes = np.array([[60, 100], [64, 101], [40, 102], [62, 103]])
    new_part = np.array([True, False, True, True])
    expected = [1, 2, 10, 60, 100, 64, 101, 11, 40, 102, 1, 3, 10, 62, 103]
    assert order.with_notes(new_part, notes).tolist() == expected


def test_a_piece_without_notes_keeps_its_other_tokens() -> None:
    order = OrderedTokens()
    order.add([0], 0, np.array([1]))
    order.add(np.zeros(0, np.int64), 5, np.zeros(0, np.int64))
    tokens = order.with_notes(np.zeros(0, np.bool_), np.zeros((0, 3), np.int64))
    assert tokens.tolist() == [1]
