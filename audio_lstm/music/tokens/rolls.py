"""Piano rolls as tokens: the keys of a frame in ascending order, then a token that closes the frame.

Boulanger-Lewandowski, Bengio and Vincent 2012 score models of polyphonic music in nats per frame of an 88-key
roll. Writing a frame as the ascending list of its keys makes any next-token model an exact joint distribution
over the sets of keys: each set has one spelling, and the legal mask leaves no other. Every frame, the first one
included, is predicted, down to the token that closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music.tokens.representation import START

__all__ = ["COLUMNS", "END", "FIRST_KEY", "LOWEST_PITCH", "NEXT_FRAME", "N_KEYS", "RollCursor", "RollFrames"]

NEXT_FRAME, END, FIRST_KEY = 1, 2, 3
"""Tokens: START is 0; key j (MIDI pitch 21 + j) is token `FIRST_KEY + j`."""
N_KEYS = 88
LOWEST_PITCH = 21
MAX_COUNT = 15
"""Notes in a frame are counted up to the most that the four sets hold."""
NO_KEY = N_KEYS
"""Where a column names a key: none."""

_LAGS = (1, 2, 8, 16)
COLUMNS = (
    "previous",
    "lowest",
    "count",
    "beat",
    "bar",
    "held",
    *(f"next_{lag}" for lag in _LAGS),
    "second_1",
)
"""The input columns.

