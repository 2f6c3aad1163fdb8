"""Real encodes of every format, made here by soundfile and PyAV, decoded whole, cut and spoilt."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audio_lstm.audio.av import av_options
from audio_lstm.audio.decode import open_recording
from audio_lstm.audio.files import load_audio, read_blocks
from audio_lstm.audio.headers import sniff
from audio_lstm.errors import AudioError
from tests.audio.encoders import RATE, SECONDS, by_av, by_soundfile, speech_like

ENCODERS = {
    "wav": lambda: by_soundfile("WAV", "PCM_16"),
    "wav 24 bit": lambda: by_soundfile("WAVEX", "PCM_24"),
    "wav float": lambda: by_soundfile("WAV", "FLOAT"),
    "rf64": lambda: by_soundfile("RF64", "PCM_16"),
    "rifx": lambda: _rifx(),
    "wav µ-law": lambda: by_soundfile("WAV", "ULAW"),
    "wav adpcm by ffmpeg": lambda: by_av("wav", "adpcm_ms"),
    "wav mp3": lambda: by_av("wav", "libmp3lame"),
    "aiff": lambda: by_soundfile("AIFF", "PCM_16"),
    "au": lambda: by_soundfile("AU", "PCM_16"),
    "caf": lambda: by_soundfile("CAF", "PCM_16"),
    "sphere": lambda: by_soundfile("NIST", "PCM_16"),
    "flac": lambda: by_soundfile("FLAC", "PCM_16"),
    "ogg vorbis": lambda: by_soundfile("OGG", "VORBIS"),
    "ogg opus": lambda: by_soundfile("OGG", "OPUS"),
    "ogg opus by ffmpeg": lambda: by_av("ogg", "libopus"),
    "ogg flac": lambda: by_av("ogg", "flac"),
    "mp3 by libsndfile": lambda: by_soundfile("MP3", "MPEG_LAYER_III"),
    "mp3": lambda: by_av("mp3", "libmp3lame"),
    "mp3 44.1 kHz": lambda: by_av("mp3", "libmp3lame", rate=44100),
    "mp3 8 kHz": lambda: by_av("mp3", "libmp3lame", rate=8000),
    "mp3 without header": lambda: by_av("mp3", "libmp3lame", options={"write_xing": "0", "id3v2_version": "0"}),
    "mp2": lambda: by_av("mp2", "mp2"),
    "m4a": lambda: by_av("ipod", "aac"),
    "m4a faststart": lambda: _faststart(encoded("m4a")),
    "mp4 fragmented": lambda: by_av("mp4", "aac", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    "mov": lambda: by_av("mov", "pcm_s16le"),
    "alac": lambda: by_av("ipod", "alac"),
    "3gp": lambda: by_av("3gp", "libopencore_amrnb", rate=8000),
    "webm": lambda: by_av("webm", "libopus", rate=48000),
    "webm live": lambda: by_av("webm", "libopus", rate=48000, options={"live": "1"}),
    "mkv flac": lambda: by_av("matroska", "flac"),
    "mkv mp3": lambda: by_av("matroska", "libmp3lame"),
    "mkv stereo": lambda: by_av(
        "matroska", "libopus", rate=48000, layout="stereo", samples=np.repeat(speech_like(48000), 2)
    ),
    "wma": lambda: by_av("asf", "wmav2", rate=44100, bit_rate=64000),
    "aac": lambda: by_av("adts", "aac"),
    "amr": lambda: by_av("amr", "libopencore_amrnb", rate=8000),
    "avi": lambda: by_av("avi", "pcm_s16le"),
}
PADDED = ("wav adpcm by ffmpeg", "wav mp3")  # to whole blocks
_ENCODED: dict[str, bytes] = {}


def encoded(name: str) -> bytes:
    if name not in _ENCODED:
        try:
            _ENCODED[name] = ENCODERS[name]()
        except (av.FFmpegError, ValueError) as error:
            pytest.skip(f"this PyAV wheel cannot write {name}: {error}")
    return _ENCODED[name]


def _faststart(data: bytes) -> bytes:
    """The same m4a with its index before the samples, as files for the web are laid out."""
    boxes, offset = {}, 0
    while offset < len(data):
        size, kind = struct.unpack(">I4s", data[offset : offset + 8])
        boxes[kind] = data[offset : offset + size]
        offset += size
    moov = bytearray(boxes[b"moov"])
    at = moov.find(b"stco")
    n_offsets = struct.unpack(">I", moov[at + 8 : at + 12])[0]
    moved = data.find(boxes[b"mdat"])  # where the samples were
    for entry in range(at + 12, at + 12 + 4 * n_offsets, 4):
        chunk = struct.unpack(">I", moov[entry : entry + 4])[0]
        moov[entry : entry + 4] = struct.pack(">I", chunk - moved + len(boxes[b"ftyp"]) + len(moov))
    return boxes[b"ftyp"] + bytes(moov) + boxes[b"mdat"]


def _rifx() -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, 1, format="WAV", subtype="PCM_16", endian="BIG") as sound:
        sound.write(np.rint(speech_like() * 32767).astype(np.int16))
    assert file.getvalue().startswith(b"RIFX")
    return file.getvalue()


@pytest.mark.parametrize("name", ENCODERS)
def test_a_real_encode_decodes_to_what_was_encoded(name: str, tmp_path: Path) -> None:
    path = tmp_path / "no_helpful_extension"
    path.write_bytes(encoded(name))
    samples = load_audio(path)
    expected = speech_like()
    assert samples.dtype == np.float32
    slack = 400 if name.startswith(("wav", "flac", "mkv")) and name not in PADDED else 3000
    assert -RATE // 50 <= len(samples) - len(expected) <= slack
    assert best_correlation(samples, expected) > (0.85 if name in ("amr", "3gp") else 0.97)


def best_correlation(samples: np.ndarray, expected: np.ndarray) -> float:
    """Correlation at the best lag: formats without a delay in the header begin some milliseconds late."""
    size = 1 << 18
    cross = np.fft.irfft(np.fft.rfft(samples, size) * np.conj(np.fft.rfft(expected, size)))
    return float(cross.max() / np.linalg.norm(samples) / np.linalg.norm(expected))


def test_bare_sample_formats_agree_bit_for_bit_through_either_library() -> None:
    wanted = load_audio(io.BytesIO(encoded("wav")))
    for name in ("flac", "rf64", "rifx", "aiff", "au", "caf", "sphere"):
        np.testing.assert_array_equal(load_audio(io.BytesIO(encoded(name))), wanted, err_msg=name)
    for name in ("mkv flac", "mov", "avi", "alac"):  # FFmpeg's conversion from float rounds otherwise
        np.testing.assert_allclose(load_audio(io.BytesIO(encoded(name))), wanted, atol=1.01 / 32768, err_msg=name)


CUT_SHOWS = [
    "wav", "wav float", "rf64", "rifx", "wav µ-law", "wav adpcm by ffmpeg", "aiff", "au", "caf", "sphere", "flac",
    "ogg vorbis", "ogg opus", "ogg opus by ffmpeg", "mp3 by libsndfile", "mp3", "mp3 44.1 kHz", "m4a faststart",
    "mp4 fragmented", "webm", "mkv flac", "wma", "avi",
]  # fmt: skip


@pytest.mark.parametrize("part", [0.6, 0.9])
@pytest.mark.parametrize("name", CUT_SHOWS)
def test_a_cut_file_is_an_error_unless_allowed(name: str, part: float) -> None:
    data = encoded(name)
    cut = data[: int(len(data) * part)]
    with pytest.raises(AudioError, match=r"cut short.*allow_truncated=True") as caught:
        load_audio(io.BytesIO(cut))
    assert "\n" not in str(caught.value)
    samples = load_audio(io.BytesIO(cut), allow_truncated=True)
    assert (part - 0.35) * SECONDS * RATE < len(samples) < (part + 0.2) * SECONDS * RATE


@pytest.mark.parametrize("name", ["m4a", "mov", "alac", "3gp"])
def test_a_cut_file_whose_index_is_lost_is_an_error(name: str) -> None:
    cut = encoded(name)[:-2000]
    for allow in (False, True):
        with pytest.raises(AudioError, match=r"cut short"):
            load_audio(io.BytesIO(cut), allow_truncated=allow)


@pytest.mark.parametrize("name", ENCODERS)
def test_any_cut_and_any_spoilt_byte_gives_audio_or_our_own_error(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(name)
    rng = np.random.default_rng(1)
    n_tried = 0
    for position in [*range(1, 60, 14), *rng.integers(1, len(data), 4)]:
        spoilt = bytearray(data)
        spoilt[position - 1 : position + 3] = rng.integers(0, 256, 4, np.uint8).tobytes()
        for candidate, allow in ((data[:position], True), (bytes(spoilt), False)):
            n_tried += 1
            with contextlib.suppress(AudioError):
                samples = load_audio(io.BytesIO(candidate), allow_truncated=allow)
                assert samples.ndim == 1
                assert np.isfinite(samples).all()
    assert n_tried == 18
    assert capfd.readouterr() == ("", "")  # no library speaks past us


def test_two_mp3_files_joined_are_read_to_the_end() -> None:
    both = encoded("mp3 44.1 kHz") * 2  # libsndfile stops after the first
    assert len(load_audio(io.BytesIO(both))) == pytest.approx(2 * SECONDS * RATE, abs=2000)


def test_an_mp3_of_varying_bit_rate_without_header_is_read_to_the_end() -> None:
    plain = {"write_xing": "0", "id3v2_version": "0"}
    high = by_av("mp3", "libmp3lame", rate=44100, options=plain, bit_rate=256000)
    low = by_av("mp3", "libmp3lame", rate=44100, options=plain, bit_rate=32000)
    # From the first frame's bit rate libsndfile guesses 4.5 s and drops the rest.
    assert len(load_audio(io.BytesIO(high + low))) == pytest.approx(2 * SECONDS * RATE, abs=3000)


@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
@pytest.mark.parametrize("level", [0.0, 0.5, 0.9])
def test_no_mp3_raises_a_false_alarm_about_its_length(mode: str, level: float) -> None:
    for rate in (8000, 16000, 44100):
        for n_samples in (rate // 10, rate * 3 + 17):
            file = io.BytesIO()
            samples = speech_like(rate)[:n_samples]
            soundfile.write(file, samples, rate, format="MP3", bitrate_mode=mode, compression_level=level)
            tagged = file.getvalue() + b"TAG" + bytes(125)
            assert len(load_audio(io.BytesIO(tagged))) == pytest.approx(n_samples * RATE / rate, abs=2500 * RATE / rate)


def test_an_mp3_behind_large_tags_is_found() -> None:
    tag = b"ID3\x04\x00\x00" + bytes([0, 6, 0, 0]) + bytes(6 << 14)
    samples = load_audio(io.BytesIO(tag + tag + encoded("mp3")))
    assert len(samples) == pytest.approx(SECONDS * RATE, abs=2)


def test_a_flac_behind_a_tag_is_found() -> None:
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 0]) + bytes(128)
    assert len(load_audio(io.BytesIO(tag + encoded("flac")))) == SECONDS * RATE


def test_a_flac_without_a_length_is_read_to_the_end() -> None:
    data = bytearray(encoded("flac"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    np.testing.assert_array_equal(load_audio(io.BytesIO(data)), load_audio(io.BytesIO(encoded("flac"))))


@pytest.mark.parametrize("n_announced", [1000, RATE, 3 * RATE])
def test_a_flac_that_announces_less_than_it_holds_is_read_to_the_end(n_announced: int) -> None:
    data = bytearray(by_soundfile("FLAC", "PCM_16"))
    whole = load_audio(io.BytesIO(bytes(data)))
    data[22:26] = struct.pack(">I", n_announced)  # the last four bytes of the length in the first block
    blocks = read_blocks(io.BytesIO(bytes(data)))
    np.testing.assert_array_equal(np.concatenate(list(blocks)), whole)
    note = f"the header announces {n_announced:,} samples; the {len(whole):,} that are there are read"
    assert blocks.notes == (note,)


def test_bytes_behind_a_flac_are_no_samples() -> None:
    data = by_soundfile("FLAC", "PCM_16")
    blocks = read_blocks(io.BytesIO(data + bytes(30_000)))
    np.testing.assert_array_equal(np.concatenate(list(blocks)), load_audio(io.BytesIO(data)))
    assert blocks.notes == ()


def test_a_flac_damaged_in_the_middle_is_an_error_that_says_where() -> None:
    data = bytearray(by_soundfile("FLAC", "PCM_16", samples=np.tile(speech_like(), 3)))
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    with pytest.raises(AudioError, match=r"damaged or cut short after 5\.0 s \(.*allow_truncated=True"):
        load_audio(io.BytesIO(data))
    assert len(load_audio(io.BytesIO(data), allow_truncated=True)) == 12 * RATE  # silence stands for what is lost


def test_a_webm_damaged_in_the_middle_is_an_error_that_says_where() -> None:
    data = bytearray(by_av("matroska", "flac"))
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    try:
        samples = load_audio(io.BytesIO(data), allow_truncated=True)
    except AudioError as error:
        pytest.fail(f"allow_truncated should use the first half: {error}")
    assert len(samples) > RATE


def test_the_channels_are_averaged_alike_by_both_libraries() -> None:
    channels = np.stack([speech_like() * gain for gain in (0.9, 0.5, -0.3, 0.2, 0.1, 0.7)], axis=1)
    expected = channels.mean(axis=1)
    wav = by_soundfile("WAV", "FLOAT", samples=channels)
    np.testing.assert_allclose(load_audio(io.BytesIO(wav)), expected, atol=1e-6)
    mkv = by_av("matroska", "pcm_f32le", layout="5.1", samples=channels)
    np.testing.assert_allclose(load_audio(io.BytesIO(mkv)), expected, atol=1e-6)


@pytest.mark.parametrize("n_channels", [8, 16, 24])
def test_many_channels_pass_through_ffmpeg(n_channels: int) -> None:
    samples = np.repeat(speech_like()[:, np.newaxis], n_channels, axis=1)
    mkv = by_av("matroska", "pcm_f32le", layout=f"{n_channels} channels", samples=samples)
    np.testing.assert_allclose(load_audio(io.BytesIO(mkv)), speech_like(), atol=1e-6)


def test_eight_planar_float_channels_do_not_crash() -> None:
    samples = np.repeat(speech_like(48000)[:, np.newaxis], 8, axis=1)
    m4a = by_av("ipod", "aac", rate=48000, layout="7.1", samples=samples)
    assert len(load_audio(io.BytesIO(m4a))) == pytest.approx(SECONDS * RATE, abs=400)


def test_a_video_without_sound_is_an_error() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with pytest.raises(AudioError, match=r"audio stream: the mp4 file holds no audio track; give one"):
        load_audio(io.BytesIO(file.getvalue()))


def test_a_container_without_a_frame_of_sound_is_an_error() -> None:
    head = b"#!AMR\n"
    with pytest.raises(AudioError, match=r"the amr file (holds no audio samples|is damaged)"):
        load_audio(io.BytesIO(head))


def test_a_sphere_file_in_an_unknown_coding_is_an_error() -> None:
    data = encoded("sphere").replace(b"sample_coding -s3 pcm", b"sample_coding -s3 xyz")
    with pytest.raises(AudioError, match=r"the sph file cannot be decoded \("):
        load_audio(io.BytesIO(data))


@pytest.mark.parametrize("rate", [0, 1, 4_000_000_000])
def test_a_wav_with_an_absurd_rate_is_an_error(rate: int) -> None:
    data = bytearray(encoded("wav"))
    data[24:28] = struct.pack("<I", rate)
    with pytest.raises(AudioError, match=r"sample rate|damaged, cut short or in a codec"):
        load_audio(io.BytesIO(data))


def test_ffmpeg_cannot_be_led_to_another_file_even_by_a_format_that_does_so(tmp_path: Path) -> None:
    other = tmp_path / "secret.wav"
    other.write_bytes(encoded("wav"))
    listing = f"ffconcat version 1.0\nfile '{other}'\n".encode()
    with av.open(io.BytesIO(listing), format="concat", options={"safe": "0"}) as container:
        assert next(container.decode(audio=0)).samples  # the danger is real
    for options in (av_options(sniff(io.BytesIO(encoded("m4a")), "x")), {"protocol_whitelist": "none"}):
        with pytest.raises(av.FFmpegError):
            av.open(io.BytesIO(listing), format="concat", options={"safe": "0"} | options)


def test_a_read_error_in_the_middle_is_reported_and_not_taken_for_the_end() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 60000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    for name in ("wav", "mkv flac"):
        file = Failing(encoded(name) if name == "wav" else by_av("matroska", "pcm_s16le"))
        with pytest.raises(AudioError, match=r"after \d\.\d s \(Input/output error\)"):
            load_audio(file)


def test_a_change_of_channels_midway_is_followed() -> None:
    plain = {"write_xing": "0", "id3v2_version": "0"}
    mono = by_av("mp3", "libmp3lame", options=plain)
    stereo = by_av("mp3", "libmp3lame", layout="stereo", samples=np.repeat(speech_like(), 2), options=plain)
    samples = load_audio(io.BytesIO(mono + stereo))
    assert len(samples) == pytest.approx(2 * SECONDS * RATE, abs=4000)
    assert best_correlation(samples[len(samples) // 2 :], speech_like()) > 0.97


def test_a_stream_says_what_its_header_announces() -> None:
    with open_recording(io.BytesIO(encoded("flac")), "x") as stream:
        assert (stream.announced_s, stream.is_certain) == (SECONDS, True)
        assert sum(len(block.frames) for block in stream.blocks) == SECONDS * RATE
    with open_recording(io.BytesIO(encoded("webm")), "x") as stream:
        assert stream.announced_s == pytest.approx(SECONDS, abs=0.05)
        assert not stream.is_certain
