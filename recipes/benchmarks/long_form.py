"""Recordings of hours: memory, speed, seams, and what is heard where nobody speaks.

    python recipes/benchmarks/long_form.py --data ../shared/speech --hours 10 --model english-base

Joins recordings with pauses to a WAV file of so many hours, transcribes it in a process of its own, and prints the
largest resident memory, processor time and times real time. `--what` chooses parts: long, seams, sounds.
Processor time, not the clock's, so that other work on the machine does not count; one thread.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from audio_lstm.audio.files import load_audio
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.transcribe import transcribe, transcribe_segments
from audio_lstm.speech.hearing.windows import WindowedPhrase
from audio_lstm.speech.sound.sounds import KINDS, Samples
from audio_lstm.speech.sound.vad import SpeechDetector
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.speech.training.metrics import score
from audio_lstm.training.options import run_recipe

sys.path.append(str(Path(__file__).resolve().parents[2]))  # run by its path, it finds its neighbours all the same

from recipes.benchmarks.transcribe import recordings

RATE = 16_000


def long(clips: Sequence[Samples], model: str, options: argparse.Namespace) -> None:
    """A file of hours, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        file = Path(folder) / "long.wav"
        rng = np.random.default_rng(0)
        with wave.open(str(file), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(RATE)
            n_samples = 0
            while n_samples < options.hours * 3600 * RATE:
                clip = clips[int(rng.integers(len(clips)))]
                pause = np.zeros(int(rng.uniform(0.1, 3) * RATE), np.float32)
                block = (np.concatenate([clip, pause]) * 32767).clip(-32768, 32767).astype("<i2")
                wav.writeframes(block.tobytes())
                n_samples += len(block)
        command = [sys.executable, __file__, "--child", str(file), "--model", model]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"{model}: {figures['audio_s'] / 3600:.2f} h, {figures['n_words']} words")
    print(
        f"  largest resident memory {figures['peak_mb']:.0f} MB ({figures['loaded_mb']:.0f} MB with the model loaded)"
    )
    print(f"  {figures['audio_s'] / figures['cpu_s']:.0f} x real time ({figures['cpu_s']:.0f} s of processor time)")


def child(file: str, model: str) -> None:
    """Transcribe a file and print what it cost."""
    recogniser = load_speech(model)
    transcribe((np.zeros(RATE, np.float32), RATE), model=recogniser)
    loaded_mb, start, audio_s, n_words = peak_mb(), time.process_time(), [0.0], 0
    for segment in transcribe_segments(
        file, model=recogniser, progress=lambda done_s, _: audio_s.__setitem__(0, done_s), max_seconds=1e9
    ):
        n_words += len(segment.words)
    figures = {"audio_s": audio_s[0], "cpu_s": time.process_time() - start, "n_words": n_words}
    print(json.dumps({**figures, "peak_mb": peak_mb(), "loaded_mb": loaded_mb}))


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def seams(data: Path, recogniser: SpeechRecogniser) -> None:
    """Speech of one voice without pauses; the windows' seams fall anywhere: joined, in one pass, and as it was said."""
    rng = np.random.default_rng(0)
    items = read_manifest(data / "an4.dev.jsonl")
    long_clips, texts = [], []
    for start in range(0, len(items) - 5, 5):
        parts = [load_audio(item.audio, sample_rate=RATE) for item in items[start : start + 5]]
        shift = rng.normal(size=int(rng.uniform(0, 2) * RATE)) * 1e-4  # before the speech, so that the seams move
        long_clips.append(np.concatenate([shift.astype(np.float32), *parts]))
        texts.append(" ".join(item.text for item in items[start : start + 5]))

    def heard(window_s: float) -> list[str]:
        hypotheses = []
        for samples in long_clips:
            phrase = WindowedPhrase(recogniser, window_s=window_s)
            log_probs = np.concatenate([phrase.feed(samples), phrase.finish()])
            hypotheses.append(greedy(log_probs[:, : recogniser.alphabet.size], recogniser.alphabet).text)
        return hypotheses

    whole = heard(1000.0)
    name = f"seams, {recogniser.name}, {sum(map(len, long_clips)) / len(long_clips) / RATE:.1f} s of an4.dev at a time"
    print(f"{name}: in one pass {score(texts, whole).wer:.2%} WER")
    for window_s in (4.0, 6.0, 8.0, 12.0, 16.0):
        joined = heard(window_s)
        wer, other = score(texts, joined).wer, score(whole, joined).wer
        print(f"  windows of {window_s:g} s: {wer:.2%} WER, {other:.2%} of words other than in one pass")


def sounds(recogniser: SpeechRecogniser) -> None:
    """Words where nobody speaks, a minute of each kind; the detector's own cost."""
    import audio_lstm

    def composed(n: int, rng: np.random.Generator) -> Samples:
        piece = audio_lstm.compose(seed=int(rng.integers(1000)), bars=8)
        sound = piece.to_pretty_midi().synthesize(fs=RATE)[:n]
        return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)

    kinds: dict[str, Callable[[int, np.random.Generator], Samples]] = {kind: make for kind, (make, _) in KINDS.items()}
    kinds |= {"silence": lambda n, rng: np.zeros(n, np.float32), "the music wing's pieces": composed}
    for kind, make in kinds.items():
        n_words, seconds = 0, 0.0
        for number in range(6):
            samples = make(10 * RATE, np.random.default_rng([5, number]))
            n_words += len(transcribe((samples, RATE), model=recogniser).words)
            seconds += len(samples) / RATE
        print(f"sounds, {recogniser.name}: {kind}: {n_words} words in {seconds:.0f} s")
    detector, start = SpeechDetector(RATE), time.process_time()
    for number in range(12):
        detector.feed(KINDS["noise"][0](5 * RATE, np.random.default_rng(number)))
    print(f"detector, and the noise: {60 / (time.process_time() - start):.0f} x real time")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/speech"))
    parser.add_argument("--model", default="english-base")
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--scratch", type=Path, help="folder for the long file (115 MB an hour)")
    parser.add_argument("--what", nargs="+", choices=["long", "seams", "sounds"], default=["long"])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.child, options.model)
        return 0
    recogniser = load_speech(options.model)
    if "long" in options.what:
        long(recordings(options.data), options.model, options)
    if "seams" in options.what and recogniser.config.lstm.bidirectional:
        seams(options.data, recogniser)
    if "sounds" in options.what:
        sounds(recogniser)
    return 0


if __name__ == "__main__":
    run_recipe(main)
