"""The pages of an Ogg file (RFC 3533): where one stream ends and the next begins, and whether the last page is whole.

Chained streams are recordings of their own, each with its own rate and channels. The end flag says nothing: voice
messages come without it, and some writers go on after it.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from audio_lstm.audio.spans import Layout, Piece, find_in_file, read_at

__all__ = ["find_page", "ogg_layout"]

_HEADER_BYTES = 27
_MOST_BYTES = _HEADER_BYTES + 255  # of a header with its table of segments
_FIRST, _LAST = 2, 4  # flags of a stream's pages
_MOST_LOST = 10_000  # pages; a larger leap is another way to count


def ogg_layout(file: BinaryIO, start: int, size: int) -> Layout:
    """The links of a chained file.

    Args:
        file: A seekable binary file.
        start: Of the first page.
        size: Of the file in bytes.

    Returns:
        A part for each link.
    """
    starts, numbers = [start], dict[bytes, int]()  # of links; of the last page of each stream
    cut, last, n_lost = "its last page is incomplete", (start, start), 0
    has_begun = is_packet_open = is_lost = False  # more than first pages; a packet goes on; pages before the last
    offset = start
    while (offset := find_page(file, offset, size)) >= 0:
        head = read_at(file, offset, _MOST_BYTES)
        body = _HEADER_BYTES + (head[26] if len(head) >= _HEADER_BYTES else 0)
        segments = head[_HEADER_BYTES:body]
        end = offset + body + sum(segments)
        if len(head) < max(body, _HEADER_BYTES) or end > size:
            cut, offset = "its last page is incomplete", offset + 1
            continue
        if head[5] & _FIRST and has_begun:
            starts.append(offset)
            numbers.clear()
        has_begun = not head[5] & _FIRST
        is_packet_open = segments[-1] == 255 if segments else is_packet_open and head[5] & 1 == 1
        number = struct.unpack("<I", head[18:22])[0]
        n_between = number - numbers.get(head[14:18], number - 1) - 1
        is_lost = 0 < n_between <= _MOST_LOST
        n_lost += n_between if is_lost else 0
        numbers[head[14:18]] = number
        cut, last, offset = "", (offset, end), end
    if is_packet_open and not cut:
        cut = "its last packet is incomplete"
    parts: list[tuple[Piece, ...]] = [((a, b),) for a, b in zip(starts, [*starts[1:], size], strict=True)]
    if is_lost:  # FFmpeg takes the stamp of a page with the end flag for the one that follows the page before
        parts[-1] = ((starts[-1], last[0]), _without_end_flag(read_at(file, last[0], last[1] - last[0])))
    note = f"{n_lost} {'page is' if n_lost == 1 else 'pages are'} missing" if n_lost else None
    return Layout(tuple(parts), cut or None, note)


def find_page(file: BinaryIO, offset: int, size: int) -> int:
    """Where the next page begins.

    Args:
        file: A seekable binary file.
        offset: Where to begin to look.
        size: Of the file in bytes.

    Returns:
        The offset of its first byte; -1 where there is none.
    """
    if read_at(file, offset, 5) == b"OggS\x00":
        return offset
    return find_in_file(file, b"OggS\x00", offset, size)


def _without_end_flag(page: bytes) -> bytes:
    checksum, plain = 0, bytearray(page)
    plain[5] &= ~_LAST
    plain[22:26] = bytes(4)
    for byte in plain:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _CHECKSUMS[checksum >> 24 ^ byte]
    plain[22:26] = struct.pack("<I", checksum)
    return bytes(plain)


def _checksum_of(value: int) -> int:
    value <<= 24
    for _ in range(8):
        value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if value & 0x80000000 else 0)
    return value


_CHECKSUMS = tuple(map(_checksum_of, range(256)))
