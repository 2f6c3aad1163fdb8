"""The log line, the request's id, and that a refused upload is not read to its end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from audio_lstm.serving import middleware
from audio_lstm.serving.middleware import RequestMiddleware


def exchange(
    app: Any, messages: list[dict[str, Any]], headers: list[tuple[bytes, bytes]] | None = None, **scope: Any
) -> tuple[list[dict[str, Any]], int]:
    """What is sent, and how many messages were not received."""
    sent: list[dict[str, Any]] = []
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(60)
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    values = {"type": "http", "method": "POST", "path": "/x", "headers": headers or [], **scope}
    asyncio.run(RequestMiddleware(app)(values, receive, send))
    return sent, len(waiting)


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 413, "headers": []})
    await send({"type": "http.response.body", "body": b"no"})


async def reading(scope: Any, receive: Any, send: Any) -> None:
    scope["facts"]["audio"] = "1.00s"
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"yes"})


def body(n_bytes: int, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * n_bytes, "more_body": more}


def test_a_request_is_one_line_with_an_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "audio_lstm.serving"):
        sent, _ = exchange(reading, [body(3, more=True), body(4, more=False)], [(b"content-length", b"7")])
    (line,) = caplog.messages
    (identity,) = [value.decode() for name, value in sent[0]["headers"] if name == b"x-request-id"]
    assert line.startswith("POST /x 200 0.0")
    assert line.endswith(f"s in=7 audio=1.00s id={identity}")
    assert (b"connection", b"close") not in sent[0]["headers"]
    assert sent[1:] == [{"type": "http.response.body", "body": b"yes"}]


@pytest.mark.parametrize(("given", "n_kept"), [(b"abc-1.2", 1), (b"a b\nc", 0), (b"x" * 65, 0)])
def test_the_clients_own_id_is_kept_if_it_is_one(given: bytes, n_kept: int) -> None:
    sent, _ = exchange(reading, [body(0, more=False)], [(b"x-request-id", given)])
    assert sent[0]["headers"].count((b"x-request-id", given)) == n_kept


def test_a_path_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "audio_lstm.serving"):
        exchange(refusing, [], path="/a\nb c" + "x" * 500)
    (line,) = caplog.messages
    assert line.startswith("POST /a?b?cxxx")
    assert len(line) < 200


def test_a_refused_upload_is_answered_before_it_is_read_and_then_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "_LINGER_S", 0.1)
    monkeypatch.setattr(middleware, "_LINGER_BYTES", 5)
    sent, n_left = exchange(refusing, [body(2, more=True)] * 10, [(b"content-length", b"20")])
    assert (b"connection", b"close") in sent[0]["headers"]
    assert sent[1:] == [
        {"type": "http.response.body", "body": b"no", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]
    assert n_left == 7


def test_a_refused_upload_that_is_soon_over_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "_LINGER_S", 30)
    sent, n_left = exchange(refusing, [body(2, more=True), body(0, more=False)], [(b"transfer-encoding", b"chunked")])
    assert (len(sent), n_left) == (3, 0)


def test_a_client_that_went_away_is_a_499(caplog: pytest.LogCaptureFixture) -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    with caplog.at_level(logging.INFO, "audio_lstm.serving"):
        exchange(silent, [{"type": "http.disconnect"}])
    assert caplog.messages[0].startswith("POST /x 499 ")


def test_what_fails_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.INFO, "audio_lstm.serving"), pytest.raises(ZeroDivisionError):
        exchange(failing, [])
    assert len(caplog.messages) == 1


def test_a_websocket_is_logged_with_its_bytes(caplog: pytest.LogCaptureFixture) -> None:
    async def accepting(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()

    with caplog.at_level(logging.INFO, "audio_lstm.serving"):
        sent, _ = exchange(accepting, [{"type": "websocket.receive", "bytes": b"1234"}], type="websocket", method="")
    assert " /x 101 " in caplog.messages[0]
    assert " in=4 " in caplog.messages[0]
    assert sent[0]["headers"][0][0] == b"x-request-id"


def test_other_scopes_pass_through() -> None:
    seen = []

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    exchange(lifespan, [], type="lifespan")
    assert seen == ["lifespan"]
