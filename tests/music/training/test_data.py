"""Corpora: every form is found and read, and every fault is one clear line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.music.score.voices import voice_grid_to_score
from audio_lstm.music.training.data import load_chorales, load_pieces, load_rolls, load_score_folder

PIECE = [[72, 67, 60, 48], [72, 67, 60, -1]]


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def write_npz(path: Path, **arrays: Any) -> Path:
    rolls = {"train": np.zeros((5, 88), np.uint8), "train_len": np.array([2, 3], np.int32)}
    rolls["train"][3, 40] = 1
    np.savez(path, **(rolls | arrays))
    return path


def write_midi_file(path: Path) -> Path:
    from audio_lstm.music.files.files import write_midi

    path.parent.mkdir(parents=True, exist_ok=True)
    write_midi(voice_grid_to_score(PIECE * 8), path)
    return path


def test_chorales_are_read_from_a_file_and_from_its_folder(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a.json", {"train": [PIECE, PIECE * 2], "test": [PIECE]})
    for path in (file, tmp_path, str(file)):
        data = load_pieces(path, "train")
        assert (data.kind, data.names, data.source) == ("chorale", ("train[0]", "train[1]"), str(file))
        assert data.voice_grids()[1].tolist() == PIECE * 2
    assert len(load_pieces(file, "test").pieces) == 1


def test_a_split_is_looked_for_in_all_files_of_a_folder(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"train": [PIECE]})
    write_json(tmp_path / "b.json", {"test": [PIECE]})
    assert load_pieces(tmp_path, "test").source.endswith("b.json")
    with pytest.raises(DataError, match='no split "valid"; it has train, test'):
        load_pieces(tmp_path, "valid")
    write_json(tmp_path / "c.json", {"test": [PIECE]})
    with pytest.raises(DataError, match=r'b\.json, c\.json all have "test"; name one of them'):
        load_pieces(tmp_path, "test")


def test_the_real_corpora_have_their_documented_sizes(shared: Path) -> None:
    music = shared / "music"
    assert [len(load_pieces(music / "jsb16", split).pieces) for split in ("train", "valid")] == [229, 76]
    rolls = load_pieces(music / "bl" / "jsb.npz", "valid")
    assert (rolls.kind, len(rolls.pieces), sum(map(len, rolls.rolls()))) == ("roll", 76, 4602)
    assert rolls.rolls()[0].dtype == np.bool_
    with pytest.raises(DataError, match=r'jsb\.npz: no split "test"; it has train, valid'):
        load_pieces(music / "bl" / "jsb.npz", "test")
    with pytest.raises(DataError, match="all have"):
        load_pieces(music / "bl", "valid")


@pytest.mark.parametrize("load", [load_pieces, load_chorales, load_rolls, load_score_folder])
def test_a_missing_path_is_named(load: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        load(tmp_path / "nowhere", "train")


def test_a_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="is a pipe or device"):
        load_pieces(tmp_path / "pipe.json", "train")


@pytest.mark.parametrize("text", ["", "{", "\xff", "[" * 100_000])
def test_a_file_that_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.json: not readable as JSON"):
        load_pieces(tmp_path / "a.json", "train")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": []}, r'split "train" holds no pieces'),
        ({"train": {"a": PIECE}}, r'split "train" holds no pieces; expected a list'),
        ({"train": [[[60, 60, 60]], [[]]]}, r"train\[0\]: a voice grid has the shape .*; none of the 2 pieces can be"),
        ({"train": [[[60, 60, 60, 10**400]]]}, r"train\[0\]: a voice grid holds rows of four MIDI pitches"),
        ({"train": [[[60, 60, 60.5, 60]]]}, r"train\[0\]: step 0, voice T: expected a MIDI pitch"),
        ({"train": [[]]}, r"train\[0\]: a voice grid has the shape"),
        ({"train": ["abc"]}, r"train\[0\]: a voice grid holds rows of four"),
        ([PIECE], r'no split "train"; it has none'),
        ({"valid": [PIECE]}, r'no split "train"; it has valid \(choose one with --split\)'),
    ],
)
def test_faults_inside_chorales_are_named(content: Any, message: str, tmp_path: Path) -> None:
    file = write_json(tmp_path / "a.json", content)
    with pytest.raises(DataError, match=message):
        load_chorales(file, "train")


def test_malformed_chorales_are_left_out_and_listed(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a.json", {"train": [[[60, 60, 60]], PIECE, "abc", PIECE * 2]})
    data = load_pieces(file, "train")
    assert data.names == ("train[1]", "train[3]")
    assert [len(grid) for grid in data.voice_grids()] == [2, 4]
    assert [fault.split(": ")[:2] for fault in data.faults] == [[str(file), "train[0]"], [str(file), "train[2]"]]


def test_rolls_are_cut_into_their_pieces(tmp_path: Path) -> None:
    data = load_pieces(write_npz(tmp_path / "r.npz"), "train")
    assert [len(roll) for roll in data.rolls()] == [2, 3]
    assert np.argwhere(data.rolls()[1]).tolist() == [[1, 40]]
    assert load_pieces(tmp_path, "train").kind == "roll"


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
        load_pieces(tmp_path / "r.npz", "train")


def test_one_array_saved_under_the_name_npz_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "r.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match=r"r\.npz: holds one array without a name"):
        load_rolls(tmp_path / "r.npz", "train")


def test_scores_are_read_from_split_folders_flat_folders_and_single_files(tmp_path: Path) -> None:
    file = write_midi_file(tmp_path / "split/train/x/b.mid")
    write_midi_file(tmp_path / "split/train/a.mid")
    write_midi_file(tmp_path / "flat/c.mid")
    write_json(tmp_path / "flat/notes.json", {"title": "a JSON of its own"})
    assert load_pieces(tmp_path / "split", "train").names == ("a.mid", "x/b.mid")
    assert load_pieces(tmp_path / "flat", "test").names == ("c.mid",)
    single = load_pieces(file, "valid")
    assert (single.kind, single.names) == ("scores", ("b.mid",))
    assert single.scores()[0].n_notes == 4 + 7  # the bass rests on every other 16th
    with pytest.raises(DataError, match=r'split: no split "valid"; it has train'):
        load_pieces(tmp_path / "split", "valid")


def test_bad_scores_are_listed_and_the_rest_go_on(tmp_path: Path) -> None:
    write_midi_file(tmp_path / "a.mid")
    (tmp_path / "b.mid").write_text("no MIDI")
    data = load_score_folder(tmp_path, "test")
    assert data.names == ("a.mid",)
    assert len(data.faults) == 1
    assert "b.mid" in data.faults[0]


def test_a_folder_without_a_usable_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no music file in it"):
        load_pieces(tmp_path, "train")
    (tmp_path / "b.mid").write_text("no MIDI")
    with pytest.raises(DataError, match="none of its 1 files can be used; the first one: "):
        load_pieces(tmp_path, "train")


def test_pieces_of_another_kind_are_refused(tmp_path: Path) -> None:
    data = load_pieces(write_json(tmp_path / "a.json", {"train": [PIECE]}), "train")
    with pytest.raises(DataError, match=r"a\.json holds chorale pieces; this needs roll"):
        data.rolls()
    with pytest.raises(DataError, match="this needs scores"):
        data.scores()
    rolls = load_pieces(write_npz(tmp_path / "r.npz"), "train")
    with pytest.raises(DataError, match="holds roll pieces; this needs chorale"):
        rolls.voice_grids()
