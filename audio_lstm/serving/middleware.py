"""What every request passes on its way in and out: an id, one line in the log, an orderly end of a refused upload."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["LOGGER", "App", "RequestMiddleware"]

LOGGER = logging.getLogger("audio_lstm.serving")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ID = re.compile(rb"[\w.-]{1,64}")
_MOST_PATH_CHARACTERS = 100
_LINGER_S = 1.0  # a client that is still sending gets so long to read that it was refused …
_LINGER_BYTES = 4_000_000  # … while so much of what it sends is thrown away
_GONE = 499  # nginx's: the client closed the connection


class RequestMiddleware:
    """Middleware around the whole application.

    Every answer has a header x-request-id: the client's own, or a new one. Routes add to the log line through
    `scope["facts"]`; what was said is never among them.
    """

    def __init__(self, app: App) -> None:
        """Wrap an application.

        Args:
            app: Of ASGI.
        """
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI calls it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            exchange.log()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        self._id = given if _ID.fullmatch(given) else uuid.uuid4().hex[:16].encode()
        has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        self._body_is_here = scope["type"] == "websocket" or not has_body
        self._lingers = False
        self._start = time.monotonic()
        self._status = _GONE
        self._n_bytes = 0
        scope["facts"] = {}

    async def receive(self) -> Message:
        message = await self._receive()
        self._n_bytes += len(message.get("body", b"")) + len(message.get("bytes") or b"")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._body_is_here = True
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
            self._status = message.get("status", 101)
            message = {**message, "headers": [*message.get("headers", []), (b"x-request-id", self._id)]}
            if not self._body_is_here:  # a refused upload: without this the server would read it to its end
                self._lingers = kind == "http.response.start"
                message["headers"].append((b"connection", b"close"))
        if self._lingers and kind == "http.response.body" and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": kind, "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        """Let the client read its answer: closing at once would reset the connection, and the answer may be lost."""
        n_before = self._n_bytes
        try:
            async with asyncio.timeout(_LINGER_S):
                while not self._body_is_here:
                    if self._n_bytes - n_before < _LINGER_BYTES:
                        await self.receive()
                    else:  # no more is read: its sending stalls, and it looks
                        await asyncio.sleep(_LINGER_S)
        except TimeoutError:
            return

    def log(self) -> None:
        """Write the line."""
        scope = self._scope
        path = "".join(c if c.isprintable() and c != " " else "?" for c in scope["path"])[:_MOST_PATH_CHARACTERS]
        facts = {"in": self._n_bytes, **scope["facts"], "id": self._id.decode()}
        LOGGER.info(
            "%s %s %d %.3fs %s",
            scope.get("method", "WEBSOCKET"),
            path,
            self._status,
            time.monotonic() - self._start,
            " ".join(f"{name}={value}" for name, value in facts.items()),
        )
