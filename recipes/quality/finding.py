"""How often the key and the metre of music are found.

    python recipes/quality/finding.py --data ../shared/music

Keys: chorales of jsb16 end on their tonic, in major or minor as their thirds are for the most part. Signatures and
metres: songs and folk tunes that have one of each written down. Whole pieces, their first eight bars, and the top line
of either alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.files import list_scores, read_scores
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.beat_finding import find_metre
from audio_lstm.music.score.excerpt import cut_bars
from audio_lstm.music.score.key_finding import find_key, key_tonic
from audio_lstm.music.score.score import Score
from audio_lstm.music.score.voices import voice_grid_to_score

# What `find_metre` says of a metre: it tells three kinds apart.
KINDS = {(4, 4): (4, 4), (2, 4): (4, 4), (2, 2): (4, 4), (3, 4): (3, 4), (6, 8): (6, 8), (12, 8): (6, 8)}


def excerpts(score: Score) -> dict[str, Score]:
    """A score whole, its beginning, and the first part with notes of both."""
    top = int(score.notes["track"].min())
    line = Score(score.ticks_per_quarter, score.notes[score.notes["track"] == top], score.tracks)
    line = Score(line.ticks_per_quarter, line.notes, line.tracks, (), score.time_signatures)
    found = {"whole": score, "8 bars": _first_bars(score), "line": line}
    return {name: part for name, part in {**found, "line, 8 bars": _first_bars(line)}.items() if part.n_notes}


def _first_bars(score: Score) -> Score:
    bars = score_bars(score)
    return cut_bars(score, (bars[0].number, bars[min(8, len(bars)) - 1].number))


def chorale_keys(file: Path, split: str) -> dict[str, list[bool]]:
    """Whether the key of each chorale is found."""
    right: dict[str, list[bool]] = {}
    for piece in json.loads(file.read_text())[split]:
        grid = np.array(piece)
        tonic = int(grid[-1][grid[-1] >= 0][-1]) % 12
        classes = np.bincount(grid[grid >= 0] % 12, minlength=12)
        is_minor = classes[(tonic + 3) % 12] > classes[(tonic + 4) % 12]
        for name, part in excerpts(voice_grid_to_score(grid)).items():
            key = find_key(part)
            right.setdefault(name, []).append(key_tonic(key) == tonic and key.is_minor == is_minor)
    return right


def written_signs(folder: Path, n_files: int, seed: int) -> tuple[dict[str, list[bool]], dict[str, list[bool]]]:
    """Whether the key signature and the metre of each score are found, where each has one."""
    paths = list_scores(folder)
    chosen = np.random.default_rng(seed).permutation(len(paths))[:n_files]
    keys: dict[str, list[bool]] = {}
    metres: dict[str, list[bool]] = {}
    for _, score in read_scores([paths[index] for index in sorted(chosen.tolist())]):
        if isinstance(score, ScoreError) or score.n_notes < 20:
            continue
        signatures = {key.sharps for key in score.key_signatures}
        written = {(sign.numerator, sign.denominator) for sign in score.time_signatures}
        for name, part in excerpts(score).items():
            if len(signatures) == 1:
                keys.setdefault(name, []).append((find_key(part).sharps - min(signatures)) % 12 == 0)
            if len(written) == 1 and min(written) in KINDS:
                metres.setdefault(name, []).append(find_metre(part) == KINDS[min(written)])
    return keys, metres


def main(arguments: Sequence[str] | None = None) -> int:
    """Find, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/music"))
    parser.add_argument("--n", type=int, default=100, help="files of each corpus")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    table: dict[str, dict[str, list[bool]]] = {}
    chorales = options.data / "jsb16" / "satb.trainvalid.json"
    if chorales.is_file():
        table["key, jsb16 valid"] = chorale_keys(chorales, "valid")
    for corpus in ("lieder", "nottingham/valid"):
        if (options.data / corpus).is_dir():
            keys, metres = written_signs(options.data / corpus, options.n, options.seed)
            table[f"key signature, {corpus}"], table[f"metre, {corpus}"] = keys, metres
    names = ("whole", "8 bars", "line", "line, 8 bars")
    print(f"| | n | {' | '.join(names)} |\n|---|---|---|---|---|---|")
    for row, found in table.items():
        shares = " | ".join(f"{100 * float(np.mean(found.get(name, [False]))):.0f} %" for name in names)
        print(f"| {row} | {len(found.get('whole', []))} | {shares} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
