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
- MFCC: orthonormal DCT-II of that (torchaudio's MFCC(log_mels=True), librosa's mfcc(S=log_mel)), no liftering. librosa's
  and torchaudio's defaults take decibels instead: those are larger by 10 / ln(10) and clipped at 80 dB below the peak.
- Deltas: regression over 5 frames, edges replicated (torchaudio.functional.compute_deltas, mode="replicate"); the
  second order is the delta of the first.
- Normalisation comes last, per feature: see FeatureConfig.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError

__all__ = ["FeatureConfig", "StreamingFeatures", "extract_features", "n_frames"]

_BLOCK_FRAMES = 256  # frames per FFT call: the block's arrays stay in the cache
_DELTA_REACH = 2  # frames that a delta sees on either side
_DELTA_SCALE = 10.0  # 2 * (1^2 + 2^2)
_VARIANCE_FLOOR = 1e-4  # of a normalised feature: digital silence becomes zeros instead of NaN
_RUNNING_BLOCK = 64  # frames per step of the running mean: its matrix is this size squared
# Statistics of close-talk speech (AN4, LibriSpeech, speechocean762, Common Voice; 80 utterances each), where a running
# normalisation starts from. A model learns with them, so they need not fit a recording closely.
_PRIOR_LEVEL = -5.0  # mean ln(power) of an FFT bin at low frequencies
_PRIOR_WINDOW_ENERGY = 150.0  # sum of the squared window that the level was measured with
_PRIOR_VARIANCE = 12.0  # of ln(power) in a mel band
_PRIOR_DELTA_VARIANCE = (1.0, 0.04, 0.006)  # of the statics, the deltas and their deltas, relative to the statics


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
        for name, allowed in (
            ("kind", ("log_mel", "mfcc")),
            ("mel_scale", ("htk", "slaney")),
            ("normalisation", ("utterance", "running", "none")),
            ("deltas", (0, 1, 2)),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigError(f"{name} is one of {', '.join(map(str, allowed))}; got {value!r}")
        for name in (
            *("sample_rate", "window_ms", "hop_ms", "n_fft", "n_mels", "n_mfcc"),
            *("running_memory_s", "running_prior_s", "log_offset"),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} must be above 0; got {value!r}")
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
        if not 0 <= self.f_min_hz < self.f_max_hz <= self.sample_rate / 2:
            raise ConfigError(
                f"expected 0 <= f_min_hz < f_max_hz <= {self.sample_rate / 2:g} (half of sample_rate); "
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


def extract_features(samples: NDArray[np.floating], config: FeatureConfig) -> NDArray[np.float32]:
    """Feature frames of a whole recording.

        features = extract_features(np.zeros(16_000, np.float32), FeatureConfig())  # (99, 80)

    Args:
        samples: Mono samples (n,) at config.sample_rate, floating point in [-1, 1].
        config: The front end.

    Returns:
        float32 (n_frames, feature_size).

    Raises:
        ValueError: If samples is not a finite, non-empty one-dimensional array of floats.
    """
    if np.size(samples) == 0:
        raise ValueError("expected at least one sample, got an empty array")
    features = _Pipeline(config).advance(samples, last=True)
    if config.normalisation == "utterance":
        features -= features.mean(axis=0, dtype=np.float64).astype(np.float32)
        variance = np.square(features).mean(axis=0, dtype=np.float64)
        features /= np.sqrt(np.maximum(variance, _VARIANCE_FLOOR)).astype(np.float32)
    return features


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
            raise ConfigError(
                'normalisation="utterance" needs the whole recording; a stream takes "running" or "none"'
            )
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
        self._check_open()
        return self._pipeline.advance(samples, last=False)

    def finish(self) -> NDArray[np.float32]:
        """Give the frames still held back: the zero-padded tail and those that waited for their deltas.

        Returns:
            float32 (frames, feature_size); no frame if no sample ever came.

        Raises:
            ValueError: If the stream has finished before.
        """
        self._check_open()
        self._finished = True
        return self._pipeline.advance(np.zeros(0, np.float32), last=True)

    def _check_open(self) -> None:
        if self._finished:
            raise ValueError("this stream has finished; make a new StreamingFeatures for the next recording")


class _Pipeline:
    """Framing, spectrum, deltas and running normalisation: each keeps only what the next samples need."""

    def __init__(self, config: FeatureConfig) -> None:
        self._config = config
        self._samples = np.zeros(0, np.float32)  # from the start of the next frame on
        self._started = False
        self._deltas = [_Delta(config._static_size) for _ in range(config.deltas)]
        # Columns computed but not yet given out, because their deltas lag behind: static, first order, second order.
        self._waiting = [np.zeros((0, config._static_size), np.float32)] * (1 + config.deltas)
        self._running = _RunningNormalisation(config) if config.normalisation == "running" else None

    def advance(self, samples: NDArray[np.floating], *, last: bool) -> NDArray[np.float32]:
        columns = [_static_features(self._take_frames(_checked(samples), last=last), self._config)]
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
        return (near + 2 * far) / np.float32(_DELTA_SCALE)


class _RunningNormalisation:
    """Causal mean and variance with exponential forgetting, started from the statistics of typical speech.

    With y = x - prior mean and d = exp(-1 / (running_memory_s * frame_rate)), per feature:

        n[t] = d n[t-1] + 1      s[t] = d s[t-1] + y[t]      q[t] = d q[t-1] + y[t]^2
        n[-1] = running_prior_s * frame_rate      s[-1] = 0      q[-1] = n[-1] * prior variance
        output[t] = (y[t] - s[t] / n[t]) / sqrt(max(q[t] / n[t] - (s[t] / n[t])^2, variance floor))

    A block of frames is one product with the triangular matrix of powers of d, in float64.
    """

    def __init__(self, config: FeatureConfig) -> None:
        self._prior_mean, variance = _speech_prior(config)
        decay = -1 / (config.running_memory_s * config.frame_rate)
        age = np.arange(_RUNNING_BLOCK)[:, None] - np.arange(_RUNNING_BLOCK)
        self._weights = np.where(age >= 0, np.exp(decay * np.maximum(age, 0)), 0)
        self._carry = np.exp(decay * (np.arange(_RUNNING_BLOCK) + 1))[:, None]
        start = np.concatenate([[1.0], np.zeros_like(variance), variance])
        self._sums = start * config.running_prior_s * config.frame_rate  # (1 + 2 F,): n, s, q

    def advance(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        normalised = np.empty_like(features)
        size = features.shape[1]
        for begin in range(0, len(features), _RUNNING_BLOCK):
            y = features[begin : begin + _RUNNING_BLOCK] - self._prior_mean  # float64
            t = len(y)
            terms = np.concatenate([np.ones((t, 1)), y, np.square(y)], axis=1)
            sums = self._carry[:t] * self._sums + self._weights[:t, :t] @ terms  # (t, 1 + 2 F)
            self._sums = sums[-1]
            moments = sums[:, 1:] / sums[:, :1]
            mean = moments[:, :size]
            variance = moments[:, size:] - np.square(mean)
            normalised[begin : begin + t] = (y - mean) / np.sqrt(np.maximum(variance, _VARIANCE_FLOOR))
        return normalised


def _speech_prior(config: FeatureConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance (feature_size,) of typical speech, fitted by eye to recordings of four corpora.

    The mean logarithm of the power at f is _PRIOR_LEVEL - 0.7 ln(1 + (f / 500 Hz)^2) for a 25 ms Hann window at 16 kHz;
    the bands have one variance, and a correlation that falls by e over 0.4 of their number.
    """
    bins_hz = np.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1)
    energy = np.square(_window(config), dtype=np.float64).sum() / _PRIOR_WINDOW_ENERGY
    power = energy * math.exp(_PRIOR_LEVEL) / (1 + np.square(bins_hz / 500)) ** 0.7
    mean = np.log(power @ _mel_filters(config) + config.log_offset)
    variance = np.full(config.n_mels, _PRIOR_VARIANCE)
    if config.kind == "mfcc":
        distance = np.abs(np.arange(config.n_mels)[:, None] - np.arange(config.n_mels)) / (0.4 * config.n_mels)
        dct = _dct(config).astype(np.float64)
        mean = mean @ dct
        variance = _PRIOR_VARIANCE * np.einsum("ik,ij,jk->k", dct, np.exp(-distance), dct, optimize=True)
    means = [mean, np.zeros_like(mean), np.zeros_like(mean)][: 1 + config.deltas]
    variances = [variance * ratio for ratio in _PRIOR_DELTA_VARIANCE][: 1 + config.deltas]
    return np.concatenate(means), np.concatenate(variances)


def _checked(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    if not isinstance(samples, np.ndarray) or samples.ndim != 1:
        raise ValueError(f"expected mono samples of shape (n,), got shape {np.shape(samples)}: mix channels first")
    if not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(
            f"expected floating-point samples in [-1, 1], got {samples.dtype}: divide 16-bit samples by 32768"
        )
    if not np.isfinite(samples).all():
        bad = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise ValueError(f"expected finite samples, got {samples[bad]} at sample {bad}")
    return samples.astype(np.float32, copy=False)


def _static_features(frames: NDArray[np.float32], config: FeatureConfig) -> NDArray[np.float32]:
    """Log-mel or MFCC of overlapping frames (T, window) -> (T, features), a block at a time."""
    window, filters = _window(config), _mel_filters(config)
    offset = np.float32(config.log_offset)
    features = np.empty((len(frames), config._static_size), np.float32)
    for start in range(0, len(frames), _BLOCK_FRAMES):
        block = frames[start : start + _BLOCK_FRAMES]
        spectrum = np.fft.rfft(block * window, config.n_fft)  # (t, n_fft / 2 + 1), complex64
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        mel = power @ filters  # (t, n_mels)
        mel += offset
        np.log(mel, out=mel)
        features[start : start + len(block)] = mel if config.kind == "log_mel" else mel @ _dct(config)
    return features


@lru_cache(maxsize=16)
def _window(config: FeatureConfig) -> NDArray[np.float32]:
    n = config.window_samples
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)


@lru_cache(maxsize=16)
def _mel_filters(config: FeatureConfig) -> NDArray[np.float32]:
    """Triangular filters (n_fft / 2 + 1, n_mels): O'Shaughnessy 1987 ("htk") or Slaney 1998 ("slaney")."""
    bins_hz = np.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1)
    if config.mel_scale == "htk":
        low, high = (2595 * math.log10(1 + f / 700) for f in (config.f_min_hz, config.f_max_hz))
        edges_hz = 700 * (10 ** (np.linspace(low, high, config.n_mels + 2) / 2595) - 1)
    else:
        low, high = (_slaney_mel(f) for f in (config.f_min_hz, config.f_max_hz))
        mels = np.linspace(low, high, config.n_mels + 2)
        edges_hz = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - left) / (centre - left)
    falling = (right - bins_hz[:, None]) / (right - centre)
    filters = np.maximum(0, np.minimum(rising, falling))
    if config.mel_scale == "slaney":
        filters *= 2 / (right - left)
    return filters.astype(np.float32)


def _slaney_mel(frequency_hz: float) -> float:
    """Slaney's mel (Auditory Toolbox): 3 per 200 Hz up to 1 kHz, then 27 for each factor of 6.4."""
    return frequency_hz * 3 / 200 if frequency_hz < 1000 else 15 + 27 * math.log(frequency_hz / 1000, 6.4)


@lru_cache(maxsize=16)
def _dct(config: FeatureConfig) -> NDArray[np.float32]:
    """Orthonormal DCT-II (n_mels, n_mfcc)."""
    n = config.n_mels
    matrix = np.cos(np.pi / n * (np.arange(n)[:, None] + 0.5) * np.arange(config.n_mfcc)) * math.sqrt(2 / n)
    matrix[:, 0] /= math.sqrt(2)
    return matrix.astype(np.float32)
