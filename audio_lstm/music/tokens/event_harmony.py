"""What sounds around the pitch that comes next, in intervals: the same in every key.

A sum of embeddings cannot tell how far two pitches lie apart, and an LSTM needs much data to learn it. So the columns
say it: which pitch classes have been heard lately, and where the other tracks are, from the own track's last pitch.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.tokens.event_grammar import DRUM_PROGRAM, EventLayout, Kind

__all__ = ["HARMONY_SIZES", "EventHarmony", "event_harmony_columns"]

_WIDEST = 48  # semitones that are told apart
_RECENT = 4  # notes of each track whose pitch classes count as sounding: an arpeggio's chord
HARMONY_SIZES = (64, 64, *[2 * _WIDEST + 2] * 4)
"""How many values each column of `EventHarmony` has."""
_NOTHING = (0,) * len(HARMONY_SIZES)


class EventHarmony:
    """Follows one piece, an event at a time."""

    def __init__(self) -> None:
        self._programs: list[int] = []
        self._track = -1
        self._pitch_may_follow = False
        self._fresh_part = False
        self._recent: dict[int, deque[int]] = {}  # by track: the last pitches
        self._lowest: dict[int, int] = {}  # by track: the lowest pitch of its latest chord
        self._latest = (-1, -1)  # track and pitch of the note that was written last
        self._latest_other = -1  # the same of another track than the present one

    def push(self, kind: int, value: int) -> None:
        """Append one event.

        Args:
            kind: Its kind.
            value: Its number within the kind.
        """
        self._pitch_may_follow = kind in (Kind.TRACK, Kind.DURATION)
        if kind == Kind.PITCH:
            recent = self._recent.setdefault(self._track, deque(maxlen=_RECENT))
            recent.append(value)
            if self._fresh_part:
                self._lowest[self._track] = value
                self._fresh_part = False
            self._latest = (self._track, value)
        elif kind == Kind.TRACK:
            track, pitch = self._latest
            if track != value:
                self._latest_other = pitch
            self._track, self._fresh_part = value, True
            self._pitch_may_follow = self._programs[value] != DRUM_PROGRAM
        elif kind == Kind.POSITION or kind == Kind.BAR:
            self._track = -1
        elif kind == Kind.PROGRAM:
            self._programs.append(value)

    def columns(self) -> tuple[int, ...]:
        """What sounds around the own track's last pitch, where a pitch may follow; else zeros.

        Returns:
            The pitch classes of the last notes of all tracks, from the own pitch upward (six bits, and six); then how
            far above the own pitch lie the lowest note of all latest chords, the highest last note of the other tracks,
            the note that another track wrote last, and the own pitch above the one before it (0 = there is none).
        """
        own = self._recent.get(self._track)
        if not self._pitch_may_follow or own is None:
            return _NOTHING
        pitch, classes = own[-1], 0
        for recent in self._recent.values():
            for other in recent:
                classes |= 1 << (other - pitch) % 12
        tops = [recent[-1] for track, recent in self._recent.items() if track != self._track]
        return (
            classes & 63,
            classes >> 6,
            _interval(min(self._lowest.values()) - pitch),
            _interval(max(tops) - pitch) if tops else 0,
            _interval(self._latest_other - pitch) if self._latest_other >= 0 else 0,
            _interval(pitch - own[-2]) if len(own) > 1 else 0,
        )


def _interval(semitones: int) -> int:
    return max(-_WIDEST, min(_WIDEST, semitones)) + _WIDEST + 1


def event_harmony_columns(layout: EventLayout, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """What `EventHarmony` says before each event of a piece.

    Args:
        layout: The ids.
        tokens: (N,) as the grammar demands.

    Returns:
        (N, 6) int64: row t depends on tokens[:t] alone.
    """
    harmony = EventHarmony()
    rows = []
    for kind, value in zip(layout.kind_of[tokens].tolist(), layout.value_of[tokens].tolist(), strict=True):
        rows.append(harmony.columns())
        harmony.push(kind, value)
    return np.array(rows, dtype=np.int64).reshape(-1, len(HARMONY_SIZES))
