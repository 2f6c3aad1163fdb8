"""Samples -> feature frames: log-mel and MFCC with deltas, whole or streamed, in linear time and memory.

    features = extract_features(samples, FeatureConfig())  # (n_frames, feature_size)

Conventions, each tested against librosa or torchaudio:

- Frame t covers the samples [t * hop, t * hop + window). The tail is padded with zeros, so that every sample is in
  a frame: there are max(1, 1 + ceil((n - window) / hop)) frames. librosa and torch (center=False) put the window in
  the middle of the n_fft samples; the power spectrum is the same once their input starts (n_fft - window) // 2 later.
- Periodic Hann window; power spectrum |rfft|^2 without scaling, of samples in [-1, 1].
- Mel filters "htk": 2595 log10(1 + f / 700), triangles of height 1 (torchaudio's default); "slaney": linear below
  1 kHz, triangles of area 1 (librosa's default).
- Natural logarithm: ln(mel + log_offset).
- MFCC: orthonormal DCT-II of that (torchaudio's MFCC(log_mels=True), librosa's mfcc(S=log_mel)), no liftering. The
  defaults of both take decibels instead: larger by 10 / ln(10), and clipped at 80 dB below the peak.
- Deltas: regression over 5 frames, edges replicated (torchaudio.functional.compute_deltas, mode="replicate"); the
  second order is the delta of the first.
- Normalisation comes last, per feature: see FeatureConfig.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.sound.filters import dct_matrix, hann_window, mel_filters
from audio_lstm.speech.sound.normalise import RunningNormalisation, normalise_utterance

__all__ = ["FeatureConfig", "StreamingFeatures", "extract_features", "n_frames"]

_BLOCK_FRAMES = 128  # frames per FFT call: the block's arrays stay in the cache
_DELTA_REACH = 2  # frames that a delta sees on either side
_DELTA_SCALE = 10.0  # 2 * (1^2 + 2^2)
# Statistics of close-talk speech (AN4, LibriSpeech, speechocean762, Common Voice; 80 utterances each), where a running
# normalisation starts from. A model learns with them, so they need not fit a recording closely.
_PRIOR_LEVEL = -5.0  # mean ln(power) of an FFT bin at low frequencies
_PRIOR_WINDOW_ENERGY = 150.0  # sum of the squared window that the level was measured with
_PRIOR_VARIANCE = 12.0  # of ln(power) in a mel band
_PRIOR_DELTA_VARIANCE = (1.0, 0.04, 0.006)  # of the statics, the deltas and their deltas, relative to the statics

_STREAM_ENDED = "this stream has finished: make a new StreamingFeatures for the next recording"
_CHOICES: dict[str, tuple[str, ...]] = {
    "kind": ("log_mel", "mfcc"),
    "mel_scale": ("htk", "slaney"),
    "normalisation": ("utterance", "running", "none"),
}
# Wider than any use; a config from elsewhere cannot ask for gigabytes.
_RANGES: dict[str, tuple[float, float, type[int] | tuple[type[int], type[float]]]] = {
    "sample_rate": (1_000, 768_000, int),
    "window_ms": (1, 1_000, (int, float)),
    "hop_ms": (0.1, 1_000, (int, float)),
    "n_fft": (16, 16_384, int),
    "n_mels": (1, 512, int),
    "f_min_hz": (0, 384_000, (int, float)),
    "f_max_hz": (0, 384_000, (int, float)),
    "n_mfcc": (1, 512, int),
    "deltas": (0, 2, int),
    "running_memory_s": (0.1, 1e6, (int, float)),
    "running_prior_s": (0.01, 1e6, (int, float)),
    "log_offset": (1e-30, 1, (int, float)),
}


@dataclass(frozen=True)
class FeatureConfig:
    """What the front end computes; the defaults are those of the recipes."""

    kind: Literal["log_mel", "mfcc"] = "log_mel"
    sample_rate: int = 16_000  # Hz
    window_ms: float = 25.0
    hop_ms: float = 10.0
    n_fft: int = 512
    n_mels: int = 80
    f_min_hz: float = 20.0  # below it a recording holds offset and hum (Kaldi's low-freq)
    f_max_hz: float = 8_000.0
    mel_scale: Literal["htk", "slaney"] = "htk"
    n_mfcc: int = 13  # used by kind "mfcc"
    deltas: int = 0  # 0, 1 (velocity) or 2 (and acceleration)
    normalisation: Literal["utterance", "running", "none"] = "utterance"
    running_memory_s: float = 20.0  # "running": time over which the past fades by e
    running_prior_s: float = 0.5  # "running": weight of the statistics of typical speech that it starts from
    log_offset: float = 2.0**-24  # power added before the logarithm (NeMo's guard; torchaudio's MFCC has 1e-6)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: If a value is outside what is allowed, or two values do not fit together.
        """
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigError(f"{name} is one of {', '.join(allowed)}; got {value!r}")
        for name, (low, high, kind) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, kind) or isinstance(value, bool) or not low <= value <= high:
                number = "a whole number" if kind is int else "a number"
                raise ConfigError(f"{name} is {number} in {low:g}..{high:g}; got {value!r}")
        if not 1 <= self.hop_samples <= self.window_samples:
            raise ConfigError(
                f"hop_ms must lie between one sample and window_ms={self.window_ms}, so that no sample "
                f"falls between two frames; got {self.hop_ms}"
            )
        if self.n_fft < self.window_samples:
            raise ConfigError(
                f"n_fft must hold the window of {self.window_samples} samples ({self.window_ms} ms at "
                f"{self.sample_rate} Hz); got {self.n_fft}"
            )
        if not self.f_min_hz < self.f_max_hz <= self.sample_rate / 2:
            raise ConfigError(
                f"expected f_min_hz < f_max_hz <= {self.sample_rate / 2:g} (half of sample_rate); "
                f"got f_min_hz={self.f_min_hz}, f_max_hz={self.f_max_hz}"
            )
        if self.kind == "mfcc" and self.n_mfcc > self.n_mels:
            raise ConfigError(f"n_mfcc cannot exceed n_mels={self.n_mels}; got {self.n_mfcc}")
        empty = np.flatnonzero(_mel_filters(self).sum(axis=0) == 0)
        if empty.size:
            raise ConfigError(
                f"{empty.size} of {self.n_mels} mel bands hold no bin of an FFT of {self.n_fft} points "
                f"(the first is band {empty[0]}): lower n_mels or raise n_fft"
            )

    @property
    def window_samples(self) -> int:
        """Samples under the window of a frame."""
        return round(self.window_ms * self.sample_rate / 1000)

    @property
    def hop_samples(self) -> int:
        """Samples from the start of a frame to the start of the next."""
        return round(self.hop_ms * self.sample_rate / 1000)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sample_rate / self.hop_samples

    @property
    def feature_size(self) -> int:
        """Width of a feature frame, deltas included."""
        return self._static_size * (1 + self.deltas)

    @property
    def lookahead_frames(self) -> int:
        """Later frames that a frame needs before it can be given out: what the deltas add to the delay of a stream."""
        return _DELTA_REACH * self.deltas

    @property
    def _static_size(self) -> int:
        return self.n_mels if self.kind == "log_mel" else self.n_mfcc


