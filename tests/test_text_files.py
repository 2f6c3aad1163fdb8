"""A text file is read whole, or refused in one line that names it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from audio_lstm.errors import DataError
from audio_lstm.text_files import decode_text, json_text, read_text


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


def test_a_stream_gives_its_text_or_is_refused() -> None:
    assert decode_text(io.BytesIO(b"\xef\xbb\xbfcaf\xc3\xa9\n"), what="a list") == "café\n"
    with pytest.raises(DataError, match=r"standard input: not UTF-8 text \(byte 3\)"):
        decode_text(io.BytesIO(b"caf\xe9"), what="a list")
    with pytest.raises(DataError, match="standard input: more than 8 bytes are too many for a list; split it"):
        decode_text(io.BytesIO(b"123456789"), what="a list", max_bytes=8)


@pytest.mark.parametrize("name", ["café", "a\u2028b", "\udcff é", "\ud800"])
def test_json_can_be_written_whatever_the_names(name: str) -> None:
    text = json_text({"file": name})
    assert json.loads(text.encode("utf-8")) == {"file": name}
    assert ("é" in text) == (name == "café")
