"""Any audio or video file to mono float32 at one rate, in blocks of constant memory; and a WAV writer.

>>> samples = load_audio("demos/samples/spelling.wav")    # (n,) float32 at 16 kHz
>>> for block in read_blocks("demos/samples/digits.wav", max_seconds=10 * 3600):
...     n_samples = len(block)                            # 160000, ten seconds; of the last block what is left
"""

from __future__ import annotations

import math
import os
import stat
import tempfile
import wave
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.audio.decode import open_recording
from audio_lstm.audio.mix import Mixer
from audio_lstm.audio.reading import Block, DecodedStream, Findings, ReadOptions, check_sample_rate, first_unsound
from audio_lstm.audio.resampling import Resampler
from audio_lstm.errors import AudioError, ConfigError

__all__ = [
    "DEFAULT_MAX_SECONDS",
    "AudioSource",
    "Reading",
    "announced_seconds",
    "load_audio",
    "read_blocks",
    "resample",
    "write_wav",
]

DEFAULT_MAX_SECONDS = 24 * 3600.0  # decoded; a 15 MB FLAC can hold 50 GB of silence
BLOCK_S = 10  # length of the blocks that come out

AudioSource = str | os.PathLike[str] | BinaryIO | tuple[NDArray[Any], int]

_MAX_CHANNELS = 1024  # libsndfile's own limit; more is an array that lies on its side
_MAX_SPOOL_BYTES = 4 << 30  # of a stream that cannot seek, kept on disk while it is decoded


