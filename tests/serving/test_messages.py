"""A message comes, or does not, or nobody wants it any longer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from audio_lstm.serving.messages import next_message


def waited(after_s: float, *, seconds: float = 5, checks: int = 1000) -> Any:
    left = checks

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(after_s)
        return {"type": "x"}

    def check() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise InterruptedError

    return asyncio.run(next_message(receive, seconds=seconds, check=check))


def test_a_message_is_returned_when_it_comes() -> None:
    assert waited(0) == {"type": "x"}
    assert waited(0.3) == {"type": "x"}


def test_nothing_in_time_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        waited(60, seconds=0.05)


def test_a_reason_to_stop_ends_the_wait() -> None:
    with pytest.raises(InterruptedError):
        waited(60, checks=1)
