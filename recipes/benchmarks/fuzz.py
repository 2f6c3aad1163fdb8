"""Damaged inputs of every kind: are they read or refused, and never anything else?

    python -m recipes.benchmarks.fuzz --n 1000
    python -m recipes.benchmarks.fuzz --n 100000 --workers 2 --seeds ../shared/cases --keep runs/fuzz

Good inputs (made here, and the files below `--seeds`) are damaged at random: bytes and bits changed, pieces left out,
repeated, moved or taken from another input, numbers made huge or negative, the end cut off. Each is read in a child
process, which is limited in time and memory. What counts:

- read: it was understood
- refused: one of our own errors (`AudioLSTMError`), or a 4xx answer of the service
- other: any other exception or answer, or the child died; text on the child's standard error counts too
- slow: it took more than 5 s or 1 GiB of memory

Prints a table of the kinds, keeps every input that was other or slow below `--keep`, with what happened, and exits with
1 if there is one. `--kinds` chooses kinds; the same `--seed` makes the same inputs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from audio_lstm.errors import AudioLSTMError, DataError
from audio_lstm.training.options import run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.benchmarks.fuzz_kinds import KINDS

SECONDS = 5.0  # an input may take
MEMORY_BYTES = 1 << 30  # it may take beyond what the child had before
OUTCOMES = ("read", "refused", "other", "slow")
REPOSITORY = Path(__file__).resolve().parents[2]
_NUMBER = re.compile(rb"-?\d+(\.\d+)?")
_NUMBERS = (
    b"0",
    b"-1",
    b"1e308",
    b"NaN",
    b"99999999999999999999",
    b"4294967296",
    b"-2147483649",
    b"0.1",
    b"65536",
    b"",
)
_BYTES = (0, 1, 0x7F, 0x80, 0xFF)


class Damage:
    """Random damage to an input, of one kind or several at once."""

    def __init__(self, seeds: Sequence[bytes], rng: random.Random) -> None:
        self._seeds, self._rng = seeds, rng

    def __call__(self) -> bytes:
        """One more damaged input."""
        data = bytearray(self._rng.choice(self._seeds))
        ways: tuple[Callable[[bytearray], bytearray], ...] = (
            *(self._bytes, self._bits, self._word, self._leave_out, self._repeat, self._move),
            *(self._splice, self._cut, self._number, self._line, self._insert),
        )
        for _ in range(self._rng.choice((1, 1, 1, 2, 3, 8))):
            data = self._rng.choice(ways)(data)
        return bytes(data[: 4 << 20])

    def _place(self, data: bytearray) -> int:
        """Half of the damage hits the first 200 bytes, where the headers are."""
        return self._rng.randrange(max(1, min(len(data), 200) if self._rng.random() < 0.5 else len(data)))

    def _piece(self, data: bytearray) -> slice:
        begin = self._place(data)
        return slice(begin, begin + int(self._rng.paretovariate(0.5)))

    def _bytes(self, data: bytearray) -> bytearray:
        for _ in range(self._rng.choice((1, 2, 10)) if data else 0):
            data[self._place(data)] = self._rng.choice((*_BYTES, self._rng.randrange(256)))
        return data

    def _bits(self, data: bytearray) -> bytearray:
        for _ in range(self._rng.choice((1, 2, 10)) if data else 0):
            data[self._place(data)] ^= 1 << self._rng.randrange(8)
        return data

    def _word(self, data: bytearray) -> bytearray:
        """A number of two, four or eight bytes becomes an extreme one."""
        size, begin = self._rng.choice((2, 4, 8)), self._place(data)
        value = self._rng.choice((0, 1, -1, 1 << (8 * size - 1), (1 << (8 * size - 1)) - 1, len(data), 1 << 16))
        word = (value % (1 << 8 * size)).to_bytes(size, self._rng.choice(("little", "big")))
        data[begin : begin + size] = word
        return data

    def _leave_out(self, data: bytearray) -> bytearray:
        del data[self._piece(data)]
        return data

    def _repeat(self, data: bytearray) -> bytearray:
        piece = self._piece(data)
        data[piece.start : piece.start] = (data[piece] * self._rng.choice((1, 2, 50)))[: 1 << 20]
        return data

    def _move(self, data: bytearray) -> bytearray:
        piece = self._piece(data)
        taken = data[piece]
        del data[piece]
        place = self._place(data)
        data[place:place] = taken
        return data

    def _splice(self, data: bytearray) -> bytearray:
        other = self._rng.choice(self._seeds)
        return data[: self._place(data)] + other[self._rng.randrange(len(other) + 1) :]

    def _cut(self, data: bytearray) -> bytearray:
        return data[: self._rng.randrange(len(data) + 1)]

    def _number(self, data: bytearray) -> bytearray:
        """A number written in text becomes an extreme one."""
        found = list(_NUMBER.finditer(bytes(data[: 1 << 16])))
        if not found:
            return self._word(data)
        match = self._rng.choice(found)
        data[match.start() : match.end()] = self._rng.choice(_NUMBERS)
        return data

    def _line(self, data: bytearray) -> bytearray:
        lines = data.split(b"\n")
        one, other = self._rng.randrange(len(lines)), self._rng.randrange(len(lines))
        if self._rng.random() < 0.5:
            lines[one], lines[other] = lines[other], lines[one]
        else:
            lines[one:one] = [lines[other]] * self._rng.choice((1, 2, 100))
        return bytearray(b"\n".join(lines)[: 4 << 20])

    def _insert(self, data: bytearray) -> bytearray:
        strange = (
            "\u2028",
            "\ufeff",
            "\x00",
            "[" * 2000,
            "<a>" * 2000,
            "&x;",
            "\udcff",
            '"',
            "é",
            "%s" * 50,
            "{",
            "|1",
        )
        place = self._place(data)
        data[place:place] = self._rng.choice(strange).encode("utf-8", "surrogateescape")
        return data


@dataclass
class Tally:
    """What became of the inputs of one kind."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)  # first line of what was other or slow
    longest_s: float = 0.0
    most_bytes: int = 0

    def add(self, other: Tally) -> None:
        """Take in another part's."""
        self.counts += other.counts
        self.faults += other.faults
        self.longest_s = max(self.longest_s, other.longest_s)
        self.most_bytes = max(self.most_bytes, other.most_bytes)


