"""Sounds in which nobody speaks, with empty texts: a recogniser trained on some of them writes fewer of them down.

    python recipes/speech/nonspeech.py --out runs/nonspeech --n 800
    python recipes/speech/nonspeech.py --out runs/nonspeech --chorales ../shared/music/jsb16/satb.trainvalid.json

Writes `train/` and `dev/` and the manifests `nonspeech.train.jsonl` and `nonspeech.dev.jsonl`, all texts empty, and
prints what it wrote. The kinds take turns: silence with a sound card's hiss, noise of several colours and levels, mains
hum, tones and sweeps, knocks, tunes and chords of random timbre, and, with `--chorales`, music from a set of
four-voice chorales. CTC trains on an empty text as on any other: every frame is to be blank.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import write_wav
from audio_lstm.errors import DataError
from audio_lstm.training.options import run_recipe

RATE = 16_000
LENGTH_S = (1.0, 7.0)
PEAK_DB = (-45.0, -1.0)
SILENCE_PEAK_DB = (-90.0, -55.0)
MAINS_HZ = (50.0, 60.0)
SLOPES = (0.0, 0.5, 1.0)  # of the amplitude spectrum, as a power of 1/f: white, pink, brown
SIXTEENTH_S = (0.08, 0.25)
Samples = NDArray[np.float64]


def noise(rng: np.random.Generator, n: int) -> Samples:
    """White to brown noise, now and then band-limited or swelling."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / RATE)
    spectrum /= np.maximum(hz, 20.0) ** SLOPES[rng.integers(len(SLOPES))]
    if rng.random() < 0.3:
        low = rng.uniform(50, 3000)
        spectrum[(hz < low) | (hz > low * rng.uniform(1.2, 4.0))] = 0
    samples = np.fft.irfft(spectrum, n)
    if rng.random() < 0.4:
        samples *= 1 + 0.9 * np.sin(2 * np.pi * rng.uniform(0.1, 6.0) * np.arange(n) / RATE + rng.uniform(0, 6))
    return samples


def hum(rng: np.random.Generator, n: int) -> Samples:
    """Mains hum with harmonics."""
    hz = MAINS_HZ[rng.integers(2)] * np.arange(1.0, 12.0)
    return _partials(hz, rng.random(11) / np.arange(1, 12), n, rng) + 0.02 * rng.standard_normal(n)


def tone(rng: np.random.Generator, n: int) -> Samples:
    """A steady tone, a sweep, or beeps."""
    hz = np.exp(rng.uniform(np.log(80), np.log(6000), 2))
    course = np.full(n, hz[0]) if rng.random() < 0.6 else np.geomspace(hz[0], hz[1], n)
    samples = np.sin(2 * np.pi * np.cumsum(course) / RATE)
    if rng.random() < 0.4:
        samples *= np.sin(2 * np.pi * rng.uniform(0.5, 5) * np.arange(n) / RATE) > rng.uniform(-0.7, 0.7)
    return samples


def knocks(rng: np.random.Generator, n: int) -> Samples:
    """Knocks, clicks, keys: short decaying noises at random times."""
    samples = 0.002 * rng.standard_normal(n)
    for start in rng.integers(n, size=rng.integers(1, 20)).tolist():
        length = min(n - start, int(RATE * rng.uniform(0.005, 0.2)))
        samples[start : start + length] += rng.standard_normal(length) * np.exp(-6 * np.arange(length) / length)
    return samples


