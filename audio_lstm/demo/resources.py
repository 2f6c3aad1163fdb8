"""The loaded models and the processes that decode uploads: shared by all visitors, loaded once, warmed up."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import audio_lstm
from audio_lstm.demo.config import DemoConfig
from audio_lstm.errors import AudioLSTMError
from audio_lstm.serving.config import ServeConfig
from audio_lstm.serving.decode_process import Decoded, DecodeProcess, Upload
from audio_lstm.serving.job import Job, JobTimedOut

__all__ = ["SAMPLE_RATE", "Resources", "samples_folder"]

SAMPLE_RATE = 16_000  # of all shipped speech models
_DECODE_S = 60.0  # that decoding an upload may take
_REMEMBERED = 8  # choices of model, language model and hot words that are kept ready


def samples_folder() -> Path:
    """Where the recordings to try the page with lie: in the wheel beside this file, in a checkout under demos/."""
    beside = Path(__file__).parent / "samples"
    return beside if beside.is_dir() else Path(__file__).resolve().parents[2] / "demos" / "samples"


class Resources:
    """What every visitor uses. Several threads may."""

    def __init__(self, config: DemoConfig) -> None:
        """Begin with nothing loaded.

        Args:
            config: The limits.
        """
        self.config = config
        self._lock = threading.RLock()
        self._recognisers: dict[str, audio_lstm.SpeechRecogniser] = {}
        self._composers: dict[str, Any] = {}
        self._decoders: queue.SimpleQueue[DecodeProcess] = queue.SimpleQueue()
        self._n_decoders = 0
        self._hearing = lru_cache(_REMEMBERED)(self._decided)

    def recogniser(self, name: str) -> audio_lstm.SpeechRecogniser:
        """A speech model as it was tuned.

        Args:
            name: Of a shipped model.

        Returns:
            The model, loaded once.
        """
        with self._lock:
            if name not in self._recognisers:
                self._recognisers[name] = audio_lstm.load_speech(name)
            return self._recognisers[name]

    def hearing(self, name: str, language_model: str, hotwords: tuple[str, ...]) -> audio_lstm.SpeechRecogniser:
        """A speech model with a visitor's wishes.

        Args:
            name: Of a shipped model.
            language_model: "as tuned", "none", or the name of a shipped one.
            hotwords: Words and phrases to prefer.

        Returns:
            The model; what cannot be met is an AudioLSTMError.
        """
        if language_model == "as tuned" and not hotwords:
            return self.recogniser(name)
        return self._hearing(name, language_model, hotwords)

    def _decided(self, name: str, language_model: str, hotwords: tuple[str, ...]) -> audio_lstm.SpeechRecogniser:
        plain = self.recogniser(name)
        if language_model == "none":
            decoding = audio_lstm.Decoding(language_model=None, rescorer=None, hotwords=hotwords)
        elif language_model == "as tuned":
            decoding = audio_lstm.Decoding(hotwords=hotwords)
        else:
            decoding = audio_lstm.Decoding(language_model=language_model, hotwords=hotwords)
        return plain.with_decoding(decoding)

    def composer(self, name: str, load: Callable[[str], Any] | None = None) -> Any:
        """A music model.

        Args:
            name: Of a shipped model.
            load: Loads it; None for one that composes.

        Returns:
            The model, loaded once.
        """
        with self._lock:
            if name not in self._composers:
                self._composers[name] = (load or audio_lstm.load_music)(name)
            return self._composers[name]

    @contextmanager
    def decoded(self, path: str | os.PathLike[str], *, track: int | None = None) -> Iterator[Decoded]:
        """The samples of an upload, decoded in another process with limits on memory and time.

        Args:
            path: Where Gradio has put it.
            track: Which sound track, counted from 1; None: the default one.

        Yields:
            Mono samples at SAMPLE_RATE, and what was found out about them.

        Raises:
            AudioLSTMError: If it cannot be decoded within the limits.
        """
        decoder = self._decoder()
        try:
            with Path(path).open("rb") as file:
                upload = Upload(file, Path(path).name, track=track)
                job = Job.lasting(_DECODE_S)
                with decoder.decoded(
                    upload, job, sample_rate=SAMPLE_RATE, max_seconds=self.config.max_seconds
                ) as found:
                    yield found
        except JobTimedOut as error:
            raise AudioLSTMError(
                f"{Path(path).name}: decoding took longer than {_DECODE_S:g} s; convert it to wav or flac first"
            ) from error
        finally:
            self._decoders.put(decoder)

    def _decoder(self) -> DecodeProcess:
        """One that is idle; there are never more than visitors who are served at once."""
        with self._lock:
            if self._n_decoders < self.config.workers and self._decoders.empty():
                self._n_decoders += 1
                return DecodeProcess(max_memory_bytes=ServeConfig.max_memory_bytes)
        return self._decoders.get()

    def warm_up(self) -> Iterator[None]:
        """Load what the page begins with and use it once, so that the first visitor need not wait.

        Yields:
            Nothing, between two steps: whoever has to end draws no more.
        """
        self._decoders.put(self._decoder())
        yield
        sample = samples_folder() / "spelling.wav"
        with self.decoded(sample) as found:
            audio_lstm.transcribe((np.array(found.samples), SAMPLE_RATE), model=self.recogniser("english-base"))
        yield
        audio_lstm.compose(model=self.composer("chorale"), seed=0, bars=1)
        yield
        live = audio_lstm.StreamingTranscriber(self.recogniser("english-small"))
        live.feed(np.zeros(SAMPLE_RATE // 2, np.float32))

    def close(self) -> None:
        """End the processes."""
        while not self._decoders.empty():
            self._decoders.get().close()
