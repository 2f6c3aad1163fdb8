"""Where somebody speaks: the chance of speech every 20 ms, as the sound arrives, whatever its level.

    detector = SpeechDetector(16_000)
    chances = np.concatenate([detector.feed(block) for block in blocks] + [detector.finish()])

Two kinds of evidence. Energy: below -70 dB of full scale there is nothing but a sound card's noise. Spectrum: a small
network reads 0.8 s of 24 mel bands, relative to the loudest of them, so at any level, and tells the syllables of
speech from noise, tones, hum and music. recipes/speech/activity.py trains it and measures it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audio_lstm.checkpoint import SHIPPED
from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.speech.sound.features import FeatureConfig, StreamingFeatures

__all__ = [
    "CONTEXT_SIZE",
    "LAYER_SIZES",
    "SILENCE_DB",
    "WEIGHTS_FILE",
    "SpeechDetector",
    "activity_features",
    "context_windows",
]

SILENCE_DB = -70.0  # below this peak there is nothing but a sound card's noise
WEIGHTS_FILE = SHIPPED / "activity.safetensors"

_N_MELS = 24
_F_MAX_HZ = 3800.0  # so that telephone speech is judged as any other
_HOPS = 2  # feature frames of 10 ms that make one of 20 ms
_PAST = 36  # frames of 20 ms that a decision looks back
_LOOKAHEAD = 4  # and ahead: part of the delay of live recognition
_RANGE = 10.0  # nats below the loudest band that are told apart: 43 dB
_STEP_FRAMES = 8  # decisions that are computed together: the same whatever the blocks that come in

_SILENCE_PEAK = 10 ** (SILENCE_DB / 20)

CONTEXT_SIZE = (_PAST + 1 + _LOOKAHEAD) * _N_MELS
LAYER_SIZES = (CONTEXT_SIZE, 64, 16, 1)


def activity_features(sample_rate: int) -> FeatureConfig:
    """The front end of the detector.

    Args:
        sample_rate: Hz.

    Returns:
        24 mel bands from 60 to 3,800 Hz, without normalisation.

    Raises:
        ConfigError: If the rate is too low for speech.
    """
    if sample_rate < 2 * _F_MAX_HZ:
        raise ConfigError(
            f"speech is found at sample rates of {2 * _F_MAX_HZ:g} Hz and more, got {sample_rate}; "
            "use a model of 8,000 or 16,000 Hz"
        )
    window = round(0.025 * sample_rate)
    return FeatureConfig(
        sample_rate=sample_rate,
        n_fft=1 << (window - 1).bit_length(),
        n_mels=_N_MELS,
        f_min_hz=60.0,
        f_max_hz=_F_MAX_HZ,
        normalisation="none",
    )


def context_windows(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network sees of each frame: its neighbours, relative to the loudest band among them.

    Args:
        frames: (n + past + look-ahead, bands) log-mel in nats, 20 ms apart.

    Returns:
        (n, CONTEXT_SIZE) in [-1, 1]; 1 is the loudest.
    """
    length = _PAST + 1 + _LOOKAHEAD
    if len(frames) < length:
        return np.zeros((0, CONTEXT_SIZE), np.float32)
    windows = sliding_window_view(frames, length, axis=0).transpose(0, 2, 1)  # (n, length, bands)
    loudest = windows.max(axis=(1, 2), keepdims=True)
    relative: NDArray[np.float32] = np.maximum(windows - loudest, -_RANGE) * np.float32(2 / _RANGE) + np.float32(1)
    return relative.reshape(len(windows), CONTEXT_SIZE)


