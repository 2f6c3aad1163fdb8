"""Writing new pieces: one token at a time from a model's scores, under the grammar and any further constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.tokens.representation import Cursor, Representation
from audio_lstm.music.writing.choose import SamplingConfig, choose_tokens, token_probabilities

__all__ = ["Mask", "SamplingConfig", "Writer", "sample_tokens", "token_probabilities", "write_steps"]

State = TypeVar("State")
Step = Callable[[NDArray[np.int64], State | None], tuple[NDArray[np.float32], State]]
"""(columns (B, K), state or None at the start) -> (logits (B, V), state)."""
Mask = Callable[[Cursor], NDArray[np.bool_]]
"""A constraint: which tokens may come next, (B, V), asked at every token; the grammar applies on top of it."""

_N_DRAWN = 512  # random numbers at a time: one by one they would cost as much as a choice


class Writer(Protocol):
    """A batch of pieces that are being written, and which tokens keep all that was promised of them."""

    @property
    def done(self) -> list[bool]:
        """Which pieces have ended."""
        ...

    @property
    def held(self) -> NDArray[np.int64] | None:
        """The token that would only prolong what sounds already, (B,): see `Cursor.held`; None where none ever does."""
        ...

    def columns(self) -> NDArray[np.int64]:
        """The next row of input columns of each piece, (B, K)."""
        ...

    def choices(self) -> Sequence[NDArray[np.int64]]:
        """The tokens that may come next in each piece: at least one."""
        ...

    def weighed(self, logits: NDArray[np.float32], choices: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """The scores, where what was promised changes how likely the choices are.

        Args:
            logits: (B, V) as the model gives them.
            choices: what `choices` returned.

        Returns:
            The same array where nothing changes, else a new one.
        """
        ...

    def push(self, tokens: Sequence[int]) -> None:
        """Append one token to each piece.

        Args:
            tokens: one of the choices of each; ignored in pieces that are done.
        """
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the pieces only.

        Args:
            rows: their places in the batch, ascending.
        """
        ...


def write_steps(
    step: Step[State],
    writer: Writer,
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
            writer.keep(going)
            rows, luck, state = [rows[place] for place in going], luck[going], select(state, going)


def sample_tokens(
    step: Step[State],
    representation: Representation,
    *,
    n_takes: int,
    seed: int,
    config: SamplingConfig | None = None,
    mask: Mask | None = None,
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
        mask: a further constraint, for instance `constraints.without_parallels`.
        first_take: number of the first take, not negative.

    Returns:
        The tokens of each piece, (N,) int64: up to its end, or `max_tokens` long where it has none.

    Raises:
        ConfigError: no takes, a negative seed or take, or a constraint that leaves nothing to choose.
    """
    if n_takes < 1 or first_take < 0 or seed < 0:
        raise ConfigError(f"n_takes must be >= 1, seed and first_take >= 0; got {n_takes}, {seed} and {first_take}")
    written: list[list[int]] = [[] for _ in range(n_takes)]
    writer = _MaskedWriter(representation.cursor(n_takes), mask, first_take)
    generators = [np.random.default_rng([seed, first_take + take]) for take in range(n_takes)]
    for rows, tokens in write_steps(step, writer, generators=generators, config=config or SamplingConfig()):
        for row, token in zip(rows, tokens, strict=True):
            written[row].append(token)
    return [np.array(tokens, dtype=np.int64) for tokens in written]


class _MaskedWriter:
    """Any representation's cursor under a mask."""

    def __init__(self, cursor: Cursor, mask: Mask | None, first_take: int) -> None:
        self._cursor, self._mask, self._first_take = cursor, mask, first_take
        self._n_written = 0

    @property
    def done(self) -> list[bool]:
        done: list[bool] = self._cursor.done.tolist()
        return done

    @property
    def held(self) -> NDArray[np.int64]:
        return self._cursor.held

    def columns(self) -> NDArray[np.int64]:
        return self._cursor.columns()

    def choices(self) -> list[NDArray[np.int64]]:
        legal = self._cursor.legal()
        if self._mask is not None:
            live = np.flatnonzero(~self._cursor.done)
            legal[live] &= self._mask(self._cursor)[live]
            if not legal[live].any(axis=1).all():
                stuck = live[~legal[live].any(axis=1)][0]
                raise ConfigError(
                    f"the constraint leaves take {self._first_take + stuck} no legal token after {self._n_written}"
                )
        return [np.flatnonzero(row) for row in legal]

    def weighed(self, logits: NDArray[np.float32], choices: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        return logits

    def push(self, tokens: Sequence[int]) -> None:
        self._cursor.push(np.array(tokens, dtype=np.int64))
        self._n_written += 1

    def keep(self, rows: Sequence[int]) -> None:
        """All rows stay: a cursor cannot let go of some."""
