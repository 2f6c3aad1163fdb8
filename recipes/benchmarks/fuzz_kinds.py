"""What `fuzz.py` damages: good inputs of each kind, and how the product reads one."""

from __future__ import annotations

import http.client
import io
import json
import os
import tempfile
import threading
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from audio_lstm.errors import DataError

CLIP = Path(__file__).resolve().parents[2] / "demos" / "samples" / "control.wav"


class UnexpectedAnswerError(Exception):
    """The service answered in a way that it must not."""


@dataclass(frozen=True)
class Kind:
    """One kind of input: good ones to begin with, and how it is read (in the child)."""

    seeds: Callable[[Path], Iterator[tuple[str, bytes]]]  # folder to work in -> suffix, content
    read: Callable[[Path], object]
    suffixes: tuple[str, ...] = ()  # of the files below --seeds that are of this kind


_CONTAINERS = {".m4a": "mp4", ".aac": "adts", ".mkv": "matroska", ".wma": "asf", ".ts": "mpegts"}


def _audio_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    import av
    import soundfile

    from audio_lstm.audio.files import load_audio

    samples = load_audio(CLIP, sample_rate=16_000)[:24_000]
    for suffix, container, subtype in (
        *((".wav", "WAV", "PCM_16"), (".wav", "WAV", "FLOAT"), (".wav", "RF64", "PCM_16"), (".w64", "W64", "PCM_16")),
        *(
            (".flac", "FLAC", "PCM_16"),
            (".ogg", "OGG", "VORBIS"),
            (".opus", "OGG", "OPUS"),
            (".mp3", "MP3", "MPEG_LAYER_III"),
        ),
        *((".aiff", "AIFF", "PCM_16"), (".caf", "CAF", "PCM_16"), (".au", "AU", "PCM_16")),
    ):
        path = folder / f"seed{suffix}"
        soundfile.write(path, samples, 16_000, format=container, subtype=subtype)
        yield suffix, path.read_bytes()
    for suffix, codec in (
        *((".m4a", "aac"), (".aac", "aac"), (".mkv", "libopus"), (".webm", "libopus"), (".avi", "pcm_s16le")),
        *((".wma", "wmav2"), (".ts", "aac"), (".flv", "aac"), (".wv", "wavpack"), (".ac3", "ac3"), (".mov", "aac")),
    ):
        path = folder / f"seed{suffix}"
        form = {".m4a": "mp4", ".aac": "adts", ".mkv": "matroska", ".wma": "asf", ".ts": "mpegts"}.get(
            suffix, suffix[1:]
        )
        try:
            with av.open(str(path), "w", format=form) as out:
                stream: Any = out.add_stream(codec, rate=48_000)
                stream.layout = "mono"
                frame = av.AudioFrame.from_ndarray(samples.repeat(3)[None], format="flt", layout="mono")
                frame.sample_rate = 48_000
                resampler = av.AudioResampler(stream.format, "mono", 48_000, frame_size=stream.frame_size or 1024)
                for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                    out.mux(stream.encode(piece))
                out.mux(stream.encode(None))
        except (av.FFmpegError, ValueError):  # this build cannot write the format
            continue
        yield suffix, path.read_bytes()


def _read_audio(path: Path) -> None:
    from audio_lstm.audio.files import load_audio

    load_audio(path, sample_rate=16_000, allow_truncated=path.stat().st_size % 2 == 0)


@cache
def _piece() -> Any:
    from audio_lstm.music.compose import compose

    return compose(seed=1, bars=4).score


def _score_seeds(*suffixes: str) -> Callable[[Path], Iterator[tuple[str, bytes]]]:
    def made(folder: Path) -> Iterator[tuple[str, bytes]]:
        from audio_lstm.music.save import save_score

        for suffix in suffixes:
            path = folder / f"seed{suffix}"
            save_score(_piece(), path)
            yield suffix, path.read_bytes()

    return made


