"""Writes samples/humming.wav: a synthetic voice that hums a tune, so that no recording of a person is needed.

A fundamental with falling harmonics through one broad formant, a vibrato that sets in late, slides between notes, a
breath of noise; 90 quarters a minute.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audio_lstm.audio.files import write_wav

SAMPLE_RATE = 16_000
QUARTER_S = 60 / 90
# MIDI pitches and quarters: the first line of a tune in G major.
TUNE = ((67, 1), (67, 1), (74, 1), (74, 1), (76, 1), (76, 1), (74, 2))
HARMONICS = (1.0, 0.5, 0.22, 0.12, 0.05)
VIBRATO_HZ, VIBRATO_SEMITONES = 5.3, 0.25
SLIDE_S, GAP_S, NOISE = 0.05, 0.06, 0.004


def hum() -> np.ndarray:
    lengths = [round(quarters * QUARTER_S * SAMPLE_RATE) for _, quarters in TUNE]
    pitch = np.concatenate([np.full(n, float(note)) for (note, _), n in zip(TUNE, lengths, strict=True)])
    slide = round(SLIDE_S * SAMPLE_RATE)
    pitch = np.convolve(np.pad(pitch, (slide // 2, slide - slide // 2 - 1), "edge"), np.full(slide, 1 / slide), "valid")
    age = np.concatenate([np.arange(n) / SAMPLE_RATE for n in lengths])  # seconds since the note began
    clock = np.arange(len(pitch)) / SAMPLE_RATE
    depth = VIBRATO_SEMITONES * np.clip((age - 0.25) / 0.3, 0, 1)
    hertz = 440 * 2 ** ((pitch + depth * np.sin(2 * np.pi * VIBRATO_HZ * clock) - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    voice = sum(level * np.sin(number * phase) for number, level in enumerate(HARMONICS, 1))
    left = np.concatenate([(n - np.arange(n)) / SAMPLE_RATE for n in lengths])  # seconds until it ends
    envelope = np.clip(age / 0.06, 0, 1) * np.clip((left - GAP_S) / 0.08, 0, 1)
    noise = NOISE * np.random.default_rng(0).normal(size=len(voice))
    return (0.25 * voice * envelope + noise).astype(np.float32)


if __name__ == "__main__":
    write_wav(Path(__file__).parent / "samples" / "humming.wav", hum(), SAMPLE_RATE)