def tune(rng: np.random.Generator, n: int) -> Samples:
    """One to four voices that walk up and down a scale in random lengths, in one random timbre."""
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    timbre, sixteenth = _timbre(rng), int(RATE * rng.uniform(*SIXTEENTH_S))
    samples = np.zeros(n)
    for _ in range(rng.integers(1, 5)):
        degree, at = int(rng.integers(0, 21)), 0
        while at < n:
            length = sixteenth * int(rng.choice([1, 2, 2, 4, 4, 8]))
            pitch = 42 + 12 * (degree // 7) + int(scale[degree % 7])
            _add_note(samples, at, length, pitch, timbre)
            at, degree = at + length, int(np.clip(degree + rng.integers(-2, 3), 0, 27))
    return samples


def chorale(pieces: Sequence[Sequence[Sequence[int]]]) -> Callable[[np.random.Generator, int], Samples]:
    """A sound that plays a part of one of these chorales, each a list of [S, A, T, B] MIDI numbers a 16th."""

    def play(rng: np.random.Generator, n: int) -> Samples:
        piece = pieces[int(rng.integers(len(pieces)))]
        timbre, sixteenth = _timbre(rng), int(RATE * rng.uniform(*SIXTEENTH_S))
        count = n // sixteenth + 1
        part = piece[int(rng.integers(max(1, len(piece) - count))) :][:count]
        samples = np.zeros(n)
        for voice in range(4):
            begin = 0
            for step in range(1, len(part) + 1):
                if step == len(part) or part[step][voice] != part[begin][voice]:
                    if part[begin][voice] > 0:
                        length = (step - begin) * sixteenth
                        _add_note(samples, begin * sixteenth, length, part[begin][voice], timbre)
                    begin = step
        return samples

    return play


def _timbre(rng: np.random.Generator) -> tuple[Samples, float, float]:
    """Amplitudes of ten partials, attack in seconds, decay rate per second."""
    return rng.random(10) / np.arange(1, 11) ** rng.uniform(0.5, 2.5), rng.uniform(0.003, 0.08), rng.uniform(0.0, 6.0)


def _add_note(samples: Samples, at: int, length: int, pitch: int, timbre: tuple[Samples, float, float]) -> None:
    """Mix a note in; what lies beyond the end or above the Nyquist frequency is left out."""
    amplitudes, attack_s, decay = timbre
    length = min(length, len(samples) - at)
    time = np.arange(length) / RATE
    hz = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, len(amplitudes) + 1)
    envelope = (
        np.minimum(1, time / attack_s) * np.exp(-decay * time) * np.minimum(1, (length - np.arange(length)) / 200)
    )
    audible = hz < RATE / 2
    samples[at : at + length] += envelope * (amplitudes[audible] @ np.sin(2 * np.pi * np.outer(hz[audible], time)))


def _partials(hz: NDArray[np.floating], amplitudes: NDArray[np.floating], n: int, rng: np.random.Generator) -> Samples:
    phases = rng.uniform(0, 2 * np.pi, len(hz))
    time = np.arange(n) / RATE
    return np.asarray(sum(a * np.sin(2 * np.pi * f * time + p) for a, f, p in zip(amplitudes, hz, phases, strict=True)))


def read_chorales(path: Path) -> list[list[list[int]]]:
    """The training chorales of a JSON file {"train": [[[S, A, T, B], …], …], …}."""
    try:
        pieces: list[list[list[int]]] = json.loads(path.read_text("utf-8"))["train"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a set of chorales ({type(error).__name__}); expected JSON with 'train'"
        ) from error
    return pieces


def main(arguments: Sequence[str] | None = None) -> int:
    """Write both folders and their manifests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/nonspeech"))
    parser.add_argument("--n", type=int, default=800, help="training recordings; a tenth as many for dev")
    parser.add_argument("--chorales", type=Path, help="JSON of four-voice chorales, to be played")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    kinds: list[Callable[[np.random.Generator, int], Samples]] = [noise, hum, tone, knocks, tune, noise, tune]
    if options.chorales:
        kinds += [chorale(read_chorales(options.chorales))] * 2
    for number, (split, n_clips) in enumerate((("train", options.n), ("dev", max(1, options.n // 10)))):
        rng = np.random.default_rng([options.seed, number])
        (options.out / split).mkdir(parents=True, exist_ok=True)
        rows, seconds = [], 0.0
        for clip in range(n_clips):
            n = int(RATE * rng.uniform(*LENGTH_S))
            silent = clip % (len(kinds) + 1) == len(kinds)
            samples = rng.standard_normal(n) if silent else kinds[clip % (len(kinds) + 1)](rng, n)
            level_db = rng.uniform(*(SILENCE_PEAK_DB if silent else PEAK_DB))
            samples *= 10 ** (level_db / 20) / max(1e-9, float(np.abs(samples).max()))
            path = options.out / split / f"{clip:05d}.wav"
            write_wav(path, samples, RATE)
            row = {"id": f"nonspeech-{split}-{clip:05d}", "audio": f"{split}/{path.name}", "text": ""}
            rows.append(row | {"duration_s": n / RATE, "speaker": "nobody"})
            seconds += n / RATE
        manifest = options.out / f"nonspeech.{split}.jsonl"
        manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        print(f"{options.out / split}: {n_clips} recordings, {seconds / 3600:.2f} h")
    return 0


if __name__ == "__main__":
    run_recipe(main)
