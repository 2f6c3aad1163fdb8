"""What it costs to write down speech: files, live sound, and the command from its start to its exit.

    python recipes/benchmarks/transcribe.py [--data ../shared/speech] [--models english-small english-base]

One thread, processor time (other work on the machine does not count), medians of rounds in which all take turns:

- file: a minute of recordings, read from a 16 kHz WAV file, the model loaded: `audio_lstm.transcribe`, greedy and as
  the model is tuned, beside the same model in torch float32 (needs the extra `train`)
- live: blocks of 20 ms: a block of 320 ms costs so much, and the first words come so long after speech begins
- command: `audio-lstm transcribe` on 5 s of speech, beside `python -c "import torch"`
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audio_lstm.audio.files import load_audio
from audio_lstm.errors import DataError
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.stream import StreamingTranscriber
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.sound.sounds import Samples
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.training.options import run_recipe

RATE = 16_000
GREEDY = Decoding(language_model=None)
PARTS = ("file", "live", "command")


def recordings(data: Path) -> list[Samples]:
    """A quarter of the recordings of all development sets, in a fixed random order."""
    files = sorted(data.glob("*.dev.jsonl"))
    if not files:
        raise DataError(f"{data}: no *.dev.jsonl there; pass the folder of the speech manifests with --data")
    clips = [load_audio(item.audio, sample_rate=RATE) for file in files for item in read_manifest(file)[::4]]
    return [clips[number] for number in np.random.default_rng(0).permutation(len(clips))]


def write_wav(file: Path, clips: Sequence[Samples], seconds: float) -> None:
    """So many seconds of the clips, one after the other, 16 bit."""
    samples = np.concatenate(clips)[: round(seconds * RATE)]
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())


def medians(peers: dict[str, Callable[[], object]], n_rounds: int) -> dict[str, float]:
    """Seconds of processor time a call, children included; all in turn, after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(n_rounds + 1):
        for name, run in peers.items():
            start = cpu_s()
            run()
            if number:
                times[name].append(cpu_s() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def cpu_s() -> float:
    """Processor time of this process and of those that it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def in_torch(recogniser: SpeechRecogniser) -> SpeechRecogniser | None:
    """The same model run by torch in float32; None without torch."""
    try:
        import torch

        from audio_lstm.checkpoint import load_weights, open_model
        from audio_lstm.runtime import TorchEngine
        from audio_lstm.speech.acoustic.model import SpeechModel
    except ImportError:
        return None
    torch.set_num_threads(1)
    module = SpeechModel(recogniser.config)
    load_weights(open_model(recogniser.folder or recogniser.name, "speech"), module)
    return replace(recogniser, engine=TorchEngine(module.eval(), streams=not recogniser.config.lstm.bidirectional))


def whole_file(clips: Sequence[Samples], model: str, folder: Path, n_rounds: int) -> None:
    """A file of a minute: times real time."""
    file = folder / "minute.wav"
    write_wav(file, clips, 60.0)
    seconds = load_audio(file, sample_rate=RATE).size / RATE
    greedy = load_speech(model, decoding=GREEDY)
    peers: dict[str, Callable[[], object]] = {"greedy": lambda: transcribe(file, model=greedy)}
    if (torch_model := in_torch(greedy)) is not None:
        peers["greedy, torch float32"] = lambda: transcribe(file, model=torch_model)
    if (tuned := load_speech(model)).decoder.beam is not None:
        peers["as tuned"] = lambda: transcribe(file, model=tuned)
    for name, cost in medians(peers, n_rounds).items():
        print(f"file, {model}, {name}: {seconds / cost:.0f} x real time")


def live(clips: Sequence[Samples], model: str) -> None:
    """Blocks of 20 ms: how long a block of 320 ms takes, and how long after a recording's first sound words come."""
    recogniser = load_speech(model, decoding=GREEDY)
    costs: list[float] = []
    found: list[float] = []
    first: list[float] = []
    for clip in clips:
        samples = np.concatenate([np.zeros(RATE, np.float32), clip, np.zeros(RATE, np.float32)])
        power = np.square(clip[: len(clip) // 320 * 320].reshape(-1, 320)).mean(axis=1)
        begin_s = 1 + 0.02 * float(np.argmax(power > np.sort(power)[-15:][0] / 300))
        transcriber = StreamingTranscriber(recogniser)
        cost, n_fed, found_s, first_s = 0.0, 0, math.nan, math.nan
        for number, block in enumerate(np.split(samples, range(320, len(samples), 320)), 1):
            start = time.process_time()
            partial = transcriber.feed(block)
            cost += time.process_time() - start
            n_fed += len(block)
            if number % 16 == 0:
                costs.append(cost)
                cost = 0.0
            if partial.is_speaking and math.isnan(found_s):
                found_s = n_fed / RATE - begin_s
            if partial.text and math.isnan(first_s):
                first_s = n_fed / RATE - begin_s
        found.append(found_s)
        first.append(first_s)
    n_heard = int(np.isfinite(first).sum())
    print(f"live, {model}: algorithmic delay {transcriber.latency_s} s, words in {n_heard} of {len(first)} recordings")
    print(f"  320 ms of sound: median {1000 * np.median(costs):.1f} ms, 99 % {1000 * np.quantile(costs, 0.99):.1f} ms")
    print(f"  speech found after {np.nanmedian(found):.2f} s (90 %: {np.nanquantile(found, 0.9):.2f} s) of it")
    print(f"  first words after {np.nanmedian(first):.2f} s (90 %: {np.nanquantile(first, 0.9):.2f} s) of speech")


def command(clips: Sequence[Samples], models: Sequence[str], folder: Path, n_rounds: int) -> None:
    """Processes from start to exit, beside the import of torch."""
    file = folder / "clip.wav"
    write_wav(file, clips, 5.0)

    def runner(arguments: Sequence[str]) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-P", *arguments], check=True, stdout=subprocess.DEVNULL)

    peers = {"import torch": runner(["-c", "import torch"])}
    for model in models:
        call = ["-m", "audio_lstm.cli", "transcribe", str(file), "--model", model]
        peers[f"{model}, as tuned"] = runner(call)
        peers[f"{model}, greedy"] = runner([*call, "--lm", "none"])
    costs = medians(peers, n_rounds)
    for name, cost in costs.items():
        print(f"command, {name}: {cost:.2f} s of processor time, {cost / costs['import torch']:.2f} of import torch")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/speech"))
    parser.add_argument("--models", nargs="+", default=["english-small", "english-base"], metavar="MODEL")
    parser.add_argument("--what", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--recordings", type=int, default=60, metavar="N", help="of the live part")
    options = parser.parse_args(arguments)
    clips = recordings(options.data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model in options.models:
            if "file" in options.what:
                whole_file(clips, model, folder, options.rounds)
            if "live" in options.what and not load_speech(model, decoding=GREEDY).config.lstm.bidirectional:
                live(clips[: options.recordings], model)
        if "command" in options.what:
            command(clips, options.models, folder, options.rounds)
    return 0


if __name__ == "__main__":
    run_recipe(main)
