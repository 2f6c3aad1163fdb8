"""Training-time variations of pieces: other keys, and for events other tempi."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.score import Tempo
from audio_lstm.music.tokens.chorale import FIRST_PITCH, ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.windows import Augment

__all__ = ["random_event_variation", "random_transposition"]


def random_transposition(representation: ChoraleGrid, *, max_semitones: int) -> Augment:
    """An `augment` for BPTTWindows: each piece moved by a random interval that fits, all equally likely.

    Args:
        representation: whose tokens.
        max_semitones: the widest interval, up or down.

    Returns:
        A function (tokens, rng) -> tokens; a piece that only fits where it is comes back as it was.

    Raises:
        ConfigError: a negative interval.
    """
    if max_semitones < 0:
        raise ConfigError(f"max_semitones must be >= 0, got {max_semitones}")

    def move(tokens: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        pitches = tokens[tokens >= FIRST_PITCH]
        if pitches.size == 0:
            return tokens
        lowest = max(-max_semitones, FIRST_PITCH - int(pitches.min()))
        highest = min(max_semitones, representation.vocabulary_size - 1 - int(pitches.max()))
        return np.where(tokens >= FIRST_PITCH, tokens + int(rng.integers(lowest, highest + 1)), tokens)

    return move


def random_event_variation(vocabulary: EventVocabulary, *, max_semitones: int, max_tempo_change: float) -> Augment:
    """An `augment` for BPTTWindows: each piece moved by a random interval that MIDI's range allows, and played faster.

    Keys move with the notes, drums stay; all tempi of a piece change by the same factor, as likely up as down.

    Args:
        vocabulary: Whose tokens.
        max_semitones: The widest interval, up or down; 0 changes no pitch.
        max_tempo_change: The largest factor less 1 (0.1: up to a tenth faster or slower); 0 changes no tempo.

    Returns:
        A function (tokens, rng) -> tokens.

    Raises:
        ConfigError: If the interval or the change is negative.
    """
    if max_semitones < 0:
        raise ConfigError(f"max_semitones must be >= 0, got {max_semitones}")
    if not 0 <= max_tempo_change < math.inf:
        raise ConfigError(f"max_tempo_change must be >= 0, got {max_tempo_change}")
    fastest, slowest = vocabulary.tempi[0], vocabulary.tempi[-1]

    def vary(tokens: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        score = vocabulary.decode(tokens)
        drums = np.array([track.is_drum for track in score.tracks], dtype=np.bool_)
        pitches = score.notes["pitch"][~drums[score.notes["track"]]]
        if len(pitches):
            lowest = max(-max_semitones, -int(pitches.min()))
            highest = min(max_semitones, 127 - int(pitches.max()))
            score = score.transpose(int(rng.integers(lowest, highest + 1)))
        if max_tempo_change:
            factor = (1 + max_tempo_change) ** rng.uniform(-1.0, 1.0)
            lengths = [float(np.clip(t.microseconds_per_quarter * factor, fastest, slowest)) for t in score.tempi]
            tempi = (Tempo(old.tick, round(new)) for old, new in zip(score.tempi, lengths, strict=True))
            score = replace(score, tempi=tuple(tempi))
        return vocabulary.encode(score)

    return vary
