"""Wav, RF64, BW64, Wave64 and AIFF whose headers give a wrong size: where the samples really are.

Writers to a pipe, and those that crashed, leave 0, -1, 2,000,000,000 or 0x7F000000 and more for a size; beyond 4 GiB a
size wraps around. What is there is shown to the decoder behind a header that is right. Only where a size is none of
these and the file ends before it, the file is cut short.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from audio_lstm.audio.spans import Layout, Piece, find_in_file, read_at

__all__ = ["aiff_layout", "is_unknown", "wav_layout"]

_MAX_CHUNKS = 100_000  # a hostile file could hold millions of empty ones
_MAX_HEADER = 1 << 16  # bytes of a chunk that describes the samples
_LOOK_BYTES = 1 << 20  # how far a chunk is looked for after one of a wrong size
_HEADER_SLACK = 64  # bytes of a header that writers count in or leave out
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of the other chunks' names
_KNOWN = (
    b"data LIST fact fmt  bext cue  smpl PEAK JUNK junk PAD  FLLR iXML axml chna afsp DISP inst acid strc LGWV umid "
    b"minf elm1 regn MD5  SAUR levl cart plst labl note adtl id3  ID3  _PMX ds64 COMM SSND NAME AUTH ANNO COMT MARK "
    b"INST APPL MIDI AESD CHAN FVER (c)  wavl slnt Tdif"
)
_KNOWN_CHUNKS = frozenset(_KNOWN[i : i + 4] for i in range(0, len(_KNOWN), 5))


def is_unknown(n_bytes: int, size: int) -> bool:
    """Whether a size is one of those that stand for "unknown".

    Args:
        n_bytes: What a header announces.
        size: Of the file in bytes.

    Returns:
        True for 0, for -1 in 32 or 64 bits, and in files of less than 2 GB for 2,000,000,000, 0x7F000000 and more.
    """
    if n_bytes == 0 or n_bytes >= 1 << 62 or 0xFFFF0000 <= n_bytes <= 0xFFFFFFFF:
        return True
    is_round = abs(n_bytes - 2_000_000_000) <= _HEADER_SLACK
    return (is_round or 0x7F000000 - _HEADER_SLACK <= n_bytes <= 0xFFFFFFFF) and size < 2_000_000_000 - _HEADER_SLACK


@dataclass
class _Found:
    """What a walk over the chunks of one recording finds."""

    header: bytes = b""  # the chunk that describes the samples
    samples: list[tuple[int, int]] = field(default_factory=list)  # from where to where
    announced: int = 0  # bytes of samples, as the header says
    is_odd: bool = False  # something in the header is not so
    cut: str | None = None
    next: int = 0  # where another recording begins; 0: nowhere

    @property
    def n_bytes(self) -> int:
        """Bytes of samples that are there."""
        return sum(stop - first for first, stop in self.samples)


@dataclass(frozen=True)
class _Chunks:
    """How the chunks of a format are written."""

    order: str  # of the bytes: "<" or ">"
    header: bytes  # name of the chunk that describes the samples
    samples: bytes  # name of the chunk that holds them
    skip: int = 0  # bytes between the name and size of that one and the samples
    is_w64: bool = False

    def read(self, file: BinaryIO, offset: int) -> tuple[bytes, int, int] | None:
        """A chunk's name, where its content begins, and how long it says that it is."""
        if self.is_w64:
            head = read_at(file, offset, 24)
            if len(head) < 24 or head[4:16] != _W64_TAIL:
                return None
            return head[:4], offset + 24, max(0, struct.unpack("<Q", head[16:])[0] - 24)
        head = read_at(file, offset, 8)
        if len(head) < 8:
            return None
        return head[:4], offset + 8, struct.unpack(self.order + "I", head[4:])[0]

    def align(self, offset: int) -> int:
        """Where the next chunk begins after one that ends here."""
        return -(-offset // 8) * 8 if self.is_w64 else offset + offset % 2


def _walk(file: BinaryIO, start: int, size: int, chunks: _Chunks) -> _Found:
    """Find the samples of the recording whose first chunk begins at `start`."""
    found, wide = _Found(), None
    parity, offset = start % 2, start  # chunks are padded as counted from the start of their own file
    for _ in range(_MAX_CHUNKS):
        chunk = chunks.read(file, offset) if offset < size else None
        if chunk is None:
            break
        name, body, n_bytes = chunk
        if name == b"ds64":  # RF64 (EBU Tech 3306): 64-bit sizes of the file and of the data
            sizes = read_at(file, body, 16)
            wide = struct.unpack("<Q", sizes[8:])[0] if len(sizes) == 16 else None
        if name == chunks.header and body + n_bytes <= size:
            found.header = read_at(file, body, min(n_bytes, _MAX_HEADER))
        if name == chunks.samples:
            announced = wide if wide is not None and n_bytes == 0xFFFFFFFF else n_bytes
            stop = _samples_end(file, body, announced, size, chunks, found)
            if stop > body + chunks.skip:
                found.samples.append((body + chunks.skip, stop))
            found.announced += max(0, announced - chunks.skip)
            offset = _next_chunk(file, stop, chunks, parity)
            if offset < size and _begins_recording(file, offset):
                found.next = offset
                break
        elif body + n_bytes > size and not found.samples:
            found.is_odd = True
            places = [find_in_file(file, wanted, body, min(size, body + _LOOK_BYTES)) for wanted in (b"fmt ", b"data")]
            offset = min((place for place in places if place >= 0), default=size)
        else:
            offset = _next_chunk(file, body + n_bytes, chunks, parity)
    return found


def _samples_end(file: BinaryIO, body: int, announced: int, size: int, chunks: _Chunks, found: _Found) -> int:
    """Where the samples of a chunk end, which may not be where it says."""
    end = body + announced
    if end > size:
        if not is_unknown(announced, size):
            found.cut = f"its header announces {end:,} bytes, {size:,} are there"
            return size
    elif size - end < 8 or _chunks_follow(file, end, size, chunks):
        return end
    found.is_odd = True
    return _last_chunk(file, body, size, chunks)


def _last_chunk(file: BinaryIO, body: int, size: int, chunks: _Chunks) -> int:
    """Where a list of texts begins that ends a file, after samples whose size is not known; else the file's end."""
    tail_start = max(body, size - _MAX_HEADER)
    tail = read_at(file, tail_start, _MAX_HEADER)
    place = tail.rfind(b"LIST") if not chunks.is_w64 else -1
    if 0 <= place <= len(tail) - 8:
        n_bytes = struct.unpack(chunks.order + "I", tail[place + 4 : place + 8])[0]
        if 0 <= len(tail) - (place + 8 + n_bytes) <= 1:
            return tail_start + place
    return size


def _chunks_follow(file: BinaryIO, end: int, size: int, chunks: _Chunks) -> bool:
    """Whether what comes after some samples is the rest of the file's chunks, a tag, or another recording."""
    for offset in {end, chunks.align(end)}:
        if _begins_recording(file, offset) or read_at(file, offset, 3) in (b"TAG", b"ID3"):
            return True
        n_chunks = 0
        while (chunk := chunks.read(file, offset)) is not None and n_chunks < _MAX_CHUNKS:
            name, body, n_bytes = chunk
            if name in _KNOWN_CHUNKS or chunks.is_w64:
                return True
            if not name.isascii() or not name.decode("ascii").isprintable() or body + n_bytes > size:
                break
            offset, n_chunks = chunks.align(body + n_bytes), n_chunks + 1
            if size - offset < 8:
                return True
    return False


def _next_chunk(file: BinaryIO, end: int, chunks: _Chunks, parity: int) -> int:
    """Where the next chunk begins; some writers forget the byte that pads an odd one."""
    padded = chunks.align(end + parity) - parity if not chunks.is_w64 else chunks.align(end)
    if padded != end and not chunks.is_w64:
        bare = chunks.read(file, end)
        if bare is not None and bare[0] in _KNOWN_CHUNKS:
            return end
    return padded


def _begins_recording(file: BinaryIO, offset: int) -> bool:
    head = read_at(file, offset, 12)
    return (head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:] == b"WAVE") or (
        head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC")
    )


