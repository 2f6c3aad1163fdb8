"""Written text -> an LSTM that gives a recogniser's words their punctuation and capitals.

    python recipes/speech/punctuation.py --data '["my-text.txt"]' --out runs/my-writer
    audio-lstm transcribe talk.mp3 --writer runs/my-writer/model

Data: `--data` takes UTF-8 text files, also compressed (.xz), a sentence a line in the order of the text, and manifests
(.jsonl), whose `written` texts are used. Any language with spaces between its words will do: your own text teaches
your own style; set `--model.language`, and `--model.forms '[]'` lists words with a spelling of their own as the text
has them. The defaults read the books and sentences of ../shared/text.

The books that HELD_OUT names are kept for development; of text that holds none of them, the last `--dev_percent`.
What recordings say of pauses and of recognition errors is in punctuation_speech.json, which punctuation_speech.py made.
Every value below can be set on the command line or in a YAML file; a run that was stopped goes on with the same
command.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.text.punctuation import PunctuationConfig
from audio_lstm.speech.text.punctuation_text import TextReader, listed_forms
from audio_lstm.speech.training.punctuation_data import Corpus, concatenate, encode, read_facts
from audio_lstm.speech.training.punctuation_task import PunctuationTask, write_punctuation
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import TrainConfig, train
from audio_lstm.training.options import parse_recipe, run_recipe, settings_of

SHARED = Path("../shared/text")

# First and last sentence, by how they begin, of each book that nothing is learnt from (the chapters of some stand in
# another order in the file).
HELD_OUT = {
    "F. Scott Fitzgerald, The Great Gatsby (1925)": (
        "In my younger and more vulnerable years",
        "So we beat on, boats against the current",
    ),
    "W. E. B. Du Bois, The Souls of Black Folk (1903)": (
        "This is the story of a human heart",
        "And the traveller girds himself",
    ),
    "Willa Cather, My Ántonia (1918)": (
        "I first heard of Ántonia on what seemed to me",
        "My own story was never written, but the following",
    ),
}


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: tuple[Path, ...] = (SHARED / "books.txt.xz", SHARED / "everyday.txt.xz", SHARED / "ud.txt.xz")
    repeats: tuple[int, ...] = (1, 3, 3)  # how often an epoch reads each file: everyday English is rare in books
    facts: Path = Path(__file__).with_name("punctuation_speech.json")  # pauses and recognition errors
    out: Path = Path("runs/punctuation")  # the run: log, checkpoints, and the finished model in its folder `model`
    name: str = "english-writer"  # of the finished model
    dev_percent: float = 2.0  # of a text without held-out books
    model: PunctuationConfig = PunctuationConfig()
    batch_words: int = 4_000  # padded words a batch, about 70 windows
    train: TrainConfig = TrainConfig(
        max_epochs=2,
        optimizer="muon",
        learning_rate=2e-3,
        warmup_steps=100,
        checkpoint_every_minutes=5.0,
        n_threads=1,
    )
    max_words: int = 0  # of each file, the first; 0 = all


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/punctuation-tiny"),
    dev_percent=20.0,
    model=PunctuationConfig(
        causal=LSTMConfig(input_size=8, hidden_size=16, n_layers=1),
        both_ways=LSTMConfig(input_size=16, hidden_size=8, n_layers=1, bidirectional=True),
        head_size=8,
        n_buckets=200,
    ),
    batch_words=500,
    train=replace(BASE.train, warmup_steps=2, tensorboard=False),
    max_words=2_000,
)

NOTES = """
**Writes** full stops, question and exclamation marks, commas, semicolons, colons and dashes, and the capitals of
sentences and of names it knows. It reads the pauses and the confidence of a recogniser where they are known.

**Does not write** quotation marks, brackets, hyphens or paragraphs; numbers become digits by `--numbers digits`, not by
this model.

**Fails** where prose of 1810 to 1960, most of what it read, is no guide: new names and brands stay in lower case;
questions without a question word are often missed; commas follow the older, denser style. Lists, verse and spontaneous
speech with restarts are guesswork. Where words were misheard, the marks around them suffer.

