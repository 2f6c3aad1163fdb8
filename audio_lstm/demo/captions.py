"""Live captions: the WebSocket beside the page, with the protocol of `audio_lstm/serving/live.py`."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import WebSocket

from audio_lstm.demo.config import DemoConfig
from audio_lstm.serving.config import ServeConfig
from audio_lstm.serving.live import converse
from audio_lstm.serving.service import Service

__all__ = ["caption", "caption_service"]

_STRANGER = 1008  # RFC 6455, 7.4.1: a policy was violated


def caption_service(config: DemoConfig) -> Service:
    """What answers live sound; without a model until it is opened.

    Args:
        config: The demo's limits.

    Returns:
        A service that takes no uploads, only live sessions.
    """
    return Service(ServeConfig(workers=config.workers, sessions=config.sessions, max_seconds=config.max_seconds))


async def caption(socket: WebSocket, service: Service) -> None:
    """One visitor's microphone, until it stops.

    Args:
        socket: Not yet accepted. A page of another origin is turned away: it could use a visitor's browser.
        service: From `caption_service`.
    """
    origin = socket.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != socket.headers.get("host"):
        await socket.close(_STRANGER)
        return
    socket.scope["facts"] = {}
    await converse(socket, service)
