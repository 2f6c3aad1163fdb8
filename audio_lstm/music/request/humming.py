"""A hummed, sung or whistled melody -> notes on a beat.

    melody = hum_to_melody("hum.wav")        # any recording that audio_lstm.audio.files reads, or (samples, rate)
    melody.score                             # one track, quantised; melody.heard: what was sung, in seconds

The pitch is pYIN's (Mauch and Dixon 2014, in librosa); notes are its likeliest path through semitones, cut where the
voice is silent or swells again; the beat is `beat_finding`'s. Needs the extra `hum`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.files import AudioSource, load_audio
from audio_lstm.errors import AudioError, ConfigError, MissingDependencyError
from audio_lstm.music.score.beat_finding import Pulse, find_pulse, quantise
from audio_lstm.music.score.notation import TICKS_PER_QUARTER
from audio_lstm.music.score.score import Score, Tempo, Track, make_notes

__all__ = ["MAX_HUM_S", "HummedMelody", "HummedNote", "hear_notes", "hum_to_melody"]

MAX_HUM_S = 600.0
"""Ten minutes: pYIN runs at about twenty times real time, and nobody hums longer."""

_SAMPLE_RATE = 16_000
_FRAME_SAMPLES = 1024  # 64 ms: four periods of the lowest note
_HOP_SAMPLES = 160
_HOP_S = _HOP_SAMPLES / _SAMPLE_RATE  # 10 ms
_LOWEST_HZ, _HIGHEST_HZ = 65.4, 1046.5  # C2 to C6: basses to whistlers
_LOWEST, _HIGHEST = 35, 85  # MIDI, one beyond either
_RESOLUTION = 0.2  # semitones; pYIN's own 0.1 takes five times as long and finds no more notes

_PITCH_SPREAD = 0.45  # semitones that a voice strays from its note: vibrato, slides
_FARTHEST = 4.5  # of such spreads, squared and halved: no frame counts more against a note
_VIBRATO_FRAMES = 19  # one period of a vibrato of 5.5 Hz: averaged over it, it is gone
_CHANGE_COST = 7.0  # of one note to the next, so that a slide through semitones is none
_NEAR_SEMITONES = 0.75
_GAP_FRAMES = 4  # of silence end a note
_MIN_NOTE_S = 0.09
_DIP_DB = 7.0  # a note whose level falls by so much and rises again is two
_QUIET_DB = 40.0  # below the loudest: no voice
_MIN_VOICED_S = 0.3  # a recording with less has no melody
_STEADY_FRAMES, _STEADY_SEMITONES = 10, 0.4  # a voice that moves less in so long holds a note
_MIN_STEADY = 0.5  # of the voiced time: of recordings of speech 95 % have less than 0.47, half less than 0.2


@dataclass(frozen=True)
class HummedNote:
    """One note as it was sung."""

    start_s: float
    end_s: float
    pitch: float  # MIDI note number with its fraction, the singer's own tuning left as it is


@dataclass(frozen=True)
class HummedMelody:
    """What was sung, and what it is on paper."""

    score: Score  # one track, 480 ticks a quarter, its tempo at tick 0
    heard: tuple[HummedNote, ...]
    pulse: Pulse  # beats; one is a quarter
    tuning: float  # semitones that the singer lies above concert pitch, -0.5 to 0.5


def hum_to_melody(source: AudioSource, *, tempo_bpm: float | None = None) -> HummedMelody:
    """The melody of a recording of one voice.

    Examples:
        >>> import audio_lstm
        >>> melody = audio_lstm.hum_to_melody("demos/samples/humming.wav")
        >>> path = audio_lstm.harmonise(melody.score, seed=1).save("hummed.mid")

    A recording in which nobody sings is an AudioError, and so is one that `load_audio` refuses; without librosa it is a
    MissingDependencyError.

    Args:
        source: A file, a binary file object, or (samples, sample_rate).
        tempo_bpm: Quarters a minute, where they are known; None finds them.

    Returns:
        The melody. The first note begins within the first beat; pauses before it are gone.

    Raises:
        ConfigError: The tempo is out of range.
    """
    if tempo_bpm is not None and not 20.0 <= tempo_bpm <= 400.0:
        raise ConfigError(f"the tempo of a hummed melody must lie in 20..400 quarters a minute, got {tempo_bpm:g}")
    heard = hear_notes(source)
    onsets = np.array([note.start_s for note in heard])
    pulse = find_pulse(onsets, bpm=tempo_bpm)
    places = quantise(onsets, pulse)
    tuning = _tuning(np.array([note.pitch for note in heard]))
    rows = []
    for number, (note, place) in enumerate(zip(heard, places, strict=True)):
        beats = (note.end_s - note.start_s) / pulse.period_s
        length = max(round(beats * 4), 1) / 4  # in 16ths
        if number + 1 < len(heard):
            room = float(places[number + 1] - place)
            silence_s = heard[number + 1].start_s - note.end_s
            # Breath and consonants shorten notes: only a pause of half a beat is a rest.
            length = room if silence_s < 0.5 * pulse.period_s else min(length, room)
        start, ticks = round(place * TICKS_PER_QUARTER), round(length * TICKS_PER_QUARTER)
        rows.append((start, max(ticks, 1), round(note.pitch - tuning)))
    starts, lengths, pitches = zip(*rows, strict=True)
    score = Score(
        TICKS_PER_QUARTER,
        make_notes(starts, lengths, pitches),
        tracks=(Track("Melody"),),
        tempi=(Tempo.from_bpm(0, tempo_bpm or round(pulse.bpm, 1)),),
    )
    return HummedMelody(score, heard, pulse, tuning)


def hear_notes(source: AudioSource) -> tuple[HummedNote, ...]:
    """The notes of a recording of one voice, in seconds, before any beat.

    Args:
        source: As for `hum_to_melody`.

    Returns:
        At least one note, ascending; none overlap.

    Raises:
        AudioError: There is no voice in it that sings a line.
    """
    samples = load_audio(source, sample_rate=_SAMPLE_RATE, max_seconds=MAX_HUM_S)
    name = str(source) if not isinstance(source, tuple) else "the recording"
    pitch, level_db = _pitch_track(samples)
    voiced = ~np.isnan(pitch)
    length_s = len(samples) / _SAMPLE_RATE
    if voiced.sum() * _HOP_S < _MIN_VOICED_S:
        raise AudioError(
            f"{name}: no voice is heard in its {length_s:.1f} s; hum or sing one line, close to the microphone"
        )
    notes: list[HummedNote] = []
    steady_s = 0.0
    for start, stop in _voiced_runs(voiced):
        line = _without_vibrato(pitch[start:stop])
        moved = np.abs(line[_STEADY_FRAMES:] - line[:-_STEADY_FRAMES])
        steady_s += float((moved < _STEADY_SEMITONES).sum()) * _HOP_S
        for first, last in _segments(pitch[start:stop], line, level_db[start:stop]):
            if (last - first) * _HOP_S >= _MIN_NOTE_S:
                centre = float(np.median(line[first:last]))
                notes.append(HummedNote((start + first) * _HOP_S, (start + last) * _HOP_S, centre))
    if not notes or steady_s < _MIN_STEADY * voiced.sum() * _HOP_S:
        raise AudioError(
            f"{name}: nobody sings in its {length_s:.1f} s: of {voiced.sum() * _HOP_S:.1f} s of voice {steady_s:.1f} s "
            "are steady notes; hum or sing one line, without speech or instruments"
        )
    return tuple(notes)


def _pitch_track(samples: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """MIDI pitch of each frame (NaN where nobody sings) and its level in dB under the loudest, (T,) each."""
    librosa = _librosa()
    padded = np.pad(samples, (0, max(0, 2 * _FRAME_SAMPLES - len(samples))))
    hertz, _, _ = librosa.pyin(
        padded,
        fmin=_LOWEST_HZ,
        fmax=_HIGHEST_HZ,
        sr=_SAMPLE_RATE,
        frame_length=_FRAME_SAMPLES,
        hop_length=_HOP_SAMPLES,
        resolution=_RESOLUTION,
    )
    power = np.convolve(np.square(padded, dtype=np.float64), np.ones(320) / 320, mode="same")[::_HOP_SAMPLES]
    power = np.pad(power, (0, max(0, len(hertz) - len(power))))[: len(hertz)]
    level_db = 10 * np.log10(power / max(float(power.max()), 1e-12) + 1e-12)
    pitch = 69 + 12 * np.log2(hertz / 440.0)
    pitch[(level_db < -_QUIET_DB) | (power < 1e-8)] = np.nan
    return pitch, level_db


def _librosa() -> Any:
    try:
        import librosa
    except ImportError as error:
        raise MissingDependencyError("hearing a melody needs librosa: pip install 'audio-lstm[hum]'") from error
    return librosa


def _voiced_runs(voiced: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of voice; silences shorter than a gap are bridged."""
    places = np.flatnonzero(voiced)
    breaks = np.flatnonzero(np.diff(places) > _GAP_FRAMES)
    firsts = places[np.append(0, breaks + 1)] if len(places) else places
    lasts = places[np.append(breaks, len(places) - 1)] if len(places) else places
    return [(int(first), int(last) + 1) for first, last in zip(firsts, lasts, strict=True)]


