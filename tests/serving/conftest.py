"""A tiny model that hears an A in everything, recordings, and the service on a free port of this machine."""

from __future__ import annotations

import io
import socket
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
import uvicorn
from numpy.typing import NDArray

from audio_lstm.config import LSTMConfig
from audio_lstm.runtime import Engine, State
from audio_lstm.serving.app import create_app
from audio_lstm.serving.config import ServeConfig
from audio_lstm.serving.server import bind
from audio_lstm.serving.service import Service
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.sound.features import FeatureConfig

SAMPLE = Path(__file__).resolve().parents[2] / "demos" / "samples" / "spelling.wav"
SMALL = ServeConfig(workers=1, queue=1, sessions=1, timeout_s=20, idle_s=10, drain_s=10)


def hears_a(folder: Path, *, bidirectional: bool) -> Path:
    import torch

    from audio_lstm.speech.acoustic.model import SpeechModel
    from audio_lstm.speech.training.export import export_speech

    lstm = LSTMConfig(8, hidden_size=8, n_layers=1, bidirectional=bidirectional)
    features = FeatureConfig(n_mels=20, normalisation="utterance" if bidirectional else "running")
    model = SpeechModel(SpeechModelConfig(features, lstm, ("A", "B", " "), conv_channels=4)).eval()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([0.0, 4.0, 3.75, 0.0]))  # blank, A, B, space
    return export_speech(model, folder, name="hears-a", card="# hears-a\n")


@pytest.fixture(scope="session")
def folder(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that reads whole recordings."""
    return hears_a(tmp_path_factory.mktemp("whole") / "model", bidirectional=True)


@pytest.fixture(scope="session")
def streaming_folder(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that streams."""
    return hears_a(tmp_path_factory.mktemp("streaming") / "model", bidirectional=False)


@pytest.fixture(scope="session")
def recogniser(folder: Path) -> SpeechRecogniser:
    """The first, loaded."""
    return load_speech(folder)


@pytest.fixture(scope="session")
def streaming(streaming_folder: Path) -> SpeechRecogniser:
    """The second, loaded."""
    return load_speech(streaming_folder)


def tone(seconds: float, sample_rate: int = 16_000) -> NDArray[np.int16]:
    """A tone of 440 Hz."""
    phase = 2 * np.pi * 440 * np.arange(int(sample_rate * seconds)) / sample_rate
    return (9_000 * np.sin(phase)).astype(np.int16)


def wav(samples: NDArray[np.int16], sample_rate: int = 16_000) -> bytes:
    """The bytes of a wav file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, sample_rate, 0, "NONE", ""))
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def speech(times: int = 1) -> NDArray[np.int16]:
    """A spelled word, 2.2 s, with pauses between if it is said several times: a phrase each."""
    samples, _ = soundfile.read(SAMPLE, dtype="int16")
    pause = np.zeros(3 * 16_000, np.int16)
    return np.concatenate([samples, *(part for _ in range(times - 1) for part in (pause, samples))])


@pytest.fixture(scope="session")
def recording() -> bytes:
    """A file in which the model hears an A."""
    return wav(speech())


class Gate:
    """An engine that waits until it is opened, so that a request is certain to be under way."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.entered = threading.Event()
        self.opened = threading.Event()

    def run(
        self, inputs: NDArray[Any], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        self.entered.set()
        self.opened.wait(10)
        return self._engine.run(inputs, lengths, state)


@pytest.fixture
def gate(recogniser: SpeechRecogniser) -> Iterator[Gate]:
    """The engine of `gated`; opened at the end, so that nothing hangs."""
    gate = Gate(recogniser.engine)
    yield gate
    gate.opened.set()


@dataclass
class Running:
    """A service that runs in a thread of this process."""

    service: Service
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait for something that comes about soon."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come about"
            time.sleep(0.01)

    def send(self, data: bytes) -> socket.socket:
        """Open a connection and send raw bytes."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(data)
        return connection


Start = Callable[..., Any]


@pytest.fixture
def start(recogniser: SpeechRecogniser) -> Start:
    """Starts a service: `with start(config, recogniser) as running`."""

    @contextmanager
    def running(config: ServeConfig = SMALL, model: SpeechRecogniser = recogniser) -> Iterator[Running]:
        listener = bind("127.0.0.1", 0)
        service = Service(config)
        settings = uvicorn.Config(create_app(service), http="h11", log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        port = listener.getsockname()[1]
        thread.start()
        try:
            service.open(model, Decoding())
            yield Running(service, port)
        finally:
            server.should_exit = True
            service.stopping = True
            service.cancel_jobs()
            thread.join(10)
            service.close()
            listener.close()

    return running


@pytest.fixture
def gated(recogniser: SpeechRecogniser, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> SpeechRecogniser:
    """A model that waits at its gate, but not when the service warms it up."""
    monkeypatch.setattr("audio_lstm.serving.service._warm_up", lambda recogniser: None)
    return replace(recogniser, engine=gate)
