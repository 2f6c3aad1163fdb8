"""The door: nobody passes without the name and the password, over HTTP or a WebSocket."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from audio_lstm.demo.authentication import BasicAuthentication


def knock(auth: str, header: str | None, kind: str = "http") -> tuple[bool, list[dict[str, Any]]]:
    """Whether the application was reached, and what was sent."""
    reached: list[bool] = []
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(True)

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    headers = [] if header is None else [(b"authorization", header.encode())]
    asyncio.run(BasicAuthentication(app, auth)({"type": kind, "headers": headers}, receive, send))
    return bool(reached), sent


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header", [None, basic("ada:wrong"), basic("ada"), "Bearer abc", "Basic ***", basic("ada:lovelace!")]
)
def test_a_stranger_is_asked_for_name_and_password(header: str | None) -> None:
    reached, sent = knock("ada:lovelace", header)
    assert not reached
    assert sent[0]["status"] == 401
    assert dict(sent[0]["headers"])[b"www-authenticate"].startswith(b"Basic")


def test_who_knows_both_comes_in() -> None:
    assert knock("ada:lovelace", basic("ada:lovelace")) == (True, [])
    assert knock("ada:lovelace", basic("ada:lovelace"), "websocket") == (True, [])


def test_a_websocket_of_a_stranger_is_closed() -> None:
    reached, sent = knock("ada:lovelace", None, "websocket")
    assert not reached
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_without_a_login_everybody_comes_in_and_the_servers_own_messages_always_do() -> None:
    assert knock("", None)[0]
    assert knock("ada:lovelace", None, "lifespan")[0]
