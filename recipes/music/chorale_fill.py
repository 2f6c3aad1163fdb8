"""Bach's chorales -> an LSTM that harmonises melodies and fills in what is missing.

    python recipes/music/chorales.py --data ../shared/music/jsb16 --out runs/chorale
    python recipes/music/chorale_fill.py --data ../shared/music/jsb16 --out runs/chorale-fill
    audio-lstm harmonise melody.mid --model runs/chorale-fill/model --out chorale.mid

Data as for recipes/music/chorales.py. Each time a piece comes, other cells of it are missing: all voices but the
soprano, some voices, a region, scattered beats, everything. A bidirectional LSTM reads what is given, and the
generator, which begins as the model `--init`, writes the rest. The mean of two tasks on `valid` (the soprano given; a
gap of four bars) chooses the epoch. Options as in recipes/speech/an4.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.checkpoint import open_model
from audio_lstm.config import LSTMConfig, config_from_dict
from audio_lstm.errors import ConfigError
from audio_lstm.music.models.fill_config import FillModelConfig
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.training.data import load_chorales
from audio_lstm.music.training.fill_task import FillTask, start_from_generator, write_fill_model
from audio_lstm.music.training.task import first
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("../shared/music/jsb16")  # the JSON file or its folder
    out: Path = Path("runs/chorale-fill")  # the run: log, checkpoints, and the finished model in its folder `model`
    # Model of chorales whose weights the generator begins with; '' = from scratch. It was trained on `train` alone:
    # the shipped `chorale` knows `valid`, by which this model is judged.
    init: str = "runs/chorale/model"
    freeze: bool = False  # the generator stays as `init` has it: only the reader learns; quicker, and never worse
    representation: ChoraleGrid = ChoraleGrid()  # from scratch; else that of `init`
    lstm: LSTMConfig = LSTMConfig(input_size=192, hidden_size=256, n_layers=2, dropout=0.4, weight_drop=0.3)
    embedding_dropout: float = 0.1
    reader: LSTMConfig = LSTMConfig(input_size=128, hidden_size=160, n_layers=2, bidirectional=True, dropout=0.3)
    max_semitones: int = 5  # transposition, drawn anew in each epoch
    batch_size: int = 8  # whole pieces
    train: TrainConfig = TrainConfig(max_epochs=50, learning_rate=2e-3, warmup_steps=100, n_threads=1)
    max_pieces: int = 0  # of each split; 0 = all


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/chorale-fill-tiny"),
    init="",
    lstm=LSTMConfig(input_size=16, hidden_size=16, n_layers=1),
    reader=LSTMConfig(input_size=16, hidden_size=16, n_layers=1, bidirectional=True),
    batch_size=2,
    train=replace(BASE.train, max_epochs=2, warmup_steps=2, tensorboard=False),
    max_pieces=4,
)


NOTES = """
**Harmonises** a melody of any length in the manner of Bach's chorales, adds or replaces voices, and writes the missing
bars of a piece; it knows all that is given before it writes the first note, and what is given stays as it is. The
likelihood of what is missing, given the rest and the length, is exact.

**Does not know** words, fermatas or repeated notes, nor melodies that are unlike hymns: it was trained on chorales
alone.

Data: chorales of J. S. Bach (public domain), splits of Boulanger-Lewandowski et al. 2012. Model: Apache-2.0.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    grid = recipe.representation
    generator = MusicModelConfig(grid.column_sizes, grid.vocabulary_size, recipe.lstm, relative=grid.relative)
    if recipe.init:
        folder = open_model(recipe.init, "music")
        found = config_from_dict(MusicModelConfig, folder.config, where=str(folder.path))
        grid, generator = ChoraleGrid.from_dict(dict(folder.representation)), replace(found, lstm=recipe.lstm)
        if replace(found.lstm, dropout=0.0, weight_drop=0.0) != replace(recipe.lstm, dropout=0.0, weight_drop=0.0):
            raise ConfigError(
                f"--init {recipe.init}: a model of another shape ({found.lstm}); set --lstm.* to its values"
            )
    task = FillTask(
        FillModelConfig(replace(generator, embedding_dropout=recipe.embedding_dropout), recipe.reader),
        grid,
        train_set=first(load_chorales(recipe.data, "train"), recipe.max_pieces),
        valid_set=first(load_chorales(recipe.data, "valid"), recipe.max_pieces),
        batch_size=recipe.batch_size,
        max_semitones=recipe.max_semitones,
        seed=recipe.train.seed,
    )
    if recipe.init:
        start_from_generator(task.model, recipe.init)
        task.model.generator.requires_grad_(not recipe.freeze)
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        trained_on = "chorales of J. S. Bach (the JSB16 training split, public domain)"
        print(
            write_fill_model(
                task, recipe.out / "model", name="chorale-fill", trained_on=trained_on, notes=NOTES, result=result
            )
        )
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
