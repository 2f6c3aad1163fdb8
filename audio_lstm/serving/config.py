"""The limits of the service: what one client may ask for, and how much is done at once."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field

from audio_lstm.errors import ConfigError

__all__ = ["ServeConfig"]

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+", re.IGNORECASE)
_MOST_WORKERS = 4  # by default: one thread a recording, and some cores are left for decoding


def _default_workers() -> int:
    return min(_MOST_WORKERS, os.cpu_count() or 1)


@dataclass(frozen=True)
class ServeConfig:
    """How much the service takes on."""

    workers: int = field(default_factory=_default_workers)  # recordings transcribed at once, each on one thread
    queue: int = 32  # uploads beyond those that may wait; more are answered with 429
    max_upload_bytes: int = 100_000_000  # of a request's body
    max_seconds: float = 3600.0  # of audio, decoded, in an upload or a live session
    timeout_s: float = 300.0  # of a request, from its first byte to its answer
    idle_s: float = 30.0  # a client that sends nothing for so long in an upload or a live session is let go
    sessions: int = 8  # live sessions at once
    drain_s: float = 30.0  # what runs at SIGTERM may go on for so long
    allow_origins: tuple[str, ...] = ()  # of web pages whose scripts may read the answers; ("*",): all
    max_memory_bytes: int = 2_000_000_000  # address space of a process that decodes uploads

    def __post_init__(self) -> None:
        for name in ("workers", "sessions", "max_upload_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.queue < 0:
            raise ConfigError(f"queue must be 0 or more, got {self.queue}")
        for name in ("max_seconds", "timeout_s", "idle_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be a number of seconds above 0, got {getattr(self, name)}")
        if not 0 <= self.drain_s < math.inf:
            raise ConfigError(f"drain_s must be a number of seconds, 0 or more, got {self.drain_s}")
        for origin in self.allow_origins:
            if origin not in ("*", "null") and not _ORIGIN.fullmatch(origin):
                raise ConfigError(
                    f"an origin is *, null or scheme://host:port without a path (https://example.org), got {origin!r}"
                )
        if self.max_memory_bytes < 500_000_000:
            raise ConfigError(
                f"max_memory_bytes must be at least 500,000,000: decoders take that much; got {self.max_memory_bytes}"
            )
