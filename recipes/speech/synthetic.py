"""Synthetic voices that spell and count: recordings with texts, made by flite and espeak-ng.

    apt-get install flite espeak-ng
    python recipes/speech/synthetic.py --out runs/synthetic --n 600

Writes `train/` and `dev/`, each a folder of wav files with a .txt of the same name, and prints what it wrote. The
texts are random letters, digits, numbers and control words as in AN4; no text of train occurs in dev, and the dev
voices never speak in train. A recogniser trained on real voices alone may not understand a synthesiser;
some of these mixed in help (recipes/README.md has the figures).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from audio_lstm.errors import DataError, MissingDependencyError
from audio_lstm.training.options import run_recipe

TRAIN_VOICES = ("flite:slt", "flite:awb", "flite:kal16", "espeak:en-us+m3", "espeak:en-us+f2", "espeak:en-gb+m1")
DEV_VOICES = ("flite:rms", "espeak:en-gb+f4")
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/synthetic"))
    parser.add_argument("--n", type=int, default=600, help="training recordings; a tenth as many for dev")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    train_texts: set[str] = set()
    for split, voices, n_clips in (("train", TRAIN_VOICES, options.n), ("dev", DEV_VOICES, max(1, options.n // 10))):
        folder = options.out / split
        folder.mkdir(parents=True, exist_ok=True)
        for clip in range(n_clips):
            text = random_text(rng)
            while split == "dev" and text in train_texts:
                text = random_text(rng)
            if split == "train":
                train_texts.add(text)
            path = folder / f"{clip:04d}.wav"
            speak(text, voices[clip % len(voices)], float(rng.uniform(0.8, 1.2)), path)
            path.with_suffix(".txt").write_text(text + "\n", "utf-8")
        print(f"{folder}: {n_clips} recordings of {len(voices)} voices")
    return 0


if __name__ == "__main__":
    run_recipe(main)
