"""What is given of a piece of events, and chords to keep to, as filters: of the tokens offered, those that keep them.

Each filter follows one piece; `FilteredWriter` lays filters over any writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.chord_track import BASS_SPAN, ChordTrack
from audio_lstm.music.tokens.event_clock import EventClock
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.event_plan import EventPlan
from audio_lstm.music.writing.sample import Writer

__all__ = ["ChordFilter", "FilteredWriter", "PieceFilter", "PrefixFilter"]


class PieceFilter(Protocol):
    """A constraint on one piece."""

    def narrow(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """What may come next.

        Args:
            tokens: Those that the writer offers, ascending.

        Returns:
            Some of them, or what is given, whatever was offered.
        """
        ...

    def push(self, token: int) -> None:
        """Note what was chosen.

        Args:
            token: The token.
        """
        ...


class FilteredWriter:
    """A writer whose pieces keep to filters.

    Args:
        inner: What offers tokens.
        filters: Of each piece, in the order in which they apply.
    """

    def __init__(self, inner: Writer, filters: Sequence[Sequence[PieceFilter]]) -> None:
        self.inner = inner
        self._filters = list(filters)

    @property
    def done(self) -> list[bool]:
        """Which pieces have ended."""
        return self.inner.done

    @property
    def held(self) -> NDArray[np.int64] | None:
        """As the inner writer says."""
        return self.inner.held

    @property
    def n_bars(self) -> int:
        """How many bars every piece has begun, where the inner writer counts them."""
        return int(getattr(self.inner, "n_bars", 0))

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        return self.inner.columns()

    def choices(self) -> list[NDArray[np.int64]]:
        """The tokens that may come next in each piece.

        Returns:
            Of each piece, ascending.

        Raises:
            ConfigError: The wishes of the inner writer leave nothing that a filter allows.
        """
        offered = []
        for tokens, filters, done in zip(self.inner.choices(), self._filters, self.done, strict=True):
            left = tokens
            if not done:
                for one in filters:
                    left = one.narrow(left)
                    if not len(left):
                        raise ConfigError(f"{one}: the other wishes leave it no note; change one of them")
            offered.append(left)
        return offered

    def weighed(self, logits: NDArray[np.float32], choices: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """As the inner writer weighs what the filters leave, (B, V)."""
        return self.inner.weighed(logits, choices)

    def push(self, tokens: Sequence[int]) -> None:
        """Append one token to each piece.

        Args:
            tokens: One of the choices of each.
        """
        for filters, token, done in zip(self._filters, tokens, self.done, strict=True):
            if not done:
                for one in filters:
                    one.push(token)
        self.inner.push(tokens)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only.

        Args:
            rows: Their places in the batch, ascending.
        """
        self.inner.keep(rows)
        self._filters = [self._filters[row] for row in rows]