class Reading(Iterator[NDArray[np.float32]]):
    """The blocks of a recording as they are drawn, and what was found out about it by then."""

    def __init__(self, source: AudioSource, sample_rate: int, max_seconds: float, options: ReadOptions) -> None:
        """Open nothing yet.

        Args:
            source: As for `read_blocks`.
            sample_rate: Of the blocks, in Hz.
            max_seconds: Longest recording that is accepted.
            options: How to read it.
        """
        self._findings, self._mixer = Findings(), Mixer()
        self.seams: list[int] = []  # the samples at which other recordings of the file begin, as in a chained Ogg
        self._blocks = _regrouped(self._read(source, sample_rate, max_seconds, options), BLOCK_S * sample_rate)

    def _read(
        self, source: AudioSource, sample_rate: int, max_seconds: float, options: ReadOptions
    ) -> Iterator[NDArray[np.float32]]:
        with _open_source(source, where := _describe(source), options, self._findings) as stream:
            yield from _resampled(_checked(stream, where, max_seconds), self._mixer, sample_rate, self.seams)

    def __next__(self) -> NDArray[np.float32]:
        """The next block (n,)."""
        return next(self._blocks)

    def close(self) -> None:
        """Draw no more: the file is closed."""
        self._blocks.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What somebody should know who trusts the samples, a line each: a wrong header, other tracks, gaps, damage."""
        return self._findings.notes

    @property
    def channel_peaks_db(self) -> tuple[float, ...]:
        """The loudest sample of each channel in dB relative to full scale; none where there is but one channel."""
        return tuple(20 * math.log10(peak) if peak > 0 else -math.inf for peak in self._mixer.peaks.tolist())


def load_audio(
    source: AudioSource,
    *,
    sample_rate: int = 16000,
    max_seconds: float = DEFAULT_MAX_SECONDS,
    allow_truncated: bool = False,
    track: int | None = None,
) -> NDArray[np.float32]:
    """A whole recording as mono float32 samples at `sample_rate`.

    Errors are those of `read_blocks`: AudioError for a recording that cannot be used, ConfigError for an option.

    Args:
        source: A path, a binary file object, or `(samples, sample_rate)` with samples `(n,)` or `(n, channels)` of
            int16, int32, uint8 or floating point. Files: wav, flac, ogg, opus, mp3, m4a, mp4, webm, mkv, amr, wma, aac,
            ac3, aiff, au, caf, avi, flv, ts, w64, wv, NIST Sphere.
        sample_rate: Rate of the result in Hz.
        max_seconds: Longest recording that is accepted, counted while it is decoded.
        allow_truncated: Use what can be read of a damaged file or one whose end is missing, instead of an error.
        track: Which sound track of a film, counted from 1; None takes the default one.

    Returns:
        Samples `(n,)`, full scale ±1; the channels are averaged, but none cancels another. Where the container's time
        stamps leave a gap there is silence. At least one sample.
    """
    blocks = read_blocks(
        source, sample_rate=sample_rate, max_seconds=max_seconds, allow_truncated=allow_truncated, track=track
    )
    return np.concatenate(list(blocks))


def read_blocks(
    source: AudioSource,
    *,
    sample_rate: int = 16000,
    max_seconds: float = DEFAULT_MAX_SECONDS,
    allow_truncated: bool = False,
    track: int | None = None,
) -> Reading:
    """Blocks of ten seconds of a recording, mono at `sample_rate`; memory does not grow with its length.

    The file is opened when the first block is drawn. From then on an AudioError says that it is missing, empty,
    damaged, cut short, too long, not finite or not audio. Joined, the blocks equal `load_audio`.

    Args:
        source: As for `load_audio`.
        sample_rate: Rate of the result in Hz.
        max_seconds: Longest recording that is accepted, counted while it is decoded.
        allow_truncated: Use what can be read of a damaged file or one whose end is missing, instead of an error.
        track: Which sound track of a film, counted from 1; None takes the default one.

    Returns:
        An iterator over blocks `(n,)`, float32: ten seconds each but for the last. Once they are drawn, its `notes` say
        what is odd about the recording.

    Raises:
        ConfigError: If `sample_rate`, `max_seconds` or `track` is out of range.
    """
    if not 1000 <= sample_rate <= 1_000_000:
        raise ConfigError(f"sample_rate is in Hz, from 1,000 to 1,000,000, got {sample_rate}")
    if not max_seconds > 0:
        raise ConfigError(f"max_seconds must be above 0, got {max_seconds}")
    if track is not None and track < 1:
        raise ConfigError(f"tracks are counted from 1, got {track}")
    return Reading(source, sample_rate, max_seconds, ReadOptions(allow_truncated, track))


def announced_seconds(source: AudioSource) -> float | None:
    """How long a recording says that it is, for progress; `read_blocks` finds out whether that is true.

    Args:
        source: As for `load_audio`.

    Returns:
        Seconds; None where it does not say, cannot be opened, or is a stream.
    """
    if not isinstance(source, (str, os.PathLike, tuple)):
        return None
    try:
        with _open_source(source, _describe(source), ReadOptions(allow_truncated=True), Findings()) as stream:
            return stream.announced_s
    except AudioError:
        return None


def resample(samples: NDArray[Any], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """Mono samples at another rate, with soxr's HQ filter (100 dB and more of alias rejection).

    Args:
        samples: `(n,)`, of int16, int32, uint8 or floating point.
        from_rate: Their rate in Hz.
        to_rate: The wanted rate in Hz.

    Returns:
        `(m,)` float32, m = n · to_rate / from_rate to the nearest sample, and at least 1 where n is; always a copy.

    Raises:
        AudioError: For more than one channel, another type, or a rate out of range.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise AudioError(f"resample: samples must have shape (n,), got {samples.shape}; mix to mono first")
    check_sample_rate(to_rate, "resample")
    blocks = _array_stream((samples, from_rate), "resample").blocks
    return np.concatenate([np.zeros(0, np.float32), *_resampled(blocks, Mixer(), to_rate, [])])


def write_wav(path: str | os.PathLike[str], samples: NDArray[Any], sample_rate: int) -> None:
    """Write 16-bit PCM, whole or not at all: a temporary file beside `path` is filled, synced and renamed.

    Args:
        path: Where; an existing file is replaced.
        samples: `(n,)` or `(n, channels)`: int16, or floating point with full scale ±1 (louder is clipped).
        sample_rate: In Hz.

    Raises:
        AudioError: For samples that are not finite, of another shape or type, or none; for a rate out of range; and
            where the file cannot be written.
    """
    where = _printable(os.fspath(path))
    frames = _to_int16(np.asarray(samples), where)  # (n, channels)
    check_sample_rate(sample_rate, where)
    if frames.nbytes > 0xFFFFFFFF - 1024:
        raise AudioError(f"{where}: {frames.nbytes:,} bytes do not fit a wav file (4 GiB); write it in parts")
    try:
        target = os.path.realpath(path)  # a link stays a link
        if os.path.lexists(target) and not os.path.isfile(target):
            raise AudioError(f"{where}: exists and is not a regular file; choose another name")
        with atomic_write(target) as scratch, open(scratch, "xb") as file:
            _write_frames(file, frames, sample_rate)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{where}: cannot be written ({reason}); check the folder and the space left") from error


