"""The commands `harmonise` and `infill`."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from audio_lstm.commands.console import add_model, answer, positive_float, require_folder, require_free
from audio_lstm.errors import ConfigError

__all__ = ["add_harmonise", "add_infill"]

# Heavy imports live inside the commands, as in cli.py: `audio-lstm --help` answers at once.


def add_harmonise(commands: Any) -> None:
    """Add `harmonise` to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser("harmonise", allow_abbrev=False, help="write three voices to a melody")
    parser.add_argument("melody", metavar="MELODY", help="MIDI or MusicXML; its first track counts")
    parser.add_argument("--voice", default="S", choices=tuple("SATB"), help="which voice the melody is (S)")
    _add_common(parser)
    parser.set_defaults(command=_harmonise)


def add_infill(commands: Any) -> None:
    """Add `infill` to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser("infill", allow_abbrev=False, help="write bars or voices of a chorale anew")
    parser.add_argument("piece", metavar="FILE", help="MIDI or MusicXML in four parts, highest first")
    parser.add_argument("--bars", metavar="A-B", help="first and last bar, counted from 1; all if not given")
    parser.add_argument("--voices", default="SATB", metavar="V", help="some of S, A, T and B (all)")
    _add_common(parser)
    parser.set_defaults(command=_infill)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_model(parser, "chorale-fill")
    parser.add_argument("--out", type=Path, default=Path("chorale.mid"), metavar="FILE", help="%(default)s")
    parser.add_argument("--force", action="store_true", help="overwrite a file that exists")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="repeat a result; random if not given")
    parser.add_argument("--temperature", type=float, default=None, metavar="T", help="below 1 safer, above 1 wilder")
    parser.add_argument("--tempo", type=positive_float, default=None, metavar="BPM", help="quarter notes a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _harmonise(options: argparse.Namespace) -> int:
    from audio_lstm.music.harmonise import harmonise

    _check_out(options)
    return _save(options, harmonise(options.melody, voice=options.voice, **_wishes(options)))


def _infill(options: argparse.Namespace) -> int:
    from audio_lstm.music.harmonise import infill

    _check_out(options)
    bars = None
    if options.bars is not None:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", options.bars)
        if not match:
            raise ConfigError(f"--bars {options.bars!r}: expected a bar such as 5, or a range such as 5-8")
        bars = int(match[1]), int(match[2] or match[1])
    return _save(options, infill(options.piece, bars=bars, voices=options.voices, **_wishes(options)))


def _wishes(options: argparse.Namespace) -> dict[str, Any]:
    if options.device != "cpu":
        raise ConfigError(f"--device {options.device}: chorales are filled in on the CPU only; leave it out")
    wishes = {"model": options.model, "seed": options.seed, "tempo_bpm": options.tempo}
    return wishes if options.temperature is None else {**wishes, "temperature": options.temperature}


def _check_out(options: argparse.Namespace) -> None:
    if options.out.suffix.lower() not in (".mid", ".midi"):
        raise ConfigError(f"--out {options.out}: expected a name that ends in .mid")
    require_folder(options.out)
    require_free([options.out], force=options.force)


def _save(options: argparse.Namespace, piece: Any) -> int:
    piece.save(options.out)
    if options.json:
        answer(json.dumps({"file": str(options.out), **piece.to_dict()}))
    else:
        answer(f"{options.out}: {piece.summary()}")
    return 0
