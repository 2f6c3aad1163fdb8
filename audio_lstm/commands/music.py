"""The commands `compose` and `evaluate music`."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from audio_lstm.commands.console import (
    add_model,
    answer,
    complain,
    positive_float,
    progress,
    require_folder,
    require_free,
)
from audio_lstm.commands.music_sets import add_sets, evaluate_sets
from audio_lstm.errors import ConfigError

__all__ = ["add_compose", "add_evaluate_music"]

# Heavy imports live inside the commands, as in cli.py: `audio-lstm --help` answers at once.

_HELD = "; in chorales the pitch being held keeps the model's own probability"


def add_compose(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser("compose", allow_abbrev=False, help="write music to a MIDI file")
    add_model(parser, "chorale")
    parser.add_argument("--out", type=Path, default=Path("composition.mid"), metavar="FILE", help="%(default)s")
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="repeat a result; random if not given")
    parser.add_argument("--bars", type=int, default=None, metavar="N", help="exactly this long; else as the model ends")
    parser.add_argument("--tempo", type=positive_float, default=None, metavar="BPM", help="quarter notes a minute")
    parser.add_argument(
        "--temperature", type=float, default=None, metavar="T", help=f"below 1 safer, above 1 wilder{_HELD}"
    )
    parser.add_argument("--top-k", type=int, default=None, metavar="K", help=f"choose among the K best only{_HELD}")
    parser.add_argument(
        "--top-p", type=float, default=None, metavar="P", help=f"choose among the best that make up P{_HELD}"
    )
    parser.add_argument("--takes", type=int, default=1, metavar="N", help="pieces to write: FILE-1.mid, FILE-2.mid, …")
    parser.add_argument("--json", action="store_true", help="print one JSON object a piece")
    parser.set_defaults(command=_compose)


def add_evaluate_music(wings: Any) -> None:
    """Add `evaluate music` to the command line.

    Args:
        wings: What `add_subparsers` of `evaluate` returned.
    """
    parser = wings.add_parser(
        "music",
        allow_abbrev=False,
        help="likelihood of a corpus; generated pieces beside real ones",
        description="With --data: the negative log-likelihood of a corpus under a model. With --generated: measures "
        "of pieces, how they compare with --real ones, and what they copy from the training set of --model.",
    )
    parser.add_argument("--data", metavar="PATH", help="chorale JSON, roll npz, or a folder of scores")
    parser.add_argument("--split", default="valid", metavar="NAME", help="train, valid (default) or test")
    add_sets(parser)
    add_model(parser, "chorale")
    parser.set_defaults(model=None)  # --generated without a model says nothing of copies
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_evaluate)


def _compose(options: argparse.Namespace) -> int:
    from audio_lstm.music.compose import DEFAULT_SAMPLING, compose_takes

    given = {name: getattr(options, name) for name in ("temperature", "top_k", "top_p")}
    sampling = replace(DEFAULT_SAMPLING, **{name: value for name, value in given.items() if value is not None})
    outputs = _outputs(options)
    takes = compose_takes(
        n_takes=options.takes,
        model=options.model,
        seed=options.seed,
        bars=options.bars,
        tempo_bpm=options.tempo,
        sampling=sampling,
        device=options.device,
    )
    for path, composition in zip(outputs, takes, strict=True):
        composition.save(path)
        if options.json:
            answer(json.dumps({"file": str(path), **composition.to_dict()}))
        else:
            answer(f"{path}: {composition.summary()}")
    return 0


def _outputs(options: argparse.Namespace) -> list[Path]:
    """Where the takes go, once it is known that they can be written there."""
    out: Path = options.out
    if options.takes < 1:
        raise ConfigError(f"--takes must be at least 1, got {options.takes}")
    if out.suffix.lower() not in (".mid", ".midi"):
        raise ConfigError(f"--out {out}: expected a name that ends in .mid")
    require_folder(out)
    outputs = [out]
    if options.takes > 1:
        outputs = [out.with_stem(f"{out.stem}-{take}") for take in range(1, options.takes + 1)]
    require_free(outputs, force=options.force)
    return outputs


def _evaluate(options: argparse.Namespace) -> int:
    from audio_lstm.music.composer import DEFAULT_MODEL, load_music
    from audio_lstm.music.data import load_pieces
    from audio_lstm.music.evaluate import evaluate_music

    if (options.data is None) == (options.generated is None):
        raise ConfigError("pass --data (likelihood of a corpus) or --generated (measures of pieces), one of the two")
    if options.generated is not None:
        return evaluate_sets(options)
    if options.real is not None or options.plot is not None:
        raise ConfigError("--real and --plot go with --generated, not with --data")
    composer = load_music(options.model or DEFAULT_MODEL, device=options.device)
    data = load_pieces(options.data, options.split)
    evaluation = evaluate_music(data, composer, progress=progress(len(data.pieces), "pieces"))
    for line in evaluation.unusable:
        complain(f"{line} (left out)")
    result = evaluation.to_dict()
    if options.json:
        answer(json.dumps(result))
    else:
        answer(f"NLL {result['nll']:.4f} {result['unit']}")
        answer(
            f"{result['n_pieces']} pieces, {result['n_steps']} time steps, {result['n_units']} units, "
            f"{result['n_tokens']} tokens"
        )
    return 1 if evaluation.unusable else 0
