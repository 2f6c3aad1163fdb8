"""Your own recordings and texts -> your own recogniser, from scratch or from a model that exists.

    python recipes/speech/finetune.py --train_data my/train --dev_data my/dev --init an4 --out runs/mine
    audio-lstm evaluate speech --manifest my/dev.jsonl --model runs/mine/model

Each of `--train_data` and `--dev_data` is a folder of recordings with a `.txt` of the same name beside each, or a
manifest (JSON lines); several are given as `--train_data "[one, two]"`. With `--init ''` training starts from scratch.
Options as in recipes/speech/an4.py.

The shipped `an4` is a run of this on AN4 and synthetic voices (recipes/speech/synthetic.py): see recipes/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.checkpoint import open_model
from audio_lstm.config import LSTMConfig, config_from_dict
from audio_lstm.errors import ConfigError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.losses import CTCLossConfig
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.text.data import Utterance, read_utterances
from audio_lstm.speech.training.corpus import load_corpus
from audio_lstm.speech.training.task import SMALL_BIDIRECTIONAL, CTCConfig, CTCTask, start_from, write_speech_model
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    train_data: tuple[Path, ...] = ()  # folders or manifests
    dev_data: tuple[Path, ...] = ()  # folders or manifests; chooses the epoch
    init: str = "an4"  # model to start from (name, folder or hub id); '' = from scratch
    name: str = "finetuned"  # of the finished model
    out: Path = Path("runs/finetune")  # the run: log, checkpoints, and the finished model in its folder `model`
    model: SpeechModelConfig = SMALL_BIDIRECTIONAL  # from scratch only: with `init` it is that of `init`
    ctc: CTCConfig = CTCConfig(loss=CTCLossConfig(consistency_weight=0.2))
    train: TrainConfig = TrainConfig(max_epochs=8, learning_rate=5e-4, warmup_steps=100, n_threads=1)


BASE = Recipe()
TINY = replace(
    BASE,
    init="",
    out=Path("runs/finetune-tiny"),
    model=replace(
        BASE.model,
        features=FeatureConfig(n_mels=20),
        lstm=LSTMConfig(input_size=16, hidden_size=16, n_layers=1, bidirectional=True),
        conv_channels=4,
    ),
    train=replace(BASE.train, max_epochs=1, warmup_steps=2, tensorboard=False),
)


def read_all(paths: Sequence[Path], option: str) -> list[Utterance]:
    """The utterances of all folders and manifests."""
    if not paths:
        raise ConfigError(f"--{option} is missing: give a folder of recordings and texts, or a manifest")
    return [utterance for path in paths for utterance in read_utterances(path)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    if recipe.init and recipe.model not in (BASE.model, TINY.model):
        raise ConfigError(
            f"--model.* cannot be set together with --init {recipe.init}, whose model is used as it is; leave "
            "--model.* out, or pass --init '' to train from scratch"
        )
    start = open_model(recipe.init, "speech") if recipe.init else None
    model = config_from_dict(SpeechModelConfig, start.config, where=str(start.path)) if start else recipe.model
    train_set = load_corpus(read_all(recipe.train_data, "train_data"), model)
    dev_set = load_corpus(read_all(recipe.dev_data, "dev_data"), model)
    task = CTCTask(
        model,
        train_set,
        {"dev": dev_set},
        options=recipe.ctc,
        seed=recipe.train.seed,
    )
    settings = {**settings_of(replace(recipe, model=model)), "data": task.fingerprint}
    if start:
        settings["init"] = start_from(start, task.model)
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        sources = ", ".join(path.stem for path in recipe.train_data)
        trained_on = f"{len(train_set)} recordings ({sources})" + (f", starting from `{start.name}`" if start else "")
        line = write_speech_model(
            task, recipe.out / "model", name=recipe.name, trained_on=trained_on, notes="", result=result
        )
        print(line)
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
