"""The command `render`: a score as sound, as a picture, as sheet music, or in another format."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import answer, complain, live_line, require_folder, require_writable
from audio_lstm.errors import ConfigError, ScoreError

if TYPE_CHECKING:
    from audio_lstm.music.save import SaveOptions
    from audio_lstm.music.score.score import Score

__all__ = ["add_render"]

# Heavy imports live inside the command, as in cli.py: `audio-lstm --help` answers at once.


def add_render(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "render",
        allow_abbrev=False,
        help="turn a score into sound, sheet music or another format",
        description="The suffixes of --out decide what is written: .wav .flac .ogg .opus (sound), .png .roll.svg "
        "(piano roll), .svg .pdf (sheet music; needs the extra `scores`), .musicxml .mxl .abc .mid .json.",
    )
    parser.add_argument("score", metavar="FILE", type=Path, help="MIDI, MusicXML, ABC, or JSON that render wrote")
    parser.add_argument(
        "--out",
        required=True,
        nargs="+",
        action="extend",
        type=Path,
        metavar="FILE",
        help="output files",
    )
    parser.add_argument("--tune", metavar="X", help="tune of an ABC file, by its X: number or its title")
    parser.add_argument("--sustain", action="store_true", help="let the sustain pedal of a MIDI file lengthen notes")
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.add_argument(
        "--title", default=None, metavar="TEXT", help="title of sheet music (default: the name of FILE)"
    )
    parser.add_argument(
        "--rate", type=int, default=44_100, metavar="HZ", help="sample rate of sound (default: %(default)s)"
    )
    parser.add_argument(
        "--soundfont", type=Path, default=None, metavar="SF2", help="play sound with FluidSynth and this sound font"
    )
    parser.set_defaults(command=_render)


def _render(options: argparse.Namespace) -> int:
    from audio_lstm.music.files.files import read_score
    from audio_lstm.music.files.score_json import read_score_json
    from audio_lstm.music.save import SaveOptions, check_save_path, save_score, written_loss

    for out in options.out:
        require_folder(out)
        try:
            check_save_path(out)
        except ScoreError as error:
            raise ConfigError(f"--out {error}") from error
    require_writable(options.out, force=options.force)
    source: Path = options.score
    if source.suffix.lower() == ".json":
        score = read_score_json(source)
    else:
        score = read_score(source, tune=options.tune, sustain=options.sustain)
    for remark in score.remarks:
        complain(f"{source}: {remark}")
    score.require_notes(str(source))
    title = source.stem if options.title is None else options.title
    wishes = SaveOptions(sample_rate=options.rate, soundfont=options.soundfont, title=title)
    for out in options.out:
        _require_possible(score, out, wishes)
    written: list[Path] = []
    try:
        for out in options.out:
            written.append(save_score(score, out, replace(wishes, progress=_playing(out.name))))
    finally:
        for out in written:
            loss = written_loss(score, out)
            answer(f"{out}: {loss.n_written if loss else score.n_notes} notes, {score.duration_s:.1f} s")
            if loss and str(loss):
                complain(f"{out}: {loss}")
    return 0


def _require_possible(score: Score, out: Path, options: SaveOptions) -> None:
    """Refuse what a kind of file cannot hold before anything is written."""
    from audio_lstm.music.sheet.abc_writer import score_to_abc
    from audio_lstm.music.sheet.engrave import score_to_svg
    from audio_lstm.music.sound.render import render_blocks
    from audio_lstm.music.sound.sound_files import SOUND_SUFFIXES, rate_for

    kind = out.suffix.lower()
    try:
        if kind == ".abc":
            score_to_abc(score)
        elif kind == ".pdf" or (kind == ".svg" and not out.name.lower().endswith(".roll.svg")):
            score_to_svg(score)
        elif kind in SOUND_SUFFIXES:  # makes nothing yet
            render_blocks(score, sample_rate=rate_for(out, options.sample_rate), soundfont=options.soundfont)
    except ScoreError as error:
        raise ScoreError(f"{out}: {error}; nothing has been written") from error


def _playing(name: str) -> Callable[[float, float], None] | None:
    """How much of a piece has been made into sound, on stderr; None where that is no terminal."""
    show = live_line()
    if show is None:
        return None

    def report(done_s: float, total_s: float) -> None:
        show("" if done_s >= total_s else f"{name}: {done_s:.0f} of {total_s:.0f} s of sound made")

    return report
