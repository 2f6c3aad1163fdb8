"""The chorale grid: round trips, the grammar, columns that know the past alone, and the cursor as their twin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music.tokens.chorale import END, FEATURES, FIRST_PITCH, REST, ChoraleGrid

ORDERS = ("SATB", "BSTA", "BTAS")


def held_grid(n_steps: int, seed: int = 0) -> NDArray[np.int64]:
    """Held notes, rests, and a repeated first half."""
    rng = np.random.default_rng(seed)
    values = np.stack([np.roll(np.repeat(rng.choice([-1, 48, 55, 60], n_steps), 3), v) for v in range(4)], axis=1)
    return np.concatenate([values[:n_steps], values[:n_steps]])


@pytest.mark.parametrize("order", ORDERS)
def test_a_grid_comes_back_from_its_tokens(order: str) -> None:
    representation = ChoraleGrid(order=order)
    grid = held_grid(17)
    tokens = representation.encode(grid)
    assert tokens.dtype == np.int64
    assert tokens[-1] == END
    assert representation.n_units(tokens) == tokens.size - 1 == grid.size
    np.testing.assert_array_equal(representation.decode(tokens), grid)
    np.testing.assert_array_equal(representation.decode(tokens[:-1]), grid)


def test_cells_follow_the_order() -> None:
    grid = [[72, 67, 60, -1]]
    low = FIRST_PITCH - 33
    assert ChoraleGrid().encode(grid).tolist() == [72 + low, 67 + low, 60 + low, REST, END]
    assert ChoraleGrid(order="BSTA").encode(grid).tolist() == [REST, 72 + low, 60 + low, 67 + low, END]


def test_all_real_chorales_survive_the_round_trip(shared: Path) -> None:
    corpus = json.loads((shared / "music/jsb16/satb.trainvalid.json").read_text())
    representation = ChoraleGrid()
    n = 0
    for pieces in corpus.values():
        for piece in pieces:
            np.testing.assert_array_equal(representation.decode(representation.encode(piece)), piece)
            n += 1
    assert n == 305


@pytest.mark.parametrize("order", ORDERS)
def test_the_cursor_says_what_columns_and_legal_say(order: str) -> None:
    representation = ChoraleGrid(order=order)
    pieces = [representation.encode(held_grid(n, seed=n)) for n in (1, 9, 24, 40)]
    columns = [representation.columns(piece) for piece in pieces]
    legal = [representation.legal(piece) for piece in pieces]
    cursor = representation.cursor(len(pieces))
    n_compared = 0
    for t in range(max(piece.size for piece in pieces)):
        now, allowed = cursor.columns(), cursor.legal()
        np.testing.assert_array_equal(cursor.done, [t >= piece.size for piece in pieces])
        for row, piece in enumerate(pieces):
            if t < piece.size:
                np.testing.assert_array_equal(now[row], columns[row][t])
                np.testing.assert_array_equal(allowed[row], legal[row][t])
                n_compared += 1
        cursor.push(np.array([piece[t] if t < piece.size else 0 for piece in pieces]))
    assert n_compared == sum(piece.size for piece in pieces)
    assert cursor.done.all()
    assert cursor.n_cells.tolist() == [piece.size - 1 for piece in pieces]
    assert cursor.legal().any(axis=1).all()


def test_columns_and_legal_depend_on_the_past_alone() -> None:
    representation = ChoraleGrid()
    tokens = representation.encode(held_grid(30))
    columns, legal = representation.columns(tokens), representation.legal(tokens)
    for n in (0, 1, 2, 5, 33, 100, 239):
        np.testing.assert_array_equal(representation.columns(tokens[:n]), columns[:n])
        np.testing.assert_array_equal(representation.legal(tokens[:n]), legal[:n])
        changed = tokens.copy()
        changed[n:-1] = 7
        np.testing.assert_array_equal(representation.columns(changed)[: n + 1], columns[: n + 1])


def test_columns_hold_what_their_names_say() -> None:
    representation = ChoraleGrid()
    tokens = representation.encode(held_grid(40))
    columns = representation.columns(tokens)
    named = dict(zip(FEATURES, columns.T, strict=True))
    for t in range(tokens.size):
        past = tokens[:t]
        lags = [int(past[-lag]) if t >= lag else 0 for lag in range(1, 5)]
        assert [named[name][t] for name in ("previous", "lag_2", "lag_3", "lag_4")] == lags
        for lag in range(1, 5):
            voice = past[::-1][lag - 1 :: 4]  # the voice of that cell, newest first
            hold = 0
            while hold < len(voice) and voice[hold] == voice[0]:
                hold += 1
            assert named[f"hold_{lag}"][t] == min(hold, 16)
            if lag == 4:
                assert named["before"][t] == (voice[hold] if hold < len(voice) else 0)
        step = t // 4
        clock = [named[name][t] for name in ("voice", "beat", "bar_4", "bar_3")]
        assert clock == [t % 4, step % 4, step % 16, step % 12]
    assert named["echo_length"].max() == 3


def test_columns_stay_within_their_sizes() -> None:
    representation = ChoraleGrid()
    grid = np.full((40, 4), 84)
    grid[::3] = -1
    columns = representation.columns(representation.encode(grid))
    assert columns.shape[1] == len(representation.column_sizes) == len(FEATURES)
    assert (columns >= 0).all()
    assert (columns < np.array(representation.column_sizes)).all()
    assert representation.column_sizes[0] == representation.vocabulary_size == 55


def test_features_can_be_chosen_and_their_columns_do_not_change() -> None:
    chosen = ("previous", "hold_4", "voice", "echo")
    tokens = ChoraleGrid().encode(held_grid(20))
    columns = ChoraleGrid(features=chosen).columns(tokens)
    all_columns = ChoraleGrid().columns(tokens)
    np.testing.assert_array_equal(columns, all_columns[:, [FEATURES.index(name) for name in chosen]])
    cursor = ChoraleGrid(features=chosen).cursor(1)
    for t in range(8):
        np.testing.assert_array_equal(cursor.columns()[0], columns[t])
        cursor.push(tokens[t : t + 1])


def test_end_is_legal_where_a_later_step_begins_and_start_never() -> None:
    representation = ChoraleGrid()
    tokens = representation.encode(held_grid(5))
    legal = representation.legal(tokens)
    assert not legal[:, 0].any()
    assert np.flatnonzero(legal[:, END]).tolist() == list(range(4, tokens.size, 4))
    assert legal[:, REST:].all()
    assert legal[np.arange(tokens.size), tokens].all()


@pytest.mark.parametrize(
    ("tokens", "place"),
    [([END], 0), ([5, 5, 5, 5, 0], 4), ([5, 5, END], 2), ([5, 5, 5, 5, END, 5], 4), ([5, 55], 1)],
)
def test_tokens_that_break_the_grammar_are_named(tokens: list[int], place: int) -> None:
    with pytest.raises(ScoreError, match=f"is not legal at cell {place} of a chorale"):
        ChoraleGrid().columns(np.array(tokens))


def test_tokens_of_another_type_or_shape_are_refused() -> None:
    with pytest.raises(ScoreError, match=r"expected tokens \(N,\) of integers, got shape \(1,\) of float64"):
        ChoraleGrid().legal(np.array([5.0]))


def test_a_step_broken_off_is_refused() -> None:
    with pytest.raises(ScoreError, match="four cells a step and at least one step, got 3 cells"):
        ChoraleGrid().decode(np.array([5, 5, 5]))


def test_a_pitch_out_of_range_is_named_with_the_way_out() -> None:
    with pytest.raises(ScoreError, match=r"step 0, voice A: pitch 90 is outside 33-84; move it by -12 sem.*--tr"):
        ChoraleGrid().encode([[60, 90, 60, 60]])
    for pitches, way in (
        ([90, 40, 60, 60], "by -6 sem"),
        ([60, 20, 60, 60], "by 24 sem"),
        ([90, 30, 60, 60], "wider than"),
    ):
        with pytest.raises(ScoreError, match=way):
            ChoraleGrid().encode([pitches])


def test_pushing_what_is_not_legal_is_refused() -> None:
    cursor = ChoraleGrid().cursor(2)
    with pytest.raises(ScoreError, match="piece 1: token 1 is not legal at cell 0"):
        cursor.push(np.array([5, END]))
    with pytest.raises(ScoreError, match=r"one token for each of 2 pieces, got shape \(3,\)"):
        cursor.push(np.array([5, 5, 5]))
    with pytest.raises(ConfigError, match="at least one piece, got batch=0"):
        ChoraleGrid().cursor(0)


def test_bad_configurations_are_refused() -> None:
    with pytest.raises(ConfigError, match="order must be a permutation of SATB such as BSTA, got 'SATX'"):
        ChoraleGrid(order="SATX")
    with pytest.raises(ConfigError, match=r"0 <= low <= high <= 127, got 80\.\.40"):
        ChoraleGrid(low=80, high=40)
    with pytest.raises(ConfigError, match="unknown features colour; known: previous, lag_2"):
        ChoraleGrid(features=("previous", "colour"))
    with pytest.raises(ConfigError, match='features must be distinct and begin with "previous"'):
        ChoraleGrid(features=("voice", "previous"))


def test_the_dict_goes_through_json_and_back() -> None:
    representation = ChoraleGrid(order="BSTA", low=30, high=90, features=("previous", "voice"))
    values = json.loads(json.dumps(representation.to_dict()))
    assert ChoraleGrid.from_dict(values) == representation


def test_a_bad_dict_is_a_model_error() -> None:
    good = ChoraleGrid().to_dict()
    with pytest.raises(ModelError, match="a chorale representation has the fields kind, order, low, high, features"):
        ChoraleGrid.from_dict(good | {"low": True})
    with pytest.raises(ModelError, match="expected a representation of kind \"chorale\", got 'roll'"):
        ChoraleGrid.from_dict(good | {"kind": "roll"})
    with pytest.raises(ModelError, match="chorale representation: order must be"):
        ChoraleGrid.from_dict(good | {"order": "S"})


def test_the_cursor_says_what_is_held_and_who_has_moved() -> None:
    grid = ChoraleGrid()
    cursor = grid.cursor(1)
    assert cursor.held.tolist() == [0]
    first = grid.encode([[72, 67, 64, 48]])[:4]
    for token in first:
        cursor.push(np.array([token]))
    assert cursor.held.tolist() == [first[0]]  # the soprano's turn
    cursor.push(first[:1] + 2)
    cursor.push(first[1:2])
    assert cursor.held.tolist() == [first[2]]
    soprano, alto, tenor = cursor.moved_in_step()
    assert [int(value[0]) for value in soprano] == [first[0], first[0] + 2, True]
    assert int(alto[0][0]) == int(alto[1][0]) == first[1]  # it stayed
    assert int(tenor[0][0]) == int(tenor[1][0]) == first[2]  # not written yet
