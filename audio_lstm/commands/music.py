"""The commands `compose` and `evaluate music`."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from audio_lstm.commands.console import (
    add_model,
    answer,
    complain,
    positive_float,
    progress,
    require_folder,
    require_output,
    require_writable,
)
from audio_lstm.commands.music_sets import add_sets, evaluate_sets
from audio_lstm.errors import AudioError, ConfigError, ScoreError

if TYPE_CHECKING:
    from audio_lstm.music.compose import ComposeOptions
    from audio_lstm.music.composition import Composition

__all__ = ["add_compose", "add_evaluate_music"]

# Heavy imports live inside the commands, as in cli.py: `audio-lstm --help` answers at once.

_HELD = "; in chorales the pitch being held keeps the model's own probability"


def add_compose(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser("compose", allow_abbrev=False, help="write music that is as you say")
    parser.add_argument(
        "--model", metavar="M", help="name, folder or hub id (default: chorale; lieder where other --parts are named)"
    )
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu (default) or cuda")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("composition.mid"),
        metavar="FILE",
        help="or a folder: a name without a suffix (%(default)s)",
    )
    parser.add_argument("--format", metavar="F,…", help="what to write into a folder --out: mid,wav,pdf,… (mid)")
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="repeat a result; random if not given")
    parser.add_argument("--takes", type=int, default=1, metavar="N", help="pieces to write: FILE-1.mid, FILE-2.mid, …")
    parser.add_argument("--json", action="store_true", help="print one JSON object a piece")
    _add_start(parser.add_argument_group("what it starts from"))
    _add_wishes(parser.add_argument_group("what the piece has to be", "each wish is kept exactly"))
    _add_sampling(parser.add_argument_group("how its notes are chosen"))
    parser.set_defaults(command=_compose)


def _add_start(group: Any) -> None:
    group.add_argument(
        "--primer",
        metavar="MUSIC",
        help="goes on from it, in its key, metre and tempo: MIDI, MusicXML, ABC, notes such as 'C4 E4 G4:2', a hum.wav",
    )
    group.add_argument("--transpose", type=int, metavar="N", help="move the primer by so many semitones, such as -12")
    group.add_argument("--tune", metavar="X", help="of a primer in ABC with several tunes: its X: number or its title")
    group.add_argument("--sustain", action="store_true", help="of a primer in MIDI: the sustain pedal lengthens notes")
    group.add_argument(
        "--without-primer", action="store_true", default=None, help="write what follows the primer alone"
    )
    group.add_argument("--primer-bars", type=_bar_range, metavar="A-B", help="only these bars of it, counted from 1")
    group.add_argument(
        "--chords",
        metavar="CHORDS",
        help="'Am F C G': one a bar; 'Am:2 F:2': in quarters; 'Am F | C': sharing a bar",
    )


def _bar_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected a bar such as 5, or a range such as 5-8, got {text!r}")
    return int(match[1]), int(match[2] or match[1])


def _add_wishes(group: Any) -> None:
    group.add_argument("--key", metavar="KEY", help="'D minor', 'F# dorian', 'C D E G A': no note outside it")
    group.add_argument("--bars", type=int, metavar="N", help="exactly this long; else as the model ends")
    group.add_argument("--tempo", type=positive_float, dest="tempo_bpm", metavar="BPM", help="quarter notes a minute")
    group.add_argument("--metre", metavar="M", help="such as 3/4, throughout")
    group.add_argument("--parts", metavar="P,…", help="instruments: voice,piano; each of them plays")
    group.add_argument("--ranges", metavar="R,…", help="C4-A5 for all parts, or C4-A5,C2-C6 for each")
    group.add_argument("--max-polyphony", type=int, metavar="N", help="notes that sound at once")
    group.add_argument("--density", metavar="A-B", help="least and most notes that begin in a bar, such as 4-12")
    group.add_argument(
        "--rests", metavar="R", help="none, free, or the most of the piece that a part rests, such as 20%%"
    )
    group.add_argument(
        "--first", metavar="N", help="what it begins with: a note (C4: the first part's) or a chord (Am)"
    )
    group.add_argument("--last", metavar="N", help="the same for the last bar, which it fills")
    group.add_argument(
        "--ending", action="store_true", default=None, help="the last bar is the chord on the tonic, held"
    )
    group.add_argument("--max-copied", type=int, metavar="N", help="no longer run of notes from the training set")


def _add_sampling(group: Any) -> None:
    group.add_argument("--temperature", type=float, metavar="T", help=f"below 1 safer, above 1 wilder{_HELD}")
    group.add_argument("--top-k", type=int, metavar="K", help=f"choose among the K best only{_HELD}")
    group.add_argument("--top-p", type=float, metavar="P", help=f"choose among the best that make up P{_HELD}")
    group.add_argument(
        "--min-p", type=float, metavar="P", help=f"drop what is less than P times as likely as the best{_HELD}"
    )
    group.add_argument("--max-repeats", type=int, metavar="N", help="how often the same bars may stand in a row (4)")
    group.add_argument("--best-of", type=int, metavar="N", help="write N drafts of each piece, keep the likeliest")
    group.add_argument(
        "--beam-size", type=int, metavar="N", help="search likely chorales of given length; draw nothing"
    )


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
    parser.add_argument("--data", metavar="PATH", help="chorale JSON, or a folder of scores")
    parser.add_argument("--split", default="valid", metavar="NAME", help="train, valid (default) or test")
    add_sets(parser)
    add_model(parser, "chorale")
    parser.set_defaults(model=None)  # --generated without a model says nothing of copies
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_evaluate)


def _compose(options: argparse.Namespace) -> int:
    from audio_lstm.music.compose import ComposeOptions, compose_takes
    from audio_lstm.music.files.files import read_score

    given = {name: getattr(options, name, None) for name in ComposeOptions.__annotations__}
    outputs = _outputs(options)
    if options.sustain and options.primer is not None:
        given |= {"primer": read_score(options.primer, tune=options.tune, sustain=True), "tune": None}
    takes = compose_takes(
        n_takes=options.takes,
        model=options.model,
        seed=options.seed,
        device=options.device,
        progress=progress(options.bars, "bars") if options.bars and options.bars > 0 else None,
        **cast("ComposeOptions", {name: value for name, value in given.items() if value is not None}),
    )
    for remark in dict.fromkeys(remark for take in takes for remark in take.score.remarks):
        complain(remark)
    written = [_save(composition, paths) for paths, composition in zip(outputs, takes, strict=True)]
    for paths, saved, composition in zip(outputs, written, takes, strict=True):  # once all are safe
        if options.json:
            files = {"file": str(saved[0])} if saved == paths[:1] == paths else {"files": [str(path) for path in saved]}
            answer(json.dumps({**files, **composition.to_dict()}))
            continue
        answer(f"{', '.join(map(str, saved)) or 'not written'}: {composition.summary()}")
        for lines in (str(composition.report) if composition.report.findings else "", composition.novelty):
            if lines:
                answer(lines if isinstance(lines, str) else lines.summary())
    return 0 if written == outputs else 1


def _outputs(options: argparse.Namespace) -> list[list[Path]]:
    """Where each take goes, once it is known that it can be written there."""
    out: Path = options.out
    if options.takes < 1:
        raise ConfigError(f"--takes must be at least 1, got {options.takes}")
    stems = _stems(out, options.format)
    numbers = [""] if options.takes == 1 else [f"-{take}" for take in range(1, options.takes + 1)]
    outputs = [[stem.with_name(_numbered(stem.name, number)) for stem in stems] for number in numbers]
    require_writable([path for paths in outputs for path in paths], force=options.force)
    return outputs


def _stems(out: Path, formats: str | None) -> list[Path]:
    """The files of one take, without its number; what cannot be written at all is refused."""
    from audio_lstm.music.save import SAVE_SUFFIXES, check_save_path

    if out.suffix and formats is None:
        require_folder(out)
        try:
            return [check_save_path(out)]
        except ScoreError as error:
            raise ConfigError(f"--out {error}") from error
    if formats is not None and out.name.lower().endswith(SAVE_SUFFIXES):
        raise ConfigError(
            f"--out {out}: with --format it is a folder, such as {out.with_suffix('')}; name one, or leave --format out"
        )
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise ConfigError(f"--out {out}: {existing} is no folder that can be written; name another")
    kinds = dict.fromkeys(kind.strip().lstrip(".").lower() for kind in (formats or "mid").split(","))
    for kind in kinds:
        if f".{kind}" not in SAVE_SUFFIXES:
            known = ",".join(suffix[1:] for suffix in SAVE_SUFFIXES)
            raise ConfigError(f"--format {kind}: is not known; choose from {known}")
        check_save_path(f"composition.{kind}")
    return [out / f"composition.{kind}" for kind in kinds]


def _save(composition: Composition, paths: list[Path]) -> list[Path]:
    """Write a piece wherever it can be written, and complain of the rest: what was drawn is not lost."""
    from audio_lstm.music.save import written_loss

    paths[0].parent.mkdir(parents=True, exist_ok=True)
    saved = []
    for path in paths:
        try:
            saved.append(composition.save(path))
        except (ScoreError, AudioError) as error:
            complain(str(error) if str(error).startswith(str(path)) else f"{path}: {error}")
            continue
        loss = written_loss(composition.score, path)
        if loss and str(loss):
            complain(f"{path}: {loss}")
    return saved


def _numbered(name: str, number: str) -> str:
    ending = name[-len(".roll.svg") :] if name.lower().endswith(".roll.svg") else Path(name).suffix
    return f"{name[: len(name) - len(ending)]}{number}{ending}"


def _evaluate(options: argparse.Namespace) -> int:
    from audio_lstm.music.models.composer import DEFAULT_MODEL, load_music
    from audio_lstm.music.training.data import load_pieces
    from audio_lstm.music.training.evaluate import evaluate_music

    if (options.data is None) == (options.generated is None):
        raise ConfigError("pass --data (likelihood of a corpus) or --generated (measures of pieces), one of the two")
    if options.generated is not None:
        return evaluate_sets(options)
    if options.real is not None or options.plot is not None:
        raise ConfigError("--real and --plot go with --generated, not with --data")
    require_output()
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
