"""The command's options and its one line for each mistake; the service itself is tested in tests/serving."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import CommandLine


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the service is started with, in place of the service."""
    given: dict[str, Any] = {}

    def serve(listener: Any, load: Any, **options: Any) -> None:
        listener.close()
        given.update(options, model=load())
        options["ready"]("http://127.0.0.1:1")

    monkeypatch.setattr("audio_lstm.serving.server.serve", serve)
    return given


@pytest.fixture(autouse=True)
def quiet_logs() -> Any:
    """Loggers as they were."""
    loggers = [logging.getLogger(name) for name in ("audio_lstm.serving", "uvicorn", "uvicorn.error")]
    before = [(logger.handlers[:], logger.level, logger.propagate, logger.filters[:]) for logger in loggers]
    yield
    for logger, (handlers, level, propagate, filters) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.level, logger.propagate, logger.filters[:] = handlers, level, propagate, filters
        logger.setLevel(level)


def test_it_says_where_it_listens(run: CommandLine, served: dict[str, Any], speech: str) -> None:
    status, out, err = run("serve", "--port", "0", "--model", speech)
    assert (status, out) == (0, "")
    assert err == f"audio-lstm: {speech} listens on http://127.0.0.1:1\n"
    assert served["model"].name == "hears-a"
    assert served["config"].max_upload_bytes == 100_000_000


def test_every_limit_can_be_set(run: CommandLine, served: dict[str, Any], speech: str) -> None:
    limits = "--workers 3 --queue 0 --max-upload-mb 0.5 --max-seconds 7 --timeout 8 --idle 9 --sessions 2 --drain 0"
    limits += " --allow-origin https://a.org --allow-origin null"
    assert run("serve", "--port", "0", "--model", speech, *limits.split(), "--hotword", "B")[0] == 0
    config = served["config"]
    assert (config.workers, config.queue, config.max_upload_bytes, config.max_seconds) == (3, 0, 500_000, 7)
    assert (config.timeout_s, config.idle_s, config.sessions, config.drain_s) == (8, 9, 2, 0)
    assert config.allow_origins == ("https://a.org", "null")
    assert served["decoding"].hotwords == ("B",)
    assert "1 hot word" in served["model"].decoder.describe()


@pytest.mark.parametrize(
    ("status", "options", "message"),
    [
        (2, ["--workers", "0"], "workers must be at least 1, got 0"),
        (2, ["--queue", "-1"], "queue must be 0 or more, got -1"),
        (2, ["--drain", "nan"], "drain_s must be a number of seconds, 0 or more, got nan"),
        (2, ["--max-upload-mb", "0"], "argument --max-upload-mb: expected a number above 0, got '0'"),
        (2, ["--port", "70000"], "port must lie in 0..65535, got 70000"),
        (2, ["--hotword-boost", "3"], "--hotword-boost needs words to boost"),
        (1, ["--port", "0", "--model", "nothing"], "model 'nothing' not found"),
    ],
)
def test_a_mistake_is_one_line(run: CommandLine, status: int, options: list[str], message: str) -> None:
    assert message in run.refused(status, "serve", *options)


def test_log_lines_carry_the_time_in_utc(run: CommandLine, served: dict[str, Any], speech: str) -> None:
    run("serve", "--port", "0", "--model", speech)
    (handler,) = logging.getLogger("audio_lstm.serving").handlers
    record = logging.LogRecord("x", logging.INFO, "", 0, "GET %s", ("/",), None)
    record.created = 0.0
    assert handler.format(record) == "1970-01-01T00:00:00Z GET /"
    refused = logging.LogRecord(
        "x", logging.ERROR, "", 0, "ASGI callable returned without completing handshake.", (), None
    )
    assert not logging.getLogger("uvicorn.error").filter(refused)
    assert logging.getLogger("uvicorn.error").filter(record)
