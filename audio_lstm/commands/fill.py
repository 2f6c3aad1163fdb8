"""The commands `harmonise` and `infill`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from audio_lstm.commands.console import add_model, answer, complain, positive_float, require_folder, require_writable
from audio_lstm.errors import ConfigError, ScoreError

__all__ = ["add_harmonise", "add_infill"]

# Heavy imports live inside the commands, as in cli.py: `audio-lstm --help` answers at once.


def add_harmonise(commands: Any) -> None:
    """Add `harmonise` to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "harmonise",
        allow_abbrev=False,
        help="harmonise a melody in four voices",
        description="Write the other three voices of a chorale to a melody. The melody stays exactly as it is.",
    )
    parser.add_argument(
        "melody",
        metavar="MELODY",
        help="MIDI, MusicXML or ABC (the first track), notes such as 'G4 A4:2 B4/8', or a recording of humming",
    )
    parser.add_argument("--transpose", type=int, default=0, metavar="N", help="transpose the melody by N semitones")
    parser.add_argument("--voice", default="S", choices=tuple("SATB"), help="voice of the melody (default: S)")
    parser.add_argument(
        "--tempo", type=positive_float, default=None, metavar="BPM", help="tempo in quarter notes a minute"
    )
    _add_common(parser, "chorale-fill", "chorale.mid")
    parser.set_defaults(command=_harmonise)


def add_infill(commands: Any) -> None:
    """Add `infill` to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "infill",
        allow_abbrev=False,
        help="rewrite some bars of a piece",
        description="Rewrite the bars that --bars names, or all but those that --keep names. The others stay as they "
        "are, to the tick.",
    )
    parser.add_argument("piece", metavar="FILE", help="MIDI, MusicXML or ABC")
    parser.add_argument("--bars", metavar="A-B,…", help="bars to rewrite, counted from 1: 5-8 or 5-8,11")
    parser.add_argument("--keep", metavar="A-B,…", help="bars to keep; all others are rewritten")
    parser.add_argument(
        "--voices", default="SATB", metavar="V", help="voices of a chorale to rewrite, such as AT (default: all)"
    )
    _add_common(parser, None, "infill.mid")
    parser.set_defaults(command=_infill)


def _add_common(parser: argparse.ArgumentParser, model: str | None, out: str) -> None:
    if model is None:
        parser.add_argument("--model", metavar="M", help="name, folder or hub id (default: by the piece)")
        parser.add_argument("--device", default="cpu", metavar="D", help="cpu")
    else:
        add_model(parser, model)
    parser.add_argument("--tune", metavar="X", help="tune of an ABC file, by its X: number or its title")
    parser.add_argument("--sustain", action="store_true", help="let the sustain pedal of a MIDI file lengthen notes")
    parser.add_argument(
        "--out", type=Path, default=Path(out), metavar="FILE", help="output file (default: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    parser.add_argument(
        "--seed", type=int, default=None, metavar="N", help="seed, to repeat a result (default: random)"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=None,
        metavar="T",
        help="sampling temperature: below 1 is safer, above 1 is wilder",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _harmonise(options: argparse.Namespace) -> int:
    from audio_lstm.music.harmonise import harmonise
    from audio_lstm.music.request.primer import read_music

    _check_out(options)
    melody = _piece(options, options.melody)
    if options.transpose:
        melody, _ = read_music(melody, tempo_bpm=options.tempo, transpose=options.transpose)
    piece = harmonise(melody, voice=options.voice, tempo_bpm=options.tempo, **_wishes(options))
    return _save(options, piece)


def _infill(options: argparse.Namespace) -> int:
    from audio_lstm.music.infill import infill

    _check_out(options)
    given = {"bars": options.bars, "keep": options.keep, "voices": options.voices}
    return _save(options, infill(_piece(options, options.piece), **given, **_wishes(options)))


def _piece(options: argparse.Namespace, source: str) -> Any:
    """What is read as it is asked for; else what names it."""
    from audio_lstm.music.files.files import read_score
    from audio_lstm.music.request.primer import read_music

    if options.sustain:
        return read_score(source, tune=options.tune, sustain=True)
    return source if options.tune is None else read_music(source, tune=options.tune)[0]


def _wishes(options: argparse.Namespace) -> dict[str, Any]:
    if options.device != "cpu":
        raise ConfigError(f"--device {options.device}: bars are filled in on the CPU only; leave it out")
    wishes = {"model": options.model, "seed": options.seed}
    return wishes if options.temperature is None else {**wishes, "temperature": options.temperature}


def _check_out(options: argparse.Namespace) -> None:
    from audio_lstm.music.save import check_save_path

    require_folder(options.out)
    try:
        check_save_path(options.out)
    except ScoreError as error:
        raise ConfigError(f"--out {error}") from error
    require_writable([options.out], force=options.force)


def _save(options: argparse.Namespace, piece: Any) -> int:
    from audio_lstm.music.save import written_loss

    for remark in piece.score.remarks:
        complain(remark)
    piece.save(options.out)
    loss = written_loss(piece.score, options.out)
    if loss and str(loss):
        complain(f"{options.out}: {loss}")
    if options.json:
        answer(json.dumps({"file": str(options.out), **piece.to_dict()}))
    else:
        answer(f"{options.out}: {piece.summary()}")
    return 0
