"""The files that were made for each visitor: under names that cannot be guessed, and gone when the visitor is."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from pathlib import Path

__all__ = ["VisitorFiles"]


class VisitorFiles:
    """Folders and links, one set a visitor. Several threads may use it."""

    def __init__(self, root: Path, *, keep_s: float) -> None:
        """Begin empty.

        Args:
            root: A folder that belongs to this server alone.
            keep_s: What has not been asked for in so long is thrown away.
        """
        self._root = root
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._folders: dict[str, Path] = {}  # of each visitor
        self._files: dict[str, Path] = {}  # by token
        self._used: dict[str, float] = {}  # when a visitor last put something here, on time.monotonic's clock

    def folder(self, visitor: str) -> Path:
        """A new folder of a visitor's own.

        Args:
            visitor: Gradio's session hash.

        Returns:
            An empty folder, with a name that nobody can guess.
        """
        self.sweep()
        with self._lock:
            home = self._folders.setdefault(visitor, self._root / secrets.token_urlsafe(16))
            self._used[visitor] = time.monotonic()
            place = home / secrets.token_hex(8)
            place.mkdir(parents=True)
            return place

    def link(self, file: Path) -> str:
        """An address under which the page finds a file.

        Args:
            file: In a folder from `folder`.

        Returns:
            A path on this server; whoever does not know it cannot find it.
        """
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._files[token] = file
        return f"/shelf/{token}/{file.name}"

    def find(self, token: str) -> Path | None:
        """The file of a link, or None if there is none any longer."""
        with self._lock:
            file = self._files.get(token)
        return file if file is not None and file.is_file() else None

    def drop(self, visitor: str) -> None:
        """Throw away all that a visitor has."""
        with self._lock:
            home = self._folders.pop(visitor, None)
            self._used.pop(visitor, None)
            if home is not None:
                gone = [token for token, file in self._files.items() if file.is_relative_to(home)]
                for token in gone:
                    del self._files[token]
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)

    def sweep(self) -> None:
        """Throw away what nobody has asked for in a long time."""
        before = time.monotonic() - self._keep_s
        with self._lock:
            stale = [visitor for visitor, used in self._used.items() if used < before]
        for visitor in stale:
            self.drop(visitor)

    @property
    def n_visitors(self) -> int:
        """Visitors who have something here."""
        return len(self._folders)
