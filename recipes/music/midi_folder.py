"""Any folder of MIDI (or MusicXML) files -> an LSTM that goes on in their manner.

    python recipes/music/midi_folder.py --data my_songs --out runs/my_songs
    audio-lstm evaluate music --data my_songs/valid --model runs/my_songs/model
    audio-lstm compose --model runs/my_songs/model --bars 16 --out new.mid

`--data` is a folder with the subfolders `train` and `valid`, or a folder of files, of which every tenth (in the order
of their names) is then kept for validation. Times are rounded to `steps_per_quarter`; tracks, programs, velocities,
tempi, metres and keys are kept (audio_lstm/music/events.py). Options as in recipes/speech/an4.py.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import DataError
from audio_lstm.music.augment import random_event_transposition
from audio_lstm.music.data import MusicData, load_score_folder
from audio_lstm.music.events import EventVocabulary
from audio_lstm.music.task import BPTTConfig, TokenTask, first, write_music_model
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("midi")  # the folder
    out: Path = Path("runs/midi")  # the run: log, checkpoints, and the finished model in its folder `model`
    steps_per_quarter: int = 12  # 16ths and triplets fall on the grid
    lstm: LSTMConfig = LSTMConfig(input_size=192, hidden_size=256, n_layers=2, dropout=0.3, weight_drop=0.2)
    embedding_dropout: float = 0.1
    max_semitones: int = 5  # transposition, drawn anew in each epoch
    batch_size: int = 16  # rows of truncated back-propagation
    window: int = 256  # tokens a row and step: about 60 notes
    train: TrainConfig = TrainConfig(max_epochs=15, learning_rate=3e-3, warmup_steps=100, n_threads=1)
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
)


def load_splits(data: Path) -> tuple[MusicData, MusicData]:
    """The training and validation scores of a folder."""
    if (data / "train").is_dir():
        return load_score_folder(data, "train"), load_score_folder(data, "valid")
    everything = load_score_folder(data, "train")
    if len(everything.names) < 2:
        raise DataError(f"{data}: one usable file leaves nothing to validate on; add files, or folders train and valid")
    kept = range(0, len(everything.names), 10)
    rest = [index for index in range(len(everything.names)) if index not in kept]
    scores = everything.scores()
    return tuple(  # type: ignore[return-value]
        replace(
            everything,
            pieces=tuple(scores[index] for index in indices),
            names=tuple(everything.names[index] for index in indices),
        )
        for indices in (rest, kept)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    train_set, valid_set = (first(data, recipe.max_pieces) for data in load_splits(recipe.data))
    for fault in (*train_set.faults, *valid_set.faults):
        print(f"{fault} (left out)", file=sys.stderr)
    vocabulary = EventVocabulary.from_scores(train_set.scores(), steps_per_quarter=recipe.steps_per_quarter)
    task = TokenTask(
        vocabulary,
        recipe.lstm,
        train_set=train_set,
        valid_set=valid_set,
        bptt=BPTTConfig(
            batch_size=recipe.batch_size,
            window=recipe.window,
            augment=random_event_transposition(vocabulary, max_semitones=recipe.max_semitones),
        ),
        embedding_dropout=recipe.embedding_dropout,
        seed=recipe.train.seed,
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        trained_on = f"{len(train_set.names)} scores of {recipe.data.name}"
        name = recipe.data.resolve().name
        line = write_music_model(task, recipe.out / "model", name=name, trained_on=trained_on, notes="", result=result)
        print(line)
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
