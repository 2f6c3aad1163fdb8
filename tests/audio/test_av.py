"""Containers through FFmpeg: time stamps, tracks, damage in the middle, and nothing but our own words."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator

import av
import numpy as np
import pytest

from audio_lstm.audio import av as audio_av
from audio_lstm.audio.av import av_options
from audio_lstm.audio.files import load_audio, read_blocks
from audio_lstm.audio.headers import sniff
from audio_lstm.audio.spans import SplicedFile
from audio_lstm.errors import AudioError, ConfigError
from tests.audio.encoders import RATE, SECONDS, Track, by_av, film, speech_like

VOICE = speech_like()


def read(data: bytes, **options: bool | int) -> tuple[np.ndarray, tuple[str, ...]]:
    reading = read_blocks(io.BytesIO(data), **options)
    return np.concatenate(list(reading)), reading.notes


def lag_s(samples: np.ndarray, expected: np.ndarray) -> float:
    """By how much later the samples are, from their best correlation."""
    size = 1 << 19
    cross = np.fft.irfft(np.fft.rfft(samples, size) * np.conj(np.fft.rfft(expected, size)), size)
    best = int(cross.argmax())
    return (best if best < size // 2 else best - size) / RATE


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("matroska", "aac"),
        ("mp4", "aac"),
        ("mov", "pcm_s16le"),
        ("mpegts", "aac"),
        ("matroska", "flac"),
    ],
)
def test_sound_that_begins_after_the_picture_is_as_late_as_a_player_has_it(container: str, codec: str) -> None:
    samples, _ = read(film(container, [Track(VOICE, codec, start_s=5.0)], picture_s=10))
    assert lag_s(samples, VOICE) == pytest.approx(5.0, abs=0.15)  # encoders have a delay of their own
    assert len(samples) / RATE == pytest.approx(5 + SECONDS, abs=0.3)
    assert not samples[: 4 * RATE].any()


def test_a_player_counts_from_the_first_track() -> None:
    both = [Track(VOICE, "aac", start_s=100.0)]
    samples, _ = read(film("mpegts", both))
    assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.3)


@pytest.mark.parametrize(("container", "codec"), [("matroska", "flac"), ("webm", "libopus"), ("mp4", "aac")])
def test_packets_that_are_not_there_are_silence_and_what_follows_keeps_its_time(container: str, codec: str) -> None:
    rate = 48000 if codec == "libopus" else RATE
    voice = speech_like(rate)
    samples, notes = read(film(container, [Track(voice, codec, rate, lost_s=(1.0, 2.0))]))
    whole, _ = read(film(container, [Track(voice, codec, rate)]))
    assert len(samples) == pytest.approx(len(whole), abs=RATE // 100)
    assert not samples[int(1.2 * RATE) : int(1.8 * RATE)].any()
    assert abs(lag_s(samples[int(2.2 * RATE) :], whole[int(2.2 * RATE) :])) < 0.01
    if container != "mp4":  # whose encoder stretches the packet before
        assert notes[0].startswith("no sound is stored for ")


def test_a_gap_of_the_stamps_alone_is_silence() -> None:
    samples, notes = read(film("matroska", [Track(VOICE, "flac", later_s=(2.0, 10.0))]))
    assert len(samples) / RATE == pytest.approx(SECONDS + 10, abs=0.02)
    assert notes == ("no sound is stored for 10.00 s in 1 place (the first: 10.00 s at 2.0 s); silence stands for it",)


@pytest.mark.parametrize("later_s", [1e5, 1e6])
def test_a_stamp_that_cannot_be_is_not_followed(later_s: float) -> None:
    samples, notes = read(film("matroska", [Track(VOICE, "flac", later_s=(2.0, later_s))]))
    assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.02)
    assert notes[0].startswith(f"the time stamps leap by {later_s:.0f} s at 2.0 s, which cannot be")


def test_a_gap_counts_towards_what_is_allowed() -> None:
    data = film("matroska", [Track(VOICE, "flac", later_s=(2.0, 600.0))])
    with pytest.raises(AudioError, match=r"(announces|decodes to) .*more than the 60 s"):
        load_audio(io.BytesIO(data), max_seconds=60)


class TestTracks:
    TWO = (Track(np.zeros_like(VOICE)), Track(VOICE, is_default=True))

    def test_the_default_one_is_heard_and_the_other_is_said(self) -> None:
        samples, notes = read(film("matroska", self.TWO))
        assert np.abs(samples).max() > 0.1
        assert notes == ("track 2 of 2 is heard, the default one; --track N (track=N) chooses another",)

    def test_the_first_is_heard_where_none_is_the_default(self) -> None:
        _, notes = read(film("mpegts", [Track(VOICE), Track(np.zeros_like(VOICE))]))
        assert notes[0].startswith("track 1 of 2 is heard, none is the default one")

    def test_another_can_be_chosen(self) -> None:
        samples, notes = read(film("matroska", self.TWO), track=1)
        assert np.abs(samples).max() < 0.01
        assert notes == ()

    def test_one_that_is_not_there_is_an_error(self) -> None:
        with pytest.raises(AudioError, match="has 2 sound tracks, got track 3"):
            read(film("matroska", self.TWO), track=3)
        with pytest.raises(AudioError, match="has one sound track, got track 2"):
            load_audio((VOICE, RATE), track=2)
        with pytest.raises(ConfigError, match="tracks are counted from 1, got 0"):
            read_blocks((VOICE, RATE), track=0)


def packet_at(data: bytes, container: str, seconds: float) -> tuple[int, int]:
    """Offset and size of a packet in the file."""
    with av.open(io.BytesIO(data), format=container) as opened:
        for packet in opened.demux(opened.streams.audio[0]):
            if packet.pts is not None and packet.size and packet.pts * packet.time_base >= seconds:
                at = data.find(bytes(packet))
                assert at >= 0
                return at, packet.size
    raise AssertionError("no such packet")


DAMAGED = {
    "m4a": ("ipod", "aac", "mov"),
    "mkv": ("matroska", "flac", "matroska"),
    "alac": ("ipod", "alac", "mov"),
    "aac": ("adts", "aac", "aac"),
    "flac": ("flac", "flac", "flac"),
}


@pytest.mark.parametrize("part", ["whole", "content"])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_packet_is_an_error_that_names_the_place_unless_allowed(name: str, part: str) -> None:
    container, codec, demuxer = DAMAGED[name]
    data = by_av(container, codec)
    start, size = packet_at(data, demuxer, 2.0)
    start, size = (start, size) if part == "whole" else (start + size // 4, size - size // 4)
    noise = np.random.default_rng(3).integers(0, 256, size, np.uint8).tobytes()
    spoilt = data[:start] + noise + data[start + size :]
    with pytest.raises(AudioError, match=r"damaged or cut short after [12]\.\d s \(.*--allow-truncated"):
        read(spoilt)
    samples, notes = read(spoilt, allow_truncated=True)
    whole, _ = read(data)
    least_s = 0.15 if name == "aac" else 0.01  # which has no stamps, only bytes of frames of many sizes
    assert len(samples) / RATE == pytest.approx(len(whole) / RATE, abs=least_s)
    assert abs(lag_s(samples[3 * RATE :], whole[3 * RATE :])) < least_s
    assert re.match(r"damaged (at|in \d places, the first at) 2\.\d s", notes[0])
    assert "missing" in notes[0]


def test_blocks_that_a_matroska_has_lost_are_damage_and_no_gap() -> None:
    data = film("matroska", [Track(speech_like(seconds=20), "flac")])
    start, size = packet_at(data, "matroska", 2.0)
    spoilt = data[: start - 4] + b"\xff" * size + data[start - 4 + size :]
    with pytest.raises(AudioError, match=r"damaged or cut short after 2\.0 s"):
        read(spoilt)
    samples, notes = read(spoilt, allow_truncated=True)
    assert len(samples) / RATE == pytest.approx(20, abs=0.02)
    assert "damaged at 2.0 s" in notes[0]


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("flv", "aac", 44100),
        ("mpegts", "aac", RATE),
        ("wv", "wavpack", RATE),
        ("tta", "tta", RATE),
        ("mpeg", "mp2", RATE),
    ],
)
def test_other_containers_are_read(container: str, codec: str, rate: int) -> None:
    samples, _ = read(by_av(container, codec, rate=rate))
    assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.15)
    assert np.abs(samples).max() > 0.1


@pytest.mark.parametrize("container", ["wv", "tta"])
def test_a_cut_shows_where_the_header_counts_samples(container: str) -> None:
    data = by_av(container, {"wv": "wavpack"}.get(container, container))
    with pytest.raises(AudioError, match="cut short"):
        read(data[: len(data) * 2 // 3])


def test_a_header_that_is_no_more_than_numbers_gives_our_error_alone(capfd: pytest.CaptureFixture[str]) -> None:
    caf = b"caff\x00\x01\x00\x00" + b"desc" + struct.pack(">q", 32) + struct.pack(">d", 16000.0) + b"lpcm" + bytes(20)
    for size in (1 << 62, -(1 << 62), (1 << 63) - 1, -2):
        for name in (b"data", b"info", b"pakt"):
            for allow in (False, True):
                with pytest.raises(AudioError):
                    read(caf + name + struct.pack(">q", size) + bytes(500), allow_truncated=allow)
    assert capfd.readouterr() == ("", "")


def test_ffmpeg_is_held_to_the_container_that_was_found() -> None:
    found = sniff(io.BytesIO(by_av("ipod", "aac")), "x")
    assert av_options(found) == {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2", "protocol_whitelist": "none"}


def test_a_track_that_was_not_announced_is_damage_and_no_end() -> None:
    class Container:
        n_asked = 0

        def demux(self, track: object) -> Iterator[object]:
            self.n_asked += 1
            if self.n_asked == 1:
                raise IndexError("list index out of range")  # as PyAV does for a stream that it has not counted
            yield from ()

    data = film("mpegts", [Track(VOICE, "aac")])
    items = list(audio_av._items(Container(), None, sniff(io.BytesIO(data), "film"), SplicedFile(io.BytesIO(data), [])))
    assert [type(item).__name__ for item in items] == ["_Damage"]
