"""A first or last sonority settled on parts: who plays what, so that all of it can always be played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wishes import Sonority

__all__ = ["Voicing", "settle"]

_NOWHERE = 1 << 20  # higher than any pitch


@dataclass(frozen=True)
class Voicing:
    """Parts count in the order in which they are written. All pitches are MIDI note numbers."""

    tones: tuple[frozenset[int], ...]  # for each part what it may play (empty: it is silent)
    bass_part: int | None  # plays the lowest note, one of `basses`
    basses: frozenset[int]
    melody_part: int | None  # plays one note and no more
    required: frozenset[int]  # the parts that have to play

    def allowed(self, part: int, lowest: int, *, begins: bool = True) -> list[int]:
        """What a part may play, given what is written.

        Args:
            part: Its number.
            lowest: The lowest note that is written of the sonority; 128 or more where there is none.
            begins: Whether the part has not played in it yet.

        Returns:
            Pitches, ascending.
        """
        tones = sorted(self.tones[part])
        if part == self.bass_part and begins:
            return [pitch for pitch in tones if pitch in self.basses and pitch <= lowest]
        if self.bass_part is not None and part > self.bass_part:
            return [pitch for pitch in tones if pitch >= lowest]
        return tones


def settle(
    sonority: Sonority,
    pitches: Sequence[frozenset[int] | None],
    *,
    where: str,
    melody: int,
    needed: frozenset[int] = frozenset(),
    lowest_part: int | None = None,
) -> Voicing:
    """A sonority settled on parts.

    Args:
        sonority: The note or chord.
        pitches: What each part may play anywhere, in the order in which parts are written; None for drums.
        where: "first" or "last", for messages.
        melody: The part that plays the note.
        needed: Parts that may not be silent there, for reasons of their own.
        lowest_part: The one that should play the bass, of several that reach as low; None: the last of them.

    Returns:
        Who plays what.

    Raises:
        ConfigError: The parts cannot play it.
    """
    pitched = [number for number, own in enumerate(pitches) if own is not None]
    tones = [own or frozenset[int]() for own in pitches]
    if sonority.pitch is not None:
        tones[melody] &= {sonority.pitch}
    required = {melody} if sonority.pitch is not None else set[int]()
    bass_part = None
    if sonority.pitch_classes:
        for number in pitched:
            tones[number] = frozenset(pitch for pitch in tones[number] if pitch % 12 in sonority.pitch_classes)
        lows = {n: min((p for p in tones[n] if p % 12 == sonority.bass), default=_NOWHERE) for n in pitched}
        bass_part = min(pitched, key=lambda number: (lows[number], number != lowest_part, -number))
        if lows[bass_part] == _NOWHERE:
            raise ConfigError(f"no part can play the lowest note of the {where} chord, {sonority.name}; widen a range")
        for number in pitched:
            tones[number] = frozenset(pitch for pitch in tones[number] if pitch >= lows[bass_part])
        required.add(bass_part)
    silent = sorted(number for number in required | needed if not tones[number])
    if silent:
        raise ConfigError(
            f"part {silent[0] + 1} has no note for the {where} sonority, {sonority.name}; widen its range, allow rests"
        )
    basses = frozenset[int]()
    if bass_part is not None:
        ceiling = min(max(tones[number]) for number in required | needed)
        basses = frozenset(p for p in tones[bass_part] if p % 12 == sonority.bass and p <= ceiling)
    melody_part = melody if sonority.pitch is not None else None
    return Voicing(tuple(tones), bass_part, basses, melody_part, frozenset(required))
