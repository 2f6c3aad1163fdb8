"""What a piece of events owes: which notes sound, which parts have to begin one and by when, and what room is left."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from audio_lstm.music.tokens.event_cursor import EventPiece
from audio_lstm.music.writing.event_plan import FOREVER, EventPlan, PartPlan

__all__ = ["EventLedger"]


class EventLedger:
    """The accounts of one piece; all times are ticks from its beginning.

    A deadline is the last tick at which a part may begin its next note: before its rests are used up, before it has to
    have entered, or where a sonority needs it. For each part with a deadline one note of the polyphony is kept free, so
    that it can always be met.

    Args:
        plan: The rules.
        parts: Of the piece.
        piece: Where it stands.
    """

    def __init__(self, plan: EventPlan, parts: Sequence[PartPlan], piece: EventPiece) -> None:
        n = len(parts)
        self.piece = piece
        self.in_final = False  # whether the last bar is being written, and is a sonority
        self.counts = plan.cap < FOREVER  # whether sounding notes have to be counted
        self.owes = False  # whether any part may have a deadline
        self.entry = [FOREVER] * n  # when each part has to play at last, whatever its rests
        self.slack = [0] * n  # for how long each part may still be silent
        self.covered = [0] * n  # up to when each part sounds, or has sounded
        self._cap = plan.cap
        self._rests = [plan.rests is not None and not part.is_drum for part in parts]

    def copy(self, piece: EventPiece) -> EventLedger:
        """The same accounts once more.

        Args:
            piece: Whose they are.

        Returns:
            Accounts that go their own way.
        """
        twin = copy(self)
        twin.piece = piece
        twin.entry, twin.slack, twin.covered = self.entry.copy(), self.slack.copy(), self.covered.copy()
        return twin

    def rest_limited(self, part: int) -> bool:
        """Whether the rests of a part are limited."""
        return self._rests[part]

    def begin_note(self, part: int) -> None:
        """A part begins a note now.

        Args:
            part: Its number.
        """
        if self.owes:
            self.entry[part] = FOREVER

    def end_note(self, part: int, end: int) -> None:
        """The note's length is known.

        Args:
            part: Its part.
            end: When it ends.
        """
        if self.owes:
            self.slack[part] = self.slack_at(part)
            self.covered[part] = max(self.covered[part], end)

    def slack_at(self, part: int) -> int:
        """For how long a part may be silent after a note that begins now."""
        if not self._rests[part]:
            return FOREVER
        return self.slack[part] - max(0, self.piece.now - self.covered[part])

    def deadline_of(self, part: int) -> int:
        """The last tick at which a part may begin its next note."""
        if self._rests[part] and not self.in_final:
            return min(self.covered[part] + self.slack[part], self.entry[part])
        return self.entry[part]

    def deadline(self) -> int:
        """The first of all deadlines."""
        return min(map(self.deadline_of, range(len(self.entry)))) if self.owes else FOREVER

    def owed(self, but: int = -1) -> int:
        """How many parts have to begin a note before the bar is over.

        Args:
            but: A part that is not counted.

        Returns:
            Their number.
        """
        if not self.owes:
            return 0
        bar_end = self.piece.bar_end
        return sum(self.deadline_of(part) < bar_end for part in range(len(self.entry)) if part != but)

    def has_room(self, part: int) -> bool:
        """Whether polyphony lets a part begin one more note now."""
        if not self.counts:
            return True
        sounding, reserved = self.piece.sounding, 0
        if self.owes:
            busy = {track for _, track, _ in sounding} | {part}
            others = [number for number in range(len(self.entry)) if number not in busy]
            reserved = sum(self.deadline_of(number) < FOREVER for number in others)
        return len(sounding) + reserved < self._cap

    def free_from(self, held_by: int = -1) -> int:
        """From when on some part may begin a note, as far as polyphony goes.

        Args:
            held_by: Count one note more, of this part, that never ends.

        Returns:
            The tick.
        """
        now = self.piece.now
        ends = sorted(end for end, _, _ in self.piece.sounding)
        excess = len(ends) + (held_by >= 0) - self._cap  # so many have to end, and one more
        free = now if excess < 0 else ends[excess] if excess < len(ends) else FOREVER
        if self.owes:  # a part that has a deadline has a note kept free for it
            for part in range(len(self.entry)):
                if part != held_by and self.deadline_of(part) < FOREVER:
                    free = min(free, max([now, *(end for end, track, _ in self.piece.sounding if track == part)]))
        return free
