"""Frames without a container: found behind tags with wrong sizes and behind whatever else comes before them."""

from __future__ import annotations

import io

import numpy as np
import pytest

from audio_lstm.audio.files import load_audio
from audio_lstm.audio.frames import adts_frame_bytes, find_frames, id3_end, mpeg_frame_bytes
from tests.audio.encoders import RATE, SECONDS, by_av

PLAIN = {"write_xing": "0", "id3v2_version": "0"}
NOISE = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()


def tag(size: bytes, n_bytes: int, version: int = 4) -> bytes:
    return b"ID3" + bytes([version, 0, 0]) + size + bytes(n_bytes)


@pytest.mark.parametrize(
    "before",
    [
        bytes(range(256)) * 24,
        bytes(9000),
        NOISE,
        b"HTTP/1.0 200 OK\r\n" * 400,
        tag(bytes([0, 0, 0x20, 0x10]), 100),  # longer than it is: the first frames would be lost
        tag(b"\x7f\x7f\x7f\x7f", 100),  # longer than the file
        tag(bytes(4), 9000),  # shorter
        tag(b"\x00\x00\x90\x80", 0x9080, version=3),  # not written as the standard says
    ],
    ids=["text", "zeros", "noise", "http", "too long", "endless", "too short", "plain number"],
)
def test_an_mp3_behind_anything_is_read_from_its_first_frame(before: bytes) -> None:
    data = by_av("mp3", "libmp3lame", options=PLAIN)
    np.testing.assert_array_equal(load_audio(io.BytesIO(before + data)), load_audio(io.BytesIO(data)))


def test_an_aac_behind_a_tag_of_a_wrong_size_is_read_from_its_first_frame() -> None:
    data = by_av("adts", "aac")
    samples = load_audio(io.BytesIO(tag(bytes([0, 0, 0x10, 0]), 50) + data))
    np.testing.assert_array_equal(samples, load_audio(io.BytesIO(data)))


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
def test_an_ac3_is_read(codec: str) -> None:
    data = by_av(codec, codec, rate=48000)
    assert find_frames(io.BytesIO(data), len(data)) == (codec, 0)
    assert len(load_audio(io.BytesIO(data))) == pytest.approx(SECONDS * RATE, abs=RATE // 10)


@pytest.mark.parametrize("data", [b"\xff" * 5000, NOISE, b"\xff\xfb\x90\xc4" * 2, b"ID3", b""])
def test_what_holds_no_frames_is_none(data: bytes) -> None:
    assert find_frames(io.BytesIO(data), len(data)) is None


def test_tags_that_follow_each_other_end_where_the_last_does() -> None:
    one = tag(bytes([0, 0, 0, 5]), 5)
    assert id3_end(io.BytesIO(one + one + b"x")) == 30
    with_footer = one[:5] + b"\x10" + one[6:] + bytes(10)
    assert id3_end(io.BytesIO(with_footer)) == 25
    assert id3_end(io.BytesIO(b"no tag")) == 0


@pytest.mark.parametrize(
    ("header", "n_bytes"),
    [
        (b"\xff\xfb\x90\xc4", 417),  # MPEG 1 layer III, 128 kbit/s, 44.1 kHz
        (b"\xff\xfb\x92\xc4", 418),  # padded
        (b"\xff\xf3\x88\xc4", 288),  # MPEG 2 layer III, 64 kbit/s, 16 kHz
        (b"\xff\xfd\x84\xc4", 384),  # MPEG 1 layer II, 128 kbit/s, 48 kHz
        (b"\xff\xfb\x00\xc4", 0),  # free format
        (b"\xff\xfb\xf0\xc4", 0),
        (b"\xff\xfb\x9c\xc4", 0),
        (b"\xff\xeb\x90\xc4", 0),
        (b"\xff\xfb", 0),
        (b"RIFF", 0),
    ],
)
def test_the_length_of_an_mpeg_frame_follows_from_its_header(header: bytes, n_bytes: int) -> None:
    assert mpeg_frame_bytes(header) == n_bytes


def test_the_length_of_an_aac_frame_is_in_its_header() -> None:
    assert adts_frame_bytes(bytes([0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC])) == 16
    assert adts_frame_bytes(bytes([0xFF, 0xF1, 0x7C, 0x80, 0x02, 0x1F, 0xFC])) == 0
    assert adts_frame_bytes(b"\xff\xf1") == 0
