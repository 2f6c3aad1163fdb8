r"""Hundreds of made-up speakers read any text: training recordings by a neural synthesiser (Kokoro-82M).

    pip install '.[voices]'
    python recipes/speech/neural_voices.py --kokoro FOLDER --text everyday.txt --rare books.txt --out data \
        --n 20000 --workers 2 --exclude ../shared/speech/cv13.dev.jsonl

FOLDER holds `model.onnx` (Kokoro-82M, int8 will do) and `voices/*.bin` (style packs: float32, 510 x 256; the npm
package kokoro-js has 54). Every speaker is drawn: a pack, two packs averaged, or the timbre of one with the prosody of
another (the halves of a style), at a speed of 0.8 to 1.2. Some packs are kept for the development set: they are in no
training speaker, and no sentence is in both sets.

Half of the sentences come from `--text` at random; the others from `--rare`, chosen so that words which have been said
least so far come next. Sentences of `--exclude`, and those that share eight words in a row with them, are left out. A
recording whose length does not fit its text is thrown away. The recordings are numbered, and the plan is a pure
function of the options: a stopped run goes on with the same command, and `--shard 2/3` makes every third of them.

Writes `voices.train.jsonl` and `voices.dev.jsonl` (text, and `written` with case and punctuation) beside the folders of
FLAC files. `recipes/speech/label.py --data voices.train.jsonl --n 100 …` lets a teacher check a sample. Rooms, noise,
telephones and codecs are the business of training's augmentation.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.audio.files import resample
from audio_lstm.errors import ConfigError, DataError, MissingDependencyError, ModelError
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.data import normalise_text, read_manifest
from audio_lstm.speech.text.spoken import spell_out
from audio_lstm.training.options import run_recipe

SAMPLE_RATE = 16_000  # Hz, of the recordings
STYLE_SHAPE = (510, 256)  # of a pack: a style for each number of phonemes; the first half timbre, the second prosody
DEV_PACKS = ("af_nova", "am_eric", "bf_lily", "bm_daniel", "hf_beta", "zm_yunxi")  # kept for dev
N_DEV_SPEAKERS = 24
SENTENCE_WORDS = (3, 18)
SPEEDS = (0.8, 1.2)
LETTERS_PER_SECOND = (5.0, 30.0)  # of a recording that is kept
SHARED_WORDS = 8  # in a row: then two sentences count as the same


@dataclass(frozen=True)
class Speaker:
    """A made-up speaker."""

    timbre: tuple[str, ...]  # packs whose first halves are averaged
    prosody: tuple[str, ...]  # packs whose second halves are averaged

    @property
    def name(self) -> str:
        """For the manifest."""
        timbre, prosody = "+".join(self.timbre), "+".join(self.prosody)
        return f"kokoro:{timbre}" if timbre == prosody else f"kokoro:{timbre}/{prosody}"

    @property
    def language(self) -> str:
        """Whose phonemes: British packs speak British English."""
        return "en-gb" if self.timbre[0].startswith("b") else "en-us"


@dataclass(frozen=True)
class Task:
    """A recording to be made."""

    path: Path
    written: str
    speaker: Speaker
    speed: float


def draw_speakers(packs: Sequence[str], n: int, rng: np.random.Generator) -> list[Speaker]:
    """So many different speakers: each pack as it is, then averages of two, and timbre and prosody of two."""
    speakers = dict.fromkeys(Speaker((pack,), (pack,)) for pack in packs)
    most = len(packs) + 3 * len(packs) * (len(packs) - 1) // 2
    if n > most:
        raise ConfigError(f"{len(packs)} style packs make at most {most} speakers, {n} are wanted")
    while len(speakers) < n:
        one, other = (str(pack) for pack in rng.choice(list(packs), 2, replace=False))
        pair = (min(one, other), max(one, other))
        speakers[Speaker(pair, pair) if rng.random() < 0.5 else Speaker((one,), (other,))] = None
    return list(speakers)[:n]


def read_sentences(path: Path, excluded: Excluded) -> list[str]:
    """The sentences of a text (plain or .xz) that can be read aloud and are in no excluded set, each once."""
    try:
        raw = path.read_bytes()
        lines = (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode("utf-8").split("\n")
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); expected a sentence a line, UTF-8") from error
    low, high = SENTENCE_WORDS
    kept = []
    for line in dict.fromkeys(line.strip() for line in lines):
        if not low <= len(line.split()) <= high:
            continue
        text = spoken(line)
        if text and all(symbol in ENGLISH for symbol in text) and not excluded.holds(text):
            kept.append(line)
    if not kept:
        raise DataError(f"{path}: no usable sentence; expected a sentence of {low} to {high} words a line")
    return kept


class Excluded:
    """Sentences that must not be said."""

    def __init__(self, manifests: Iterable[Path]) -> None:
        texts = [spoken(item.text) for manifest in manifests for item in read_manifest(manifest)]
        self._texts = set(texts)
        self._runs = {run for text in texts for run in _runs(text)}
        self.n_found = 0

    def holds(self, text: str) -> bool:
        """Whether a sentence is one of them, or shares so many words in a row with one."""
        found = text in self._texts or any(run in self._runs for run in _runs(text))
        self.n_found += found
        return found


def _runs(text: str) -> Iterable[tuple[str, ...]]:
    words = text.split()
    return zip(*(words[start:] for start in range(SHARED_WORDS)), strict=False)


def spoken(written: str) -> str:
    """A sentence in the letters of the alphabet, numbers spelled out."""
    return normalise_text(spell_out(written), ENGLISH)


def choose(everyday: Sequence[str], rare: Sequence[str], n: int, rng: np.random.Generator) -> list[str]:
    """So many sentences: half at random, half so that the words that were said least come next."""
    if len({*everyday, *rare}) < n:
        raise DataError(
            f"{len({*everyday, *rare})} different sentences in the texts, {n} needed; ask for fewer with --n"
        )
    first = [everyday[i] for i in rng.permutation(len(everyday))[: -(-n // 2) if rare else n].tolist()]
    said = Counter(word for sentence in first for word in spoken(sentence).split())
    taken = set(first)
    n_wanted = n - len(first)
    chosen: list[str] = []
    pool = [rare[i] for i in rng.permutation(len(rare)).tolist() if rare[i] not in taken]
    n_seen = max(500, len(pool) // 20)  # sentences that are compared with each other
    while pool and len(chosen) < n_wanted:
        words = {sentence: set(spoken(sentence).split()) for sentence in pool[:n_seen]}
        news = {
            sentence: sum(1 / (1 + said[word]) for word in said_in) / len(said_in)
            for sentence, said_in in words.items()
        }
        ranked = sorted(words, key=news.__getitem__, reverse=True)
        n_taken = min(n_wanted - len(chosen), n_wanted // 20 + 1)
        for sentence in ranked[:n_taken]:
            said.update(words[sentence])
        chosen += ranked[:n_taken]
        pool = pool[n_seen:] + ranked[n_taken:]
    rest = [everyday[i] for i in rng.permutation(len(everyday)).tolist() if everyday[i] not in taken]
    return [*first, *chosen, *rest][:n]


def plan(options: argparse.Namespace, packs: Sequence[str]) -> dict[str, list[Task]]:
    """All recordings of both sets, a pure function of the options."""
    rng = np.random.default_rng(options.seed)
    excluded = Excluded(options.exclude)
    everyday = read_sentences(options.text, excluded)
    rare = read_sentences(options.rare, excluded) if options.rare else []
    print(f"{len(everyday)} and {len(rare)} sentences; {excluded.n_found} left out as excluded")
    n_dev = max(1, options.n // 40)
    texts = choose(everyday, rare, options.n + n_dev, rng)
    texts = [texts[i] for i in rng.permutation(len(texts)).tolist()]
    kept = [pack for pack in packs if pack in DEV_PACKS] or list(packs[:2])
    others = [pack for pack in packs if pack not in kept]
    sets = {"train": (texts[: options.n], others, options.speakers), "dev": (texts[options.n :], kept, N_DEV_SPEAKERS)}
    tasks: dict[str, list[Task]] = {}
    for name, (sentences, own, n_speakers) in sets.items():
        speakers = (
            draw_speakers(own, min(n_speakers, len(sentences), 3 * len(own)), rng)
            if name == "dev"
            else (draw_speakers(own, min(n_speakers, len(sentences)), rng))
        )
        tasks[name] = [
            Task(options.out / "voices" / name / f"{number:06d}.flac", written, speakers[number % len(speakers)], speed)
            for number, (written, speed) in enumerate(zip(sentences, rng.uniform(*SPEEDS, len(sentences)), strict=True))
        ]
    return tasks


class Kokoro:
    """The synthesiser, on one thread."""

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime
            from kokoro_onnx import Kokoro as Engine
        except ImportError as error:
            raise MissingDependencyError("neural voices need kokoro-onnx: pip install '.[voices]'") from error
        self._styles = read_styles(folder)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        packs = folder / ".packs.npz"
        if not packs.is_file():
            with atomic_write(packs) as scratch, scratch.open("wb") as file:
                arrays: dict[str, Any] = {name: style[:, None] for name, style in self._styles.items()}
                np.savez(file, **arrays)
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), settings, providers=["CPUExecutionProvider"])
        self._engine = Engine.from_session(session, str(packs))

    def say(self, task: Task) -> NDArray[np.float32]:
        """A sentence, float32 (n,) at `SAMPLE_RATE`."""
        half = STYLE_SHAPE[1] // 2
        timbre = np.mean([self._styles[pack][:, :half] for pack in task.speaker.timbre], axis=0)
        prosody = np.mean([self._styles[pack][:, half:] for pack in task.speaker.prosody], axis=0)
        style = np.concatenate([timbre, prosody], axis=1)[:, None].astype(np.float32)
        samples, rate = self._engine.create(task.written, voice=style, speed=task.speed, lang=task.speaker.language)
        return resample(samples, rate, SAMPLE_RATE)


def read_styles(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The style packs by name."""
    if not (folder / "model.onnx").is_file():
        raise ModelError(f"{folder}: no model.onnx in it; pass the folder of Kokoro-82M with its voices/")
    styles = {}
    for file in sorted((folder / "voices").glob("*.bin")):
        values = np.fromfile(file, np.float32)
        if values.size != STYLE_SHAPE[0] * STYLE_SHAPE[1] or not np.isfinite(values).all():
            raise ModelError(f"{file}: holds {values.size} numbers; a style pack has 510 x 256, float32, all finite")
        styles[file.stem] = values.reshape(STYLE_SHAPE)
    if len(styles) < 4:
        raise ModelError(f"{folder / 'voices'}: {len(styles)} style packs; at least 4 are needed")
    return styles