class PrefixFilter:
    """A piece that begins with given tokens, and goes on from a given time.

    Args:
        vocabulary: Of the piece.
        prefix: The tokens, END left out.
        resume: The step at which the first new note may begin.
    """

    def __init__(self, vocabulary: EventVocabulary, prefix: NDArray[np.int64], resume: int) -> None:
        self._first = [int(start) for start in vocabulary.layout.first]
        self._prefix: list[int] = prefix.tolist()
        self._resume = resume
        self._clock = EventClock(vocabulary)

    def __str__(self) -> str:
        return f"after the primer, at step {self._resume}"

    def narrow(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The given token; after the last one, no note before the time to go on.

        Args:
            tokens: What is offered.

        Returns:
            One token, or those that come late enough.
        """
        clock, first = self._clock, self._first
        if clock.n_tokens < len(self._prefix):
            return np.array([self._prefix[clock.n_tokens]])
        if clock.now >= self._resume and clock.n_tokens > len(self._prefix):
            return tokens
        position = min(max(self._resume - clock.bar_start, 0), first[Kind.KEY] - first[Kind.POSITION])
        too_early = (tokens >= first[Kind.POSITION]) & (tokens < first[Kind.POSITION] + position)
        if clock.position >= 0:  # nothing joins the primer's own last notes
            too_early |= (tokens >= first[Kind.TRACK]) & (tokens < first[Kind.VELOCITY])
        return tokens[~too_early]

    def push(self, token: int) -> None:
        """Note what was chosen.

        Args:
            token: The token.
        """
        self._clock.push(token)


class ChordFilter:
    """A piece that keeps to chords.

    Where a chord begins, the lowest part with pitches strikes the chord's bass, below all that sounds. There and on
    each beat nothing sounds but tones of the chord; other notes may pass in between, and are over by then.

    Args:
        plan: What else is asked of the piece.
        chords: On the vocabulary's grid.
        start: The step from which they hold: what comes before is given.
    """

    def __init__(self, plan: EventPlan, chords: ChordTrack, *, start: int = 0) -> None:
        vocabulary = plan.vocabulary
        self._plan = plan
        self._playable: dict[int, frozenset[int]] = {}  # of each part
        self._first = [int(first) for first in vocabulary.layout.first]
        self._durations = np.array(vocabulary.durations)
        self._chords, self._start = chords, start
        self._clock = EventClock(vocabulary)

    def __str__(self) -> str:
        chord = self._chords.at(max(self._clock.now - self._start, 0))
        return f"chord {chord.symbol!r} in bar {self._clock.bar + 1}"

    def push(self, token: int) -> None:
        """Note what was chosen.

        Args:
            token: The token.
        """
        self._clock.push(token)

    def narrow(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those that keep to the chords.

        Args:
            tokens: What is offered.

        Returns:
            Some of them.
        """
        clock, first = self._clock, self._first
        if clock.bar < 0 or clock.kind in (Kind.PITCH, Kind.DRUM):
            return self._with_a_part(tokens)
        if clock.kind == Kind.VELOCITY:
            return self._short_enough(tokens)
        keep = np.ones(len(tokens), np.bool_)
        later = self._next_start()
        positions = (tokens >= first[Kind.POSITION]) & (tokens < first[Kind.KEY])
        leaves = (tokens == first[Kind.BAR]) | (tokens == first[Kind.END])
        if later is not None:
            keep &= ~leaves & ~(positions & (tokens > first[Kind.POSITION] + later - clock.bar_start))
        if self._owes_bass():
            tracks = (tokens >= first[Kind.TRACK]) & (tokens < first[Kind.PITCH])
            keep &= ~leaves & ~positions & ~(tracks & (tokens > first[Kind.TRACK] + self._bass_part()))
        pitches = (tokens >= first[Kind.PITCH]) & (tokens < first[Kind.DRUM])
        if pitches.any():
            keep &= ~pitches | np.isin(tokens - first[Kind.PITCH], self._pitches(clock.track))
        tracks = (tokens >= first[Kind.TRACK]) & (tokens < first[Kind.PITCH])
        for token in tokens[tracks & keep].tolist():
            part = token - first[Kind.TRACK]
            if not clock.is_drum(part) and not self._pitches(part):
                keep &= tokens != token
        return tokens[keep]

    def _with_a_part(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """In the header: no music before a part with pitches is declared."""
        clock, first = self._clock, self._first
        if clock.bar >= 0 or any(not clock.is_drum(part) for part in range(len(clock.programs))):
            return tokens
        music = tokens != first[Kind.BAR]
        pitched: NDArray[np.bool_] = music & (tokens != first[Kind.TRACK] - 1)  # the last program is drums
        return tokens[pitched if pitched.any() else music]

    def _bass_part(self) -> int:
        clock = self._clock
        return max(part for part in range(len(clock.programs)) if not clock.is_drum(part))

    def _next_start(self) -> int | None:
        """Where the next chord of this bar begins, counted from the piece's beginning."""
        clock = self._clock
        at = clock.now if clock.position >= 0 else clock.bar_start - 1
        found = self._chords.next_start(max(at, self._start - 1) - self._start, clock.bar_end - self._start)
        return None if found is None else found + self._start

    def _owes_bass(self) -> bool:
        clock = self._clock
        here = clock.now - self._start
        if clock.position < 0 or here < 0 or not self._chords.begins(here):
            return False
        return self._bass_part() not in clock.has_played

    def _notes_of(self, part: int) -> frozenset[int]:
        if part not in self._playable:
            self._playable[part] = frozenset(self._plan.part(self._clock.programs[part], part).pitches)
        return self._playable[part]

    def _pitches(self, part: int) -> list[int]:
        """What a part may play now, as far as chords go."""
        clock, chords, own = self._clock, self._chords, self._notes_of(part)
        here = clock.now - self._start
        if here < 0 or not chords.is_strong(here):
            return list(own)
        classes, bass_part = chords.at(here).pitch_classes, self._bass_part()
        if not chords.begins(here):
            return [pitch for pitch in own if pitch % 12 in classes]
        lowest = chords.lowest_bass(here, self._notes_of(bass_part))
        if part == bass_part and part not in clock.has_played:
            below = min([lowest + BASS_SPAN, *(pitch for _, pitch in clock.held())])
            return [pitch for pitch in own if lowest <= pitch < below and pitch % 12 == chords.at(here).bass]
        floor = lowest if part != bass_part else clock.pitch
        return [pitch for pitch in own if pitch > floor and pitch % 12 in classes]

    def _short_enough(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The durations after which a note that would not belong has ended."""
        clock = self._clock
        if clock.is_drum(clock.track):
            return tokens
        longest = int(self._durations[tokens[-1] - self._first[Kind.DURATION]])
        here = clock.now - self._start  # before the first chord: negative
        basses = self._notes_of(self._bass_part())
        until = self._chords.clash(clock.pitch, max(here, -1), here + longest + 1, basses)
        durations = self._durations[tokens - self._first[Kind.DURATION]]
        return np.asarray(tokens[durations <= until - here], np.int64)
