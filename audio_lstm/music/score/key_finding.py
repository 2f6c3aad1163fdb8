"""Which key notes are in: the profile method of Krumhansl and Schmuckler (Krumhansl 1990), with today's profiles.

The durations of the twelve pitch classes are correlated with the profile of each key; the profiles are those of
Albrecht and Shanahan (2013, "The use of large corpora to train a new type of key-finding algorithm", Music Perception
31), which were the best of five on the training chorales of jsb16. We add that music tends to begin and to end over its
tonic. How often that is right: `recipes/quality/finding.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.score import KeySignature, Score

__all__ = ["find_key", "key_name", "key_tonic"]

_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)

# What a lowest note on the tonic is worth in correlation, tuned on the training chorales: first note under a chord,
# last note under a chord, last note of a line alone. (A line alone begins on the dominant too often.)
_FIRST, _LAST, _LAST_OF_LINE = 0.2, 0.2, 0.1

_MAJOR_TONICS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")  # -7 to 7 sharps
_MINOR_TONICS = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")


def find_key(score: Score, *, sharps: int | None = None) -> KeySignature:
    """The likeliest key.

    Args:
        score: Drums do not count. C major where there is nothing else.
        sharps: What is known already: only the two keys with so many sharps are compared.

    Returns:
        The key at tick 0; of enharmonic keys the one with fewer signs.
    """
    is_drum = np.array([track.is_drum for track in score.tracks], dtype=np.bool_)
    notes = score.notes[~is_drum[score.notes["track"]]] if score.n_notes else score.notes
    durations = np.bincount(notes["pitch"] % 12, weights=notes["duration_ticks"], minlength=12).astype(np.float64)
    fitness = np.concatenate([_correlations(durations, _MAJOR), _correlations(durations, _MINOR)])  # (24,)
    if len(notes):
        first = notes[notes["start_ticks"] == notes["start_ticks"].min()]
        ends = notes["start_ticks"] + notes["duration_ticks"]
        last = notes[ends == ends.max()]
        is_line = len(first) == 1 and len(last) == 1
        for together, worth in ((first, 0.0 if is_line else _FIRST), (last, _LAST_OF_LINE if is_line else _LAST)):
            tonic = int(together["pitch"].min() % 12)
            fitness[[tonic, tonic + 12]] += worth
    keys = [_signature(number % 12, is_minor=number >= 12) for number in range(24)]
    allowed = [number for number, key in enumerate(keys) if sharps is None or (key.sharps - sharps) % 12 == 0]
    best = keys[max(allowed, key=lambda number: float(fitness[number]))]
    return best if sharps is None else KeySignature(0, sharps, best.is_minor)


def key_tonic(key: KeySignature) -> int:
    """The pitch class of a key's tonic.

    Args:
        key: Any.

    Returns:
        0 (C) to 11 (B).
    """
    return (7 * key.sharps + (9 if key.is_minor else 0)) % 12


def key_name(key: KeySignature) -> str:
    """How people call a key.

    Args:
        key: Any.

    Returns:
        Such as "D minor" or "Bb major".
    """
    names = _MINOR_TONICS if key.is_minor else _MAJOR_TONICS
    return f"{names[key.sharps + 7]} {'minor' if key.is_minor else 'major'}"


def _correlations(durations: NDArray[np.float64], profile: tuple[float, ...]) -> NDArray[np.float64]:
    """Of the pitch classes with the profile on each tonic, (12,); all 0 where every class sounds alike."""
    centred = durations - durations.mean()
    spread = float(np.sqrt((centred**2).sum()))
    if spread == 0:
        return np.zeros(12)
    shape = np.array(profile) - np.mean(profile)
    shape /= np.sqrt((shape**2).sum())
    return np.array([float(centred @ np.roll(shape, tonic)) / spread for tonic in range(12)])


def _signature(tonic: int, *, is_minor: bool) -> KeySignature:
    sharps = 7 * (tonic + (3 if is_minor else 0)) % 12
    return KeySignature(0, sharps if sharps <= 6 else sharps - 12, is_minor)