- previous: the last token
- lowest: the lowest key that the frame may still take, 0-88 (88 = none)
- count: notes in the frame so far
- beat, bar: the frame modulo 4 and 16
- held: whether the last token's key sounded in the frame before: 1 = yes, 2 = no, 0 = no key yet
- next_1, next_2, next_8, next_16: of the frame so long ago, the lowest key from `lowest` on, 88 = none: what comes
  next if this frame repeats that one, which most frames of folk tunes do (nott: 10.0 nats a frame with fixed
  probabilities, 5.2 given each key's previous value)
- second_1: of the previous frame, the key after next_1
"""


@dataclass(frozen=True)
class RollFrames:
    """The piano-roll representation. The unit is the frame; every frame is closed by NEXT_FRAME.

    Published figures know no end of a piece, so there is none unless `with_end`; then an END, legal where a
    later frame begins, closes each piece, and its cost is part of the sum but not of the denominator. Every
    method that takes tokens raises ScoreError where they break this grammar.
    """

    with_end: bool = False
    """Whether pieces close with END: for models that compose. Leave it off to compare with published figures."""

    @property
    def kind(self) -> str:
        """Always "roll"."""
        return "roll"

    @property
    def unit(self) -> str:
        """Always "frame"."""
        return "frame"

    @property
    def vocabulary_size(self) -> int:
        """START, NEXT_FRAME, END (though never legal without `with_end`) and 88 keys."""
        return FIRST_KEY + N_KEYS

    @property
    def column_sizes(self) -> tuple[int, ...]:
        """The number of values of each of COLUMNS."""
        return (self.vocabulary_size, N_KEYS + 1, MAX_COUNT + 1, 4, 16, 3, *[N_KEYS + 1] * (len(_LAGS) + 1))

    @property
    def relative(self) -> None:
        """None: no voice is followed."""
        return None

    def encode(self, roll: ArrayLike) -> NDArray[np.int64]:
        """The tokens of a roll.

        Args:
            roll: (T, 88) of 0 and 1, or bool, T >= 1.

        Returns:
            (N,) int64: one token a note and one a frame, and END if `with_end`.

        Raises:
            ScoreError: another shape or other values.
        """
        values = np.asarray(roll)
        if values.ndim != 2 or values.shape[1] != N_KEYS or values.shape[0] == 0:
            raise ScoreError(f"a roll has the shape (frames, {N_KEYS}), frames >= 1; got {values.shape}")
        if not np.isin(values, (0, 1)).all():
            raise ScoreError("a roll holds 0 and 1 (or False and True) and nothing else")
        closed = np.concatenate([values.astype(np.bool_), np.ones((len(values), 1), np.bool_)], axis=1)  # (T, 89)
        keys = np.nonzero(closed)[1]
        tokens = np.where(keys == N_KEYS, NEXT_FRAME, keys + FIRST_KEY)
        return np.append(tokens, END) if self.with_end else tokens

    def decode(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The roll of a piece.

        Args:
            tokens: (N,), with or without END; a frame that was not closed is an error.

        Returns:
            (T, 88) bool.

        Raises:
            ScoreError: the tokens break the grammar, or do not end with a closed frame.
        """
        checked = self._checked(tokens)
        cells = checked[:-1] if checked.size and checked[-1] == END else checked
        if cells.size == 0 or cells[-1] != NEXT_FRAME:
            raise ScoreError(f"a roll ends with a closed frame (token {NEXT_FRAME}); cut it at the last one")
        return _frames(cells)[0][:-1]

    def columns(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The input columns of each token, see COLUMNS.

        Args:
            tokens: (N,) a piece, or its beginning.

        Returns:
            (N, K) int64; row t depends on tokens[:t] alone.
        """
        checked = self._checked(tokens)
        roll, frame = _frames(checked)
        previous = np.concatenate([[START], checked])[: checked.size]
        first_of_frame = np.searchsorted(frame, frame, side="left")
        count = np.arange(checked.size) - first_of_frame
        ahead = _next_keys(roll)  # (T, 89)

        def lagged(lag: int) -> NDArray[np.int64]:
            return np.where((frame >= lag)[:, None], ahead[np.maximum(frame - lag, 0)], NO_KEY)  # (N, 89)

        sounded = (frame > 0)[:, None] & roll[np.maximum(frame - 1, 0)]  # (N, 88)
        return _assemble(previous, count, frame, sounded, [lagged(lag) for lag in _LAGS])

    def legal(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The tokens allowed at each place: NEXT_FRAME, the keys above the frame's last, perhaps END.

        Args:
            tokens: (N,) a piece, or its beginning.

        Returns:
            (N, V) bool.
        """
        checked = self._checked(tokens)
        return self._legal_after(np.concatenate([[START], checked])[: checked.size])

    def cursor(self, batch: int) -> RollCursor:
        """A cursor over pieces that are being written; without `with_end` they are never done.

        Args:
            batch: how many pieces (B).

        Returns:
            The incremental twin of `columns` and `legal`.
        """
        return RollCursor(self, batch)

    def n_units(self, tokens: NDArray[np.int64]) -> int:
        """How many frames the piece has.

        Args:
            tokens: (N,) one piece.

        Returns:
            The number of NEXT_FRAME tokens.
        """
        return int(np.count_nonzero(tokens == NEXT_FRAME))

    def to_dict(self) -> dict[str, Any]:
        """`with_end`, as JSON values."""
        return {"kind": self.kind, "with_end": self.with_end}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RollFrames:
        """The representation that `to_dict` described.

        Args:
            values: what `to_dict` returned.

        Returns:
            An equal RollFrames.

        Raises:
            ModelError: a field is missing, unknown or of another type.
        """
        if set(values) != {"kind", "with_end"} or values["kind"] != "roll" or type(values["with_end"]) is not bool:
            raise ModelError(f'a roll representation is {{"kind": "roll", "with_end": bool}}, got {values!r}')
        return cls(with_end=values["with_end"])

    def _legal_after(self, previous: NDArray[np.int64]) -> NDArray[np.bool_]:
        legal = np.arange(self.vocabulary_size) >= FIRST_KEY + _lowest(previous)[:, None]  # (N, V)
        legal[:, NEXT_FRAME] = True
        legal[:, END] = self.with_end & (previous == NEXT_FRAME)
        return legal

    def _checked(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        values = np.asarray(tokens)
        if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
            raise ScoreError(f"expected tokens (N,) of integers, got shape {values.shape} of {values.dtype}")
        previous = np.concatenate([[START], values])[: values.size]
        bad = (values <= START) | (values >= self.vocabulary_size) | (previous == END)
        bad |= (values >= FIRST_KEY) & (values <= previous)
        bad |= (values == END) & ((previous != NEXT_FRAME) | (not self.with_end))
        if bad.any():
            t = int(np.argmax(bad))
            raise ScoreError(f"token {values[t]} is not legal at place {t} of a roll of {values.size} tokens")
        return values.astype(np.int64)


class RollCursor:
    """Where a batch of rolls that are being written stands; see `RollFrames.cursor`."""

    def __init__(self, representation: RollFrames, batch: int) -> None:
        if batch < 1:
            raise ConfigError(f"a cursor needs at least one piece, got batch={batch}")
        self._representation = representation
        self._previous = np.full(batch, START, dtype=np.int64)
        self._count, self._frame = np.zeros((2, batch), dtype=np.int64)
        # The frame that is being written, then the frames before it, newest first: (B, 17, 88).
        self._recent = np.zeros((batch, max(_LAGS) + 1, N_KEYS), dtype=np.bool_)

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which pieces have met their END, (B,)."""
        done: NDArray[np.bool_] = self._previous == END
        return done

    @property
    def held(self) -> NDArray[np.int64]:
        """Nothing: whether a key goes on sounding is one choice among those of its frame."""
        return np.full(len(self.done), START, dtype=np.int64)

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        ahead = [_next_keys(self._recent[:, lag]) for lag in _LAGS]
        return _assemble(self._previous, self._count, self._frame, self._recent[:, 1], ahead)

    def legal(self) -> NDArray[np.bool_]:
        """The tokens that may come next, (B, V); END alone in a piece that is done."""
        legal = self._representation._legal_after(self._previous)
        legal[self.done] = False
        legal[self.done, END] = True
        return legal

    def fork(self, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only: see `Cursor.fork`.

        Args:
            rows: their places in the batch.
        """
        chosen = list(rows)
        self._previous, self._recent = self._previous[chosen], self._recent[chosen]
        self._count, self._frame = self._count[chosen], self._frame[chosen]

    def push(self, tokens: NDArray[np.int64]) -> None:
        """Append one token to each piece that is not done.

        Args:
            tokens: (B,).

        Raises:
            ScoreError: a token is not legal, or not one a piece.
        """
        values = np.asarray(tokens, dtype=np.int64)
        if values.shape != self._previous.shape:
            raise ScoreError(f"expected one token for each of {self._previous.size} pieces, got shape {values.shape}")
        done = self.done
        inside = (values >= 0) & (values < self._representation.vocabulary_size)
        allowed = self.legal()[np.arange(values.size), np.where(inside, values, START)]
        bad = ~done & ~allowed
        if bad.any():
            row = int(np.argmax(bad))
            raise ScoreError(f"piece {row}: token {values[row]} is not legal in frame {self._frame[row]}")
        key = np.flatnonzero(~done & (values >= FIRST_KEY))
        self._recent[key, 0, values[key] - FIRST_KEY] = True
        self._count[key] += 1
        closed = np.flatnonzero(~done & (values == NEXT_FRAME))
        self._recent[closed, 1:] = self._recent[closed, :-1]
        self._recent[closed, 0] = False
        self._count[closed] = 0
        self._frame[closed] += 1
        self._previous = np.where(done, self._previous, values)


def _frames(tokens: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The roll (frames, 88), the unfinished last frame included, and the frame of each token (N,)."""
    closes = tokens == NEXT_FRAME
    frame = np.cumsum(closes) - closes
    roll = np.zeros((int(closes.sum()) + 1, N_KEYS), dtype=np.bool_)
    key = tokens >= FIRST_KEY
    roll[frame[key], tokens[key] - FIRST_KEY] = True
    return roll, frame


def _next_keys(roll: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row and each key from 0 to 88, the lowest key from it on that sounds, 88 = none; (rows, 89)."""
    keys = np.where(roll, np.arange(N_KEYS), NO_KEY)
    keys = np.concatenate([keys, np.full((len(keys), 1), NO_KEY)], axis=1)
    ahead: NDArray[np.int64] = np.minimum.accumulate(keys[:, ::-1], axis=1)[:, ::-1]
    return ahead


def _lowest(previous: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lowest key that may follow a token, 0-88."""
    return np.where(previous >= FIRST_KEY, previous - FIRST_KEY + 1, 0)


def _assemble(
    previous: NDArray[np.int64],
    count: NDArray[np.int64],
    frame: NDArray[np.int64],
    sounded: NDArray[np.bool_],
    ahead: list[NDArray[np.int64]],
) -> NDArray[np.int64]:
    """COLUMNS from the frame before (N, 88) and, for each lag, the next keys (N, 89)."""
    rows = np.arange(previous.size)
    lowest = _lowest(previous)
    is_key = previous >= FIRST_KEY
    key = np.where(is_key, previous - FIRST_KEY, 0)
    held = np.where(is_key, np.where(sounded[rows, key], 1, 2), 0)
    nexts = [keys[rows, lowest] for keys in ahead]
    second = ahead[0][rows, np.minimum(nexts[0] + 1, N_KEYS)]
    values = [previous, lowest, np.minimum(count, MAX_COUNT), frame % 4, frame % 16, held, *nexts, second]
    return np.stack(values, axis=1)
