"""Run the service until it is told to stop: bind, load, serve, drain, leave."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from audio_lstm.errors import AudioLSTMError, ConfigError, MissingDependencyError
from audio_lstm.serving.config import ServeConfig
from audio_lstm.serving.middleware import LOGGER
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser

if TYPE_CHECKING:
    from audio_lstm.serving.service import Service

__all__ = ["bind", "serve"]

_BACKLOG = 128  # connections that the system holds until they are accepted
_POLL_S = 0.1
_LEAVE_S = 5  # for answers that are being written
_UVICORN: dict[str, Any] = {
    "loop": "asyncio",
    "http": "h11",
    "ws": "auto",
    "ws_max_queue": 4,  # messages that wait in memory; more stay in the network's
    "ws_ping_timeout": None,  # a session that says nothing ends by its own limit; one that says much is not cut off
    "limit_concurrency": 1000,  # connections; more get 503
    "timeout_graceful_shutdown": _LEAVE_S,
    "lifespan": "off",
    "log_config": None,
    "access_log": False,
    "server_header": False,
}


def serve(
    listener: socket.socket,
    load: Callable[[], SpeechRecogniser],
    *,
    config: ServeConfig,
    decoding: Decoding,
    ready: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; then what runs is finished, for at most `config.drain_s`.

    A second signal ends it at once. A model that cannot be loaded is an AudioLSTMError.

    Args:
        listener: From `bind`; closed at the end.
        load: Loads the model, while /healthz answers already and /readyz says no.
        config: The limits.
        decoding: With which the model is loaded.
        ready: Told the address once requests are taken.

    Raises:
        MissingDependencyError: If the extra `serve` is not installed.
        AudioLSTMError: If the server ends by itself.
    """
    try:
        import uvicorn

        from audio_lstm.serving.app import create_app
        from audio_lstm.serving.service import Service
    except ImportError as error:
        raise MissingDependencyError(
            f"serving needs {error.name or 'more packages'}: pip install 'audio-lstm[serve]'"
        ) from error
    service = Service(config)
    server = uvicorn.Server(uvicorn.Config(create_app(service), ws_max_size=config.max_upload_bytes, **_UVICORN))
    # In a thread, since uvicorn in the main thread would take the signals and leave at once.
    thread = threading.Thread(target=server.run, args=([listener],), name="server", daemon=True)
    thread.start()
    try:
        service.open(load(), decoding)
        with _signals() as stops:
            ready(_address(listener))
            while not stops:
                if not thread.is_alive():
                    raise AudioLSTMError("the server has ended by itself; its log says why")
                time.sleep(_POLL_S)
            _drain(service, stops)
    finally:
        server.should_exit = True
        thread.join(2 * _LEAVE_S)
        service.cancel_jobs()
        service.close()
        listener.close()


def _drain(service: Service, stops: list[int]) -> None:
    """Let what runs finish; what takes too long, or a second signal, is given up."""
    service.draining = True
    LOGGER.info("stopping: %d requests and live sessions to finish", service.n_running)
    _wait(lambda: not service.n_running or len(stops) > 1, service.config.drain_s)
    service.stopping = True
    if n_cancelled := service.cancel_jobs():
        LOGGER.info("stopping: %d requests given up", n_cancelled)
    _wait(lambda: not service.n_running or len(stops) > 1, _LEAVE_S)


def bind(host: str, port: int) -> socket.socket:
    """Take an address before the model is loaded.

    Args:
        host: A name or address; "0.0.0.0" is every interface.
        port: 0 takes a free one.

    Returns:
        A socket.

    Raises:
        ConfigError: If the address is not one of this machine, or taken.
    """
    if not hasattr(socket, "send_fds"):
        raise ConfigError("serve runs on Linux and macOS; on Windows use WSL or a container")
    if not 0 <= port <= 65535:
        raise ConfigError(f"port must lie in 0..65535, got {port}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot listen on {host}:{port} ({reason}); pass another --port or --host") from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals to stop that have come; only the main thread is told of them."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    with contextlib.ExitStack() as stack:
        for number in (signal.SIGTERM, signal.SIGINT):
            stack.callback(signal.signal, number, signal.signal(number, note))
        yield came


def _wait(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
