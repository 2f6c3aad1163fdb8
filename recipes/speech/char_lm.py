"""Text -> a character LSTM language model that rescores what a recogniser proposes.

    python recipes/speech/char_lm.py --data ../shared/speech/lm_text.txt --out runs/char-lm

Data: `--data` takes UTF-8 text files, a sentence a line, also in gzip or xz, and manifests (.jsonl), whose texts are
used: the transcripts of the recogniser's own training recordings teach it their manner. Several: `--data '["a.txt",
"b.train.jsonl"]'`. Numbers, signs and abbreviations of English are spelled out (`--spell_out false` for other
languages); sentences with letters outside the alphabet are left out, and so are those of `--exclude`, the texts that
the model is going to be measured on.

Sentences are held out for development by their hash, `--dev_percent` of them; bits a character on these choose the
epoch. Every value below can be set on the command line or in a YAML file; a run that was stopped goes on with the same
command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError
from audio_lstm.speech.training.char_lm_task import CharLMTask, hold_out, read_texts, write_char_lm
from audio_lstm.speech.words.char_lm import CharLMConfig
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: tuple[Path, ...] = (Path("../shared/speech/lm_text.txt"),)  # text files, or manifests
    exclude: tuple[Path, ...] = ()  # texts or manifests whose sentences training must not see
    spell_out: bool = True  # put numbers, signs and abbreviations of printed English into words
    out: Path = Path("runs/char-lm")  # the run: log, checkpoints, and the finished model in its folder `model`
    name: str = "english-char"  # of the finished model
    dev_percent: float = 2.0  # of the sentences, held out for development
    # 1.2 M weights: in half an hour one core reads 3.1 M characters twice.
    model: CharLMConfig = CharLMConfig(LSTMConfig(input_size=64, hidden_size=512, n_layers=1, dropout=0.1))
    batch_characters: int = 2_000  # padded characters a batch, about 25 sentences; twice as many are no faster
    train: TrainConfig = TrainConfig(max_epochs=2, learning_rate=3e-3, warmup_steps=100, n_threads=1)
    max_sentences: int = 0  # the first of all; 0 = all


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/char-lm-tiny"),
    dev_percent=20.0,
    model=CharLMConfig(LSTMConfig(input_size=8, hidden_size=16, n_layers=1)),
    train=replace(BASE.train, warmup_steps=2, tensorboard=False),
    max_sentences=200,
)

NOTES = """
**Knows** how English is spelt and which words follow each other in a sentence, in capital letters without punctuation.

**Does not know** digits, other languages, or what was said before the sentence: each is judged by itself. It has seen
half a million words; of rare names and of facts it knows nothing, and what it calls likely need not be true.

Data: public-domain books, and Wikipedia articles of WikiText-2 (CC BY-SA). Model: Apache-2.0.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    if recipe.max_sentences < 0:
        raise ConfigError(f"max_sentences must be 0 (all) or more, got {recipe.max_sentences}")
    texts = read_texts(recipe.data, recipe.model.alphabet, exclude=recipe.exclude, spells_out=recipe.spell_out)[
        : recipe.max_sentences or None
    ]
    train_texts, dev_texts = hold_out(texts, recipe.dev_percent)
    task = CharLMTask(
        recipe.model,
        train_texts=train_texts,
        dev_texts=dev_texts,
        batch_characters=recipe.batch_characters,
        seed=recipe.train.seed,
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        n_characters = sum(len(text) for text in train_texts)
        files = ", ".join(path.name for path in recipe.data)
        trained_on = f"{len(train_texts)} sentences, {n_characters / 1e6:.2f} M characters ({files})"
        line = write_char_lm(
            task, recipe.out / "model", name=recipe.name, trained_on=trained_on, notes=NOTES, result=result
        )
        print(line)
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
