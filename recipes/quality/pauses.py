"""What pauses, padding and joining do to the word error rate of the shipped AN4 model.

    python recipes/quality/pauses.py --data ../shared/speech

Takes the recordings of an4.dev as they are; joined, all of a speaker's in one file, with gaps of digital silence; and
with silence or white noise around each (and, for noise, over it). Prints the word error rate of `transcribe`.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import load_audio
from audio_lstm.speech.hearing.recogniser import load_speech
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.speech.training.metrics import score
from audio_lstm.training.options import run_recipe

SAMPLE_RATE = 16_000
Clip = tuple[str, str, NDArray[np.float32]]  # speaker, text, samples


def joined(clips: Sequence[Clip], gap_s: float) -> list[Clip]:
    """One long clip a speaker, with silence after each piece."""
    gap = np.zeros(round(gap_s * SAMPLE_RATE), np.float32)
    result = []
    for speaker, group in itertools.groupby(clips, key=lambda clip: clip[0]):
        pieces = list(group)
        samples = np.concatenate([part for _, _, piece in pieces for part in (piece, gap)])
        result.append((speaker, " ".join(text for _, text, _ in pieces), samples))
    return result


def padded(clips: Sequence[Clip], pad_s: float, noise_db: float | None) -> list[Clip]:
    """Each clip with a pause before and after it, and white noise over all of it."""
    rng = np.random.default_rng(0)
    pad = np.zeros(round(pad_s * SAMPLE_RATE), np.float32)
    result = []
    for speaker, text, samples in clips:
        whole = np.concatenate([pad, samples, pad])
        if noise_db is not None:
            whole = whole + (rng.normal(size=len(whole)) * 10 ** (noise_db / 20)).astype(np.float32)
        result.append((speaker, text, whole))
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/speech"))
    parser.add_argument("--model", default="an4")
    options = parser.parse_args(arguments)
    recogniser = load_speech(options.model)
    clips = [
        (utterance.speaker or "", utterance.text, load_audio(utterance.audio, sample_rate=SAMPLE_RATE))
        for utterance in read_manifest(options.data / "an4.dev.jsonl")
    ]
    conditions = {"as recorded": list(clips)}
    conditions |= {f"joined, {gap_s:g} s of silence between": joined(clips, gap_s) for gap_s in (0, 0.5, 1.5, 3)}
    conditions |= {f"{pad_s:g} s of silence around": padded(clips, pad_s, None) for pad_s in (1, 3)}
    conditions |= {f"3 s around, noise at {level} dB": padded(clips, 3, level) for level in (-80, -60, -45)}
    print("| an4.dev | WER |\n|---|---|")
    for name, variants in conditions.items():
        hypotheses = [transcribe((samples, SAMPLE_RATE), model=recogniser).spoken for _, _, samples in variants]
        print(f"| {name} | {score([text for _, text, _ in variants], hypotheses).wer:.1%} |", flush=True)
    return 0


if __name__ == "__main__":
    run_recipe(main)
