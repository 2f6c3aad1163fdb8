"""Wav, AIFF and their like whose headers give wrong sizes: every sample that is there is read."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_lstm.audio.chunks import aiff_layout, is_unknown, wav_layout
from audio_lstm.audio.files import load_audio, read_blocks
from audio_lstm.audio.spans import SplicedFile
from audio_lstm.errors import AudioError
from tests.audio.encoders import RATE, by_soundfile, speech_like

UNKNOWN = [0, 2_000_000_000, 0x7F000012, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
SMALLER = 60_000


def put(data: bytes, chunk: bytes, size: int, *, file_size: int | None = None, order: str = "<") -> bytes:
    at = data.find(chunk)
    data = data[: at + 4] + struct.pack(order + "I", size) + data[at + 8 :]
    return data if file_size is None else data[:4] + struct.pack(order + "I", file_size) + data[8:]


def read(data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    reading = read_blocks(io.BytesIO(data))
    return np.concatenate(list(reading)), reading.notes


def same(data: bytes, wanted: bytes) -> tuple[str, ...]:
    samples, notes = read(data)
    np.testing.assert_array_equal(samples, load_audio(io.BytesIO(wanted)))
    return notes


@pytest.mark.parametrize("size", [*UNKNOWN, SMALLER])
@pytest.mark.parametrize("kind", ["WAV", "AIFF", "RF64", "W64", "AU"])
def test_what_is_there_is_read_and_the_header_is_said_to_be_wrong(kind: str, size: int) -> None:
    data = by_soundfile(kind, "PCM_16")
    if kind == "WAV":
        wrong = [put(data, b"data", size), put(data, b"data", size, file_size=size)]
    elif kind == "AIFF":
        wrong = [put(data, b"SSND", size, order=">"), put(data, b"SSND", size, file_size=size, order=">")]
    elif kind == "AU":
        wrong = [data[:8] + struct.pack(">I", size) + data[12:]] if size != 0xFFFFFFFF else []
    elif kind == "W64":
        at = data.find(b"data")
        wrong = [data[: at + 16] + struct.pack("<Q", size or (1 << 64) - 1) + data[at + 24 :]]
    else:
        at = data.find(b"ds64")
        wrong = [data[: at + 16] + struct.pack("<Q", size) + data[at + 24 :]]
    for candidate in wrong:
        (note,) = same(candidate, data)
        assert note.startswith("the header ")
        assert "\n" not in note


def test_a_size_that_stands_for_nothing_and_is_too_large_is_a_cut() -> None:
    data = by_soundfile("WAV", "PCM_16")
    for size in (len(data), 1_999_999_000, 0x7E000000):
        with pytest.raises(AudioError, match="cut short"):
            read(put(data, b"data", size))


def test_a_wav_whose_size_has_wrapped_around_is_read_to_its_end(tmp_path: Path) -> None:
    n_bytes = (1 << 32) + 100_000
    header = by_soundfile("WAV", "PCM_16")[:36] + b"data" + struct.pack("<I", n_bytes % (1 << 32))
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + n_bytes)  # sparse: nothing is stored
    with path.open("rb") as file:
        layout = wav_layout(file, 0, len(header) + n_bytes)
        assert layout.note == "the header announces 100,000 bytes of samples; the 4,295,067,296 that are there are read"
        with soundfile.SoundFile(SplicedFile(file, layout.parts[0])) as sound:
            assert sound.frames == n_bytes // 2


def test_the_samples_of_two_data_chunks_are_joined() -> None:
    data = by_soundfile("WAV", "PCM_16")
    at = data.find(b"data") + 8
    middle = at + (len(data) - at) // 4 * 2
    listed = b"LIST" + struct.pack("<I", 4) + b"INFO"
    for between in (b"", listed):
        chunks = b"data" + struct.pack("<I", middle - at) + data[at:middle] + between
        two = data[: at - 8] + chunks + b"data" + struct.pack("<I", len(data) - middle) + data[middle:]
        two = two[:4] + struct.pack("<I", len(two) - 8) + two[8:]
        assert same(two, data) == ("the samples lie in 2 chunks; all of them are read",)


def test_chunks_after_the_samples_are_not_samples() -> None:
    data = by_soundfile("WAV", "PCM_16")
    for rest in (
        b"LIST" + struct.pack("<I", 4) + b"INFO",
        b"xyzw" + struct.pack("<I", 6) + bytes(6),
        b"TAG" + bytes(125),
        b"ID3\x04\x00\x00\x00\x00\x00\x10" + bytes(16),
        bytes(3),
    ):
        assert len(read(data + rest)[0]) == len(read(data)[0])
    listed = b"LIST" + struct.pack("<I", 4) + b"INFO"
    assert len(read(put(data, b"data", 0) + listed)[0]) == len(read(data)[0])


def test_a_chunk_of_a_wrong_size_before_the_samples_is_passed_over() -> None:
    data = by_soundfile("WAV", "PCM_16")
    wrong = data[:12] + b"LIST" + struct.pack("<I", 0xFFFFFF00) + b"INFO" + data[12:]
    assert same(wrong, data) == ("the header gives a wrong size to a chunk before the samples; it is passed over",)


def test_joined_wavs_are_read_one_after_the_other() -> None:
    short = by_soundfile("WAV", "PCM_16", 8000, speech_like(8000, 0.5))
    samples, notes = read(by_soundfile("WAV", "PCM_16") + short)
    assert len(samples) == 4 * RATE + RATE // 2
    assert notes == ()


def test_a_bw64_is_read_as_an_rf64_is() -> None:
    data = by_soundfile("RF64", "PCM_16")
    assert same(b"BW64" + data[4:], data) == ()


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT", "ULAW", "IMA_ADPCM", "MS_ADPCM"])
def test_codings_of_any_kind_are_read_without_a_size(subtype: str) -> None:
    data = by_soundfile("WAV", subtype)
    samples, notes = read(put(data, b"data", 0, file_size=0))
    assert len(samples) >= len(read(data)[0])
    assert "0 bytes" in notes[0]


@pytest.mark.parametrize("n_samples", [0, 1000])
def test_an_aiff_that_counts_its_samples_wrong_is_read_to_its_end(n_samples: int) -> None:
    data = by_soundfile("AIFF", "PCM_16")
    at = data.find(b"COMM") + 10
    notes = same(data[:at] + struct.pack(">I", n_samples) + data[at + 4 :], data)
    assert notes == (f"the header announces {n_samples:,} samples; the {4 * RATE:,} there are read",)


def test_headers_of_nothing_are_left_to_the_decoder() -> None:
    for layout, data in ((wav_layout, b"RIFF\x00\x00\x00\x00WAVE"), (aiff_layout, b"FORM\x00\x00\x00\x00AIFF")):
        assert layout(io.BytesIO(data), 0, len(data)).parts == (((0, 12),),)


def test_sizes_that_stand_for_unknown() -> None:
    assert all(is_unknown(size, 1000) for size in [*UNKNOWN, (1 << 64) - 1, 0x7F000000])
    assert not any(is_unknown(size, 1000) for size in (1, 1001, 1_999_999_000, 0x7E000000, 1 << 33))
    assert not is_unknown(0x7F000012, 0x7F000000)  # as long as that itself: cut short