def _without_vibrato(pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    """A stretch of voice averaged over a period of vibrato, (T,); frames without a pitch get their neighbours'."""
    known = ~np.isnan(pitch)
    window = np.ones(min(_VIBRATO_FRAMES, len(pitch)))
    weight = np.convolve(known, window, mode="same")
    line = np.convolve(np.where(known, pitch, 0.0), window, mode="same") / np.maximum(weight, 1)
    filled = np.interp(np.arange(len(line)), np.flatnonzero(weight > 0), line[weight > 0])
    return np.asarray(filled, np.float64)


def _segments(
    pitch: NDArray[np.float64], line: NDArray[np.float64], level_db: NDArray[np.float64]
) -> list[tuple[int, int]]:
    """The notes of a stretch of voice: (first frame, frame after the last)."""
    edges = _note_edges(_semitones(line), pitch)
    found = []
    for first, last in itertools.pairwise(edges):
        cuts = _dips(level_db[first:last])
        found += [(first + start, first + stop) for start, stop in itertools.pairwise([0, *cuts, last - first])]
    return found


def _note_edges(path: NDArray[np.int64], pitch: NDArray[np.float64]) -> list[int]:
    """Where notes meet, 0 and T included: what is too short for a note is the slide between its neighbours.

    So is what the voice passes over: where less than half of the frames have a pitch within 0.75 of the note.
    """
    changes = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    tuning = _tuning(pitch[~np.isnan(pitch)])
    near = np.abs(np.nan_to_num(pitch) - tuning - path) < _NEAR_SEMITONES
    spans = [
        (first, last)
        for first, last in itertools.pairwise(changes)
        if (last - first) * _HOP_S >= _MIN_NOTE_S and near[first:last].mean() >= 0.5
    ]
    meetings = [(before[1] + after[0] + 1) // 2 for before, after in itertools.pairwise(spans)]
    return [0, *meetings, len(path)]


def _semitones(pitch: NDArray[np.float64]) -> NDArray[np.int64]:
    """The likeliest path through semitones (Viterbi), (T,): changes cost, and so does straying from the note."""
    tuning = _tuning(pitch)
    states = np.arange(_LOWEST, _HIGHEST + 1)
    away = (pitch[:, None] - tuning - states[None, :]) / _PITCH_SPREAD
    costs = np.minimum(0.5 * np.square(away), _FARTHEST)  # (T, S)
    came_from = np.empty(costs.shape, np.int64)
    total = costs[0]
    stay = np.arange(len(states))
    for frame in range(1, len(costs)):
        best = int(total.argmin())
        changes = total > total[best] + _CHANGE_COST
        came_from[frame] = np.where(changes, best, stay)
        total = np.where(changes, total[best] + _CHANGE_COST, total) + costs[frame]
    path = np.empty(len(costs), np.int64)
    path[-1] = int(total.argmin())
    for frame in range(len(costs) - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path + _LOWEST


def _dips(level_db: NDArray[np.float64]) -> list[int]:
    """Frames at which a note begins again: the level has fallen and rises, as between two sung syllables."""
    cuts: list[int] = []
    peak, valley, valley_at = -np.inf, np.inf, 0
    for frame, level in enumerate(level_db.tolist()):
        if level < valley:
            valley, valley_at = level, frame
        if valley < peak - _DIP_DB and level > valley + _DIP_DB:
            cuts.append(valley_at)
            peak, valley = level, level
        elif level > peak:
            peak = valley = level
    return cuts


def _tuning(pitches: NDArray[np.float64]) -> float:
    """How far some pitches lie from whole semitones on the circle, -0.5 to 0.5."""
    if not len(pitches):
        return 0.0
    return float(np.angle(np.exp(2j * np.pi * pitches).sum()) / (2 * np.pi))
