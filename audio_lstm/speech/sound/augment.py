"""Training-time variations of a recording: speed, pauses, room, noise, bandwidth, level; masks on its features.

    rng = np.random.default_rng(seed)
    samples = augment_waveform(samples, config, rng)
    features = extract_features(samples, feature_config, vtlp_alpha=draw_vtlp(config, rng))
    features = augment_features(features, config, rng)

Everything random comes from the generator handed in: one seed, one result. What is off draws nothing, so that it
changes nothing else either. No function writes into its argument.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.sound.filters import VTLP_LIMITS
from audio_lstm.speech.sound.reverberation import convolve, reverberate, room_impulse_response

__all__ = [
    "AugmentConfig",
    "add_noise",
    "augment_features",
    "augment_waveform",
    "draw_vtlp",
    "limit_bandwidth",
    "mask_features",
    "pad_with_pauses",
    "random_gain",
    "speed_perturb",
]

_SPEED_RANGE = (0.5, 2.0)
_PINK_CORNER = 1e-3  # cycles per sample (16 Hz at 16 kHz): below it pink noise is flat instead of infinite
_PAUSE_FLOOR_DBFS = (-70.0, -45.0)  # what counts as a recording's noise floor, even if it is digital silence or music
_PAUSE_SPREAD_DB = 6.0  # how far an added pause may be above or below that floor
_FLOOR_FRAME_SAMPLES = 400
_FLOOR_QUANTILE = 0.05  # of the frames' powers
_LOW_PASS_SAMPLES = 255  # of the filter: from pass to stop in 5.5 / 255 of the sample rate, 345 Hz at 16 kHz
_PAIRS: dict[str, tuple[float, float]] = {  # what the pairs (low, high) of a config may hold
    "gain_db": (-100, 100),
    "noise_snr_db": (-100, 100),
    "reverb_t60_s": (0.01, 10),
    "direct_to_reverberant_db": (-100, 100),
    "bandwidth_hz": (100, 100_000),
    "vtlp_range": VTLP_LIMITS,
}
_FRACTIONS = (
    "noise_probability",
    "frequency_mask_fraction",
    "time_masks_per_frame",
    "time_mask_fraction",
    "reverb_probability",
    "padding_probability",
    "bandwidth_probability",
)


@dataclass(frozen=True)
class AugmentConfig:
    """How far training recordings are varied; `AugmentConfig.off()` leaves them alone."""

    # Speed, and pitch with it: three copies at 0.9, 1.0, 1.1 (Ko et al. 2015), here drawn anew each time.
    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)
    # Level, drawn uniformly in dB (Kaldi's perturb_data_dir_volume.sh: factors 0.125 to 2).
    gain_db: tuple[float, float] = (-18.0, 6.0)
    # Noise, on a share of the recordings, at a signal-to-noise ratio drawn uniformly in dB. Ours: a quiet office to a
    # street; a generated hiss below 10 dB hides the consonants that tell spelled letters apart.
    noise_probability: float = 0.3
    noise_snr_db: tuple[float, float] = (10.0, 30.0)
    # SpecAugment's frequency masks (Park et al. 2019, policy LD): two of up to 27 of 80 bands, as a fraction.
    n_frequency_masks: int = 2
    frequency_mask_fraction: float = 27 / 80
    # Adaptive time masks ("SpecAugment on large scale datasets", Park et al. 2020): number and width grow with the
    # recording, so that no word is wiped out and no long recording is spared. Cap and width: Gulati et al. 2020.
    time_masks_per_frame: float = 0.04
    max_time_masks: int = 10
    time_mask_fraction: float = 0.05  # widest mask, of the recording's frames
    # The following are off by default. Simulated rooms (Ko et al. 2017; reverberation.py) for a share of the
    # recordings. Recommended: 0.3, living rooms and offices with the speaker at arm's length to across the table.
    reverb_probability: float = 0.0
    reverb_t60_s: tuple[float, float] = (0.1, 0.6)
    direct_to_reverberant_db: tuple[float, float] = (0.0, 15.0)
    # Vocal-tract-length perturbation, drawn for each recording (Jaitly & Hinton 2013). Recommended: theirs, (0.9, 1.1).
    vtlp_range: tuple[float, float] = (1.0, 1.0)
    # Pauses before and after the speech, each uniform up to padding_max_s, at about the noise floor. Ours: utterance
    # normalisation shifts with the share of silence, and corpora are cut tightly. Recommended: 0.3, up to 1 s.
    padding_probability: float = 0.0
    padding_max_s: float = 1.0
    # Nothing above a cutoff drawn uniformly: telephones (3.4 kHz, ITU-T G.712), low-bitrate codecs (Opus's medium
    # band, RFC 6716: 6 kHz), cheap microphones. Recommended: 0.1.
    bandwidth_probability: float = 0.0
    bandwidth_hz: tuple[float, float] = (3_400.0, 7_000.0)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: If a value is outside what is allowed.
        """
        low, high = _SPEED_RANGE
        if not self.speeds or not all(low <= speed <= high for speed in self.speeds):
            raise ConfigError(f"speeds are one or more numbers in {low}..{high}; got {self.speeds}")
        for name, (low, high) in _PAIRS.items():
            value = getattr(self, name)
            if len(value) != 2 or not low <= value[0] <= value[1] <= high:
                raise ConfigError(f"{name} is a pair (low, high) with {low:g} <= low <= high <= {high:g}; got {value}")
        if not 0 <= self.padding_max_s <= 60:
            raise ConfigError(f"padding_max_s lies in 0..60 seconds; got {self.padding_max_s}")
        for name in _FRACTIONS:
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ConfigError(f"{name} lies in 0..1; got {value}")
        for name in ("n_frequency_masks", "max_time_masks"):
            value = getattr(self, name)
            if not 0 <= value <= 100:
                raise ConfigError(f"{name} lies in 0..100; got {value}")

    @classmethod
    def off(cls) -> AugmentConfig:
        """The configuration that changes nothing."""
        return cls(
            speeds=(1.0,), gain_db=(0.0, 0.0), noise_probability=0.0, n_frequency_masks=0, time_masks_per_frame=0.0
        )


