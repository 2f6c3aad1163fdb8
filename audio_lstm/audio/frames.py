"""Formats without a magic number: MPEG audio, AAC and AC-3, known by frames that follow each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from audio_lstm.audio.spans import read_at

__all__ = ["adts_frame_bytes", "find_frames", "id3_end", "mpeg_frame_bytes"]

_NEAR_BYTES = 4096  # frames that begin later than this must be more of a kind
_FAR_BYTES = 1 << 20  # no frames are looked for beyond
_N_NEAR, _N_FAR = 3, 6  # how many frames must follow each other
_MOST_TAGS = 1000  # a hostile file could hold millions of empty ones

_SYNC = re.compile(rb"\xff(?=[\xe0-\xff])|\x0b\x77")

FrameBytes = Callable[[bytes], int]


def find_frames(file: BinaryIO, size: int) -> tuple[str, int] | None:
    """The first run of frames, after tags whose size may be wrong and other bytes that are no sound.

    Args:
        file: A seekable binary file.
        size: Of the file in bytes.

    Returns:
        "mp3", "aac", "ac3" or "eac3", and the offset of the first frame; None where there is none.
    """
    after_tags = min(id3_end(file), size)
    found = _search(file, after_tags, size) if after_tags < size else None
    if not after_tags:
        return found
    # A tag that says that it is longer than it is hides the first frames: they lead up to those that were found.
    inside = _search(file, 10, size, until=after_tags if found else size)
    if inside and (found is None or _leads_to(file, inside, found[1])):
        return inside
    return found


def _search(file: BinaryIO, start: int, size: int, *, until: int | None = None) -> tuple[str, int] | None:
    head = read_at(file, start, _FAR_BYTES)
    stop = min(len(head), (until or size) - start)
    for sync in _SYNC.finditer(head, 0, stop):
        offset = sync.start()
        n_wanted = _N_NEAR if offset < _NEAR_BYTES and until is None else _N_FAR
        for name, frame_bytes in _KINDS:
            if not frame_bytes(head[offset : offset + 7]):
                continue
            n_frames, end = _run(file, start + offset, frame_bytes, n_wanted)
            if n_frames == n_wanted or (n_frames and offset == 0 and end == size):
                return name, start + offset
    return None


def _run(file: BinaryIO, offset: int, frame_bytes: FrameBytes, n_wanted: int) -> tuple[int, int]:
    """How many frames of one kind follow each other from here, and where they end."""
    n_frames, first = 0, b""
    while n_frames < n_wanted:
        header = read_at(file, offset, 7)
        n_bytes = frame_bytes(header)
        if not n_bytes or (first and not _is_alike(first, header)):
            break
        first, offset, n_frames = first or header, offset + n_bytes, n_frames + 1
    return n_frames, offset


def _is_alike(first: bytes, other: bytes) -> bool:
    """Whether two frames are of one version and layer."""
    return first[:1] != b"\xff" or first[1] & 0xFE == other[1] & 0xFE


def _leads_to(file: BinaryIO, found: tuple[str, int], target: int) -> bool:
    """Whether the frames from one place come past another without a break."""
    frame_bytes, offset = dict(_KINDS)[found[0]], found[1]
    while offset < target:
        n_bytes = frame_bytes(read_at(file, offset, 7))
        if not n_bytes:
            return False
        offset += n_bytes
    return True


def id3_end(file: BinaryIO) -> int:
    """Bytes that ID3v2 tags take at the start of the file (several may follow each other).

    Args:
        file: A seekable binary file.

    Returns:
        Where they say that they end; 0 where there is none.
    """
    offset = 0
    for _ in range(_MOST_TAGS):
        tag = read_at(file, offset, 10)
        if not tag.startswith(b"ID3") or len(tag) < 10:
            break
        size = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        offset += 10 + size + (10 if tag[5] & 0x10 else 0)  # the flag says that a footer repeats the header
    return offset


def mpeg_frame_bytes(header: bytes) -> int:
    """Length in bytes of the MPEG audio frame (layer II or III) that begins with `header`; 0 where none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5; 1: III, 2: II
    bitrate_index, rate_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer not in (1, 2) or bitrate_index in (0, 15) or rate_index == 3:
        return 0
    if version == 3 and layer == 2:
        kbps = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)[bitrate_index - 1]
    elif version == 3:
        kbps = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[bitrate_index - 1]
    else:
        kbps = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)[bitrate_index - 1]
    sample_rate = (44100, 48000, 32000)[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    n_samples = 576 if version != 3 and layer == 1 else 1152
    return n_samples // 8 * kbps * 1000 // sample_rate + (header[2] >> 1 & 1)


def adts_frame_bytes(header: bytes) -> int:
    """Length of the AAC frame (ADTS) that begins with `header`; 0 where none does."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    return (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5


_AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)


def _ac3_frame_bytes(header: bytes) -> int:
    """Length of an AC-3 frame (ETSI TS 102 366, section 4.3); 0 where none begins."""
    if len(header) < 6 or header[:2] != b"\x0b\x77" or header[5] >> 3 > 10:
        return 0
    rate_index, size_index = header[4] >> 6, header[4] & 63
    if rate_index == 3 or size_index >= 2 * len(_AC3_KBPS):
        return 0
    kbps = _AC3_KBPS[size_index // 2]
    return 2 * {0: 2 * kbps, 1: 320 * kbps // 147 + (size_index & 1), 2: 3 * kbps}[rate_index]


def _eac3_frame_bytes(header: bytes) -> int:
    """Length of an E-AC-3 frame (ETSI TS 102 366, annex E); 0 where none begins."""
    if len(header) < 6 or header[:2] != b"\x0b\x77" or not 11 <= header[5] >> 3 <= 16:
        return 0
    return 2 * (((header[2] & 7) << 8 | header[3]) + 1)


_KINDS: tuple[tuple[str, FrameBytes], ...] = (
    ("aac", adts_frame_bytes),
    ("mp3", mpeg_frame_bytes),
    ("ac3", _ac3_frame_bytes),
    ("eac3", _eac3_frame_bytes),
)
