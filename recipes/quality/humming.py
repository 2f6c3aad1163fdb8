"""How well hummed melodies are heard: notes made up on the spot, sung by a made-up voice, and found again.

    python recipes/quality/humming.py --n 40

The voice is a sum of harmonics with formants, and has what makes voices hard: vibrato, slides from note to note, a
tuning of its own, breath, consonants between some notes and none between others, uneven timing, a room. A note counts
as found where its onset is within 50 ms and its pitch within 50 cents (the measure of MIREX and mir_eval, without
offsets); a quantised note where its place and its pitch are right.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import AudioError
from audio_lstm.music.request.humming import HummedMelody, HummedNote, hum_to_melody

SAMPLE_RATE = 22_050


@dataclass(frozen=True)
class Singer:
    """How somebody sings."""

    name: str
    vibrato_cents: float = 30.0
    slide_s: float = 0.04
    tuning: float = 0.0  # semitones above concert pitch
    breath_db: float = -35.0  # of noise under the voice
    noise_db: float = -55.0  # of the room
    onset_error_s: float = 0.0
    consonants: float = 1.0  # of the notes that begin with one
    drift: float = 0.0  # share of the tempo by which it slows down in all


SINGERS = (
    Singer("plain hum", vibrato_cents=0.0, slide_s=0.02),
    Singer("sung da-da", vibrato_cents=40.0, slide_s=0.03, tuning=0.2, onset_error_s=0.015),
    Singer("legato, slides", vibrato_cents=30.0, slide_s=0.08, tuning=-0.3, consonants=0.3, onset_error_s=0.02),
    Singer("wide vibrato", vibrato_cents=80.0, slide_s=0.05, tuning=0.4, onset_error_s=0.02),
    Singer("breathy, noisy room", breath_db=-15.0, noise_db=-32.0, onset_error_s=0.02, tuning=-0.15),
    Singer("slows down", onset_error_s=0.02, drift=0.12),
)


@dataclass(frozen=True)
class Tune:
    """A melody on a beat."""

    bpm: float
    notes: tuple[tuple[Fraction, Fraction, int], ...]  # (start, length) in beats, MIDI pitch


def make_tune(rng: np.random.Generator, n_notes: int = 24) -> Tune:
    """A melody with steps, some leaps and repeated notes, in quarters, halves and eighths."""
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    base = int(rng.choice([45, 50, 55, 60, 65]))
    degree, now = 4, Fraction(0)
    notes: list[tuple[Fraction, Fraction, int]] = []
    figures: tuple[tuple[Fraction, ...], ...] = (
        (Fraction(1),),
        (Fraction(1),),
        (Fraction(2),),
        (Fraction(1, 2), Fraction(1, 2)),
        (Fraction(3, 2), Fraction(1, 2)),
    )
    while len(notes) < n_notes:
        for length in figures[int(rng.integers(5))]:
            notes.append((now, length, base + int(scale[degree])))
            degree = int(np.clip(degree + rng.choice([-2, -1, -1, 0, 1, 1, 2, 4, -3]), 0, len(scale) - 1))
            now += length
        if rng.random() < 0.1:
            now += 1
    return Tune(float(rng.uniform(60, 132)), tuple(notes))


def sing(tune: Tune, singer: Singer, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[HummedNote]]:
    """A recording of the tune, and when each note really sounds.

    Args:
        tune: What is sung.
        singer: How.
        rng: Where chance comes from.

    Returns:
        Samples (n,) at SAMPLE_RATE, and the notes.
    """
    beat_s = 60 / tune.bpm
    total = float(tune.notes[-1][0] + tune.notes[-1][1])

    def when(beats: Fraction) -> float:
        return 0.5 + beat_s * (float(beats) + singer.drift * float(beats) ** 2 / (2 * total))

    starts = [when(start) + rng.normal(0, singer.onset_error_s) for start, _, _ in tune.notes]
    ends = [when(start + length) for start, length, _ in tune.notes]
    n_samples = int((ends[-1] + 0.7) * SAMPLE_RATE)
    clock = np.arange(n_samples) / SAMPLE_RATE
    pitch, gain = np.zeros(n_samples), np.zeros(n_samples)
    truth = []
    for number, (_, _, note) in enumerate(tune.notes):
        start, end = starts[number], ends[number]
        if number + 1 < len(starts):
            end = min(end, starts[number + 1])
        touches = number > 0 and start - ends[number - 1] < 0.06
        repeated = touches and tune.notes[number - 1][2] == note
        consonant = rng.random() < singer.consonants or repeated
        begin = start + (0.05 if touches and consonant else 0.0)  # a stop before the vowel
        place = slice(int(begin * SAMPLE_RATE), int(end * SAMPLE_RATE))
        here = clock[place]
        pitch[int((start - 0.001) * SAMPLE_RATE) : place.stop] = note + singer.tuning + rng.normal(0, 0.08)
        attack, release = 0.02, 0.04
        gain[place] = np.minimum(1, np.minimum((here - begin) / attack, (end - here) / release))
        truth.append(HummedNote(begin, end, note + singer.tuning))
    pitch[pitch == 0] = pitch[pitch > 0][0]
    width = max(int(singer.slide_s * SAMPLE_RATE), 1)
    pitch = np.convolve(
        np.pad(pitch, width, mode="edge"), np.hanning(width + 2)[1:-1] / np.hanning(width + 2).sum(), "same"
    )
    pitch = pitch[width : width + n_samples]
    vibrato = singer.vibrato_cents / 100 * np.sin(2 * np.pi * 5.5 * clock + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch + vibrato - 69) / 12)) / SAMPLE_RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    voice = np.zeros(n_samples)
    for harmonic in range(1, 16):
        formants = sum(np.exp(-(((harmonic * frequency - centre) / 250) ** 2)) for centre in (500, 1100, 2500))
        voice += (0.2 / harmonic + formants / harmonic**0.5) * np.sin(harmonic * phase)
    voice *= np.clip(gain, 0, 1)
    voice /= np.abs(voice).max()
    noise = rng.normal(0, 1, n_samples)
    breath = 10 ** (singer.breath_db / 20) * noise * np.clip(gain, 0, 1)
    room = 10 ** (singer.noise_db / 20) * rng.normal(0, 1, n_samples)
    return (0.5 * (voice + breath + room) / 1.2).astype(np.float32), truth


def f1(truth: Sequence[HummedNote], heard: Sequence[HummedNote]) -> tuple[int, int, int]:
    """Notes found (onset within 50 ms, pitch within 50 cents), of how many, of how many heard."""
    left = list(heard)
    found = 0
    for note in truth:
        matches = [
            other
            for other in left
            if abs(other.start_s - note.start_s) <= 0.05 and abs(other.pitch - note.pitch) <= 0.5
        ]
        if matches:
            left.remove(min(matches, key=lambda other: abs(other.start_s - note.start_s)))
            found += 1
    return found, len(truth), len(heard)


def on_the_beat(tune: Tune, melody: HummedMelody, tuning: float) -> float:
    """The share of the notes whose place and pitch on paper are right, at the best of double, same and half tempo."""
    want = {(start - tune.notes[0][0], pitch) for start, _, pitch in tune.notes}
    notes = melody.score.notes
    best = 0.0
    for factor in (Fraction(1, 2), Fraction(1), Fraction(2)):
        shift = round(tuning)  # a voice half a semitone off may be written either way
        got = {
            (factor * Fraction(int(note["start_ticks"] - notes["start_ticks"][0]), 480), int(note["pitch"]) - shift)
            for note in notes
        }
        best = max(best, len(want & got) / len(want))
    return best


def main(arguments: Sequence[str] | None = None) -> int:
    """Sing, hear, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20, help="tunes a singer")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print("| singer | F1 of notes | on the beat | tempo within 4 % | x real time |")
    print("|---|---|---|---|---|")
    for singer in SINGERS:
        counts, places, tempi = np.zeros(3), [], []
        sound_s = work_s = 0.0
        for number in range(options.n):
            rng = np.random.default_rng([options.seed, number, SINGERS.index(singer)])
            tune = make_tune(rng)
            samples, truth = sing(tune, singer, rng)
            start = time.process_time()
            try:
                melody = hum_to_melody((samples, SAMPLE_RATE))
            except AudioError as error:
                print(error)
                counts += (0, len(truth), 0)
                continue
            work_s += time.process_time() - start
            sound_s += len(samples) / SAMPLE_RATE
            counts += f1(truth, melody.heard)
            places.append(on_the_beat(tune, melody, singer.tuning))
            bpm = tune.bpm / (1 + singer.drift / 2)
            tempi.append(min(abs(np.log(melody.pulse.bpm / bpm * factor)) for factor in (0.5, 1, 2)) < 0.04)
        print(
            f"| {singer.name} | {2 * counts[0] / (counts[1] + counts[2]):.3f} | {np.mean(places):.3f} "
            f"| {np.mean(tempi):.2f} | {sound_s / work_s:.0f} |"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
