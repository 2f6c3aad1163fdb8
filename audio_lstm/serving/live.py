"""Live audio over a WebSocket: samples in, partial results out while they come, the whole transcript at the end.

The client may send a start message, `{"sample_rate": 16000, "format": "s16le"}`, then samples (mono, raw, in binary
messages of any length up to `--max-upload-mb`; a longer one closes the socket with 1009), then `{"type": "finish"}`.
What Vosk's clients send, `{"config": {"sample_rate": 16000}}` and `{"eof": 1}`, means the same. It gets, as JSON:

- `{"type": "partial", "stable": …, "tentative": …}` whenever the words of the open utterance change; stable ones stay;
- `{"type": "final", …}` for each utterance that has ended: OpenAI's segment, with its words;
- `{"type": "transcript", …}` at the end, as OpenAI's verbose_json, after which the server closes the socket;
- `{"type": "error", "error": {…}}`, in OpenAI's shape, if something is wrong. Where a limit is reached or the server
  stops, the transcript of what was heard follows.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

from fastapi import WebSocket
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect

from audio_lstm.errors import AudioLSTMError
from audio_lstm.serving.answers import ApiError
from audio_lstm.serving.live_session import LiveSession
from audio_lstm.serving.messages import next_message
from audio_lstm.serving.service import Service

__all__ = ["converse"]

_NORMAL, _GOING_AWAY, _POLICY, _INVALID = 1000, 1001, 1008, 1007  # RFC 6455, 7.4.1


async def converse(socket: WebSocket, service: Service) -> None:
    """Serve one live session, from the handshake to the end.

    Args:
        socket: Not yet accepted.
        service: Limits and threads.
    """
    try:
        with service.admitted_live():
            session = await service.live(
                partial(LiveSession, service.recogniser, max_seconds=service.config.max_seconds)
            )
            await socket.accept()
            conversation = _Conversation(socket, service, session)
            try:
                await conversation.run()
            except (WebSocketDisconnect, TimeoutError):  # it went away, or does not read: nothing is left of it
                pass
            finally:
                socket.scope["facts"]["audio"] = f"{session.heard_s:.2f}s"
    except ApiError as error:
        if error.code:
            socket.scope["facts"]["error"] = error.code
        await socket.send_denial_response(JSONResponse(error.to_dict(), error.status, error.headers))


class _Conversation:
    """What is said over an accepted socket."""

    def __init__(self, socket: WebSocket, service: Service, session: LiveSession) -> None:
        self._socket = socket
        self._service = service
        self._session = session

    async def run(self) -> None:
        """Until the client or the server ends it."""
        try:
            while (message := await self._next()) is not None:
                if message.get("text") is None:
                    await self._hear(message.get("bytes") or b"")
                elif await self._ends(message["text"]):
                    break
            await self._finish(_NORMAL)
        except AudioLSTMError as error:
            await self._complain(ApiError(400, str(error), code="invalid_audio"))
            await self._socket.close(_INVALID)
        except ApiError as error:
            await self._complain(error)
            if error.status == 400:  # what came makes no sense: there is nothing to finish
                await self._socket.close(_INVALID)
            else:
                await self._finish(_GOING_AWAY if error.status == 503 else _POLICY)

    async def _hear(self, data: bytes) -> None:
        for step in self._session.steps(data):
            self._refuse_if_stopping()
            await self._send(await self._service.live(partial(self._session.feed, step)))

    async def _next(self) -> dict[str, Any] | None:
        """The client's next message."""
        idle_s = self._service.config.idle_s
        try:
            message = await next_message(self._socket.receive, seconds=idle_s, check=self._refuse_if_stopping)
        except TimeoutError:
            why = f"nothing came for {idle_s:g} s: the session ends"
            raise ApiError(408, why, code="idle_timeout") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", _NORMAL))
        return dict(message)

    def _refuse_if_stopping(self) -> None:
        if self._service.stopping:
            raise ApiError(503, "the server is stopping: this is what was heard", code="stopping")

    async def _ends(self, text: str) -> bool:
        """Follow a text message; whether it asks to finish."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or message.get("type", "start") not in ("start", "finish"):
            raise ApiError(
                400,
                'expected {"sample_rate": …, "format": …}, {"type": "finish"} or binary samples, '
                f"got the text {text[:60]!r}",
                code="invalid_message",
            )
        if message.get("type") == "finish" or message == {"eof": 1}:
            return True
        await self._service.live(partial(self._session.start, message))
        return False

    async def _finish(self, code: int) -> None:
        await self._send(await self._service.live(self._session.finish))
        await self._socket.close(code)

    async def _complain(self, error: ApiError) -> None:
        self._socket.scope["facts"]["error"] = error.code
        await self._send([{"type": "error", **error.to_dict()}])

    async def _send(self, messages: list[dict[str, Any]]) -> None:
        """Send; a client that does not read is waited for, but not for ever."""
        for message in messages:
            async with asyncio.timeout(self._service.config.idle_s):
                await self._socket.send_text(json.dumps(message, ensure_ascii=False))
