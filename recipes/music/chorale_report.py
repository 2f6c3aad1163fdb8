"""Are they chorales? Composed pieces beside real ones, by the rules that any harmony book begins with.

    python recipes/music/chorale_report.py --model chorale --data ../shared/music/jsb16 --n 10 --out runs/ten_chorales

    python recipes/music/chorale_report.py --fill chorale-fill --n 10 --out runs/ten_harmonisations

Writes `--n` chorales as MIDI (seeds 0, 1, 2, …; the model ends them itself) and prints one table: the real chorales of
a split, the composed ones, and a baseline of chance (the voices of each piece taken from different chorales). With
`--fill`, a model harmonises the sopranos of the first `--n` chorales of `valid` instead (seeds likewise); the same
chorales as Bach set them then have a row of their own. The columns:

- chords: beats whose pitch classes are (part of) a major, minor, diminished or seventh chord
- parallels: parallel fifths and octaves between any two voices, per 100 changes of chord
- crossings: steps in which a lower voice sings above a higher one
- leaps: moves of the soprano by more than a fourth, of all its moves
- ends well: pieces whose last chord is a major or minor triad over its root
- copied: the longest passage, in beats, that occurs note for note (transposed or not) in the training split; of
  composed pieces, in training or validation split, since the shipped model has learned from both
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.compose import Composition, compose
from audio_lstm.music.harmonise import harmonise
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.score.voices import REST_PITCH, STEPS_PER_QUARTER, score_to_voice_grid
from audio_lstm.music.training.data import load_chorales
from audio_lstm.music.writing.fill import load_fill_model
from audio_lstm.training.options import run_recipe

Grid = NDArray[np.int64]  # (steps, 4) MIDI pitches of S, A, T, B, -1 = rest

_TRIADS = ((0, 4, 7), (0, 3, 7))
_CHORDS = (*_TRIADS, (0, 3, 6), (0, 4, 7, 10), (0, 3, 7, 10), (0, 4, 7, 11), (0, 3, 6, 10), (0, 3, 6, 9))
CHORDS = [{(root + tone) % 12 for tone in chord} for chord in _CHORDS for root in range(12)]


@dataclass(frozen=True)
class Report:
    """Averages over a set of pieces; shares lie in 0..1."""

    chords: float
    parallels: float  # per 100 changes of chord
    crossings: float
    leaps: float
    ends_well: float
    copied_beats: float  # the median over the pieces
    copied_beats_most: float


def is_chord(pitches: NDArray[np.int64]) -> bool:
    """Whether the pitch classes fit into one chord."""
    classes = {int(pitch) % 12 for pitch in pitches if pitch != REST_PITCH}
    return any(classes <= chord for chord in CHORDS)


def ends_well(grid: Grid) -> bool:
    """Whether the last chord is a major or minor triad with its root in the bass."""
    bass = int(grid[-1, 3])
    tones = {(int(pitch) - bass) % 12 for pitch in grid[-1] if pitch != REST_PITCH}
    return bass != REST_PITCH and any(tones <= set(triad) for triad in _TRIADS)


def count_parallels(grid: Grid) -> tuple[int, int]:
    """Parallel fifths and octaves, and changes of chord."""
    changed = grid[np.append(True, (np.diff(grid, axis=0) != 0).any(axis=1))]
    n_parallel = 0
    for high, low in itertools.combinations(range(4), 2):
        interval = changed[:, high] - changed[:, low]
        sounding = (changed[:, [high, low]] != REST_PITCH).all(axis=1)
        both_move = (np.diff(changed[:, high]) != 0) & (np.diff(changed[:, low]) != 0)
        same = (interval[1:] == interval[:-1]) & np.isin(interval[1:] % 12, (0, 7)) & sounding[1:] & sounding[:-1]
        n_parallel += int((both_move & same).sum())
    return n_parallel, len(changed) - 1


def passages(grid: Grid, n_steps: int) -> set[bytes]:
    """Every passage of this many steps, as intervals from its first bass note, so that transposition is ignored."""
    if len(grid) < n_steps:
        return set()
    windows = np.lib.stride_tricks.sliding_window_view(grid, n_steps, axis=0)  # (passages, 4, n_steps)
    anchored = np.where(windows == REST_PITCH, 999, windows - windows[:, 3:4, :1])
    return {passage.astype(np.int16).tobytes() for passage in anchored}


class CopyFinder:
    """Finds the longest passage that a piece shares with a collection."""

    def __init__(self, collection: Sequence[Grid]) -> None:
        self._collection = collection
        self._known: dict[int, set[bytes]] = {}

    def longest_beats(self, grid: Grid) -> float:
        """Its length in beats, searched by bisection: part of a shared passage is shared too."""
        low, high = 0, len(grid)
        while low < high:
            middle = (low + high + 1) // 2
            if middle not in self._known:
                self._known[middle] = set().union(*(passages(piece, middle) for piece in self._collection))
            if passages(grid, middle) & self._known[middle]:
                low = middle
            else:
                high = middle - 1
        return low / STEPS_PER_QUARTER


def describe(pieces: Sequence[Grid], copies: CopyFinder) -> Report:
    """Measure a set of pieces."""
    beats = np.concatenate([piece[::STEPS_PER_QUARTER] for piece in pieces])
    parallels, changes = np.sum([count_parallels(piece) for piece in pieces], axis=0)
    steps = np.concatenate(pieces)
    upper, lower = steps[:, :3], steps[:, 1:]
    crossed = ((upper < lower) & (upper != REST_PITCH) & (lower != REST_PITCH)).any(axis=1)
    moves = np.concatenate([np.diff(piece[:, 0][piece[:, 0] != REST_PITCH]) for piece in pieces])
    moves = np.abs(moves[moves != 0])
    copied = [copies.longest_beats(piece) for piece in pieces]
    return Report(
        chords=float(np.mean([is_chord(beat) for beat in beats])),
        parallels=100.0 * float(parallels) / float(changes),
        crossings=float(crossed.mean()),
        leaps=float((moves > 5).mean()),
        ends_well=float(np.mean([ends_well(piece) for piece in pieces])),
        copied_beats=float(np.median(copied)),
        copied_beats_most=float(np.max(copied)),
    )


def shuffled_voices(pieces: Sequence[Grid]) -> list[Grid]:
    """Pieces whose voices come from four different chorales: what chance looks like."""
    mixed = []
    for index in range(len(pieces)):
        sources = [pieces[(index + shift) % len(pieces)] for shift in range(4)]
        n_steps = min(len(source) for source in sources)
        mixed.append(np.stack([source[:n_steps, voice] for voice, source in enumerate(sources)], axis=1))
    return mixed


def written(model: str, n: int, *, temperature: float) -> Iterator[Composition]:
    """Chorales of the model's own, seeds 0, 1, 2, ..."""
    composer = load_music(model)
    for seed in range(n):
        yield compose(model=composer, seed=seed, temperature=temperature)


