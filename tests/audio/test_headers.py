"""Formats told by their bytes, and announced lengths of headers written here by hand."""

from __future__ import annotations

import io
import struct

import pytest

from audio_lstm.audio.headers import AudioFormat, find_cut, lay_out, sniff
from audio_lstm.errors import AudioError

ADTS = bytes([0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC]) + bytes(9)  # 16 bytes, 44.1 kHz
MP3 = b"\xff\xfb\x90\xc4" + bytes(413)  # 128 kbit/s at 44.1 kHz: 417 bytes


def told(data: bytes) -> AudioFormat:
    return sniff(io.BytesIO(data), "x")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"RIFF\x00\x00\x00\x00WAVE", "wav"),
        (b"RF64\xff\xff\xff\xffWAVE", "wav"),
        (b"RIFF\x00\x00\x00\x00AVI ", "avi"),
        (b"FORM\x00\x00\x00\x00AIFC", "aiff"),
        (b"\x00\x00\x00\x18ftypM4A ", "mp4"),
        (b"\x00\x00\x00\x08wide\x00\x00", "mp4"),
        (b"fLaC", "flac"),
        (b"OggS\x00", "ogg"),
        (b"\x1a\x45\xdf\xa3", "webm/mkv"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wma"),
        (b"#!AMR\n", "amr"),
        (b"#!AMR-WB\n", "amr"),
        (ADTS * 3, "aac"),
        (MP3 * 3, "mp3"),
        (bytes(100) + MP3 * 3, "mp3"),
        (MP3, "mp3"),
        (bytes(6000) + MP3 * 6, "mp3"),
        (b"BW64\xff\xff\xff\xffWAVE", "wav"),
        (bytes.fromhex("726966662e91cf11a5d628db04c10000"), "wav"),
        (b"FLV\x01\x05", "flv"),
        (b"wvpk", "wv"),
        (b"TTA1", "tta"),
        (b"\x00\x00\x01\xba", "mpg"),
        ((b"\x47" + bytes(187)) * 3, "ts"),
        ((bytes(4) + b"\x47" + bytes(187)) * 3, "ts"),
        ((b"\x0b\x77\x00\x00\x00\x40" + bytes(122)) * 3, "ac3"),
        (b"junk" * 2000 + b"fLaC\x00\x00\x00\x22", "flac"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x04abcdRIFF\x00\x00\x00\x00WAVE", "wav"),
    ],
)
def test_a_format_is_told_by_its_first_bytes(head: bytes, name: str) -> None:
    assert told(head).name == name


@pytest.mark.parametrize(
    "head",
    [
        b"hello, this is not audio",
        "h\u00e9llo in UTF-16".encode("utf-16"),
        b"MThd\x00\x00\x00\x06\x00\x01",
        b"RIFF\x00\x00\x00\x00ACON",
        b"FORM\x00\x00\x00\x00ILBM",
        b"#!AMX\n",
        b"\x30\x26\xb2\x75 something else",
        b"\x00",
        b"ID3\x04\x00\x00\x00\x00\x00\x04abcd#EXTM3U\nhttp://example.org/x.mp3",
        bytes(10000),
        b"\xff" * 10000,
        bytes(range(256)) * 64,
    ],
)
def test_what_is_not_audio_is_an_error_that_shows_how_it_begins(head: bytes) -> None:
    with pytest.raises(AudioError, match=r"x: not audio in a format that can be read \(wav, .*begins with b['\"]"):
        told(head)


def test_an_empty_file_is_an_error() -> None:
    with pytest.raises(AudioError, match=r"x: the file is empty \(0 bytes\); record or export it again"):
        told(b"")


@pytest.mark.parametrize("head", [b"#EXTM3U\n", b"\xef\xbb\xbf#EXTM3U", b"ffconcat version 1.0\n", b"\n[playlist]\n"])
def test_a_playlist_is_an_error_that_says_so(head: bytes) -> None:
    with pytest.raises(AudioError, match="x: this is a playlist that points at other files, not audio"):
        told(head + b"file '/etc/passwd'\n")


def cut_of(data: bytes) -> str | None:
    return find_cut(io.BytesIO(data), told(data))


