"""Writing new pieces: one token at a time from a model's scores, under the grammar and any further constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.tokens.representation import Cursor, Representation
from audio_lstm.music.writing.choose import SamplingConfig, choose_tokens, token_probabilities
from audio_lstm.music.writing.constraints import Constraint, Mask, Masked

__all__ = ["Mask", "SamplingConfig", "Writer", "sample_tokens", "token_probabilities", "write_steps"]

Place = TypeVar("Place", bound=Cursor)
State = TypeVar("State")
Step = Callable[[NDArray[np.int64], State | None], tuple[NDArray[np.float32], State]]
"""(columns (B, K), state or None at the start) -> (logits (B, V), state)."""
_N_DRAWN = 512  # random numbers at a time: one by one they would cost as much as a choice
_ANYTHING = np.ones((1, 1), np.bool_)  # what is offered before anything is ruled out


class Writer(Generic[Place]):
    """A batch of pieces that are being written, and which tokens keep to all their constraints.

    Args:
        cursor: Where the pieces stand.
        constraints: In the order in which they apply.
        planned: Whether the first constraint offers legal tokens alone, so that no others need be asked for.
        bar_tokens: How many tokens a bar of every piece has; None where the cursor counts the bars.
    """

    def __init__(
        self,
        cursor: Place,
        constraints: Sequence[Constraint[Place]] = (),
        *,
        planned: bool = False,
        bar_tokens: int | None = None,
    ) -> None:
        self.cursor = cursor
        self._constraints, self._planned, self._bar_tokens = list(constraints), planned, bar_tokens
        self.n_tokens = 0  # of each piece that has not ended

    @property
    def done(self) -> list[bool]:
        """Which pieces have ended."""
        done: list[bool] = self.cursor.done.tolist()
        return done

    @property
    def held(self) -> NDArray[np.int64] | None:
        """The token that would only prolong what sounds already, (B,): see `Cursor.held`; None where none ever does."""
        return None if isinstance(self.cursor, EventCursor) else self.cursor.held

    @property
    def n_bars(self) -> int:
        """How many bars every piece has begun."""
        if self._bar_tokens is not None:
            return -(-self.n_tokens // self._bar_tokens)
        return int(self.cursor.n_bars.min()) if isinstance(self.cursor, EventCursor) else 0

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        return self.cursor.columns()

    def choices(self) -> list[NDArray[np.int64]]:
        """The tokens that may come next in each piece, ascending.

        Returns:
            At least one of each.

        Raises:
            ConfigError: The constraints leave nothing.
        """
        offered = _ANYTHING if self._planned else self.cursor.legal()
        for constraint in self._constraints:
            offered = constraint.allowed(self.cursor, offered)
        choices = [np.flatnonzero(row) for row in offered]
        if not all(map(len, choices)):
            raise ConfigError(self._reason())
        return choices

    def _reason(self) -> str:
        """What the constraint says that leaves nothing."""
        offered = _ANYTHING if self._planned else self.cursor.legal()
        for constraint in self._constraints:
            offered = constraint.allowed(self.cursor, offered)
            left = offered.any(axis=1)
            if not left.all():
                return constraint.reason(self.cursor, int(left.argmin()))
        return "nothing may come next"

    def weighed(self, logits: NDArray[np.float32], choices: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """The scores as the constraints weigh them.

        Args:
            logits: (B, V) as the model gives them.
            choices: What `choices` returned.

        Returns:
            The same array where nothing changes, else a new one.
        """
        for constraint in self._constraints:
            logits = constraint.reweigh(self.cursor, logits, choices)
        return logits

    def push(self, tokens: Sequence[int]) -> None:
        """Append one token to each piece.

        Args:
            tokens: One of the choices of each; ignored in pieces that are done.
        """
        if isinstance(self.cursor, EventCursor) and self._planned:
            self.cursor.advance(tokens)
        else:
            self.cursor.push(np.array(tokens, np.int64))
        self.n_tokens += 1
        for constraint in self._constraints:
            constraint.push(self.cursor, tokens)

    def fork(self, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only; one that is named twice goes on twice.

        Args:
            rows: Their places in the batch.
        """
        self.cursor.fork(rows)
        for constraint in self._constraints:
            constraint.fork(self.cursor, rows)