def harmonised(model: str, sopranos: Sequence[Grid], *, temperature: float) -> Iterator[Composition]:
    """Chorales to given melodies, seeds 0, 1, 2, ..."""
    filler = load_fill_model(model)
    for seed, soprano in enumerate(sopranos):
        yield harmonise(soprano, model=filler, seed=seed, temperature=temperature)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compose, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="chorale")
    parser.add_argument("--fill", help="a model that harmonises, instead of --model")
    parser.add_argument("--data", type=Path, default=Path("../shared/music/jsb16"))
    parser.add_argument("--n", type=int, default=10, help="pieces to compose")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--out", type=Path, default=Path("runs/chorales"))
    options = parser.parse_args(arguments)
    train, valid = (list(load_chorales(options.data, split).voice_grids()) for split in ("train", "valid"))
    options.out.mkdir(parents=True, exist_ok=True)
    sets = {"real (valid)": valid}
    if options.fill:
        sopranos = [piece[:, 0] for piece in valid[: options.n]]
        made, compositions = "harmonised", harmonised(options.fill, sopranos, temperature=options.temperature)
        sets[f"the same {len(sopranos)}, by Bach"] = valid[: options.n]
    else:
        made, compositions = "composed", written(options.model, options.n, temperature=options.temperature)
    composed = []
    for seed, piece in enumerate(compositions):
        piece.save(options.out / f"chorale-{seed}.mid")
        composed.append(score_to_voice_grid(piece.score))
        print(f"{options.out / f'chorale-{seed}.mid'}: {piece.summary()}")
    copies = CopyFinder(train)
    of_composed = copies if options.fill else CopyFinder([*train, *valid])
    print("\n| | chords | parallels | crossings | leaps | ends well | copied beats, median (most) |")
    print("|---|---|---|---|---|---|---|")
    sets |= {f"{made} ({len(composed)})": composed, "voices shuffled": shuffled_voices(valid)}
    for name, pieces in sets.items():
        report = describe(pieces, of_composed if pieces is composed else copies)
        print(
            f"| {name} | {report.chords:.1%} | {report.parallels:.1f} | {report.crossings:.1%} | {report.leaps:.1%} | "
            f"{report.ends_well:.0%} | {report.copied_beats:g} ({report.copied_beats_most:g}) |"
        )
    return 0


if __name__ == "__main__":
    run_recipe(main)