def wav(announced: int, n_bytes: int, *, kind: bytes = b"RIFF", before: bytes = b"") -> bytes:
    header = kind + struct.pack("<I", 36) + b"WAVE" + before + b"fmt " + struct.pack("<I", 16) + bytes(16)
    return header + b"data" + struct.pack("<I", announced) + bytes(n_bytes)


def test_a_wav_is_cut_where_its_data_chunk_announces_more() -> None:
    assert cut_of(wav(100, 100)) is None
    assert cut_of(wav(100, 98)) == "its header announces 144 bytes, 142 are there"
    odd_chunk = b"LIST" + struct.pack("<I", 3) + bytes(4)
    assert cut_of(wav(100, 100, before=odd_chunk)) is None
    assert cut_of(wav(100, 99, before=odd_chunk)) is not None


@pytest.mark.parametrize("announced", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFDB, 0])
def test_a_wav_written_to_a_pipe_is_not_taken_for_cut(announced: int) -> None:
    assert cut_of(wav(announced, 1000)) is None


def test_the_64_bit_size_of_an_rf64_counts() -> None:
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 0, 1000, 500, 0)
    assert cut_of(wav(0xFFFFFFFF, 1000, kind=b"RF64", before=sizes)) is None
    assert cut_of(wav(0xFFFFFFFF, 999, kind=b"RF64", before=sizes)) is not None


def test_a_wav_of_endless_empty_chunks_ends() -> None:
    data = b"RIFF\x00\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 200_000
    assert cut_of(data) is None


def test_an_au_or_caf_that_does_not_know_its_length_is_not_cut() -> None:
    assert cut_of(b".snd" + struct.pack(">II", 24, 0xFFFFFFFF) + bytes(20)) is None
    assert cut_of(b".snd" + struct.pack(">II", 24, 100) + bytes(20)) is not None
    assert cut_of(b".snd") is not None
    caf = b"caff\x00\x01\x00\x00" + b"desc" + struct.pack(">q", 4) + bytes(4)
    assert cut_of(caf + b"data" + struct.pack(">q", -1) + bytes(8)) is None
    assert cut_of(caf + b"data" + struct.pack(">q", 8) + bytes(8)) is None
    assert cut_of(caf + b"data" + struct.pack(">q", 9) + bytes(8)) is not None
    assert cut_of(caf) is None


def test_a_sphere_file_is_cut_where_samples_are_missing() -> None:
    text = b"NIST_1A\n   1024\nsample_count -i 100\nchannel_count -i 1\nsample_n_bytes -i 2\nend_head\n"
    assert cut_of(text.ljust(1024) + bytes(200)) is None
    assert cut_of(text.ljust(1024) + bytes(199)) is not None
    shortened = text.replace(b"end_head", b"sample_coding -s26 pcm,embedded-shorten-v2.00\nend_head")
    assert cut_of(shortened.ljust(1024) + bytes(50)) is None


def ogg_page(*, last: bool, body: bytes = b"12345") -> bytes:
    return b"OggS\x00" + bytes([4 if last else 0]) + bytes(20) + bytes([1, len(body)]) + body


def test_an_ogg_ends_with_a_whole_page() -> None:
    assert cut_of(ogg_page(last=False) + ogg_page(last=True)) is None
    assert cut_of(ogg_page(last=True) + ogg_page(last=False)) is None  # the end flag says nothing
    for n_missing in (1, 5, 6, 25):
        data = ogg_page(last=False) + ogg_page(last=True)
        assert cut_of(data[:-n_missing]) == "its last page is incomplete"
    assert cut_of(b"OggS\x01" + bytes(50)) == "its last page is incomplete"


