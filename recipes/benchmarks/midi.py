"""How fast a folder of MIDI becomes tokens, beside MidiTok's REMI on the same files; and how duplicates are found.

    python recipes/benchmarks/midi.py [--data ../shared/music/nottingham --data ../shared/music/pop909] [--files 300]
    python recipes/benchmarks/midi.py --duplicates 1000 10000

Files a second and core, in processor time (other work on the machine counts only where it empties the caches), best and
median of rounds in which all take turns:

- as `tokenise` does it: a worker process that parses and tokenises, and what this process does to ask it
- the same in this process, without the protection against files that break a parser
- symusic's parser alone
- MidiTok: REMI with its defaults, parsing (symusic) and tokenising in this process (needs `pip install miditok`)

Without `--data`, files of 1,000 notes made at random. `--duplicates` makes corpora of so many songs of 400 notes in two
parts, of which one in ten is there twice, in another key and with other notes added, and finds the pairs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from audio_lstm.errors import ConfigError
from audio_lstm.music.files.files import list_scores, read_bytes, write_midi
from audio_lstm.music.files.parse_worker import parse_bytes
from audio_lstm.music.score.lines import Line
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.duplicates import find_duplicates
from audio_lstm.music.training.token_reader import TokenReader
from audio_lstm.training.options import run_recipe

ROUNDS = 5
BATCH = 16
MAX_BYTES = 16 << 20


def random_song(path: Path, seed: int, n_notes: int = 1000) -> None:
    """Two tracks of notes on a grid of 16ths, with tempo and metre."""
    random = np.random.default_rng(seed)
    tracks = np.arange(n_notes) % 2
    starts, lengths = random.integers(0, 4 * n_notes // 5, n_notes) * 120, random.integers(1, 9, n_notes) * 120
    notes = make_notes(starts, lengths, random.integers(40, 84, n_notes), random.integers(40, 110, n_notes), tracks)
    metres, tempi = (TimeSignature(0, 4, 4),), (Tempo.from_bpm(0, 120.0),)
    write_midi(Score(480, notes, (Track(), Track()), tempi=tempi, time_signatures=metres), path)


def process_time_of(pid: int) -> float:
    """Seconds of processor time that another process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


class Worker:
    """The way that `tokenise` goes, on the clocks of both processes."""

    def __init__(self, vocabulary: EventVocabulary) -> None:
        self._reader = TokenReader(vocabulary)

    def seconds(self, files: Sequence[Path]) -> float:
        """Processor time of both sides."""
        self._reader.read(files[:1])  # started
        there, here = process_time_of(self._reader.pid or 0), time.process_time()
        for start in range(0, len(files), BATCH):
            self._reader.read(files[start : start + BATCH])
        return process_time_of(self._reader.pid or 0) - there + time.process_time() - here


def in_this_process(each: Callable[[Path], object]) -> Callable[[Sequence[Path]], float]:
    """A clock for a function of one file."""

    def seconds(files: Sequence[Path]) -> float:
        start = time.process_time()
        for file in files:
            each(file)
        return time.process_time() - start

    return seconds


def contestants(vocabulary: EventVocabulary) -> dict[str, Callable[[Sequence[Path]], float]]:
    """Everything that is timed, ours first."""
    import symusic

    def ours(file: Path) -> object:
        return vocabulary.encode(parse_bytes(read_bytes(file, max_bytes=MAX_BYTES), max_notes=1_000_000))

    found = {
        "worker process (tokenise)": Worker(vocabulary).seconds,
        "this process": in_this_process(ours),
        "symusic, parsing alone": in_this_process(lambda file: symusic.Score(str(file))),
    }
    try:
        from miditok import REMI
    except ImportError:
        print("MidiTok is not installed (pip install miditok): left out")
        return found
    tokenizer = REMI()
    return {**found, "MidiTok REMI": in_this_process(lambda file: tokenizer(symusic.Score(str(file))))}


def bench_files(name: str, files: Sequence[Path], rounds: int) -> None:
    """Print the table of one set of files."""
    vocabulary = EventVocabulary()
    n_notes = statistics.mean(parse_bytes(file.read_bytes(), max_notes=1_000_000).n_notes for file in files)
    times: dict[str, list[float]] = {}
    clocks = contestants(vocabulary)
    for _ in range(rounds):
        for label, clock in clocks.items():
            times.setdefault(label, []).append(clock(files))
    print(f"\n{name}: {len(files)} files, {n_notes:.0f} notes on average\n")
    print("| files a second and core | best | median | |\n|---|---|---|---|")
    slowest = min(times.get("MidiTok REMI", times["this process"]))
    for label, taken in times.items():
        best, median = len(files) / min(taken), len(files) / statistics.median(taken)
        print(f"| {label} | {best:.0f} | {median:.0f} | {slowest / min(taken):.1f} × |")


def bench_duplicates(n_pieces: int) -> None:
    """Find the songs of a made-up corpus that are there twice."""
    random = np.random.default_rng(0)

    def line(n_notes: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.asarray(60 + np.cumsum(random.integers(-4, 5, n_notes)) % 30, np.int64)

    pieces = [[line(400), line(400)] for _ in range(n_pieces - n_pieces // 10)]
    twins = {n_pieces - n_pieces // 10 + i: i for i in range(n_pieces // 10)}
    for original in twins.values():
        tune = pieces[original][0]
        pieces.append([np.concatenate([line(50), tune[:300] + int(random.integers(1, 7))]), line(400)])
    corpus = [[Line(i, np.arange(len(part)) * 12, part) for i, part in enumerate(piece)] for piece in pieces]
    start = time.process_time()
    pairs = find_duplicates(corpus)
    seconds = time.process_time() - start
    right = sum(twins.get(pair.second) == pair.first for pair in pairs)
    print(f"{n_pieces} songs: {seconds:.1f} s, {right} of {len(twins)} pairs found, {len(pairs) - right} others")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], help="a folder of MIDI; may be given again")
    parser.add_argument("--files", type=int, default=300, help="files of each set")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--duplicates", type=int, nargs="+", default=[], metavar="N", help="songs of made-up corpora")
    options = parser.parse_args(arguments)
    if min(options.files, options.rounds, *options.duplicates) < 1:
        raise ConfigError("--files, --rounds and --duplicates must be 1 or more")
    for n_pieces in options.duplicates:
        bench_duplicates(n_pieces)
    if options.duplicates:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        made = [Path(folder) / f"{seed:04}.mid" for seed in range(options.files)]
        for seed, path in enumerate(made):
            random_song(path, seed)
        bench_files("made at random", made, options.rounds)
    for data in options.data:
        bench_files(data.name, list_scores(data)[: options.files], options.rounds)
    return 0


if __name__ == "__main__":
    run_recipe(main)
