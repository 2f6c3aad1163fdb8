"""The demo's limits: the defaults hold, and what makes no sense is refused."""

from __future__ import annotations

import pytest

from audio_lstm.demo.config import DemoConfig
from audio_lstm.errors import ConfigError


def test_the_defaults_stay_on_this_machine_and_within_bounds() -> None:
    config = DemoConfig()
    assert config.host == "127.0.0.1"
    assert config.max_seconds == 600
    assert 1 <= config.workers <= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70000}, r"port must lie in 0\.\.65535, got 70000"),
        ({"max_minutes": 0}, "max_minutes must be a number above 0, got 0"),
        ({"max_minutes": 1441}, r"max_minutes may be a day \(1440\) at most, got 1441"),
        ({"max_upload_mb": float("inf")}, "max_upload_mb must be a number above 0, got inf"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"max_bars": 0}, "max_bars must be at least 1, got 0"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DemoConfig(**options)


@pytest.mark.parametrize("auth", ["secret", ":secret", "ada:"])
def test_half_a_login_is_refused_without_repeating_it(auth: str) -> None:
    with pytest.raises(ConfigError, match="auth must be NAME:PASSWORD") as refusal:
        DemoConfig(auth=auth)
    assert "secret" not in str(refusal.value)
