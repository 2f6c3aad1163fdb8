"""Corpora: every form is found and read, and every fault is one clear line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from audio_lstm.errors import DataError
from audio_lstm.music.score.voices import voice_grid_to_score
from audio_lstm.music.training.data import load_chorales, load_pieces, load_score_folder

PIECE = [[72, 67, 60, 48], [72, 67, 60, -1]]


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
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


@pytest.mark.parametrize("load", [load_pieces, load_chorales, load_score_folder])
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
    with pytest.raises(DataError, match=r"a\.json holds chorale pieces; this needs scores"):
        data.scores()
    with pytest.raises(DataError, match="this needs scores"):
        data.scores()
