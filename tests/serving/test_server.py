"""The whole program in its own process: it takes an address, says when it is ready, and leaves when it is told to."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from audio_lstm.errors import AudioLSTMError, ConfigError, MissingDependencyError
from audio_lstm.serving.config import ServeConfig
from audio_lstm.serving.server import bind, serve
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from tests.serving.conftest import speech, wav

TRANSCRIPTIONS = "/v1/audio/transcriptions"


@contextmanager
def program(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and its address once it is ready."""
    command = [sys.executable, "-m", "audio_lstm.cli", "serve", "--model", str(folder), "--port", "0", "--workers", "1"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = re.search(r"listens on (http://\S+)$", line)
            assert found, line + process.stderr.read()
            yield process, found[1]
        finally:
            process.kill()


def children(process: subprocess.Popen[str]) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in done.stdout.split()]


def begun(url: str, data: bytes) -> tuple[socket.socket, bytes]:
    """An upload that has been admitted and of which half has been sent, and the other half."""
    request = httpx.Request("POST", url + TRANSCRIPTIONS, files={"file": ("a.wav", data)})
    request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=20)
    connection.sendall(f"POST {TRANSCRIPTIONS} HTTP/1.1\r\n{head}Expect: 100-continue\r\n\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
    half = len(request.content) // 2
    connection.sendall(request.content[:half])
    return connection, request.content[half:]


def until_draining(url: str) -> None:
    deadline = time.monotonic() + 10
    while httpx.get(f"{url}/readyz").status_code != 503:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_finishes_what_runs_refuses_the_rest_and_exits_with_0(folder: Path) -> None:
    with program(folder) as (process, url):
        connection, rest = begun(url, wav(speech()))
        assert httpx.get(f"{url}/readyz").json() == {"status": "ready"}
        workers = children(process)
        assert len(workers) == 1
        process.terminate()
        until_draining(url)
        refused = httpx.post(url + TRANSCRIPTIONS, files={"file": b"x"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
        connection.sendall(rest)
        answer = connection.recv(65_536)
        connection.close()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert process.wait(20) == 0
        assert process.stderr is not None
        log = process.stderr.read().splitlines()
    assert any("stopping: 1 requests and live sessions to finish" in line for line in log)
    (line,) = [line for line in log if f"POST {TRANSCRIPTIONS} 200" in line]
    assert re.fullmatch(rf"\S+Z POST {TRANSCRIPTIONS} 200 \d+\.\d+s in=\d+ audio=2\.2\ds id=\w{{16}}", line)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_what_takes_longer_than_the_drain_is_given_up(folder: Path) -> None:
    with program(folder, "--drain", "0.2") as (process, url):
        connection, _ = begun(url, wav(speech()))
        with connect(url.replace("http", "ws") + "/v1/audio/stream", proxy=None) as live:
            live.send(speech().tobytes())
            assert httpx.get(f"{url}/healthz").status_code == 200
            process.terminate()
            kinds = [json.loads(message)["type"] for message in live]
        assert kinds[-1] == "transcript"
        assert process.wait(30) == 0
        connection.close()


def test_ctrl_c_twice_leaves_at_once(folder: Path) -> None:
    with program(folder, "--drain", "600") as (process, url):
        connection, _ = begun(url, wav(speech()))
        process.send_signal(signal.SIGINT)
        until_draining(url)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        connection.close()


def test_decoding_processes_end_with_a_server_that_was_killed(folder: Path) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc")
    with program(folder) as (process, _):
        (worker,) = children(process)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{worker}/cmdline").exists() and Path(f"/proc/{worker}/cmdline").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_port_that_is_taken_is_one_clear_error() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"cannot listen on 127.0.0.1:{port} \(.*\); pass another --port"):
            bind("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("127.0.0.1", 70_000, r"port must lie in 0\.\.65535, got 70000"),
        ("127.0.0.1", -1, r"port must lie in 0\.\.65535, got -1"),
        ("no.such.host.invalid", 0, r"cannot listen on no\.such\.host\.invalid:0 \("),
        ("x" * 100, 0, r"cannot listen on x+:0 \("),
    ],
)
def test_an_address_that_is_none_is_one_clear_error(host: str, port: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bind(host, port)


def test_where_files_cannot_be_passed_on_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "send_fds")
    with pytest.raises(ConfigError, match="serve runs on Linux and macOS; on Windows use WSL or a container"):
        bind("127.0.0.1", 0)


def run(load: object) -> None:
    config = ServeConfig(workers=1, drain_s=0)
    serve(bind("127.0.0.1", 0), load, config=config, decoding=Decoding(), ready=lambda address: None)  # type: ignore[arg-type]


def test_a_model_that_cannot_be_loaded_ends_it() -> None:
    def load() -> SpeechRecogniser:
        raise AudioLSTMError("no such model")

    with pytest.raises(AudioLSTMError, match=r"^no such model$"):
        run(load)


def test_without_the_extra_the_pip_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingDependencyError, match=r"serving needs uvicorn: pip install 'audio-lstm\[serve\]'"):
        run(lambda: None)


def test_a_server_that_ends_by_itself_is_an_error(
    recogniser: SpeechRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    import uvicorn

    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    with pytest.raises(AudioLSTMError, match="the server has ended by itself; its log says why"):
        run(lambda: recogniser)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_message_of_any_length_is_heard_up_to_the_limit_of_uploads(streaming_folder: Path) -> None:
    data = bytes(20_000_000)  # more than WebSocket servers take by default
    with program(streaming_folder, "--max-upload-mb", "25", "--max-seconds", "3600") as (_, url):
        stream = url.replace("http", "ws") + "/v1/audio/stream"
        with connect(stream, open_timeout=20, proxy=None, max_size=None) as live:
            live.send(json.dumps({"sample_rate": 192_000}))
            live.send(data)
            live.send(json.dumps({"type": "finish"}))
            last = {}
            while last.get("type") != "transcript":
                last = json.loads(live.recv(timeout=60))
        assert last["duration"] == pytest.approx(len(data) / 2 / 192_000, abs=0.01)
        with connect(stream, open_timeout=20, proxy=None) as live:
            with contextlib.suppress(ConnectionClosed):
                live.send(bytes(26_000_000))
            with pytest.raises(ConnectionClosed) as closed:
                live.recv(timeout=20)
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
