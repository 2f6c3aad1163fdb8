"""Sources, bad input, resampling and the WAV writer."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tracemalloc
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.audio import files as audio
from audio_lstm.audio.files import DEFAULT_MAX_SECONDS, announced_seconds, load_audio, read_blocks, resample, write_wav
from audio_lstm.errors import AudioError, ConfigError

RATE = 16000


def noise(n_samples: int, n_channels: int | None = None) -> np.ndarray:
    shape = n_samples if n_channels is None else (n_samples, n_channels)
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


def wav_file(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples, rate, format="WAV", subtype=subtype)
    return path


# Files that cannot be used


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "gone.wav"
    with pytest.raises(AudioError, match=re.escape(f"{path}: no such file; check the path")):
        load_audio(path)


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="this is a folder; give the audio files in it"):
        load_audio(str(tmp_path))


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(AudioError, match=r"empty\.wav: the file is empty \(0 bytes\)"):
        load_audio(path)


def test_text_renamed_to_wav_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("hello, this is text")
    with pytest.raises(AudioError, match=r"text\.wav: not audio in a format that can be read \(wav, .*b'hello, this '"):
        load_audio(path)


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.wav", "list.webm"])
@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:10,\n{}\n", "ffconcat version 1.0\nfile '{}'\n"])
def test_a_playlist_reads_no_other_file_whatever_its_name(tmp_path: Path, name: str, text: str) -> None:
    other = wav_file(tmp_path / "other.wav", noise(RATE))
    path = tmp_path / name
    path.write_text(text.format(other))
    with pytest.raises(AudioError, match="this is a playlist that points at other files"):
        load_audio(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.timeout(20)
def test_a_named_pipe_is_an_error_and_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    with pytest.raises(AudioError, match=r"pipe\.wav: not a regular file \(a pipe or a device\); save the audio"):
        load_audio(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.timeout(20)
def test_a_pipe_put_in_place_of_a_checked_file_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, regular = tmp_path / "pipe.wav", os.stat(wav_file(tmp_path / "a.wav", noise(10)))
    os.mkfifo(path)
    monkeypatch.setattr(audio.os, "stat", lambda _path: regular)
    with pytest.raises(AudioError, match="not a regular file"):
        load_audio(path)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_an_error(device: str) -> None:
    if not os.path.exists(device):
        pytest.skip(f"this system has no {device}")
    with pytest.raises(AudioError, match=f"{device}: not a regular file"):
        load_audio(device)


def test_a_file_without_permission_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wav_file(tmp_path / "private.wav", noise(10))
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read anything: act the refusal

        def refuse(*_arguments: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(audio.os, "open", refuse)
    with pytest.raises(AudioError, match=r"private\.wav: no permission to read it; change its rights or copy it"):
        load_audio(path)


@pytest.mark.parametrize("path", ["a\0b.wav", "x" * 5000 + ".wav"])
def test_an_impossible_path_is_an_error(path: str) -> None:
    with pytest.raises(AudioError, match=r"cannot be opened \(.*\); check the path"):
        load_audio(path)


def test_a_message_stays_on_one_line_whatever_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        load_audio(tmp_path / "two\nlines\x1b[31m.wav")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_an_error(tmp_path: Path, bad: float) -> None:
    samples = noise(3 * RATE)
    samples[2 * RATE] = bad
    path = wav_file(tmp_path / "nan.wav", samples)
    sources = {"nan.wav": path, "audio array": (samples, RATE)}
    for where, source in sources.items():
        with pytest.raises(AudioError, match=rf"{where}: NaN or infinite samples at 2\.000 s; export it again"):
            load_audio(source)


def test_numbers_that_are_no_sound_are_an_error(tmp_path: Path) -> None:
    samples = noise(3 * RATE)
    assert np.allclose(load_audio((samples * 2**31, RATE)), samples * 2**31)  # 32-bit integers that nobody scaled
    samples[2 * RATE] = -1e30
    with pytest.raises(AudioError, match=r"huge\.wav: beyond 1e\+10 times full scale samples at 2\.000 s"):
        load_audio(wav_file(tmp_path / "huge.wav", samples))


def test_float64_samples_beyond_float32_are_an_error() -> None:
    with pytest.raises(AudioError, match=r"NaN or infinite samples at 0\.000 s"):
        load_audio((np.full(10, 1e300), RATE))


def test_no_samples_are_an_error(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "none.wav", noise(0), subtype="PCM_16")
    for source in (path, (np.zeros(0, np.float32), RATE), (np.zeros((0, 2), np.int16), 44100)):
        with pytest.raises(AudioError, match="holds no audio samples; record or export it again"):
            load_audio(source)


def test_a_flac_that_announces_more_than_the_cap_is_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    soundfile.write(path, np.zeros(RATE, np.int16), RATE)
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # the upper bits of the number of samples
    path.write_bytes(data)
    with pytest.raises(
        AudioError, match=r"bomb\.flac: announces .* s of audio, more than .*max_seconds \(--max-seconds\)"
    ):
        load_audio(path)


def test_a_flac_that_decodes_to_more_than_the_cap_is_stopped_while_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    soundfile.write(path, np.zeros(60 * RATE, np.int16), RATE)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # no length in the header
    path.write_bytes(data)
    drawn = []
    with pytest.raises(AudioError, match=r"decodes to more than the 25 s allowed; raise max_seconds \(--max-seconds\)"):
        drawn.extend(read_blocks(path, max_seconds=25))
    assert len(drawn) == 2


def test_exactly_the_cap_is_allowed() -> None:
    assert len(load_audio((noise(RATE), RATE), max_seconds=1)) == RATE
    with pytest.raises(AudioError, match=r"announces 1\.00006 s of audio, more than the 1 s allowed"):
        load_audio((noise(RATE + 1), RATE), max_seconds=1)
    assert DEFAULT_MAX_SECONDS == 24 * 3600


@pytest.mark.parametrize("sample_rate", [0, -16000, 10**7])
def test_a_wanted_rate_out_of_range_is_an_error(sample_rate: int) -> None:
    with pytest.raises(ConfigError, match=f"sample_rate is in Hz, from 1,000 to 1,000,000, got {sample_rate}"):
        read_blocks((noise(10), RATE), sample_rate=sample_rate)


@pytest.mark.parametrize("max_seconds", [0, -1, float("nan")])
def test_a_cap_out_of_range_is_an_error(max_seconds: float) -> None:
    with pytest.raises(ConfigError, match=f"max_seconds must be above 0, got {max_seconds}"):
        read_blocks((noise(10), RATE), max_seconds=max_seconds)


def test_a_wav_shorter_than_its_header_says_is_an_error(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "cut.wav", noise(RATE), subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-RATE])
    with pytest.raises(AudioError, match=r"cut\.wav: the wav file is cut short \(its header announces 32,044 bytes"):
        load_audio(path)
    assert len(load_audio(path, allow_truncated=True)) == RATE // 2


def test_fewer_samples_than_announced_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "short.flac"
    soundfile.write(path, noise(RATE), RATE)
    data = bytearray(path.read_bytes())
    data[22:26] = (2 * RATE).to_bytes(4)
    path.write_bytes(data)
    with pytest.raises(
        AudioError, match=r"cut short: its header announces 32,000 samples, 16,000 are|damaged or cut short"
    ):
        load_audio(path)
    assert len(load_audio(path, allow_truncated=True)) == RATE


# What is valid


def test_eight_channels_at_192_khz_are_read(tmp_path: Path) -> None:
    samples = noise(192000, 8)
    path = wav_file(tmp_path / "big.wav", samples, 192000)
    expected = soxr.resample(samples.mean(axis=1), 192000, RATE)
    np.testing.assert_allclose(load_audio(path), expected, atol=1e-4)
    np.testing.assert_allclose(load_audio((samples, 192000)), expected, atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 16000, 48000, 192000])
def test_one_sample_is_audio(tmp_path: Path, rate: int) -> None:
    path = wav_file(tmp_path / "one.wav", np.ones(1, np.float32), rate)
    assert load_audio(path).shape == ((2,) if rate == 8000 else (1,))


def test_silence_is_audio() -> None:
    np.testing.assert_array_equal(load_audio((np.zeros(RATE, np.int16), RATE)), np.zeros(RATE, np.float32))


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([-32768, 16384], np.int16), [-1, 0.5]),
        (np.array([-(2**31), 2**30], np.int32), [-1, 0.5]),
        (np.array([0, 192], np.uint8), [-1, 0.5]),
        (np.array([-1, 0.5], np.float16), [-1, 0.5]),
        (np.array([-1, 0.5], np.float64), [-1, 0.5]),
        (np.array([[-1, 0], [0.25, 0.75]], ">f4"), [-0.5, 0.5]),
        (np.array([[-32768, -32768], [32767, 1]], np.int16), [-1, 0.5]),
    ],
)
def test_arrays_of_any_sample_type_are_read_at_full_scale_one(samples: np.ndarray, expected: list[float]) -> None:
    kept = samples.copy()
    loaded = load_audio((samples, RATE))
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, np.array(expected, np.float32))
    np.testing.assert_array_equal(samples, kept)
    loaded[:] = 9
    np.testing.assert_array_equal(samples, kept)


def test_a_path_a_file_object_and_an_array_give_the_same_samples(tmp_path: Path) -> None:
    samples = noise(44100 * 2, 2)
    path = wav_file(tmp_path / "same.wav", samples, 44100)
    wanted = load_audio((samples, 44100))
    sources = [path, str(path), io.BytesIO(path.read_bytes())]
    with open(path, "rb") as file:
        file.seek(1000)  # read from the start all the same
        for source in [*sources, file]:
            np.testing.assert_allclose(load_audio(source), wanted, atol=1e-6)
        assert not file.closed


def test_a_wav_named_raw_is_read_as_the_wav_that_it_is(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "sound.raw", noise(100))
    with open(path, "rb") as file:
        np.testing.assert_array_equal(load_audio(file), noise(100))


def test_a_stream_that_cannot_seek_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = wav_file(tmp_path / "piped.wav", noise(RATE))
    with subprocess.Popen([sys.executable, "-c", _CAT, path], stdout=subprocess.PIPE) as process:
        np.testing.assert_array_equal(load_audio(process.stdout), noise(RATE))
    monkeypatch.setattr(audio, "_MAX_SPOOL_BYTES", 1000)
    with (
        subprocess.Popen([sys.executable, "-c", _CAT, path], stdout=subprocess.PIPE) as process,
        pytest.raises(AudioError, match="the stream is longer than 0 GiB; save it to a file first"),
    ):
        load_audio(process.stdout)


_CAT = "import sys, shutil; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"


# Sources of the wrong kind


def test_a_text_file_object_is_an_error() -> None:
    with pytest.raises(AudioError, match=r"the file object gives text; open it in binary mode \('rb'\)"):
        load_audio(io.StringIO("x"))


def test_a_closed_file_object_is_an_error() -> None:
    file = io.BytesIO(b"x")
    file.close()
    with pytest.raises(AudioError, match="the file object is closed; open it again"):
        load_audio(file)


@pytest.mark.parametrize("source", [None, 3, noise(10), [1.0, 2.0]])
def test_another_kind_of_source_is_an_error(source: object) -> None:
    with pytest.raises(AudioError, match=r"a path, a binary file object or a tuple \(samples, sample_rate\), got"):
        load_audio(source)


@pytest.mark.parametrize("source", [(RATE, noise(10)), (noise(10),), (noise(10), "16000")])
def test_a_tuple_in_another_order_is_an_error(source: tuple[object, ...]) -> None:
    with pytest.raises(AudioError, match=r"pass the tuple \(samples, sample_rate\), samples first"):
        load_audio(source)


@pytest.mark.parametrize("rate", [16000.5, float("nan"), float("inf")])
def test_a_rate_that_is_not_whole_is_an_error(rate: float) -> None:
    with pytest.raises(AudioError, match="the sample rate must be a whole number of Hz, got"):
        load_audio((noise(10), rate))


@pytest.mark.parametrize("rate", [0, -8000, 10**9])
def test_a_rate_that_no_sound_has_is_an_error(rate: int) -> None:
    with pytest.raises(AudioError, match=f"a sample rate of {rate} Hz is not one of sound"):
        load_audio((noise(10), rate))


@pytest.mark.parametrize("shape", [(), (2, 48000), (3, 0), (1, 2, 3)])
def test_an_array_of_another_shape_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioError, match=r"samples must have shape \(n,\) or \(n, channels\), got .*transpose\?"):
        load_audio((np.zeros(shape, np.float32), RATE))


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex64, np.uint16, object, "U3"])
def test_an_array_of_another_type_is_an_error(dtype: object) -> None:
    with pytest.raises(AudioError, match="samples must be int16, int32, uint8 or floating point, got"):
        load_audio((np.zeros(10, dtype), RATE))


# Blocks and rates


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 44101, 48000])
def test_blocks_joined_equal_one_shot_resampling(tmp_path: Path, rate: int) -> None:
    samples = noise(rate * 23 + 17)
    blocks = list(read_blocks(wav_file(tmp_path / "long.wav", samples, rate)))
    expected = samples if rate == RATE else soxr.resample(samples, rate, RATE, quality="HQ")
    assert [len(block) for block in blocks[:-1]] == [10 * RATE, 10 * RATE]
    joined = np.concatenate(blocks)
    assert abs(len(joined) - round(len(samples) * RATE / rate)) <= 1
    assert joined.dtype == np.float32
    np.testing.assert_allclose(joined, expected, atol=1e-4)


@given(
    n_samples=st.integers(1, 5000),
    from_rate=st.sampled_from([1000, 8000, 11025, 16000, 44100, 48000, 96000, 192000]),
    to_rate=st.integers(1000, 200_000),
)
@settings(max_examples=40, deadline=None)
def test_a_resampled_length_is_the_nearest(n_samples: int, from_rate: int, to_rate: int) -> None:
    samples = noise(n_samples)
    resampled = resample(samples, from_rate, to_rate)
    assert len(resampled) == max(1, int(n_samples * to_rate / from_rate + 0.5))
    assert np.isfinite(resampled).all()


def test_resampling_keeps_what_both_rates_hold_and_removes_the_rest() -> None:
    time = np.arange(48000) / 48000
    for frequency, kept in ((1000, 1.0), (7000, 1.0), (9000, 0.0), (20000, 0.0)):
        out = resample(np.sin(2 * np.pi * frequency * time), 48000, RATE)
        level = np.sqrt(2 * np.mean(out[2000:-2000] ** 2))
        assert level == pytest.approx(kept, abs=0.01 if kept else 1e-4), frequency


def test_resampling_to_the_same_rate_gives_a_copy() -> None:
    samples = noise(100)
    out = resample(samples, RATE, RATE)
    np.testing.assert_array_equal(out, samples)
    assert not np.shares_memory(out, samples)
    assert resample(np.zeros(0, np.float32), 48000, RATE).shape == (0,)


def test_resampling_channels_is_an_error() -> None:
    with pytest.raises(AudioError, match=r"samples must have shape \(n,\), got \(10, 2\); mix to mono first"):
        resample(noise(10, 2), RATE, 8000)
    with pytest.raises(AudioError, match="resample: a sample rate of 0 Hz"):
        resample(noise(10), RATE, 0)


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    write_wav(path, np.zeros(1, np.int16), RATE)
    n_bytes = 2 * RATE * 1200
    with open(path, "r+b") as file:  # twenty minutes of silence that takes no disk
        file.seek(40)
        file.write(n_bytes.to_bytes(4, "little"))
        file.truncate(44 + n_bytes)
    tracemalloc.start()
    n_samples = sum(len(block) for block in read_blocks(path, sample_rate=8000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_samples == 1200 * 8000
    assert peak < 4e6  # all of it would be 38 MB


def test_a_reader_left_midway_closes_its_file(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "long.wav", noise(25 * RATE))
    before = _n_open_files()
    blocks = read_blocks(path)
    next(blocks)
    assert _n_open_files() == before + 1
    blocks.close()
    assert _n_open_files() == before


def _n_open_files() -> int:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("this system does not list open files in /proc")
    return len(os.listdir("/proc/self/fd"))


def test_reading_audio_imports_neither_torch_nor_scipy(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "a.wav", noise(100), 8000)
    code = (
        "import sys, audio_lstm.audio.files as a\n"
        "assert not {'soundfile', 'av', 'soxr'} & set(sys.modules)\n"
        "a.load_audio(sys.argv[1])\n"
        "assert not {'torch', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True)


# The writer


@pytest.mark.parametrize("n_channels", [None, 2])
def test_int16_samples_come_back_from_a_written_wav(tmp_path: Path, n_channels: int | None) -> None:
    samples = (noise(1000, n_channels) * 65535).astype(np.int16)
    samples[0], samples[1] = -32768, 32767
    path = tmp_path / "out.wav"
    write_wav(path, samples, 22050)
    read, rate = soundfile.read(path, dtype="int16")
    assert rate == 22050
    np.testing.assert_array_equal(read, samples)
    write_wav(path, read.astype(np.float32) / 32768, 22050)
    np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], samples)


def test_louder_than_full_scale_is_clipped(tmp_path: Path) -> None:
    write_wav(tmp_path / "loud.wav", np.array([-3.0, 1.0, 3.0, 0.0]), RATE)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "loud.wav", dtype="int16")[0], [-32768, 32767, 32767, 0])


def test_a_written_file_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"old")
    link = tmp_path / "link.wav"
    link.symlink_to(path)
    write_wav(link, noise(10), RATE)
    assert link.is_symlink()
    assert len(load_audio(path)) == 10
    assert sorted(os.listdir(tmp_path)) == ["link.wav", "out.wav"]
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode  # readable as any new file is


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"old")

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audio.os, step, fail)
    with pytest.raises(AudioError, match=r"out\.wav: cannot be written \(No space left on device\); check the folder"):
        write_wav(path, noise(10), RATE)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.wav"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(wave.Wave_write, "writeframes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_wav(tmp_path / "out.wav", noise(10), RATE)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_not_written(tmp_path: Path, bad: float) -> None:
    with pytest.raises(AudioError, match=r"samples to write hold NaN or infinite values; nothing was written"):
        write_wav(tmp_path / "out.wav", np.array([0.0, bad]), RATE)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("shape", [(0,), (), (0, 2), (5, 0), (1, 2, 3), (2, 5000)])
def test_samples_of_another_shape_are_not_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioError, match=r"samples to write must have shape \(n,\) or \(n, channels\), got"):
        write_wav(tmp_path / "out.wav", np.zeros(shape), RATE)


def test_samples_of_another_type_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="samples to write must be int16 or floating point, got int64"):
        write_wav(tmp_path / "out.wav", np.zeros(5, np.int64), RATE)


def test_more_than_a_wav_can_hold_is_not_written(tmp_path: Path) -> None:
    endless = np.broadcast_to(np.int16(0), (1 << 31,))
    with pytest.raises(AudioError, match=r"4,294,967,296 bytes do not fit a wav file \(4 GiB\); write it in parts"):
        write_wav(tmp_path / "out.wav", endless, RATE)


@pytest.mark.parametrize("target", [lambda folder: folder, lambda _folder: "/dev/null"])
def test_what_is_not_a_regular_file_is_not_replaced(tmp_path: Path, target: Callable[[Path], object]) -> None:
    path = target(tmp_path)
    if not os.path.exists(path):
        pytest.skip(f"this system has no {path}")
    with pytest.raises(AudioError, match="exists and is not a regular file; choose another name"):
        write_wav(path, noise(10), RATE)
    assert os.path.exists(path)


@pytest.mark.parametrize("name", ["no_such_folder/out.wav", "a\0b.wav", "x" * 300])
def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError, match=r"cannot be written \(.*\); check the folder and the space left"):
        write_wav(tmp_path / name, noise(10), RATE)
    assert os.listdir(tmp_path) == []


def test_a_rate_that_no_sound_has_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"out\.wav: a sample rate of 0 Hz is not one of sound"):
        write_wav(tmp_path / "out.wav", noise(10), 0)


# Real recordings


@pytest.mark.shared
def test_real_recordings_are_read_whole(shared: Path) -> None:
    paths = sorted((shared / "speech").rglob("*.flac"))[::200]
    assert paths
    for path in paths:
        info = soundfile.info(path)
        n_expected = round(info.frames * RATE / info.samplerate)
        assert abs(len(load_audio(path)) - n_expected) <= 1


def test_a_recording_says_how_long_it_is_if_it_can(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "two.wav", noise(2 * RATE), subtype="PCM_16")
    assert announced_seconds(path) == 2.0
    assert announced_seconds((np.zeros((44100, 2), np.int16), 44100)) == 1.0
    assert announced_seconds(tmp_path / "missing.wav") is None
    with open(path, "rb") as file:
        assert announced_seconds(file) is None
        assert file.tell() == 0
