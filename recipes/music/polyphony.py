"""The polyphonic benchmark of Boulanger-Lewandowski et al. 2012: exact likelihood of piano rolls, in nats per frame.

    python recipes/music/polyphony.py --data ../shared/music/bl/jsb.npz --out runs/polyphony-jsb
    python recipes/music/polyphony.py --preset nott --data Nottingham.mat --out runs/nott --cache true --dynamic true

Data: JSB Chorales, Nottingham, MuseData or Piano-midi as 88-key rolls: an npz, or the public .mat and .pickle files
(http://www-ens.iro.umontreal.ca/~boulanni/icml2012; a pickle is read without running what it holds). They are in C
major and minor; a frame is a quarter note (JSB) or an eighth.

Trained on `train`; `valid` chooses the epoch. Printed at the end, for each of `--splits`: two floors of fixed
probabilities, and the model, in nats per frame over all frames pooled (the figure that is published), without the
first frame of each piece, and as a mean over pieces. `--cache` and `--dynamic` add rows of models that adapt to the
piece while they are tested; these compare with nothing but their like. The model lies
beside this file, in rolls/. Several seeds: `--train.seed 1 --out …`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.checkpoint import write_card
from audio_lstm.config import LSTMConfig
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, TrainResult, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.music.rolls.adaptive import CacheConfig, DynamicConfig, cached, dynamic
from recipes.music.rolls.config import FrameModelConfig
from recipes.music.rolls.data import Rolls, independent_floor, load_rolls, previous_value_floor
from recipes.music.rolls.export import export_frames
from recipes.music.rolls.score import FrameCosts, load_frame_model
from recipes.music.rolls.task import FrameTask, RowsConfig


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("../shared/music/bl/jsb.npz")  # npz, mat or pickle
    out: Path = Path("runs/polyphony-jsb")  # the run: log, checkpoints, and the finished model in its folder `model`
    # The range of keys follows from the data.
    model: FrameModelConfig = FrameModelConfig(
        frames=LSTMConfig(input_size=192, hidden_size=256, n_layers=1, dropout=0.4, weight_drop=0.3)
    )
    rows: RowsConfig = RowsConfig()
    train: TrainConfig = TrainConfig(
        max_epochs=16, learning_rate=3e-3, warmup_steps=50, ema_decay=0.99, n_threads=1, evaluate_every_epochs=2
    )
    splits: tuple[str, ...] = ("valid",)  # to report on
    cache: bool = False  # a row with a neural cache
    dynamic: bool = False  # a row with dynamic evaluation
    cache_config: CacheConfig = CacheConfig()
    dynamic_config: DynamicConfig = DynamicConfig()
    max_pieces: int = 0  # of each split; 0 = all


BASE = Recipe()  # JSB
LARGE = replace(BASE, train=replace(BASE.train, max_epochs=4, ema_decay=0.998, evaluate_every_epochs=1))
TINY = replace(
    BASE,
    out=Path("runs/polyphony-tiny"),
    model=FrameModelConfig(
        frames=LSTMConfig(input_size=8, hidden_size=8, n_layers=1), key_size=8, key_state=8, note_size=8, name_size=2
    ),
    rows=RowsConfig(batch_size=2, window=8),
    train=replace(BASE.train, max_epochs=2, warmup_steps=2, tensorboard=False, evaluate_every_epochs=1),
    max_pieces=3,
)
PRESETS = {
    "base": BASE,
    "nott": replace(LARGE, data=Path("../shared/music/bl/nott.npz"), out=Path("runs/polyphony-nott")),
    "muse": replace(LARGE, data=Path("../shared/music/bl/muse.npz"), out=Path("runs/polyphony-muse")),
    "piano": replace(LARGE, data=Path("../shared/music/bl/piano.npz"), out=Path("runs/polyphony-piano")),
    "tiny": TINY,
}

HEAD = """| {split} | nats/frame | without first frames | mean over pieces |
|---|---|---|---|"""


def row(name: str, costs: FrameCosts) -> str:
    """One line of the table."""
    figures = (costs.per_frame, costs.per_frame_without_first, costs.mean_over_pieces)
    return f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |"


def table(recipe: Recipe, task: FrameTask, split: str, train_set: Rolls) -> list[str]:
    """The floors and the finished model on one split; the static row comes from the ONNX file, as users run it."""
    rolls = load_rolls(recipe.data, split).first(recipe.max_pieces).pieces
    lines = HEAD.format(split=split).splitlines()
    for name, floor in (("fixed probabilities", independent_floor), ("given its last value", previous_value_floor)):
        found = floor(train_set.pieces, rolls)
        mean = sum(piece.nats_per_unit for piece in found.pieces) / len(found.pieces)
        lines.append(f"| floor: each key, {name} | {found.nats_per_unit:.3f} | – | {mean:.3f} |")
    static = load_frame_model(recipe.out / "model").score(rolls)
    lines.append(row("static", static))
    model = task.model.cpu().eval()
    if recipe.cache:
        lines.append(row("with a neural cache", cached(model, rolls, static, recipe.cache_config)))
    if recipe.dynamic:
        lines.append(row("dynamic evaluation", dynamic(model, rolls, recipe.dynamic_config)))
    return lines


def write_model(recipe: Recipe, task: FrameTask, train_set: Rolls, result: TrainResult) -> str:
    """Write the model folder and its card; the tables, as printed."""
    name = f"polyphony-{recipe.data.stem.lower().replace(' ', '-')}"
    folder = export_frames(task.model, recipe.out / "model", name=name, card=f"# {name}\n")
    tables = "\n\n".join("\n".join(table(recipe, task, split, train_set)) for split in recipe.splits)
    n_parameters = sum(parameter.numel() for parameter in task.model.parameters())
    facts = f"{n_parameters / 1e6:.2f} M parameters, seed {recipe.train.seed}, {result.step} steps, float32."
    write_card(folder, f"# {name}\n\nPrices piano rolls exactly.\n\n{tables}\n\n{facts}\n")
    return f"{tables}\n\n{folder}: {facts}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder, print the table."""
    recipe = parse_recipe(Recipe, PRESETS, arguments)
    train_set, valid_set = (load_rolls(recipe.data, split).first(recipe.max_pieces) for split in ("train", "valid"))
    task = FrameTask(recipe.model, train_set=train_set, valid_set=valid_set, rows=recipe.rows, seed=recipe.train.seed)
    reported = ("splits", "cache", "dynamic", "cache_config", "dynamic_config")
    settings = {name: value for name, value in settings_of(recipe).items() if name not in reported}
    result = train(task, recipe.train, recipe.out, settings=settings | {"data": task.fingerprint})
    if result.stopped_by != "signal" and is_first_process():
        print(write_model(recipe, task, train_set, result))
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
