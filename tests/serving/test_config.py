"""The limits are checked where they are set."""

from __future__ import annotations

import math
from typing import Any

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.serving.config import ServeConfig


def test_the_defaults_are_within_their_own_limits() -> None:
    config = ServeConfig(allow_origins=("*", "null", "https://a.org:8443", "http://[::1]:3000", "app://x"))
    assert 1 <= config.workers <= 4
    assert config.max_upload_bytes == 100_000_000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"sessions": 0}, "sessions must be at least 1, got 0"),
        ({"max_upload_bytes": 0}, "max_upload_bytes must be at least 1, got 0"),
        ({"queue": -1}, "queue must be 0 or more, got -1"),
        ({"timeout_s": 0}, "timeout_s must be a number of seconds above 0, got 0"),
        ({"max_seconds": math.inf}, "max_seconds must be a number of seconds above 0, got inf"),
        ({"idle_s": math.nan}, "idle_s must be a number of seconds above 0, got nan"),
        ({"drain_s": -1}, "drain_s must be a number of seconds, 0 or more, got -1"),
        ({"allow_origins": ("example.org",)}, "an origin is .*, got 'example.org'"),
        ({"allow_origins": ("https://a.org", "https://a.org/")}, "an origin is .*, got 'https://a.org/'"),
        ({"allow_origins": ("https://*.a.org",)}, "an origin is .*, got 'https://\\*.a.org'"),
        (
            {"max_memory_bytes": 1000},
            "max_memory_bytes must be at least 500,000,000: decoders take that much; got 1000",
        ),
    ],
)
def test_a_limit_out_of_range_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ServeConfig(**values)
