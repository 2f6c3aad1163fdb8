"""The command `listen`: live words from a microphone, or from raw samples on standard input."""

from __future__ import annotations

import argparse
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import (
    add_model,
    answer,
    complain,
    live_line,
    positive_float,
    require_output,
    standard_input,
)
from audio_lstm.commands.speech import add_decoding, add_writing, decoding_of
from audio_lstm.errors import AudioError, ConfigError, MissingDependencyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audio_lstm.speech.hearing.stream import Partial, StreamingTranscriber

__all__ = ["add_listen"]

_BLOCK_S = 0.1  # read at a time: a small part of the delay
_FILE_MARKS = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3\x03", b"ID3\x04", b"\x1aE\xdf\xa3", b"caff", b"FORM")
_QUEUE_BLOCKS = 600  # a minute that the computer may lag behind the microphone before samples are lost


def add_listen(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "listen",
        allow_abbrev=False,
        help="transcribe live",
        description="Transcribe live: each utterance is printed on stdout once it has ended; on a terminal, "
        "stderr shows the words so far. Ctrl-C, SIGTERM or the end of the input ends it. Reads the "
        "microphone (pip install 'audio-lstm[listen]'), or with --stdin raw samples: 16-bit little-endian integers, "
        "mono, such as from `ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -` or `arecord -t raw -f S16_LE -r 16000`.",
    )
    add_model(parser, "english-small")
    parser.add_argument("--stdin", action="store_true", help="read raw samples from standard input")
    parser.add_argument("--rate", type=int, metavar="HZ", help="sample rate of --stdin (default: the model's)")
    parser.add_argument("--device-index", type=int, metavar="N", help="index of the microphone (default: the system's)")
    parser.add_argument(
        "--endpoint",
        type=positive_float,
        default=None,
        metavar="S",
        help="silence that ends an utterance (default: 0.8)",
    )
    add_decoding(parser)
    add_writing(parser)
    parser.set_defaults(command=_listen)


def _listen(options: argparse.Namespace) -> int:
    if options.stdin and options.device_index is not None:
        raise ConfigError("--device-index chooses a microphone, but --stdin takes none; leave one of them out")
    require_output()
    if options.stdin and standard_input() and sys.stdin.isatty():
        raise ConfigError("--stdin takes raw samples, but standard input is a terminal; pipe sound into it")
    if not options.stdin:
        _sounddevice()  # complain before the model is loaded
    from audio_lstm.speech.hearing.stream import StreamingTranscriber

    more = {} if options.endpoint is None else {"endpoint_s": options.endpoint}
    transcriber = StreamingTranscriber(
        options.model, decoding=decoding_of(options), device=options.device, sample_rate=options.rate, **more
    )
    show = live_line()
    if not options.stdin and show is not None:
        complain(f"{transcriber.recogniser.name} listens; Ctrl-C ends it")
    source = _standard_input if options.stdin else _microphone
    n_lines = 0
    with _Stop() as stop:
        for block in stop.awaited(source(transcriber.sample_rate, options.device_index)):
            n_lines += _report(transcriber.feed(block), show)
    return _end(transcriber, show, n_lines, interrupted=stop.came)


class _Stop:
    """Ctrl-C and SIGTERM: they break the wait for sound, but not the hearing of it, which would lose its place."""

    def __init__(self) -> None:
        self.came = False
        self._waits = False
        self._stack = ExitStack()

    def __enter__(self) -> _Stop:
        if threading.current_thread() is threading.main_thread():  # others are not told of signals
            for number in (signal.SIGINT, signal.SIGTERM):
                self._stack.callback(signal.signal, number, signal.signal(number, self._note))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        if self._waits:
            raise KeyboardInterrupt

    def awaited(self, blocks: Iterator[NDArray[np.int16]]) -> Iterator[NDArray[np.int16]]:
        """The blocks until a signal comes."""
        while True:
            try:
                self._waits = True
                if self.came:
                    return
                block = next(blocks, None)
                self._waits = False
            except KeyboardInterrupt:
                self.came = True
                return
            finally:
                self._waits = False
            if block is None:
                return
            yield block


def _report(partial: Partial, show: Callable[[str], None] | None) -> int:
    """Write what is final, show what is not; how many lines were written."""
    if partial.segments and show is not None:
        show("")
    for segment in partial.segments:
        answer(segment.text)
    if show is not None:
        show(partial.text)
    return len(partial.segments)


def _end(
    transcriber: StreamingTranscriber, show: Callable[[str], None] | None, n_lines: int, *, interrupted: bool
) -> int:
    transcript = transcriber.finish()
    if show is not None:
        show("")
    for segment in transcript.segments[n_lines:]:
        answer(segment.text)
    if transcript.segments or interrupted:
        return 0
    complain(f"standard input: no speech found in {transcript.duration_s:.1f} s ({transcript.loudness})")
    return 1


def _standard_input(sample_rate: int, device_index: int | None) -> Iterator[NDArray[np.int16]]:
    """Blocks of what is piped in; half a sample at the end is dropped with a word."""
    import numpy as np

    stream: Any = standard_input()
    n_bytes = 2 * max(1, round(_BLOCK_S * sample_rate))
    rest, data = b"", stream.read1(n_bytes)
    if data[:4] in _FILE_MARKS:
        raise AudioError(
            f"standard input: begins with {data[:4]!r}: a file, not raw samples; audio-lstm transcribe - takes it, or "
            "let ffmpeg decode it (see listen --help)"
        )
    while data:
        data = rest + data
        whole = len(data) // 2 * 2
        rest = data[whole:]
        if whole:
            yield np.frombuffer(data[:whole], "<i2").astype(np.int16)
        data = stream.read1(n_bytes)
    if rest:
        complain("standard input: ends in the middle of a 16-bit sample; is it really s16le?")


def _microphone(sample_rate: int, device_index: int | None) -> Iterator[NDArray[np.int16]]:
    """Blocks of what the microphone hears, until somebody interrupts."""
    sounddevice = _sounddevice()
    blocks: queue.Queue[NDArray[np.int16]] = queue.Queue(_QUEUE_BLOCKS)

    def take(data: NDArray[np.int16], n_frames: int, time: object, status: object) -> None:
        try:
            blocks.put_nowait(data[:, 0].copy())
        except queue.Full:
            lost.append(n_frames)

    lost: list[int] = []
    try:
        with sounddevice.InputStream(
            samplerate=sample_rate,
            channels=1,
            dtype="int16",
            device=device_index,
            blocksize=round(_BLOCK_S * sample_rate),
            callback=take,
        ):
            while True:
                try:
                    yield blocks.get(timeout=0.5)  # with a limit, so that Ctrl-C is heard
                except queue.Empty:
                    continue
                if lost:
                    complain(f"too slow: {sum(lost) / sample_rate:.1f} s of sound were lost; choose a smaller --model")
                    lost.clear()
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(
            f"the microphone cannot be opened ({error}); try another --device-index or --rate, or --stdin"
        ) from error


def _sounddevice() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the package is there, the PortAudio library is not
        raise MissingDependencyError(
            "the microphone needs sounddevice (pip install 'audio-lstm[listen]') and the PortAudio library "
            "(apt install libportaudio2); or pipe raw samples into --stdin"
        ) from error
    return sounddevice
