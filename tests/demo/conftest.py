"""One demo with the shipped models on a free port of this machine, for all tests of a process."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audio_lstm.demo.config import DemoConfig
from audio_lstm.demo.server import Demo, bind_demo, prepared

SAMPLES = Path(__file__).resolve().parents[2] / "demos" / "samples"
LIMITS = DemoConfig(port=0, max_minutes=0.2, max_upload_mb=2.0, max_bars=32, workers=2, sessions=2)


@dataclass(frozen=True)
class Running:
    """A demo that answers."""

    demo: Demo
    url: str


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """The demo, its models loaded."""
    import uvicorn

    kept = {name: os.environ.get(name) for name in ("GRADIO_TEMP_DIR", "HF_HUB_OFFLINE")}
    with prepared() as folder:
        listener = bind_demo(LIMITS)
        demo = Demo(LIMITS, folder)
        demo.warm_up()
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config = uvicorn.Config(demo.app, log_config=None, ws="auto", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield Running(demo, f"http://localhost:{listener.getsockname()[1]}")
        server.should_exit = True
        thread.join(10)
        demo.close()
        listener.close()
    for name, value in kept.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
