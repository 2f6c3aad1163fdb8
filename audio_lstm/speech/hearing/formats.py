"""A transcript as text in the formats that other programs read; each function gives the whole file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.hearing.subtitles import cues, one_line, whole_units
from audio_lstm.text_files import json_text

if TYPE_CHECKING:
    from audio_lstm.speech.hearing.transcript import Transcript

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "format_of",
    "parse_formats",
    "save",
    "to_json",
    "to_srt",
    "to_textgrid",
    "to_tsv",
    "to_txt",
    "to_vtt",
    "write_text",
]

_MICROSECONDS = 1_000_000
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def to_txt(transcript: Transcript) -> str:
    """Plain text, a line for each segment.

    Args:
        transcript: What was heard.

    Returns:
        Lines; the empty string where nothing was said.
    """
    lines = [one_line(segment.text) for segment in transcript.segments]
    return "".join(f"{line}\n" for line in lines if line)


def to_srt(transcript: Transcript) -> str:
    """SubRip subtitles (see `subtitles.cues`). The format has no escapes: text is written as it is.

    Args:
        transcript: What was heard.

    Returns:
        Numbered cues; the empty string where nothing was said.
    """
    blocks = [
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n" + "\n".join(cue.lines) + "\n"
        for number, cue in enumerate(cues(transcript), 1)
    ]
    return "\n".join(blocks)


def to_vtt(transcript: Transcript) -> str:
    """WebVTT subtitles (W3C WebVTT), with & < > escaped.

    Args:
        transcript: What was heard.

    Returns:
        The header and the cues.
    """
    blocks = ["WEBVTT\n"]
    for cue in cues(transcript):
        text = "\n".join(cue.lines).translate(_VTT_ESCAPES)
        blocks.append(f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{text}\n")
    return "\n".join(blocks)


def to_tsv(transcript: Transcript) -> str:
    """Tab-separated start, end and text of each segment, as openai/whisper writes it: whole milliseconds.

    Args:
        transcript: What was heard.

    Returns:
        A heading and a line for each segment that has words.
    """
    said = [segment for segment in transcript.segments if one_line(segment.text)]
    times = whole_units(((segment.start_s, segment.end_s) for segment in said), 1000)
    lines = [f"{start}\t{end}\t{one_line(s.text)}\n" for (start, end), s in zip(times, said, strict=True)]
    return "start\tend\ttext\n" + "".join(lines)


def to_json(transcript: Transcript) -> str:
    """Everything, as one line of JSON; `Transcript.from_json` reads it back.

    Args:
        transcript: What was heard.

    Returns:
        One object and a line feed.
    """
    return json_text(transcript.to_dict()) + "\n"


def to_textgrid(transcript: Transcript) -> str:
    """Praat's TextGrid (long text format, Boersma & Weenink) with the interval tiers "segments" and "words".

    The intervals of a tier follow each other without gap or overlap from 0 to the end of the recording, in whole
    microseconds; where nothing is said they are empty.

    Args:
        transcript: What was heard.

    Returns:
        The text of the file.
    """
    segments = [(s.start_s, s.end_s, one_line(s.text)) for s in transcript.segments if one_line(s.text)]
    words = [(w.start_s, w.end_s, one_line(w.text)) for w in transcript.words if one_line(w.text)]
    end = max(round(transcript.duration_s * _MICROSECONDS), len(words), 1)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {_seconds(end)} "]
    lines += ["tiers? <exists> ", "size = 2 ", "item []: "]
    for number, (name, items) in enumerate((("segments", segments), ("words", words)), 1):
        lines += [f"    item [{number}]:", *(f"        {line}" for line in _tier(name, items, end))]
    return "\n".join(lines) + "\n"


FORMATS: MappingProxyType[str, Callable[[Transcript], str]] = MappingProxyType(
    {"txt": to_txt, "srt": to_srt, "vtt": to_vtt, "tsv": to_tsv, "json": to_json, "textgrid": to_textgrid}
)
SUFFIXES = MappingProxyType({name: ".TextGrid" if name == "textgrid" else f".{name}" for name in FORMATS})


def parse_formats(names: str | Iterable[str]) -> tuple[str, ...]:
    """The formats that are named.

    Args:
        names: "srt,json", or the names one by one; case does not matter.

    Returns:
        Keys of FORMATS, each once, in the given order.

    Raises:
        ConfigError: If one is not known, or none is given.
    """
    parts = names.split(",") if isinstance(names, str) else names
    wanted = dict.fromkeys(part.strip().lower() for part in parts if part.strip())
    unknown = next((name for name in wanted if name not in FORMATS), None)
    if unknown is not None:
        raise ConfigError(f"unknown format {unknown!r}; known: {', '.join(FORMATS)}")
    if not wanted:
        raise ConfigError(f"no format named; known: {', '.join(FORMATS)}")
    return tuple(wanted)


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file's suffix stands for.

    Args:
        path: Such as talk.srt or talk.TextGrid.

    Returns:
        A key of FORMATS.

    Raises:
        ConfigError: If the suffix stands for none.
    """
    suffix = Path(path).suffix.lower()
    if suffix.removeprefix(".") not in FORMATS:
        raise ConfigError(f"{os.fspath(path)}: no format for the suffix {suffix!r}; known: {', '.join(FORMATS)}")
    return suffix.removeprefix(".")


