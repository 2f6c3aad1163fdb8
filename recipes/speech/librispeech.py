"""LibriSpeech: 100 or 960 hours of read English -> a large bidirectional LSTM-CTC recogniser, on one GPU or many.

    python recipes/speech/librispeech.py --data data/LibriSpeech --out runs/librispeech-100
    TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --standalone --nproc-per-node 8 --max-restarts 3 \
        recipes/speech/librispeech.py --preset full --data data/LibriSpeech --out runs/librispeech-960

(Without that variable torchrun's restarts after a lost process may hang: see audio_lstm/training/loop.py.)

Data: LibriSpeech (Panayotov, Chen, Povey & Khudanpur 2015; CC BY 4.0), https://www.openslr.org/12, as it is unpacked:
`LibriSpeech/train-clean-100/SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac` with `SPEAKER-CHAPTER.trans.txt` beside.
Recordings are decoded batch by batch, so that neither preset needs the memory for its corpus.

The presets: `base` trains on train-clean-100, `full` on all 960 h with twice the width, `tiny` is what the tests run
(and, on the real folders, a trial run of a minute). `--units bpe` writes `--n_pieces` word pieces, learned from the
training texts; `--units characters` writes letters. Only the training subsets are trained on; dev-clean chooses the
epoch; at the end the error rates of every subset are printed: greedy, whole utterances, float32.

Neither `base` nor `full` has been run: the authors had no GPU and no LibriSpeech. What to expect, as an estimate:
- Time. The loader's thread prepares 460 times real time (measured with `base`'s augmentation and features on a busy
  core of an older server: FLAC 1,100 times, speed, gain and noise 1,700 times, features 1,500 times). Each process
  has one: with one GPU an epoch of `base` takes 13 minutes to prepare and all 40 take 9 hours; with 8 GPUs an epoch of
  `full` takes 16 minutes and all 16 take 4 to 5 hours. Computing, which goes on meanwhile, should be no slower: `base`
  has 24 M weights, so 1.3e15 floating-point operations an epoch, five minutes at 5 TFLOP/s.
- Errors, from others' LSTM-CTC models (WER test-clean / test-other): EESEN, bidirectional, 100 h, with a small 3-gram:
  8.67 % / 26.12 %. deepspeech.pytorch, 960 h, greedy: 10.46 % / 28.29 %.

Every value below can be set on the command line or in a YAML file; a run that was stopped goes on when the same command
is given again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.sound.augment import AugmentConfig
from audio_lstm.speech.sound.features import FeatureConfig, extract_features
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import Utterance, normalise_text
from audio_lstm.speech.text.pieces import pieces_of_transcripts
from audio_lstm.speech.training.corpus import LazyRecording, list_recordings, read_librispeech
from audio_lstm.speech.training.metrics import ErrorReport, score
from audio_lstm.speech.training.task import CTCConfig, CTCTask, write_speech_model
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("data/LibriSpeech")  # the folder of the subsets
    out: Path = Path("runs/librispeech-100")  # the run: log, checkpoints, and the finished model in its folder `model`
    name: str = "librispeech-100"  # of the finished model
    train_subsets: tuple[str, ...] = ("train-clean-100",)
    dev_subset: str = "dev-clean"  # chooses the epoch
    test_subsets: tuple[str, ...] = ("dev-other", "test-clean", "test-other")  # measured once, at the end
    units: Literal["characters", "bpe"] = "bpe"
    n_pieces: int = 500  # with bpe: pieces and characters; 500 is usual for LibriSpeech (icefall), here not compared
    model: SpeechModelConfig = SpeechModelConfig(
        features=FeatureConfig(kind="log_mel", n_mels=80),
        # 24 M weights. Residual connections, with the projections and norms that they need, end CTC's blank-only
        # plateau sooner (docs/decisions/optimisers.md).
        lstm=LSTMConfig(
            input_size=512,
            hidden_size=512,
            n_layers=5,
            bidirectional=True,
            projection_size=512,
            layer_norm=True,
            residual=True,
            dropout=0.3,
        ),
        symbols=ENGLISH.symbols,  # of `--units characters`
    )
    # The augmentation's defaults are those published for LibriSpeech. A batch of ten minutes, of all processes
    # together, is usual for 100 h and leaves most of 80 GB free: about 60 kB of activations a frame, by count.
    ctc: CTCConfig = CTCConfig(augment=AugmentConfig(), batch_frames=60_000)
    train: TrainConfig = TrainConfig(max_epochs=40, learning_rate=1e-3, warmup_steps=600)
    max_utterances: int = 0  # of each subset, spread over it; 0 = all


BASE = Recipe()
FULL = replace(
    BASE,
    out=Path("runs/librispeech-960"),
    name="librispeech-960",
    train_subsets=("train-clean-100", "train-clean-360", "train-other-500"),
    model=replace(  # 96 M weights
        BASE.model,
        lstm=replace(BASE.model.lstm, input_size=1024, hidden_size=1024, projection_size=1024, dropout=0.2),
    ),
    ctc=replace(BASE.ctc, batch_frames=240_000),  # 40 minutes: 5 on each of 8 GPUs
    train=replace(BASE.train, max_epochs=16, warmup_steps=1_500),
)
TINY = replace(
    BASE,
    out=Path("runs/librispeech-tiny"),
    name="librispeech-tiny",
    test_subsets=(),
    n_pieces=40,
    model=replace(
        BASE.model,
        features=FeatureConfig(n_mels=20),
        lstm=LSTMConfig(input_size=32, hidden_size=32, n_layers=1, bidirectional=True),
        conv_channels=4,
    ),
    ctc=replace(BASE.ctc, batch_frames=4_000),
    train=replace(BASE.train, max_epochs=2, warmup_steps=2, n_threads=1, tensorboard=False),
    max_utterances=8,
)


NOTES = """
Error rates of the same weights in float32, greedy, every utterance heard whole:

