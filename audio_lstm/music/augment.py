"""Training-time variations of pieces: transposition, of chorales and of events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.chorale import FIRST_PITCH, ChoraleGrid
from audio_lstm.music.events import EventVocabulary
from audio_lstm.music.windows import Augment

__all__ = ["random_event_transposition", "random_transposition"]


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


def random_event_transposition(vocabulary: EventVocabulary, *, max_semitones: int) -> Augment:
    """An `augment` for BPTTWindows: each piece moved by a random interval that MIDI's range allows.

    Keys move with the notes, drums stay.

    Args:
        vocabulary: Whose tokens.
        max_semitones: The widest interval, up or down; 0 changes nothing.

    Returns:
        A function (tokens, rng) -> tokens.

    Raises:
        ConfigError: If the interval is negative.
    """
    if max_semitones < 0:
        raise ConfigError(f"max_semitones must be >= 0, got {max_semitones}")

    def move(tokens: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        score = vocabulary.decode(tokens)
        drums = np.array([track.is_drum for track in score.tracks], dtype=np.bool_)
        pitches = score.notes["pitch"][~drums[score.notes["track"]]]
        if not len(pitches):
            return tokens
        lowest = max(-max_semitones, -int(pitches.min()))
        highest = min(max_semitones, 127 - int(pitches.max()))
        return vocabulary.encode(score.transpose(int(rng.integers(lowest, highest + 1))))

    return move