def _recordings(file: BinaryIO, start: int, size: int) -> Iterator[tuple[int, bytes, _Chunks, _Found]]:
    """Each recording of a file: several may have been joined."""
    for _ in range(_MAX_CHUNKS):
        head = read_at(file, start, 40)
        if head[:16] == _W64_RIFF:
            chunks, first = _Chunks("<", b"fmt ", b"data", is_w64=True), start + 40
        elif head[:4] == b"FORM":
            chunks, first = _Chunks(">", b"COMM", b"SSND", skip=8), start + 12
        else:
            chunks, first = _Chunks(">" if head[:4] == b"RIFX" else "<", b"fmt ", b"data"), start + 12
        found = _walk(file, first, size, chunks)
        yield start, head, chunks, found
        if found.next <= start:
            return
        start = found.next


def wav_layout(file: BinaryIO, start: int, size: int) -> Layout:
    """Where the samples of a wav, RF64, BW64 or Wave64 lie.

    Args:
        file: A seekable binary file.
        start: Where it begins.
        size: Of the file in bytes.

    Returns:
        A part for each recording: as it is where its header is right, else behind a new one.
    """
    return _layout(file, start, size, _wav_repair)


def _layout(
    file: BinaryIO, start: int, size: int, repair: Callable[[bytes, _Chunks, _Found], tuple[Piece | None, str | None]]
) -> Layout:
    """The parts of a file, given the header that a recording needs (None: its own is right) and what to say of it."""
    parts: list[tuple[Piece, ...]] = []
    cut, note = None, None
    for begin, head, chunks, found in _recordings(file, start, size):
        end = found.next or size
        header, remark = repair(head, chunks, found)
        note = note or remark or _riff_note(head, chunks, found, (begin, end))
        parts.append(((begin, end),) if header is None else (header, *found.samples))
        cut = found.cut
    return Layout(tuple(parts), cut, note)


