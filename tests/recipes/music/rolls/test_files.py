"""The public .mat and .pickle files give the same rolls as the npz."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from audio_lstm.errors import DataError
from recipes.music.rolls.data import load_rolls
from recipes.music.rolls.files import read_mat_rolls, read_pickled_rolls

PIECES = [np.random.default_rng(seed).random((n, 88)) < 0.05 for seed, n in enumerate((5, 1, 9))]
NOTES = [[tuple((np.flatnonzero(frame) + 21).tolist()) for frame in piece] for piece in PIECES]


def cells(pieces: list[Any]) -> np.ndarray:
    array = np.empty((1, len(pieces)), dtype=object)
    for i, piece in enumerate(pieces):
        array[0, i] = piece
    return array


def write_mat(path: Path, pieces: list[Any], **options: Any) -> Path:
    scipy.io.savemat(path, {"traindata": cells(pieces), "note": "text", "n": 3.0}, **options)
    return path


def write_pickle(path: Path, content: Any, protocol: int = 0) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def complaint(path: Path) -> str:
    """What is said of a damaged file: nothing where the damage changes nothing; never another error."""
    try:
        read_mat_rolls(path)
    except DataError as error:
        return str(error)
    return ""


def same(path: Path) -> None:
    data = load_rolls(path, "train")
    assert [roll.tolist() for roll in data.pieces] == [piece.tolist() for piece in PIECES]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.float64, np.uint8, np.float32, np.int16, np.bool_])
def test_mat_files_hold_the_rolls(tmp_path: Path, kind: type, *, compressed: bool) -> None:
    same(write_mat(tmp_path / "a.mat", [piece.astype(kind) for piece in PIECES], do_compression=compressed))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_pickles_hold_the_rolls(tmp_path: Path, protocol: int) -> None:
    same(write_pickle(tmp_path / "a.pickle", {"train": NOTES}, protocol))


def test_pickles_of_arrays_hold_the_rolls(tmp_path: Path) -> None:
    as_arrays = {"train": [[np.array(frame, np.int64) for frame in piece] for piece in NOTES]}
    same(write_pickle(tmp_path / "a.pkl", as_arrays, 2))


def test_a_split_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_mat(tmp_path / "a.mat", [1.0 * piece for piece in PIECES])
    with pytest.raises(DataError, match='no split "test"; it has train'):
        load_rolls(tmp_path / "a.mat", "test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([NOTES], r"holds a list; expected \{split"),
        ({"train": 3}, "expected a list of pieces, frames or notes, got int"),
        ({"train": []}, 'split "train" holds no pieces'),
        ({"train": [[60, 64]]}, r"train\[0\], frame 0: expected a list"),
        ({"train": [[(60,), (20,)]]}, r"train\[0\], frame 1: expected MIDI numbers 21 to 108, got 20"),
        ({"train": [[("C",)]]}, "expected MIDI numbers 21 to 108, got 'C'"),
        ({"train": [[(60.5,)]]}, r"60\.5 is no whole MIDI number"),
    ],
)
def test_pickles_of_something_else_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    file = write_pickle(tmp_path / "a.pickle", content)
    with pytest.raises(DataError, match=message) as caught:
        read_pickled_rolls(file)
    assert str(file) in str(caught.value)


def test_a_damaged_pickle_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.pickle").write_bytes(b"gone")
    with pytest.raises(DataError, match=r"a\.pickle: not readable as a pickle"):
        read_pickled_rolls(tmp_path / "a.pickle")


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([np.zeros((3, 87))], r"train\[0\] must have the shape \(frames, 88\), got shape \(3, 87\)"),
        ([np.full((3, 88), 2.0)], r"train\[0\] must hold 0 and 1 and nothing else"),
        ([cells([np.zeros((3, 88))])], r"train\[0\] must have the shape .*, got a cell array"),
    ],
)
def test_mat_files_of_other_matrices_are_refused(tmp_path: Path, pieces: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_mat_rolls(write_mat(tmp_path / "a.mat", pieces))


def test_a_matrix_in_place_of_the_cells_is_refused(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"train": np.zeros((3, 88))})
    with pytest.raises(DataError, match='"train" is a matrix; expected a cell array'):
        read_mat_rolls(tmp_path / "a.mat")


def test_no_pieces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='split "train" holds no pieces'):
        read_mat_rolls(write_mat(tmp_path / "a.mat", []))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_mat_file_cut_anywhere_is_one_clear_line(tmp_path: Path, *, compressed: bool) -> None:
    whole = write_mat(tmp_path / "a.mat", [1.0 * piece for piece in PIECES], do_compression=compressed).read_bytes()
    refused = 0
    for size in range(0, len(whole) - 600, 97):
        (tmp_path / "cut.mat").write_bytes(whole[:size])
        refused += "cut.mat" in complaint(tmp_path / "cut.mat")
    assert refused >= (len(whole) - 600) // 97 - 3  # cut between two variables, or before the first, it is whole


def test_other_levels_of_mat_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512))
    with pytest.raises(DataError, match=r"a MATLAB 7\.3 file \(HDF5\); save it again with -v7"):
        read_mat_rolls(tmp_path / "a.mat")
    (tmp_path / "b.mat").write_bytes(bytes(512))
    with pytest.raises(DataError, match="not a MATLAB file of level 5"):
        read_mat_rolls(tmp_path / "b.mat")


def test_a_mat_file_that_lies_about_its_sizes_is_one_clear_line(tmp_path: Path) -> None:
    whole = bytearray(write_mat(tmp_path / "a.mat", [1.0 * piece for piece in PIECES]).read_bytes())
    complaints = []
    for at in range(128, 600, 4):
        lying = whole.copy()
        struct.pack_into("<I", lying, at, 0x7FFFFFF0)
        (tmp_path / "b.mat").write_bytes(lying)
        complaints.append(complaint(tmp_path / "b.mat"))
    assert sum("b.mat" in line for line in complaints) > 50


def test_a_file_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recipes.music.rolls import files

    mat = write_mat(tmp_path / "a.mat", [np.zeros((500, 88))], do_compression=True)
    monkeypatch.setattr(files, "_MAX_BYTES", mat.stat().st_size + 1)
    with pytest.raises(DataError, match="unpacks to more than"):
        read_mat_rolls(mat)
    monkeypatch.setattr(files, "_MAX_BYTES", 10)
    for read in (read_mat_rolls, read_pickled_rolls):
        with pytest.raises(DataError, match=r"bytes is too large for a set of rolls \(at most 10\); convert it to npz"):
            read(mat)
    monkeypatch.setattr(files, "_MAX_BYTES", 1000_000)
    monkeypatch.setattr(files, "_MAX_FRAMES", 4)
    with pytest.raises(DataError, match=r"train\[0\]: 5 frames are more than a set may have \(4\)"):
        read_pickled_rolls(write_pickle(tmp_path / "a.pickle", {"train": NOTES}))
