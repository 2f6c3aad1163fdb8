"""How fast the engines are on this machine, each beside a named peer in the same process, interleaved, medians.

    python recipes/benchmarks/engines.py [--json]

Needs the extra `train`. One thread, random weights (speed does not depend on them):

- a 15 s recording's features through BiLSTM 3x512: torch float32, ONNX Runtime float32, ONNX Runtime int8
- single steps of LSTM 3x512, batch 1 and 16: `nn.LSTM` called per step, ONNX Runtime float32 and int8
- a padded batch through a bidirectional layer: torch's packed sequences, and our reversal within each length
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch

from audio_lstm.backbone import LSTMBackbone
from audio_lstm.config import LSTMConfig
from audio_lstm.export import quantise
from audio_lstm.music.models.export import music_graph
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.runtime import Engine, OnnxEngine, TorchEngine
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.sound.features import FeatureConfig
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.training.export import speech_graph
from audio_lstm.training.options import run_recipe

N_ROUNDS = 7


def medians(peers: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds a call of each peer: all in turn, several rounds after a warm-up, the median of each."""
    for run in peers.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(N_ROUNDS):
        for name, run in peers.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def engines(
    module: SpeechModel | MusicModel, graph: onnx.ModelProto, folder: Path, *, streams: bool
) -> dict[str, Engine]:
    """The same model in its three engines."""
    onnx.save(graph, folder / "fp32.onnx")
    onnx.save(quantise(graph), folder / "int8.onnx")
    return {
        "torch fp32": TorchEngine(module.eval(), streams=streams),
        "ONNX Runtime fp32": OnnxEngine(folder / "fp32.onnx"),
        "ONNX Runtime int8": OnnxEngine(folder / "int8.onnx"),
    }


def recording(folder: Path) -> dict[str, float]:
    """15 s of features at 100 frames a second through BiLSTM 3x512: seconds a recording."""
    lstm = LSTMConfig(512, hidden_size=512, n_layers=3, bidirectional=True)
    model = SpeechModel(SpeechModelConfig(FeatureConfig(), lstm, ENGLISH.symbols))
    features = np.random.default_rng(0).normal(size=(1, 1500, 80)).astype(np.float32)
    lengths = np.array([1500])
    peers = engines(model, speech_graph(model), folder, streams=False)
    return medians({name: partial(engine.run, features, lengths, None) for name, engine in peers.items()})


def steps(folder: Path, batch_size: int, n_steps: int = 40) -> dict[str, float]:
    """Single steps of LSTM 3x512 with a head of 512 tokens: seconds a step."""
    config = MusicModelConfig((512,), 512, LSTMConfig(512, hidden_size=512, n_layers=3))
    model = MusicModel(config)
    columns = np.zeros((batch_size, 1, 1), np.int64)
    lengths = np.ones(batch_size, np.int64)

    def walk(engine: Engine) -> None:
        state = None
        for _ in range(n_steps):
            _, state = engine.run(columns, lengths, state)

    peers = engines(model, music_graph(model), folder, streams=True)
    seconds = medians({name: partial(walk, engine) for name, engine in peers.items()})
    return {name: value / n_steps for name, value in seconds.items()}


def padding() -> dict[str, float]:
    """Forward and backward of one bidirectional layer over a padded batch (16 x 300 frames, 256 units)."""
    backbone = LSTMBackbone(LSTMConfig(256, hidden_size=256, n_layers=1, bidirectional=True))
    packed = torch.nn.LSTM(256, 256, bidirectional=True, batch_first=True)
    x = torch.randn(16, 300, 256)
    lengths = torch.arange(285, 301)

    def run_packed() -> None:
        sequence = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(packed(sequence)[0], batch_first=True)
        torch.autograd.backward(y.sum())

    def run_reversed() -> None:
        torch.autograd.backward(backbone(x, lengths)[0].sum())

    return medians({"torch, packed sequences": run_packed, "audio_lstm, reversal within lengths": run_reversed})


def main() -> int:
    """Print each figure and its ratio to the first peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            "15 s recording, BiLSTM 3x512 (ms)": recording(folder),
            "one step, LSTM 3x512, batch 1 (ms)": steps(folder, 1),
            "one step, LSTM 3x512, batch 16 (ms)": steps(folder, 16),
            "training, padded batch, BiLSTM 1x256 (ms)": padding(),
        }
    if options.json:
        print(json.dumps(figures))
        return 0
    for subject, seconds in figures.items():
        print(subject)
        first = next(iter(seconds.values()))
        for peer, value in seconds.items():
            print(f"  {peer:38} {1000 * value:9.2f}   {first / value:5.1f} x")
    return 0


if __name__ == "__main__":
    run_recipe(main)
