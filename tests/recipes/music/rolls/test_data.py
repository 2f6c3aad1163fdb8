"""Rolls are read as what they are, what is wrong with them is named, and the floors are the known ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_lstm.errors import DataError
from recipes.music.rolls.data import independent_floor, load_rolls, previous_value_floor


def write_npz(path: Path, **arrays: Any) -> Path:
    rolls = {"train": np.zeros((5, 88), np.uint8), "train_len": np.array([2, 3], np.int32)}
    rolls["train"][3, 40] = 1
    np.savez(path, **(rolls | arrays))
    return path


def test_rolls_are_cut_into_their_pieces(tmp_path: Path) -> None:
    data = load_rolls(write_npz(tmp_path / "r.npz"), "train")
    assert [len(roll) for roll in data.pieces] == [2, 3]
    assert np.argwhere(data.pieces[1]).tolist() == [[1, 40]]
    assert data.names == ("train[0]", "train[1]")


@pytest.mark.parametrize("name", ["nowhere.npz", "folder", "rolls.txt"])
def test_what_is_no_file_of_rolls_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "rolls.txt").touch()
    with pytest.raises(DataError, match=rf"{name}: .* npz"):
        load_rolls(tmp_path / name, "train")


def test_the_real_rolls_have_their_documented_sizes(shared: Path) -> None:
    rolls = load_rolls(shared / "music/bl/jsb.npz", "valid")
    assert (len(rolls.pieces), sum(map(len, rolls.pieces))) == (76, 4602)
    assert rolls.pieces[0].dtype == np.bool_
    with pytest.raises(DataError, match=r'jsb\.npz: no split "test"; it has train, valid'):
        load_rolls(shared / "music/bl/jsb.npz", "test")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train": np.zeros((5, 87), np.uint8)}, r'"train" must have the shape \(frames, 88\), got \(5, 87\)'),
        ({"train": np.zeros((5, 88))}, r'"train" must hold whole numbers 0 and 1, got others \(float64\)'),
        ({"train": np.full((5, 88), 2)}, r'"train" must hold whole numbers 0 and 1'),
        ({"train_len": np.array([2, 2])}, r'"train_len" adds up to 4, "train" has 5 frames'),
        ({"train_len": np.array([5, 0])}, r'"train_len" must hold one whole number of frames >= 1'),
        ({"train_len": np.array([2.5, 2.5])}, r'"train_len" must hold one whole number'),
        ({"train_len": np.zeros(0, np.int32), "train": np.zeros((0, 88), np.uint8)}, r'"train_len" must hold one'),
        ({"lowest_midi": np.array(20)}, "column 0 must be MIDI pitch 21, got 20"),
        ({"train": np.array([{}], dtype=object)}, r"not readable as npz \(Object arrays cannot be loaded"),
    ],
)
def test_faults_inside_rolls_are_named(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_rolls(write_npz(tmp_path / "r.npz", **arrays), "train")


def test_rolls_without_lengths_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", test=np.zeros((5, 88), np.uint8))
    with pytest.raises(DataError, match='"test" comes without "test_len"'):
        load_rolls(tmp_path / "r.npz", "test")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", b"text"])
def test_a_file_that_is_no_npz_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "r.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"r\.npz: not readable as npz"):
        load_rolls(tmp_path / "r.npz", "train")


def test_one_array_saved_under_the_name_npz_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "r.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match=r"r\.npz: holds one array without a name"):
        load_rolls(tmp_path / "r.npz", "train")


@pytest.mark.parametrize(
    ("name", "independent", "previous"),
    [("jsb", 10.95, 10.13), ("nott", 10.00, 5.25), ("muse", 11.85, 8.66), ("piano", 11.49, 9.24)],
)
def test_roll_floors_agree_with_the_known_figures(shared: Path, name: str, independent: float, previous: float) -> None:
    file = shared / f"music/bl/{name}.npz"
    train, valid = load_rolls(file, "train").pieces, load_rolls(file, "valid").pieces
    assert independent_floor(train, valid).nats_per_unit == pytest.approx(independent, abs=0.01)
    assert previous_value_floor(train, valid).nats_per_unit == pytest.approx(previous, abs=0.01)


def test_a_floor_of_a_hand_made_roll() -> None:
    train = [np.zeros((3, 88), np.bool_)]
    piece = np.zeros((1, 88), np.bool_)
    piece[0, 0] = True
    expected = -np.log(0.5 / 4) - 87 * np.log(3.5 / 4)
    assert independent_floor(train, [piece]).nats_per_unit == pytest.approx(expected)
    assert previous_value_floor(train, [piece]).nats_per_unit == pytest.approx(expected)
