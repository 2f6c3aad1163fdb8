"""Run the demo: the page, its files and the captions' WebSocket in one application, until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audio_lstm.demo.config import DemoConfig
from audio_lstm.errors import AudioLSTMError, MissingDependencyError

__all__ = ["Demo", "bind_demo", "prepared", "run_demo"]

LOGGER = logging.getLogger("audio_lstm.demo")
_POLL_S = 0.02
_LONGEST_STEP_S = 30.0  # of warming up
_UVICORN: dict[str, Any] = {
    "loop": "asyncio",
    "http": "h11",
    "ws": "auto",
    "ws_max_size": 1_000_000,
    "limit_concurrency": 1000,
    "timeout_graceful_shutdown": 3,
    "lifespan": "on",
    "log_config": None,
    "access_log": False,
    "server_header": False,
}
# What Gradio and the hub's client would otherwise tell or ask the network. Set before they are imported.
_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "GRADIO_SSR_MODE": "False"}


class Demo:
    """The application and what lies behind it."""

    def __init__(self, config: DemoConfig, folder: Path) -> None:
        """Build the page; models are loaded later, by `warm_up` or by the first who needs them.

        Args:
            config: The limits.
            folder: For visitors' files; thrown away at the end by whoever made it.
        """
        import gradio as gr

        from audio_lstm.demo.authentication import BasicAuthentication
        from audio_lstm.demo.captions import caption_service
        from audio_lstm.demo.page import HEAD, build_page, looks
        from audio_lstm.demo.resources import Resources
        from audio_lstm.demo.routes import create_routes
        from audio_lstm.demo.visitor_files import VisitorFiles

        self._ends = threading.Event()
        self.resources = Resources(config)
        self.visitor_files = VisitorFiles(folder / "files", keep_s=60 * config.keep_minutes)
        self.captions = caption_service(config)
        page = build_page(config, self.resources, self.visitor_files)
        page_app = gr.mount_gradio_app(
            create_routes(self.visitor_files, self.captions),
            page,
            path="/",
            footer_links=["api"],
            run_history=False,
            show_error=False,
            max_file_size=f"{max(1, round(1000 * config.max_upload_mb))}kb",
            ssr_mode=False,
            enable_monitoring=False,
            theme=looks(),
            head=HEAD,
        )
        self.app = BasicAuthentication(page_app, config.auth)

    def warm_up(self) -> None:
        """Load the models that the page begins with; a thread does this while the page is already there."""
        import audio_lstm

        try:
            for _ in self.resources.warm_up():
                if self._ends.is_set():
                    return
            self.captions.open(self.resources.recogniser("english-small"), audio_lstm.Decoding())
        except AudioLSTMError as error:
            LOGGER.error("the models are not ready: %s", error)

    def stop_warming_up(self) -> None:
        """Let `warm_up` end after the step that it is at."""
        self._ends.set()

    def close(self) -> None:
        """End threads and processes; `warm_up` has ended."""
        self.captions.stopping = True
        self.captions.close()
        self.resources.close()


def bind_demo(config: DemoConfig) -> socket.socket:
    """Take the address before anything is loaded.

    Args:
        config: With the address.

    Returns:
        A socket; an address that cannot be had is a ConfigError.

    Raises:
        MissingDependencyError: If the extra `demo` is not installed.
    """
    try:
        import fastapi  # noqa: F401 - comes with Gradio
        import gradio  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"the demo needs {error.name or 'more packages'}: pip install 'audio-lstm[demo]'"
        ) from error
    from audio_lstm.serving.server import bind

    return bind(config.host, config.port)


@contextmanager
def prepared() -> Iterator[Path]:
    """A folder for visitors' files, and an environment in which Gradio keeps its own there and asks no network.

    Gradio reads the environment when it is imported: enter this before.

    Yields:
        The folder, gone at the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="audio-lstm-demo-"))
    os.environ.update(_QUIET, GRADIO_TEMP_DIR=str(folder / "gradio"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_demo(config: DemoConfig, *, ready: Callable[[str], None]) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        config: Address and limits.
        ready: Told the address once the page can be opened.
    """
    with prepared() as folder, contextlib.closing(bind_demo(config)) as listener:
        import uvicorn

        demo = Demo(config, folder)
        server = uvicorn.Server(uvicorn.Config(demo.app, **_UVICORN))

        def begin() -> None:
            while not server.started:
                if server.should_exit:
                    return
                time.sleep(_POLL_S)
            ready(_address(listener))
            demo.warm_up()

        beginning = threading.Thread(target=begin, name="begin", daemon=True)
        beginning.start()
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended what ran, and raises the signal once more
            server.run([listener])
        demo.stop_warming_up()
        beginning.join(_LONGEST_STEP_S)
        demo.close()


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
