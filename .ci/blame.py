"""Says which release newer than the lock makes a command fail: `python .ci/blame.py "pytest --last-failed"`.

Run in the environment where the command failed. The releases of constraints/newest.txt are put back first; if the
command passes with them, halving finds the newer release with which it fails.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCK = Path(__file__).resolve().parent.parent / "constraints" / "newest.txt"


def locked_versions(lock: Path) -> dict[str, Version]:
    """The releases of a constraints file that count for this system and Python."""
    versions = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            versions[canonicalize_name(requirement.name)] = Version(str(requirement.specifier).removeprefix("=="))
    return versions


def newer_releases(locked: dict[str, Version]) -> list[tuple[str, Version, Version]]:
    """Name, locked and installed version of what is installed in a newer release than the lock's."""
    installed = {canonicalize_name(found.name): Version(found.version) for found in distributions()}
    return [
        (name, version, Version(installed[name].public))
        for name, version in sorted(locked.items())
        if name in installed and installed[name].public != version.public and installed[name] > version
    ]


def passes(command: str, pins: list[str]) -> bool:
    """Whether the command passes after those releases have been installed."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *pins]
    return (
        not subprocess.run(install, check=False).returncode
        and not subprocess.run(command, shell=True, check=False).returncode
    )


def main(command: str) -> None:
    """Print the verdict on stdout."""
    newer = newer_releases(locked_versions(LOCK))
    if not newer:
        print("blame: nothing here is newer than constraints/newest.txt: it is not a new release that fails")
        return
    print(
        "blame: newer than constraints/newest.txt:",
        ", ".join(f"{n} {new} ({old})" for n, old, new in newer),
        flush=True,
    )

    def with_first(n_newer: int) -> bool:
        pins = [f"{name}=={new if i < n_newer else old}" for i, (name, old, new) in enumerate(newer)]
        return passes(command, pins)

    if not with_first(0):
        print("blame: it fails with the locked releases too: it is not a new release that fails")
        return
    good, bad = 0, len(newer)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if with_first(middle) else (good, middle)
    name, old, new = newer[bad - 1]
    print(f"blame: {name} {new} breaks `{command}`; with {name} {old} (the lock's) it passes")


if __name__ == "__main__":
    main(sys.argv[1])
