"""Each visitor's files: found by their link alone, gone with the visitor or with time."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_lstm.demo import shelf as shelf_module
from audio_lstm.demo.shelf import Shelf


def put(shelf: Shelf, visitor: str, text: str = "x") -> tuple[Path, str]:
    file = shelf.folder(visitor) / "a.txt"
    file.write_text(text)
    return file, shelf.link(file).split("/")[2]


def test_a_file_is_found_by_its_link_and_by_no_other(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, keep_s=60)
    file, token = put(shelf, "ada")
    assert shelf.find(token) == file
    assert shelf.find("another") is None
    assert len(token) >= 20
    assert "ada" not in str(file)


def test_visitors_and_wishes_never_share_a_folder(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, keep_s=60)
    files = {put(shelf, visitor)[0] for visitor in ("ada", "bob", "ada")}
    assert len({file.parent for file in files}) == 3
    assert shelf.n_visitors == 2


def test_what_a_visitor_had_goes_with_the_visitor_and_nothing_else(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, keep_s=60)
    file, token = put(shelf, "ada")
    other, other_token = put(shelf, "bob")
    shelf.drop("ada")
    shelf.drop("nobody")
    assert not file.exists()
    assert shelf.find(token) is None
    assert shelf.find(other_token) == other


def test_what_nobody_asks_for_is_thrown_away_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(shelf_module.time, "monotonic", lambda: now)
    shelf = Shelf(tmp_path, keep_s=60)
    file, _ = put(shelf, "ada")
    now = 1059.0
    put(shelf, "bob")
    assert file.exists()
    now = 1061.0
    put(shelf, "bob")
    assert not file.exists()
    assert shelf.n_visitors == 1
