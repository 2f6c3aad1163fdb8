"""A phrase as it arrives -> log-probabilities, by a model that streams: in steps of one length, in constant memory."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.runtime import State
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.sound.features import StreamingFeatures

__all__ = ["EARLY_STEP_FRAMES", "STEP_FRAMES", "PhraseAcoustics", "StreamedPhrase", "streams"]

STEP_FRAMES = 16  # feature frames that go through the network together
EARLY_STEP_FRAMES = 4  # the same at the beginning of speech, so that its first words come soon
_EARLY = range(48, 112)  # frames of a phrase in which that is: it begins half a second before its speech is found


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

    The network works in steps of fixed lengths, `STEP_FRAMES` or `EARLY_STEP_FRAMES`, however the samples arrive: int8
    arithmetic scales each step by its loudest value, so that other steps would give slightly other numbers.
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
        features = config.features
        self._features = StreamingFeatures(features)
        self._chunk_frames = config.chunk_frames
        self._hop_samples = features.hop_samples
        # What lies beyond the last frame of a step before that is complete: its window, and what its slopes wait for.
        self._beyond = features.window_samples - features.hop_samples + features.lookahead_frames * self._hop_samples
        self._samples = np.zeros(0, np.float32)  # that have not gone through the front end
        self._n_taken = 0  # that have
        self._frames = np.zeros((0, config.features.feature_size), np.float32)
        self._n_run = 0  # frames that have gone through the network
        self._state: State | None = None

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """See PhraseAcoustics.feed."""
        waiting = np.concatenate([self._samples, samples])
        given, start = [self._nothing()], 0
        # The front end too works in the steps of the network, as rounding hangs on their lengths.
        while (stop := start + self._missing) <= len(waiting):
            frames = self._features.feed(waiting[start:stop])
            self._frames = np.concatenate([self._frames, frames])
            self._n_taken, start = self._n_taken + stop - start, stop
            given.append(self._run(self._step_frames))
        self._samples = waiting[start:].copy()
        return np.concatenate(given)

    def finish(self) -> NDArray[np.float32]:
        """See PhraseAcoustics.finish."""
        self._frames = np.concatenate([self._frames, self._features.feed(self._samples), self._features.finish()])
        given = [self._nothing()]
        while len(self._frames):
            given.append(self._run(self._step_frames))
        return np.concatenate(given)

    @property
    def _missing(self) -> int:
        """Samples that the front end has not seen and the next step needs."""
        return (self._n_run + self._step_frames) * self._hop_samples + self._beyond - self._n_taken

    @property
    def _step_frames(self) -> int:
        """Length of the next step."""
        wanted = EARLY_STEP_FRAMES if self._n_run in _EARLY else STEP_FRAMES
        return -(-wanted // self._chunk_frames) * self._chunk_frames

    def _run(self, n_frames: int) -> NDArray[np.float32]:
        frames, self._frames = self._frames[:n_frames], self._frames[n_frames:].copy()
        log_probs, self._state = self._recogniser.log_probs(frames, self._state)
        self._n_run += len(frames)
        return log_probs

    def _nothing(self) -> NDArray[np.float32]:
        return np.zeros((0, self._recogniser.config.n_columns), np.float32)
