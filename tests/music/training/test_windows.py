"""Windows of truncated back-propagation: every token once, in order, the same whenever asked for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.training.augment import random_transposition
from audio_lstm.music.training.windows import BPTTWindows, Window

GRID = ChoraleGrid()


def random_pieces(n: int, seed: int = 0) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return [GRID.encode(rng.integers(36, 82, size=(int(rng.integers(1, 30)), 4))) for _ in range(n)]


def make(pieces: list[NDArray[np.int64]], **options: object) -> BPTTWindows:
    values: dict[str, object] = {"batch_size": 4, "window": 16, "seed": 7} | options
    return BPTTWindows(pieces, GRID, **values)  # type: ignore[arg-type]


def equal(a: Window, b: Window) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a))


def test_each_epoch_walks_through_every_token_of_every_piece_once_and_in_order() -> None:
    pieces = random_pieces(13)
    windows = make(pieces)
    n_tokens = 0
    for epoch in range(3):
        written: dict[str, list[int]] = {}
        for index in range(windows.n_windows(epoch)):
            window = windows.window(epoch, index)
            n_tokens += window.n_tokens
            for row, name in enumerate(window.names):
                length = window.lengths[row]
                assert window.weights[row].sum() == length
                assert window.reset[row] == (length > 0 and name not in written)
                written.setdefault(name, []).extend(window.targets[row, :length].tolist())
        written.pop("", None)
        assert len(written) == 13
        for i, piece in enumerate(pieces):
            assert written[f"piece {i}"] == piece.tolist()
    assert n_tokens == 3 * sum(piece.size for piece in pieces)


def test_rows_are_about_equally_long_whenever_the_long_piece_comes() -> None:
    pieces = [GRID.encode(np.full((length, 4), 60)) for length in (100, *[12] * 25)]  # 26 windows, and 4 each
    windows = make(pieces)
    firsts = set()
    for epoch in range(8):
        n_windows = windows.n_windows(epoch)
        assert n_windows <= 34  # 126 windows in four rows
        rows = [[windows.window(epoch, i).names[row] for i in range(n_windows)] for row in range(4)]
        firsts.add(min(row.index("piece 0") for row in rows if "piece 0" in row))
    assert len(firsts) > 1  # the long piece does not always begin its row


def test_columns_and_legal_tokens_are_those_of_the_whole_piece() -> None:
    pieces = random_pieces(5)
    windows = make(pieces)
    offsets = dict.fromkeys(range(5), 0)
    for index in range(windows.n_windows(0)):
        window = windows.window(0, index)
        for row, name in enumerate(window.names):
            if not name:
                assert not window.weights[row].any()
                assert window.legal[row].all()
                continue
            i, n = int(name.split()[1]), int(window.lengths[row])
            stretch = slice(offsets[i], offsets[i] + n)
            np.testing.assert_array_equal(window.columns[row, :n], GRID.columns(pieces[i])[stretch])
            np.testing.assert_array_equal(window.legal[row, :n], GRID.legal(pieces[i])[stretch])
            assert window.legal[row, n:].all()
            assert not window.columns[row, n:].any()
            offsets[i] += n


def test_a_row_stays_with_its_piece_until_it_ends() -> None:
    windows = make(random_pieces(9))
    before = windows.window(0, 0)
    for index in range(1, windows.n_windows(0)):
        now = windows.window(0, index)
        for row in range(4):
            if now.lengths[row] and not now.reset[row]:
                assert now.names[row] == before.names[row]
                assert before.weights[row].all()
        before = now


def test_a_window_depends_on_seed_epoch_and_index_alone() -> None:
    pieces = random_pieces(11)
    augment = random_transposition(GRID, max_semitones=3)
    straight, jumping = make(pieces, augment=augment), make(pieces, augment=augment)
    expected = {(e, i): straight.window(e, i) for e in range(2) for i in range(straight.n_windows(e))}
    order = np.random.default_rng(0).permutation(len(expected))
    for k in order:
        epoch, index = list(expected)[k]
        assert equal(jumping.window(epoch, index), expected[epoch, index])
    assert not equal(make(pieces, seed=8).window(0, 0), make(pieces).window(0, 0))
    assert not equal(make(pieces).window(1, 0), make(pieces).window(0, 0))


def test_augmentation_differs_between_epochs_and_leaves_the_pieces_alone() -> None:
    pieces = random_pieces(3)
    copies = [piece.copy() for piece in pieces]
    windows = make(pieces, augment=lambda tokens, rng: tokens[: int(rng.integers(1, tokens.size))])
    sizes = [[windows.window(epoch, i).n_tokens for i in range(windows.n_windows(epoch))] for epoch in range(4)]
    assert len({sum(size) for size in sizes}) > 1
    for piece, copy in zip(pieces, copies, strict=True):
        np.testing.assert_array_equal(piece, copy)


def test_names_appear_in_the_windows() -> None:
    window = make(random_pieces(2), names=["a", "b"], batch_size=3).window(0, 0)
    assert sorted(window.names) == ["", "a", "b"]


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size and window must be >= 1, got 0 and 16"):
        make(random_pieces(1), batch_size=0)


def test_no_pieces_are_refused() -> None:
    with pytest.raises(DataError, match="no pieces to train on"):
        make([])


def test_an_empty_piece_is_named() -> None:
    with pytest.raises(DataError, match="b has no tokens; leave it out"):
        make([*random_pieces(1), np.zeros(0, dtype=np.int64)], names=["a", "b"])


def test_names_must_fit() -> None:
    with pytest.raises(DataError, match="1 names for 2 pieces"):
        make(random_pieces(2), names=["a"])


def test_a_window_that_is_not_there_is_an_index_error() -> None:
    windows = make(random_pieces(2))
    with pytest.raises(IndexError, match=r"epoch 3 has the windows 0 to \d+, asked for 999"):
        windows.window(3, 999)
