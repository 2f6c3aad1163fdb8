"""`audio-lstm demo`: options become limits, and wrong ones are refused before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audio_lstm.demo.config import DemoConfig
from tests.conftest import CommandLine


def test_options_become_limits(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[DemoConfig] = []

    def pretend(config: DemoConfig, *, ready: Callable[[str], None]) -> None:
        asked.append(config)
        ready("http://localhost:1")

    monkeypatch.setattr("audio_lstm.demo.server.run_demo", pretend)
    status, out, err = run("demo", "--port", "0", "--auth", "ada:lovelace", "--max-minutes", "2", "--workers", "1")
    assert (status, out) == (0, "")
    assert "the demo is at http://localhost:1" in err
    assert asked == [DemoConfig(port=0, auth="ada:lovelace", max_minutes=2, workers=1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", "70000"), "port must lie in 0..65535"),
        (("--auth", "secret"), "auth must be NAME:PASSWORD"),
        (("--max-minutes", "-1"), "max-minutes"),
    ],
)
def test_wrong_options_are_refused(run: CommandLine, arguments: tuple[str, ...], message: str) -> None:
    assert message in run.refused(2, "demo", *arguments)
