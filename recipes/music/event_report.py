"""What does a model of events know? Its likelihood beside n-grams, by kind of event, and along the piece.

    python recipes/music/event_report.py --data ../shared/music/lieder --out runs/lieder

`--out` is the run folder of recipes/music/lieder.py or midi_folder.py: its tokens, its split and its model are taken.
Prints three tables over the validation pieces, all events of all pieces pooled, END included:

- nats an event and a note, for the model and for interpolated Kneser-Ney 1- to 5-grams of the training pieces in the
  same vocabulary and grammar; "without memory" drops the model's state every so many events (the columns that it reads
  still know the bar, the metre, the key and earlier passages)
- the same by kind of event
- perplexity of an event by how far into the piece it stands, in pieces that are long enough for all rows
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.music.models.composer import Composer, load_music
from audio_lstm.music.models.metrics import negative_log_likelihood
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.data import MusicData
from audio_lstm.music.training.ngram_floor import NgramFloor
from audio_lstm.music.training.task import first
from audio_lstm.training.options import run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.music.midi_folder import load_splits, recipe_of

MEMORIES = (64, 512)  # events after which the state is dropped: about half a bar and six bars of a song
BOUNDS = (0, 64, 256, 1024, 2048)  # where the rows of the third table begin
KINDS = (Kind.BAR, Kind.POSITION, Kind.TRACK, Kind.PITCH, Kind.DRUM, Kind.VELOCITY, Kind.DURATION)

Costs = list[NDArray[np.float64]]  # of each piece, nats an event


def forgetful_costs(composer: Composer, tokens: NDArray[np.int64], memory: int) -> NDArray[np.float64]:
    """What each event costs a model whose state is dropped every `memory` events."""
    columns, legal = composer.representation.columns(tokens), composer.representation.legal(tokens)
    costs = []
    for begin in range(0, len(tokens), memory):
        rows = slice(begin, begin + memory)
        logits, _ = composer.engine.run(columns[None, rows], np.array([len(tokens[rows])], np.int64), None)
        costs.append(negative_log_likelihood(logits[0], tokens[rows], legal[rows]))
    return np.concatenate(costs)


def all_costs(composer: Composer, train_set: MusicData, valid_set: MusicData, *, order: int) -> dict[str, Costs]:
    """Each model's costs of the validation pieces, by its name."""
    known, pieces = ([np.asarray(piece, np.int64) for piece in data.pieces] for data in (train_set, valid_set))
    found = {"LSTM": [composer.costs(piece) for piece in pieces]}
    for memory in MEMORIES:
        found[f"LSTM without memory beyond {memory}"] = [forgetful_costs(composer, piece, memory) for piece in pieces]
    for length in range(order, 0, -1):
        floor = NgramFloor.fit(known, composer.representation, order=length)
        found[f"{length}-gram"] = [floor.costs(piece) for piece in pieces]
    return found


def overview(costs: dict[str, Costs], n_notes: int) -> list[str]:
    """The first table."""
    rows = ["| | nats an event | nats a note | perplexity |", "|---|---|---|---|"]
    for name, pieces in costs.items():
        nats = np.concatenate(pieces)
        rows.append(f"| {name} | {nats.mean():.4f} | {nats.sum() / n_notes:.3f} | {np.exp(nats.mean()):.3f} |")
    return rows


def by_kind(costs: dict[str, Costs], kinds: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    """The second table."""
    rows = [f"| kind | share | {' | '.join(names)} |", "|---" * (2 + len(names)) + "|"]
    whole = {name: np.concatenate(costs[name]) for name in names}
    for kind in KINDS:
        here = kinds == kind
        if here.any():
            found = " | ".join(f"{whole[name][here].mean():.3f}" for name in names)
            rows.append(f"| {kind.name.lower()} | {here.mean():.1%} | {found} |")
    return rows


def by_position(costs: dict[str, Costs], names: Sequence[str]) -> list[str]:
    """The third table."""
    long = [row for row, piece in enumerate(costs[names[0]]) if len(piece) > BOUNDS[-1]]
    rows = [f"| events ({len(long)} pieces) | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for begin, end in zip(BOUNDS, (*BOUNDS[1:], None), strict=True):
        found = [[costs[name][row][begin:end] for row in long] for name in names]
        if long:
            cells = " | ".join(f"{np.exp(np.concatenate(parts).mean()):.3f}" for parts in found)
            rows.append(f"| {begin} {f'to {end - 1}' if end else 'and on'} | {cells} |")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that the run was trained on")
    parser.add_argument("--out", type=Path, required=True, help="the run folder")
    parser.add_argument("--model", help="a model in the run's vocabulary; the run's own if not given")
    parser.add_argument("--order", type=int, default=5, help="the longest n-grams")
    parser.add_argument("--n", type=int, default=0, help="pieces of each split; 0 = all")
    options = parser.parse_args(arguments)
    composer = load_music(options.model or options.out / "model")
    vocabulary = composer.representation
    if not isinstance(vocabulary, EventVocabulary):
        raise DataError(f"{composer.name}: a model of {vocabulary.kind!r}; this report is about models of events")
    found, train_set, valid_set = load_splits(recipe_of(vocabulary, data=options.data, out=options.out))
    if replace(found, echoes=vocabulary.echoes, harmony=vocabulary.harmony) != vocabulary:
        raise DataError(f"{composer.name}: its vocabulary is not that of {options.out}; name the run it was trained in")
    train_set, valid_set = first(train_set, options.n), first(valid_set, options.n)
    costs = all_costs(composer, train_set, valid_set, order=options.order)
    kinds = np.concatenate([vocabulary.kinds(np.asarray(piece)) for piece in valid_set.pieces])
    n_notes = int(np.isin(kinds, (Kind.PITCH, Kind.DRUM)).sum())
    names = ("LSTM", f"{options.order}-gram")
    print(f"{len(train_set.pieces)} pieces to count in, {len(valid_set.pieces)} to foretell: {len(kinds)} events\n")
    for table in (overview(costs, n_notes), by_kind(costs, kinds, names), by_position(costs, list(costs)[:-1])):
        print("\n".join(table) + "\n")
    return 0


if __name__ == "__main__":
    run_recipe(main)
