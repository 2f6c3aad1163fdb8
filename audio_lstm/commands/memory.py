"""The command `memory`: how far back a model remembers, over recordings or pieces."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from audio_lstm.commands.console import answer, answer_json, complain, positive_float, require_folder, require_writable

__all__ = ["add_memory"]


def add_memory(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "memory",
        allow_abbrev=False,
        help="measure how far back a model remembers",
        description="One step of what a model reads is replaced by the mean step, and the difference is followed: how "
        "far from it do a layer's output and the model's answer still move by 10 %% of the most? In seconds for "
        "recordings, in beats for pieces (MIDI, MusicXML, ABC); over several files, the mean.",
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="recordings, or pieces")
    parser.add_argument(
        "--model", default=None, metavar="M", help="name, folder or hub id (default: english-base, or chorale)"
    )
    parser.add_argument("--probes", type=int, default=8, metavar="N", help="steps to try in each file (default: 8)")
    parser.add_argument(
        "--span", type=positive_float, default=None, metavar="S", help="read this many seconds of each file only"
    )
    parser.add_argument("--out", type=Path, default=None, metavar="FILE", help="draw it too: .png, .svg or .pdf")
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")
    parser.add_argument("--force", action="store_true", help="overwrite a picture that exists")
    parser.set_defaults(command=_memory)


def _memory(options: argparse.Namespace) -> int:
    import audio_lstm

    if options.out is not None:
        require_folder(options.out)
        require_writable([options.out], force=options.force)
    span_s = None if options.span is None else (0.0, options.span)
    found = audio_lstm.memory(list(options.files), model=options.model, span_s=span_s, n_probes=options.probes)
    if options.out is not None:
        found.plot(options.out)
        complain(f"wrote {options.out}")
    if options.json:
        numbers = {
            "model": found.model,
            "unit": found.unit,
            "lags": found.lags.tolist(),
            "layers": found.layers.tolist(),
            "answer": found.answer.tolist(),
            "reach": list(found.reach()),
            "n_probes": found.n_probes,
            "n_sources": found.n_sources,
        }
        answer_json(json.dumps(numbers))
    else:
        answer(found.table())
    return 0
