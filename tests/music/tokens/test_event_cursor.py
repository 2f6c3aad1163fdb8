"""The cursor's own duties (that it equals the whole-piece rows is tested in test_events.py)."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.score.score import Score, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.event_cursor import EventCursor, EventPiece
from audio_lstm.music.tokens.event_grammar import EventLayout, Kind
from audio_lstm.music.tokens.events import EventVocabulary

LAYOUT = EventLayout.build(bar_steps=(4,), n_tempi=1, n_tracks=1, n_velocities=1, durations=(1,))
BAR, METRE = int(LAYOUT.ids(Kind.BAR)), int(LAYOUT.ids(Kind.TIME_SIGNATURE))
POSITION, TEMPO, END = int(LAYOUT.ids(Kind.POSITION)), int(LAYOUT.ids(Kind.TEMPO)), int(LAYOUT.ids(Kind.END))
NOTES = make_notes([0, 0, 480, 1440, 1440], [960, 240, 480, 960, 240], [60, 36, 64, 67, 38], 80, [0, 1, 0, 0, 1])
SCORE = Score(480, NOTES, (Track("a"), Track("kit", is_drum=True)), (), (TimeSignature(0, 3, 4),))


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


def test_a_piece_that_forks_goes_two_ways() -> None:
    vocabulary = EventVocabulary()
    tokens = vocabulary.encode(SCORE)
    cursor, whole = vocabulary.cursor(1), vocabulary.cursor(2)
    for token in tokens[:12].tolist():
        cursor.push(np.array([token]))
    cursor.fork([0, 0])
    others = vocabulary.encode(Score(480, NOTES[:2], SCORE.tracks, (), SCORE.time_signatures))[:-1]
    for token, other in zip(tokens.tolist(), others.tolist(), strict=False):
        whole.push(np.array([token, other]))
    for token, other in zip(tokens[12:].tolist(), others[12:].tolist(), strict=False):
        cursor.push(np.array([token, other]))
    np.testing.assert_array_equal(cursor.columns(), whole.columns())
    np.testing.assert_array_equal(cursor.legal(), whole.legal())
    first, second = cursor.pieces
    assert (first.sounding, first.has_played) == (whole.pieces[0].sounding, whole.pieces[0].has_played)
    assert (second.sounding, second.programs) == (whole.pieces[1].sounding, whole.pieces[1].programs)


def test_a_piece_knows_its_bar_position_and_sounding_notes() -> None:
    vocabulary = EventVocabulary()
    piece = EventPiece(vocabulary.layout)
    seen = []
    for token in vocabulary.encode(SCORE).tolist():
        piece.push(token)
        if piece.kind == Kind.DURATION:
            seen.append((piece.bar, piece.now, piece.track, piece.pitch, sorted(piece.held())))
    assert seen == [
        (0, 0, 0, 60, [(0, 60)]),
        (0, 0, 1, 36, [(0, 60)]),
        (0, 12, 0, 64, [(0, 60), (0, 64)]),
        (1, 36, 0, 67, [(0, 67)]),
        (1, 36, 1, 38, [(0, 67)]),
    ]
    assert piece.bar_end == 72
    assert piece.programs == [0, 128]
    assert piece.is_drum(1)
    assert piece.has_played == {0, 1}
    assert piece.n_tokens == len(vocabulary.encode(SCORE))
