"""What a recording's bytes say before anything is decoded: its format, and whether its end is missing.

Formats are told by their magic bytes, never by the file's name: libsndfile prints debug text on some odd formats and
FFmpeg would follow a playlist to other files, so neither is ever shown a file that this module does not know.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal

from audio_lstm.errors import AudioError

__all__ = ["READABLE", "AudioFormat", "find_cut", "mpeg_frame_bytes", "read_at", "sniff"]

READABLE = "wav, flac, ogg, opus, mp3, m4a, mp4, mov, webm, mkv, amr, wma, aac, aiff, au, caf, avi, sph"
_HEAD_BYTES = 65536
_STREAMED = 0x7FFF0000  # writers to a pipe put a size near 2 or 4 GiB for "unknown" (ffmpeg, sox)
_OGG_MAX_PAGE = 65307
_MAX_CHUNKS = 100_000  # a hostile file could hold millions of empty ones
_MATROSKA_SEGMENT = b"\x18\x53\x80\x67"
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_MOV_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"sidx", b"mfra", b"uuid")
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"#EXTINF")


@dataclass(frozen=True)
class AudioFormat:
    """A container that can be read, and by what."""

    name: str  # as people call it: "wav", "webm"
    reader: Literal["soundfile", "pyav"]  # the library that is asked first
    demuxer: str  # FFmpeg's name of the container; "" where only libsndfile reads it


_WAV = AudioFormat("wav", "soundfile", "wav")
_FLAC = AudioFormat("flac", "soundfile", "flac")
_OGG = AudioFormat("ogg", "soundfile", "ogg")
_AIFF = AudioFormat("aiff", "soundfile", "aiff")
_AU = AudioFormat("au", "soundfile", "au")
_CAF = AudioFormat("caf", "soundfile", "caf")
_SPHERE = AudioFormat("sph", "soundfile", "")
# Not libsndfile: where an mp3 has no Xing header, or is two files joined, it returns part of it without a word.
_MP3 = AudioFormat("mp3", "pyav", "mp3")
_AAC = AudioFormat("aac", "pyav", "aac")
_AMR = AudioFormat("amr", "pyav", "amr")
_MOV = AudioFormat("mp4", "pyav", "mov")
_MATROSKA = AudioFormat("webm/mkv", "pyav", "matroska")
_ASF = AudioFormat("wma", "pyav", "asf")
_AVI = AudioFormat("avi", "pyav", "avi")


def read_at(file: BinaryIO, offset: int, n_bytes: int) -> bytes:
    """Up to `n_bytes` bytes of `file` from `offset`."""
    file.seek(offset)
    return file.read(n_bytes)


def sniff(file: BinaryIO, where: str) -> AudioFormat:
    """Tell a recording's format from its first bytes.

    Args:
        file: A seekable binary file.
        where: Named in error messages, e.g. the path.

    Returns:
        The format.

    Raises:
        AudioError: For an empty file, a playlist, or anything that is not a known audio or video container.
    """
    head = read_at(file, 0, _HEAD_BYTES)
    if not head:
        raise AudioError(f"{where}: the file is empty (0 bytes); record or export it again")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS):
        raise AudioError(
            f"{where}: this is a playlist that points at other files, not audio; give the files themselves"
        )
    found = _sniff_container(head)
    if found is None:
        tagged = read_at(file, _id3_size(file), _HEAD_BYTES)
        found = _FLAC if tagged.startswith(b"fLaC") else _sniff_frames(tagged)
    if found is None:
        raise AudioError(
            f"{where}: not audio in a format that can be read ({READABLE}); the file begins with {head[:12]!r}"
        )
    return found


def _sniff_container(head: bytes) -> AudioFormat | None:
    """Formats that a fixed magic number tells."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return {b"WAVE": _WAV, b"AVI ": _AVI}.get(head[8:12])
    if head[:4] == b"FORM":
        return _AIFF if head[8:12] in (b"AIFF", b"AIFC") else None
    if head[4:8] in _MOV_BOXES:
        return _MOV
    magic = {
        b"fLaC": _FLAC,
        b"OggS": _OGG,
        b".snd": _AU,
        b"caff": _CAF,
        b"NIST": _SPHERE,
        b"\x1a\x45\xdf\xa3": _MATROSKA,
        b"#!AM": _AMR if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")) else None,
        _ASF_HEADER[:4]: _ASF if head.startswith(_ASF_HEADER) else None,
    }
    return magic.get(head[:4])


