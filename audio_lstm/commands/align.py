"""The command `align`: when each word of a text is said in a recording."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_lstm.commands.console import (
    add_model,
    add_reading,
    answer,
    answer_json,
    complain,
    require_folder,
    require_output,
    require_writable,
    standard_input,
)
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.text_files import decode_text, json_text, read_text

if TYPE_CHECKING:
    from audio_lstm.speech.aligning.alignment import Alignment

__all__ = ["add_align"]

# Heavy imports live inside the command, as in cli.py: `audio-lstm --help` answers at once.

_MAX_TEXT_BYTES = 50_000_000  # of a script: what is larger is something else
_TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ".rst", ".tsv", ".csv", ".srt", ".vtt", ".json", ".jsonl", ".lab"})
_FORMATS = ("tsv", "json", "srt", "vtt", "textgrid")


def add_align(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "align",
        allow_abbrev=False,
        help="find when each word of a known text is said in a recording",
        description="Find when each word of a known text is said. Prints a line for each word: start and end in "
        "seconds, score, and whether it was heard. Words that are not said, and speech that is not in the text, are "
        "flagged. Numbers, signs and abbreviations are matched in the ways people say them.",
    )
    parser.add_argument("audio", metavar="AUDIO", help="audio or video file; - for stdin")
    parser.add_argument("text", metavar="TEXT_OR_FILE", help="the text, or a file that holds it; - for stdin")
    add_model(parser, "english-base")
    parser.add_argument(
        "--format",
        type=_format,
        metavar="NAME",
        help="tsv: a line a word; json: with letters; srt, vtt, textgrid: of the words that are found (what the suffix "
        "of --out says, or tsv)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result to this file, not to stdout")
    add_reading(parser)
    parser.set_defaults(command=_align)


def _format(name: str) -> str:
    """The name of a format, for argparse."""
    if name not in _FORMATS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(_FORMATS)}; got {name!r}")
    return name


def _format_of(out: Path | None) -> str:
    """What the suffix of a file says; a table where it says nothing."""
    suffix = out.suffix.lower().removeprefix(".") if out else ""
    if suffix in ("", "txt"):
        return "tsv"
    if suffix not in _FORMATS:
        raise ConfigError(
            f"{out}: no format for the suffix {out.suffix if out else ''!r}; known: {', '.join(_FORMATS)}; or name "
            "one with --format"
        )
    return suffix


def _align(options: argparse.Namespace) -> int:
    from audio_lstm.audio.files import DEFAULT_MAX_SECONDS
    from audio_lstm.speech.aligning.align_script import align
    from audio_lstm.speech.hearing.formats import write_text

    form = options.format or _format_of(options.out)
    if options.audio == options.text == "-":
        raise ConfigError("audio and text cannot both be -: standard input holds one of them; name the other's file")
    if options.out:
        require_folder(options.out)
        require_writable([options.out], force=True)
    else:
        require_output()
    alignment = align(
        standard_input() if options.audio == "-" else options.audio,
        _text(options.text),
        model=options.model,
        device=options.device,
        max_seconds=options.max_seconds or DEFAULT_MAX_SECONDS,
        allow_truncated=options.allow_truncated,
        track=options.track,
    )
    for line in [*alignment.notes, *_complaints(alignment)]:
        complain(f"{options.audio}: {line}")
    result = _formatted(alignment, form)
    if options.out:
        write_text(options.out, result)
    elif form == "json":
        answer_json(result.removesuffix("\n"))
    else:
        answer(result.removesuffix("\n"))
    return 0 if alignment.matched_share > 0 else 1


def _text(text_or_file: str) -> str:
    """The text itself, or what standard input or the file of this name holds."""
    if text_or_file == "-":
        return decode_text(standard_input(), what="the text of a recording", max_bytes=_MAX_TEXT_BYTES)
    file = Path(text_or_file)
    if not _is_file(file):
        if _looks_like_a_path(text_or_file):
            raise DataError(f"{text_or_file}: no such text file; check the path, or pass the text in quotes")
        return text_or_file
    return read_text(file, what="the text of a recording", max_bytes=_MAX_TEXT_BYTES)


def _looks_like_a_path(text: str) -> bool:
    """Whether a text that is no file was meant to be one: "notes/script.txt", but not "10:30", "3.14" or "and/or"."""
    if any(character.isspace() for character in text):
        return False
    file = Path(text)
    is_in_folder = "/" in text and (_is_folder(file.parent) or text.startswith((".", "/", "~")))
    return is_in_folder or file.suffix.lower() in _TEXT_SUFFIXES


def _is_folder(file: Path) -> bool:
    try:
        return file.is_dir()
    except (OSError, ValueError):
        return False


def _is_file(file: Path) -> bool:
    """Whether there is such a file; a text may be too long for a file's name."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def _complaints(alignment: Alignment) -> list[str]:
    """What does not match, in a few lines."""
    lines = []
    unwritable = [word for word in alignment.words if not word.writable]
    if unwritable:
        lines.append(
            f"the model cannot write {len(unwritable)} of {len(alignment.words)} words (the first: "
            f"{unwritable[0].text!r}); spell them out"
        )
    missing = [word for word in alignment.words if word.writable and not word.matched]
    if missing:
        lines.append(
            f"{len(missing)} of {len(alignment.words)} words were not heard (the first: {missing[0].text!r}); check "
            "the text, or try another --model"
        )
    if alignment.unscripted:
        seconds = sum(stretch.end_s - stretch.start_s for stretch in alignment.unscripted)
        lines.append(
            f"{seconds:.1f} s of speech are not in the text (the first at {alignment.unscripted[0].start_s:.1f} s)"
        )
    return lines


def _formatted(alignment: Alignment, name: str) -> str:
    """The alignment in one of the formats."""
    if name == "tsv":
        return alignment.to_tsv()
    if name == "json":
        return json_text(alignment.to_dict()) + "\n"
    transcript = alignment.to_transcript()
    return {"srt": transcript.to_srt, "vtt": transcript.to_vtt, "textgrid": transcript.to_textgrid}[name]()