def _write_frames(file: BinaryIO, frames: NDArray[np.int16], sample_rate: int) -> None:
    with wave.open(file, "wb") as wav:
        wav.setnchannels(frames.shape[1])
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes(frames.astype("<i2", copy=False).tobytes())


def _to_int16(samples: NDArray[Any], where: str) -> NDArray[np.int16]:
    """Samples as `(n, channels)` int16; the inverse of reading a 16-bit file."""
    frames = samples[:, np.newaxis] if samples.ndim == 1 else samples
    if frames.ndim != 2 or not frames.size or frames.shape[1] > _MAX_CHANNELS:
        raise AudioError(f"{where}: samples to write must have shape (n,) or (n, channels), got {samples.shape}")
    if frames.dtype == np.int16:
        return frames
    if frames.dtype.kind != "f":
        raise AudioError(f"{where}: samples to write must be int16 or floating point, got {frames.dtype}")
    if not np.isfinite(frames).all():
        raise AudioError(f"{where}: samples to write hold NaN or infinite values; nothing was written")
    return np.clip(np.rint(frames * np.float32(32768)), -32768, 32767).astype(np.int16)


def _describe(source: AudioSource) -> str:
    """What to call a source in a message."""
    if isinstance(source, tuple):
        return "audio array"
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    return _printable(os.fspath(name)) if isinstance(name, (str, os.PathLike)) else "audio stream"


def _printable(name: str | bytes) -> str:
    text = os.fsdecode(name)
    return text if text.isprintable() and text else repr(text)


@contextmanager
def _open_source(source: AudioSource, where: str, options: ReadOptions, findings: Findings) -> Iterator[DecodedStream]:
    if isinstance(source, tuple):
        options.check_track(1, where)
        yield _array_stream(source, where)
    elif isinstance(source, (str, os.PathLike)):
        with _open_regular_file(source, where) as file, open_recording(file, where, options, findings) as stream:
            yield stream
    elif callable(getattr(source, "read", None)):
        with _seekable(source, where) as file, open_recording(file, where, options, findings) as stream:
            yield stream
    else:
        raise AudioError(
            f"audio must be a path, a binary file object or a tuple (samples, sample_rate), got {type(source).__name__}"
        )


