"""A guarantee that nothing longer than N notes is copied: which pitches may not come next in a line.

    guard = CopyGuard(index, max_copied=12)
    line = guard.line()                     # one for each track that is being written
    forbidden = line.forbidden()            # pitches that would be the 13th note of a shared run
    line.push(64)                           # the highest note of the onset, once that is complete

A piece whose lines never take a forbidden pitch has no run of more than N notes by `NoveltyIndex.longest_run`: every
such run has a stretch of N + 1 notes that is shared and telling, and the last of them was forbidden. A line's own last
pitch is never forbidden (repeated notes count once), so there always is a way on. In one of 255 cases a pitch is
forbidden without need, where hashes agree by chance; one that would copy is never let through.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.compare.fingerprints import KEY_NOTES, LEAST_PAIRS, PRINT_INTERVALS, fingerprints, telling
from audio_lstm.music.compare.novelty import NoveltyIndex
from audio_lstm.music.score.lines import interval_hash

__all__ = ["MIN_COPIED", "CopyGuard", "GuardedLine"]

MIN_COPIED = KEY_NOTES - 1
"""The strictest guarantee: no run of 8 notes, the shortest that the index sees."""
_NONE: frozenset[int] = frozenset()
_NOWHERE = np.zeros(0, np.int64)
_PITCHES = np.arange(128)
_KNOWN_PRINTS = 3  # of the four bytes of a key, those that the notes written so far decide


@dataclass(frozen=True)
class CopyGuard:
    """Makes guarded lines; one is enough for any number of pieces and threads.

    Raises:
        ConfigError: `max_copied` is below 7.
    """

    index: NoveltyIndex
    max_copied: int  # notes of the longest run that may be shared

    def __post_init__(self) -> None:
        if self.max_copied < MIN_COPIED:
            raise ConfigError(
                f"max_copied must be {MIN_COPIED} notes or more (every tune shares shorter runs), got {self.max_copied}"
            )

    def line(self) -> GuardedLine:
        """A line with no notes yet."""
        return GuardedLine(self.index, self.max_copied)


class GuardedLine:
    """The last notes of one line that is being written, and what they forbid."""

    def __init__(self, index: NoveltyIndex, max_copied: int) -> None:
        """Starts a line; `CopyGuard.line` does so too.

        Args:
            index: Of the training set.
            max_copied: Notes of the longest run that may be shared, 7 or more.
        """
        self._index, self._max_copied = index, max_copied
        # Of the last `max_copied` notes, repeats left out; plain lists, as single notes cost numpy ten times as much.
        self._pitches: list[int] = []
        self._steps: list[int] = []  # the interval that leads to each note but the first
        self._prints: list[int] = []  # the byte of the four intervals that end at each note but the first four
        self._tells: list[bool] = []  # whether the 8 notes that end at each note are telling
        self._forbidden: frozenset[int] | None = _NONE  # None: not known yet

    def copy(self) -> GuardedLine:
        """A line with the same notes that goes its own way, for searches that branch."""
        twin = GuardedLine(self._index, self._max_copied)
        for mine, other in zip(self._notes(), twin._notes(), strict=True):
            other.extend(mine)
        twin._forbidden = self._forbidden
        return twin

    def push(self, pitch: int) -> None:
        """Go on to the next note.

        Args:
            pitch: MIDI note number of the highest note of the onset; one that repeats the last one changes nothing.
        """
        pitches, steps = self._pitches, self._steps
        if pitches:
            if pitches[-1] == pitch:
                return
            steps.append(pitch - pitches[-1])
        pitches.append(pitch)
        if len(pitches) > PRINT_INTERVALS:
            self._prints.append(1 + interval_hash(steps[-PRINT_INTERVALS:]) % 255)
        latest = steps[1 - KEY_NOTES :]
        self._tells.append(len(pitches) >= KEY_NOTES and len(set(pairwise(latest))) >= LEAST_PAIRS)
        if len(pitches) > self._max_copied:
            for notes in self._notes():
                del notes[0]
        self._forbidden = None if len(pitches) == self._max_copied else _NONE

    def forbidden(self) -> frozenset[int]:
        """The pitches that may not be the highest of the next onset; where none of its notes has one, none is.

        Returns:
            MIDI note numbers, never the last one pushed.
        """
        if self._forbidden is None:
            self._forbidden = self._look()
        return self._forbidden

    def _notes(self) -> tuple[list[Any], ...]:
        return self._pitches, self._steps, self._prints, self._tells

    def _look(self) -> frozenset[int]:
        places = self._places()
        if not len(places):
            return _NONE
        goes_on = np.zeros(256, np.bool_)
        goes_on[self._index.prints[places + _KNOWN_PRINTS]] = True
        steps = np.empty((128, KEY_NOTES - 1), np.int64)  # a row for each pitch that could come
        steps[:, :-1] = self._steps[2 - KEY_NOTES :]
        steps[:, -1] = _PITCHES - self._pitches[-1]
        copies = goes_on[fingerprints(steps[:, -PRINT_INTERVALS:])] & (steps[:, -1] != 0)
        # What tells has to lie in the run as a whole: 8 notes that end at its eighth note or later.
        if not any(self._tells[KEY_NOTES - 1 :]):
            copies &= telling(steps)
        return frozenset(np.flatnonzero(copies).tolist())

    def _places(self) -> NDArray[np.int64]:
        """Where in the training set the last `max_copied` notes occur: the third byte from the last of each."""
        keys, places = self._index.table
        prints = self._prints
        known = (prints[-3] << 24) | (prints[-2] << 16) | (prints[-1] << 8)
        low = keys.searchsorted(np.uint32(known), side="left")
        if low == len(keys) or keys[low] > known + 255:
            return _NOWHERE
        high = keys.searchsorted(np.uint32(known + 255), side="right")
        found = places[low:high].astype(np.int64)
        for back in range(1, len(prints) - _KNOWN_PRINTS + 1):
            found = found[self._index.prints[found - back] == prints[-_KNOWN_PRINTS - back]]
            if not len(found):
                break
        return found