_engine: Kokoro | None = None  # of a worker process


def _start(folder: Path) -> None:
    global _engine
    _engine = Kokoro(folder)


def _make(task: Task) -> dict[str, Any] | None:
    """Make a recording unless it is there; its row, or None if it is no good."""
    if not task.path.is_file():
        if _engine is None:
            raise RuntimeError("the worker has no engine")
        try:
            samples = _engine.say(task)
        except (ValueError, IndexError):  # no phonemes, or more than a style has rows
            return None
        with atomic_write(task.path) as scratch:
            soundfile.write(scratch, np.clip(samples, -1, 1), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    seconds = soundfile.info(task.path).duration
    text = spoken(task.written)
    if not LETTERS_PER_SECOND[0] <= len(text) / max(seconds, 0.01) <= LETTERS_PER_SECOND[1]:
        return None
    split, name = task.path.parent.name, task.path.stem
    row = {"id": f"voices-{split}-{name}", "audio": f"voices/{split}/{task.path.name}", "text": text}
    return {**row, "written": task.written, "duration_s": round(seconds, 3), "speaker": task.speaker.name}


def make(tasks: Sequence[Task], options: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of all recordings that are good, in order; made by several processes."""
    from tqdm import tqdm

    context = get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, _start, (options.kokoro,)) as pool:
        made = tqdm(pool.map(_make, tasks, chunksize=4), total=len(tasks), unit="clip", disable=None)
        return [row for row in made if row is not None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Plan, speak, write the manifests."""
    options = _options(arguments)
    packs = list(read_styles(options.kokoro))
    part, n_parts = options.shard
    for split, tasks in plan(options, packs).items():
        mine = tasks[part - 1 :: n_parts]
        folder = options.out / "voices" / split
        try:
            folder.mkdir(parents=True, exist_ok=True)
            rows = make(mine, options)
            suffix = f"{part}of{n_parts}." if n_parts > 1 else ""
            manifest = options.out / f"voices.{suffix}{split}.jsonl"
            with atomic_write(manifest) as scratch:
                scratch.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{folder}: cannot be written ({reason}); the same command goes on from here") from error
        hours = sum(row["duration_s"] for row in rows) / 3600
        n_speakers = len({row["speaker"] for row in rows})
        print(f"{manifest}: {len(rows)} of {len(mine)} recordings kept, {n_speakers} speakers, {hours:.2f} h")
    return 0


def _shard(text: str) -> tuple[int, int]:
    part, _, n_parts = text.partition("/")
    if not (part.isdecimal() and n_parts.isdecimal() and 1 <= int(part) <= int(n_parts)):
        raise argparse.ArgumentTypeError(f"expected K/N with K from 1 to N, got {text!r}")
    return int(part), int(n_parts)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kokoro", type=Path, required=True, help="folder with model.onnx and voices/*.bin")
    parser.add_argument("--text", type=Path, required=True, help="sentences, one a line (.txt or .xz)")
    parser.add_argument("--rare", type=Path, help="a text from which sentences with rare words are chosen")
    parser.add_argument("--exclude", type=Path, nargs="*", default=[], help="manifests whose texts must not be said")
    parser.add_argument("--out", type=Path, default=Path("runs/voices"))
    parser.add_argument("--n", type=int, default=20_000, help="training recordings; a fortieth as many for dev")
    parser.add_argument("--speakers", type=int, default=400, help="of the training recordings")
    parser.add_argument(
        "--shard", type=_shard, default=(1, 1), metavar="K/N", help="make every Nth recording, from K on"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if min(options.n, options.speakers, options.workers) < 1:
        raise ConfigError("--n, --speakers and --workers must be at least 1")
    return options


if __name__ == "__main__":
    run_recipe(main)