_TUNE = b"""X:1
T:Fuzz
M:3/4
L:1/8
Q:1/4=100
K:Dm
V:1
|:"Dm"A,2 D>E (3FGA | [DFA]2 ~_B{cd}c z2 |1 A4-A2 :|2 d6 |]
V:2 bass octave=-1
D6 | F,6 | A,6 |D,6|]
w: la la _ * la
P:B
[M:6/8][K:G^f] GAB c'2d' & z6 | !trill!e6 Z2 |
"""


def _abc_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    del folder
    yield ".abc", _TUNE
    yield ".abc", _TUNE + b"\n" + _TUNE.replace(b"X:1", b"X:2")


def _read_score(path: Path) -> None:
    from audio_lstm.music.files.files import ScoreReader

    global _reader  # one worker for all of the child's files, as batches have
    if _reader is None:
        _reader = ScoreReader()
    _reader.read(path)


_reader: Any = None


def _read_json_score(path: Path) -> None:
    from audio_lstm.music.files.score_json import read_score_json

    read_score_json(path)


def _lm_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    from audio_lstm.speech.words.lm_file import write_language_model
    from audio_lstm.speech.words.ngram import train_ngram

    model = train_ngram(["THE CAT SAT", "THE DOG SAT ON THE MAT", "A CAT AND A DOG"] * 3, order=3)
    for suffix in (".arpa", ".lm"):
        write_language_model(model, folder / f"seed{suffix}")
        yield suffix, (folder / f"seed{suffix}").read_bytes()


def _read_lm(path: Path) -> None:
    from audio_lstm.speech.words.lm_file import read_language_model

    read_language_model(path)


_JSGF = b"""#JSGF V1.0;
grammar light;
public <command> = /1/ [please] (turn | switch) <what> (on | off) | /2/ stop {now} | /1/ dim to <number> [percent]*;
<what> = the (light | lamp)+ ; // a comment
<number> = one | two | twenty [ (one | two) ];
"""


def _jsgf_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    del folder
    yield ".jsgf", _JSGF


def _read_grammar(path: Path) -> None:
    from audio_lstm.speech.words.grammar import read_grammar

    read_grammar(path)


def _manifest_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    del folder
    rows = [
        {"id": str(n), "audio": f"a/{n}.wav", "text": "IT'S ÉLAN\u2028", "duration_s": 1.5, "speaker": "x"}
        for n in range(4)
    ]
    yield ".jsonl", "".join(json.dumps(row, ensure_ascii=bool(n % 2)) + "\n" for n, row in enumerate(rows)).encode()


def _read_manifest(path: Path) -> None:
    from audio_lstm.speech.batch.inputs import read_list
    from audio_lstm.speech.text.data import read_manifest

    read_list(path)
    read_manifest(path)


_PARTS = ("config.json", "decoding.json", "model.safetensors", "model.onnx")


def _model_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    del folder
    from audio_lstm.checkpoint import shipped_models

    for name in ("an4", "chorale"):
        for part in _PARTS:
            file = shipped_models()[name] / part
            if file.is_file():
                yield f".{name}.{part}", file.read_bytes()


def _read_model(path: Path) -> None:
    """The shipped model with one file exchanged."""
    from audio_lstm.audio.files import load_audio
    from audio_lstm.checkpoint import shipped_models
    from audio_lstm.music.compose import compose
    from audio_lstm.speech.hearing.transcribe import transcribe

    _, name, part = path.name.split(".", 2)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / name
        folder.mkdir()
        for file in shipped_models()[name].iterdir():
            os.symlink(path if file.name == part else file, folder / file.name)
        if name == "chorale":
            compose(model=folder, bars=1, seed=0)
        else:
            transcribe((load_audio(CLIP, sample_rate=16_000)[:8_000], 16_000), model=folder)


@cache
def _port() -> int:
    """The port of a service that runs in a thread of this process."""
    import uvicorn

    from audio_lstm.serving.app import create_app
    from audio_lstm.serving.config import ServeConfig
    from audio_lstm.serving.server import bind
    from audio_lstm.serving.service import Service
    from audio_lstm.speech.decoding.decoding import Decoding
    from audio_lstm.speech.hearing.recogniser import load_speech

    listener = bind("127.0.0.1", 0)
    service = Service(ServeConfig(workers=1, queue=1, sessions=1, timeout_s=4, idle_s=1, drain_s=1))
    settings = uvicorn.Config(create_app(service), http="h11", log_config=None, access_log=False, lifespan="off")
    threading.Thread(target=uvicorn.Server(settings).run, args=([listener],), daemon=True).start()
    service.open(load_speech("an4"), Decoding())
    port: int = listener.getsockname()[1]
    return port


