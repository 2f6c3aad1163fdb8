"""The elements of Matroska and WebM (RFC 8794, RFC 9559): where the file should end, and what is damaged."""

from __future__ import annotations

from typing import BinaryIO

from audio_lstm.audio.spans import SplicedFile, read_at

__all__ = ["is_whole", "matroska_end"]

_SEGMENT = b"\x18\x53\x80\x67"
_CLUSTER = b"\x1f\x43\xb6\x75"
_GROUP = b"\xa0"
_BLOCKS = (b"\xa3", b"\xa1")  # SimpleBlock, and Block in a BlockGroup
_KNOWN = (
    *_BLOCKS,
    *(b"\xe7", b"\xa7", b"\xab", b"\xec", b"\xbf", b"\x58\x54"),  # in clusters
    *(b"\x9b", b"\x75\xa2", b"\x75\xa1", b"\xfb", b"\xfa", b"\xa4", b"\x8e"),  # in block groups
    # Cues, Tags, SeekHead, Info, Tracks, Attachments, Chapters
    *(b"\x1c\x53\xbb\x6b", b"\x12\x54\xc3\x67", b"\x11\x4d\x9b\x74", b"\x15\x49\xa9\x66"),
    *(b"\x16\x54\xae\x6b", b"\x19\x41\xa4\x69", b"\x10\x43\xa7\x70"),
)
_MOST_ELEMENTS = 1_000_000


def matroska_end(file: BinaryIO, size: int) -> int:
    """Where the segment ends, as it says; 0 where it does not.

    Args:
        file: A seekable binary file.
        size: Of the file in bytes.

    Returns:
        The offset.
    """
    head = _element(file, 0) if size else None
    segment = _element(file, head[1] + head[2]) if head and head[2] is not None else None
    if segment is None or segment[0] != _SEGMENT or segment[2] is None:
        return 0
    return segment[1] + segment[2]


def is_whole(file: BinaryIO | SplicedFile, start: int, stop: int) -> bool:
    """Whether known elements lead from one block to the next of its track.

    Args:
        file: A seekable binary file.
        start: Of the content of the one.
        stop: Of the content of the other.

    Returns:
        False where bytes between them belong to no element, or other blocks of the track lie there; True also where
        the first is no block.
    """
    blocks = (_element(file, start - n_bytes) for n_bytes in range(2, 10))
    ends = (body + (n_bytes or 0) for name, body, n_bytes in filter(None, blocks) if name in _BLOCKS and body == start)
    offset, track = next(ends, stop), read_at(file, start, 1)
    for _ in range(_MOST_ELEMENTS):
        if offset >= stop:
            return True
        element = _element(file, offset)
        if element is None:
            return False
        name, body, n_bytes = element
        if name in _BLOCKS and body < stop and read_at(file, body, 1) == track:
            return False
        if name in (_CLUSTER, _SEGMENT, _GROUP):
            offset = body
        elif n_bytes is None or name not in _KNOWN:
            return False
        else:
            offset = body + n_bytes
    return True


def _element(file: BinaryIO | SplicedFile, offset: int) -> tuple[bytes, int, int | None] | None:
    """An element's name, where its content begins and how long that is (None: unknown); None where none begins."""
    head = read_at(file, offset, 12)
    name_bytes = 9 - head[0].bit_length() if head and head[0] else 9
    size_bytes = 9 - head[name_bytes].bit_length() if name_bytes <= 4 and len(head) > name_bytes else 9
    if name_bytes > 4 or size_bytes > 8 or len(head) < name_bytes + size_bytes:
        return None
    field = head[name_bytes : name_bytes + size_bytes]
    n_bytes = int.from_bytes(field) & ((1 << 7 * size_bytes) - 1)
    unknown = n_bytes == (1 << 7 * size_bytes) - 1
    return head[:name_bytes], offset + name_bytes + size_bytes, None if unknown else n_bytes