Made by `recipes/speech/punctuation.py`. Data: 45 of 48 Standard Ebooks (CC0), Common Voice's sentences (CC0), Universal
Dependencies EWT and GUM (CC BY-SA 4.0); pauses and errors from LibriSpeech, LJ Speech, Common Voice and others. Model:
Apache-2.0.
"""


def read_lines(path: Path) -> list[str]:
    """The sentences of a text file, also compressed, or the written texts of a manifest."""
    try:
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
            return [row["written"] for row in rows if row.get("written")]
        if path.suffix == ".xz":
            with lzma.open(path, "rt", encoding="utf-8") as file:
                return file.read().split("\n")
        return path.read_text("utf-8-sig").split("\n")
    except (OSError, ValueError, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); give UTF-8 text, a sentence a line") from error


def part(lines: Sequence[str], dev_percent: float) -> tuple[list[str], list[str]]:
    """Training and development lines: the held-out books, or the end of a text that holds none of them."""
    held_out: set[int] = set()
    for first, last in HELD_OUT.values():
        begin = next((number for number, line in enumerate(lines) if line.startswith(first)), None)
        if begin is not None:
            end = next((n for n in range(begin, len(lines)) if lines[n].startswith(last)), None)
            if end is not None:
                held_out |= set(range(begin, end + 1))
    if not held_out:
        held_out = set(range(len(lines) - round(len(lines) * dev_percent / 100), len(lines)))
    dev = [lines[number] for number in sorted(held_out)]
    return [line for number, line in enumerate(lines) if number not in held_out], dev


def is_prose(line: str) -> bool:
    """Whether a line is a sentence with its marks, and no heading."""
    stripped = line.rstrip("\"'“”‘’»)]} _*")
    return stripped[-1:] in frozenset(".?!…:;,—–") and not line.isupper()


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the model folder."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    if not 0 < recipe.dev_percent < 100:
        raise ConfigError(f"dev_percent must lie between 0 and 100, got {recipe.dev_percent}")
    repeats = (*recipe.repeats, *(1 for _ in recipe.data))[: len(recipe.data)]
    sides: list[tuple[list[str], list[str]]] = []
    for path in recipe.data:
        lines = [line for line in read_lines(path) if is_prose(line)]
        if recipe.max_words:
            lines = _first_words(lines, recipe.max_words)
        sides.append(part(lines, recipe.dev_percent))
    model = recipe.model
    if not model.forms:
        model = replace(model, forms=listed_forms([line for lines, _ in sides for line in lines]))
    reader = TextReader(model.forms, language=model.language)
    train_parts: list[Corpus] = []
    for (lines, _), times in zip(sides, repeats, strict=True):
        train_parts += [encode(map(reader.read, lines))] * times
    dev_text = encode(reader.read(line) for _, lines in sides[:1] for line in lines)
    task = PunctuationTask(
        model,
        train_text=concatenate(train_parts),
        dev_text=dev_text,
        facts=read_facts(recipe.facts),
        batch_words=recipe.batch_words,
        seed=recipe.train.seed,
    )
    settings = {**settings_of(recipe), "data": task.fingerprint}
    result = train(task, recipe.train, recipe.out, settings=settings)
    if result.stopped_by != "signal" and is_first_process():
        n_words = sum(len(corpus.words) for corpus in train_parts)
        files = ", ".join(path.name for path in recipe.data)
        trained_on = f"{n_words / 1e6:.2f} M words ({files})"
        print(
            write_punctuation(
                task, recipe.out / "model", name=recipe.name, trained_on=trained_on, notes=NOTES, result=result
            )
        )
    return result.exit_code


def _first_words(lines: Sequence[str], n_words: int) -> list[str]:
    found, total = [], 0
    for line in lines:
        found.append(line)
        total += len(line.split())
        if total >= n_words:
            break
    return found


if __name__ == "__main__":
    run_recipe(main)
