"""The command `serve`: the HTTP service."""

from __future__ import annotations

import argparse
import logging
import time
from typing import Any

from audio_lstm.commands.console import add_model, complain, positive_float
from audio_lstm.commands.speech import add_decoding, add_writing, decoding_of

__all__ = ["add_serve"]


def add_serve(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "serve",
        allow_abbrev=False,
        help="serve transcription over HTTP (OpenAI's API)",
        description="Transcribe over HTTP: POST /v1/audio/transcriptions as OpenAI's clients do, a WebSocket at "
        "/v1/audio/stream for live audio, /healthz and /readyz. There is no login: stay on 127.0.0.1, or put "
        "a proxy with authentication in front. SIGTERM ends it after the running requests.",
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="port (default: 8000; 0: any free one)")
    add_model(parser, "english-base")
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--workers", type=int, metavar="N", help="recordings transcribed at once (default: the cores, at most 4)"
    )
    limits.add_argument(
        "--queue", type=int, metavar="N", help="requests that may wait; more are answered with 429 (default: 32)"
    )
    limits.add_argument("--max-upload-mb", type=positive_float, metavar="X", help="largest request (default: 100)")
    limits.add_argument("--max-seconds", type=positive_float, metavar="S", help="longest recording (default: 3600)")
    limits.add_argument("--timeout", type=positive_float, metavar="S", help="longest time for a request (default: 300)")
    limits.add_argument(
        "--idle",
        type=positive_float,
        metavar="S",
        help="disconnect a client that sends nothing for this long (default: 30)",
    )
    limits.add_argument("--sessions", type=int, metavar="N", help="live sessions at once (default: 8)")
    limits.add_argument(
        "--drain", type=float, metavar="S", help="time to finish running requests at SIGTERM (default: 30)"
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        metavar="ORIGIN",
        help="allow scripts of this origin to read the answers (CORS): https://example.org, or *; repeatable",
    )
    add_decoding(parser)
    add_writing(parser)
    parser.set_defaults(command=_serve)


def _serve(options: argparse.Namespace) -> int:
    from audio_lstm.serving.config import ServeConfig
    from audio_lstm.serving.server import bind, serve
    from audio_lstm.speech.hearing.recogniser import load_speech

    given = {
        "workers": options.workers,
        "queue": options.queue,
        "max_upload_bytes": options.max_upload_mb and max(1, round(options.max_upload_mb * 1e6)),
        "max_seconds": options.max_seconds,
        "timeout_s": options.timeout,
        "idle_s": options.idle,
        "sessions": options.sessions,
        "drain_s": options.drain,
        "allow_origins": options.allow_origin and tuple(options.allow_origin),
    }
    config = ServeConfig(**{name: value for name, value in given.items() if value is not None})
    decoding = decoding_of(options)
    _log_to_stderr()
    serve(
        bind(options.host, options.port),
        lambda: load_speech(options.model, device=options.device, decoding=decoding),
        config=config,
        decoding=decoding,
        ready=lambda address: complain(f"{options.model} listens on {address}"),
    )
    return 0


def _log_to_stderr() -> None:
    """One line a request, with the time in UTC."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ"))
    handler.formatter.converter = time.gmtime  # type: ignore[union-attr]
    for name, level in (("audio_lstm.serving", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
    # uvicorn says this of every WebSocket that is refused with a status, which is what it was asked to do.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "without completing handshake" not in record.msg)
