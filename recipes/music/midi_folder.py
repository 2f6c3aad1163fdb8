"""Any folder of MIDI (or MusicXML) files -> an LSTM that goes on in their manner.

    python recipes/music/midi_folder.py --data my_songs --out runs/my_songs
    audio-lstm evaluate music --data my_songs/valid --model runs/my_songs/model
    audio-lstm compose --model runs/my_songs/model --bars 16 --out new.mid

`--data` is a folder with the subfolders `train` and `valid`, or a folder of files, of which every tenth (drawn at
random, versions of one piece together) is then kept for validation. Files are read once, by several processes, into
`OUT/tokens`; what cannot be read is reported and left out. Times are rounded to `steps_per_quarter`; tracks, programs,
velocities, tempi, metres and keys are kept (audio_lstm/music/tokens/events.py). Options as in recipes/speech/an4.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audio_lstm.commands.console import progress
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import DataError
from audio_lstm.music.files.files import list_scores
from audio_lstm.music.score.lines import Line, melodic_lines
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.augment import random_event_variation
from audio_lstm.music.training.data import MusicData
from audio_lstm.music.training.duplicates import find_duplicates, group_pieces, split_groups
from audio_lstm.music.training.novelty_build import write_index
from audio_lstm.music.training.shards import TokenShards, tokenise
from audio_lstm.music.training.task import BPTTConfig, NetworkConfig, TokenTask, first, write_music_model
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("midi")  # the folder
    out: Path = Path("runs/midi")  # the run: tokens, log, checkpoints, and the finished model in its folder `model`
    name: str = ""  # of the finished model; '' = the folder's
    notes: str = ""  # the end of the model card
    n_workers: int = 0  # processes that read files; 0 = one for each core
    sustain: bool = False  # the sustain pedal of MIDI files lengthens notes
    steps_per_quarter: int = 12  # 16ths and triplets fall on the grid
    lstm: LSTMConfig = LSTMConfig(input_size=192, hidden_size=256, n_layers=2, dropout=0.3, weight_drop=0.2)
    embedding_dropout: float = 0.1
    n_members: int = 1  # LSTMs that learn side by side and whose scores are averaged: better, and as many times slower
    echoes: bool = True  # the model sees what earlier passages and the bar before foretell
    harmony: bool = True  # it sees how far what sounds lies from each track's last pitch
    program_words: tuple[tuple[int, int], ...] = ()  # (program, word): programs written as another one
    two_handed: tuple[int, ...] = ()  # programs whose parts fill two tracks, a hand each
    max_semitones: int = 5  # transposition, drawn anew in each epoch
    max_tempo_change: float = 0.15  # as a factor less 1, drawn anew in each epoch
    batch_size: int = 16  # rows of truncated back-propagation
    window: int = 256  # tokens a row and step: about 60 notes
    train: TrainConfig = TrainConfig(max_epochs=15, learning_rate=3e-3, warmup_steps=100, n_threads=1)
    max_events: int = 200_000  # longer pieces are left out: some three hours of songs
    max_pieces: int = 0  # of each split; 0 = all


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/midi-tiny"),
    lstm=LSTMConfig(input_size=16, hidden_size=16, n_layers=1),
    batch_size=4,
    window=32,
    train=replace(BASE.train, max_epochs=2, warmup_steps=2, tensorboard=False),
    max_pieces=4,
    n_workers=1,
)


def recipe_of(vocabulary: EventVocabulary, *, data: Path, out: Path) -> Recipe:
    """What a run in this vocabulary was made with, as far as its tokens go."""
    return Recipe(
        data=data,
        out=out,
        steps_per_quarter=vocabulary.steps_per_quarter,
        program_words=vocabulary.program_words,
        two_handed=vocabulary.two_handed,
    )


def load_splits(recipe: Recipe) -> tuple[EventVocabulary, MusicData, MusicData]:
    """The vocabulary, and the tokens of the training and the validation pieces."""
    vocabulary = EventVocabulary(
        steps_per_quarter=recipe.steps_per_quarter,
        echoes=recipe.echoes,
        harmony=recipe.harmony,
        program_words=recipe.program_words,
        two_handed=recipe.two_handed,
    )
    n_workers = recipe.n_workers or os.cpu_count() or 1

    def tokens(folder: Path, name: str) -> TokenShards:
        files = list_scores(folder)
        told = progress(len(files), "files read")
        out = recipe.out / name
        shards = tokenise(files, vocabulary, out, n_workers=n_workers, sustain=recipe.sustain, progress=told)
        for fault in shards.faults:
            print(f"{fault} (left out)", file=sys.stderr)
        return shards

    if (recipe.data / "train").is_dir():
        train_set, valid_set = (tokens(recipe.data / split, f"tokens-{split}") for split in ("train", "valid"))
        kept = [short_enough(shards, recipe.max_events) for shards in (train_set, valid_set)]
        report_crossings(train_set, valid_set, kept)
        return vocabulary, train_set.data(kept[0]), valid_set.data(kept[1])
    shards = tokens(recipe.data, "tokens")
    rest, chosen = split_pieces(shards, max_events=recipe.max_events)
    return vocabulary, shards.data(rest), shards.data(chosen)


def split_pieces(shards: TokenShards, *, max_events: int = Recipe.max_events) -> tuple[list[int], list[int]]:
    """Every tenth piece for validation, versions of one piece on the same side; the same choice each time."""
    rows = short_enough(shards, max_events)
    duplicates = find_duplicates(_lines(shards, rows))
    for pair in duplicates[:20]:
        names = f"{shards.names[rows[pair.first]]}, {shards.names[rows[pair.second]]}"
        print(f"{names}: versions of one piece ({pair.share:.0%} of its passages)", file=sys.stderr)
    if len(duplicates) > 20:
        print(f"... and {len(duplicates) - 20} more pairs", file=sys.stderr)
    groups = group_pieces(len(rows), duplicates)
    kept = split_groups(groups)
    if not kept.any() or kept.all():
        raise DataError(
            f"{len(rows)} usable files ({len(set(groups.tolist()))} different pieces) leave nothing to validate on; "
            "add files, or make folders train and valid"
        )
    return [row for row, out in zip(rows, kept, strict=True) if not out], [rows[i] for i in np.flatnonzero(kept)]


def short_enough(shards: TokenShards, max_events: int) -> list[int]:
    """The pieces that are not too long to train on; the others are named."""
    lengths = shards.places[:, 2]
    for piece in np.flatnonzero(lengths > max_events).tolist():
        print(
            f"{shards.names[piece]}: {lengths[piece]:,} events, more than {max_events:,} (left out; cut it into "
            "pieces, or raise --max_events)",
            file=sys.stderr,
        )
    kept = np.flatnonzero(lengths <= max_events).tolist()
    if not kept:
        raise DataError(
            f"none of {len(lengths)} pieces is short enough; cut them, or raise max_events ({max_events:,})"
        )
    return kept


def report_crossings(train_set: TokenShards, valid_set: TokenShards, kept: Sequence[list[int]]) -> None:
    """Name the pieces that have versions on both sides of a split that was given; it stays as it is."""
    n_train = len(kept[0])
    pairs = [
        pair
        for pair in find_duplicates(_lines(train_set, kept[0]) + _lines(valid_set, kept[1]))
        if pair.first < n_train <= pair.second
    ]
    for pair in pairs[:20]:
        train_name, valid_name = train_set.names[kept[0][pair.first]], valid_set.names[kept[1][pair.second - n_train]]
        share = f"({pair.share:.0%} of its passages)"
        print(f"train/{train_name}, valid/{valid_name}: versions of one piece {share}", file=sys.stderr)
    if pairs:
        n_known = len({pair.second for pair in pairs})
        print(
            f"{n_known} of {len(kept[1])} validation pieces have a version in train; the split stays as it is",
            file=sys.stderr,
        )


def _lines(shards: TokenShards, rows: Sequence[int]) -> list[tuple[Line, ...]]:
    return [melodic_lines(shards.vocabulary.decode(shards.tokens(row))) for row in rows]


def run(recipe: Recipe) -> int:
    """Train, choose the best epoch, write the model folder."""
    vocabulary, train_set, valid_set = load_splits(recipe)
    train_set, valid_set = first(train_set, recipe.max_pieces), first(valid_set, recipe.max_pieces)
    task = TokenTask(
        vocabulary,
        NetworkConfig(recipe.lstm, recipe.embedding_dropout, n_members=recipe.n_members),
        train_set=train_set,
        valid_set=valid_set,
        bptt=BPTTConfig(
            batch_size=recipe.batch_size,
            window=recipe.window,
            augment=random_event_variation(
                vocabulary, max_semitones=recipe.max_semitones, max_tempo_change=recipe.max_tempo_change
            ),
        ),
        seed=recipe.train.seed,
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        line = write_music_model(
            task,
            recipe.out / "model",
            name=recipe.name or recipe.data.resolve().name,
            trained_on=f"{len(train_set.names)} scores of {recipe.data.name}",
            notes=recipe.notes,
            result=result,
        )
        print(line)
        write_index(recipe.out / "model", train_set=train_set, held_out=valid_set, vocabulary=vocabulary)
    return result.exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Train on the folder that the options name."""
    return run(parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments))


if __name__ == "__main__":
    run_recipe(main)
