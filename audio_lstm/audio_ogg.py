"""The pages of an Ogg file (RFC 3533): where one stream ends and the next begins, and whether the last page is whole.

Chained streams are recordings of their own, each with its own rate and channels. The end flag says nothing: voice
messages come without it, and some writers go on after it.
"""

from __future__ import annotations

from typing import BinaryIO

from audio_lstm.audio_spans import Layout, find_in_file, read_at

__all__ = ["ogg_layout"]

_HEADER_BYTES = 27
_MOST_BYTES = _HEADER_BYTES + 255  # of a header with its table of segments
_FIRST = 2  # the flag of a stream's first page


def ogg_layout(file: BinaryIO, start: int, size: int) -> Layout:
    """The links of a chained file.

    Args:
        file: A seekable binary file.
        start: Of the first page.
        size: Of the file in bytes.

    Returns:
        A part for each link.
    """
    starts = [start]
    cut = None
    has_begun = is_packet_open = False  # whether the link has more than first pages; whether a packet goes on
    offset = start
    while offset < size:
        head = read_at(file, offset, _MOST_BYTES)
        if head[:5] != b"OggS\x00":
            offset = find_in_file(file, b"OggS\x00", offset + 1, size)
            if offset < 0:
                break
            continue
        body = _HEADER_BYTES + (head[26] if len(head) >= _HEADER_BYTES else 0)
        segments = head[_HEADER_BYTES:body]
        if len(head) < max(body, _HEADER_BYTES) or offset + body + sum(segments) > size:
            following = find_in_file(file, b"OggS\x00", offset + 1, size)
            if following < 0:
                cut = "its last page is incomplete"
                break
            offset = following
            continue
        if head[5] & _FIRST and has_begun:
            starts.append(offset)
        has_begun = not head[5] & _FIRST
        is_packet_open = segments[-1] == 255 if segments else is_packet_open and head[5] & 1 == 1
        offset += body + sum(segments)
    if is_packet_open and cut is None:
        cut = "its last packet is incomplete"
    return Layout(tuple(((a, b),) for a, b in zip(starts, [*starts[1:], size], strict=True)), cut)
