"""All of the English training recordings -> `english-base` (reads both ways) or `english-small` (streams).

    python recipes/speech/english.py --data ../shared/speech --out runs/english-base
    python recipes/speech/english.py --preset small --data ../shared/speech --out runs/english-small
    audio-lstm evaluate speech --manifest ../shared/speech/cv13.dev.jsonl --model runs/english-base/model

Data: `--data` is a folder with CORPUS.train.jsonl and CORPUS.dev.jsonl (JSON lines: id, audio, text, duration_s,
speaker) for AN4 (letters and numbers), LibriSpeech (three speakers), Common Voice 13 and speechocean762 (Mandarin
accents, half of them children): 6.3 h. `--weights` says how often each corpus is heard in an epoch.

The mean word error rate over the development sets chooses the epoch. Every value below can be set on the command line
or in a YAML file; `--init` starts from a model that exists; a run that was stopped goes on with the same command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.checkpoint import WEIGHTS_FILE, load_weights, open_model
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.speech.config import SpeechModelConfig
from audio_lstm.speech.corpus import load_corpus
from audio_lstm.speech.data import read_manifest
from audio_lstm.speech.features import FeatureConfig
from audio_lstm.speech.task import SMALL_BIDIRECTIONAL, CTCConfig, CTCTask, write_speech_model
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("../shared/speech")  # the folder of the manifests
    out: Path = Path("runs/english-base")  # the run: log, checkpoints, and the finished model in its folder `model`
    name: str = "english-base"  # of the finished model
    init: str = ""  # model to start from (name, folder or hub id), of the same shape; '' = from scratch
    train_corpora: tuple[str, ...] = ("an4", "libri3", "cv13", "so762")
    weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)  # how often each of them is heard in an epoch, on average
    dev_corpora: tuple[str, ...] = ("an4", "cv13", "so762")
    dev_utterances: int = 320  # of each development set, spread over it, in the evaluations while training; 0 = all
    model: SpeechModelConfig = SMALL_BIDIRECTIONAL
    ctc: CTCConfig = CTCConfig()
    train: TrainConfig = TrainConfig(max_epochs=18, learning_rate=2e-3, warmup_steps=150, n_threads=1)
    max_utterances: int = 0  # of each set; 0 = all


BASE = Recipe()
SMALL = replace(
    BASE,
    out=Path("runs/english-small"),
    name="english-small",
    model=replace(
        SMALL_BIDIRECTIONAL,
        lstm=replace(
            SMALL_BIDIRECTIONAL.lstm, bidirectional=False, hidden_size=320, input_size=256, projection_size=256
        ),
    ),
)
TINY = replace(
    BASE,
    out=Path("runs/english-tiny"),
    model=replace(
        BASE.model,
        features=FeatureConfig(n_mels=20),
        lstm=LSTMConfig(input_size=32, hidden_size=32, n_layers=1),
        conv_channels=4,
        frames_per_step=2,
    ),
    train=replace(BASE.train, max_epochs=2, warmup_steps=2, tensorboard=False),
    max_utterances=6,
)

NOTES = """"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "small": SMALL, "tiny": TINY}, arguments)
    if len(recipe.weights) != len(recipe.train_corpora):
        raise ConfigError(
            f"--weights needs one number for each of the {len(recipe.train_corpora)} --train_corpora, "
            f"got {len(recipe.weights)}"
        )
    limit = recipe.max_utterances or None
    train_sets = [
        load_corpus(read_manifest(recipe.data / f"{corpus}.train.jsonl")[:limit], recipe.model)
        for corpus in recipe.train_corpora
    ]
    dev_sets = {}
    for corpus in recipe.dev_corpora:
        utterances = read_manifest(recipe.data / f"{corpus}.dev.jsonl")[:limit]
        step = -(-len(utterances) // recipe.dev_utterances) if recipe.dev_utterances else 1
        dev_sets[corpus] = load_corpus(utterances[::step], recipe.model)
    task = CTCTask(
        recipe.model,
        [item for items in train_sets for item in items],
        dev_sets,
        options=recipe.ctc,
        seed=recipe.train.seed,
        weights=[weight for weight, items in zip(recipe.weights, train_sets, strict=True) for _ in items],
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    if recipe.init:
        start = open_model(recipe.init, "speech")
        load_weights(start, task.model)
        settings["init"] = f"sha256 {hashlib.sha256((start.path / WEIGHTS_FILE).read_bytes()).hexdigest()[:16]}"
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        hours = sum(item.n_samples for items in train_sets for item in items) / 3600 / recipe.model.features.sample_rate
        trained_on = f"{hours:.1f} h of {', '.join(recipe.train_corpora)}"
        line = write_speech_model(
            task, recipe.out / "model", name=recipe.name, trained_on=trained_on, notes=NOTES, result=result
        )
        print(line)
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
