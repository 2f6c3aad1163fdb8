"""Where one piece of events stands in time, told token by token: for filters that know nothing but the tokens."""

from __future__ import annotations

from audio_lstm.music.tokens.event_grammar import DRUM_PROGRAM, Kind
from audio_lstm.music.tokens.events import EventVocabulary

__all__ = ["EventClock"]


class EventClock:
    """The bar, the position and the sounding notes of a piece.

    Args:
        vocabulary: Of the piece.
    """

    def __init__(self, vocabulary: EventVocabulary) -> None:
        layout = vocabulary.layout
        self._kind_of: list[int] = layout.kind_of.tolist()
        self._value_of: list[int] = layout.value_of.tolist()
        self._bar_steps: list[int] = layout.bar_steps.tolist()
        self._durations = vocabulary.durations
        self.kind = Kind.START  # of the last token
        self.n_tokens = 0
        self.bar = -1
        self.bar_start = 0  # grid steps
        self.bar_steps = 0
        self.position = -1  # in the bar; -1 before the first
        self.track = -1
        self.pitch = -1
        self.programs: list[int] = []
        self.sounding: list[tuple[int, int, int]] = []  # (end, track, pitch) of notes that began and may still sound
        self.has_played: set[int] = set()  # tracks with a note at this position

    @property
    def now(self) -> int:
        """The position being written, in grid steps from the beginning."""
        return self.bar_start + max(self.position, 0)

    @property
    def bar_end(self) -> int:
        """Where the next bar begins."""
        return self.bar_start + self.bar_steps

    def held(self) -> list[tuple[int, int]]:
        """Track and pitch of the notes that sound now: those that began before, and those struck at this position."""
        return [(track, pitch) for end, track, pitch in self.sounding if end > self.now]

    def is_drum(self, track: int) -> bool:
        """Whether a track is a drum kit.

        Args:
            track: Its number.

        Returns:
            True for drums.
        """
        return self.programs[track] == DRUM_PROGRAM

    def push(self, token: int) -> None:
        """Note the next token.

        Args:
            token: Any that the grammar allows.
        """
        kind, value = Kind(self._kind_of[token]), self._value_of[token]
        self.n_tokens += 1
        if kind in (Kind.PITCH, Kind.DRUM):
            self.pitch = value
            self.has_played.add(self.track)
        elif kind == Kind.DURATION:
            if not self.is_drum(self.track):
                self.sounding.append((self.now + self._durations[value], self.track, self.pitch))
        elif kind == Kind.TRACK:
            self.track, self.pitch = value, -1
        elif kind == Kind.POSITION:
            self._move(value)
        elif kind == Kind.BAR:
            if self.bar >= 0:
                self.bar_start += self.bar_steps
            self.bar += 1
            self._move(-1)
        elif kind == Kind.TIME_SIGNATURE:
            self.bar_steps = self._bar_steps[value]
        elif kind == Kind.PROGRAM:
            self.programs.append(value)
        self.kind = kind

    def _move(self, position: int) -> None:
        self.position, self.track, self.pitch = position, -1, -1
        self.has_played = set()
        now = self.now
        self.sounding = [note for note in self.sounding if note[0] > now]
