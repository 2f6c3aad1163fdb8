"""All of the English training recordings -> `english-base` (reads both ways) or `english-small` (streams).

    python recipes/speech/english.py --data ../shared/speech --out runs/english-base
    python recipes/speech/english.py --preset small --data ../shared/speech --out runs/english-small
    audio-lstm tune --manifest ../shared/speech/cv13.dev.jsonl … --model runs/english-base/model --lm english
    audio-lstm evaluate speech --manifest ../shared/speech/cv13.dev.jsonl --model runs/english-base/model

Data: `--data` is a folder with CORPUS.train.jsonl and CORPUS.dev.jsonl (JSON lines: id, audio, text, duration_s,
speaker) for AN4 (letters and numbers), LibriSpeech (three speakers), Common Voice 13 and speechocean762 (Mandarin
accents, half of them children): 6.3 h. `--weights` says how often each corpus is heard in an epoch. Any corpora will
do: `--train_corpora '["mine"]' --weights '[1.0]' --dev_corpora '["mine"]'` reads mine.train.jsonl and mine.dev.jsonl.

Sounds without speech (recipes/speech/nonspeech.py) and synthetic voices (synthetic.py) are corpora too: put or link
their manifests into the folder. On a CPU with bf16 units (AMX, AVX512-BF16), `--train.precision bf16` is twice as fast.

With `--pronunciations cmudict.dict --ctc.loss.phoneme_weight 0.5 --ctc.loss.phoneme_layer 4` the last layer learns the
phonemes beside the letters, and the finished model is decoded through both (`audio-lstm tune` weighs them). A run's
model can be written at any time: recipes/speech/model_of_run.py.

The mean word error rate over the development sets chooses the epoch. Every value below can be set on the command line
or in a YAML file. `--init` starts from a model of the same shape, such as the shipped one. A run that was stopped goes
on with the same command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.checkpoint import open_model
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.losses import CTCLossConfig
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import Utterance, read_manifest
from audio_lstm.speech.text.pieces import pieces_of_transcripts
from audio_lstm.speech.training.corpus import Item, list_recordings, load_corpus
from audio_lstm.speech.training.task import (
    SMALL_BIDIRECTIONAL,
    SMALL_DATA_AUGMENT,
    CTCConfig,
    CTCTask,
    start_from,
    write_speech_model,
)
from audio_lstm.speech.words.pronunciations import PHONEMES, read_dictionary, read_pronunciations
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
    # CMU Pronouncing Dictionary (cmudict.dict): with it a layer also learns the phonemes; '' = without. Where that is
    # the last layer (--ctc.loss.phoneme_layer 4) the finished model decodes through them, with its words as lexicon.
    pronunciations: str = ""
    train_corpora: tuple[str, ...] = ("an4", "libri3", "cv13", "so762")
    weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)  # how often each of them is heard in an epoch, on average
    dev_corpora: tuple[str, ...] = ("an4", "cv13", "so762")
    dev_utterances: int = 320  # of each development set, spread over it, in the evaluations while training; 0 = all
    model: SpeechModelConfig = replace(
        SMALL_BIDIRECTIONAL,
        lstm=replace(
            SMALL_BIDIRECTIONAL.lstm, n_layers=4, hidden_size=320, input_size=320, projection_size=320, dropout=0.2
        ),
        longest_phrase_s=16.0,
    )
    ctc: CTCConfig = CTCConfig(
        augment=replace(
            SMALL_DATA_AUGMENT,
            vtlp_range=(0.88, 1.12),
            padding_probability=0.2,
            reverb_probability=0.1,
            frequency_mask_fraction=0.3,
            time_masks_per_frame=0.04,
            max_time_masks=10,
        ),
        loss=CTCLossConfig(consistency_weight=0.2),
        batch_frames=5_000,
    )
    train: TrainConfig = TrainConfig(
        max_epochs=30, optimizer="muon", learning_rate=1.5e-3, warmup_steps=100, ema_decay=0.998, n_threads=2
    )
    n_pieces: int = (
        0  # write as many pieces of words (BPE, learned from the training texts) instead of letters; 0: letters
    )
    max_utterances: int = 0  # of each set; 0 = all
    # A corpus that lasts longer is decoded as it is used, not held in memory (230 MB an hour).
    memory_hours: float = 8.0


BASE = Recipe()
SMALL = replace(
    BASE,
    out=Path("runs/english-small"),
    name="english-small",
    model=replace(
        BASE.model,
        # Causal: a stream has no mean over its whole length. With it, silence around the speech does no harm either.
        features=FeatureConfig(kind="log_mel", n_mels=80, normalisation="running"),
        lstm=replace(
            BASE.model.lstm, bidirectional=False, hidden_size=384, input_size=384, projection_size=384, dropout=0.1
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

NOTES = """
**Hears** English read aloud or spelled, close to the microphone: best the letters, numbers and control words of AN4,
then short simple sentences, also with Mandarin accents and from children (speechocean762), worst free text of any
vocabulary (Common Voice). With so little training data the spelling of rare words is a guess by sound.

