"""A text file is read whole, or refused in one line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_lstm.errors import DataError
from audio_lstm.text_files import read_text


def test_text_comes_without_its_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"\xef\xbb\xbfcaf\xc3\xa9\r\nnoir\n")
    assert read_text(file, what="a list") == read_text(str(file), what="a list") == "café\nnoir\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9", r"a\.txt: not UTF-8 text \(byte 3\); save it as UTF-8"),
        (b"123456789", r"a\.txt: 9 bytes is too large for a list; split it"),
        (None, r"a\.txt: cannot be read \(No such file or directory\); look again"),
    ],
)
def test_what_is_no_such_text_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_text(file, what="a list", way_out="look again", max_bytes=8)


def test_a_folder_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(.+\); check the path and its permissions"):
        read_text(tmp_path, what="a list")
