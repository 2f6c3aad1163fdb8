"""Elements of Matroska, written here by hand: the end of the file, and whether what lies between blocks is whole."""

from __future__ import annotations

import io

import pytest

from audio_lstm.audio.matroska import is_whole, matroska_end

HEAD = b"\x1a\x45\xdf\xa3\x84abcd"


def block(track: int, n_bytes: int = 10) -> bytes:
    return b"\xa3" + bytes([0x80 | n_bytes + 4, 0x80 | track, 0, 0, 0]) + bytes(n_bytes)


def test_the_segment_says_where_it_ends() -> None:
    assert matroska_end(io.BytesIO(HEAD + b"\x18\x53\x80\x67\x8a" + bytes(10)), 24) == len(HEAD) + 15
    for broken in (HEAD + b"\x18\x53\x80\x67\xff", HEAD + b"nothing", HEAD[:4], b""):
        assert matroska_end(io.BytesIO(broken), len(broken)) == 0


@pytest.mark.parametrize(
    ("between", "whole"),
    [
        (b"", True),
        (block(2), True),  # of another track
        (block(1), False),  # of the same, which a demuxer has passed over
        (b"\xec\x85" + bytes(5), True),
        (b"\x1f\x43\xb6\x75\xff" + b"\xe7\x81\x05", True),  # the head of another cluster
        (b"\xa0\x8b" + b"\xa1\x86\x82\x00\x00\x00ab" + b"\x9b\x81\x05", True),  # a group with a block of another track
        (b"\xa0\x88" + b"\xa1\x86\x81\x00\x00\x00ab", False),
        (b"\x00" * 20, False),
        (b"\x77\x85" + bytes(5), False),
    ],
)
def test_known_elements_lead_from_block_to_block(between: bytes, *, whole: bool) -> None:
    data = HEAD + block(1) + between + block(1)
    start = len(HEAD) + 2
    stop = len(HEAD) + len(block(1)) + len(between) + 2
    assert is_whole(io.BytesIO(data), start, stop) == whole


def test_a_place_that_is_no_block_says_nothing() -> None:
    assert is_whole(io.BytesIO(bytes(100)), 20, 60)
