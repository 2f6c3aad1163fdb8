"""Piano-roll frames: one spelling for each set of keys, columns that know the past alone, the cursor as twin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music.tokens.rolls import COLUMNS, END, FIRST_KEY, NEXT_FRAME, RollFrames


def random_roll(n_frames: int, seed: int = 0) -> NDArray[np.bool_]:
    """A few notes a frame, many held, some frames silent, some repeated from eight frames before."""
    rng = np.random.default_rng(seed)
    roll = rng.random((n_frames, 88)) < 0.04
    for t in range(1, n_frames):
        if rng.random() < 0.5:
            roll[t] = roll[t - 1]
        elif t >= 8 and rng.random() < 0.5:
            roll[t] = roll[t - 8]
        elif rng.random() < 0.1:
            roll[t] = False
    return roll


@pytest.mark.parametrize("representation", [RollFrames(), RollFrames(with_end=True)])
def test_a_roll_comes_back_from_its_tokens(representation: RollFrames) -> None:
    for n_frames in (1, 2, 40):
        roll = random_roll(n_frames, seed=n_frames)
        tokens = representation.encode(roll)
        assert tokens.size == roll.sum() + n_frames + representation.with_end
        assert representation.n_units(tokens) == n_frames
        np.testing.assert_array_equal(representation.decode(tokens), roll)


def test_a_frame_is_written_in_ascending_order_and_closed() -> None:
    roll = np.zeros((2, 88), dtype=np.uint8)
    roll[0, [0, 87, 39]] = 1
    assert RollFrames().encode(roll).tolist() == [3, 42, 90, NEXT_FRAME, NEXT_FRAME]
    assert RollFrames(with_end=True).encode(roll)[-1] == END


def test_real_rolls_survive_the_round_trip(shared: Path) -> None:
    arrays = np.load(shared / "music/bl/piano.npz")
    representation = RollFrames()
    pieces = np.split(arrays["valid"], np.cumsum(arrays["valid_len"])[:-1])
    assert len(pieces) == 12
    for piece in pieces:
        np.testing.assert_array_equal(representation.decode(representation.encode(piece)), piece.astype(bool))


def test_the_grammar_gives_each_set_of_keys_exactly_one_spelling() -> None:
    """The probabilities of all sets of keys sum to one, whatever the scores: shown on the three highest keys."""
    representation = RollFrames()
    rng = np.random.default_rng(0)
    scores = {tuple(prefix): rng.normal(size=91) for prefix in [()]}
    total, n_sets = 0.0, 0
    for bits in range(8):
        keys = [88 + i for i in range(3) if bits >> i & 1]
        tokens = np.array([87, *keys, NEXT_FRAME])
        legal = representation.legal(tokens)
        probability = 1.0
        for t in range(1, tokens.size):
            row = scores.setdefault(tuple(tokens[:t].tolist()), rng.normal(size=91))
            weights = np.exp(row) * legal[t]
            probability *= weights[tokens[t]] / weights.sum()
        total, n_sets = total + probability, n_sets + 1
    assert n_sets == 8
    assert total == pytest.approx(1.0)


@pytest.mark.parametrize("representation", [RollFrames(), RollFrames(with_end=True)])
def test_the_cursor_says_what_columns_and_legal_say(representation: RollFrames) -> None:
    pieces = [representation.encode(random_roll(n, seed=n)) for n in (1, 5, 40)]
    columns = [representation.columns(piece) for piece in pieces]
    legal = [representation.legal(piece) for piece in pieces]
    cursor = representation.cursor(3)
    n_compared = 0
    for t in range(max(piece.size for piece in pieces)):
        now, allowed = cursor.columns(), cursor.legal()
        for row, piece in enumerate(pieces):
            if t < piece.size:
                np.testing.assert_array_equal(now[row], columns[row][t])
                np.testing.assert_array_equal(allowed[row], legal[row][t])
                n_compared += 1
        cursor.push(np.array([piece[t] if t < piece.size else NEXT_FRAME for piece in pieces]))
    assert n_compared == sum(piece.size for piece in pieces)
    np.testing.assert_array_equal(cursor.done, representation.with_end)
    assert cursor.legal().any(axis=1).all()


def test_columns_hold_what_their_names_say() -> None:
    representation = RollFrames()
    roll = random_roll(50)
    tokens = representation.encode(roll)
    named = dict(zip(COLUMNS, representation.columns(tokens).T, strict=True))
    frame, keys = 0, []
    for t, token in enumerate(tokens.tolist()):
        lowest = keys[-1] + 1 if keys else 0
        assert named["previous"][t] == (tokens[t - 1] if t else 0)
        assert [named[name][t] for name in ("lowest", "count", "beat", "bar")] == [
            lowest,
            len(keys),
            frame % 4,
            frame % 16,
        ]
        held = 0 if not keys else (1 if frame and roll[frame - 1, keys[-1]] else 2)
        assert named["held"][t] == held
        for lag in (1, 2, 8, 16):
            ahead = [k for k in np.flatnonzero(roll[frame - lag]).tolist() if k >= lowest] if frame >= lag else []
            assert named[f"next_{lag}"][t] == (ahead[0] if ahead else 88)
            if lag == 1:
                assert named["second_1"][t] == (ahead[1] if len(ahead) > 1 else 88)
        if token == NEXT_FRAME:
            frame, keys = frame + 1, []
        else:
            keys.append(token - FIRST_KEY)
    assert frame == 50


def test_columns_depend_on_the_past_alone_and_stay_within_their_sizes() -> None:
    representation = RollFrames()
    roll = random_roll(30)
    roll[3] = True  # all 88 keys
    tokens = representation.encode(roll)
    columns = representation.columns(tokens)
    assert (columns < np.array(representation.column_sizes)).all()
    assert representation.column_sizes[0] == representation.vocabulary_size == 91
    assert columns.shape[1] == len(COLUMNS) == len(representation.column_sizes)
    for n in range(0, tokens.size, 7):
        np.testing.assert_array_equal(representation.columns(tokens[:n]), columns[:n])


def test_end_is_legal_only_with_end_and_where_a_later_frame_begins() -> None:
    tokens = RollFrames().encode(random_roll(10))
    assert not RollFrames().legal(tokens)[:, [0, END]].any()
    legal = RollFrames(with_end=True).legal(tokens)[:, END]
    np.testing.assert_array_equal(legal[1:], tokens[:-1] == NEXT_FRAME)
    assert not legal[0]


@pytest.mark.parametrize(
    ("tokens", "place"), [([5, 5], 1), ([5, 4], 1), ([91], 0), ([0], 0), ([NEXT_FRAME, END], 1), ([5, END], 1)]
)
def test_tokens_that_break_the_grammar_are_named(tokens: list[int], place: int) -> None:
    with pytest.raises(ScoreError, match=f"is not legal at place {place} of a roll"):
        RollFrames().legal(np.array(tokens))


def test_nothing_follows_end() -> None:
    with pytest.raises(ScoreError, match="token 5 is not legal at place 2"):
        RollFrames(with_end=True).columns(np.array([NEXT_FRAME, END, 5]))


def test_tokens_of_another_type_are_refused() -> None:
    with pytest.raises(ScoreError, match=r"expected tokens \(N,\) of integers, got shape \(\) of float64"):
        RollFrames().legal(np.array(5.0))


def test_an_open_frame_is_refused() -> None:
    with pytest.raises(ScoreError, match="a roll ends with a closed frame"):
        RollFrames().decode(np.array([NEXT_FRAME, 5]))


def test_other_shapes_and_values_are_refused() -> None:
    with pytest.raises(ScoreError, match=r"\(frames, 88\), frames >= 1; got \(3, 87\)"):
        RollFrames().encode(np.zeros((3, 87)))
    with pytest.raises(ScoreError, match="a roll holds 0 and 1"):
        RollFrames().encode(np.full((3, 88), 2))


def test_pushing_what_is_not_legal_is_refused() -> None:
    cursor = RollFrames().cursor(2)
    with pytest.raises(ScoreError, match="piece 0: token 2 is not legal in frame 0"):
        cursor.push(np.array([END, NEXT_FRAME]))
    with pytest.raises(ScoreError, match="piece 1: token 91 is not legal"):
        cursor.push(np.array([NEXT_FRAME, 91]))
    with pytest.raises(ScoreError, match=r"one token for each of 2 pieces, got shape \(1,\)"):
        cursor.push(np.array([NEXT_FRAME]))
    with pytest.raises(ConfigError, match="at least one piece, got batch=0"):
        RollFrames().cursor(0)


def test_the_dict_goes_through_json_and_back() -> None:
    for with_end in (False, True):
        values = json.loads(json.dumps(RollFrames(with_end=with_end).to_dict()))
        assert RollFrames.from_dict(values) == RollFrames(with_end=with_end)
    with pytest.raises(ModelError, match=r'a roll representation is \{"kind": "roll", "with_end": bool\}, got'):
        RollFrames.from_dict({"kind": "roll", "with_end": 1})
