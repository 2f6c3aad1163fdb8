"""Our recognisers beside Whisper: errors, size, speed, memory, and how soon the first word comes.

    pip install '.[label]'
    python recipes/quality/against_whisper.py --data ../shared/speech --whisper whisper/tiny.en whisper/base

Every model hears the same recordings of the development sets, each in a process of its own, on one thread. References
and hypotheses all pass Whisper's own English normaliser (whisper-normalizer), so that no one is charged for
punctuation, for figures or for spelling. Whisper runs in faster-whisper (int8, beam 5, English given, one pass
of at most 30 s); ours as tuned. Printed for each model:

- word error rate of each set, and the mean of them
- size on disk: everything that the model needs, our language models included
- processor seconds a second of sound, all recordings together, the model loaded; and as a multiple of the last
  Whisper's, which is what to compare: seconds differ from machine to machine
- memory: the most that the process has had (resident set)
- first word: median processor seconds from a recording's samples to its first word
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import load_audio
from audio_lstm.checkpoint import resolve_model
from audio_lstm.errors import DataError, MissingDependencyError, ModelError
from audio_lstm.speech.hearing.recogniser import load_speech
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.text.data import Utterance, read_manifest
from audio_lstm.speech.training.metrics import score
from audio_lstm.training.options import run_recipe

RATE = 16_000
BEAM_SIZE = 5
Hear = Callable[[NDArray[np.float32]], tuple[str, float]]  # samples -> text, processor seconds to its first word


def chosen(data: Path, corpus: str, n: int) -> tuple[Utterance, ...]:
    """So many recordings of a development set, spread over it; 0 = all."""
    utterances = read_manifest(data / f"{corpus}.dev.jsonl")
    return utterances[:: max(1, len(utterances) // n)][:n] if n else utterances


def ours(model: str) -> Hear:
    """One of our recognisers, as tuned."""
    recogniser = load_speech(model)

    def hear(samples: NDArray[np.float32]) -> tuple[str, float]:
        start = time.process_time()
        text = transcribe((samples, RATE), model=recogniser).spoken
        return text, time.process_time() - start

    return hear


def whisper(folder: str) -> Hear:
    """Whisper in faster-whisper, as its users run it."""
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise MissingDependencyError("Whisper needs faster-whisper: pip install '.[label]'") from error
    try:
        model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"{folder}: not a Whisper folder for faster-whisper ({' '.join(str(error).split())})"
        ) from error

    def hear(samples: NDArray[np.float32]) -> tuple[str, float]:
        start = time.process_time()
        segments, _ = model.transcribe(samples, language="en", beam_size=BEAM_SIZE, condition_on_previous_text=False)
        texts, first = [], 0.0
        for segment in segments:
            first = first or time.process_time() - start
            texts.append(segment.text)
        return " ".join(texts), first or time.process_time() - start

    return hear


def size_of(name: str, kind: str) -> int:
    """Bytes on disk of what runs on a CPU: without the weights for torch."""
    if kind == "whisper":
        return sum(file.stat().st_size for file in Path(name).iterdir())
    folder = resolve_model(name)
    size = sum(file.stat().st_size for file in folder.iterdir() if file.name != "model.safetensors")
    settings = json.loads((folder / "decoding.json").read_text("utf-8")) if (folder / "decoding.json").exists() else {}
    for value in (settings.get("language_model"), settings.get("rescoring", {}).get("model")):
        if value:
            size += sum(file.stat().st_size for file in _files(folder, str(value)) if file.name != "model.safetensors")
    return size


def _files(folder: Path, name: str) -> list[Path]:
    """The files of a language model that a model's settings name: beside it, or among the shipped ones."""
    for place in (folder / name, folder.parent / name, folder.parent / f"{name}.lm"):
        if place.is_dir():
            return list(place.iterdir())
        if place.is_file():
            return [place]
    raise ModelError(f"{folder}: its decoding.json names {name}, which is nowhere")


def measure(kind: str, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The child: one model on all recordings."""
    from whisper_normalizer.english import EnglishTextNormalizer

    normalise = EnglishTextNormalizer()
    hear = (whisper if kind == "whisper" else ours)(name)
    hear(np.zeros(RATE, np.float32))  # what is loaded late
    wer, firsts, cost_s, audio_s = {}, [], 0.0, 0.0
    for corpus in options.corpora:
        references, hypotheses = [], []
        for utterance in chosen(options.data, corpus, options.n):
            samples = load_audio(utterance.audio, sample_rate=RATE)
            start = time.process_time()
            text, first = hear(samples)
            cost_s += time.process_time() - start
            audio_s += len(samples) / RATE
            firsts.append(first)
            references.append(normalise(utterance.text.lower()))
            hypotheses.append(normalise(text.lower()))
        wer[corpus] = score(references, hypotheses).wer
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "wer": wer,
        "bytes": size_of(name, kind),
        "cost": cost_s / audio_s,
        "memory": memory,
        "first_s": statistics.median(firsts),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/speech"))
    parser.add_argument("--corpora", nargs="+", default=["devclean", "cv1", "cv13", "so762", "an4"])
    parser.add_argument("--models", nargs="+", default=["english-small", "english-base"])
    parser.add_argument("--whisper", nargs="*", default=[], help="folders of Whisper models for faster-whisper")
    parser.add_argument("--n", type=int, default=100, help="recordings of each set, spread over it; 0 = all")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        kind, name = options.child
        print(json.dumps(measure(kind, name, options)))
        return 0
    for corpus in options.corpora:
        chosen(options.data, corpus, options.n)  # says what is missing before the hours begin
    rows = {}
    for kind, name in [("ours", name) for name in options.models] + [("whisper", name) for name in options.whisper]:
        title = Path(name).name if kind == "ours" else f"Whisper {Path(name).name}"
        rows[title] = _in_child(kind, name, options)
    unit = rows[next(reversed(rows))]["cost"]
    heads = [*options.corpora, "mean", "size", "s a second", "of the last", "memory", "first word"]
    print("| | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for name, row in rows.items():
        errors = [row["wer"][corpus] for corpus in options.corpora]
        cells = [f"{100 * error:.1f} %" for error in [*errors, statistics.mean(errors)]]
        cells += [f"{row['bytes'] / 1e6:.1f} MB", f"{row['cost']:.4f}", f"{row['cost'] / unit:.3f}"]
        print(f"| {name} | " + " | ".join([*cells, f"{row['memory'] / 1e6:.0f} MB", f"{row['first_s']:.2f} s"]) + " |")
    return 0


def _in_child(kind: str, name: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", kind, name, "--data", str(options.data), "--n", str(options.n)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--corpora", *options.corpora], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise DataError(f"{name} could not be measured: {done.stderr.strip().splitlines()[-1:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    run_recipe(main)
