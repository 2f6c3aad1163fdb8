"""What the demo takes on: where it listens, who may come in, and how much one visitor may ask for."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

from audio_lstm.errors import ConfigError

__all__ = ["DemoConfig"]

_MOST_WORKERS = 2  # by default: each keeps a core busy


def _default_workers() -> int:
    return min(_MOST_WORKERS, os.cpu_count() or 1)


@dataclass(frozen=True)
class DemoConfig:
    """The limits of the demo."""

    host: str = "127.0.0.1"
    port: int = 7860  # 0 takes a free one
    auth: str = ""  # "name:password" that every visitor must give; "": nobody is asked
    max_minutes: float = 10.0  # of a recording, a live session, or a piece to be read
    max_upload_mb: float = 50.0  # of a file
    max_bars: int = 64  # of a composition
    queue: int = 32  # visitors' wishes that may wait; more are refused with a sentence
    workers: int = field(default_factory=_default_workers)  # wishes that are met at once, a core each
    sessions: int = 8  # live captions at once
    keep_minutes: float = 60.0  # what was made for a visitor is kept for so long, or until the page is left

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must lie in 0..65535, got {self.port}")
        if self.auth and (":" not in self.auth or self.auth.startswith(":") or self.auth.endswith(":")):
            raise ConfigError("auth must be NAME:PASSWORD, got something else")  # a password is not repeated
        for name in ("max_minutes", "max_upload_mb", "keep_minutes"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be a number above 0, got {getattr(self, name)}")
        if self.max_minutes > 24 * 60:
            raise ConfigError(f"max_minutes may be a day (1440) at most, got {self.max_minutes:g}")
        for name in ("workers", "sessions", "max_bars", "queue"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def max_seconds(self) -> float:
        """Of a recording."""
        return 60.0 * self.max_minutes