class Child:
    """A process that reads inputs of one kind, one after the other."""

    def __init__(self, kind: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        command = [sys.executable, "-P", "-m", "recipes.benchmarks.fuzz", "--child", kind]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, cwd=REPOSITORY, env=environment
        )
        self._answers: IO[bytes] = self._process.stdout  # type: ignore[assignment]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)
        self._n_error_bytes = 0
        if not self._line(120.0):
            raise RuntimeError(f"the child for {kind} does not start: {self._said()}")

    def _line(self, seconds: float) -> bytes:
        return self._answers.readline() if self._selector.select(seconds) else b""

    def _said(self) -> str:
        """What has come on standard error since the last time."""
        self._errors.seek(self._n_error_bytes)
        text = self._errors.read()
        self._n_error_bytes += len(text)
        return text.decode(errors="replace").strip()

    def read(self, path: Path, seconds: float) -> tuple[str, str, int]:
        """Outcome, what happened, and the memory taken in bytes. After a death or a time-out it is of no more use."""
        assert self._process.stdin is not None
        self._process.stdin.write(os.fsencode(path) + b"\n")
        self._process.stdin.flush()
        line = self._line(4 * seconds)
        if not line:
            if self._process.poll() is None and self._selector.select(0) == []:
                return "slow", f"no answer in {4 * seconds:g} s", 0
            return "other", f"the child died ({self._process.wait()}): {self._said()[-300:]}", 0
        answer = json.loads(line)
        said = self._said()
        if said and answer["outcome"] != "other":
            return "other", f"standard error: {said[-300:]}", answer["bytes"]
        return answer["outcome"], answer["why"], answer["bytes"]

    @property
    def is_alive(self) -> bool:
        """Whether it can read another input."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it, and what it has started."""
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._errors.close()


