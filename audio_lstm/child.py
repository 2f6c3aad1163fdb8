"""How this package starts a Python of its own: with the same package, and nothing out of the working directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["module_command", "module_environment"]


def module_command(module: str, *arguments: object) -> list[str]:
    """The command that runs a module; start it in `module_environment()`.

    Not multiprocessing, so that a user's script needs no `__main__` guard.

    Args:
        module: Its full name.
        *arguments: For its `main`; each becomes a word.

    Returns:
        For subprocess.
    """
    # -P: without it Python would look in the working directory first, and run a numpy.py that lies there.
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def module_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of such a process: the caller's, with this package on the path, wherever it came from.

    What the caller has on PYTHONPATH stays there, but for what stands for the working directory without naming it (an
    empty entry, as `PYTHONPATH=$PYTHONPATH:/more` leaves one, and `.`): to the child it would be whichever folder a
    recording or a score lies in.

    Args:
        more: Variables besides.

    Returns:
        For subprocess.
    """
    package = str(Path(__file__).resolve().parents[1])
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    named = [entry for entry in given if os.path.normpath(entry) != os.curdir]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, *named]), **(more or {})}