def augment_waveform(
    samples: NDArray[np.float32],
    config: AugmentConfig,
    rng: np.random.Generator,
    *,
    noises: tuple[NDArray[np.float32], ...] = (),
    sample_rate: int = 16_000,
) -> NDArray[np.float32]:
    """Vary speech, room, noise, transmission and level, in the order in which a recording comes about.

    The added pauses are part of the speech: a room rings on into them, and noise runs through them.

    Args:
        samples: Mono samples (n,).
        config: How far.
        rng: Source of everything random.
        noises: Recordings of noise at the same sample rate to draw from; none means generated white or pink noise.
        sample_rate: In Hz; read by pauses, room and bandwidth.

    Returns:
        float32 (about n / speed, and the pauses). It may exceed [-1, 1]: floats do not clip.
    """
    samples = speed_perturb(samples, config.speeds[rng.integers(len(config.speeds))])
    if _happens(config.padding_probability, rng):
        samples = pad_with_pauses(samples, config.padding_max_s, rng, sample_rate=sample_rate)
    if _happens(config.reverb_probability, rng):
        t60_s, ratio_db = rng.uniform(*config.reverb_t60_s), rng.uniform(*config.direct_to_reverberant_db)
        samples = reverberate(samples, room_impulse_response(t60_s, ratio_db, rng, sample_rate=sample_rate))
    if rng.random() < config.noise_probability:
        snr_db = rng.uniform(*config.noise_snr_db)
        noise = noises[rng.integers(len(noises))] if noises else None
        samples = add_noise(samples, snr_db, rng, noise=noise, colour="pink" if rng.random() < 0.5 else "white")
    if _happens(config.bandwidth_probability, rng):
        samples = limit_bandwidth(samples, rng.uniform(*config.bandwidth_hz), sample_rate=sample_rate)
    return random_gain(samples, config.gain_db, rng)


def draw_vtlp(config: AugmentConfig, rng: np.random.Generator) -> float:
    """A warp of the frequency axis for `extract_features`.

    Args:
        config: How far.
        rng: Source of the warp; left alone if the range is (1, 1).

    Returns:
        A factor in config.vtlp_range, rounded to 0.01; 1.0 leaves the features alone.
    """
    low, high = config.vtlp_range
    return 1.0 if low == high == 1 else round(rng.uniform(low, high), 2)


