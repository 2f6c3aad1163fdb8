"""Pages of Ogg: chains, end flags that are missing or come too early, lost and broken pages, cuts."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from audio_lstm.audio.files import load_audio, read_blocks
from audio_lstm.audio.ogg import ogg_layout
from audio_lstm.errors import AudioError
from tests.audio.encoders import RATE, SECONDS, by_av, by_soundfile, speech_like

_END = 4


def ogg(kind: str) -> bytes:
    if kind == "opus":
        return by_av("ogg", "libopus", rate=48000, samples=speech_like(48000), options={"page_duration": "500000"})
    return by_soundfile("OGG", "VORBIS")


def pages(data: bytes) -> list[bytes]:
    found, offset = [], 0
    while offset < len(data):
        body = offset + 27 + data[offset + 26]
        end = body + sum(data[offset + 27 : body])
        found.append(data[offset:end])
        offset = end
    return found


def page(old: bytes, *, flags: int | None = None, number: int | None = None, segments: bytes | None = None) -> bytes:
    """A page with other flags or number, or without content, and the checksum that goes with it."""
    new = bytearray(old if segments is None else old[:26] + bytes([len(segments)]) + segments)
    if flags is not None:
        new[5] = flags
    if number is not None:
        new[18:22] = struct.pack("<I", number)
    new[22:26] = bytes(4)
    checksum = 0
    for byte in new:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    new[22:26] = struct.pack("<I", checksum)
    return bytes(new)


def seconds(data: bytes, **options: bool) -> float:
    return len(load_audio(io.BytesIO(data), **options)) / RATE


@pytest.mark.parametrize("kind", ["opus", "vorbis"])
class TestEndFlags:
    def test_a_stream_without_an_end_flag_is_whole(self, kind: str) -> None:
        found = pages(ogg(kind))
        reading = read_blocks(io.BytesIO(b"".join(found[:-1]) + page(found[-1], flags=0)))
        assert sum(map(len, reading)) / RATE == pytest.approx(SECONDS, abs=0.05)
        assert reading.notes == ()

    def test_pages_after_the_end_flag_are_read(self, kind: str) -> None:
        found = pages(ogg(kind))
        found[3] = page(found[3], flags=_END)
        assert seconds(b"".join(found)) == pytest.approx(SECONDS, abs=0.05)
        after = page(found[-1], flags=0, number=99, segments=b"")
        assert seconds(b"".join([*found, after])) == pytest.approx(SECONDS, abs=0.05)

    def test_an_empty_end_page_is_no_cut(self, kind: str) -> None:
        found = pages(ogg(kind))
        end = page(found[-1], flags=_END, number=len(found), segments=b"")
        data = b"".join(found[:-1]) + page(found[-1], flags=0) + end
        assert seconds(data) == pytest.approx(SECONDS, abs=0.05)

    def test_a_cut_inside_a_page_says_so(self, kind: str) -> None:
        data = ogg(kind)
        for n_missing in (1, len(pages(data)[-1]) - 20):
            with pytest.raises(AudioError, match=r"cut short \(its last page is incomplete\)"):
                seconds(data[:-n_missing])
            assert SECONDS - 1.5 < seconds(data[:-n_missing], allow_truncated=True) < SECONDS

    def test_a_lost_page_is_silence_and_is_said(self, kind: str) -> None:
        found = pages(ogg(kind))
        del found[3]  # the first two hold headers
        reading = read_blocks(io.BytesIO(b"".join(found)))
        assert sum(map(len, reading)) / RATE == pytest.approx(SECONDS, abs=0.03)
        assert reading.notes[0] == "1 page is missing"
        assert "no sound is stored for" in reading.notes[1]

    def test_a_lost_page_before_the_last_is_said(self, kind: str) -> None:
        found = pages(ogg(kind))
        del found[-2]
        reading = read_blocks(io.BytesIO(b"".join(found)))
        least_s = SECONDS - (0.05 if kind == "vorbis" else 0.6)  # FFmpeg gives the last packet of an Opus no stamp
        assert least_s < sum(map(len, reading)) / RATE < SECONDS + 0.05
        assert reading.notes[0] == "1 page is missing"


def test_each_link_of_a_chain_is_read_at_its_own_rate_with_its_own_channels() -> None:
    stereo = np.stack([speech_like(44100), speech_like(44100)], axis=1)
    chain = ogg("opus") + by_soundfile("OGG", "VORBIS", 44100, stereo) + ogg("vorbis")
    samples = load_audio(io.BytesIO(chain))
    assert len(samples) / RATE == pytest.approx(3 * SECONDS, abs=0.05)
    for number in range(3):
        part = samples[number * len(samples) // 3 :][: SECONDS * RATE]
        assert np.corrcoef(part[: len(speech_like())], speech_like()[: len(part)])[0, 1] > 0.9


def test_a_packet_that_goes_on_after_the_last_page_is_a_cut() -> None:
    head = b"OggS\x00" + bytes(21)
    assert ogg_layout(io.BytesIO(head + b"\x01\xff" + bytes(255)), 0, 283).cut == "its last packet is incomplete"
    assert ogg_layout(io.BytesIO(head + b"\x02\xff\x00" + bytes(255)), 0, 284).cut is None


def test_bytes_between_pages_are_passed_over() -> None:
    found = pages(ogg("opus"))
    data = b"".join(found[:4]) + b"junk" * 50 + b"".join(found[4:]) + b"TAG" + bytes(125)
    assert seconds(data) == pytest.approx(SECONDS, abs=0.05)
