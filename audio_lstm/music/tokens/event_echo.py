"""What the past of a piece of events says about its next one: earlier passages like the last, and the bar before.

Truncated back-propagation cannot teach an LSTM to copy from a thousand events back, so two lookups tell it (compare
echo.py). They depend on the past alone: a likelihood given them stays exact.
"""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.tokens.event_grammar import EventLayout, Kind
from audio_lstm.music.tokens.representation import START

__all__ = ["ECHO_BOUNDS", "ECHO_EVENTS", "EventEcho", "echo_sizes", "event_echo_columns"]

ECHO_EVENTS = 8
"""A passage counts as a repeat once so many events agree: about two notes."""
ECHO_BOUNDS = (8, 16, 32, 64)
"""Classes of echoes: the passages agree in at least so many events."""
_NO_ANCHOR = 1 << 20  # what a pitch is counted from that is the first of its track: no interval is that wide
_INTERVAL = 1 << 24  # symbols of intervals lie around it, above all tokens


def echo_sizes(layout: EventLayout) -> tuple[int, int, int]:
    """How many values each of the columns of `EventEcho` has.

    Args:
        layout: The ids.

    Returns:
        The event that an echo foretells, how sure it is, and the event of the bar before.
    """
    return layout.vocabulary_size, len(ECHO_BOUNDS) + 1, layout.vocabulary_size


@dataclass
class _Bar:
    """The notes of a bar."""

    parts: dict[int, dict[int, list[tuple[int, int]]]] = field(default_factory=dict)
    """By position and track: the PITCH and DURATION tokens of each note, in the order of writing."""

    def part(self, position: int, track: int) -> list[tuple[int, int]]:
        return self.parts.get(position, {}).get(track, [])


