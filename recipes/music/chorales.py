"""Bach's chorales on a 16th grid -> an LSTM that writes four-voice chorales.

    python recipes/music/chorales.py --data ../shared/music/jsb16 --out runs/chorale
    audio-lstm evaluate music --data ../shared/music/jsb16 --split valid --model runs/chorale/model

Data: 382 four-voice chorales of J. S. Bach (public domain), each a list of [S, A, T, B] MIDI numbers a 16th, in the
splits of Boulanger-Lewandowski et al. 2012. `--data` is the JSON file or its folder; the public source is
https://github.com/czhuang/JSB-Chorales-dataset (Jsb16thSeparated.json, whose keys are the same).

Trained on `train`, moved by up to five semitones; `valid` chooses the epoch. `--valid_too true` then trains the model
that is shipped, on both splits. Options as in recipes/speech/an4.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.config import LSTMConfig
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.training.augment import random_transposition
from audio_lstm.music.training.data import load_chorales
from audio_lstm.music.training.novelty_build import write_index
from audio_lstm.music.training.task import BPTTConfig, NetworkConfig, TokenTask, first, together, write_music_model
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("../shared/music/jsb16")  # the JSON file or its folder
    out: Path = Path("runs/chorale")  # the run: log, checkpoints, and the finished model in its folder `model`
    representation: ChoraleGrid = ChoraleGrid()
    lstm: LSTMConfig = LSTMConfig(input_size=192, hidden_size=256, n_layers=2, dropout=0.4, weight_drop=0.3)
    embedding_dropout: float = 0.1
    # LSTMs that learn side by side and whose scores are averaged: better, and as many times slower. The last n_absolute
    # of them do not score pitches by their distance from the voice's last one: the less alike, the better together.
    n_members: int = 2
    n_absolute: int = 1
    max_semitones: int = 5  # transposition, drawn anew in each epoch
    batch_size: int = 16  # rows of truncated back-propagation
    window: int = 128  # cells a row and step: 8 beats
    train: TrainConfig = TrainConfig(max_epochs=28, learning_rate=3e-3, warmup_steps=100, n_threads=1)
    # Learn from valid as well, for as many epochs as a run without has found best: the model to use, which nothing is
    # left to judge. The last epoch's weights are kept.
    valid_too: bool = False
    max_pieces: int = 0  # of each split; 0 = all


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/chorale-tiny"),
    lstm=LSTMConfig(input_size=16, hidden_size=16, n_layers=1),
    batch_size=4,
    window=32,
    train=replace(BASE.train, max_epochs=2, warmup_steps=2, n_threads=1, tensorboard=False),
    max_pieces=4,
)


NOTES = """
**Writes** four voices (soprano, alto, tenor, bass) on a grid of 16ths, in any key and of any length, and prices a given
chorale exactly (each voice given those before it in the step, END included in the sum but not in the cells).

**Does not know** words, fermatas, repeated notes (the data joins them) or metres other than its grid. Pieces may quote
their models: chorales share phrases among themselves, and recipes/music/chorale_report.py says how long the quotes are.

Data: chorales of J. S. Bach (public domain), splits of Boulanger-Lewandowski et al. 2012. Model: Apache-2.0.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    train_set, valid_set = (first(load_chorales(recipe.data, split), recipe.max_pieces) for split in ("train", "valid"))
    learned = together(train_set, valid_set) if recipe.valid_too else train_set
    if recipe.valid_too:
        recipe = replace(recipe, train=replace(recipe.train, evaluate_every_epochs=recipe.train.max_epochs))
    task = TokenTask(
        recipe.representation,
        NetworkConfig(recipe.lstm, recipe.embedding_dropout, recipe.n_members, recipe.n_absolute),
        train_set=learned,
        valid_set=valid_set,
        bptt=BPTTConfig(
            batch_size=recipe.batch_size,
            window=recipe.window,
            augment=random_transposition(recipe.representation, max_semitones=recipe.max_semitones),
        ),
        seed=recipe.train.seed,
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        splits = "training and validation splits" if recipe.valid_too else "training split"
        line = write_music_model(
            task,
            recipe.out / "model",
            name="chorale",
            trained_on=f"chorales of J. S. Bach (the JSB16 {splits}, public domain)",
            notes=NOTES,
            result=result,
            valid_is_new=not recipe.valid_too,
        )
        print(line)
        write_index(recipe.out / "model", train_set=train_set, held_out=valid_set, trained_on_both=recipe.valid_too)
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
