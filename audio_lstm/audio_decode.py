"""Decode a sniffed recording to mono blocks: libsndfile for wav, flac and ogg, FFmpeg (PyAV) for the rest.

Why two: libsndfile is exact on wav and flac and says how many samples to expect; FFmpeg reads m4a, webm, wma, amr.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio_headers import AudioFormat, find_cut, mpeg_frame_bytes, sniff
from audio_lstm.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

__all__ = ["DecodedStream", "check_sample_rate", "open_recording"]

_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_000_000  # Hz; telephones use 8,000, the fastest recorders 768,000
_MAX_READ = 1 << 20  # values (samples x channels) read at once: 4 MB
_UNKNOWN_SAMPLES = 1 << 62  # libsndfile's count where a FLAC's header gives none


@dataclass(frozen=True)
class DecodedStream:
    """A recording that is being decoded; `blocks` can be drawn once."""

    sample_rate: int  # Hz
    n_samples: int | None  # per channel, as the header announces it; None where it does not
    exact: bool  # whether `n_samples` must be reached: a container's duration is rounded
    blocks: Iterator[NDArray[np.float32]]  # each (samples,), mono, full scale ±1


def check_sample_rate(sample_rate: int, where: str) -> int:
    """The rate itself, once it is known to be one that sound is recorded at.

    Args:
        sample_rate: In Hz.
        where: Named in error messages, e.g. the path.

    Returns:
        `sample_rate`, unchanged.

    Raises:
        AudioError: For a rate that no recording has.
    """
    if not _LOWEST_RATE <= sample_rate <= _HIGHEST_RATE:
        raise AudioError(
            f"{where}: a sample rate of {sample_rate} Hz is not one of sound "
            f"({_LOWEST_RATE:,} to {_HIGHEST_RATE:,} Hz); the header may be damaged: export the file again"
        )
    return sample_rate


@contextmanager
def open_recording(file: BinaryIO, where: str, *, allow_truncated: bool = False) -> Iterator[DecodedStream]:
    """Sniff a file, check that its end is there, and begin to decode it.

    Args:
        file: A seekable binary file; read from its start.
        where: Named in error messages, e.g. the path.
        allow_truncated: Decode what is there of a damaged file or one whose end is missing.

    Yields:
        The stream; decoding happens as its blocks are drawn.

    Raises:
        AudioError: For a file that is empty, not audio, cut short, damaged, or without an audio track.
    """
    found = sniff(file, where)
    cut = find_cut(file, found)
    if cut and not allow_truncated:
        raise AudioError(
            f"{where}: the {found.name} file is cut short ({cut}); copy it again, "
            "or pass allow_truncated=True (--allow-truncated) to use what is there"
        )
    with ExitStack() as stack:
        stream = None
        # Where an end is missing libsndfile gives nothing of an Ogg file and loses the last block of a FLAC.
        lenient = allow_truncated and found.name in ("ogg", "flac")
        if found.reader == "soundfile" and not lenient:
            stream = _decode_with_soundfile(stack, file, found, where, allow_truncated=allow_truncated)
        if stream is None:
            stream = _decode_with_av(stack, file, found, where, allow_truncated=allow_truncated)
        yield stream


class _Nameless:
    """A file without its name (soundfile takes a format from it), that keeps an error until it can be raised.

    soundfile calls this from C, where an exception would be printed and then forgotten.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def read(self, n_bytes: int = -1) -> bytes:
        try:
            return self._file.read(n_bytes)
        except OSError as error:
            self.error = error
            return b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):  # a damaged header led before the start of the file
            return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()


