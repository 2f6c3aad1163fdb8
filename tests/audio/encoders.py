"""Sound that is told apart by its parts, and its encodes by soundfile and PyAV, for the tests of reading."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from av.stream import Disposition

RATE = 16000
SECONDS = 4


def speech_like(rate: int = RATE, seconds: float = SECONDS) -> np.ndarray:
    """A noisy chirp whose loudness moves: its parts can be told from each other."""
    time = np.arange(int(rate * seconds)) / rate
    noise = np.random.default_rng(0).standard_normal(len(time))
    tone = np.sin(2 * np.pi * (150 + 200 * time) * time)
    return ((0.2 * tone + 0.01 * noise) * (0.6 + 0.4 * np.sin(3 * time))).astype(np.float32)


def by_soundfile(kind: str, subtype: str, rate: int = RATE, samples: np.ndarray | None = None) -> bytes:
    samples = speech_like(rate) if samples is None else samples
    if subtype == "PCM_16":  # libsndfile's own rounding differs from format to format
        samples = np.rint(samples * 32767).astype(np.int16)
    file = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(file, "w", rate, channels, format=kind, subtype=subtype) as sound:
        for start in range(0, len(samples), rate):  # Vorbis crashes on a long write
            sound.write(samples[start : start + rate])
    return file.getvalue()


def by_av(
    container: str,
    codec: str,
    *,
    rate: int = RATE,
    layout: str = "mono",
    samples: np.ndarray | None = None,
    options: dict[str, str] | None = None,
    bit_rate: int | None = None,
) -> bytes:
    samples = speech_like(rate) if samples is None else samples
    try:
        av.codec.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this PyAV wheel has no encoder {codec}")
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options or {}) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    return file.getvalue()


@dataclass(frozen=True)
class Track:
    """A sound track of a container."""

    samples: np.ndarray  # (n,) mono
    codec: str = "aac"
    rate: int = RATE
    start_s: float = 0.0  # its first time stamp
    lost_s: tuple[float, float] = (0.0, 0.0)  # from where to where its packets are left out
    later_s: tuple[float, float] = (0.0, 0.0)  # from where on its stamps are later, and by how much
    is_default: bool = False


def film(container: str, tracks: Sequence[Track], *, picture_s: float = 0.0) -> bytes:
    """A container of these tracks, with a black picture of so many seconds before them."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        packets = []
        if picture_s:
            packets += _picture(out, picture_s)
        streams = [out.add_stream(track.codec, rate=track.rate, layout="mono") for track in tracks]
        for stream, track in zip(streams, tracks, strict=True):
            stream.disposition = Disposition.default if track.is_default else Disposition(0)
            packets += _sound(stream, track)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)
    return file.getvalue()


def two_tracks(first: np.ndarray, default: np.ndarray) -> bytes:
    """A film whose second track is the default one."""
    return film("matroska", [Track(first), Track(default, is_default=True)])


def _picture(out: av.container.OutputContainer, seconds: float) -> list[av.Packet]:
    stream = out.add_stream("mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
    packets = []
    for number in range(int(10 * seconds)):
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 10)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _sound(stream: av.AudioStream, track: Track) -> list[av.Packet]:
    frame = av.AudioFrame.from_ndarray(track.samples.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = track.rate, 0, Fraction(1, track.rate)
    kept = []
    for packet in [*stream.encode(frame), *stream.encode(None)]:
        at_s = float(packet.pts * packet.time_base)
        if track.lost_s[0] <= at_s < track.lost_s[1]:
            continue
        shift_s = track.start_s + (track.later_s[1] if track.later_s[1] and at_s >= track.later_s[0] else 0.0)
        shift = round(shift_s / packet.time_base)
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
        kept.append(packet)
    return kept
