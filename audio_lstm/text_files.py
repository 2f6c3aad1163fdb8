"""Text files of users: read whole, in UTF-8, with one line about what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import BinaryIO

from audio_lstm.errors import DataError

__all__ = ["decode_text", "json_text", "read_text"]

_MAX_BYTES = 50_000_000  # a hundred long books


def read_text(
    path: str | os.PathLike[str],
    *,
    what: str,
    way_out: str = "check the path and its permissions",
    max_bytes: int = _MAX_BYTES,
) -> str:
    """The text of a file.

    Args:
        path: The file; a byte-order mark is left out.
        what: It should be, for messages: "a list of recordings".
        way_out: If it cannot be read, for messages.
        max_bytes: What is larger is something else, and is not read.

    Returns:
        The text.

    Raises:
        DataError: If it is too large, cannot be read, or is not UTF-8.
    """
    file = Path(path)
    try:
        if file.is_file() and file.stat().st_size > max_bytes:
            raise DataError(f"{file}: {file.stat().st_size} bytes is too large for {what}; split it")
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); {way_out}") from error


def json_text(values: object) -> str:
    """JSON in one line, which can be written as UTF-8 whatever it holds.

    Args:
        values: Plain values. A file's name that is not UTF-8 (`os.fsdecode` keeps its bytes as lone surrogates) makes
            escapes of all that is not ASCII.

    Returns:
        The text, without a line feed.
    """
    text = json.dumps(values, ensure_ascii=False, allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(values, allow_nan=False)
    return text


def decode_text(stream: BinaryIO, *, what: str, max_bytes: int = _MAX_BYTES) -> str:
    """The text that standard input, or another stream, holds.

    Args:
        stream: Read to its end; a byte-order mark is left out.
        what: It should be, for messages: "a list of recordings".
        max_bytes: What is longer is something else.

    Returns:
        The text.

    Raises:
        DataError: If it is too long or not UTF-8.
    """
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise DataError(f"standard input: more than {max_bytes} bytes are too many for {what}; split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"standard input: not UTF-8 text (byte {error.start}); convert it to UTF-8") from error
