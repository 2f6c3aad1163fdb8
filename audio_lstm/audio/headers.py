"""What a recording's bytes say before anything is decoded: its format, where it lies, whether its end is missing.

Formats are told by their magic bytes, never by the file's name: libsndfile prints debug text on some odd formats and
FFmpeg would follow a playlist to other files, so neither is ever shown a file that this module does not know.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO, Literal

from audio_lstm.audio.chunks import aiff_layout, is_unknown, wav_layout
from audio_lstm.audio.frames import find_frames, id3_end, mpeg_frame_bytes
from audio_lstm.audio.matroska import matroska_end
from audio_lstm.audio.ogg import ogg_layout
from audio_lstm.audio.spans import Layout, Piece, find_in_file, read_at
from audio_lstm.errors import AudioError

__all__ = ["READABLE", "AudioFormat", "find_cut", "lay_out", "sniff"]

READABLE = (
    "wav, flac, ogg, opus, mp3, m4a, mp4, mov, webm, mkv, amr, wma, aac, ac3, aiff, au, caf, avi, flv, ts, mpg, w64, "
    "wv, tta, sph"
)
_HEAD_BYTES = 65536
_LOOK_BYTES = 1 << 20  # how far a FLAC is looked for
_FLAC_BLOCKS = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")  # how the first block of metadata begins
_W64_HEADER = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_MAX_CHUNKS = 100_000  # a hostile file could hold millions of empty ones
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
# Not libsndfile: it stops at the first link of a chain, and does not see that pages are lost.
_OGG = AudioFormat("ogg", "pyav", "ogg")
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
_AC3 = AudioFormat("ac3", "pyav", "ac3")
_EAC3 = AudioFormat("eac3", "pyav", "eac3")
_TS = AudioFormat("ts", "pyav", "mpegts")
_FLV = AudioFormat("flv", "pyav", "flv")
_MPG = AudioFormat("mpg", "pyav", "mpeg")
_TTA = AudioFormat("tta", "pyav", "tta")
_WAVPACK = AudioFormat("wv", "pyav", "wv")
_BY_FRAMES = {"mp3": _MP3, "aac": _AAC, "ac3": _AC3, "eac3": _EAC3}


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
    if found is None and head.startswith(b"ID3"):
        found = _sniff_container(read_at(file, id3_end(file), _HEAD_BYTES))
    if found is None:
        size = file.seek(0, os.SEEK_END)
        frames = find_frames(file, size)
        flac_start = _find_flac(file, 0, size)
        if flac_start >= 0 and (frames is None or flac_start < frames[1]):
            found = _FLAC
        elif frames is not None:
            found = _BY_FRAMES[frames[0]]
    if found is None:
        raise AudioError(
            f"{where}: not audio in a format that can be read ({READABLE}); the file begins with {head[:12]!r}"
        )
    return found


def _sniff_container(head: bytes) -> AudioFormat | None:
    """Formats that a fixed magic number tells."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return {b"WAVE": _WAV, b"AVI ": _AVI}.get(head[8:12])
    if head[:4] == b"FORM":
        return _AIFF if head[8:12] in (b"AIFF", b"AIFC") else None
    if head[4:8] in _MOV_BOXES:
        return _MOV
    if head[:16] == _W64_HEADER:
        return _WAV
    for packet_bytes, first in ((188, 0), (192, 4)):  # MPEG-TS; of a disc, with a time before each packet
        places = range(first, min(len(head), 5 * packet_bytes), packet_bytes)
        if len(places) >= 3 and all(head[place] == 0x47 for place in places):
            return _TS
    magic = {
        b"fLaC": _FLAC,
        b"OggS": _OGG,
        b".snd": _AU,
        b"caff": _CAF,
        b"NIST": _SPHERE,
        b"wvpk": _WAVPACK,
        b"TTA1": _TTA,
        b"\x00\x00\x01\xba": _MPG,
        b"FLV\x01": _FLV,
        b"\x1a\x45\xdf\xa3": _MATROSKA,
        b"#!AM": _AMR if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")) else None,
        _ASF_HEADER[:4]: _ASF if head.startswith(_ASF_HEADER) else None,
    }
    return magic.get(head[:4])


def _find_flac(file: BinaryIO, start: int, size: int, reach: int = _LOOK_BYTES) -> int:
    """Where a FLAC begins (its magic and the head of its first block); -1: nowhere near."""
    stop = min(size, start + reach)
    places = [find_in_file(file, b"fLaC" + head, start, stop) for head in _FLAC_BLOCKS]
    return min((place for place in places if place >= 0), default=-1)


