"""How pitches are written in a key: F sharp or G flat.

Notes are placed on the line of fifths (… B♭ F C G D A E B F♯ …), as Temperley (2001) does: a key takes twelve
neighbours on it, and each pitch class has one place among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from audio_lstm.music.score.score import KeySignature, Score

__all__ = ["SpelledPitch", "alter_in_key", "key_at", "spell"]

_STEPS = "FCGDAEB"  # along the line of fifths, C at 0 and F at -1
_NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
# The twelve places, from that of a major key's tonic: flat third and seventh below the scale, sharp first, fourth and
# fifth above; in minor, with the tonic three places higher, the leading note, the sharp fourth and the flat second.
_FIRST_PLACE = {False: -3, True: -2}


@dataclass(frozen=True)
class SpelledPitch:
    """A written pitch."""

    step: str  # A to G
    alter: int  # -2 double flat to 2 double sharp
    octave: int  # 4 begins at middle C

    @property
    def midi(self) -> int:
        """The MIDI pitch that it sounds."""
        return 12 * (self.octave + 1) + _NATURAL[self.step] + self.alter


def spell(pitch: int, key: KeySignature) -> SpelledPitch:
    """The usual name of a pitch in a key.

    Args:
        pitch: MIDI pitch.
        key: in force.

    Returns:
        The written pitch, which sounds the same.
    """
    first = key.sharps + _FIRST_PLACE[key.is_minor]
    place = first + (7 * pitch - first) % 12  # the place from `first` on whose pitch class this is
    step = _STEPS[(place + 1) % 7]
    alter = (place + 1) // 7
    octave = (pitch - alter - _NATURAL[step]) // 12 - 1
    return SpelledPitch(step, alter, octave)


def alter_in_key(step: str, key: KeySignature) -> int:
    """What a key signature does to a step.

    Args:
        step: A to G.
        key: in force.

    Returns:
        1 for a sharp, -1 for a flat, else 0.
    """
    place = _STEPS.index(step)
    if key.sharps >= 0:
        return int(place < key.sharps)
    return -int(place >= len(_STEPS) + key.sharps)


def key_at(score: Score, tick: int) -> KeySignature:
    """The key in force at a tick; C major before the first one.

    Args:
        score: any score.
        tick: from its start.

    Returns:
        The key signature.
    """
    found = KeySignature(0, 0)
    for key in score.key_signatures:
        if key.tick <= tick:
            found = key
    return found