class EventEcho:
    """Follows one piece, an event at a time.

    Passages are compared by the intervals between the notes that a track writes one after the other: an echo may be in
    another key. It goes on while it foretells each event; when it fails, the latest place where the last 8 events
    occurred takes over, if there is one. It is silent where a figure comes for the third time in a row, in a new place
    each time.

    Args:
        layout: The ids.
    """

    def __init__(self, layout: EventLayout) -> None:
        self._first = [int(first) for first in layout.first]
        self._symbols: list[int] = []
        self._pitches: list[int] = []  # beside the symbols; -1 where there is none
        self._seen: dict[tuple[int, ...], int] = {}
        self._pointer = -1  # the symbol that foretells the next one
        self._n_agreeing = 0
        self._bar, self._bar_before = _Bar(), _Bar()
        self._kind, self._position, self._track = Kind.START, -1, -1
        self._n_notes = 0  # that the present part has begun
        self._pitch_token = START
        self._melodies: dict[int, int] = {}
        self._velocities: dict[int, int] = {}

    def copy(self) -> EventEcho:
        """The same piece once more, to go on in another way."""
        twin = copy(self)
        twin._symbols, twin._pitches, twin._seen = self._symbols.copy(), self._pitches.copy(), self._seen.copy()
        twin._melodies, twin._velocities = self._melodies.copy(), self._velocities.copy()
        twin._bar = deepcopy(self._bar)
        return twin

    def push(self, token: int, kind: int, value: int) -> None:
        """Append one event.

        Args:
            token: Its id.
            kind: Its kind.
            value: Its number within the kind.
        """
        symbol = token
        if kind == Kind.PITCH:
            symbol = _INTERVAL + value - self._melodies.get(self._track, _NO_ANCHOR)
        agrees = self._pointer >= 0 and self._symbols[self._pointer] == symbol
        self._symbols.append(symbol)
        self._pitches.append(value if kind == Kind.PITCH else -1)
        n = len(self._symbols)
        if n >= ECHO_EVENTS:
            key = tuple(self._symbols[n - ECHO_EVENTS :])
            if agrees:
                self._pointer, self._n_agreeing = self._pointer + 1, self._n_agreeing + 1
            else:
                self._pointer = self._seen.get(key, -1)
                self._n_agreeing = ECHO_EVENTS if self._pointer >= 0 else 0
            self._seen[key] = n
        self._place(token, kind, value)

    def _place(self, token: int, kind: int, value: int) -> None:
        self._kind = Kind(kind)
        if kind in (Kind.PITCH, Kind.DRUM):
            self._melodies[self._track] = value
            self._pitch_token = token
        elif kind == Kind.VELOCITY:
            self._velocities[self._track] = token
        elif kind == Kind.DURATION:
            part = self._bar.parts.setdefault(self._position, {}).setdefault(self._track, [])
            part.append((self._pitch_token, token))
            self._n_notes += 1
        elif kind == Kind.TRACK:
            self._track, self._n_notes = value, 0
        elif kind == Kind.POSITION:
            self._position, self._track, self._n_notes = value, -1, 0
        elif kind == Kind.BAR:
            self._bar_before, self._bar = self._bar, _Bar()
            self._position = self._track = -1

    def columns(self) -> tuple[int, int, int]:
        """What is foretold of the next event.

        Returns:
            The event that followed the earlier passage, moved to the present pitch (START without one); how sure that
            is (0 = no echo, then the classes of ECHO_BOUNDS); the event that stands at this place in the bar before, or
            the last velocity of the track (START where there is none).
        """
        foretold, sureness = START, 0
        if self._pointer >= 0 and not self._climbs_on():
            foretold = self._spelled(self._symbols[self._pointer])
            sureness = sum(self._n_agreeing >= bound for bound in ECHO_BOUNDS)
        return foretold, sureness, self._in_bar_before()

    def _climbs_on(self) -> bool:
        """Whether the last events come for the third time in a row, and have moved each time.

        Real music seldom goes on with such a sequence; a model that writes would never leave it.
        """
        n, pointer = len(self._symbols), self._pointer
        begin = n - ECHO_EVENTS - 2 * (n - pointer)
        if begin < 0 or self._pitches[n - ECHO_EVENTS :] == self._pitches[pointer - ECHO_EVENTS : pointer]:
            return False
        return self._symbols[begin : begin + ECHO_EVENTS] == self._symbols[n - ECHO_EVENTS :]

    def _spelled(self, symbol: int) -> int:
        if symbol < _INTERVAL - 2 * _NO_ANCHOR:
            return symbol
        pitch = symbol - _INTERVAL + self._melodies.get(self._track, _NO_ANCHOR)
        return self._first[Kind.PITCH] + pitch if 0 <= pitch < 128 else START

    def _in_bar_before(self) -> int:
        parts, part = self._bar_before.parts, self._bar_before.part(self._position, self._track)
        if self._kind in (Kind.PITCH, Kind.DRUM):
            return self._velocities.get(self._track, START)
        if self._kind == Kind.VELOCITY:
            return part[self._n_notes][1] if self._n_notes < len(part) else START
        if self._kind in (Kind.TRACK, Kind.DURATION) and self._n_notes < len(part):
            return part[self._n_notes][0]
        if self._kind == Kind.TRACK:
            return START
        tracks = [track for track in parts.get(self._position, ()) if track > self._track]
        if tracks and self._kind in (Kind.POSITION, Kind.KEY, Kind.TEMPO, Kind.DURATION):
            return self._first[Kind.TRACK] + min(tracks)
        positions = [position for position in parts if position > self._position]
        if positions:
            return self._first[Kind.POSITION] + min(positions)
        return self._first[Kind.BAR] if parts else START


def event_echo_columns(layout: EventLayout, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """What `EventEcho` says before each event of a piece.

    Args:
        layout: The ids.
        tokens: (N,) within the vocabulary.

    Returns:
        (N, 3) int64: row t depends on tokens[:t] alone.
    """
    echo = EventEcho(layout)
    rows = []
    kinds, values = layout.kind_of[tokens].tolist(), layout.value_of[tokens].tolist()
    for token, kind, value in zip(tokens.tolist(), kinds, values, strict=True):
        rows.append(echo.columns())
        echo.push(token, kind, value)
    return np.array(rows, dtype=np.int64).reshape(-1, 3)
