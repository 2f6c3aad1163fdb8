"""The command `demo`: both wings in a browser."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from audio_lstm.commands.console import complain, positive_float

__all__ = ["add_demo"]


def add_demo(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "demo",
        allow_abbrev=False,
        help="open a page to transcribe, compose and look inside",
        description="Open one page to transcribe a recording or the microphone, to compose, and to look inside the "
        "LSTM. Nothing is fetched from the network. gradio_client can call its functions (docs/how-to/demo.md).",
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=7860, metavar="N", help="port (default: 7860; 0: any free one)")
    parser.add_argument("--auth", default="", metavar="NAME:PASSWORD", help="require this login")
    limits = parser.add_argument_group("limits")
    limits.add_argument("--max-minutes", type=positive_float, metavar="M", help="longest recording (default: 10)")
    limits.add_argument("--max-upload-mb", type=positive_float, metavar="X", help="largest file (default: 50)")
    limits.add_argument("--max-bars", type=int, metavar="N", help="longest composition (default: 64)")
    limits.add_argument("--queue", type=int, metavar="N", help="requests that may wait (default: 32)")
    limits.add_argument(
        "--workers", type=int, metavar="N", help="requests answered at once (default: the cores, at most 2)"
    )
    limits.add_argument("--sessions", type=int, metavar="N", help="live caption sessions at once (default: 8)")
    parser.set_defaults(command=_demo)


def _demo(options: argparse.Namespace) -> int:
    from audio_lstm.demo.config import DemoConfig
    from audio_lstm.demo.server import run_demo

    names = ("host", "port", "auth", "max_minutes", "max_upload_mb", "max_bars", "queue", "workers", "sessions")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    config = DemoConfig(**given)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it tells of each visitor that is cut off at the end
    run_demo(config, ready=lambda address: complain(f"the demo is at {address} (Ctrl-C ends it)"))
    return 0
