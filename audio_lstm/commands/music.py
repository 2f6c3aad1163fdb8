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
_COMPOSE = """\
Compose music, from nothing or from the music that you give. Without options: a four-part chorale of the length that the
model chooses, as MIDI. The suffix of --out decides the format: .mid, .wav, .png, .pdf, .musicxml and more.
"""


def add_compose(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "compose", allow_abbrev=False, help="compose music under constraints", description=_COMPOSE
    )
    parser.add_argument(
        "--model", metavar="M", help="name, folder or hub id (default: chorale; with other --parts, lieder)"
    )
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu (default) or cuda")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("composition.mid"),
        metavar="FILE",
        help="output file, or a folder if it has no suffix (default: %(default)s)",
    )
    parser.add_argument("--format", metavar="F,…", help="with a folder as --out: mid,wav,pdf,… (default: mid)")
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.add_argument(
        "--seed", type=int, default=None, metavar="N", help="seed, to repeat a result (default: random)"
    )
    parser.add_argument("--takes", type=int, default=1, metavar="N", help="number of pieces: FILE-1.mid, FILE-2.mid, …")
    parser.add_argument("--json", action="store_true", help="print one JSON object a piece")
    _add_start(parser.add_argument_group("start"))
    _add_wishes(
        parser.add_argument_group(
            "constraints", "Each is kept exactly; contradictions are named before anything is written."
        )
    )
    _add_sampling(
        parser.add_argument_group("sampling", "In chorales, holding a note keeps the model's own probability.")
    )
    parser.set_defaults(command=_compose)


def _add_start(group: Any) -> None:
    group.add_argument(
        "--primer",
        metavar="MUSIC",
        help="music to continue, in its key, metre and tempo: MIDI, MusicXML, ABC, notes ('C4 E4 G4:2'), a hum.wav",
    )
    group.add_argument("--transpose", type=int, metavar="N", help="transpose the primer by N semitones, such as -12")
    group.add_argument("--tune", metavar="X", help="tune of an ABC primer, by its X: number or its title")
    group.add_argument("--sustain", action="store_true", help="let the sustain pedal of a MIDI primer lengthen notes")
    group.add_argument("--without-primer", action="store_true", default=None, help="leave the primer out of the result")
    group.add_argument(
        "--primer-bars", type=_bar_range, metavar="A-B", help="use only these bars of the primer, counted from 1"
    )
    group.add_argument(
        "--chords",
        metavar="CHORDS",
        help="'Am F C G': a bar each; 'Am:2 F:2': two quarters each; 'Am F | C': two share a bar",
    )


def _bar_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected a bar such as 5, or a range such as 5-8, got {text!r}")
    return int(match[1]), int(match[2] or match[1])


def _add_wishes(group: Any) -> None:
    group.add_argument("--key", metavar="KEY", help="key or scale: 'D minor', 'F# dorian', 'C D E G A'")
    group.add_argument("--bars", type=int, metavar="N", help="exact number of bars (default: the model ends the piece)")
    group.add_argument(
        "--tempo", type=positive_float, dest="tempo_bpm", metavar="BPM", help="tempo in quarter notes a minute"
    )
    group.add_argument("--metre", metavar="M", help="time signature, such as 3/4")
    group.add_argument("--parts", metavar="P,…", help="instruments, such as voice,piano; each plays")
    group.add_argument("--ranges", metavar="R,…", help="pitch range: C4-A5 for all parts, or C4-A5,C2-C6 for each")
    group.add_argument("--max-polyphony", type=int, metavar="N", help="most notes that sound at once")
    group.add_argument("--density", metavar="A-B", help="least and most notes that start in a bar, such as 4-12")
    group.add_argument(
        "--rests", metavar="R", help="none, free, or the largest share of the piece that a part rests, such as 20%%"
    )
    group.add_argument("--first", metavar="N", help="first note (C4, in the first part) or chord (Am)")
    group.add_argument("--last", metavar="N", help="note or chord of the last bar, held")
    group.add_argument(
        "--ending", action="store_true", default=None, help="end on the tonic chord, held for the last bar"
    )
    group.add_argument("--max-copied", type=int, metavar="N", help="longest run of notes copied from the training set")


def _add_sampling(group: Any) -> None:
    group.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="sampling temperature: below 1 is safer, above 1 is wilder",
    )
    group.add_argument("--top-k", type=int, metavar="K", help="sample from the K most likely tokens")
    group.add_argument(
        "--top-p",
        type=float,
        metavar="P",
        help="sample from the most likely tokens that make up the probability P",
    )
    group.add_argument(
        "--min-p",
        type=float,
        metavar="P",
        help="drop tokens less than P times as likely as the most likely one",
    )
    group.add_argument(
        "--max-repeats", type=int, metavar="N", help="how often the same bars may repeat in a row (default: 4)"
    )
    group.add_argument(
        "--best-of", type=int, metavar="N", help="write N drafts of each piece and keep the most likely one"
    )
    group.add_argument(
        "--beam-size", type=int, metavar="N", help="search for a likely piece of the given --bars instead of sampling"
    )


def add_evaluate_music(wings: Any) -> None:
    """Add `evaluate music` to the command line.

    Args:
        wings: What `add_subparsers` of `evaluate` returned.
    """
    parser = wings.add_parser(
        "music",
        allow_abbrev=False,
        help="likelihood of a corpus; measures of generated pieces",
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
