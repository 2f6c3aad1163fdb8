"""A drum kit of the General MIDI percussion map: gliding tones and coloured noise that die away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Drum", "drum_of", "drum_sound"]


@dataclass(frozen=True)
class Drum:
    """One instrument of the kit: a tone that may glide, and noise between two frequencies."""

    tone_hz: float = 0.0  # where the tone comes to rest; 0: none
    glide: float = 1.0  # how many times higher it starts
    tone_s: float = 0.1  # its decay, to 1/e
    tone: float = 1.0  # its level
    low_hz: float = 200.0  # the noise lies between these
    high_hz: float = 8000.0
    noise_s: float = 0.05  # its decay, to 1/e
    noise: float = 0.0  # its level
    ratios: tuple[float, ...] = (1.0,)  # of further tones, for metal and skins
    bursts: int = 1  # a clap is several
    pan: float = 0.0  # -1 left .. 1 right
    level_db: float = 0.0


_SKIN = (1.0, 1.59, 2.14)  # the first modes of a circular membrane
_METAL = (1.0, 1.342, 1.619, 2.017, 2.496, 2.941)  # no two in a simple ratio
_KICK = Drum(48, 3.2, 0.14, 1.0, 1000, 5000, 0.006, 0.25, level_db=3)
_SNARE = Drum(185, 1.3, 0.07, 0.6, 900, 9000, 0.085, 0.7, _SKIN)
_TOM = Drum(110, 1.5, 0.20, 1.0, 300, 3000, 0.02, 0.15, _SKIN)
_CLOSED = Drum(3200, 1.0, 0.02, 0.10, 6500, 16000, 0.028, 0.5, _METAL, pan=0.3, level_db=-9)
_CRASH = Drum(2400, 1.0, 0.9, 0.10, 2500, 16000, 0.75, 0.6, _METAL, pan=-0.3, level_db=-5)
_RIDE = Drum(2900, 1.0, 0.7, 0.30, 4000, 15000, 0.5, 0.22, _METAL, pan=0.4, level_db=-8)
_HAND = Drum(320, 1.15, 0.09, 1.0, 500, 4000, 0.012, 0.25, _SKIN, level_db=-4)
_SHAKE = Drum(low_hz=4500, high_hz=13000, noise_s=0.05, noise=1.0, pan=-0.4, level_db=-10)
_WOOD = Drum(1150, 1.0, 0.025, 1.0, 1000, 4000, 0.004, 0.2, (1.0, 2.57), level_db=-6)
_BELL = Drum(587, 1.0, 0.11, 1.0, 1500, 6000, 0.01, 0.1, (1.0, 1.44, 2.7), pan=0.2, level_db=-7)

_KIT: dict[int, Drum] = {
    35: _KICK,
    36: _KICK,
    37: Drum(1700, 1.0, 0.012, 0.8, 1500, 7000, 0.012, 0.5, level_db=-5),
    38: _SNARE,
    39: Drum(low_hz=900, high_hz=5000, noise_s=0.06, noise=1.0, bursts=4, level_db=-3),
    40: Drum(205, 1.3, 0.06, 0.6, 1200, 11000, 0.07, 0.8, _SKIN),
    42: _CLOSED,
    44: _CLOSED,
    46: Drum(3200, 1.0, 0.25, 0.10, 6500, 16000, 0.22, 0.5, _METAL, pan=0.3, level_db=-9),
    49: _CRASH,
    51: _RIDE,
    52: _CRASH,
    53: Drum(1500, 1.0, 0.5, 0.6, 4000, 14000, 0.3, 0.15, _METAL, pan=0.4, level_db=-8),
    54: Drum(4100, 1.0, 0.12, 0.3, 6000, 15000, 0.09, 0.7, _METAL, pan=-0.3, level_db=-9),
    55: Drum(2900, 1.0, 0.35, 0.10, 3500, 16000, 0.3, 0.6, _METAL, pan=-0.4, level_db=-6),
    56: _BELL,
    57: _CRASH,
    58: Drum(low_hz=2000, high_hz=7000, noise_s=0.25, noise=1.0, bursts=8, level_db=-10),
    59: _RIDE,
    75: Drum(2500, 1.0, 0.02, 1.0, level_db=-7),
    80: Drum(4500, 1.0, 0.04, 1.0, 6000, 14000, 0.02, 0.1, _METAL, pan=0.4, level_db=-12),
    81: Drum(4500, 1.0, 0.6, 1.0, 6000, 14000, 0.05, 0.1, _METAL, pan=0.4, level_db=-12),
}
_TOM_HZ = {41: 75.0, 43: 88.0, 45: 104.0, 47: 125.0, 48: 150.0, 50: 180.0}
_HAND_HZ = {60: 400.0, 61: 290.0, 62: 360.0, 63: 340.0, 64: 220.0, 65: 330.0, 66: 240.0}
_WOOD_HZ = {67: 900.0, 68: 680.0, 76: 1150.0, 77: 850.0}


@lru_cache(maxsize=128)
def drum_of(pitch: int) -> Drum:
    """The instrument that General MIDI puts on a key; keys outside the map are shaken.

    Args:
        pitch: 0..127.

    Returns:
        The drum.
    """
    if pitch in _KIT:
        return _KIT[pitch]
    if pitch in _TOM_HZ:
        return replace(_TOM, tone_hz=_TOM_HZ[pitch], pan=0.5 - (_TOM_HZ[pitch] - 75.0) / 105.0)
    if pitch in _HAND_HZ:
        return replace(_HAND, tone_hz=_HAND_HZ[pitch], pan=0.3 if pitch > 62 else -0.3)
    if pitch in _WOOD_HZ:
        return replace(_WOOD, tone_hz=_WOOD_HZ[pitch], pan=-0.2)
    return _SHAKE


def drum_sound(pitch: int, sample_rate: int) -> NDArray[np.float32]:
    """One stroke.

    Args:
        pitch: the key of the drum map.
        sample_rate: in Hz.

    Returns:
        (n,) samples, peak 1 at full strength times the drum's own level.
    """
    drum = drum_of(pitch)
    longest_s = max(drum.tone_s if drum.tone_hz else 0.0, drum.noise_s)
    time = np.arange(int(7.0 * longest_s * sample_rate) + 64) / sample_rate
    sound = np.zeros(len(time))
    if drum.tone_hz:
        for order, ratio in enumerate(drum.ratios):
            hz = ratio * drum.tone_hz
            if hz * max(drum.glide, 1.0) > 0.45 * sample_rate:
                break
            # The frequency falls from glide * hz to hz within about 30 ms; its integral is the phase.
            fall_s = 0.03
            phase = hz * (time + (drum.glide - 1.0) * fall_s * (1.0 - np.exp(-time / fall_s)))
            level = drum.tone / (1.0 + 0.8 * order)
            sound += level * np.sin(2.0 * np.pi * phase) * np.exp(-time * (1.0 + 0.5 * order) / drum.tone_s)
    if drum.noise:
        sound += drum.noise * _noise(drum, len(time), sample_rate, seed=pitch) * _bursts(drum, time)
    sound *= np.minimum(1.0, time / 0.0005) * np.minimum(1.0, (time[-1] - time) / 0.002)
    peak = max(float(np.abs(sound).max()), 1e-9)
    return np.asarray(sound / peak * 10.0 ** (drum.level_db / 20.0), np.float32)


def _noise(drum: Drum, n_samples: int, sample_rate: int, *, seed: int) -> NDArray[np.float64]:
    """Noise of power 1 between two frequencies, soft at the edges."""
    size = 1 << max(n_samples - 1, 1).bit_length()
    hz = np.fft.rfftfreq(size, 1.0 / sample_rate)
    gain = 1.0 / np.sqrt((1.0 + (drum.low_hz / np.maximum(hz, 1.0)) ** 6) * (1.0 + (hz / drum.high_hz) ** 6))
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=size)) * gain
    noise = np.fft.irfft(spectrum, size)[:n_samples]
    return np.asarray(noise / max(float(noise.std()), 1e-9))


def _bursts(drum: Drum, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decay of the noise; a clap starts anew every 11 ms."""
    envelope = np.zeros(len(time))
    for burst in range(drum.bursts):
        late = time - 0.011 * burst
        decay_s = drum.noise_s if burst == drum.bursts - 1 else 0.004
        envelope = np.where(
            late >= 0, np.maximum(envelope * (late < 0), np.exp(-np.maximum(late, 0) / decay_s)), envelope
        )
    return envelope
