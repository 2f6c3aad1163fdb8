"""How fast pieces are written, with sampling and guarantees on, beside the same model stepped through torch.

    python recipes/benchmarks/composing.py [--json] [--model lieder]

Needs the extra `train`. One thread, processor time, medians of 7, the peers interleaved; the reference is an LSTM 3x512
with random weights over the default event vocabulary, int8 (speed does not depend on the weights):

- steps a second at batch 1 and 16: the bare model, free sampling, sampling under ten wishes, `nn.LSTM` in torch
- the cost of a step early and late in one long piece: it does not grow
- from the start of the process to the files written: 32 bars of a song
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.music.models.composer import Composer, load_music
from audio_lstm.music.models.export import export_music
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.request.wish_text import WishOptions, parse_wishes
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.choose import SamplingConfig
from audio_lstm.music.writing.sample import write_steps
from audio_lstm.music.writing.writing import Request, make_writer, select_state
from audio_lstm.runtime import TorchEngine
from audio_lstm.training.options import run_recipe

N_ROUNDS = 7
WISHES: WishOptions = {
    "key": "D minor",
    "bars": 200,
    "tempo_bpm": 90,
    "metre": "3/4",
    "parts": "voice,piano",
    "ranges": "C4-A5,C2-C6",
    "max_polyphony": 6,
    "density": "4-16",
    "rests": "50%",
    "ending": True,
}
SONG = ["--bars", "32", "--seed", "1", "--key", "D minor", "--parts", "voice,piano", "--ending"]


def reference(folder: Path) -> tuple[Composer, Composer]:
    """The same random model on ONNX Runtime (int8) and in torch."""
    vocabulary = EventVocabulary()
    torch.manual_seed(0)
    lstm = LSTMConfig(512, hidden_size=512, n_layers=3)
    model = MusicModel(MusicModelConfig(vocabulary.column_sizes, vocabulary.vocabulary_size, lstm)).eval()
    export_music(model, vocabulary, folder / "reference", name="reference", card="# reference\n\nRandom weights.\n")
    composer = load_music(folder / "reference")
    return composer, Composer("torch", composer.config, vocabulary, TorchEngine(model, streams=True))


def bare(composer: Composer, batch: int, n_steps: int) -> float:
    """Steps a second of the model alone, without sampling."""
    sizes = np.array(composer.config.column_sizes)
    rows = np.random.default_rng(0).integers(0, sizes, size=(n_steps, batch, len(sizes)))
    state = None
    start = time.thread_time()
    for columns in rows:
        _, state = composer.step(columns, state)
    return n_steps / (time.thread_time() - start)


def sampled(composer: Composer, options: WishOptions, batch: int, n_steps: int) -> float:
    """Steps a second of pieces that are written side by side."""
    config = SamplingConfig(temperature=0.9, top_p=0.95, max_tokens=n_steps)
    writer = make_writer(Request(composer, parse_wishes(options), config, seed=0), batch)
    generators = [np.random.default_rng([0, piece]) for piece in range(batch)]
    n_events = 0
    start = time.thread_time()
    for rows, _ in write_steps(composer.step, writer, generators=generators, config=config, select=select_state):
        n_events += len(rows)
    return n_events / batch / (time.thread_time() - start)


def medians(peers: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The median rate of each peer: all in turn, several rounds after a warm-up."""
    for run in peers.values():
        run()
    rates: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(N_ROUNDS):
        for name, run in peers.items():
            rates[name].append(run())
    return {name: statistics.median(values) for name, values in rates.items()}


def step_costs(composer: Composer) -> tuple[float, float]:
    """Milliseconds a step in the first and the last thousand of eight thousand."""
    config = SamplingConfig(max_tokens=8000)
    writer = make_writer(Request(composer, parse_wishes({**WISHES, "bars": 1000}), config, seed=0), 1)
    steps = write_steps(composer.step, writer, generators=[np.random.default_rng(0)], config=config)
    costs = []
    for n in (1000, 6000, 1000):
        start = time.thread_time()
        n_done = sum(1 for _ in islice(steps, n))
        costs.append(1000 * (time.thread_time() - start) / n_done)
    return costs[0], costs[2]


def song(model: str) -> tuple[float, float]:
    """Seconds on the clock and of processor time, from the start of the process to the file written."""
    clocks, processors = [], []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(5):
            command = [sys.executable, "-P", "-m", "audio_lstm.cli", "compose", "--model", model, *SONG]
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.perf_counter()
            subprocess.run(
                [*command, "--out", f"{folder}/{number}.mid"], check=True, env=environment, stdout=subprocess.DEVNULL
            )
            clocks.append(time.perf_counter() - start)
            now = resource.getrusage(resource.RUSAGE_CHILDREN)
            processors.append(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
    return statistics.median(clocks), statistics.median(processors)


def main() -> int:
    """Print the rates, their ratios, and the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--model", default="lieder", help="of the song of 32 bars (default: lieder)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        onnx_model, torch_model = reference(Path(name))
        for batch, n_steps in ((1, 300), (16, 60)):
            rates = medians(
                {
                    "ONNX Runtime int8, bare": partial(bare, onnx_model, batch, n_steps),
                    "ONNX Runtime int8, free sampling": partial(sampled, onnx_model, {}, batch, n_steps),
                    "ONNX Runtime int8, ten wishes": partial(sampled, onnx_model, WISHES, batch, n_steps),
                    "nn.LSTM called per step, bare": partial(bare, torch_model, batch, max(5, n_steps // 20)),
                }
            )
            figures[f"batch {batch}, events/s"] = {peer: round(batch * rate) for peer, rate in rates.items()}
        early, late = step_costs(onnx_model)
        figures["a step, ms"] = {"first 1000": round(early, 3), "steps 7000 to 8000": round(late, 3)}
    clock_s, processor_s = song(options.model)
    figures["32 bars of a song, s"] = {"clock": round(clock_s, 2), "processor": round(processor_s, 2)}
    if options.json:
        print(json.dumps(figures))
        return 0
    for subject, values in figures.items():
        print(subject)
        for peer, value in dict(values).items():  # type: ignore[call-overload]
            print(f"  {peer:36} {value:>9}")
    return 0


if __name__ == "__main__":
    run_recipe(main)
