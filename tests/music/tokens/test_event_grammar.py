"""The grammar's layout and rules (that they agree with real spellings is tested in test_events.py)."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.music.tokens.event_grammar import N_KEYS, EventLayout, EventState, Kind

LAYOUT = EventLayout.build(bar_steps=(16, 12), n_tempi=3, n_tracks=2, n_velocities=4, durations=(1, 2, 3, 4, 5))


def after(*events: tuple[Kind, int]) -> dict[Kind, list[int]]:
    """The values of each kind that may come after these events."""
    tokens = np.array([LAYOUT.ids(kind, value) for kind, value in events] + [0])
    legal = EventState.along(LAYOUT, tokens).legal(LAYOUT)[-1]
    allowed: dict[Kind, list[int]] = {}
    for token in np.flatnonzero(legal):
        allowed.setdefault(Kind(int(LAYOUT.kind_of[token])), []).append(int(LAYOUT.value_of[token]))
    return allowed


START_OF_PIECE = [
    (Kind.PROGRAM, 128),
    (Kind.PROGRAM, 5),
    (Kind.BAR, 0),
    (Kind.TIME_SIGNATURE, 1),
    (Kind.POSITION, 0),
    (Kind.TEMPO, 2),
]


def test_ids_follow_the_order_of_kinds() -> None:
    assert LAYOUT.sizes == (1, 1, 1, 2, 16, N_KEYS, 3, 129, 2, 128, 128, 4, 5)
    assert LAYOUT.vocabulary_size == sum(LAYOUT.sizes) == len(LAYOUT.kind_of)
    assert LAYOUT.ids(Kind.END) == 1
    assert LAYOUT.ids(Kind.TIME_SIGNATURE, np.array([0, 1])).tolist() == [3, 4]
    assert LAYOUT.value_of[LAYOUT.ids(Kind.DURATION, 4)] == 4
    assert LAYOUT.column_sizes == (LAYOUT.vocabulary_size, 17, 3, 9, 31, 130, 3, 129)


@pytest.mark.parametrize("n_events", range(1, 7))
def test_a_piece_begins_with_its_tracks_metre_and_tempo(n_events: int) -> None:
    allowed = after(*START_OF_PIECE[:n_events])
    everything = list(range(129))
    expected = {
        1: {Kind.PROGRAM: everything, Kind.BAR: [0]},
        2: {Kind.BAR: [0]},  # no room for a third track
        3: {Kind.TIME_SIGNATURE: [0, 1]},
        4: {Kind.POSITION: [0]},
        5: {Kind.KEY: list(range(N_KEYS)), Kind.TEMPO: [0, 1, 2]},
        6: {Kind.TRACK: [0, 1], Kind.POSITION: list(range(1, 12)), Kind.BAR: [0], Kind.END: [0]},
    }
    assert allowed == expected[n_events]
    assert after((Kind.BAR, 0)) == {Kind.TIME_SIGNATURE: [0, 1]}


def test_pitches_tracks_and_positions_only_rise() -> None:
    drum = [*START_OF_PIECE, (Kind.TRACK, 0)]
    assert after(*drum) == {Kind.DRUM: list(range(128))}
    drum += [(Kind.DRUM, 125)]
    assert after(*drum) == {Kind.VELOCITY: [0, 1, 2, 3]}
    drum += [(Kind.VELOCITY, 0)]
    assert after(*drum) == {Kind.DURATION: [0, 1, 2, 3, 4]}
    drum += [(Kind.DURATION, 0)]
    rest = {Kind.POSITION: list(range(1, 12)), Kind.BAR: [0], Kind.END: [0]}
    assert after(*drum) == {Kind.DRUM: [126, 127], Kind.TRACK: [1], **rest}
    tonal = [*drum, (Kind.TRACK, 1), (Kind.PITCH, 127), (Kind.VELOCITY, 0), (Kind.DURATION, 0)]
    assert after(*tonal) == rest
    later = [*tonal, (Kind.POSITION, 11), (Kind.TRACK, 1)]
    assert after(*later) == {Kind.PITCH: list(range(128))}


def test_metres_keys_and_tempi_are_named_when_they_change() -> None:
    piece = [*START_OF_PIECE, (Kind.BAR, 0)]
    assert after(*piece) == {Kind.TIME_SIGNATURE: [0], Kind.POSITION: list(range(12)), Kind.BAR: [0]}
    piece += [(Kind.TIME_SIGNATURE, 0)]
    assert after(*piece) == {Kind.POSITION: list(range(16)), Kind.BAR: [0], Kind.END: [0]}
    piece += [(Kind.POSITION, 3), (Kind.KEY, 7)]
    assert after(*piece)[Kind.TEMPO] == [0, 1]
    piece += [(Kind.POSITION, 4)]
    assert after(*piece) == {
        Kind.KEY: [key for key in range(N_KEYS) if key != 7],
        Kind.TEMPO: [0, 1],
        Kind.TRACK: [0, 1],
    }
    assert after(*piece, (Kind.TEMPO, 1)) == {
        Kind.TRACK: [0, 1],
        Kind.POSITION: list(range(5, 16)),
        Kind.BAR: [0],
        Kind.END: [0],
    }


def test_columns_tell_where_the_piece_stands() -> None:
    events = [
        *START_OF_PIECE,
        *((Kind.TRACK, 1), (Kind.PITCH, 60), (Kind.VELOCITY, 0), (Kind.DURATION, 0), (Kind.BAR, 0)),
        *((Kind.POSITION, 4), (Kind.KEY, 7), (Kind.TRACK, 1), (Kind.PITCH, 64)),
    ]
    tokens = np.array([LAYOUT.ids(kind, value) for kind, value in events])
    columns = EventState.along(LAYOUT, np.append(tokens, 0)).columns()
    np.testing.assert_array_equal(columns[0], 0)
    np.testing.assert_array_equal(columns[1:, 0], tokens)
    # position, metre, bar, key, program, track, melody; each 1 more than its value, 0 for none yet
    assert columns[6].tolist()[1:] == [1, 2, 1, 0, 0, 0, 0]
    assert columns[7].tolist()[1:] == [1, 2, 1, 0, 6, 2, 0]
    assert columns[11].tolist()[1:] == [0, 2, 2, 0, 0, 0, 0]
    assert columns[14].tolist()[1:] == [5, 2, 2, 8, 6, 2, 61]
    assert columns[15].tolist()[1:] == [5, 2, 2, 8, 6, 2, 65]


def test_a_piece_of_nothing_has_no_rows() -> None:
    state = EventState.along(LAYOUT, np.empty(0, np.int64))
    assert state.columns().shape == (0, 8)
    assert state.legal(LAYOUT).shape == (0, LAYOUT.vocabulary_size)
