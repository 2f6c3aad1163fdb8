"""Synthetic voices that spell and count, or read any text: recordings with texts, made by flite and espeak-ng.

    apt-get install flite espeak-ng
    python recipes/speech/synthetic.py --out runs/synthetic --n 600
    python recipes/speech/synthetic.py --text ../shared/speech/lm_text.txt --out runs/read --n 20000 --workers 2

Writes `train/` and `dev/`, each a folder of wav files with a .txt of the same name, and the manifests
`synthetic.train.jsonl` and `synthetic.dev.jsonl` of both, and prints what it wrote. The texts are random letters,
digits, numbers and control words as in AN4, or, with `--text`, sentences of a text file; no text of train occurs in
dev, and the dev voices never speak in train. A recogniser trained on real voices alone may not understand a
synthesiser, and one that has heard few words spells rare ones badly (docs/decisions/an4.md, english.md).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile

from audio_lstm.errors import DataError, MissingDependencyError
from audio_lstm.speech.words.lm_text import read_lm_text
from audio_lstm.training.options import run_recipe

TRAIN_VOICES = ("flite:slt", "flite:awb", "flite:kal16", "espeak:en-us+m3", "espeak:en-us+f2", "espeak:en-gb+m1")
DEV_VOICES = ("flite:rms", "espeak:en-gb+f4")
# Read text needs many voices: flite's are built from recordings of people, espeak-ng's are not, but have accents.
READERS = (
    *("flite:slt", "flite:awb", "flite:slt", "flite:awb", "flite:kal16", "espeak:en-us+f3", "espeak:en-gb+m3"),
    *("espeak:en-gb-x-rp+f2", "espeak:en-us+m7", "espeak:en-gb-scotland+m4", "espeak:en-029+f5"),
)
SENTENCE_WORDS = (2, 18)  # of the sentences that are read: up to about 7 s
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = ("ZERO", "OH", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
TENS = ("TWENTY", "THIRTY", "FORTY", "FIFTY", "SIXTY", "SEVENTY", "EIGHTY", "NINETY")
CONTROL = ("YES", "NO", "GO", "HELP", "ERASE", "RUBOUT", "REPEAT", "START", "STOP", "ENTER")


def random_text(rng: np.random.Generator) -> str:
    """A spelled word, a row of digits, a command with a number, or a mixture."""
    letters = [LETTERS[i] for i in rng.integers(len(LETTERS), size=rng.integers(2, 9))]
    digits = [DIGITS[i] for i in rng.integers(len(DIGITS), size=rng.integers(2, 7))]
    number = [TENS[rng.integers(len(TENS))], DIGITS[rng.integers(2, len(DIGITS))]]
    kinds = (letters, digits, [CONTROL[rng.integers(len(CONTROL))], *number], [*letters[:4], *digits[:3]])
    return " ".join(kinds[rng.choice(len(kinds), p=[0.4, 0.25, 0.15, 0.2])])


def random_texts(rng: np.random.Generator) -> Iterator[str]:
    """Random texts without end, none twice."""
    seen: set[str] = set()
    while True:
        text = random_text(rng)
        if text not in seen:
            seen.add(text)
            yield text


def sentences(path: Path, rng: np.random.Generator) -> Iterator[str]:
    """The sentences of a text file that are short enough to be read, in random order, none twice."""
    low, high = SENTENCE_WORDS
    lines = [line for line in read_lm_text(path).sentences if "<unk>" not in line]
    texts = list(dict.fromkeys(line for line in lines if low <= len(line.split()) <= high))
    return (texts[i] for i in rng.permutation(len(texts)).tolist())


def spoken(text: str) -> str:
    """The text as a synthesiser reads it aloud: letters apart, each a name and not an article."""
    return " ".join(f"{word}." if len(word) == 1 else word.lower() for word in text.split())


@cache
def flite_voices() -> frozenset[str]:
    """The voices of the flite that is installed."""
    listed = subprocess.run(["flite", "-lv"], check=False, capture_output=True, text=True).stdout
    return frozenset(listed.partition(":")[2].split())


def speak(text: str, voice: str, rate: float, path: Path) -> None:
    """Let a voice ("flite:slt", "espeak:en-us+f2") say a text into a wav file."""
    engine, name = voice.split(":")
    if engine == "flite":
        command = ["flite", "-voice", name, "--setf", f"duration_stretch={1 / rate:.3f}", "-t", spoken(text)]
        command += ["-o", str(path)]
    else:
        command = ["espeak-ng", "-v", name, "-s", str(round(150 * rate)), "-w", str(path), spoken(text)]
    if shutil.which(command[0]) is None:
        raise MissingDependencyError(f"{command[0]} is not installed: apt-get install flite espeak-ng")
    if engine == "flite" and name not in flite_voices():  # flite itself would quietly take another voice
        raise DataError(f"voice {voice}: flite has no such voice; it has {', '.join(sorted(flite_voices()))}")
    try:
        subprocess.run(command, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.decode(errors="replace").split()) or f"exit status {error.returncode}"
        raise DataError(f"voice {voice}: {command[0]} failed ({reason}); is the voice installed?") from error


def write_split(folder: Path, texts: Sequence[str], voices: Sequence[str], rng: np.random.Generator, n: int) -> float:
    """Let the voices take turns at the texts, n at a time; the recordings and their manifest. Returns the hours."""
    folder.mkdir(parents=True, exist_ok=True)
    rates = rng.uniform(0.8, 1.2, len(texts)).tolist()

    def record(clip: int) -> dict[str, object]:
        path, voice = folder / f"{clip:05d}.wav", voices[clip % len(voices)]
        speak(texts[clip], voice, rates[clip], path)
        path.with_suffix(".txt").write_text(texts[clip] + "\n", "utf-8")
        seconds = round(soundfile.info(path).duration, 3)
        audio, name = f"{folder.name}/{path.name}", f"synthetic-{folder.name}-{clip:05d}"
        return {"id": name, "audio": audio, "text": texts[clip], "duration_s": seconds, "speaker": voice}

    with ThreadPoolExecutor(n) as pool:  # the synthesisers are programs of their own
        rows = list(pool.map(record, range(len(texts))))
    manifest = folder.parent / f"synthetic.{folder.name}.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return sum(float(str(row["duration_s"])) for row in rows) / 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/synthetic"))
    parser.add_argument("--n", type=int, default=600, help="training recordings; a tenth as many for dev")
    parser.add_argument("--text", type=Path, help="a text file, a sentence a line, to be read instead of random texts")
    parser.add_argument("--workers", type=int, default=1, help="how many recordings to make at once")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    source = sentences(options.text, rng) if options.text else random_texts(rng)
    n_dev = max(1, options.n // 10)
    texts = list(islice(source, options.n + n_dev))
    if len(texts) < options.n + n_dev:
        raise DataError(
            f"{options.text}: {len(texts)} different sentences of {SENTENCE_WORDS[0]} to {SENTENCE_WORDS[1]} words, "
            f"{options.n + n_dev} needed; ask for fewer with --n"
        )
    train_voices = READERS if options.text else TRAIN_VOICES
    splits = (("train", train_voices, texts[: options.n]), ("dev", DEV_VOICES, texts[options.n :]))
    for split, voices, said in splits:
        hours = write_split(options.out / split, said, voices, rng, options.workers)
        print(f"{options.out / split}: {len(said)} recordings of {len(set(voices))} voices, {hours:.2f} h")
    return 0


if __name__ == "__main__":
    run_recipe(main)
