"""How far one has to walk through the package to follow what `compose` does: modules, stays and returns.

    python recipes/quality/walk.py [--model lieder] [--list]

Each function is read once, where it is first called. A stay is a row of such functions in one module; a stay in a
module that has been left before is a return. Counted are the modules of `audio_lstm.music`.
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby
from types import FrameType
from typing import Any

from audio_lstm import compose

PACKAGE = "audio_lstm.music."


def walk(**options: Any) -> list[tuple[str, str]]:
    """The functions of `audio_lstm.music` that `compose` runs, in the order of their first calls.

    Args:
        **options: Of `compose`.

    Returns:
        Module and function of each.
    """
    seen: dict[tuple[str, str], None] = {}

    def note(frame: FrameType, event: str, argument: object) -> None:
        module = frame.f_globals.get("__name__", "")
        name = frame.f_code.co_qualname
        if event == "call" and module.startswith(PACKAGE) and not name.startswith("<module"):
            seen.setdefault((module.removeprefix(PACKAGE), name.replace(".<locals>", "").split(".<")[0]))

    sys.setprofile(note)
    try:
        compose(**options)
    finally:
        sys.setprofile(None)
    return list(seen)


def stays(functions: list[tuple[str, str]]) -> list[str]:
    """The modules in which a walk stays, one after the other.

    Args:
        functions: As `walk` returns them.

    Returns:
        Their names; a module that is left and entered again is named again.
    """
    return [module for module, _ in groupby(functions, key=lambda function: function[0])]


def main() -> None:
    """Print the walk of one seed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", default="chorale")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--bars", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="name each stay and its functions")
    options = parser.parse_args()
    functions = walk(model=options.model, seed=options.seed, bars=options.bars)
    if options.list:
        for module, group in groupby(functions, key=lambda function: function[0]):
            print(module, " ".join(name for _, name in group))
    found = stays(functions)
    n_modules = len(set(found))
    print(f"{n_modules} modules, {len(found)} stays, {len(found) - n_modules} returns")


if __name__ == "__main__":
    main()