def save(transcript: Transcript, path: str | os.PathLike[str]) -> None:
    """Write a transcript in the format of the file's suffix, whole or not at all.

    A suffix that stands for no format is a ConfigError, a file that cannot be written a DataError.

    Args:
        transcript: What was heard.
        path: The file; an older one is replaced.
    """
    write_text(path, FORMATS[format_of(path)](transcript))


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Args:
        path: The file; an older one is replaced. Its folder must exist.
        text: Lines that end in line feeds.

    Raises:
        DataError: If it cannot be written.
    """
    name = os.fspath(path)
    try:
        content = text.encode("utf-8")
        with atomic_write(path) as scratch:
            scratch.write_bytes(content)
    except UnicodeEncodeError as error:
        raise DataError(f"{name}: the text holds half a character (U+{ord(error.object[error.start]):04X})") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be written ({error.strerror}); check the folder and the space left") from error


def _clock(time_ms: int, point: str) -> str:
    """HH:MM:SS and thousandths after `point`; more than 99 hours take more digits."""
    seconds, thousandths = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{point}{thousandths:03d}"


def _seconds(microseconds: int) -> str:
    """Decimal seconds without needless zeros."""
    whole, rest = divmod(microseconds, _MICROSECONDS)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") if rest else str(whole)


def _tier(name: str, items: Sequence[tuple[float, float, str]], end: int) -> list[str]:
    """The lines of an interval tier from 0 to `end` microseconds."""
    times = whole_units(((start_s, end_s) for start_s, end_s, _ in items), _MICROSECONDS, end)
    intervals: list[tuple[int, int, str]] = []
    reached = 0
    for (start, stop), (_, _, text) in zip(times, items, strict=True):
        if start > reached:
            intervals.append((reached, start, ""))
        intervals.append((start, stop, text))
        reached = stop
    if reached < end:
        intervals.append((reached, end, ""))
    lines = ['class = "IntervalTier" ', f'name = "{name}" ', "xmin = 0 ", f"xmax = {_seconds(end)} "]
    lines.append(f"intervals: size = {len(intervals)} ")
    for number, (start, stop, text) in enumerate(intervals, 1):
        quoted = text.replace('"', '""')
        lines += [f"intervals [{number}]:", f"    xmin = {_seconds(start)} ", f"    xmax = {_seconds(stop)} "]
        lines.append(f'    text = "{quoted}" ')
    return lines
