"""Your own recordings and texts -> your own recogniser, from a model that exists or from scratch.

    python recipes/speech/finetune.py --train_data my/recordings --init english-base --out runs/mine
    audio-lstm transcribe other.wav --model runs/mine/model

`--train_data` is a folder of recordings with a `.txt` of the same name beside each, or a manifest (JSON lines); several
are given as `--train_data "[one, two]"`. `--dev_data`, of the same kinds, chooses the epoch and measures the result;
without it every tenth recording is kept apart for that. `--check_data` names other speech: its word error rate is
measured before and after, so that you see what the model forgets. `--keep` mixes the old weights into the new ones
(Wortsman et al. 2022), which keeps the model from forgetting. With `--init ''` training starts from scratch.

A model that hears sounds, such as `english-base`, goes on learning them: words that its lexicon lacks are pronounced
by the shipped spelling-to-sound model, and the lexicon of the result holds them. A general language model (`english`)
and its weights are kept too. Options as in recipes/speech/an4.py.

The shipped `an4` is a run of this on AN4 and synthetic voices (recipes/speech/synthetic.py): see recipes/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from audio_lstm.checkpoint import CARD_FILE, LANGUAGE_MODEL_SUFFIX, ModelFolder, open_model, write_card
from audio_lstm.config import LSTMConfig, config_from_dict
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.losses import CTCLossConfig
from audio_lstm.speech.decoding.decoding_file import read_decoding, write_decoding
from audio_lstm.speech.decoding.lexicon import Lexicon, load_lexicon
from audio_lstm.speech.hearing.recogniser import load_speech
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.text.data import Utterance, read_utterances
from audio_lstm.speech.text.spoken import as_spoken
from audio_lstm.speech.training.corpus import load_corpus
from audio_lstm.speech.training.evaluate import evaluate_speech
from audio_lstm.speech.training.task import SMALL_BIDIRECTIONAL, CTCConfig, CTCTask, start_from, write_speech_model
from audio_lstm.speech.words.pronunciations import Pronunciations
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of

_PHONEME_WEIGHT = 0.5  # as english-base was trained
_EVERY = 10  # recordings, of which one is kept apart if there is no dev_data


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    train_data: tuple[Path, ...] = ()  # folders or manifests
    dev_data: tuple[Path, ...] = ()  # folders or manifests; chooses the epoch; none: every tenth recording does
    check_data: tuple[Path, ...] = ()  # folders or manifests of other speech, measured before and after
    keep: float = 0.0  # share of the weights of `init` in the finished model, 0..1
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


class Sets(NamedTuple):
    """Who teaches, who chooses the epoch, and what is measured beside."""

    train: list[Utterance]
    dev: list[Utterance]
    check: dict[str, list[Utterance]]  # by the name of the folder or manifest


def read_sets(recipe: Recipe) -> Sets:
    """All recordings of a recipe; without dev_data every tenth recording is kept apart."""
    if not recipe.train_data:
        raise ConfigError("--train_data is missing: give a folder of recordings and texts, or a manifest")
    train_set, dev_set = ([*_read(paths)] for paths in (recipe.train_data, recipe.dev_data))
    if not recipe.dev_data:
        dev_set = train_set[::_EVERY]
        train_set = [utterance for place, utterance in enumerate(train_set) if place % _EVERY]
        if not train_set:
            raise DataError("one recording cannot both teach and test; give more of them, or --dev_data")
    return Sets(train_set, dev_set, {path.stem: [*_read([path])] for path in recipe.check_data})


def _read(paths: Sequence[Path]) -> list[Utterance]:
    return [utterance for path in paths for utterance in read_utterances(path)]


def word_error_rates(model: str | Path, sets: Sets) -> dict[str, float]:
    """Word error rate of a model as it is used, on the development set and on every other one."""
    recogniser = load_speech(model)
    measured = {"dev": sets.dev, **sets.check}
    return {name: evaluate_speech(utterances, recogniser).report.wer for name, utterances in measured.items()}


def words_of(utterances: Sequence[Utterance], model: SpeechModelConfig) -> list[str]:
    """The words of some texts, as they are spoken."""
    texts = (as_spoken(utterance.text, model.alphabet, language=model.language) for utterance in utterances)
    return sorted({word for text in texts for word in text.split()})


def keep_decoding(start: ModelFolder, folder: Path) -> None:
    """Let the new model decode as the old one does, unless by a language model of its own: it knows the old words."""
    decoding = read_decoding(start.path)
    own = (start.path / f"{decoding.language_model}{LANGUAGE_MODEL_SUFFIX}").is_file()
    if decoding.language_model and not own:
        write_decoding(folder, decoding)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    if recipe.init and recipe.model not in (BASE.model, TINY.model):
        raise ConfigError(
            f"--model.* cannot be set together with --init {recipe.init}, whose model is used as it is; leave "
            "--model.* out, or pass --init '' to train from scratch"
        )
    if not 0 <= recipe.keep < 1 or (recipe.keep and not recipe.init):
        raise ConfigError(f"keep is the share of the weights of --init, at least 0 and below 1, got {recipe.keep}")
    sets = read_sets(recipe)
    start = open_model(recipe.init, "speech") if recipe.init else None
    model = config_from_dict(SpeechModelConfig, start.config, where=str(start.path)) if start else recipe.model
    options, lexicon = recipe.ctc, None
    if start and model.phoneme_output:
        lexicon = load_lexicon(start.path, model.n_phonemes).with_words(words_of(sets.train + sets.dev, model))
        weight = options.loss.phoneme_weight or _PHONEME_WEIGHT
        loss = replace(options.loss, phoneme_weight=weight, phoneme_layer=model.lstm.n_layers)
        options = replace(options, loss=loss)
        model = replace(model, phoneme_output=False)  # an output of the finished model; training reads the head itself
    task = CTCTask(
        model,
        load_corpus(sets.train, model),
        {"dev": load_corpus(sets.dev, model)},
        options=options,
        seed=recipe.train.seed,
        pronunciations=_pronunciations(lexicon) if lexicon else None,
    )
    settings = {**settings_of(replace(recipe, model=model, ctc=options)), "data": task.fingerprint}
    old: dict[str, Tensor] = {}
    if start:
        settings["init"] = start_from(start, task.model)
        old = {name: value.clone() for name, value in task.model.state_dict().items()}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        if recipe.keep:
            new = task.model.state_dict()
            task.model.load_state_dict({name: value.lerp(old[name], recipe.keep) for name, value in new.items()})
        sources = ", ".join(path.stem for path in recipe.train_data)
        trained_on = f"{len(sets.train)} recordings ({sources})" + (f", starting from `{start.name}`" if start else "")
        folder = recipe.out / "model"
        line = write_speech_model(
            task,
            folder,
            name=recipe.name,
            trained_on=trained_on,
            notes="",
            result=result,
            lexicon=lexicon,
        )
        print(line)
        if start:
            keep_decoding(start, folder)
            print(_compare(start, folder, sets))
    return result.exit_code


def _pronunciations(lexicon: Lexicon) -> Pronunciations:
    """The commonest pronunciation of every word."""
    return Pronunciations({word: lexicon.pronunciations(word)[0] for word in lexicon.words})


def _compare(start: ModelFolder, folder: Path, sets: Sets) -> str:
    """Word error rates before and after, as they are added to the card."""
    before, after = (word_error_rates(path, sets) for path in (start.path, folder))
    rows = [f"| {name} | {100 * before[name]:.2f} % | {100 * after[name]:.2f} % |" for name in before]
    table = "\n".join([f"| WER, as decoded | `{start.name}` | this model |", "|---|---|---|", *rows])
    write_card(folder, f"{(folder / CARD_FILE).read_text('utf-8').rstrip()}\n\n{table}\n")
    return table


if __name__ == "__main__":
    run_recipe(main)