**Does not hear** spontaneous conversation, several speakers at once, far microphones, telephones or strong noise well:
none of it was in the training data, nor has it been measured. It writes A to Z, apostrophe and space: no digits, no
punctuation, no capitals.

Data: CMU AN4 (Alex Acero, 1990; BSD-like licence); LibriSpeech (Panayotov et al. 2015; CC BY 4.0); Mozilla Common
Voice 13 (CC0); speechocean762 (Zhang et al. 2021; free for any use). Model: Apache-2.0.
"""


def _pieces(recipe: Recipe) -> tuple[str, ...]:
    """Pieces of the training texts' words, as many as are wanted."""
    manifests = [read_manifest(recipe.data / f"{corpus}.train.jsonl") for corpus in recipe.train_corpora]
    texts = [utterance.text for utterances in manifests for utterance in utterances]
    return pieces_of_transcripts(texts, recipe.n_pieces, ENGLISH)


def _lexicon(recipe: Recipe) -> Lexicon | None:
    """How words are said, for a model whose last layer hears phonemes too."""
    if not recipe.pronunciations or recipe.ctc.loss.phoneme_layer != recipe.model.lstm.n_layers:
        return None
    return Lexicon.from_pronunciations(read_dictionary(recipe.pronunciations))


def _load(recipe: Recipe, utterances: Sequence[Utterance]) -> Sequence[Item]:
    """A training corpus, in memory if it is not too large."""
    hours = sum(utterance.duration_s or 0.0 for utterance in utterances) / 3600
    return (list_recordings if hours > recipe.memory_hours else load_corpus)(utterances, recipe.model)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "small": SMALL, "tiny": TINY}, arguments)
    if len(recipe.weights) != len(recipe.train_corpora):
        raise ConfigError(
            f"--weights needs one number for each of the {len(recipe.train_corpora)} --train_corpora, "
            f"got {len(recipe.weights)}"
        )
    if recipe.pronunciations:
        recipe = replace(recipe, model=replace(recipe.model, n_phonemes=len(PHONEMES)))
        if not recipe.ctc.loss.phoneme_weight:
            loss = replace(recipe.ctc.loss, phoneme_weight=0.3)
            recipe = replace(recipe, ctc=replace(recipe.ctc, loss=loss))
    if recipe.n_pieces:
        recipe = replace(recipe, model=replace(recipe.model, symbols=_pieces(recipe)))
    limit = recipe.max_utterances or None
    train_sets = [
        _load(recipe, read_manifest(recipe.data / f"{corpus}.train.jsonl")[:limit]) for corpus in recipe.train_corpora
    ]
    dev_sets, chosen = {}, {}
    for corpus in recipe.dev_corpora:
        utterances = read_manifest(recipe.data / f"{corpus}.dev.jsonl")[:limit]
        step = -(-len(utterances) // recipe.dev_utterances) if recipe.dev_utterances else 1
        dev_sets[corpus] = load_corpus(utterances, recipe.model)
        chosen[corpus] = dev_sets[corpus][::step]
    task = CTCTask(
        recipe.model,
        [item for items in train_sets for item in items],
        chosen,
        options=recipe.ctc,
        seed=recipe.train.seed,
        pronunciations=read_pronunciations(recipe.pronunciations) if recipe.pronunciations else None,
        weights=[weight for weight, items in zip(recipe.weights, train_sets, strict=True) for _ in items],
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    if recipe.init:
        settings["init"] = start_from(open_model(recipe.init, "speech"), task.model)
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        hours = sum(item.n_samples for items in train_sets for item in items) / 3600 / recipe.model.features.sample_rate
        trained_on = f"{hours:.1f} h of {', '.join(recipe.train_corpora)}"
        task.measure_on(dev_sets)
        folder = recipe.out / "model"
        facts = {"name": recipe.name, "trained_on": trained_on, "notes": NOTES}
        print(write_speech_model(task, folder, **facts, result=result, lexicon=_lexicon(recipe)))
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