def write_steps(
    step: Step[State],
    writer: Writer[Any],
    *,
    generators: Sequence[np.random.Generator],
    config: SamplingConfig,
    state: State | None = None,
    select: Callable[[State, Sequence[int]], State] | None = None,
) -> Iterator[tuple[list[int], list[int]]]:
    """Write pieces side by side, and tell each token as it is chosen.

    The cost of a step does not grow with what has been written.

    Args:
        step: the model: scores of the next token of each piece, and its state.
        writer: where the pieces stand.
        generators: of each piece, from which it draws one number a token: pieces never share their luck.
        config: temperature, cuts, and the most tokens.
        state: of the model, where it has read a beginning already.
        select: the state of some pieces of a batch: with it, the model no longer runs for pieces that have ended.

    Yields:
        The numbers of the pieces that go on, and the token of each.
    """
    rows = list(range(len(generators)))
    luck = np.zeros((len(rows), 0))
    for number in range(config.max_tokens):
        if number % _N_DRAWN == 0:
            luck = np.stack([generators[row].random(_N_DRAWN) for row in rows])
        logits, state = step(writer.columns(), state)
        choices = writer.choices()
        logits = writer.weighed(logits, choices)
        tokens = choose_tokens(logits, choices, luck[:, number % _N_DRAWN], config, held=writer.held)
        was_done = writer.done
        writer.push(tokens)
        if not any(was_done):
            yield list(rows), tokens
        else:
            going = [place for place, ended in enumerate(was_done) if not ended]
            yield [rows[place] for place in going], [tokens[place] for place in going]
        done = writer.done
        if all(done):
            return
        if any(done) and select is not None:
            going = [place for place, ended in enumerate(done) if not ended]
            writer.fork(going)
            rows, luck, state = [rows[place] for place in going], luck[going], select(state, going)


def sample_tokens(
    step: Step[State],
    representation: Representation,
    *,
    n_takes: int,
    seed: int,
    config: SamplingConfig | None = None,
    mask: Mask | Sequence[Constraint[Any]] = (),
    first_take: int = 0,
) -> list[NDArray[np.int64]]:
    """New pieces under a mask, written side by side.

    Take i draws from its own generator, seeded with (seed, i): it is the same piece whatever the number of takes
    beside it (as far as the engine's logits are), and `first_take=i, n_takes=1` writes it alone.

    Args:
        step: the model: scores of the next token of each piece, and its state.
        representation: the grammar, and the columns that `step` reads.
        n_takes: how many pieces (B), at least 1.
        seed: not negative.
        config: temperature and cuts; None = the defaults.
        mask: which tokens may come next beside the grammar: a mask such as `without_parallels`, or constraints.
        first_take: number of the first take, not negative.

    Returns:
        The tokens of each piece, (N,) int64: up to its end, or `max_tokens` long where it has none.

    Raises:
        ConfigError: no takes, a negative seed or take, or a constraint that leaves nothing to choose.
    """
    if n_takes < 1 or first_take < 0 or seed < 0:
        raise ConfigError(f"n_takes must be >= 1, seed and first_take >= 0; got {n_takes}, {seed} and {first_take}")
    written: list[list[int]] = [[] for _ in range(n_takes)]
    constraints = [Masked(mask, first_take=first_take)] if callable(mask) else mask
    writer = Writer(representation.cursor(n_takes), constraints)
    generators = [np.random.default_rng([seed, first_take + take]) for take in range(n_takes)]
    for rows, tokens in write_steps(step, writer, generators=generators, config=config or SamplingConfig()):
        for row, token in zip(rows, tokens, strict=True):
            written[row].append(token)
    return [np.array(tokens, dtype=np.int64) for tokens in written]
