"""The cursor's own duties (that it equals the whole-piece rows is tested in test_events.py)."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.tokens.event_grammar import EventLayout, Kind

LAYOUT = EventLayout.build(bar_steps=(4,), n_tempi=1, n_tracks=1, n_velocities=1, n_durations=1)
BAR, METRE = int(LAYOUT.ids(Kind.BAR)), int(LAYOUT.ids(Kind.TIME_SIGNATURE))
POSITION, TEMPO, END = int(LAYOUT.ids(Kind.POSITION)), int(LAYOUT.ids(Kind.TEMPO)), int(LAYOUT.ids(Kind.END))


def test_pieces_in_a_batch_do_not_touch_one_another() -> None:
    cursor = EventCursor(LAYOUT, 2)
    program = int(LAYOUT.ids(Kind.PROGRAM, 7))
    for tokens in ([BAR, program], [METRE, BAR], [POSITION, METRE], [TEMPO, POSITION]):
        cursor.push(np.array(tokens))
    alone = EventCursor(LAYOUT, 1)
    for token in (program, BAR, METRE, POSITION):
        alone.push(np.array([token]))
    np.testing.assert_array_equal(cursor.columns()[1:], alone.columns())
    np.testing.assert_array_equal(cursor.legal()[1:], alone.legal())


def test_a_piece_that_is_done_keeps_its_place() -> None:
    cursor = EventCursor(LAYOUT, 2)
    for token in (BAR, METRE, POSITION, TEMPO):
        cursor.push(np.array([token, token]))
    cursor.push(np.array([END, BAR]))
    assert cursor.done.tolist() == [True, False]
    columns = cursor.columns()[0]
    cursor.push(np.array([METRE, POSITION + 1]))  # what is pushed to the first is ignored
    np.testing.assert_array_equal(cursor.columns()[0], columns)
    assert np.flatnonzero(cursor.legal()[0]).tolist() == [END]
    assert cursor.done.tolist() == [True, False]


def test_what_the_caller_does_to_the_legal_tokens_changes_nothing() -> None:
    cursor = EventCursor(LAYOUT, 1)
    cursor.legal()[:] = False
    assert cursor.legal()[0, BAR]
    cursor.push(np.array([BAR]))


def test_wrong_pushes_are_refused_and_change_nothing() -> None:
    cursor = EventCursor(LAYOUT, 2)
    with pytest.raises(ScoreError, match="token 1 may not follow token 0 in piece 1"):
        cursor.push(np.array([BAR, END]))
    assert cursor.columns()[:, 0].tolist() == [0, 0]
    with pytest.raises(ScoreError, match="3 tokens for a batch of 2; expected one a piece"):
        cursor.push(np.array([BAR, BAR, BAR]))
    with pytest.raises(ConfigError, match="batch is 0; expected at least 1"):
        EventCursor(LAYOUT, 0)
