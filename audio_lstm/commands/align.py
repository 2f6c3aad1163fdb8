"""The command `align`: when each word of a text is said in a recording."""

from __future__ import annotations

import argparse
import json
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
)
from audio_lstm.errors import DataError
from audio_lstm.text_files import read_text

if TYPE_CHECKING:
    from audio_lstm.speech.alignment import Alignment

__all__ = ["add_align"]

# Heavy imports live inside the command, as in cli.py: `audio-lstm --help` answers at once.

_MAX_TEXT_BYTES = 50_000_000  # of a script: what is larger is something else
_FORMATS = ("tsv", "json", "srt", "vtt", "textgrid")


def add_align(commands: Any) -> None:
    """Add the command to the command line.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "align",
        allow_abbrev=False,
        help="say when each word of a text is said in a recording",
        description="Find the words of a text in a recording that says it: a line a word with start and end in "
        "seconds, score, and whether it was heard. What the recording does not say is flagged, and so is speech that "
        "is not in the text. Spell numbers out.",
    )
    parser.add_argument("audio", metavar="AUDIO", help="audio or video file")
    parser.add_argument("text", metavar="TEXT_OR_FILE", help="what is said, or a text file that holds it")
    add_model(parser, "english-base")
    parser.add_argument(
        "--format",
        type=_format,
        default="tsv",
        metavar="NAME",
        help="tsv (default): a line a word; json: with letters; srt, vtt, textgrid: of the words that are found",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result there, not to stdout")
    add_reading(parser)
    parser.set_defaults(command=_align)


def _format(name: str) -> str:
    """The name of a format, for argparse."""
    if name not in _FORMATS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(_FORMATS)}; got {name!r}")
    return name


def _align(options: argparse.Namespace) -> int:
    from audio_lstm.audio import DEFAULT_MAX_SECONDS
    from audio_lstm.speech.align_script import align
    from audio_lstm.speech.formats import write_text

    if options.out:
        require_folder(options.out)
        require_writable([options.out], force=True)
    else:
        require_output()
    alignment = align(
        options.audio,
        _text(options.text),
        model=options.model,
        device=options.device,
        max_seconds=options.max_seconds or DEFAULT_MAX_SECONDS,
        allow_truncated=options.allow_truncated,
    )
    for line in _complaints(alignment):
        complain(f"{options.audio}: {line}")
    result = _formatted(alignment, options.format)
    if options.out:
        write_text(options.out, result)
    elif options.format == "json":
        answer_json(result.removesuffix("\n"))
    else:
        answer(result.removesuffix("\n"))
    return 0 if alignment.matched_share > 0 else 1


def _text(text_or_file: str) -> str:
    """The text itself, or what the file of this name holds."""
    file = Path(text_or_file)
    if not _is_file(file):
        # A text has spaces, or is a word; "notes/script.txt" is a file that is not there.
        if not any(character.isspace() for character in text_or_file) and (file.suffix or len(file.parts) > 1):
            raise DataError(f"{text_or_file}: no such text file; check the path, or pass the text in quotes")
        return text_or_file
    return read_text(file, what="the text of a recording", max_bytes=_MAX_TEXT_BYTES)


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
        return json.dumps(alignment.to_dict(), ensure_ascii=False) + "\n"
    transcript = alignment.to_transcript()
    return {"srt": transcript.to_srt, "vtt": transcript.to_vtt, "textgrid": transcript.to_textgrid}[name]()