def serve_child(kind: str) -> None:
    """The child: a path a line on standard input, an answer a line on what was standard output."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is a complaint
    read = KINDS[kind].read
    answers.write("ready\n")
    for line in sys.stdin.buffer:
        before = _memory()
        try:
            read(Path(os.fsdecode(line.rstrip(b"\n"))))
            outcome, why = "read", ""
        except AudioLSTMError as error:
            outcome, why = "refused", str(error)
            if "\n" in why:
                outcome, why = "other", f"more than one line: {why!r}"
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is a fault
            frame = traceback.extract_tb(error.__traceback__)[-1]
            outcome, why = (
                "other",
                f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}: {error}"[:300],
            )
        answers.write(json.dumps({"outcome": outcome, "why": why, "bytes": max(0, _memory() - before)}) + "\n")


def _memory() -> int:
    """The most memory that this process and its children have had so far, in bytes (Linux; elsewhere 0)."""
    total = 0
    try:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for name in ("self", *children):
            match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{name}/status").read_text())
            total += 1024 * int(match[1]) if match else 0
    except OSError:
        return 0
    return total


def check_seeds(kind: str, seeds: Sequence[tuple[str, bytes]]) -> None:
    """Make sure that undamaged inputs are read: else the damage would never get past the door."""
    child = Child(kind)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number, (suffix, data) in enumerate(seeds):
                path = Path(folder) / f"good-{number}{suffix}"
                path.write_bytes(data)
                outcome, why, _ = child.read(path, 30.0)
                if outcome != "read":
                    raise DataError(f"the undamaged {kind} input {path.name} was not read ({outcome}: {why})")
    finally:
        child.close()


def fuzz(kind: str, seeds: Sequence[tuple[str, bytes]], n: int, options: argparse.Namespace, part: int) -> Tally:
    """Damage and read so many inputs of a kind."""
    tally = Tally()
    by_suffix: dict[str, list[bytes]] = {}
    for suffix, data in seeds:
        by_suffix.setdefault(suffix, []).append(data)
    rng = random.Random(f"{options.seed} {kind} {part}")
    damages = {suffix: Damage(group, rng) for suffix, group in by_suffix.items()}
    child: Child | None = None
    with tempfile.TemporaryDirectory() as folder:
        for number in range(n):
            suffix = rng.choice(list(damages))
            path = Path(folder) / f"{part}-{number}{suffix}"
            path.write_bytes(damages[suffix]())
            child = child or Child(kind)
            start = time.monotonic()
            outcome, why, n_bytes = child.read(path, options.seconds)
            took = time.monotonic() - start
            if took > options.seconds or n_bytes > MEMORY_BYTES:
                outcome, why = "slow", why or f"{took:.1f} s, {n_bytes / 2**20:.0f} MiB"
            tally.add(Tally(Counter([outcome]), Counter(), took, n_bytes))
            if outcome in ("other", "slow"):
                tally.faults[f"{outcome}: {why.splitlines()[0] if why else ''}"[:160]] += 1
                keep(path, options.keep / kind, why)
            path.unlink()
            if outcome == "slow" or not child.is_alive:
                child.close()
                child = None
    if child:
        child.close()
    return tally


def keep(path: Path, folder: Path, why: str) -> None:
    """Copy an input, and what happened, to where somebody will look."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, folder / path.name)
    (folder / f"{path.name}.why").write_text(why + "\n", "utf-8", "replace")


def seeds_of(kind: str, folder: Path | None) -> list[tuple[str, bytes]]:
    """The good inputs of a kind: those made here, which must be readable, and those found below a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        seeds = list(KINDS[kind].seeds(Path(scratch)))
    check_seeds(kind, seeds)
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.suffix in KINDS[kind].suffixes and path.stat().st_size < 1 << 20:
            seeds.append((path.suffix, path.read_bytes()))
    return seeds


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz all kinds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1000, help="inputs in all")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seeds", type=Path, help="a folder of more good (or known bad) inputs")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="where what failed is kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="longest time for an input")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--child", choices=list(KINDS), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        serve_child(options.child)
        return 0
    total = Tally()
    print(f"{'kind':10} {'inputs':>7} " + " ".join(f"{name:>8}" for name in OUTCOMES) + "  longest      memory")
    for number, kind in enumerate(options.kinds):
        n = options.n // len(options.kinds) + (number < options.n % len(options.kinds))
        seeds = seeds_of(kind, options.seeds)
        shares = [n // options.workers + (part < n % options.workers) for part in range(options.workers)]
        tally = Tally()
        with ThreadPoolExecutor(options.workers) as pool:
            for part in pool.map(lambda part: fuzz(kind, seeds, shares[part], options, part), range(options.workers)):  # noqa: B023
                tally.add(part)
        _print_row(kind, n, tally)
        for fault, count in tally.faults.most_common(20):
            print(f"    {count} x {fault}")
        total.add(tally)
    _print_row("all", options.n, total)
    return int(bool(total.counts["other"] or total.counts["slow"]))


def _print_row(name: str, n: int, tally: Tally) -> None:
    counts = " ".join(f"{tally.counts[outcome]:8}" for outcome in OUTCOMES)
    print(f"{name:10} {n:7} {counts}  {tally.longest_s:5.2f} s  {tally.most_bytes / 2**20:6.0f} MiB", flush=True)


if __name__ == "__main__":
    run_recipe(main)