def lay_out(file: BinaryIO, found: AudioFormat) -> Layout:
    """Where a file's recordings lie, and what is wrong with what its headers say.

    A FLAC's length is in samples and is compared after decoding. AMR, ADTS AAC, AC-3, MPEG-TS, FLV, and mp3 without a
    Xing header announce no length: their cut cannot be seen.

    Args:
        file: A seekable binary file.
        found: Its format.

    Returns:
        The parts, what is missing at the end, and a note where a header is wrong.
    """
    size = file.seek(0, os.SEEK_END)
    start = _start(file, found, size)
    if found is _OGG:
        return ogg_layout(file, start, size)
    if found is _WAV:
        return wav_layout(file, start, size)
    if found is _AIFF:
        return aiff_layout(file, start, size)
    if found is _FLAC:
        return _flac_layout(file, start, size)
    if found is _AU:
        return _au_layout(file, start, size)
    if found is _AVI:
        return _avi_layout(file, size)
    end = {_CAF: _caf_end, _SPHERE: _sphere_end, _MP3: _mp3_end, _MOV: _mov_end, _MATROSKA: matroska_end}.get(
        found, _asf_end if found is _ASF else lambda _file, _size: 0
    )
    announced = end(file, size)
    cut = _cut(announced, size) if announced > size else None
    return Layout((((start, size),),), cut)


def _cut(announced: int, size: int) -> str:
    return f"its header announces {announced:,} bytes, {size:,} are there"


def _start(file: BinaryIO, found: AudioFormat, size: int) -> int:
    """Where the sound or its container begins, behind tags and other bytes."""
    if found in _BY_FRAMES.values():
        frames = find_frames(file, size)
        return frames[1] if frames else 0
    head = read_at(file, 0, _HEAD_BYTES)
    if _sniff_container(head) is found:
        return 0
    tagged = id3_end(file)
    if tagged and _sniff_container(read_at(file, tagged, _HEAD_BYTES)) is found:
        return tagged
    return max(0, _find_flac(file, 0, size)) if found is _FLAC else 0


def _flac_layout(file: BinaryIO, start: int, size: int) -> Layout:
    """Each stream of a file that several were joined to."""
    starts = [start]
    while len(starts) < _MAX_CHUNKS:
        following = _find_flac(file, _flac_frames(file, starts[-1]), size, size)
        if following < 0:
            break
        starts.append(following)
    return Layout(tuple(((a, b),) for a, b in zip(starts, [*starts[1:], size], strict=True)))


def _flac_frames(file: BinaryIO, start: int) -> int:
    """Where the frames of a FLAC begin: behind blocks of metadata, which may hold anything."""
    offset = start + 4
    for _ in range(_MAX_CHUNKS):
        block = read_at(file, offset, 4)
        if len(block) < 4:
            break
        offset += 4 + int.from_bytes(block[1:])
        if block[0] & 0x80:
            break
    return offset


def _au_layout(file: BinaryIO, start: int, size: int) -> Layout:
    head = read_at(file, start, 24)
    if len(head) < 24:
        return Layout((((start, size),),), _cut(start + 24, size))
    offset, n_bytes = struct.unpack(">II", head[4:12])
    end, there = start + offset + n_bytes, max(0, size - start - offset)
    if n_bytes == 0xFFFFFFFF or (n_bytes <= there < n_bytes + 8):
        return Layout((((start, size),),))
    if end > size and not is_unknown(n_bytes, size):
        return Layout((((start, size),),), _cut(end, size))
    note = f"the header announces {n_bytes:,} bytes of samples; the {there:,} that are there are read"
    mended = head[:8] + b"\xff\xff\xff\xff" + head[12:]
    return Layout(((mended, (start + 24, size)),), note=note)


def _avi_layout(file: BinaryIO, size: int) -> Layout:
    """FFmpeg reads an AVI to its end, whatever its header says."""
    whole: tuple[tuple[Piece, ...], ...] = (((0, size),),)
    n_bytes = struct.unpack("<I", read_at(file, 4, 4))[0]
    end = n_bytes + 8
    if end > size and not is_unknown(n_bytes, size):
        return Layout(whole, _cut(end, size))
    if end <= size and (size - end < 8 or read_at(file, end, 4) in (b"RIFF", b"JUNK", b"idx1")):
        return Layout(whole)
    return Layout(whole, note=f"the header announces {end:,} bytes; the {size:,} that are there are read")


def find_cut(file: BinaryIO, found: AudioFormat) -> str | None:
    """What is missing at the end of a file.

    Args:
        file: A seekable binary file.
        found: Its format.

    Returns:
        In words; None where nothing is, or where the format does not say.
    """
    return lay_out(file, found).cut


def _caf_end(file: BinaryIO, size: int) -> int:
    offset = 8
    for _ in range(_MAX_CHUNKS):
        chunk = read_at(file, offset, 12)
        if len(chunk) < 12:
            break
        name, n_bytes = chunk[:4], struct.unpack(">q", chunk[4:])[0]
        if name == b"data" and n_bytes == -1:  # unknown, up to the end
            return 0
        offset += 12 + n_bytes % (1 << 64)
        if name == b"data" or offset > size:  # no writer's: libsndfile and FFmpeg would seek to nowhere
            return int(offset)
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


def _mp3_end(file: BinaryIO, size: int) -> int:
    """The Xing or Info header in the first frame counts the bytes; some writers count a little too much."""
    start = _start(file, _MP3, size)
    head = read_at(file, start, 4096)
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


def _asf_end(file: BinaryIO, _size: int) -> int:
    head = read_at(file, 0, _HEAD_BYTES)
    at = head.find(_ASF_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return 0
    broadcast = struct.unpack("<I", head[at + 88 : at + 92])[0] & 1  # then the size below means nothing
    return 0 if broadcast else int(struct.unpack("<Q", head[at + 40 : at + 48])[0])
