"""Each visitor's files: found by their link alone, gone with the visitor or with time."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_lstm.demo import visitor_files as shelf_module
from audio_lstm.demo.visitor_files import VisitorFiles


def put(visitor_files: VisitorFiles, visitor: str, text: str = "x") -> tuple[Path, str]:
    file = visitor_files.folder(visitor) / "a.txt"
    file.write_text(text)
    return file, visitor_files.link(file).split("/")[2]


def test_a_file_is_found_by_its_link_and_by_no_other(tmp_path: Path) -> None:
    visitor_files = VisitorFiles(tmp_path, keep_s=60)
    file, token = put(visitor_files, "ada")
    assert visitor_files.find(token) == file
    assert visitor_files.find("another") is None
    assert len(token) >= 20
    assert "ada" not in str(file)


def test_visitors_and_wishes_never_share_a_folder(tmp_path: Path) -> None:
    visitor_files = VisitorFiles(tmp_path, keep_s=60)
    files = {put(visitor_files, visitor)[0] for visitor in ("ada", "bob", "ada")}
    assert len({file.parent for file in files}) == 3
    assert visitor_files.n_visitors == 2


def test_what_a_visitor_had_goes_with_the_visitor_and_nothing_else(tmp_path: Path) -> None:
    visitor_files = VisitorFiles(tmp_path, keep_s=60)
    file, token = put(visitor_files, "ada")
    other, other_token = put(visitor_files, "bob")
    visitor_files.drop("ada")
    visitor_files.drop("nobody")
    assert not file.exists()
    assert visitor_files.find(token) is None
    assert visitor_files.find(other_token) == other


def test_what_nobody_asks_for_is_thrown_away_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(shelf_module.time, "monotonic", lambda: now)
    visitor_files = VisitorFiles(tmp_path, keep_s=60)
    file, _ = put(visitor_files, "ada")
    now = 1059.0
    put(visitor_files, "bob")
    assert file.exists()
    now = 1061.0
    put(visitor_files, "bob")
    assert not file.exists()
    assert visitor_files.n_visitors == 1