def augment_features(
    features: NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Vary features: SpecAugment's masks, without its time warping (its smallest part: Park et al. 2019).

    Args:
        features: (n_frames, feature_size).
        config: How far.
        rng: Source of everything random.

    Returns:
        float32 (n_frames, feature_size).
    """
    return mask_features(features, config, rng)


def speed_perturb(samples: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
    """Faster or slower speech, with its pitch, by resampling (Ko et al. 2015; sox's "speed").

    Args:
        samples: Mono samples (n,).
        speed: Above 1 is faster and higher.

    Returns:
        float32 (round(n / speed), at least 1), at the same nominal sample rate.

    Raises:
        ValueError: If speed is outside 0.5..2.
    """
    samples = _checked(samples)
    low, high = _SPEED_RANGE
    if not low <= speed <= high:
        raise ValueError(f"speed lies in {low}..{high}; got {speed}")
    if speed == 1:
        return samples.copy()
    import soxr  # a compiled library that only training needs

    length = max(1, round(len(samples) / speed))
    resampled: NDArray[np.float32] = soxr.resample(samples, speed, 1.0, quality="HQ")[:length]
    return np.pad(resampled, (0, length - len(resampled)))


def random_gain(
    samples: NDArray[np.float32], gain_db: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Louder or quieter samples, by a gain drawn uniformly in dB.

    Args:
        samples: Mono samples (n,).
        gain_db: Lowest and highest gain.
        rng: Source of the gain.

    Returns:
        float32 (n,).
    """
    return _checked(samples) * np.float32(10 ** (rng.uniform(*gain_db) / 20))


def add_noise(
    samples: NDArray[np.float32],
    snr_db: float,
    rng: np.random.Generator,
    *,
    noise: NDArray[np.float32] | None = None,
    colour: Literal["white", "pink"] = "white",
) -> NDArray[np.float32]:
    """Samples with noise at a signal-to-noise ratio (mean power over the whole recording).

    Args:
        samples: Mono samples (n,).
        snr_db: Power of the samples over that of the added noise, in dB.
        rng: Source of the noise, or of the place in the clip where it starts.
        noise: A clip at the same sample rate, repeated if it is shorter than the samples; None generates noise.
        colour: What to generate: "white" has equal power per Hz, "pink" per octave (1/f).

    Returns:
        float32 (n,); a copy of the samples where they, or the stretch of the clip, are digital silence.

    Raises:
        ValueError: If colour is unknown.
    """
    samples = _checked(samples)
    if colour not in ("white", "pink"):
        raise ValueError(f"colour is white or pink; got {colour!r}")
    if noise is not None:
        noise = _checked(noise)
        spare = len(noise) - len(samples)
        first = int(rng.integers(spare + 1 if spare >= 0 else len(noise)))
        added = np.take(noise, np.arange(first, first + len(samples)), mode="wrap")
    else:
        added = _noise(colour, len(samples), rng)
    power, noise_power = (float(np.square(x, dtype=np.float64).mean()) for x in (samples, added))
    if power == 0 or noise_power == 0:
        return samples.copy()
    return samples + added * np.float32(math.sqrt(power / noise_power) * 10 ** (-snr_db / 20))


def pad_with_pauses(
    samples: NDArray[np.float32], max_s: float, rng: np.random.Generator, *, sample_rate: int
) -> NDArray[np.float32]:
    """Samples with a near-silent lead-in and lead-out: white or pink noise at about the recording's own noise floor.

    The floor is the power that 5 % of the frames do not reach, taken as -45 or -70 dBFS where it is outside of them.

    Args:
        samples: Mono samples (n,).
        max_s: Longest of each pause, in seconds; its length is drawn uniformly.
        rng: Source of lengths, level and noise.
        sample_rate: In Hz.

    Returns:
        float32 (n + pauses,).
    """
    samples = _checked(samples)
    before, after = (int(n) for n in rng.integers(round(max_s * sample_rate) + 1, size=2))
    n_frames = max(1, len(samples) // _FLOOR_FRAME_SAMPLES)
    frames = samples[: n_frames * _FLOOR_FRAME_SAMPLES].reshape(n_frames, -1)
    powers = np.square(frames, dtype=np.float64).mean(axis=1)
    floor_db = 10 * math.log10(max(float(np.quantile(powers, _FLOOR_QUANTILE)), 1e-30))
    level_db = float(np.clip(floor_db, *_PAUSE_FLOOR_DBFS)) + rng.uniform(-_PAUSE_SPREAD_DB, _PAUSE_SPREAD_DB)
    noise = _noise("pink" if rng.random() < 0.5 else "white", before + after, rng)
    power = float(np.square(noise, dtype=np.float64).sum()) / max(1, len(noise))
    noise *= np.float32(10 ** (level_db / 20) / math.sqrt(power or 1))
    return np.concatenate([noise[:before], samples, noise[before:]])


def limit_bandwidth(samples: NDArray[np.float32], cutoff_hz: float, *, sample_rate: int) -> NDArray[np.float32]:
    """Samples without what lies above a frequency: a linear-phase filter, a sinc under a Blackman window.

    Args:
        samples: Mono samples (n,).
        cutoff_hz: Where half the amplitude is left; from half the sample rate on nothing is taken away.
        sample_rate: In Hz.

    Returns:
        float32 (n,), nothing moved in time.
    """
    samples = _checked(samples)
    if cutoff_hz >= sample_rate / 2:
        return samples.copy()
    delay = _LOW_PASS_SAMPLES // 2
    kernel = np.sinc(2 * cutoff_hz / sample_rate * np.arange(-delay, delay + 1)) * np.blackman(_LOW_PASS_SAMPLES)
    kernel /= kernel.sum()
    return convolve(np.pad(samples, (0, delay)), kernel.astype(np.float32))[delay:]


def mask_features(
    features: NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """SpecAugment: bands of features and stretches of time replaced by each feature's mean over the recording.

    The mean is 0 after utterance normalisation, which is Park et al.'s value. A mask's width is uniform from 0 to its
    limit, its place uniform within the recording; masks may overlap.

    Args:
        features: (n_frames, feature_size).
        config: Number and widths of the masks.
        rng: Source of widths and places.

    Returns:
        float32 (n_frames, feature_size).

    Raises:
        ValueError: If features is not two-dimensional.
    """
    if features.ndim != 2:
        raise ValueError(f"expected features of shape (n_frames, feature_size), got {features.shape}")
    n_frames, feature_size = features.shape
    masked = np.zeros((n_frames, feature_size), np.bool_)
    for _ in range(config.n_frequency_masks):
        masked[:, _stretch(feature_size, config.frequency_mask_fraction, rng)] = True
    for _ in range(min(config.max_time_masks, int(config.time_masks_per_frame * n_frames))):
        masked[_stretch(n_frames, config.time_mask_fraction, rng)] = True
    if not masked.any():
        return features.astype(np.float32)
    return np.where(masked, features.mean(axis=0, dtype=np.float64), features).astype(np.float32)


def _stretch(size: int, fraction: float, rng: np.random.Generator) -> slice:
    width = int(rng.integers(int(fraction * size) + 1))
    first = int(rng.integers(size - width + 1))
    return slice(first, first + width)


def _happens(probability: float, rng: np.random.Generator) -> bool:
    """Whether to do what has a probability; 0 draws nothing, so that what is off leaves later draws as they were."""
    return probability > 0 and rng.random() < probability


def _noise(colour: Literal["white", "pink"], n_samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """White noise; for pink, its spectrum divided by sqrt(f), flat below _PINK_CORNER."""
    if colour == "white":
        return rng.standard_normal(n_samples, dtype=np.float32)
    n_fft = 1 << max(4, (n_samples - 1).bit_length())
    spectrum = np.fft.rfft(rng.standard_normal(n_fft, dtype=np.float32))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(n_fft), _PINK_CORNER)).astype(np.float32)
    return np.fft.irfft(spectrum, n_fft)[:n_samples].astype(np.float32)


def _checked(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    if samples.ndim != 1 or len(samples) == 0 or not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(
            f"expected one or more mono samples (n,) in floating point, got shape {samples.shape} of {samples.dtype}"
        )
    return samples.astype(np.float32, copy=False)
