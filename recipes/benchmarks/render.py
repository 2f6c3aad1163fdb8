"""How fast scores become sound, and what that sound measures: `python recipes/benchmarks/render.py [--soundfont FILE]`.

Speed: times real time on one core, the built-in synthesiser beside pretty_midi's sines and, where the program and a
sound font are there, FluidSynth; in turn, medians of five after a warm-up, by processor time (children included).

Sound, for one tone of each family at middle C, held for 2 s at velocity 90:

- pitch: centre of the power around the fundamental, in cents from equal temperament
- level: RMS of the first quarter of a second; attack: until a tenth of the median power of the first half second
- 1 s later: how much softer it is a second later; bright: centre of the whole spectrum at the start
- folded: power that lies on no harmonic within 3 %, of a note three octaves higher (aliases and noise)

Pieces: loudness (ITU-R BS.1770), true peak (4 x oversampled), correlation of left and right, seconds until silence.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from audio_lstm.music.files.files import score_to_pretty_midi
from audio_lstm.music.score.score import Score, Tempo, Track, make_notes
from audio_lstm.music.sound.instruments import Instruments
from audio_lstm.music.sound.mastering import loudness_lufs
from audio_lstm.music.sound.render import DEFAULT_SAMPLE_RATE, render

N_ROUNDS = 5
RATE = DEFAULT_SAMPLE_RATE
FAMILIES = {
    "piano": 0,
    "harpsichord": 6,
    "marimba": 12,
    "organ": 19,
    "guitar": 24,
    "bass": 33,
    "violin": 40,
    "strings": 48,
    "choir": 52,
    "singer": 53,
    "trumpet": 56,
    "clarinet": 71,
    "flute": 73,
}


def piano(seconds: int = 60) -> Score:
    """Two hands: a melody of eighths over broken chords in 16ths, with changing touch; about 12 notes a second."""
    rng = np.random.default_rng(0)
    n_quarters = 2 * seconds  # 120 a minute
    low = np.arange(4 * n_quarters)
    chords = np.array([[36, 48, 55, 64], [41, 53, 57, 65], [43, 50, 59, 65], [45, 52, 60, 64]])
    left = chords[low // 16 % 4, low % 4]
    high = np.arange(0, 4 * n_quarters, 2)
    right = 72 + np.array([0, 2, 4, 5, 7, 9, 11, 12])[rng.integers(0, 8, len(high))]
    starts, pitches = np.concatenate([low, high]), np.concatenate([left, right])
    lengths = np.concatenate([np.full(len(low), 4), np.full(len(high), 2)])
    return Score(4, make_notes(starts, lengths, pitches, rng.integers(50, 100, len(starts))), (Track("Piano"),))


def chorale(seconds: int = 60) -> Score:
    """Four voices in quarters and eighths, by a choir."""
    rng = np.random.default_rng(1)
    steps = np.arange(0, 8 * seconds, 4)
    notes = [
        make_notes(steps, 4, base + np.cumsum(rng.integers(-1, 2, len(steps))) % 9, 80, voice)
        for voice, base in enumerate((67, 62, 55, 45))
    ]
    tracks = tuple(Track(name, 52) for name in ("Soprano", "Alto", "Tenor", "Bass"))
    return Score(4, np.concatenate(notes), tracks, (Tempo(0, 500_000),))


def band(seconds: int = 60) -> Score:
    """Drums, bass, guitar, strings and a lead."""
    steps = np.arange(0, 8 * seconds)
    drums = make_notes(steps, 1, np.array([36, 42, 38, 42, 36, 42, 38, 46])[steps % 8], 100, 0)
    bass = make_notes(steps[::2], 2, np.array([33, 40, 36, 38])[steps[::2] // 16 % 4], 90, 1)
    guitar = make_notes(steps[::1], 2, np.array([57, 60, 64, 69])[steps % 4], 70, 2)
    strings = np.concatenate([make_notes(steps[::16], 16, pitch, 60, 3) for pitch in (57, 60, 64)])
    lead = make_notes(steps[::2], 2, 72 + steps[::2] * 5 % 12, 90, 4)
    tracks = (
        Track("Drums", is_drum=True),
        Track("Bass", 33),
        Track("Guitar", 25),
        Track("Strings", 48),
        Track("Lead", 73),
    )
    return Score(4, np.concatenate([drums, bass, guitar, strings, lead]), tracks)


def processor_s() -> float:
    """Processor time of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def speeds(score: Score, soundfont: Path | None) -> dict[str, float]:
    """Times real time of each way to make the score sound."""
    peers: dict[str, Callable[[], object]] = {
        "built-in": partial(render, score, sample_rate=RATE),
        "pretty_midi sines": partial(score_to_pretty_midi(score).synthesize, fs=RATE),
    }
    if soundfont is not None:
        peers["FluidSynth"] = partial(render, score, sample_rate=RATE, soundfont=soundfont)
    times: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(N_ROUNDS + 1):
        for name, play in peers.items():
            start = processor_s()
            play()
            if number:
                times[name].append(processor_s() - start)
    return {name: score.duration_s / max(statistics.median(values), 1e-3) for name, values in times.items()}


