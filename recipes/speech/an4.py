"""AN4: an hour of letters, digits and control words -> a small bidirectional LSTM-CTC recogniser.

    python recipes/speech/an4.py --data ../shared/speech --out runs/an4
    audio-lstm evaluate speech --manifest ../shared/speech/an4.dev.jsonl --model runs/an4/model

Data: CMU's AN4 census corpus (about 1991, BSD-like licence): 948 training and 130 test recordings. `--data` is a folder
with an4.train.jsonl and an4.dev.jsonl (one JSON object a line: id, audio, text, duration_s, speaker) and the audio that
they name; `python recipes/speech/an4_data.py --out data/an4` makes one from the public source.

Only an4.train is trained on; an4.dev chooses the epoch. Every value below can be set on the command line
(`--train.learning_rate 5e-4`) or in a YAML file (`--config my.yaml`); `--preset tiny` is what the tests run.
A run that was stopped goes on when the same command is given again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.config import LSTMConfig
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.losses import CTCLossConfig
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.speech.text.pieces import pieces_of_transcripts
from audio_lstm.speech.training.corpus import load_corpus
from audio_lstm.speech.training.task import SMALL_BIDIRECTIONAL, CTCConfig, CTCTask, write_speech_model
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("../shared/speech")  # the folder of the manifests
    out: Path = Path("runs/an4")  # the run: log, checkpoints, and the finished model in its folder `model`
    model: SpeechModelConfig = SMALL_BIDIRECTIONAL
    ctc: CTCConfig = CTCConfig(loss=CTCLossConfig(consistency_weight=0.2))
    train: TrainConfig = TrainConfig(max_epochs=40, learning_rate=2e-3, warmup_steps=150, n_threads=1)
    n_pieces: int = 0  # write as many pieces of words (BPE) instead of letters; 0: letters, which do better here
    max_utterances: int = 0  # of each set; 0 = all


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/an4-tiny"),
    model=replace(
        BASE.model,
        features=FeatureConfig(n_mels=20),
        lstm=LSTMConfig(input_size=32, hidden_size=32, n_layers=1, bidirectional=True),
        conv_channels=4,
    ),
    train=replace(BASE.train, max_epochs=2, warmup_steps=2, n_threads=1, tensorboard=False),
    max_utterances=12,
)


NOTES = """
**Hears** spoken letters, digits, numbers and control words (YES, NO, GO, HELP, ERASE, RUBOUT, REPEAT, START, STOP,
ENTER) in American English, close to the microphone.

**Does not hear** any other word: it writes the letters and digits that come nearest. The 74 speakers of the training
set were recorded at one university around 1991; children, other accents, noise and telephones have not been measured.

Data: CMU AN4 (Alex Acero, 1990), Carnegie Mellon University, BSD-like licence. Model: Apache-2.0.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    limit = recipe.max_utterances or None
    utterances = read_manifest(recipe.data / "an4.train.jsonl")[:limit]
    if recipe.n_pieces:
        symbols = pieces_of_transcripts((item.text for item in utterances), recipe.n_pieces, ENGLISH)
        recipe = replace(recipe, model=replace(recipe.model, symbols=symbols))
    train_set = load_corpus(utterances, recipe.model)
    dev_set = load_corpus(read_manifest(recipe.data / "an4.dev.jsonl")[:limit], recipe.model)
    task = CTCTask(
        recipe.model,
        train_set,
        {"an4": dev_set},
        options=recipe.ctc,
        seed=recipe.train.seed,
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        trained_on = f"{len(train_set)} training recordings of AN4"
        line = write_speech_model(
            task, recipe.out / "model", name="an4", trained_on=trained_on, notes=NOTES, result=result
        )
        print(line)
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