{table}

**Hears** English read aloud, close to the microphone, as in audio books. **Has not been measured** on conversation,
noise, telephones or children.

Data: LibriSpeech (Vassil Panayotov, Guoguo Chen, Daniel Povey, Sanjeev Khudanpur, 2015), CC BY 4.0. Model: Apache-2.0.
"""


def read_subset(recipe: Recipe, *subsets: str) -> tuple[Utterance, ...]:
    """The utterances of subsets, or as many of each as were asked for, spread over it."""
    chosen: list[Utterance] = []
    for subset in subsets:
        utterances = read_librispeech(recipe.data, (subset,))
        step = -(-len(utterances) // recipe.max_utterances) if recipe.max_utterances else 1
        chosen += utterances[::step]
    return tuple(chosen)


def output_symbols(recipe: Recipe, utterances: Sequence[Utterance]) -> tuple[str, ...]:
    """The letters, or pieces of the training texts' words; each process learns the same ones."""
    if recipe.model.symbols != ENGLISH.symbols:
        raise ConfigError("--model.symbols cannot be set: --units chooses the symbols of this recipe")
    if recipe.units == "characters":
        return ENGLISH.symbols
    return pieces_of_transcripts((item.text for item in utterances), recipe.n_pieces, ENGLISH)


@torch.inference_mode()
def measure(task: CTCTask, recordings: Sequence[LazyRecording]) -> ErrorReport:
    """Greedy error rates, every utterance heard whole, with the weights and on the device of the training."""
    model, alphabet = task.model.eval(), task.config.alphabet
    device = next(model.parameters()).device
    hypotheses = []
    for item in recordings:
        features = torch.from_numpy(extract_features(item.samples, task.config.features))  # (T, F)
        log_probs, *_ = model(features[None].to(device))
        hypotheses.append(greedy(log_probs[0].cpu().numpy(), alphabet).text)
    return score([normalise_text(item.utterance.text, alphabet) for item in recordings], hypotheses)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder, measure every subset."""
    recipe = parse_recipe(Recipe, {"base": BASE, "full": FULL, "tiny": TINY}, arguments)
    utterances = read_subset(recipe, *recipe.train_subsets)
    recipe = replace(recipe, model=replace(recipe.model, symbols=output_symbols(recipe, utterances)))
    train_set = list_recordings(utterances, recipe.model)
    measured = {
        subset: list_recordings(read_subset(recipe, subset), recipe.model)
        for subset in (recipe.dev_subset, *recipe.test_subsets)
    }
    task = CTCTask(
        recipe.model,
        train_set,
        {recipe.dev_subset: measured[recipe.dev_subset]},
        options=recipe.ctc,
        seed=recipe.train.seed,
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        rows = ["| subset | WER | CER | utterances |", "|---|---|---|---|"]
        for subset, recordings in measured.items():
            report = measure(task, recordings)
            rows.append(f"| {subset} | {100 * report.wer:.2f} % | {100 * report.cer:.2f} % | {len(recordings)} |")
            print(f"{subset}: WER {100 * report.wer:.2f} %, CER {100 * report.cer:.2f} %")
        hours = sum(item.n_samples for item in train_set) / recipe.model.features.sample_rate / 3600
        trained_on = f"{hours:.1f} h of LibriSpeech ({', '.join(recipe.train_subsets)})"
        notes = NOTES.format(table="\n".join(rows))
        folder = recipe.out / "model"
        print(write_speech_model(task, folder, name=recipe.name, trained_on=trained_on, notes=notes, result=result))
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