def _sniff_frames(head: bytes) -> AudioFormat | None:
    """MP3 and AAC have no magic number, only frames that follow each other."""
    for offset in range(min(len(head), 4096)):
        if head[offset] != 0xFF:
            continue
        for found, frame_bytes in ((_AAC, _adts_frame_bytes), (_MP3, mpeg_frame_bytes)):
            position, n_frames = offset, 0
            while n_frames < 3 and (size := frame_bytes(head[position : position + 7])):
                position, n_frames = position + size, n_frames + 1
            if n_frames == 3 or (n_frames and offset == 0 and position == len(head)):
                return found
    return None


def _id3_size(file: BinaryIO) -> int:
    """Bytes that ID3v2 tags take at the start of the file (several may follow each other)."""
    offset = 0
    for _ in range(_MAX_CHUNKS):
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


def _adts_frame_bytes(header: bytes) -> int:
    """Length of the AAC frame (ADTS) that begins with `header`; 0 where none does."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    return (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5


def find_cut(file: BinaryIO, found: AudioFormat) -> str | None:
    """Compare the length that a file announces with the bytes that are there.

    A FLAC's length is in samples and is compared after decoding. AMR, ADTS AAC, and mp3 without a Xing header
    announce no length: their cut cannot be seen.

    Args:
        file: A seekable binary file.
        found: Its format.

    Returns:
        What is missing, in words; None where nothing is, or where the format does not say.
    """
    size = file.seek(0, os.SEEK_END)
    if found is _OGG:
        return _ogg_cut(file, size)
    announced = {
        _WAV: _riff_end,
        _AVI: _riff_end,
        _AIFF: _riff_end,
        _AU: _au_end,
        _CAF: _caf_end,
        _SPHERE: _sphere_end,
        _MP3: _mp3_end,
        _MOV: _mov_end,
        _MATROSKA: _matroska_end,
        _ASF: _asf_end,
    }.get(found, lambda _file, _size: 0)(file, size)
    return f"its header announces {announced:,} bytes, {size:,} are there" if announced > size else None


def _ogg_cut(file: BinaryIO, size: int) -> str | None:
    """An Ogg stream ends with a whole page that carries the end flag (RFC 3533, section 6)."""
    tail_start = max(0, size - 2 * _OGG_MAX_PAGE)
    tail = read_at(file, tail_start, 2 * _OGG_MAX_PAGE)
    page = tail.rfind(b"OggS\x00")
    n_segments = tail[page + 26] if page >= 0 and page + 26 < len(tail) else -1
    body = page + 27 + max(n_segments, 0)
    if n_segments < 0 or body > len(tail) or body + sum(tail[page + 27 : body]) > len(tail):
        return "its last page is incomplete"
    return None if tail[page + 5] & 4 else "its last page does not end the stream"


def _riff_end(file: BinaryIO, size: int) -> int:
    """End of the data chunk of a wav, the sound chunk of an AIFF, the whole of an AVI."""
    head = read_at(file, 0, 12)
    order = "<" if head[:4] in (b"RIFF", b"RF64") else ">"
    if head[8:12] == b"AVI ":
        return int(struct.unpack("<I", head[4:8])[0]) + 8
    offset, wide_size = 12, None
    for _ in range(_MAX_CHUNKS):
        chunk = read_at(file, offset, 24)
        if len(chunk) < 8:
            break
        name, n_bytes = chunk[:4], struct.unpack(order + "I", chunk[4:8])[0]
        if name == b"ds64" and len(chunk) == 24:  # RF64 (EBU Tech 3306): 64-bit sizes of the file and the data
            wide_size = struct.unpack("<Q", chunk[16:24])[0]
        if name in (b"data", b"SSND"):
            if wide_size is not None and n_bytes == 0xFFFFFFFF:
                return int(offset + 8 + wide_size)
            return 0 if n_bytes >= _STREAMED > size else int(offset + 8 + n_bytes)
        offset += 8 + n_bytes + n_bytes % 2
    return 0


def _au_end(file: BinaryIO, _size: int) -> int:
    head = read_at(file, 0, 12)
    if len(head) < 12:
        return 12
    offset, n_bytes = struct.unpack(">II", head[4:12])
    return 0 if n_bytes == 0xFFFFFFFF else offset + n_bytes


def _caf_end(file: BinaryIO, _size: int) -> int:
    offset = 8
    for _ in range(_MAX_CHUNKS):
        chunk = read_at(file, offset, 12)
        if len(chunk) < 12:
            break
        name, n_bytes = chunk[:4], struct.unpack(">q", chunk[4:])[0]
        if name == b"data" or n_bytes < 0:
            return 0 if n_bytes < 0 else int(offset + 12 + n_bytes)  # -1: unknown, up to the end
        offset += 12 + n_bytes
    return 0


def _sphere_end(file: BinaryIO, _size: int) -> int:
    """NIST Sphere: a text header of 1024 bytes or so, then the samples."""
    lines = read_at(file, 0, 1024).decode("latin-1").splitlines()
    fields = {words[0]: words[2] for line in lines if len(words := line.split()) == 3}
    numbers = [lines[1].strip() if len(lines) > 1 else ""]
    numbers += [fields.get(name, "") for name in ("sample_count", "channel_count", "sample_n_bytes")]
    if not all(number.isdecimal() for number in numbers) or "shorten" in fields.get("sample_coding", ""):
        return 0
    header, n_samples, n_channels, sample_bytes = map(int, numbers)
    return header + n_samples * n_channels * sample_bytes


def _mp3_end(file: BinaryIO, _size: int) -> int:
    """The Xing or Info header in the first frame counts the bytes; some writers count a little too much."""
    start = _id3_size(file)
    head = read_at(file, start, 4096).lstrip(b"\x00")
    first_bytes = mpeg_frame_bytes(head)
    at = max(head[:64].find(b"Xing"), head[:64].find(b"Info"))
    if not first_bytes or at < 0 or len(head) < at + 16:
        return 0
    flags = struct.unpack(">I", head[at + 4 : at + 8])[0]
    if not flags & 2:
        return 0
    n_bytes = struct.unpack(">I", head[at + 12 : at + 16] if flags & 1 else head[at + 8 : at + 12])[0]
    return int(max(0, start + n_bytes - first_bytes - 128))  # slack: one frame, and an ID3v1 tag


def _mov_end(file: BinaryIO, size: int) -> int:
    offset = 0
    for _ in range(_MAX_CHUNKS):
        box = read_at(file, offset, 16)
        if offset >= size or len(box) < 8 or box[4:8] not in _MOV_BOXES:
            break
        n_bytes = struct.unpack(">I", box[:4])[0]
        if n_bytes == 1 and len(box) == 16:
            n_bytes = struct.unpack(">Q", box[8:])[0]
        if n_bytes < 8:  # 0: up to the end of the file
            return 0
        offset += n_bytes
    return offset


def _matroska_end(file: BinaryIO, _size: int) -> int:
    head = io.BytesIO(read_at(file, 0, 4096))
    head.seek(4)
    header_bytes = _ebml_size(head)
    head.seek(header_bytes or 0, os.SEEK_CUR)
    if head.read(4) != _MATROSKA_SEGMENT:
        return 0
    n_bytes = _ebml_size(head)
    return 0 if n_bytes is None else head.tell() + n_bytes


def _ebml_size(file: io.BytesIO) -> int | None:
    """A variable-length size (RFC 8794, section 6); None where it says "unknown" or is not there."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    n_more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] ^ 1 << 7 - n_more]) + file.read(n_more))
    return None if value == (1 << 7 * (n_more + 1)) - 1 else value


def _asf_end(file: BinaryIO, _size: int) -> int:
    head = read_at(file, 0, _HEAD_BYTES)
    at = head.find(_ASF_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return 0
    broadcast = struct.unpack("<I", head[at + 88 : at + 92])[0] & 1  # then the size below means nothing
    return 0 if broadcast else int(struct.unpack("<Q", head[at + 40 : at + 48])[0])
