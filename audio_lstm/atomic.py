"""Files that are written whole or not at all: beside the target, flushed to the disk, then renamed over it."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["atomic_write", "check_writable", "remove_leftovers"]

_BLOCK_BYTES = 4096  # of most file systems: what a full disk has no room for
_TOKEN_BYTES = 8
_SCRATCH = re.compile(rf"\.(?P<stem>.+)-[0-9a-f]{{{2 * _TOKEN_BYTES}}}(?P<suffix>\.[^.]*|)", re.DOTALL)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path to write to; when the block ends without an error, its file replaces the target.

        with atomic_write("model.safetensors") as scratch:
            save_file(tensors, scratch)

    A reader, and a process killed at any moment, sees the old file or the new one, never half of either. A full
    disk leaves the old file as it was. Links are followed, so that they survive; a target that is no regular file
    (/dev/stdout, a pipe) is written directly, since there is nothing to protect.

    Args:
        path: The file to write; its folder must exist.

    Yields:
        A path in the same folder with the same suffix, at which nothing exists yet (the block creates the file).
    """
    target = Path(os.path.realpath(path))
    if _is_special(target):
        yield target
        return
    scratch = _beside(target)
    mode = _usual_mode(target, scratch)
    try:
        yield scratch
        scratch.chmod(mode)  # some writers (safetensors, tempfile) make files that only their owner may read
        _flush(scratch)
        os.replace(scratch, target)
        if os.name == "posix":  # other systems cannot open a folder
            _flush(target.parent)
    finally:
        scratch.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out whether `atomic_write` can write a file, for callers that want to know before the work is done.

    Permissions do not tell (of a disk that is full or mounted to be read, say), so a block is written, under no name.

    Args:
        path: The file. Where folders are missing, they could be made: it is tried in the nearest one that exists.

    Raises:
        IsADirectoryError: If a folder is there.
        NotADirectoryError: If a file is where a folder should be; `filename` is what is in the way.
        OSError: If it cannot be written for another reason; `filename` is the folder.
    """
    target = Path(os.path.realpath(path))
    if _is_special(target):
        return
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    folder = next(parent for parent in target.parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), os.fspath(folder))
    try:
        with suppress(FileNotFoundError):
            os.lstat(_beside(folder / target.name))  # names can be too long
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_BLOCK_BYTES))
            file.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(folder)) from error


def remove_leftovers(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Remove what processes that were killed while they wrote files left beside them.

    Args:
        paths: The files, as `atomic_write` was told; nobody may be writing them now. Each folder is read once.
    """
    names = defaultdict(set)
    for path in paths:
        folder, name = os.path.split(path)
        names[folder or "."].add(name)
    for folder, expected in names.items():
        if not os.path.isdir(folder):
            continue
        for entry in os.listdir(folder):
            scratch = _SCRATCH.fullmatch(entry)
            if scratch and scratch["stem"] + scratch["suffix"] in expected:
                Path(folder, entry).unlink(missing_ok=True)


def _is_special(target: Path) -> bool:
    """Whether it is neither a file nor a folder: a device, a pipe."""
    return target.exists() and not target.is_file() and not target.is_dir()


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.stem}-{secrets.token_hex(_TOKEN_BYTES)}{target.suffix}")


def _usual_mode(target: Path, scratch: Path) -> int:
    """The permissions of the file that is replaced, or of a new one in this process."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    scratch.touch()  # asking for the umask itself would change it for a moment, in all threads
    mode = stat.S_IMODE(scratch.stat().st_mode)
    scratch.unlink()
    return mode


def _flush(path: Path) -> None:
    # Windows flushes only what is open for writing.
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