def _wav() -> bytes:
    with wave.open(str(CLIP)) as clip, io.BytesIO() as file:
        with wave.open(file, "wb") as out:
            out.setparams(clip.getparams())
            out.writeframes(clip.readframes(16_000))
        return file.getvalue()


_BOUNDARY = "e4b1c7"
_PART = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; "


def _http_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    del folder
    fields = {
        "model": "whisper-1",
        "language": "en",
        "response_format": "verbose_json",
        "prompt": "ENTER, SIX",
        "temperature": "0",
    }
    for n_fields in (1, len(fields)):
        parts = [f'{_PART}name="{name}"\r\n\r\n{value}\r\n' for name, value in list(fields.items())[:n_fields]]
        file = f'{_PART}name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        yield ".http", "".join(parts).encode() + file.encode() + _wav() + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _ask_http(path: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", _port(), timeout=20)
    try:
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        connection.request("POST", "/v1/audio/transcriptions", path.read_bytes(), headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status == 200:
        return
    if not 400 <= answer.status < 500 or "message" not in json.loads(body)["error"]:
        raise UnexpectedAnswerError(f"{answer.status}: {body[:200]!r}")
    raise DataError(json.loads(body)["error"]["message"])


def _stream_seeds(folder: Path) -> Iterator[tuple[str, bytes]]:
    del folder
    with wave.open(str(CLIP)) as clip:
        samples = clip.readframes(12_000)
    yield ".ws", b'{"sample_rate": 16000, "format": "s16le"}\n' + samples + b'\n{"type": "finish"}'
    yield (
        ".ws",
        b'{"type": "start", "sample_rate": 8000, "format": "f32le"}\n' + bytes(16_000) + b'\n{"type": "finish"}',
    )


def _ask_websocket(path: Path) -> None:
    """The first and the last line are sent as text, what lies between as samples."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    first, _, rest = path.read_bytes().partition(b"\n")
    samples, _, last = rest.rpartition(b"\n")
    messages: list[dict[str, Any]] = []
    with connect(f"ws://127.0.0.1:{_port()}/v1/audio/stream", open_timeout=20, proxy=None) as channel:
        try:
            channel.send(first.decode("utf-8", "replace"))
            for begin in range(0, len(samples), 3_201):
                channel.send(samples[begin : begin + 3_201])
            channel.send(last.decode("utf-8", "replace"))
        except ConnectionClosed:
            pass  # what it has said by then tells why
        try:
            while True:
                messages.append(json.loads(channel.recv(timeout=20)))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
    errors = [message["error"]["message"] for message in messages if message["type"] == "error"]
    if code not in (1000, 1001, 1007, 1008) or not messages:
        raise UnexpectedAnswerError(f"closed with {code} after {messages[-1:]}")
    if errors:
        raise DataError(errors[0])


KINDS: dict[str, Kind] = {
    "audio": Kind(_audio_seeds, _read_audio, (".wav", ".ogg", ".mkv", ".webm", ".mp3", ".m4a", ".caf")),
    "midi": Kind(_score_seeds(".mid"), _read_score, (".mid", ".rmi")),
    "musicxml": Kind(_score_seeds(".musicxml", ".mxl"), _read_score, (".musicxml", ".mxl", ".xml")),
    "abc": Kind(_abc_seeds, _read_score, (".abc",)),
    "json": Kind(_score_seeds(".json"), _read_json_score),
    "lm": Kind(_lm_seeds, _read_lm),
    "grammar": Kind(_jsgf_seeds, _read_grammar),
    "manifest": Kind(_manifest_seeds, _read_manifest),
    "model": Kind(_model_seeds, _read_model),
    "http": Kind(_http_seeds, _ask_http),
    "websocket": Kind(_stream_seeds, _ask_websocket),
}
