"""Pieces of a file and bytes of our own as one file, for decoders that must never see an exception."""

from __future__ import annotations

import io
import os

import pytest

from audio_lstm.audio.spans import SplicedFile, find_in_file, read_at


def test_pieces_are_one_file() -> None:
    file = SplicedFile(io.BytesIO(b"0123456789"), [b"ab", (2, 5), (8, 10), b""])
    assert file.read() == b"ab23489"
    assert file.read() == b""
    assert file.seek(1) == 1
    assert file.read(3) == b"b23"
    assert file.tell() == 4
    assert file.seek(-2, os.SEEK_END) == 5
    assert file.read(10) == b"89"
    assert file.seek(-1, os.SEEK_CUR) == 6


@pytest.mark.parametrize("offset", [-1, -(1 << 70), 1 << 70])
def test_a_place_that_is_none_leaves_the_file_where_it_is(offset: int) -> None:
    file = SplicedFile(io.BytesIO(b"0123"), [(0, 4)])
    file.seek(2)
    assert file.seek(offset) == 2
    assert read_at(file, 1 << 70, 1) == b""


def test_beyond_the_end_there_is_nothing() -> None:
    file = SplicedFile(io.BytesIO(b"0123"), [(0, 4)])
    file.seek(100)
    assert file.read(1) == b""


def test_an_error_is_kept_and_does_not_reach_the_caller() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    file = SplicedFile(Failing(b"0123"), [b"ab", (0, 4)])
    assert file.read() == b"ab"
    assert file.error is not None
    assert file.again().error is None


def test_bytes_are_read_from_an_offset() -> None:
    assert read_at(io.BytesIO(b"abcdef"), 2, 3) == b"cde"


def test_bytes_are_found_where_two_windows_meet() -> None:
    data = bytes((1 << 20) - 2) + b"here" + bytes(10)
    assert find_in_file(io.BytesIO(data), b"here", 0, len(data)) == (1 << 20) - 2
    assert find_in_file(io.BytesIO(data), b"here", 0, (1 << 20) + 1) == -1
    assert find_in_file(io.BytesIO(data), b"here", 1 << 20, len(data)) == -1
