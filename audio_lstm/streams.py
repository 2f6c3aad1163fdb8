"""The standard streams of a program: nothing that is written to them fails for its letters, or as they are closed."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from typing import TextIO

__all__ = ["drop", "is_closed", "prepare_streams"]

_OTHERWISE = "audio_lstm.otherwise"  # the name of our way with what a stream cannot encode
_PLAIN = {"…": "...", "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "→": "->", "×": "x"}


class _Closed(io.TextIOWrapper):
    """What stands in the place of a stream that was closed when Python began; it leads nowhere."""


def prepare_streams() -> None:
    """Make the standard streams such that nothing written to them fails for its letters, or because they are closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: without this the next file that is opened would be taken for a stream
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    codecs.register_error(_OTHERWISE, _otherwise)
    for name in ("stdout", "stderr"):
        setattr(sys, name, _prepared(getattr(sys, name)))


def _prepared(stream: TextIO | None) -> TextIO:
    if stream is None:
        return _Closed(open(os.devnull, "wb"), "utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_OTHERWISE)
    return stream


def _otherwise(error: UnicodeError) -> tuple[str | bytes, int]:
    """What to write for a character that the encoding lacks: a file name's own bytes, plain signs, or an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is no text; os.fsdecode put it so
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode(), error.start + 1


def is_closed(stream: TextIO) -> bool:
    """Whether a standard stream was closed when the program began.

    Args:
        stream: After `prepare_streams`. What is sent to /dev/null is not closed.

    Returns:
        The answer.
    """
    return isinstance(stream, _Closed)


def drop(stream: TextIO) -> None:
    """Send what is still to be written to a stream, and all that follows, nowhere: it takes nothing any longer.

    Args:
        stream: On which writing has failed; Python would try once more at the end, and complain.
    """
    with contextlib.suppress(OSError, ValueError):  # one without a descriptor, or closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
