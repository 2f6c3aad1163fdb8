"""One piece of events that is being written under a plan: which tokens keep all promises, and the state that says so.

Nothing is ever tried and taken back. Each promise is an invariant that holds after every token, and a token is offered
only if the invariants can be kept after it:

- polyphony: the notes that sound, and one kept free for each part that still has to play, are at most `cap`;
- density: the notes of the bar, and those that parts still owe to it, are at most `high`, and the notes of the bar with
  the places left in it on which a note may begin are at least `low`;
- rests, entries, sonorities: each is a deadline by which a part has to begin a note; no position passes one by;
- the end: no note is longer than the piece, or than the bar before the last one where that is a sonority.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from copy import copy
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.voicing import Voicing
from audio_lstm.music.tokens.event_cursor import EventPiece
from audio_lstm.music.tokens.event_grammar import DRUM_PROGRAM, Kind
from audio_lstm.music.writing.event_ledger import EventLedger
from audio_lstm.music.writing.event_plan import FOREVER, EventPlan, PartPlan

__all__ = ["EventLine", "EventTokens"]

_NOTHING = np.zeros(0, np.int64)
_BEFORE_MOVING = frozenset({Kind.DURATION, Kind.TEMPO, Kind.KEY, Kind.TIME_SIGNATURE, Kind.BAR})


class EventTokens:
    """The tokens of each kind as arrays and lists that lines share; slices of them cost no copy."""

    def __init__(self, plan: EventPlan) -> None:
        layout = plan.vocabulary.layout
        first = [int(start) for start in layout.first]
        self.first = first
        self.durations = list(plan.vocabulary.durations)
        self.of = [np.arange(start, stop) for start, stop in pairwise(first)]
        self.single = [np.array([token]) for token in range(first[-1])]
        self.metres = np.array([first[Kind.TIME_SIGNATURE] + row for row in plan.metres])
        self.pitched = self.of[Kind.PROGRAM][:DRUM_PROGRAM]

    def but(self, kind: Kind, value: int) -> NDArray[np.int64]:
        """All tokens of a kind except one (-1: all)."""
        tokens = self.of[kind]
        return tokens if value < 0 else np.delete(tokens, value)


class EventLine:
    """One piece.

    Args:
        plan: The rules.
        tokens: Shared by the lines of a plan.
        piece: Its grammatical state, fresh.
    """

    def __init__(self, plan: EventPlan, tokens: EventTokens, piece: EventPiece) -> None:
        self.piece = piece
        self._plan, self._tokens = plan, tokens
        self._parts: list[PartPlan] = list(plan.parts)
        self._n_bars = plan.wishes.bars or 0
        self._low = self._high = 0  # of the bar being written
        self._first: Voicing | None = None  # what the piece begins with
        self._last: Voicing | None = None  # what fills its last bar
        self._voicing: Voicing | None = None  # of the position being written
        self._lowest = FOREVER  # of the notes of this position, where they form a voicing
        self._ledger = EventLedger(plan, self._parts, piece)

    def copy(self, piece: EventPiece) -> EventLine:
        """The same line once more, to go on in another way.

        Args:
            piece: Where it stands.

        Returns:
            The line of that piece.
        """
        twin = copy(self)
        twin.piece, twin._ledger = piece, self._ledger.copy(piece)
        return twin

    @property
    def may_move_on(self) -> bool:
        """Whether the grammar lets the piece go on to another position, bar or the end now."""
        return self.piece.kind in _BEFORE_MOVING and self.piece.tempo >= 0

    # What may come next ----------------------------------------------------------------------------------------------

    def choices(self) -> NDArray[np.int64]:
        """The tokens that may come next, ascending; END alone in a piece that is done."""
        kind, tokens = self.piece.kind, self._tokens
        if kind in (Kind.PITCH, Kind.DRUM):
            return tokens.of[Kind.VELOCITY]
        if kind == Kind.VELOCITY:
            return self._durations()
        if kind == Kind.DURATION:
            return self._next(in_part=True)
        if kind == Kind.TRACK:
            return self._pitches()
        if kind == Kind.POSITION:
            return self._at_position()
        if kind == Kind.BAR:
            return self._in_bar()
        if kind in (Kind.TEMPO, Kind.KEY):
            first = kind == Kind.KEY and self.piece.tempo < 0
            return self._tempo() if first else self._next(tempo=kind == Kind.KEY)
        if kind == Kind.TIME_SIGNATURE:
            return self._next() if self.piece.bar else tokens.of[Kind.POSITION][:1]
        return tokens.of[Kind.END] if self.piece.done else self._header()

    def _header(self) -> NDArray[np.int64]:
        plan, tokens, programs = self._plan, self._tokens, self.piece.programs
        bar = tokens.of[Kind.BAR]
        if plan.parts:
            n = len(programs)
            return tokens.single[tokens.first[Kind.PROGRAM] + plan.parts[n].program] if n < len(plan.parts) else bar
        missing = plan.min_pitched - sum(program != DRUM_PROGRAM for program in programs)
        room = plan.max_parts - len(programs)
        if room <= 0:
            return bar
        more = tokens.of[Kind.PROGRAM] if room > missing else tokens.pitched
        return more if missing > 0 else np.concatenate((bar, more))

    def _in_bar(self) -> NDArray[np.int64]:
        if self.piece.bar == 0:
            return self._tokens.metres
        if self._plan.fixed_metre:
            return self._next()
        return np.sort(np.concatenate((self._next(), self._tokens.but(Kind.TIME_SIGNATURE, self.piece.metre))))

    def _at_position(self) -> NDArray[np.int64]:
        plan, tokens, piece = self._plan, self._tokens, self.piece
        before_tempo = piece.tempo < 0
        keys = _NOTHING
        if plan.key < 0:
            keys = tokens.but(Kind.KEY, piece.key)
        elif before_tempo:
            return tokens.single[tokens.first[Kind.KEY] + plan.key]
        if before_tempo:
            return np.concatenate((keys, self._tempo()))
        tempi = tokens.but(Kind.TEMPO, piece.tempo) if plan.tempo < 0 else _NOTHING
        if plan.key >= 0 and plan.tempo >= 0:
            return self._tracks()
        return np.concatenate((keys, tempi, self._tracks()))

    def _tempo(self) -> NDArray[np.int64]:
        plan, tokens = self._plan, self._tokens
        return tokens.of[Kind.TEMPO] if plan.tempo < 0 else tokens.single[tokens.first[Kind.TEMPO] + plan.tempo]

    def _next(self, *, in_part: bool = False, tempo: bool = False) -> NDArray[np.int64]:
        """What follows a note, a metre, a key or a tempo: all that the grammar allows there and the promises too."""
        tokens, piece = self._tokens, self.piece
        offered = []
        deadline = self._ledger.deadline()
        bar_end = self.piece.bar_end
        if self.piece.n_notes >= self._low and deadline >= bar_end:
            is_last = piece.bar + 1 == self._n_bars
            if piece.kind != Kind.BAR and (is_last or (not self._n_bars and self._may_end())):
                offered.append(tokens.of[Kind.END])
            if not is_last:
                offered.append(tokens.of[Kind.BAR])
        offered.append(self._positions(deadline))
        if tempo and self._plan.tempo < 0:
            offered.append(tokens.but(Kind.TEMPO, piece.tempo))
        if piece.position >= 0:
            offered.append(self._tracks())
            if in_part:
                offered.append(self._more_pitches())
        offered = [part for part in offered if len(part)]
        return offered[0] if len(offered) == 1 else np.concatenate(offered)

    def _may_end(self) -> bool:
        played = not self._plan.parts or all(entry == FOREVER for entry in self._ledger.entry)
        return self.piece.bar + 1 >= self._plan.min_bars and self.piece.n_notes > 0 and played

    def _positions(self, deadline: int) -> NDArray[np.int64]:
        low, high = self.piece.position + 1, min(self.piece.bar_steps - 1, deadline - self.piece.bar_start)
        if self.is_final:
            high = min(high, 0)
        elif self.piece.bar + 1 == self._n_bars:
            high = min(high, self.piece.bar_steps - self._tokens.durations[0])
        owed = self._ledger.owed()
        if self.piece.n_notes + owed < self._low:
            high = min(high, self.piece.bar_steps - (self._low - self.piece.n_notes))
        if self.piece.n_notes >= self._high:
            return _NOTHING
        if self._ledger.counts and owed and self.piece.n_notes + owed >= self._high:
            low = max(
                low, deadline - self.piece.bar_start
            )  # only parts that owe a note may play: wait until one has to
        elif self._ledger.counts:
            low = max(low, self._ledger.free_from() - self.piece.bar_start)
        return self._tokens.of[Kind.POSITION][low : high + 1] if high >= low else _NOTHING

    def _tracks(self) -> NDArray[np.int64]:
        first = self._tokens.first[Kind.TRACK]
        start, stop = self.piece.track + 1, len(self._parts)
        if not (self._ledger.counts or self._ledger.owes or self._voicing) and self.piece.n_notes < self._high:
            return self._tokens.of[Kind.TRACK][start:stop]
        entering = []
        for part in range(start, stop):
            if self._may_play(part) and len(self._notes_of(part)[0]):
                entering.append(first + part)
            if self._ledger.deadline_of(part) <= self.piece.now:
                break  # it may not be passed over
        return np.array(entering, np.int64)

    def _pitches(self) -> NDArray[np.int64]:
        return self._notes_of(self.piece.track)[1]

    def _more_pitches(self) -> NDArray[np.int64]:
        """Higher notes for a chord of the part that has just played."""
        part = self.piece.track
        if self._voicing is not None and self._voicing.melody_part == part:
            return _NOTHING
        if not self._may_play(part):
            return _NOTHING
        pitches, ids = self._notes_of(part)
        return ids[bisect_right(pitches, self.piece.pitch) :]

    def _notes_of(self, part: int) -> tuple[list[int], NDArray[np.int64]]:
        """The pitches that a part may play now, ascending, and their tokens."""
        plan, voicing = self._parts[part], self._voicing
        if voicing is None or plan.is_drum:
            return plan.pitches, plan.ids
        begins = self.piece.track != part or self.piece.pitch < 0
        tones = voicing.allowed(part, self._lowest, begins=begins)
        return tones, np.array(tones, np.int64) + self._tokens.first[Kind.PITCH]

    def _durations(self) -> NDArray[np.int64]:
        tokens, table, part = self._tokens, self._tokens.durations, self.piece.track
        if self.is_final:
            hold = self._plan.hold(self.piece.bar_steps)
            return tokens.single[tokens.first[Kind.DURATION] + table.index(hold)]
        least, most = 1, self._sound_end() - self.piece.now
        bar_end = self.piece.bar_end
        ledger = self._ledger
        if ledger.counts:
            free_from, limit = ledger.free_from(part), self._free_limit(part)
            if free_from > limit:
                most = min(most, limit - self.piece.now)
        if ledger.owes and self.piece.n_notes + ledger.owed(part) + 1 > self._high:
            slack = ledger.slack_at(part)  # it may not owe another note to this bar
            least = 1 if ledger.covered[part] + slack >= bar_end else max(1, bar_end - slack - self.piece.now)
        return tokens.of[Kind.DURATION][bisect_left(table, least) : bisect_right(table, most)]

    # What the promises need ------------------------------------------------------------------------------------------

    @property
    def is_final(self) -> bool:
        """Whether this is the last bar, and all of it a sonority."""
        return self._plan.is_final(self.piece.bar)

    def _sound_end(self) -> int:
        """When all notes have to be over; nothing rings into a last bar that is a sonority."""
        if not self._n_bars:
            return FOREVER
        bars_left = self._n_bars - self.piece.bar - (self._plan.wishes.final is not None)
        return self.piece.bar_start + bars_left * self.piece.bar_steps

    def _may_play(self, part: int) -> bool:
        """Whether a part may begin one more note now."""
        return self.piece.n_notes + 1 + self._ledger.owed(part) <= self._high and self._ledger.has_room(part)

    def _free_limit(self, part: int) -> int:
        """Until when a note has to be possible again, for the sake of the least density."""
        bar_end = self.piece.bar_end
        if self.piece.n_notes + self._ledger.owed(part) < self._low:
            return bar_end - (self._low - self.piece.n_notes)
        bars_left = self._n_bars - self.piece.bar - 1 if self._n_bars else FOREVER
        if bars_left == 0 or (bars_left == 1 and self._plan.wishes.final is not None):
            return FOREVER
        if self._plan.low:
            return bar_end + self.piece.bar_steps - self._plan.low
        return bar_end + bars_left * self.piece.bar_steps - 1 if self._n_bars else FOREVER

    # What has come ---------------------------------------------------------------------------------------------------

    def push(self) -> None:
        """Note what the piece has just been told."""
        piece = self.piece
        kind = piece.kind
        if kind == Kind.PITCH or kind == Kind.DRUM:
            self._ledger.begin_note(piece.track)
            if self._voicing is not None and kind == Kind.PITCH:
                self._lowest = min(self._lowest, piece.pitch)
        elif kind == Kind.DURATION:
            self._ledger.end_note(piece.track, piece.sounding[-1][0])
        elif kind == Kind.POSITION:
            self._lowest = FOREVER
            at_start = self._first if piece.now == 0 else None
            self._voicing = self._last if self.is_final else at_start
        elif kind == Kind.BAR:
            if piece.bar == 0:
                self._declare()
            else:
                self._open_bar()
        elif kind == Kind.TIME_SIGNATURE and piece.bar == 0:
            self._begin_piece()

    def _declare(self) -> None:
        programs = self.piece.programs
        if not self._plan.parts:
            self._parts = [self._plan.part(program, number) for number, program in enumerate(programs)]
        elif programs != [part.program for part in self._plan.parts]:
            raise ConfigError(f"the piece begins with the programs {programs}, but other parts are asked for")
        self._ledger = EventLedger(self._plan, self._parts, self.piece)

    def _begin_piece(self) -> None:
        """The metre is known: how long the piece is, and by when each part has to play."""
        plan, wishes = self._plan, self._plan.wishes
        length = (wishes.bars or 0) * self.piece.bar_steps
        ledger, n = self._ledger, len(self._parts)
        ledger.slack = [int((plan.rests or 0) * length)] * n
        if plan.parts:
            last_bar = (wishes.bars or 0) - (wishes.final is not None)
            entry = (
                4 * self.piece.bar_steps
                if wishes.bars is None
                else min(length // 2, last_bar * self.piece.bar_steps - 1)
            )
            if plan.resume:  # parts that are silent in what is given have two bars from there
                soon = plan.resume + 2 * self.piece.bar_steps
                entry = max(entry, soon if wishes.bars is None else min(soon, last_bar * self.piece.bar_steps - 1))
            ledger.entry = [max(0, entry)] * n
        self._first, self._last = plan.voicing("first", self._parts), plan.voicing("last", self._parts)
        for part in self._first.required if self._first else ():
            ledger.entry[part] = 0
        self._open_bar()

    def _open_bar(self) -> None:
        plan, ledger = self._plan, self._ledger
        is_last = self.piece.bar + 1 == self._n_bars
        self._low, self._high = max(plan.low, int(is_last)), plan.high
        if not self.is_final:
            # Most pieces owe nothing any more once all parts have entered: their accounts need not be kept.
            ledger.owes = plan.rests is not None or any(entry < FOREVER for entry in ledger.entry)
            return
        ledger.owes = True
        self._low = 1
        for part, entry in enumerate(ledger.entry):
            due = ledger.rest_limited(part) and ledger.covered[part] + ledger.slack[part] < self.piece.bar_end
            if due or entry < FOREVER or (self._last and part in self._last.required):
                ledger.entry[part] = self.piece.bar_start
        ledger.in_final = True
