"""What the commands share on the terminal: one-line complaints, results, progress, and checks of options.

Nothing that is written to the terminal fails for what it says: letters that its encoding lacks are written otherwise.
Complaints and progress never end the work; results do, where nobody can get them any longer.
"""

from __future__ import annotations

import argparse
import codecs
import difflib
import json
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from audio_lstm.atomic import check_writable
from audio_lstm.errors import AudioLSTMError
from audio_lstm.streams import drop, is_closed

__all__ = [
    "ComplainingHandler",
    "Parser",
    "add_model",
    "add_reading",
    "answer",
    "answer_json",
    "complain",
    "listening",
    "live_line",
    "positive_float",
    "progress",
    "require_output",
    "require_writable",
    "standard_input",
]


class Parser(argparse.ArgumentParser):
    """One line per usage error, with the option or command that was probably meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As in argparse, but what a command does not know is reported by that command, which knows its options."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            what = "unknown option" if word.startswith("-") else "unexpected argument"
            self.error(f"{what} {word}{_meant(word, self._option_string_actions)}")
        return known, unknown

    def print_help(self, file: Any = None) -> None:
        """As in argparse, which passes over a stream that takes nothing."""
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Complain in one line and leave with status 2."""
        choice = re.search(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL)
        if choice:
            known = re.findall(r"[\w-]+", choice[3])
            if choice[1].startswith("-"):
                message = f"{choice[1]} {choice[2]}: choose from {', '.join(known)}"
            else:
                hint = _meant(choice[2], known) or f"; known: {', '.join(known)}"
                message = f"unknown command {choice[2]}{hint}"
        complain(f"{message} (see {self.prog} --help)")
        raise SystemExit(2)


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def add_model(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add the options that choose a model and where it runs.

    Args:
        parser: Of the command.
        default: The model where none is named; None requires one.
    """
    hint = f"name, folder or hub id (default: {default})" if default else "name or folder"
    parser.add_argument("--model", default=default, required=default is None, metavar="M", help=hint)
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu (default) or cuda")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which recordings are read.

    Args:
        parser: Of the command.
    """
    parser.add_argument(
        "--max-seconds",
        type=positive_float,
        default=None,
        metavar="S",
        help="refuse longer recordings than S seconds (86400: 24 h)",
    )
    parser.add_argument(
        "--allow-truncated", action="store_true", help="transcribe what can be read of a damaged or truncated file"
    )
    parser.add_argument(
        "--track",
        type=_counted,
        default=None,
        metavar="N",
        help="audio track, counted from 1 (default: the file's own)",
    )


def require_output() -> None:
    """Complain about a result that could go nowhere before the work is done, not after.

    Raises:
        AudioLSTMError: If standard output is closed.
    """
    if is_closed(sys.stdout):
        raise AudioLSTMError("standard output is closed, and the result would go there; run it without >&-")


def standard_input() -> BinaryIO:
    """What is piped in.

    Returns:
        The bytes of standard input.

    Raises:
        AudioLSTMError: If it is closed.
    """
    if sys.stdin is None:
        raise AudioLSTMError("standard input is closed; pipe something into it, or name a file")
    return sys.stdin.buffer


def _tell(text: str) -> None:
    """Write to stderr; whether anybody reads it, the work goes on."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):  # a full disk, a terminal or reader that is gone
        drop(sys.stderr)


def answer(text: str, *, beside: bool = False) -> None:
    """Write a result to stdout.

    Args:
        text: One or several lines, without the last line feed.
        beside: Write it to stderr, since stdout holds a JSON object and nothing else.
    """
    if beside:
        _tell(f"{text}\n")
        return
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()  # files are answered one by one


def answer_json(text: str) -> None:
    """Write JSON to stdout so that it is JSON there too, whatever the terminal's encoding.

    Args:
        text: JSON, without the last line feed.
    """
    encoding = codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name
    try:
        text.encode("utf-8" if encoding == "utf-8" else "ascii")
    except UnicodeEncodeError:  # only strings hold such characters: each becomes an escape
        text = "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)
    answer(text)


def complain(line: str) -> None:
    """Write a complaint to stderr.

    Args:
        line: What is wrong; becomes one line.
    """
    _tell(f"audio-lstm: {' '.join(line.split())}\n")


class ComplainingHandler(logging.Handler):
    """Makes complaints of what the package logs as warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        """Complain about one."""
        if record.levelno >= logging.WARNING:
            complain(record.getMessage())


def progress(n_items: int, noun: str) -> Callable[[int], None] | None:
    """A counter on stderr with the time left.

    Args:
        n_items: How many there are.
        noun: What they are, in the plural.

    Returns:
        Shows how many are done; None where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        return None
    start = time.perf_counter()

    def show(done: int) -> None:
        left_s = (time.perf_counter() - start) / done * (n_items - done)
        end = "\n" if done == n_items else ""
        _tell(f"\r{done}/{n_items} {noun}, {left_s:.0f} s left {end}")

    return show


def live_line() -> Callable[[str], None] | None:
    """A line on stderr that is written anew again and again.

    Returns:
        Shows a text in place of the one before, its end where it is too long for the terminal; "" clears the line.
        None where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        return None
    width = shutil.get_terminal_size().columns - 1
    shown = ""

    def show(text: str) -> None:
        nonlocal shown
        text = text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"
        if text != shown:
            _tell(f"\r\x1b[2K{text}")
            shown = text

    return show


def listening(name: str) -> Callable[[float, float | None], None] | None:
    """How much of a recording has been heard, on stderr, a few times a second.

    Args:
        name: Of the recording.

    Returns:
        Shows the seconds heard, of how many (None: unknown), and the speed; None where stderr is no terminal.
    """
    show = live_line()
    if show is None:
        return None
    start = shown = time.perf_counter()

    def report(done_s: float, total_s: float | None) -> None:
        nonlocal shown
        now = time.perf_counter()
        if total_s is not None and done_s >= total_s:
            show("")
        elif now - shown >= 0.3:
            shown = now
            of = "" if total_s is None else f" of {_clock(total_s)}"
            show(f"{name}: {_clock(done_s)}{of} heard, {done_s / (now - start):.0f} x real time")

    return report


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _counted(text: str) -> int:
    """A whole number from 1, for argparse."""
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def positive_float(text: str) -> float:
    """A finite number above 0, for argparse.

    Args:
        text: As it was typed.

    Returns:
        The number.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def require_writable(files: Iterable[Path], *, force: bool) -> None:
    """Complain about what cannot be written, or stands there already, before anything is done, not after.

    Args:
        files: What is to be written. A missing folder above one of them could be made.
        force: Whether files, but not folders, may be overwritten.

    Raises:
        AudioLSTMError: If one of them is named twice, exists and may not be overwritten, or cannot be written.
    """
    seen: set[str] = set()
    for file in files:
        if file.is_dir():
            raise AudioLSTMError(f"{file}: is a folder; pass another --out")
        if file.exists() and not force:
            raise AudioLSTMError(f"{file}: exists already; pass --force to overwrite it, or another --out")
        if (place := os.path.realpath(file)) in seen:
            raise AudioLSTMError(f"{file}: is to be written twice; name it once")
        seen.add(place)
        try:
            check_writable(file)
        except NotADirectoryError as error:
            raise AudioLSTMError(f"{file}: {error.filename} is a file, not a folder; pass another --out") from error
        except OSError as error:
            where = f"{file}: cannot be written: {error.strerror} ({error.filename})"
            raise AudioLSTMError(f"{where}; check its folder and the space left, or pass another --out") from error


def require_folder(file: Path) -> None:
    """Complain about a missing folder before the work is done, not after.

    Args:
        file: What is to be written.

    Raises:
        AudioLSTMError: If there is no folder for it.
    """
    if not os.path.lexists(file.parent):
        raise AudioLSTMError(f"{file}: the folder {file.parent} does not exist; create it first")