def tone_measures(program: int) -> dict[str, float]:
    """What one tone of a family measures."""
    instruments = Instruments(RATE)
    tone = instruments.tone(Track(program=program), 60, 2.0)
    sound = tone.play(90, (0, tone.end(2 * RATE)), 2 * RATE)[0]
    power = np.abs(np.fft.rfft(sound[: 2 * RATE] * np.hanning(len(sound[: 2 * RATE])), 1 << 20)) ** 2
    hz = np.fft.rfftfreq(1 << 20, 1 / RATE)
    near = (hz > 0.95 * tone.hz) & (hz < 1.05 * tone.hz)
    size = RATE // 100
    tens = (sound[: 50 * size] ** 2).reshape(50, size).mean(axis=1)
    start = sound[: RATE // 4]
    later = sound[RATE : RATE + RATE // 4]
    spectrum = np.abs(np.fft.rfft(start)) ** 2
    return {
        "pitch_cents": float(1200 * np.log2((hz[near] * power[near]).sum() / power[near].sum() / tone.hz)),
        "level_db": decibels(start),
        "attack_ms": 10.0 * int(np.flatnonzero(tens > 0.1 * np.median(tens))[0]),
        "second_later_db": decibels(later) - decibels(start),
        "bright_hz": float((np.fft.rfftfreq(len(start), 1 / RATE) * spectrum).sum() / spectrum.sum()),
        "folded_db": folded_db(instruments, program),
    }


def decibels(sound: NDArray[np.float32]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(sound.astype(float) ** 2)) + 1e-9))


def folded_db(instruments: Instruments, program: int) -> float:
    tone = instruments.tone(Track(program=program), 96, 1.0)
    sound = tone.play(100, (RATE // 10, min(RATE, tone.end(RATE))), RATE)[0]
    power = np.abs(np.fft.rfft(sound * np.blackman(len(sound)))) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    order = np.maximum(1, np.round(hz / tone.hz))
    stray = (np.abs(hz / (order * tone.hz) - 1) > 0.03) & (hz > 0.5 * tone.hz)
    return float(10 * np.log10(power[stray].sum() / power.sum() + 1e-12))


def piece_measures(score: Score) -> dict[str, float]:
    sound = render(score, sample_rate=RATE)
    left, right = sound.astype(np.float64).T
    return {
        "lufs": loudness_lufs(sound, RATE),
        "true_peak_db": float(20 * np.log10(np.abs(soxr.resample(sound, RATE, 4 * RATE)).max())),
        "correlation": float(np.mean(left * right) / np.sqrt(np.mean(left**2) * np.mean(right**2))),
        "tail_s": len(sound) / RATE - score.duration_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--soundfont", type=Path, default=None, help=".sf2 or .sf3, for FluidSynth")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    pieces = {"piano": piano(), "chorale": chorale(), "band": band()}
    results = {
        "times_real_time": {name: speeds(piece, options.soundfont) for name, piece in pieces.items()},
        "tones": {name: tone_measures(program) for name, program in FAMILIES.items()},
        "pieces": {name: piece_measures(piece) for name, piece in pieces.items()},
    }
    if options.json:
        print(json.dumps(results))
        return
    for title, rows in results.items():
        names = list(next(iter(rows.values())))
        print(f"\n| {title} | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
        for name, row in rows.items():
            print(f"| {name} | " + " | ".join(f"{row[key]:.1f}" for key in names) + " |")
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
