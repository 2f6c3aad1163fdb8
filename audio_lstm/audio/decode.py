"""Decode a sniffed recording: libsndfile for wav, flac and their like, FFmpeg (PyAV) for the rest.

Why two: libsndfile is exact on wav and flac and says how many samples to expect; FFmpeg reads m4a, webm, ogg, wma, amr.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import BinaryIO

from audio_lstm.audio.av import decode_with_av
from audio_lstm.audio.headers import AudioFormat, lay_out, sniff
from audio_lstm.audio.reading import (
    Block,
    DecodedStream,
    Findings,
    ReadOptions,
    check_sample_rate,
    one_line,
    raise_damaged,
)
from audio_lstm.audio.spans import Layout, Piece, SplicedFile
from audio_lstm.errors import AudioError

__all__ = ["open_recording"]

_MAX_READ = 1 << 20  # values (samples x channels) read at once: 4 MB
_UNKNOWN_SAMPLES = 1 << 62  # libsndfile's count where a FLAC's header gives none
_CUT_TOLERANCE_S = 0.1  # encoders may round a length to whole frames
_MOST_TAGS = 1 << 13  # bytes; more behind the samples that a FLAC announces may be samples too
_CUT_WAY_OUT = "copy it again, or pass allow_truncated=True (--allow-truncated) to use what is there"


@contextmanager
def open_recording(
    file: BinaryIO, where: str, options: ReadOptions | None = None, findings: Findings | None = None
) -> Iterator[DecodedStream]:
    """Sniff a file, check that its end is there, and begin to decode it.

    Args:
        file: A seekable binary file; read from its start.
        where: Named in error messages, e.g. the path.
        options: How to read it.
        findings: Takes notes.

    Yields:
        The stream; decoding happens as its blocks are drawn.

    Raises:
        AudioError: For a file that is empty, not audio, cut short, damaged, or without an audio track.
    """
    options, findings = options or ReadOptions(), findings or Findings()
    try:
        found = sniff(file, where)
        layout = lay_out(file, found)
    except OSError as error:
        raise AudioError(f"{where}: cannot be read ({one_line(error)}); copy it again") from error
    if layout.cut and not options.allow_truncated:
        raise AudioError(f"{where}: the {found.name} file is cut short ({layout.cut}); {_CUT_WAY_OUT}")
    if layout.cut:
        findings.note(f"the file is cut short ({layout.cut}); what is there is read")
    if layout.note:
        findings.note(layout.note)
    with ExitStack() as stack:
        decode = partial(_decode, stack, file, found=found, where=where, options=options, findings=findings)
        first = decode(layout.parts[0])
        if len(layout.parts) > 1:
            first = DecodedStream(None, is_certain=False, blocks=_all_blocks(first, layout, decode, stack))
        yield first


def _all_blocks(
    first: DecodedStream, layout: Layout, decode: Callable[[tuple[Piece, ...]], DecodedStream], stack: ExitStack
) -> Iterator[Block]:
    """The blocks of all recordings of a file, one decoder open at a time."""
    yield from first.blocks
    for part in layout.parts[1:]:
        stack.close()
        for number, block in enumerate(decode(part).blocks):
            yield block._replace(begins=number == 0)


def _decode(
    stack: ExitStack,
    file: BinaryIO,
    pieces: tuple[Piece, ...],
    found: AudioFormat,
    where: str,
    options: ReadOptions,
    findings: Findings,
) -> DecodedStream:
    """Begin to decode one of a file's recordings."""
    # Where its end is missing or its middle damaged, libsndfile loses blocks of a FLAC.
    lenient = options.allow_truncated and found.name == "flac"
    if found.reader == "soundfile" and not lenient:
        options.check_track(1, where)
        stream = _decode_with_soundfile(stack, SplicedFile(file, pieces), found, where, options, findings)
        if stream is not None:
            return stream
    return decode_with_av(stack, SplicedFile(file, pieces), found, where, options, findings)


def _decode_with_soundfile(
    stack: ExitStack, source: SplicedFile, found: AudioFormat, where: str, options: ReadOptions, findings: Findings
) -> DecodedStream | None:
    """Begin to decode with libsndfile; None where FFmpeg should be asked instead."""
    import soundfile

    try:
        sound = stack.enter_context(soundfile.SoundFile(source))
    except soundfile.SoundFileError as error:
        if found.demuxer:
            return None
        raise AudioError(f"{where}: the {found.name} file cannot be decoded ({one_line(error)})") from error
    # soundfile seeks after each read, which fails without a length; its mp3 decoder prints to stderr.
    if sound.frames > _UNKNOWN_SAMPLES or "MPEG" in sound.subtype:
        return None
    rate = check_sample_rate(sound.samplerate, where)

    def blocks() -> Iterator[Block]:
        n_read = max(1, min(rate, _MAX_READ // sound.channels))
        n_samples = 0
        while True:
            try:
                frames = sound.read(n_read, dtype="float32", always_2d=True)  # (samples, channels)
            except soundfile.SoundFileError as error:
                if not (options.allow_truncated and n_samples):
                    raise_damaged(error, where, n_samples / rate)
                findings.note(f"damaged after {n_samples / rate:.1f} s ({one_line(error)}); what comes before is read")
                return
            if source.error:
                raise_damaged(source.error, where, n_samples / rate)
            if not len(frames):
                break
            n_samples += len(frames)
            yield Block(frames, rate)
        if sound.frames - n_samples > _CUT_TOLERANCE_S * rate and n_samples:
            what = f"its header announces {sound.frames:,} samples, {n_samples:,} are there"
            if not options.allow_truncated:
                raise AudioError(f"{where}: cut short: {what}; {_CUT_WAY_OUT}")
            findings.note(f"the file is cut short ({what}); what is there is read")
        elif found.name == "flac" and len(source.read(_MOST_TAGS)) == _MOST_TAGS:
            yield from _beyond(source.again(), n_samples, found, where, findings)

    return DecodedStream(announced_s=sound.frames / rate, is_certain=True, blocks=blocks())


def _beyond(
    source: SplicedFile, n_announced: int, found: AudioFormat, where: str, findings: Findings
) -> Iterator[Block]:
    """What a FLAC holds behind the samples that its header announces, where libsndfile stops."""
    with ExitStack() as stack:
        stream = decode_with_av(stack, source, found, where, ReadOptions(allow_truncated=True), Findings())
        n_samples = 0
        for block in stream.blocks:
            frames = block.frames[max(0, n_announced - n_samples) :]
            n_samples += len(block.frames)
            if len(frames):
                yield block._replace(frames=frames)
    if n_samples > n_announced:
        findings.note(f"the header announces {n_announced:,} samples; the {n_samples:,} that are there are read")
