"""Sampling: the distribution it draws from, takes that do not depend on each other, and pieces that are legal."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.tokens.chorale import END, ChoraleGrid
from audio_lstm.music.tokens.representation import Cursor
from audio_lstm.music.writing.sample import SamplingConfig, sample_tokens, token_probabilities

GRID = ChoraleGrid(low=60, high=64)
V = GRID.vocabulary_size


def toy_step(
    columns: NDArray[np.int64], state: NDArray[np.float64] | None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """A model with a memory: its scores depend on all columns so far, row by row."""
    memory = np.zeros(len(columns)) if state is None else state
    memory = np.sin(3 * memory + columns.sum(axis=1))
    logits = np.cos(np.outer(memory, np.arange(1, V + 1)))
    logits[:, END] = 2 * memory - 1
    return logits.astype(np.float32), memory


def test_draws_follow_the_distribution() -> None:
    """A thousand first tokens against the exact probabilities of a memoryless model."""
    scores = np.log(np.array([1, 1, 1, 5, 3, 1, 0.5, 0.5], dtype=np.float32))

    def step(columns: NDArray[np.int64], state: int | None) -> tuple[NDArray[np.float32], int]:
        return np.tile(scores, (len(columns), 1)), 0

    takes = sample_tokens(step, GRID, n_takes=1000, seed=0, config=SamplingConfig(max_tokens=1))
    shares = np.bincount([take[0] for take in takes], minlength=V) / 1000
    expected = token_probabilities(scores[None], GRID.legal(np.array([3])), SamplingConfig())[0]
    np.testing.assert_allclose(shares, expected, atol=0.05)  # three standard errors
    assert shares[expected == 0].sum() == 0


def test_every_take_is_legal_and_ends_with_its_end() -> None:
    takes = sample_tokens(toy_step, GRID, n_takes=20, seed=1)
    for take in takes:
        assert take[-1] == END
        GRID.decode(take)
    assert len({take.size for take in takes}) > 3


def test_a_take_is_the_same_alone_and_in_any_batch() -> None:
    takes = sample_tokens(toy_step, GRID, n_takes=6, seed=5)
    for i, take in enumerate(takes):
        alone = sample_tokens(toy_step, GRID, n_takes=1, first_take=i, seed=5)
        np.testing.assert_array_equal(alone[0], take)
    others = sample_tokens(toy_step, GRID, n_takes=6, seed=6)
    assert any(a.tolist() != b.tolist() for a, b in zip(takes, others, strict=True))


def test_temperature_zero_does_not_depend_on_the_seed() -> None:
    config = SamplingConfig(temperature=0, max_tokens=40)
    first = sample_tokens(toy_step, GRID, n_takes=1, seed=0, config=config)
    np.testing.assert_array_equal(first[0], sample_tokens(toy_step, GRID, n_takes=1, seed=1, config=config)[0])


def test_writing_stops_at_max_tokens() -> None:
    def step(columns: NDArray[np.int64], state: int | None) -> tuple[NDArray[np.float32], int]:
        return np.where(np.arange(V) == END, -99, 0).astype(np.float32)[None].repeat(len(columns), 0), 0

    takes = sample_tokens(step, GRID, n_takes=2, seed=0, config=SamplingConfig(max_tokens=33))
    assert [take.size for take in takes] == [33, 33]


def test_a_mask_is_obeyed() -> None:
    def no_rest(cursor: Cursor) -> NDArray[np.bool_]:
        allowed = np.ones_like(cursor.legal())
        allowed[:, 2] = False
        return allowed

    takes = sample_tokens(toy_step, GRID, n_takes=8, seed=1, mask=no_rest)
    assert not any((take == 2).any() for take in takes)


def test_a_mask_that_leaves_nothing_is_refused() -> None:
    def nothing_after_six(cursor: Cursor) -> NDArray[np.bool_]:
        return np.zeros_like(cursor.legal()) | (cursor.columns()[:, [9]] != 2)  # the voice column

    with pytest.raises(ConfigError, match="the constraint leaves take 3 no legal token after 2"):
        sample_tokens(toy_step, GRID, n_takes=2, first_take=3, seed=1, mask=nothing_after_six)


@pytest.mark.parametrize("options", [{"n_takes": 0}, {"seed": -1}, {"first_take": -1}])
def test_bad_counts_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="n_takes must be >= 1, seed and first_take >= 0; got"):
        sample_tokens(toy_step, GRID, **({"n_takes": 1, "seed": 0} | options))  # type: ignore[arg-type]
