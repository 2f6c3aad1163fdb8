"""The door: with `--auth`, every request needs a name and a password, the page's and the WebSocket's alike."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["BasicAuthentication"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ASK = [(b"www-authenticate", b'Basic realm="audio-lstm demo", charset="UTF-8"'), (b"content-type", b"text/plain")]


class BasicAuthentication:
    """Middleware around the whole application: HTTP Basic authentication (RFC 7617)."""

    def __init__(self, app: App, auth: str) -> None:
        """Guard an application.

        Args:
            app: Of ASGI.
            auth: "name:password"; "" lets everybody in.
        """
        self._app = app
        self._auth = auth.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI calls it."""
        if not self._auth or scope["type"] not in ("http", "websocket") or self._knows(dict(scope["headers"])):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 401, "headers": _ASK})
            await send({"type": "http.response.body", "body": b"Give the name and the password of this demo."})

    def _knows(self, headers: dict[bytes, bytes]) -> bool:
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        if kind.lower() != b"basic":
            return False
        try:
            return secrets.compare_digest(base64.b64decode(given, validate=True), self._auth)
        except binascii.Error:
            return False
