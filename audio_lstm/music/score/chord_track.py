"""Chords on a grid of time: what may sound at each step, and where each chord begins."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from fractions import Fraction

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.chords import Chord, ChordSpan

_LOWEST = 28  # E1, the lowest string of a double bass

__all__ = ["BASS_SPAN", "ChordTrack", "beats_of"]

BASS_SPAN = 24
"""A bass lies less than so many semitones above the lowest one that there is."""


class ChordTrack:
    """The chords of a piece, in steps; after the last one they begin again.

    Args:
        spans: What `parse_chords` gave.
        steps_per_quarter: The grid.
        beat_steps: From beat to beat; on beats nothing sounds but tones of the chord.

    Raises:
        ConfigError: A chord does not begin on the grid.
    """

    def __init__(self, spans: tuple[ChordSpan, ...], *, steps_per_quarter: int, beat_steps: int) -> None:
        self.beat_steps = beat_steps
        starts = [span.start_quarters * steps_per_quarter for span in spans]
        total = spans[-1].end_quarters * steps_per_quarter
        for span, start in zip(spans, [*starts[1:], total], strict=True):
            if start.denominator != 1:
                raise ConfigError(
                    f"chord {span.chord.symbol!r} lasts {span.length_quarters} quarters, which is off the grid of "
                    f"{steps_per_quarter} steps a quarter; choose a length on it"
                )
        self._starts = [int(start) for start in starts]
        self._chords = [span.chord for span in spans]
        self.n_steps = int(total)

    def at(self, step: int) -> Chord:
        """The chord that sounds at a step.

        Args:
            step: From 0 on.

        Returns:
            The chord.
        """
        return self._chords[bisect_right(self._starts, step % self.n_steps) - 1]

    def begins(self, step: int) -> bool:
        """Whether a chord begins at a step.

        Args:
            step: From 0 on.

        Returns:
            True at its first step, but not for "no chord".
        """
        within = step % self.n_steps
        place = bisect_right(self._starts, within) - 1
        return self._starts[place] == within and bool(self._chords[place].tones)

    def is_strong(self, step: int) -> bool:
        """Whether nothing but the chord may sound at a step: on beats, and where a chord begins.

        Args:
            step: From 0 on.

        Returns:
            True there.
        """
        return step % self.beat_steps == 0 or self.begins(step)

    def next_start(self, after: int, before: int) -> int | None:
        """The first beginning of a chord in a stretch of time.

        Args:
            after: A step; what begins there does not count.
            before: The step that the stretch ends before.

        Returns:
            The step; None where no chord begins.
        """
        return next((step for step in self._strong_steps(after, before) if self.begins(step)), None)

    def clash(self, pitch: int, after: int, before: int, basses: Collection[int]) -> int:
        """Until when a note that begins may sound: up to the first strong step at which it does not belong.

        Args:
            pitch: MIDI note number.
            after: The step at which it begins.
            before: Where it ends at the latest.
            basses: As for `lowest_bass`.

        Returns:
            The step by which it has to be over.
        """
        for step in self._strong_steps(after, before):
            if pitch % 12 not in self.at(step).pitch_classes:
                return step
            if self.begins(step) and pitch <= self.lowest_bass(step, basses):
                return step
        return before

    def lowest_bass(self, step: int, basses: Collection[int]) -> int:
        """The lowest note that the bass may take; everything else stays above it, so that there is always room.

        Args:
            step: At which a chord sounds.
            basses: The notes that the part with the bass may play.

        Returns:
            A MIDI note number: from E1 on, where the part goes so low; 0 where there is no chord.

        Raises:
            ConfigError: The part cannot play the bass.
        """
        chord = self.at(step)
        if not chord.tones:
            return 0
        fitting = [pitch for pitch in basses if pitch % 12 == chord.bass]
        if not fitting:
            raise ConfigError(f"chord {chord.symbol!r}: the lowest part may not play its bass; widen its range")
        return min((pitch for pitch in fitting if pitch >= _LOWEST), default=max(fitting))

    def _strong_steps(self, after: int, before: int) -> Iterator[int]:
        """All strong steps in between."""
        step = after
        while True:
            rounds, within = divmod(step, self.n_steps)
            place = bisect_right(self._starts, within)
            start = self._starts[place] if place < len(self._starts) else self.n_steps
            step = min((step // self.beat_steps + 1) * self.beat_steps, rounds * self.n_steps + start)
            if step >= before:
                return
            yield step


def beats_of(metre: tuple[int, int]) -> Fraction:
    """The length of a beat in quarters: three eighths in compound metres."""
    top, bottom = metre
    return Fraction(12 if bottom >= 8 and top % 3 == 0 else 4, bottom)