def _open_regular_file(path: str | os.PathLike[str], where: str) -> BinaryIO:
    """Open a file for reading, and nothing that is not one: a FIFO would wait for ever."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{where}: this is a folder; give the audio files in it")
        if stat.S_ISREG(mode):
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            file = open(os.open(path, flags), "rb")  # noqa: SIM115 - the caller closes it
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file
            file.close()
    except FileNotFoundError as error:
        raise AudioError(f"{where}: no such file; check the path") from error
    except PermissionError as error:
        raise AudioError(f"{where}: no permission to read it; change its rights or copy it") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"{where}: cannot be opened ({reason}); check the path") from error
    raise AudioError(f"{where}: not a regular file (a pipe or a device); save the audio to a file first")


@contextmanager
def _seekable(source: BinaryIO, where: str) -> Iterator[BinaryIO]:
    """The file object itself, or a copy on disk of one that cannot seek, e.g. standard input."""
    if getattr(source, "closed", False):
        raise AudioError(f"{where}: the file object is closed; open it again")
    if not isinstance(source.read(0), bytes):
        raise AudioError(f"{where}: the file object gives text; open it in binary mode ('rb')")
    if not hasattr(source, "seekable") or source.seekable():
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        while data := source.read(1 << 20):
            if copy.tell() + len(data) > _MAX_SPOOL_BYTES:
                raise AudioError(
                    f"{where}: the stream is longer than {_MAX_SPOOL_BYTES >> 30} GiB; save it to a file first"
                )
            copy.write(data)
        yield copy


def _array_stream(source: tuple[NDArray[Any], int], where: str) -> DecodedStream:
    """Check `(samples, sample_rate)` and slice it into blocks, so that only a block is converted at a time."""
    if len(source) != 2 or not isinstance(source[1], int | float | np.integer | np.floating):
        raise AudioError(f"{where}: pass the tuple (samples, sample_rate), samples first")
    samples, rate = np.asarray(source[0]), float(source[1])
    if not math.isfinite(rate) or rate != int(rate):
        raise AudioError(f"{where}: the sample rate must be a whole number of Hz, got {source[1]!r}")
    sample_rate = check_sample_rate(int(rate), where)
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 1 <= samples.shape[1] <= _MAX_CHANNELS):
        raise AudioError(f"{where}: samples must have shape (n,) or (n, channels), got {samples.shape}; transpose?")
    if not (samples.dtype.kind == "f" or samples.dtype in (np.int16, np.int32, np.uint8)):
        raise AudioError(
            f"{where}: samples must be int16, int32, uint8 or floating point, got {samples.dtype}; convert them"
        )
    frames = samples[:, np.newaxis] if samples.ndim == 1 else samples  # (n, channels)
    blocks = (Block(_to_float(frames[i : i + sample_rate]), sample_rate) for i in range(0, len(frames), sample_rate))
    return DecodedStream(announced_s=len(frames) / sample_rate, is_certain=True, blocks=blocks)


def _to_float(frames: NDArray[Any]) -> NDArray[np.float32]:
    """Samples at full scale ±1; integers are divided by 2^(bits - 1) as libsndfile does."""
    scale, offset = {"int16": (32768, 0), "int32": (1 << 31, 0), "uint8": (128, 128)}.get(frames.dtype.name, (1, 0))
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported by `_checked`
        if scale == 1:
            return np.array(frames, np.float32)
        return np.asarray(((frames.astype(np.float64) - offset) / scale).astype(np.float32))


def _checked(stream: DecodedStream, where: str, max_seconds: float) -> Iterator[Block]:
    """The stream's blocks, as long as they are finite and not too many."""
    way_out = "raise max_seconds (--max-seconds), or cut the recording"
    if stream.is_certain and stream.announced_s is not None and stream.announced_s > max_seconds:
        raise AudioError(
            f"{where}: announces {stream.announced_s:g} s of audio, more than the {max_seconds:g} s allowed; {way_out}"
        )
    done_s = 0.0
    for block in stream.blocks:
        length_s = len(block.frames) / block.sample_rate
        if done_s + length_s > max_seconds + 1e-9:
            raise AudioError(f"{where}: decodes to more than the {max_seconds:g} s allowed; {way_out}")
        if (found := first_unsound(block.frames)) is not None:
            at_s = done_s + found[0] / block.sample_rate
            raise AudioError(f"{where}: {found[1]} samples at {at_s:.3f} s; export it again or clean it")
        done_s += length_s
        yield block
    if not done_s:
        raise AudioError(f"{where}: holds no audio samples; record or export it again")


def _resampled(blocks: Iterable[Block], mixer: Mixer, to_rate: int, seams: list[int]) -> Iterator[NDArray[np.float32]]:
    """Blocks as mono at another rate; together as long as the input, to the nearest sample, and never nothing."""
    resampler, rate, n_samples = None, 0, 0
    for block in blocks:
        if resampler is None or block.sample_rate != rate or block.begins:
            if resampler is not None:
                yield (rest := resampler.finish())
                n_samples += len(rest)
            resampler, rate = Resampler(block.sample_rate, to_rate), block.sample_rate
            if block.begins:
                seams.append(n_samples)
        yield (samples := resampler.feed(mixer.mix(block.frames, rate)))
        n_samples += len(samples)
    yield from [resampler.finish()] if resampler is not None else []


def _regrouped(blocks: Iterable[NDArray[np.float32]], block_samples: int) -> Generator[NDArray[np.float32], None, None]:
    """The same samples in blocks of `block_samples`, the last as long as what is left."""
    pending: list[NDArray[np.float32]] = []
    n_pending = 0
    for block in blocks:
        pending.append(block)
        n_pending += len(block)
        if n_pending >= block_samples:
            joined = np.concatenate(pending)
            n_whole = n_pending - n_pending % block_samples
            for start in range(0, n_whole, block_samples):
                yield joined[start : start + block_samples].copy()
            pending, n_pending = [joined[n_whole:]], n_pending - n_whole
    if n_pending:
        yield np.concatenate(pending)
