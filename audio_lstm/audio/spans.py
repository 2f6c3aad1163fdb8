"""Stretches of a file as a decoder in C should see them: end to end, behind a header of ours where theirs is wrong."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Layout", "Piece", "SplicedFile", "find_in_file", "read_at"]

Piece = bytes | tuple[int, int]  # bytes of our own, or from where to where in the file

_WINDOW_BYTES = 1 << 20  # searched at a time


@dataclass(frozen=True)
class Layout:
    """Where a file's recordings lie, and what its headers say that is not so."""

    parts: tuple[tuple[Piece, ...], ...]  # recordings one after the other, each for a decoder of its own
    cut: str | None = None  # what is missing at the end, in words; None where nothing is, or nobody can tell
    note: str | None = None  # how the header disagrees with what is there, in words


class SplicedFile:
    """A read-only file of pieces, for decoders that call it from C.

    There an exception would be printed and then forgotten. So seeking never fails, and an error in reading is kept
    until it can be raised. The file has no name: soundfile would take a format from it.
    """

    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        """Begin at the first byte.

        Args:
            file: A seekable binary file.
            pieces: What to show, in order.
        """
        self._file, self._given = file, pieces
        self._pieces: list[tuple[int, int, Piece]] = []  # where each begins and ends here
        size = 0
        for piece in pieces:
            n_bytes = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            self._pieces.append((size, size + n_bytes, piece))
            size += n_bytes
        self._size = size
        self._at = 0
        self.error: OSError | None = None  # of the last read that failed

    def again(self) -> SplicedFile:
        """The same file with a place and errors of its own."""
        return SplicedFile(self._file, self._given)

    def read(self, n_bytes: int = -1) -> bytes:
        """The next bytes, b"" at the end and where the file cannot be read."""
        stop = self._size if n_bytes < 0 else min(self._size, self._at + n_bytes)
        found = []
        try:
            for begin, end, piece in self._pieces:
                if begin <= self._at < min(end, stop):
                    data = self._from(piece, self._at - begin, min(end, stop) - begin)
                    found.append(data)
                    self._at += len(data)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            self.error = error if isinstance(error, OSError) else OSError(str(error))
        return found[0] if len(found) == 1 else b"".join(found)

    def _from(self, piece: Piece, begin: int, end: int) -> bytes:
        if isinstance(piece, bytes):
            return piece[begin:end]
        self._file.seek(piece[0] + begin)
        return self._file.read(end - begin)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; one before the start, where a damaged header led, leaves the file where it is."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}.get(whence, 0)
        if 0 <= start + offset < 1 << 62:
            self._at = start + offset
        return self._at

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at


def read_at(file: BinaryIO | SplicedFile, offset: int, n_bytes: int) -> bytes:
    """Up to `n_bytes` bytes of `file` from `offset`; none where a damaged header led to nowhere."""
    if offset >> 62:
        return b""
    file.seek(offset)
    return file.read(n_bytes)


def find_in_file(file: BinaryIO | SplicedFile, wanted: bytes, start: int, stop: int) -> int:
    """Where some bytes come first.

    Args:
        file: A seekable binary file.
        wanted: The bytes.
        start: Where to begin.
        stop: Where to end; the last of the bytes lies before it.

    Returns:
        The offset of their first byte; -1 where they are not there.
    """
    overlap = len(wanted) - 1
    for offset in range(start, stop, _WINDOW_BYTES):
        found = read_at(file, offset, min(_WINDOW_BYTES + overlap, stop - offset)).find(wanted)
        if found >= 0:
            return offset + found
    return -1