def test_the_byte_count_of_an_mp3_has_some_slack() -> None:
    info = bytearray(MP3)
    info[36:52] = b"Info" + struct.pack(">III", 3, 10, 417 * 11)
    whole = bytes(info) + MP3 * 10
    assert cut_of(whole) is None
    assert cut_of(whole[:-400]) is None  # a frame less: writers count differently
    assert cut_of(whole[: len(whole) // 2]) is not None
    assert cut_of(bytes(64) + whole + b"TAG" + bytes(125)) is None
    info[36:52] = b"Xing" + struct.pack(">III", 2, 417 * 11, 0)  # without the number of frames
    assert cut_of(bytes(info) + MP3 * 10) is None
    assert cut_of(bytes(info) + MP3 * 5) is not None
    info[36:44] = b"Xing" + struct.pack(">I", 1)  # without the number of bytes
    assert cut_of(bytes(info) + MP3 * 5) is None


def test_the_boxes_of_an_mp4_must_be_whole() -> None:
    def box(kind: bytes, n_bytes: int) -> bytes:
        return struct.pack(">I", n_bytes + 8) + kind + bytes(n_bytes)

    data = box(b"ftyp", 16) + box(b"moov", 100) + box(b"mdat", 50)
    assert cut_of(data) is None
    assert cut_of(data[:-1]) is not None
    assert cut_of(data + b"some text at the end") is None
    long_box = struct.pack(">I4sQ", 1, b"mdat", 16 + 50) + bytes(50)
    assert cut_of(box(b"ftyp", 16) + long_box) is None
    assert cut_of(box(b"ftyp", 16) + long_box[:-1]) is not None
    assert cut_of(box(b"ftyp", 16) + struct.pack(">I", 0) + b"mdat" + bytes(9)) is None  # up to the end


@pytest.mark.parametrize(
    ("size", "n_bytes", "is_cut"),
    [
        (b"\x8a", 10, False),
        (b"\x8a", 9, True),
        (b"\x40\x0a", 9, True),
        (b"\x01\x00\x00\x00\x00\x00\x00\x0a", 10, False),
        (b"\x01\xff\xff\xff\xff\xff\xff\xff", 3, False),
        (b"\xff", 3, False),
        (b"\x00", 3, False),
    ],
)
def test_the_segment_of_a_matroska_must_be_whole(size: bytes, n_bytes: int, *, is_cut: bool) -> None:
    data = b"\x1a\x45\xdf\xa3\x84abcd" + b"\x18\x53\x80\x67" + size + bytes(n_bytes)
    assert (cut_of(data) is not None) == is_cut
    assert cut_of(b"\x1a\x45\xdf\xa3") is None


def test_the_file_size_in_an_asf_counts_unless_it_was_broadcast() -> None:
    def asf(file_size: int, flags: int) -> bytes:
        properties = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365") + struct.pack("<Q", 104) + bytes(16)
        head = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(14) + properties
        return head + struct.pack("<Q", file_size) + bytes(40) + struct.pack("<I", flags) + bytes(12)

    size = len(asf(0, 0))
    assert cut_of(asf(size, 2)) is None
    assert cut_of(asf(size + 1, 2)) is not None
    assert cut_of(asf(size + 1, 3)) is None
    assert cut_of(asf(size, 2)[:40]) is None


def test_a_chunk_of_a_caf_that_leads_to_nowhere_is_a_cut() -> None:
    caf = b"caff\x00\x01\x00\x00" + b"desc" + struct.pack(">q", 4) + bytes(4)
    for size in (b"\x7f" + b"\xff" * 7, b"\x80" + bytes(7), b"\xff" * 7 + b"\xfe"):
        assert "announces" in str(cut_of(caf + b"info" + size + bytes(100)))
        assert "announces" in str(cut_of(caf + b"data" + size + bytes(100)))


@pytest.mark.parametrize("size", [0, 2_000_000_000, 0x7F000012, 0xFFFFFFFF, 60])
def test_an_avi_of_a_wrong_size_is_no_cut(size: int) -> None:
    data = b"RIFF" + struct.pack("<I", size) + b"AVI " + bytes(200)
    assert cut_of(data) is None
    assert "the header announces" in str(lay_out(io.BytesIO(data), told(data)).note)


def test_joined_flacs_are_parts_of_their_own_and_a_picture_is_none() -> None:
    block = b"fLaC\x00\x00\x00\x22" + bytes(34)
    picture = b"\x86\x00\x00\x0afLaC\x00\x00\x00\x22ab"  # the last block of metadata
    data = block + picture + bytes(50)
    whole = lay_out(io.BytesIO(data + data), told(data))
    assert whole.parts == (((0, len(data)),), ((len(data), 2 * len(data)),))