def n_frames(n_samples: int, config: FeatureConfig) -> int:
    """Frames that extract_features gives for so many samples: 0 for none, otherwise at least 1.

    Args:
        n_samples: Length of the recording at config.sample_rate.
        config: The front end.

    Returns:
        The number of frames.

    Raises:
        ValueError: If n_samples is negative.
    """
    if n_samples < 0:
        raise ValueError(f"expected a number of samples, got {n_samples}")
    if n_samples == 0:
        return 0
    return 1 + max(0, -(-(n_samples - config.window_samples) // config.hop_samples))


def extract_features(
    samples: NDArray[np.floating], config: FeatureConfig, *, vtlp_alpha: float = 1.0
) -> NDArray[np.float32]:
    """Feature frames of a whole recording.

        features = extract_features(np.zeros(16_000, np.float32), FeatureConfig())  # (99, 80)

    Args:
        samples: Mono samples (n,) at config.sample_rate, floating point in [-1, 1].
        config: The front end.
        vtlp_alpha: How far up to move the formants, 0.8..1.25, rounded to 0.01 (`filters.warp_frequencies`).

    Returns:
        float32 (n_frames, feature_size).

    Raises:
        ValueError: If samples is not a finite, non-empty one-dimensional array of floats.
    """
    if np.size(samples) == 0:
        raise ValueError("expected at least one sample, got an empty array")
    features = _Pipeline(config, vtlp_alpha).advance(samples, last=True)
    return normalise_utterance(features) if config.normalisation == "utterance" else features


class StreamingFeatures:
    """The frames of extract_features from samples that arrive in pieces of any length, in constant memory.

        stream = StreamingFeatures(FeatureConfig(normalisation="running"))
        parts = [stream.feed(block) for block in blocks] + [stream.finish()]

    The parts, one after the other, equal extract_features of the joined blocks. A frame comes out once its last sample
    and config.lookahead_frames later frames have arrived.
    """

    def __init__(self, config: FeatureConfig) -> None:
        """Start before the first sample.

        Args:
            config: The front end; its normalisation is "running" or "none".

        Raises:
            ConfigError: If the normalisation is "utterance", which needs the end before the first frame.
        """
        if config.normalisation == "utterance":
            raise ConfigError('normalisation="utterance" needs the whole recording; a stream takes "running" or "none"')
        self.config = config
        self._pipeline = _Pipeline(config)
        self._finished = False

    def feed(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """Take the next samples and give the frames that they complete.

        Args:
            samples: Mono samples (n,), n >= 0, floating point in [-1, 1].

        Returns:
            float32 (frames, feature_size); often no frame at all.

        Raises:
            ValueError: If samples is not a finite one-dimensional array of floats, or the stream has finished.
        """
        if self._finished:
            raise ValueError(_STREAM_ENDED)
        return self._pipeline.advance(samples, last=False)

    def finish(self) -> NDArray[np.float32]:
        """Give the frames still held back: the zero-padded tail and those that waited for their deltas.

        Returns:
            float32 (frames, feature_size); no frame if no sample ever came.

        Raises:
            ValueError: If the stream has finished before.
        """
        if self._finished:
            raise ValueError(_STREAM_ENDED)
        self._finished = True
        return self._pipeline.advance(np.zeros(0, np.float32), last=True)


class _Pipeline:
    """Framing, spectrum, deltas and running normalisation: each keeps only what the next samples need."""

    def __init__(self, config: FeatureConfig, vtlp_alpha: float = 1.0) -> None:
        self._config = config
        self._filters = _mel_filters(config, vtlp_alpha)
        self._samples = np.zeros(0, np.float32)  # from the start of the next frame on
        self._started = False
        self._deltas = [_Delta(config._static_size) for _ in range(config.deltas)]
        # Columns computed but not yet given out, because their deltas lag behind: static, first order, second order.
        self._waiting = [np.zeros((0, config._static_size), np.float32)] * (1 + config.deltas)
        self._running: RunningNormalisation | None = None
        if config.normalisation == "running":
            self._running = RunningNormalisation(
                *_speech_prior(config),
                memory_frames=config.running_memory_s * config.frame_rate,
                prior_frames=config.running_prior_s * config.frame_rate,
            )

    def advance(self, samples: NDArray[np.floating], *, last: bool) -> NDArray[np.float32]:
        columns = [_static_features(self._take_frames(_checked(samples), last=last), self._filters, self._config)]
        for delta in self._deltas:
            columns.append(delta.advance(columns[-1], last=last))
        features = columns[0]
        if self._deltas:
            joined = [np.concatenate(pair) for pair in zip(self._waiting, columns, strict=True)]
            ready = len(joined[-1])
            self._waiting = [column[ready:].copy() for column in joined]
            features = np.concatenate([column[:ready] for column in joined], axis=1)  # (T, F)
        return features if self._running is None else self._running.advance(features)

    def _take_frames(self, samples: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        """Cut what is complete into overlapping frames (n, window): a view, no copy."""
        window, hop = self._config.window_samples, self._config.hop_samples
        if self._samples.size:
            samples = np.concatenate([self._samples, samples])
        complete = max(0, (len(samples) - window) // hop + 1)
        uncovered = len(samples) - complete * hop - (window - hop if self._started or complete else 0)
        if last and uncovered > 0:
            complete += 1
            samples = np.pad(samples, (0, (complete - 1) * hop + window - len(samples)))
        self._started = self._started or complete > 0
        self._samples = samples[complete * hop :].copy()
        if complete == 0:
            return np.zeros((0, window), np.float32)
        return sliding_window_view(samples, window)[: complete * hop : hop]


class _Delta:
    """Slope of each feature over 5 frames, first and last frame replicated beyond the edges."""

    def __init__(self, size: int) -> None:
        self._frames = np.zeros((0, size), np.float32)  # the last 2 * _DELTA_REACH frames, edge included

    def advance(self, frames: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        if len(self._frames) == 0:
            frames = np.concatenate([np.repeat(frames[:1], _DELTA_REACH, axis=0), frames])
        frames = np.concatenate([self._frames, frames])
        if last:
            frames = np.concatenate([frames, np.repeat(frames[-1:], _DELTA_REACH, axis=0)])
        ready = max(0, len(frames) - 2 * _DELTA_REACH)
        self._frames = frames[ready:].copy()
        near = frames[3 : ready + 3] - frames[1 : ready + 1]
        far = frames[4 : ready + 4] - frames[:ready]
        far *= 2
        far += near
        far /= np.float32(_DELTA_SCALE)
        return far


def _speech_prior(config: FeatureConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance (feature_size,) of typical speech, fitted by eye to recordings of four corpora.

    The mean logarithm of the power at f is _PRIOR_LEVEL - 0.7 ln(1 + (f / 500 Hz)^2) for a 25 ms Hann window at 16 kHz;
    the bands have one variance, and a correlation that falls by e over 0.4 of their number.
    """
    bins_hz = np.fft.rfftfreq(config.n_fft, 1 / config.sample_rate)
    energy = np.square(hann_window(config.window_samples), dtype=np.float64).sum() / _PRIOR_WINDOW_ENERGY
    power = energy * math.exp(_PRIOR_LEVEL) / (1 + np.square(bins_hz / 500)) ** 0.7
    mean = np.log(power @ _mel_filters(config) + config.log_offset)
    variance = np.full(config.n_mels, _PRIOR_VARIANCE)
    if config.kind == "mfcc":
        distance = np.abs(np.arange(config.n_mels)[:, None] - np.arange(config.n_mels)) / (0.4 * config.n_mels)
        dct = dct_matrix(config.n_mels, config.n_mfcc).astype(np.float64)
        mean = mean @ dct
        variance = _PRIOR_VARIANCE * np.einsum("ik,ij,jk->k", dct, np.exp(-distance), dct, optimize=True)
    means = [mean, np.zeros_like(mean), np.zeros_like(mean)][: 1 + config.deltas]
    variances = [variance * ratio for ratio in _PRIOR_DELTA_VARIANCE][: 1 + config.deltas]
    return np.concatenate(means), np.concatenate(variances)


def _checked(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError(f"expected mono samples of shape (n,), got shape {samples.shape}: mix the channels first")
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(
            f"expected floating-point samples in [-1, 1], got {samples.dtype}: divide 16-bit samples by 32768"
        )
    finite = np.isfinite(samples)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise ValueError(f"expected finite samples, got {samples[bad]} at sample {bad}")
    return samples.astype(np.float32, copy=False)


def _static_features(
    frames: NDArray[np.float32], filters: NDArray[np.float32], config: FeatureConfig
) -> NDArray[np.float32]:
    """Log-mel or MFCC of overlapping frames (T, window) -> (T, features), a block at a time."""
    window = hann_window(config.window_samples)
    dct = dct_matrix(config.n_mels, config.n_mfcc) if config.kind == "mfcc" else None
    rows = min(_BLOCK_FRAMES, len(frames))
    padded = np.zeros((rows, config.n_fft), np.float32)
    spectrum: Any = np.empty((rows, config.n_fft // 2 + 1), np.complex64)  # numpy types out= as complex128
    features = np.empty((len(frames), config._static_size), np.float32)
    for start in range(0, len(frames), _BLOCK_FRAMES):
        block = frames[start : start + _BLOCK_FRAMES]
        t = len(block)
        np.multiply(block, window, out=padded[:t, : len(window)])
        np.fft.rfft(padded[:t], out=spectrum[:t])
        squares: NDArray[np.float32] = spectrum[:t].view(np.float32)  # (t, n_fft + 2): real, imaginary in turn
        np.square(squares, out=squares)
        mel = (squares[:, ::2] + squares[:, 1::2]) @ filters  # (t, n_mels)
        mel += np.float32(config.log_offset)
        np.log(mel, out=mel)
        features[start : start + t] = mel if dct is None else mel @ dct
    return features


def _mel_filters(config: FeatureConfig, vtlp_alpha: float = 1.0) -> NDArray[np.float32]:
    return mel_filters(
        config.n_mels,
        n_fft=config.n_fft,
        sample_rate=config.sample_rate,
        f_min_hz=config.f_min_hz,
        f_max_hz=config.f_max_hz,
        scale=config.mel_scale,
        vtlp_alpha=round(vtlp_alpha, 2),
    )
