"""Sounds that are not speech, made at random: noise, hum, tones, sweeps, clicks, music by instruments of many kinds.

All at 16 kHz, float32 (n,), with a root mean square of about 0.1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "RATE", "Samples", "music", "noise"]

RATE = 16_000
Samples = NDArray[np.float32]


def noise(n: int, rng: np.random.Generator, *, exponent: float | None = None) -> Samples:
    """Noise whose power falls with the frequency: white (exponent 0), pink (1), brown (2) or anything between."""
    exponent = float(rng.uniform(-0.3, 2.3)) if exponent is None else exponent
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hertz = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20.0)
    return _levelled(np.fft.irfft(spectrum * hertz ** (-exponent / 2), n))


def changing_noise(n: int, rng: np.random.Generator) -> Samples:
    """Noise that swells, or comes in gusts."""
    points = int(rng.integers(2, 12))
    gains_db = np.interp(np.arange(n), np.linspace(0, n, points), rng.uniform(-25, 0, points))
    return _levelled(noise(n, rng) * 10 ** (gains_db / 20))


def tone(n: int, rng: np.random.Generator) -> Samples:
    """One to three steady tones, pure or with overtones, switched on and off now and then."""
    t = np.arange(n) / RATE
    sound = np.zeros(n)
    for _ in range(int(rng.integers(1, 4))):
        hertz = float(np.exp(rng.uniform(np.log(60), np.log(4000))))
        sound += _partials(hertz * t, hertz, int(rng.choice([1, 1, 1, 4, 12])), rng)
    if rng.random() < 0.5:
        period = rng.uniform(0.2, 3.0)
        sound *= (t / period) % 1 < rng.uniform(0.3, 0.9)
    return _levelled(sound)


def hum(n: int, rng: np.random.Generator) -> Samples:
    """Mains hum and its overtones."""
    hertz = float(rng.choice([50.0, 60.0])) * rng.uniform(0.99, 1.01)
    return _levelled(_partials(hertz * np.arange(n) / RATE, hertz, 20, rng))


def sweep(n: int, rng: np.random.Generator) -> Samples:
    """A tone, or a siren, that glides."""
    low, high = np.sort(np.exp(rng.uniform(np.log(60), np.log(6000), 2)))
    t = np.arange(n) / RATE
    turns = rng.choice([0.5, rng.uniform(0.5, 20)])
    place = 0.5 - 0.5 * np.cos(2 * np.pi * turns * t / t[-1])
    hertz = low * (high / low) ** place
    return _levelled(_partials(np.cumsum(hertz) / RATE, float(high), int(rng.choice([1, 1, 3])), rng))


def clicks(n: int, rng: np.random.Generator) -> Samples:
    """Clicks, knocks and typing."""
    sound = np.zeros(n)
    for start in rng.integers(0, n, int(rng.integers(3, 60))):
        length = int(rng.uniform(0.002, 0.08) * RATE)
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / rng.uniform(2, 8)))
        stop = min(n, start + length)
        sound[start:stop] += burst[: stop - start] * rng.uniform(0.1, 1)
    return _levelled(sound)


def music(n: int, rng: np.random.Generator) -> Samples:
    """Melodies and chords in a key, by instruments that ring, swell or hold, plain or with vibrato.

    The voices go their own ways, or move together as in a chorale.
    """
    sound = np.zeros(n)
    key, beat_s = int(rng.integers(12)), rng.uniform(0.25, 1.0)
    scale = np.array([0, 2, 4, 5, 7, 9, 11]) + key
    together = _rhythm(n, beat_s, rng) if rng.random() < 0.5 else None
    instrument = _instrument(rng)
    for _ in range(int(rng.choice([1, 1, 2, 3, 4, 4, 5]))):
        if rng.random() < 0.5:
            instrument = _instrument(rng)
        step = int(rng.integers(7, 40))
        for at_s, length_s in together or _rhythm(n, beat_s, rng):
            if rng.random() < 0.92:
                pitch = 24 + 12 * (step // 7) + int(scale[step % 7])
                note = instrument(440 * 2 ** ((pitch - 69) / 12), length_s)
                start = int(at_s * RATE)
                stop = min(n, start + len(note))
                sound[start:stop] += note[: stop - start]
            step = int(np.clip(step + rng.choice([-4, -2, -1, -1, 0, 1, 1, 2, 4]), 5, 42))
    return _levelled(sound)


def _rhythm(n: int, beat_s: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """When notes begin and how long they are, in seconds."""
    notes, at_s = [], rng.uniform(0, 0.5)
    while at_s * RATE < n:
        length_s = beat_s * float(rng.choice([0.25, 0.5, 0.5, 1, 1, 1, 2, 4]))
        notes.append((at_s, length_s))
        at_s += length_s
    return notes


def _instrument(rng: np.random.Generator) -> Callable[[float, float], NDArray[np.float64]]:
    """A way to play a note of some pitch (Hz) and length (s), the same for all notes of a voice."""
    slope, n_partials = rng.uniform(0.4, 2.5), int(rng.choice([1, 1, 2, 5, 10, 16]))
    attack_s, release_s = rng.uniform(0.002, 0.15), rng.uniform(0.02, 0.3)
    decay = float(rng.choice([0.0, rng.uniform(0.5, 8)]))
    vibrato_hz, depth = rng.uniform(3, 8), float(rng.choice([0.0, 0.0, rng.uniform(0.001, 0.015)]))
    odd_only = rng.random() < 0.2
    gains = np.arange(1, n_partials + 1.0) ** -slope * rng.uniform(0.3, 1, n_partials)
    if odd_only:
        gains[1::2] *= 0.05

    def play(hertz: float, length_s: float) -> NDArray[np.float64]:
        t = np.arange(int((length_s + release_s) * RATE)) / RATE
        phase = hertz * (t + depth * np.sin(2 * np.pi * vibrato_hz * t) / (2 * np.pi * vibrato_hz))
        sound = np.zeros(len(t))
        for number, gain in enumerate(gains, 1):
            if hertz * number < 0.45 * RATE:
                sound += gain * np.exp(-decay * (0.7 + 0.3 * number) * t) * np.sin(2 * np.pi * number * phase)
        fade = np.clip((length_s + release_s - t) / release_s, 0, 1)
        shaped: NDArray[np.float64] = sound * np.minimum(1, t / attack_s) * fade
        return shaped

    return play


def _partials(cycles: NDArray[np.float64], hertz: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A tone with up to n partials, given how many cycles it has run at each sample."""
    sound = np.zeros(len(cycles))
    for number in range(1, n + 1):
        if hertz * number < 0.45 * RATE:
            sound += rng.uniform(0.1, 1) / number * np.sin(2 * np.pi * (number * cycles + rng.random()))
    return sound


def _levelled(sound: NDArray[np.float64]) -> Samples:
    levelled: Samples = (0.1 * sound / (np.sqrt(np.mean(np.square(sound))) + 1e-9)).astype(np.float32)
    return levelled


KINDS: dict[str, tuple[Callable[[int, np.random.Generator], Samples], float]] = {
    "music": (music, 0.43),  # and how often, of the sounds that are not speech
    "noise": (noise, 0.1),
    "changing noise": (changing_noise, 0.09),
    "tone": (tone, 0.13),
    "hum": (hum, 0.04),
    "sweep": (sweep, 0.13),
    "clicks": (clicks, 0.08),
}