class SpeechDetector:
    """The chance of speech in every 20 ms of a stream: causal but for 80 ms, in constant memory."""

    def __init__(self, sample_rate: int, *, weights: Path = WEIGHTS_FILE) -> None:
        """Start before the first sample.

        Args:
            sample_rate: Of the samples to come, in Hz.
            weights: The network; by default the one in the package. One that is missing or damaged is a ModelError.
        """
        config = activity_features(sample_rate)
        self.frame_samples = _HOPS * config.hop_samples
        self.delay_samples = _LOOKAHEAD * self.frame_samples + config.window_samples - config.hop_samples
        self._layers = _read_layers(weights)
        self._features = StreamingFeatures(config)
        self._step_samples = _STEP_FRAMES * self.frame_samples
        self._samples: list[NDArray[np.float32]] = []  # that do not yet make a step
        self._n_samples = 0  # in all
        self._n_given = 0  # decisions
        self._hops = np.zeros((0, _N_MELS), np.float32)  # feature frames without their pair
        self._frames = np.zeros((0, _N_MELS), np.float32)  # frames of 20 ms that are still needed
        self._peaks = np.zeros(0, np.float32)  # of frames that are not decided yet

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples and give the decisions that they complete.

        Args:
            samples: Mono, float in [-1, 1], (n,), n >= 0.

        Returns:
            The chance of speech (frames,), 0..1, of consecutive stretches of `frame_samples` samples. Joined, the same
            for any way to cut the samples.
        """
        self._samples.append(samples)
        n_waiting = sum(map(len, self._samples))
        self._n_samples += len(samples)
        if n_waiting < self._step_samples:
            return np.zeros(0, np.float32)
        waiting = np.concatenate(self._samples)
        n_steps = n_waiting // self._step_samples
        self._samples = [waiting[n_steps * self._step_samples :].copy()]
        steps = waiting[: n_steps * self._step_samples].reshape(n_steps, -1)
        return np.concatenate([self._decide(step, self._features.feed(step)) for step in steps])

    def finish(self) -> NDArray[np.float32]:
        """Give the decisions still held back.

        Returns:
            The chance of speech (frames,) up to the last sample.
        """
        rest = np.concatenate([np.zeros(0, np.float32), *self._samples])
        mels = np.concatenate([self._features.feed(rest), self._features.finish()])
        n_wanted = -(-self._n_samples // self.frame_samples) - self._n_given
        if n_wanted == 0:
            return np.zeros(0, np.float32)
        last = mels[-1:] if len(mels) else self._hops[-1:] if len(self._hops) else self._frames[-1:]
        more = np.repeat(last, _HOPS * (n_wanted + _LOOKAHEAD), axis=0)  # the end goes on as it was
        short = -len(rest) % self.frame_samples
        return self._decide(np.pad(rest, (0, short)), np.concatenate([mels, more]))[:n_wanted]

    def _decide(self, samples: NDArray[np.float32], mels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The decisions that can be made with the next samples, whole frames of them, and feature frames."""
        hops = np.concatenate([self._hops, mels])
        n_pairs = len(hops) // _HOPS
        self._hops = hops[n_pairs * _HOPS :].copy()
        paired = hops[: n_pairs * _HOPS].reshape(n_pairs, _HOPS, _N_MELS).mean(axis=1)
        before = self._frames if len(self._frames) else np.repeat(paired[:1], _PAST, axis=0)
        frames = np.concatenate([before, paired])
        peaks = np.abs(samples).reshape(-1, self.frame_samples).max(axis=1, initial=0.0)
        peaks = np.concatenate([self._peaks, peaks])
        x = context_windows(frames)
        n = len(x)
        self._frames, self._peaks = frames[n:].copy(), peaks[n:].copy()
        self._n_given += n
        for number, (weight, bias) in enumerate(self._layers):
            x = x @ weight + bias
            if number < len(self._layers) - 1:
                np.maximum(x, 0, out=x)
        chances: NDArray[np.float32] = 0.5 * (1 + np.tanh(0.5 * x[:, 0]))
        heard = peaks[:n] >= _SILENCE_PEAK
        chances[: len(heard)] *= heard
        return chances


@lru_cache(maxsize=4)
def _read_layers(file: Path) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]:
    """The network's weights (inputs, outputs) and biases, layer by layer."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file}: not the weights of a speech detector; install the package again") from error
    layers = []
    for number, shape in enumerate(pairwise(LAYER_SIZES)):
        weight, bias = arrays.get(f"{number}.weight"), arrays.get(f"{number}.bias")
        if weight is None or bias is None or weight.shape != shape or bias.shape != shape[1:]:
            raise ModelError(f"{file}: layer {number} is not one of {shape}; train it again with recipes/speech")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ModelError(f"{file}: layer {number} holds NaN or infinite weights; copy it again")
        layers.append((weight.astype(np.float32), bias.astype(np.float32)))
    return tuple(layers)