def _decode_with_soundfile(
    stack: ExitStack, file: BinaryIO, found: AudioFormat, where: str, *, allow_truncated: bool
) -> DecodedStream | None:
    """Begin to decode with libsndfile; None where FFmpeg should be asked instead."""
    import soundfile

    file.seek(0)
    source = _Nameless(file)
    try:
        sound = stack.enter_context(soundfile.SoundFile(source))
    except soundfile.SoundFileError as error:
        if found.demuxer:
            return None
        raise AudioError(f"{where}: the {found.name} file cannot be decoded ({_one_line(error)})") from error
    # soundfile seeks after each read, which fails without a length; its mp3 decoder prints to stderr.
    if sound.frames > _UNKNOWN_SAMPLES or "MPEG" in sound.subtype:
        return None

    def blocks() -> Iterator[NDArray[np.float32]]:
        n_read = max(1, min(sound.samplerate, _MAX_READ // sound.channels))
        n_samples = 0
        while True:
            try:
                block = sound.read(n_read, dtype="float32", always_2d=True)  # (samples, channels)
            except soundfile.SoundFileError as error:
                if allow_truncated and n_samples:
                    return
                _raise_damaged(error, where, n_samples / sound.samplerate)
            if source.error:
                _raise_damaged(source.error, where, n_samples / sound.samplerate)
            if not len(block):
                return
            n_samples += len(block)
            yield _to_mono(block)

    rate = check_sample_rate(sound.samplerate, where)
    return DecodedStream(sample_rate=rate, n_samples=sound.frames, exact=True, blocks=blocks())


def _decode_with_av(
    stack: ExitStack, file: BinaryIO, found: AudioFormat, where: str, *, allow_truncated: bool
) -> DecodedStream:
    """Begin to decode with FFmpeg, held to the one container that was sniffed and to this one file."""
    import av

    file.seek(0)
    try:
        container = stack.enter_context(
            av.open(
                file,
                mode="r",
                format=found.demuxer,
                options=_av_options(found),
                metadata_errors="replace",
            )
        )
        if not container.streams.audio:
            raise AudioError(f"{where}: the {found.name} file holds no audio track; give one that has sound")
        track = container.streams.audio[0]
        frames = _av_frames(container, track, found)
        first = next(frames, None)
    except (av.FFmpegError, OSError) as error:
        raise AudioError(
            f"{where}: the {found.name} file is damaged, cut short or in a codec that cannot be decoded "
            f"({_one_line(error)}); export it again, e.g. as wav or flac"
        ) from error
    if first is None:
        raise AudioError(f"{where}: the {found.name} file holds no audio samples; record or export it again")
    # The rate of the first frame, not the track's: HE-AAC announces half of what it decodes to.
    rate = check_sample_rate(int(first.sample_rate), where)
    known = found.demuxer in ("mov", "asf") and track.duration and track.time_base
    n_samples = int(track.duration * track.time_base * rate) if known else None

    def blocks() -> Iterator[NDArray[np.float32]]:
        pending: list[NDArray[np.float32]] = []
        n_decoded = n_pending = 0
        decoded = _av_blocks(first, frames, rate)
        while True:
            try:
                block = next(decoded, None)
            except (av.FFmpegError, OSError) as error:
                if not allow_truncated:
                    _raise_damaged(error, where, n_decoded / rate)
                block = None
            if block is not None:
                pending.append(block)
                n_decoded, n_pending = n_decoded + len(block), n_pending + len(block)
            if pending and (block is None or n_pending >= rate):
                yield np.concatenate(pending)
                pending, n_pending = [], 0
            if block is None:
                return

    return DecodedStream(sample_rate=rate, n_samples=n_samples, exact=False, blocks=blocks())


def _av_frames(container: Any, track: Any, found: AudioFormat) -> Iterator[AudioFrame]:
    """The decoded frames of a track; tags in the middle of an mp3, where two were joined, are passed over."""
    import av

    for packet in container.demux(track):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            if found.name != "mp3" or mpeg_frame_bytes(bytes(packet)[:4]):
                raise


def _av_blocks(first: AudioFrame, frames: Iterable[AudioFrame], sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """Mono float32 blocks of decoded frames, whatever their sample format, and where it changes midway."""
    import av

    resampler, template = None, None
    for frame in _chain(first, frames):
        name, n_channels = frame.format.name, frame.layout.nb_channels
        direct = name in ("flt", "fltp") and n_channels < 8 and frame.sample_rate == sample_rate  # most codecs
        current = None if direct else (name, frame.layout.name, frame.sample_rate)
        if resampler is not None and current != template:
            yield from map(_frame_to_mono, resampler.resample(None))
            resampler = None
        if direct:
            yield _frame_to_mono(frame)
            continue
        if resampler is None:
            # "flt" is packed: `to_ndarray` on planar frames of 8 or more channels crashes the process. The channels
            # are averaged here: FFmpeg's own mix to mono raises the level and drops channels that it cannot place.
            resampler, template = av.AudioResampler(format="flt", rate=sample_rate), current
        yield from map(_frame_to_mono, resampler.resample(frame))
    if resampler is not None:
        yield from map(_frame_to_mono, resampler.resample(None))


def _chain(first: AudioFrame, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    yield first
    yield from frames


def _frame_to_mono(frame: AudioFrame) -> NDArray[np.float32]:
    values = np.asarray(frame.to_ndarray(), np.float32)  # packed (1, S * C), or planar (C, S)
    return _to_mono(values.T if len(values) > 1 else values.reshape(-1, frame.layout.nb_channels))  # (S, C)


def _to_mono(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the channels of `block` (samples, channels)."""
    if block.shape[1] == 1:
        return block[:, 0]  # (S,)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported by the caller
        return np.asarray(block.mean(axis=1, dtype=np.float32))  # (S,)


def _av_options(found: AudioFormat) -> dict[str, str]:
    """Hold FFmpeg to one container and to no file but the one that is open (PyAV's `io_open` does not)."""
    full_names = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
    return {
        "format_whitelist": full_names.get(found.demuxer, found.demuxer),
        "protocol_whitelist": "none",
    }


def _raise_damaged(error: Exception, where: str, position_s: float) -> NoReturn:
    raise AudioError(
        f"{where}: damaged or cut short after {position_s:.1f} s ({_one_line(error)}); copy or export it again, "
        "or pass allow_truncated=True (--allow-truncated) to use what comes before"
    ) from error


def _one_line(error: Exception) -> str:
    """What a library said, on one line and where possible without its prefix, which may be a path."""
    text = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    return " ".join(text.split()) or type(error).__name__
