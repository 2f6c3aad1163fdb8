"""Wait for a client's next message, and look now and then whether there is still a reason to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

__all__ = ["Receive", "next_message"]

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

_POLL_S = 0.25


async def next_message(receive: Receive, *, seconds: float, check: Callable[[], None]) -> Mapping[str, Any]:
    """The client's next message.

    Args:
        receive: Of ASGI.
        seconds: How long to wait.
        check: Called a few times a second; raises if there is no reason to wait any longer.

    Returns:
        The message.

    Raises:
        TimeoutError: If none came in time.
    """
    waits = asyncio.ensure_future(receive())
    deadline = time.monotonic() + seconds
    try:
        while not waits.done():
            check()
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            await asyncio.wait([waits], timeout=min(_POLL_S, left_s))
        return waits.result()
    finally:
        waits.cancel()