def _wav_repair(head: bytes, chunks: _Chunks, found: _Found) -> tuple[Piece | None, str | None]:
    is_odd = found.is_odd or len(found.samples) > 1 or head[:4] == b"BW64" or chunks.is_w64
    if not (is_odd and found.header and found.samples):
        return None, None
    return _wav_header(chunks.order, found.header, found.n_bytes), None


def _riff_note(head: bytes, chunks: _Chunks, found: _Found, span: tuple[int, int]) -> str | None:
    """What the header of a recording that lies in this span of the file says that is not so."""
    n_bytes = found.n_bytes
    if len(found.samples) > 1:
        return f"the samples lie in {len(found.samples)} chunks; all of them are read"
    if found.is_odd:
        if not found.announced:
            return f"the header gives no length (0 bytes); the {n_bytes:,} bytes that are there are read"
        if found.announced == n_bytes:
            return "the header gives a wrong size to a chunk before the samples; it is passed over"
        return f"the header announces {found.announced:,} bytes of samples; the {n_bytes:,} that are there are read"
    if chunks.is_w64 or head[:4] in (b"RF64", b"BW64") or found.cut or not found.samples:
        return None
    begin, end = span
    whole = struct.unpack(chunks.order + "I", head[4:8])[0] + 8
    if whole < found.samples[-1][1] - begin - 1 or whole > end - begin + 1:
        return f"the header announces a file of {whole:,} bytes; the {end - begin:,} that are there are read"
    return None


def _wav_header(order: str, fmt: bytes, n_bytes: int) -> bytes:
    """The header of a wav with samples of so many bytes; of an RF64 where they are too many for it."""
    fmt_chunk = b"fmt " + struct.pack(order + "I", len(fmt)) + fmt + bytes(len(fmt) % 2)
    whole = 4 + len(fmt_chunk) + 8 + n_bytes
    if whole < 0xFFFFFFFF or order == ">":
        kind = b"RIFF" if order == "<" else b"RIFX"
        sizes = struct.pack(order + "I", min(whole, 0xFFFFFFFF)), struct.pack(order + "I", min(n_bytes, 0xFFFFFFFF))
        return kind + sizes[0] + b"WAVE" + fmt_chunk + b"data" + sizes[1]
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, whole + 36, n_bytes, 0, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + ds64 + fmt_chunk + b"data\xff\xff\xff\xff"


def aiff_layout(file: BinaryIO, start: int, size: int) -> Layout:
    """Where the samples of an AIFF or AIFF-C lie.

    Args:
        file: A seekable binary file.
        start: Where it begins.
        size: Of the file in bytes.

    Returns:
        A part for each recording: as it is where its header is right, else behind a new one.
    """
    return _layout(file, start, size, _aiff_repair)


def _aiff_repair(head: bytes, _: _Chunks, found: _Found) -> tuple[Piece | None, str | None]:
    n_bytes, frame_bytes = found.n_bytes, _aiff_frame_bytes(found.header)
    n_frames = struct.unpack(">I", found.header[2:6])[0] if len(found.header) >= 18 else 0
    disagrees = frame_bytes and abs(n_frames * frame_bytes - n_bytes) >= frame_bytes and not found.cut
    is_odd = found.is_odd or len(found.samples) > 1 or bool(disagrees)
    note = None
    if is_odd and not found.is_odd and len(found.samples) == 1:
        note = f"the header announces {n_frames:,} samples; the {n_bytes // frame_bytes:,} there are read"
    if not (is_odd and frame_bytes and found.samples):
        return None, note
    return _aiff_header(head[8:12], found.header, n_bytes, frame_bytes), note


def _aiff_frame_bytes(comm: bytes) -> int:
    """Bytes of a sample of all channels; 0 where the coding has none."""
    if len(comm) < 18:
        return 0
    n_channels, _, n_bits = struct.unpack(">hIh", comm[:8])
    coding = comm[18:22]
    if coding not in (b"", b"NONE", b"twos", b"sowt", b"raw ", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64"):
        if coding not in (b"ulaw", b"ULAW", b"alaw", b"ALAW"):
            return 0
        n_bits = 8
    return int(max(0, n_channels) * -(-max(0, n_bits) // 8))


def _aiff_header(kind: bytes, comm: bytes, n_bytes: int, frame_bytes: int) -> Piece:
    comm = comm[:2] + struct.pack(">I", min(n_bytes // frame_bytes, 0xFFFFFFFF)) + comm[6:] + bytes(len(comm) % 2)
    comm_chunk = b"COMM" + struct.pack(">I", len(comm)) + comm
    samples = struct.pack(">III", min(n_bytes + 8, 0xFFFFFFFF), 0, 0)
    whole = min(4 + len(comm_chunk) + 16 + n_bytes, 0xFFFFFFFF)
    return b"FORM" + struct.pack(">I", whole) + kind + comm_chunk + b"SSND" + samples
