"""Speech and sounds that are not -> the small network that tells them apart (audio_lstm/speech/sound/vad.py).

    python recipes/speech/activity.py --data ../shared/speech --out runs/activity

Trains on the corpora's recordings, joined with pauses, at any level and in noise, against noise, tones, hum, sweeps,
clicks and music made at random. A frame of speech is one that is loud for its recording; frames near an edge do not
count. Prints the share of wrong frames on the development recordings and on new sounds, and writes
OUT/activity.safetensors; copy it to audio_lstm/weights to use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audio_lstm.atomic import atomic_write
from audio_lstm.audio.files import load_audio
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.sound.sounds import KINDS, RATE, Samples, music, noise
from audio_lstm.speech.sound.vad import LAYER_SIZES, WEIGHTS_FILE, activity_features, context_windows
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.training.distributed import is_first_process
from audio_lstm.training.loop import StepLoss, TrainConfig, train
from audio_lstm.training.options import data_fingerprint, parse_recipe, run_recipe, settings_of

FRAME = RATE // 50  # samples of a decision
PAST, LOOKAHEAD = 36, 4  # frames around it, as in audio_lstm/speech/sound/vad.py
IGNORED = -1


@dataclass(frozen=True)
class Recipe:
    """Everything that can be set."""

    data: Path = Path("../shared/speech")  # a folder of NAME.train.jsonl and NAME.dev.jsonl
    out: Path = Path("runs/activity")
    train_corpora: tuple[str, ...] = ("an4", "cv13", "so762", "libri3")
    dev_corpora: tuple[str, ...] = ("an4", "cv13", "so762")
    n_recordings: int = 250  # of each training corpus
    n_dev_recordings: int = 40
    n_music: int = 900  # pieces of clip_s, made once
    clip_s: float = 6.0
    batch_size: int = 12  # clips a step
    n_batches: int = 100  # an epoch
    train: TrainConfig = TrainConfig(
        max_epochs=40, learning_rate=2e-3, warmup_steps=50, ema_decay=0.99, n_threads=1, tensorboard=False
    )


BASE = Recipe()
TINY = replace(
    BASE,
    out=Path("runs/activity-tiny"),
    n_recordings=2,
    n_dev_recordings=1,
    n_music=2,
    clip_s=2.0,
    batch_size=2,
    n_batches=2,
    train=replace(BASE.train, max_epochs=1, warmup_steps=1),
)


@dataclass(frozen=True)
class Frames:
    """Inputs and what they are."""

    inputs: Tensor  # (frames, inputs)
    labels: Tensor  # (frames,) 1 speech, 0 none, -1 does not count


class ActivityTask:
    """Data, model, loss and metric for audio_lstm.training.loop."""

    def __init__(self, recipe: Recipe) -> None:
        """Read the recordings and make the music.

        Args:
            recipe: The values.
        """
        self._recipe = recipe
        self._n = round(recipe.clip_s * RATE)
        speech = [
            load_audio(utterance.audio, sample_rate=RATE)
            for corpus in recipe.train_corpora
            for utterance in _spread(read_manifest(recipe.data / f"{corpus}.train.jsonl"), recipe.n_recordings)
        ]
        self._speech = [(clip, speech_labels(clip)) for clip in speech]
        self._music = [music(self._n, np.random.default_rng([1, number])) for number in range(recipe.n_music)]
        self._dev: dict[str, list[Frames]] = {name: [] for name in (*recipe.dev_corpora, "sounds")}
        for corpus in recipe.dev_corpora:
            for utterance in _spread(read_manifest(recipe.data / f"{corpus}.dev.jsonl"), recipe.n_dev_recordings):
                samples = load_audio(utterance.audio, sample_rate=RATE)
                self._dev[corpus].append(_frames(samples, speech_labels(samples)))
        for number, (make, _) in enumerate(list(KINDS.values()) * 6):
            sound = make(self._n, np.random.default_rng([2, number]))
            self._dev["sounds"].append(_frames(sound, np.zeros(len(sound) // FRAME, np.int64)))
        clips = ((str(number), len(clip), labels) for number, (clip, labels) in enumerate(self._speech))
        self.fingerprint = data_fingerprint(clips)
        torch.manual_seed(recipe.train.seed)
        layers: list[nn.Module] = []
        for size, next_size in pairwise(LAYER_SIZES):
            layers += [nn.Linear(size, next_size), nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1])

    def n_batches(self, epoch: int) -> int:
        """As many as the recipe says."""
        return self._recipe.n_batches

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> Frames:
        """New clips every time."""
        rng = np.random.default_rng([self._recipe.train.seed, epoch, index, rank])
        clips = [_frames(*self._clip(rng)) for _ in range(self._recipe.batch_size)]
        return Frames(torch.cat([clip.inputs for clip in clips]), torch.cat([clip.labels for clip in clips]))

    def loss(self, batch: Frames, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """Cross entropy of the frames that count."""
        counted = batch.labels != IGNORED
        logits = self.model(batch.inputs[counted])[:, 0].float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, batch.labels[counted].float(), reduction="sum")
        return StepLoss(loss, int(counted.sum()))

    def evaluate(self) -> dict[str, float]:
        """Share of wrong frames of each set; `score` is the mean of speech missed and of sounds taken for speech."""
        result: dict[str, float] = {}
        missed, false = [], []
        for name, sets in self._dev.items():
            labels = torch.cat([frames.labels for frames in sets])
            wrong = (torch.cat([self.model(frames.inputs)[:, 0] for frames in sets]) > 0) != (labels == 1)
            if name == "sounds":
                false.append(_share(wrong))
                result["sounds_taken_for_speech"] = false[-1]
            else:
                missed.append(_share(wrong[labels == 1]))
                false.append(_share(wrong[labels == 0]))
                result |= {f"{name}_speech_missed": missed[-1], f"{name}_pauses_taken_for_speech": false[-1]}
        return {"score": float(np.mean(missed) + np.mean(false)) / 2, **result}

    def _clip(self, rng: np.random.Generator) -> tuple[Samples, NDArray[np.int64]]:
        """Speech with pauses, a sound without speech, or one over the other; with noise, at any level."""
        n_frames = self._n // FRAME
        labels = np.zeros(n_frames, np.int64)
        if rng.random() < 0.55:
            samples, labels = self._talk(rng)
            if rng.random() < 0.6:
                kind = noise if rng.random() < 0.8 else None
                under = kind(self._n, rng) if kind else self._music[int(rng.integers(len(self._music)))]
                rms = np.sqrt(np.mean(np.square(samples)) + 1e-12)
                samples = samples + under * np.float32(rms / 0.1 * 10 ** (-rng.uniform(8, 45) / 20))
        else:
            name = rng.choice(list(KINDS), p=[share for _, share in KINDS.values()])
            if name == "music":
                samples = self._music[int(rng.integers(len(self._music)))]
                samples = np.roll(samples, int(rng.integers(self._n)))
            else:
                samples = KINDS[name][0](self._n, rng)
            if rng.random() < 0.3:  # it begins, or ends, in the middle
                cut = int(rng.integers(self._n))
                silent = slice(None, cut) if rng.random() < 0.7 else slice(cut, None)
                samples = samples.copy()
                samples[silent] = 0
            if rng.random() < 0.4:
                samples = samples + noise(self._n, rng) * np.float32(10 ** (-rng.uniform(0, 40) / 20))
        gain = np.float32(10 ** (rng.uniform(-45, 6) / 20))
        dither = rng.standard_normal(self._n).astype(np.float32) * np.float32(10 ** (-rng.uniform(70, 120) / 20))
        return samples * gain + dither, labels

    def _talk(self, rng: np.random.Generator) -> tuple[Samples, NDArray[np.int64]]:
        """Recordings one after the other, with pauses of up to 3 s, cut to the length of a clip."""
        samples = np.zeros(self._n, np.float32)
        labels = np.zeros(self._n // FRAME, np.int64)
        at = int(rng.uniform(0, 1.5) * 50) if rng.random() < 0.7 else 0
        while at < len(labels):
            clip, marks = self._speech[int(rng.integers(len(self._speech)))]
            first = int(rng.integers(max(1, len(marks) - 50))) if rng.random() < 0.3 else 0
            marks = marks[first : first + len(labels) - at]
            clip = clip[first * FRAME : (first + len(marks)) * FRAME]
            samples[at * FRAME : at * FRAME + len(clip)] = clip
            labels[at : at + len(marks)] = marks
            at += len(marks) + int(rng.uniform(0, 3) * 50)
        return samples, labels


def speech_labels(samples: Samples) -> NDArray[np.int64]:
    """What each 20 ms of a recording of speech are: 1 loud, 0 far from anything loud, -1 in between."""
    n = len(samples) // FRAME
    power = np.square(samples[: n * FRAME].reshape(n, FRAME), dtype=np.float64).mean(axis=1)
    level_db = 10 * np.log10(power + 1e-10)
    loud_db = float(np.sort(level_db)[-min(n, 15) :][0])
    noise_db = float(np.percentile(level_db, 10))
    loud = level_db > max(loud_db - 30, min(noise_db + 9, loud_db - 15))
    near = np.convolve(loud, np.ones(13), mode="same") > 0.5  # within 0.12 s
    return np.where(loud, 1, np.where(near[:n], IGNORED, 0)).astype(np.int64)


def _frames(samples: Samples, labels: NDArray[np.int64]) -> Frames:
    """What the network sees of a clip."""
    mels = extract_features(samples[: len(labels) * FRAME], activity_features(RATE))
    mels = np.concatenate([mels, mels[-1:]])[: 2 * len(labels)]
    paired = mels.reshape(len(labels), 2, -1).mean(axis=1)
    windows = context_windows(np.concatenate([paired[:1]] * PAST + [paired] + [paired[-1:]] * LOOKAHEAD))
    return Frames(torch.from_numpy(windows), torch.from_numpy(labels))


def _share(wrong: Tensor) -> float:
    """How many are wrong; none where there are none."""
    return float(wrong.float().mean()) if len(wrong) else 0.0


def _spread(items: Sequence, n: int) -> Sequence:  # type: ignore[type-arg]
    """So many items, evenly spaced; all if there are fewer."""
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, min(n, len(items)))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, choose the best epoch, write the weights."""
    recipe = parse_recipe(Recipe, {"base": BASE, "tiny": TINY}, arguments)
    task = ActivityTask(recipe)
    result = train(task, recipe.train, recipe.out, settings={**settings_of(recipe), "data": task.fingerprint})
    if result.stopped_by != "signal" and is_first_process():
        arrays = {}
        layers = [layer for layer in task.model.children() if isinstance(layer, nn.Linear)]
        for number, layer in enumerate(layers):
            arrays[f"{number}.weight"] = layer.weight.detach().numpy().T.astype(np.float16).copy()
            arrays[f"{number}.bias"] = layer.bias.detach().numpy().astype(np.float32)
        file = recipe.out / WEIGHTS_FILE.name
        with atomic_write(file) as scratch:
            safetensors.numpy.save_file(arrays, scratch)
        with torch.no_grad():
            task.model.eval()
            for name, value in task.evaluate().items():
                print(f"{name} {100 * value:.2f} %")
        print(file)
    return result.exit_code


if __name__ == "__main__":
    run_recipe(main)
