"""Damaged inputs bring nothing but our own errors, and the check itself can fail."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import pytest

from recipes.benchmarks import fuzz
from recipes.benchmarks.fuzz_kinds import KINDS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the children are measured by /proc")


def test_the_same_seed_damages_alike() -> None:
    seeds = [b"#JSGF V1.0;\npublic <a> = ONE 2 | TWO;\n" * 3, b"X:1\nK:C\nC4|\n"]
    one, other = (fuzz.Damage(seeds, random.Random(5)) for _ in range(2))
    damaged = [one() for _ in range(300)]
    assert damaged == [other() for _ in range(300)]
    assert len(set(damaged)) > 250
    assert not set(damaged) <= set(seeds)


@pytest.mark.parametrize("kind", list(KINDS))
def test_damaged_inputs_are_read_or_refused(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--n", "25", "--kinds", kind, "--keep", str(tmp_path), "--seconds", "60"]
    assert fuzz.main(arguments) == 0, capsys.readouterr().out
    assert "    0        0  " in capsys.readouterr().out.splitlines()[-1]  # other and slow


def test_a_foreign_error_is_a_fault_and_its_input_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Child:
        is_alive = True

        def __init__(self, kind: str) -> None:
            assert kind == "grammar"

        def read(self, path: Path, seconds: float) -> tuple[str, str, int]:
            return ("read", "", 0) if path.name.startswith("good") else ("other", "KeyError in jsgf.py:1: 'x'", 0)

        def close(self) -> None: ...

    monkeypatch.setattr(fuzz, "Child", Child)
    assert fuzz.main(["--n", "3", "--kinds", "grammar", "--keep", str(tmp_path)]) == 1
    assert "3 x other: KeyError in jsgf.py:1: 'x'" in capsys.readouterr().out
    kept = sorted(file.name for file in (tmp_path / "grammar").iterdir())
    assert kept == [f"0-{number}.jsgf{suffix}" for number in range(3) for suffix in ("", ".why")]


@pytest.mark.parametrize(
    ("program", "outcome", "why"),
    [
        ("import time; print('ready', flush=True); time.sleep(60)", "slow", "no answer in 0.4 s"),
        ("import os; print('ready', flush=True); input(); os.abort()", "other", "the child died (-6)"),
        (
            "import sys; print('ready', flush=True); input(); print('oh', file=sys.stderr); "
            """print('{"outcome": "read", "why": "", "bytes": 0}', flush=True); input()""",
            "other",
            "standard error: oh",
        ),
    ],
)
def test_a_child_that_hangs_dies_or_complains_is_a_fault(
    program: str, outcome: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = fuzz.subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        return start([sys.executable, "-c", program], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(fuzz.subprocess, "Popen", popen)
    child = fuzz.Child("lm")
    try:
        seen = child.read(tmp_path / "x", 0.1 if outcome == "slow" else 30.0)
    finally:
        child.close()
    assert (seen[0], seen[1][: len(why)]) == (outcome, why)


def test_an_input_over_the_limits_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Child:
        is_alive = True

        def __init__(self, kind: str) -> None: ...

        def read(self, path: Path, seconds: float) -> tuple[str, str, int]:
            return "read", "", fuzz.MEMORY_BYTES + 1

        def close(self) -> None: ...

    monkeypatch.setattr(fuzz, "Child", Child)
    options = argparse.Namespace(seed=0, seconds=5.0, keep=tmp_path)
    assert fuzz.fuzz("lm", [(".arpa", b"x")], 2, options, 0).counts == {"slow": 2}
