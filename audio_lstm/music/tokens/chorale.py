"""Four-voice chorales on a grid of 16ths: one token a cell, the voices of a step one after the other.

Liang 2017 ("Automatic stylistic composition of Bach chorales with deep LSTM", BachBot) writes a chorale as
the cells of its grid, step by step and voice by voice; each voice is then predicted from those already chosen
in its step, so the likelihood of a whole chord is exact. We differ from BachBot in three ways: a cell holds
its pitch alone (the data does not tell a repeated note from a held one), there are no fermatas, and the voice,
the metre and how long each pitch has been held are input columns and not left to the LSTM's memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music.score.voices import N_VOICES, REST_PITCH, VOICES, as_voice_grid
from audio_lstm.music.tokens.chorale_columns import (
    END,
    FEATURES,
    FIRST_PITCH,
    MAX_HOLD_STEPS,
    REST,
    clock,
    column_values,
    delayed,
    intervals,
)
from audio_lstm.music.tokens.config import RelativeScores
from audio_lstm.music.tokens.echo import Echo, echo_columns
from audio_lstm.music.tokens.representation import START, forked

__all__ = [
    "END",
    "FEATURES",
    "FIRST_PITCH",
    "MAX_HOLD_STEPS",
    "REST",
    "ChoraleCursor",
    "ChoraleGrid",
]


@dataclass(frozen=True)
class ChoraleGrid:
    """The chorale representation: 4 T cells and an END, which is legal only where a later step begins.

    The unit is the cell: `n_units` is 4 T. The cost of END is part of a piece's sum, not of its denominator.
    Every method that takes tokens raises ScoreError where they break this grammar.

    Raises:
        ConfigError: an order that is no permutation of SATB, a range outside MIDI, unknown features.
    """

    order: str = VOICES
    """In which order the voices of a step are written."""
    low: int = 33
    """Lowest pitch. jsb16 spans 36-81: three semitones below and above leave room for transposed copies."""
    high: int = 84
    """Highest pitch."""
    features: tuple[str, ...] = FEATURES
    """Which input columns the model sees: names out of FEATURES, "previous" first."""

    def __post_init__(self) -> None:
        if sorted(self.order) != sorted(VOICES):
            raise ConfigError(f"order must be a permutation of SATB such as BSTA, got {self.order!r}")
        if not 0 <= self.low <= self.high <= 127:
            raise ConfigError(f"the range must satisfy 0 <= low <= high <= 127, got {self.low}..{self.high}")
        unknown = [name for name in self.features if name not in FEATURES]
        if unknown:
            raise ConfigError(f"unknown features {', '.join(unknown)}; known: {', '.join(FEATURES)}")
        if not self.features or self.features[0] != FEATURES[0] or len(set(self.features)) != len(self.features):
            raise ConfigError(f'features must be distinct and begin with "previous", got {self.features}')

    @property
    def kind(self) -> str:
        """Always "chorale"."""
        return "chorale"

    @property
    def unit(self) -> str:
        """Always "cell"."""
        return "cell"

    @property
    def vocabulary_size(self) -> int:
        """START, END, REST and the pitches."""
        return FIRST_PITCH + self.high - self.low + 1

    @property
    def column_sizes(self) -> tuple[int, ...]:
        """The number of values of each input column, in the order of `features`."""
        sizes = column_values()
        return tuple(sizes.get(name, self.vocabulary_size) for name in self.features)

    @property
    def relative(self) -> RelativeScores | None:
        """The pitches, counted from the voice's last one."""
        if "lag_4" not in self.features:
            return None
        return RelativeScores(self.features.index("lag_4"), FIRST_PITCH, FIRST_PITCH, self.high - self.low + 1)

    def encode(self, grid: ArrayLike) -> NDArray[np.int64]:
        """The tokens of a voice grid.

        Args:
            grid: (T, 4) MIDI pitches of S, A, T, B a 16th, -1 = rest (in this order, whatever `order`).

        Returns:
            (4 T + 1,) int64, END last.

        Raises:
            ScoreError: not a voice grid, or a pitch outside `low`..`high`.
        """
        values = as_voice_grid(grid)
        outside = (values != REST_PITCH) & ((values < self.low) | (values > self.high))
        if outside.any():
            step, voice = (int(i) for i in np.argwhere(outside)[0])
            raise ScoreError(
                f"step {step}, voice {VOICES[voice]}: pitch {values[step, voice]} is outside {self.low}-"
                f"{self.high}; {self._way_out(values)}"
            )
        cells = np.where(values == REST_PITCH, REST, values - self.low + FIRST_PITCH)
        ordered = cells[:, [VOICES.index(voice) for voice in self.order]]
        return np.append(ordered.reshape(-1), END)  # (T, 4) -> (4 T + 1,)

    def _way_out(self, values: NDArray[np.int64]) -> str:
        """What to do about pitches outside the range: a transposition, by octaves if that will do."""
        pitches = values[values != REST_PITCH]
        least, most = self.low - int(pitches.min()), self.high - int(pitches.max())
        if least > most:
            return "it is wider than the range; use a model of events such as lieder"
        octaves = 12 * (-(-least // 12) if least > 0 else most // 12)
        move = octaves if least <= octaves <= most else (least if least > 0 else most)
        way = f"--transpose {move}, transpose={move}"
        return f"move it by {move} semitones ({way}), or compose with a model such as lieder"

    def decode(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The voice grid of a piece.

        Args:
            tokens: (N,), with or without END; a step that the sampler broke off is an error.

        Returns:
            (T, 4) int64 in the order S, A, T, B, -1 = rest.

        Raises:
            ScoreError: the tokens break the grammar, or end within a step.
        """
        checked = self._checked(tokens)
        cells = checked[:-1] if checked.size and checked[-1] == END else checked
        if cells.size % N_VOICES or cells.size == 0:
            raise ScoreError(f"a chorale has four cells a step and at least one step, got {cells.size} cells")
        values = np.where(cells == REST, REST_PITCH, cells - FIRST_PITCH + self.low).reshape(-1, N_VOICES)
        return values[:, [self.order.index(voice) for voice in VOICES]]

    def columns(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """The input columns of each cell, see FEATURES.

        Args:
            tokens: (N,) a piece, or its beginning.

        Returns:
            (N, K) int64; row t depends on tokens[:t] alone.
        """
        checked = self._checked(tokens)
        n = checked.size
        n_steps = -(-n // N_VOICES)
        cells = np.append(checked, np.full(n_steps * N_VOICES - n, START)).reshape(n_steps, N_VOICES)
        step = np.arange(n_steps)[:, None]
        moved = np.diff(cells, axis=0, prepend=-1) != 0  # (T, 4)
        struck = np.maximum.accumulate(np.where(moved, step, 0), axis=0)  # (T, 4) step at which the pitch began
        hold = np.minimum(step - struck + 1, MAX_HOLD_STEPS).reshape(-1)[:n]
        before = np.take_along_axis(cells, np.maximum(struck - 1, 0), axis=0)
        before = np.where(struck > 0, before, START).reshape(-1)[:n]
        position = np.arange(n)
        values = {f"lag_{lag}": delayed(checked, lag) for lag in range(1, 5)}
        values |= {f"hold_{lag}": delayed(hold, lag) for lag in range(1, 5)}
        values |= {"previous": values["lag_1"], "before": delayed(before, N_VOICES)}
        values |= clock(position) | intervals(values)
        if {"echo", "echo_length"} & set(self.features):
            values["echo"], values["echo_length"] = echo_columns(checked, cells_per_step=N_VOICES)
        return np.stack([values[name] for name in self.features], axis=1)

    def legal(self, tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The tokens allowed at each cell: any pitch or rest; END where a step begins, but the first.

        Args:
            tokens: (N,) a piece, or its beginning.

        Returns:
            (N, V) bool.
        """
        return self._legal_at(np.arange(self._checked(tokens).size))

    def cursor(self, batch: int) -> ChoraleCursor:
        """A cursor over pieces that are being written.

        Args:
            batch: how many pieces (B).

        Returns:
            The incremental twin of `columns` and `legal`.
        """
        return ChoraleCursor(self, batch)

    def n_units(self, tokens: NDArray[np.int64]) -> int:
        """How many cells the piece has; END is none.

        Args:
            tokens: (N,) one piece.

        Returns:
            4 T.
        """
        return int(np.count_nonzero(tokens != END))

    def to_dict(self) -> dict[str, Any]:
        """The order, range and features, as JSON values."""
        values: dict[str, Any] = {"kind": self.kind, "order": self.order, "low": self.low, "high": self.high}
        return values | {"features": list(self.features)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ChoraleGrid:
        """The representation that `to_dict` described.

        Args:
            values: what `to_dict` returned.

        Returns:
            An equal ChoraleGrid.

        Raises:
            ModelError: a field is missing, unknown, of another type or out of range.
        """
        expected = {"kind": str, "order": str, "low": int, "high": int, "features": list}
        if set(values) != set(expected) or any(type(values[k]) is not t for k, t in expected.items()):
            raise ModelError(f"a chorale representation has the fields {', '.join(expected)}, got {values!r}")
        if values["kind"] != "chorale":
            raise ModelError(f'expected a representation of kind "chorale", got {values["kind"]!r}')
        try:
            features = tuple(map(str, values["features"]))
            return cls(order=values["order"], low=values["low"], high=values["high"], features=features)
        except ConfigError as error:
            raise ModelError(f"chorale representation: {error}") from error

    def _legal_at(self, position: NDArray[np.int64]) -> NDArray[np.bool_]:
        legal = np.ones((position.size, self.vocabulary_size), dtype=np.bool_)
        legal[:, START] = False
        legal[:, END] = (position % N_VOICES == 0) & (position > 0)
        return legal

    def _checked(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        values = np.asarray(tokens)
        if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
            raise ScoreError(f"expected tokens (N,) of integers, got shape {values.shape} of {values.dtype}")
        end = (values == END) & (
            (np.arange(values.size) != values.size - 1) | (values.size % N_VOICES != 1) | (values.size == 1)
        )
        bad = (values <= START) | (values >= self.vocabulary_size) | end
        if bad.any():
            t = int(np.argmax(bad))
            raise ScoreError(f"token {values[t]} is not legal at cell {t} of a chorale of {values.size} tokens")
        return values.astype(np.int64)


class ChoraleCursor:
    """Where a batch of chorales that are being written stands; see `ChoraleGrid.cursor`."""

    def __init__(self, grid: ChoraleGrid, batch: int) -> None:
        if batch < 1:
            raise ConfigError(f"a cursor needs at least one piece, got batch={batch}")
        self._grid = grid
        self._position = np.zeros(batch, dtype=np.int64)
        self._done = np.zeros(batch, dtype=np.bool_)
        # What each voice sang last, what before that, and for how long: (B, 4), in the order of writing.
        self._last, self._before, self._hold = np.zeros((3, batch, N_VOICES), dtype=np.int64)
        self._echo = tuple(Echo(cells_per_step=N_VOICES) for _ in range(batch))

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which pieces have met their END, (B,)."""
        return self._done.copy()

    @property
    def n_cells(self) -> NDArray[np.int64]:
        """How many cells each piece has so far, (B,)."""
        return self._position.copy()

    @property
    def held(self) -> NDArray[np.int64]:
        """The pitch that the voice to be written sang last, (B,): writing it again prolongs it. START at first."""
        return self._last[np.arange(self._position.size), self._position % N_VOICES]

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        rows = np.arange(self._position.size)
        values = clock(self._position)
        for lag in range(1, N_VOICES + 1):
            voice = (self._position - lag) % N_VOICES
            values[f"lag_{lag}"] = self._last[rows, voice]
            values[f"hold_{lag}"] = self._hold[rows, voice]
        values["previous"] = np.where(self._done, END, values["lag_1"])
        values["before"] = self._before[rows, self._position % N_VOICES]
        values |= intervals(values)
        values["echo"] = np.array([echo.token() for echo in self._echo], dtype=np.int64)
        values["echo_length"] = np.array([echo.length() for echo in self._echo], dtype=np.int64)
        return np.stack([values[name] for name in self._grid.features], axis=1)

    @property
    def chord_steps(self) -> NDArray[np.int64]:
        """For how many steps, counted up to 16, no voice has moved, (B,): the shortest hold."""
        shortest: NDArray[np.int64] = self._hold.min(axis=1)
        return shortest

    def moved_in_step(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]]:
        """For each voice but the last to be written, what it has done in this step.

        Yields:
            The token it sang before and the one it sings now, (B,) each (the same one where the voice has not moved, or
            not been written yet), and whether it lies above the voice that is about to be written, (B,).
        """
        current = self._position % N_VOICES
        heights = np.array([VOICES.index(voice) for voice in self._grid.order])
        for voice in range(N_VOICES - 1):
            moved = (current > voice) & (self._hold[:, voice] == 1)
            now = self._last[:, voice]
            yield np.where(moved, self._before[:, voice], now), now.copy(), heights[voice] < heights[current]

    def legal(self) -> NDArray[np.bool_]:
        """The tokens that may come next, (B, V); END alone in a piece that is done."""
        legal = self._grid._legal_at(self._position)
        legal[self._done] = False
        legal[self._done, END] = True
        return legal

    def fork(self, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only: see `Cursor.fork`.

        Args:
            rows: their places in the batch.
        """
        rows = list(rows)
        self._position, self._done = self._position[rows], self._done[rows]
        self._last, self._before, self._hold = self._last[rows], self._before[rows], self._hold[rows]
        self._echo = tuple(forked(self._echo, rows))

    def push(self, tokens: NDArray[np.int64]) -> None:
        """Append one token to each piece that is not done.

        Args:
            tokens: (B,).

        Raises:
            ScoreError: a token is not legal, or not one a piece.
        """
        values = np.asarray(tokens, dtype=np.int64)
        if values.shape != self._position.shape:
            raise ScoreError(f"expected one token for each of {self._position.size} pieces, got shape {values.shape}")
        live = np.flatnonzero(~self._done)
        inside = (values > START) & (values < self._grid.vocabulary_size)
        end = (values == END) & ((self._position % N_VOICES != 0) | (self._position == 0))
        bad = live[~inside[live] | end[live]]
        if bad.size:
            row = int(bad[0])
            raise ScoreError(f"piece {row}: token {values[row]} is not legal at cell {self._position[row]}")
        self._done[live] = values[live] == END
        live = live[values[live] != END]
        voice, new = self._position[live] % N_VOICES, values[live]
        last = self._last[live, voice]
        moved = new != last
        self._before[live, voice] = np.where(moved, last, self._before[live, voice])
        self._hold[live, voice] = np.where(moved, 1, np.minimum(self._hold[live, voice] + 1, MAX_HOLD_STEPS))
        self._last[live, voice] = new
        self._position[live] += 1
        for row in live:
            self._echo[row].push(int(values[row]))
