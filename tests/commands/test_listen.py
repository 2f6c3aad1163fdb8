"""`audio-lstm listen`: raw samples in, a line an utterance out; Ctrl-C and broken pipes end it well."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.commands import listen
from audio_lstm.speech.hearing.stream import Partial, StreamingTranscriber

Voice = Callable[..., NDArray[np.float32]]
RATE = 16_000


class Pipe:
    """Standard input that is a pipe."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]

    def isatty(self) -> bool:
        return False


@pytest.fixture
def pcm(voice: Voice) -> bytes:
    """Two utterances."""
    gap = np.zeros(3 * RATE, np.float32)
    samples = np.concatenate([voice(2.0), gap, voice(2.0), gap])
    return (samples * 32767).astype("<i2").tobytes()


def test_each_utterance_is_a_line(run: Callable, speech: str, pcm: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(pcm))
    assert run("listen", "--stdin", "--model", speech) == (0, "A\nA\n", "")


def test_another_rate_may_be_piped_in(run: Callable, speech: str, pcm: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    slower = np.repeat(np.frombuffer(pcm, "<i2"), 3).astype("<i2").tobytes()
    monkeypatch.setattr(sys, "stdin", Pipe(slower))
    assert run("listen", "--stdin", "--rate", "48000", "--model", speech) == (0, "A\nA\n", "")


def test_words_so_far_are_shown_on_a_terminal(
    run: Callable, speech: str, pcm: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(pcm))
    shown: list[str] = []
    monkeypatch.setattr(listen, "live_line", lambda: shown.append)
    assert run("listen", "--stdin", "--model", speech) == (0, "A\nA\n", "")
    assert "A" in shown
    assert shown[-1] == ""


def test_no_speech_is_said_with_the_level(run: Callable, speech: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(bytes(2 * RATE)))
    err = run.refused(1, "listen", "--stdin", "--model", speech)  # type: ignore[attr-defined]
    assert "no speech found in 1.0 s (digital silence)" in err


def test_half_a_sample_at_the_end_is_mentioned(
    run: Callable, speech: str, pcm: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(pcm + b"x"))
    status, out, err = run("listen", "--stdin", "--model", speech)
    assert (status, out) == (0, "A\nA\n")
    assert "ends in the middle of a 16-bit sample; is it really s16le?" in err


def test_a_file_is_not_taken_for_raw_samples(
    run: Callable, speech: str, pcm: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(b"RIFF" + bytes(40) + pcm))
    err = run.refused(1, "listen", "--stdin", "--model", speech)  # type: ignore[attr-defined]
    assert "begins with b'RIFF': a file, not raw samples; audio-lstm transcribe - takes it" in err


def test_options_that_contradict_each_other_are_refused(
    run: Callable, speech: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(b""))
    refused = run.refused  # type: ignore[attr-defined]
    assert "--stdin takes none; leave one of them out" in refused(2, "listen", "--stdin", "--device-index", "1")
    assert "endpoint_s must lie in 0.6..10, got 0.1" in refused(
        2, "listen", "--stdin", "--model", speech, "--endpoint", "0.1"
    )
    monkeypatch.setattr(Pipe, "isatty", lambda self: True)
    assert "standard input is a terminal; pipe sound into it" in refused(2, "listen", "--stdin")


def test_without_sounddevice_the_way_out_is_named(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    err = run.refused(1, "listen")  # type: ignore[attr-defined]
    assert "pip install 'audio-lstm[listen]'" in err
    assert "--stdin" in err


class Microphone:
    """What sounddevice.InputStream is, as far as `listen` uses it."""

    def __init__(self, pcm: bytes, *, callback: Callable[..., None], blocksize: int, **options: object) -> None:
        self._samples = np.frombuffer(pcm, "<i2")
        self._callback, self._size = callback, blocksize
        assert options == {"samplerate": RATE, "channels": 1, "dtype": "int16", "device": 2}

    def __enter__(self) -> Microphone:
        for block in np.split(self._samples, range(self._size, len(self._samples), self._size)):
            self._callback(block[:, None], len(block), None, None)
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_the_microphone_is_heard_until_ctrl_c(
    run: Callable, speech: str, pcm: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = types.SimpleNamespace(
        InputStream=lambda **options: Microphone(pcm, **options),
        PortAudioError=type("PortAudioError", (Exception,), {}),
    )
    monkeypatch.setitem(sys.modules, "sounddevice", package)

    class Queue(listen.queue.Queue):  # type: ignore[misc]
        def get(self, timeout: float | None = None) -> object:  # type: ignore[override]
            if self.empty():
                raise KeyboardInterrupt
            return super().get(timeout=timeout)

    monkeypatch.setattr(listen.queue, "Queue", Queue)
    assert run("listen", "--device-index", "2", "--model", speech) == (0, "A\nA\n", "")
    monkeypatch.setattr(listen, "_QUEUE_BLOCKS", 20)
    status, _, err = run("listen", "--device-index", "2", "--model", speech)
    assert status == 0
    assert "too slow: 8.0 s of sound were lost; choose a smaller --model" in err


def test_a_microphone_that_cannot_be_opened_is_one_line(
    run: Callable, speech: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PortAudioError(Exception):
        pass

    def refuse(**options: object) -> None:
        raise PortAudioError("Invalid device")

    package = types.SimpleNamespace(InputStream=refuse, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", package)
    err = run.refused(1, "listen", "--model", speech)  # type: ignore[attr-defined]
    assert "the microphone cannot be opened (Invalid device); try another --device-index or --rate" in err


def start(speech: str, repository: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "audio_lstm.cli", "listen", "--stdin", "--model", speech]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=repository, env={**os.environ})


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_what_was_heard(speech: str, pcm: bytes, repository: Path, sign: signal.Signals) -> None:
    process = start(speech, repository)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(pcm[: 2 * 7 * RATE])  # the second utterance has not ended
    process.stdin.flush()
    assert process.stdout.readline() == b"A\n"
    process.send_signal(sign)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out in (b"A\n", b"")  # as far as it had been read


def test_a_signal_that_comes_while_sound_is_heard_waits_until_it_has_been(
    run: Callable, speech: str, pcm: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []

    class Interrupted(StreamingTranscriber):
        def feed(self, samples: NDArray[np.floating] | NDArray[np.int16]) -> Partial:
            if len(heard) == 60:
                signal.raise_signal(signal.SIGTERM)
            heard.append(len(samples))
            return super().feed(samples)

    monkeypatch.setattr("audio_lstm.speech.hearing.stream.StreamingTranscriber", Interrupted)
    monkeypatch.setattr(sys, "stdin", Pipe(pcm))
    before = signal.getsignal(signal.SIGTERM)
    assert run("listen", "--stdin", "--model", speech) == (0, "A\nA\n", "")
    assert (len(heard), sum(heard)) == (61, 61 * RATE // 10)  # the block of the signal was heard, and none after it
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_goes_away_ends_it(speech: str, pcm: bytes, repository: Path) -> None:
    process = start(speech, repository)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    try:
        process.stdin.write(pcm)
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""
