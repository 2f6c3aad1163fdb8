"""A phrase as it arrives -> log-probabilities, by a model that streams: in steps of one length, in constant memory."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.runtime import State
from audio_lstm.speech.config import SpeechModelConfig
from audio_lstm.speech.features import StreamingFeatures
from audio_lstm.speech.recogniser import SpeechRecogniser

__all__ = ["STEP_FRAMES", "PhraseAcoustics", "StreamedPhrase", "streams"]

STEP_FRAMES = 16  # feature frames that go through the network together


def streams(config: SpeechModelConfig) -> bool:
    """Whether a model can follow speech as it arrives.

    Args:
        config: Of the model.

    Returns:
        True for one whose LSTM looks only back and whose features need no end.
    """
    return not config.lstm.bidirectional and config.features.normalisation != "utterance"


class PhraseAcoustics(Protocol):
    """Samples of one phrase in, log-probabilities of its output frames out."""

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples (n,); give what is known by now (frames, n_outputs), often nothing."""
        ...

    def finish(self) -> NDArray[np.float32]:
        """Give the rest (frames, n_outputs)."""
        ...


class StreamedPhrase:
    """Runs a model that streams over one phrase.

    The network works in steps of exactly `STEP_FRAMES`, however the samples arrive: int8 arithmetic scales each step by
    its loudest value, so that other steps would give slightly other numbers.
    """

    def __init__(self, recogniser: SpeechRecogniser) -> None:
        """Start before the phrase's first sample.

        Args:
            recogniser: A model that streams.

        Raises:
            ConfigError: If it does not.
        """
        config = recogniser.config
        if not streams(config):
            raise ConfigError(f"model {recogniser.name!r} reads whole phrases and cannot stream; choose one that can")
        self._recogniser = recogniser
        self._features = StreamingFeatures(config.features)
        self._step_frames = -(-STEP_FRAMES // config.chunk_frames) * config.chunk_frames
        self._step_samples = self._step_frames * config.features.hop_samples
        self._samples = np.zeros(0, np.float32)
        self._frames = np.zeros((0, config.features.feature_size), np.float32)
        self._state: State | None = None

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """See PhraseAcoustics.feed."""
        waiting = np.concatenate([self._samples, samples])
        n_steps = len(waiting) // self._step_samples
        self._samples = waiting[n_steps * self._step_samples :].copy()
        given = [self._nothing()]
        for number in range(n_steps):
            step = waiting[number * self._step_samples : (number + 1) * self._step_samples]
            self._frames = np.concatenate([self._frames, self._features.feed(step)])
            while len(self._frames) >= self._step_frames:
                given.append(self._run(self._frames[: self._step_frames]))
                self._frames = self._frames[self._step_frames :].copy()
        return np.concatenate(given)

    def finish(self) -> NDArray[np.float32]:
        """See PhraseAcoustics.finish."""
        rest = [self._frames, self._features.feed(self._samples), self._features.finish()]
        frames = np.concatenate(rest)
        given = [self._nothing()]
        for start in range(0, len(frames), self._step_frames):
            given.append(self._run(frames[start : start + self._step_frames]))
        return np.concatenate(given)

    def _run(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        log_probs, self._state = self._recogniser.log_probs(frames, self._state)
        return log_probs

    def _nothing(self) -> NDArray[np.float32]:
        return np.zeros((0, self._recogniser.config.n_outputs), np.float32)
