"""The command `transcribe`: a few recordings to the terminal, or many to a folder."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import (
    add_model,
    add_reading,
    answer,
    answer_json,
    complain,
    listening,
    live_line,
    require_output,
    standard_input,
)
from audio_lstm.commands.speech import add_decoding, add_writing, decoding_of
from audio_lstm.errors import AudioLSTMError, ConfigError
from audio_lstm.text_files import json_text

if TYPE_CHECKING:
    from audio_lstm.speech.batch.batch import BatchProgress, BatchSummary, FileOutcome

__all__ = ["add_transcribe"]

# Heavy imports live inside the commands, as in cli.py: `audio-lstm --help` answers at once.

_DESCRIPTION = """\
Transcribe recordings. Prints one line of text for each file (with several files, after the file's name and a tab).
Reads wav, flac, ogg, opus, mp3, m4a, mp4, webm, mkv, amr, wma and more. With --out, transcripts are written below DIR,
and FILE may also be a folder, a quoted pattern ('talks/**/*.mp3') or a list (@list.txt: a path a line; @list.jsonl:
objects with the key audio; a single list needs no @). Finished files are skipped, so the same command resumes a batch.
Files that are not recordings are skipped too: talks/* will do.
"""


def add_transcribe(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "transcribe", allow_abbrev=False, help="transcribe recordings", description=_DESCRIPTION
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="audio or video files; - for stdin; with --out also folders, patterns, lists",
    )
    add_model(parser, "english-base")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a file, with word times and confidence"
    )
    parser.add_argument(
        "--format",
        metavar="F",
        help="txt (default), srt, vtt, tsv, json or textgrid; with --out also several: srt,json",
    )
    add_reading(parser)
    batch = parser.add_argument_group("batch", "Many recordings to a folder.")
    batch.add_argument(
        "--out", type=Path, metavar="DIR", help="write transcripts to this folder, keeping the folder tree"
    )
    batch.add_argument("--workers", type=int, metavar="N", help="number of processes (default: 1)")
    batch.add_argument("--force", action="store_true", help="transcribe again what is already there")
    add_decoding(parser)
    add_writing(parser)
    parser.set_defaults(command=_transcribe)


def _transcribe(options: argparse.Namespace) -> int:
    if options.json and (options.format or options.out):
        raise ConfigError("--json goes with neither --format nor --out; use --format json")
    if options.out is not None:
        return _to_folder(options)
    if options.force or options.workers is not None:
        raise ConfigError("--workers and --force need a folder to write to; add --out DIR")
    return _to_terminal(options)


def _to_terminal(options: argparse.Namespace) -> int:
    from audio_lstm.audio.files import DEFAULT_MAX_SECONDS
    from audio_lstm.speech.hearing.formats import FORMATS
    from audio_lstm.speech.hearing.recogniser import load_speech
    from audio_lstm.speech.hearing.transcribe import transcribe

    require_output()
    form = _only_format(options)
    recogniser = load_speech(options.model, device=options.device, decoding=decoding_of(options))
    way_out = "try another --model"
    if recogniser.decoder.is_closed:
        way_out = f"it may say what the {recogniser.decoder.source} does not hold"
    n_failed = 0
    for file in options.files:
        if Path(file).is_dir():
            complain(f"{file}: is a folder; add --out DIR for its transcripts, or pass the files in it")
            n_failed += 1
            continue
        try:
            transcript = transcribe(
                standard_input() if file == "-" else file,
                model=recogniser,
                max_seconds=options.max_seconds or DEFAULT_MAX_SECONDS,
                allow_truncated=options.allow_truncated,
                track=options.track,
                progress=listening(file),
            )
        except AudioLSTMError as error:
            complain(str(error))
            n_failed += 1
            continue
        for note in transcript.notes:
            complain(f"{file}: {note}")
        if not transcript.text:
            complain(f"{file}: no speech found ({transcript.loudness}); check the recording, or {way_out}")
            n_failed += 1
        if form:
            text = FORMATS[form](transcript)
            if text:
                (answer_json if form == "json" else answer)(text.removesuffix("\n"))
        elif options.json:
            answer_json(json_text({"file": file, **transcript.to_dict()}))
        elif transcript.text:
            answer(transcript.text if len(options.files) == 1 else f"{file}\t{transcript.text}")
    return 1 if n_failed else 0


def _only_format(options: argparse.Namespace) -> str:
    """The format for the terminal; "" for the plain line."""
    from audio_lstm.speech.hearing.formats import parse_formats

    if options.format is None:
        return ""
    names = parse_formats(options.format)
    if len(names) > 1 or len(options.files) > 1:
        raise ConfigError("several formats or files need a folder to write to; add --out DIR")
    return names[0]


def _to_folder(options: argparse.Namespace) -> int:
    from audio_lstm.audio.files import DEFAULT_MAX_SECONDS
    from audio_lstm.speech.batch.batch import BatchConfig, transcribe_files

    if "-" in options.files:
        raise ConfigError("standard input goes to the terminal alone; leave --out out, or save it to a file first")
    if options.workers is not None and options.workers < 1:
        raise ConfigError(f"--workers must be at least 1, got {options.workers}")
    config = BatchConfig(
        n_workers=options.workers or 1,
        force=options.force,
        device=options.device,
        max_seconds=options.max_seconds or DEFAULT_MAX_SECONDS,
        allow_truncated=options.allow_truncated,
        track=options.track,
    )
    reporter = _Reporter()
    try:
        with _sigterm_leaves():
            summary = transcribe_files(
                options.files,
                options.out,
                formats=options.format or "txt",
                model=options.model,
                decoding=decoding_of(options),
                config=config,
                report=reporter,
            )
    except (KeyboardInterrupt, SystemExit) as stop:
        reporter.show("")
        complain(f"stopped after {reporter.n_done} files; the same command goes on where it stopped")
        return 130 if isinstance(stop, KeyboardInterrupt) else 143
    except AudioLSTMError:
        reporter.show("")
        raise
    reporter.show("")
    for line in summary.notes:
        complain(line)
    complain(_in_words(summary))
    return 1 if summary.failures else 0


class _Reporter:
    """Shows failures as they come, and on a terminal how far the batch is."""

    def __init__(self) -> None:
        self.show = live_line() or (lambda text: None)
        self.n_done = 0

    def __call__(self, outcome: FileOutcome | None, progress: BatchProgress) -> None:
        self.n_done = progress.n_done
        for line in () if outcome is None else outcome.complaints:
            self.show("")
            complain(line)
        factor = progress.real_time_factor
        speed = "" if factor is None else f", real-time factor {factor:.4f}"
        self.show(f"{progress.n_done}/{progress.n_files} files{_left(progress.left_s)}{speed}")


def _left(left_s: float | None) -> str:
    if left_s is None:
        return ""
    return f", {left_s:.0f} s left" if left_s < 3600 else f", {left_s / 3600:.1f} h left"


def _in_words(summary: BatchSummary) -> str:
    factor = summary.real_time_factor
    parts = [
        f"{summary.n_transcribed} of {summary.n_files} files transcribed",
        f"{summary.audio_s / 3600:.2f} h of audio in {summary.wall_s:.0f} s",
        f"real-time factor {factor:.4f}" if factor is not None else "real-time factor -",
        f"{len(summary.failures)} failed",
        f"{summary.n_skipped} skipped" + (" (there already; --force does them again)" if summary.n_skipped else ""),
        f"{summary.n_silent} without speech",
    ]
    return ", ".join(parts)


@contextmanager
def _sigterm_leaves() -> Iterator[None]:
    """SIGTERM unwinds the stack, as Ctrl-C does, so that the workers are ended and nothing half-written stays."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
