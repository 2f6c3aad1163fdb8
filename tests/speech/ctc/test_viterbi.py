"""The search against every path, in one pass and in blocks, with stretches that may be left out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.speech.ctc import viterbi
from audio_lstm.speech.ctc.viterbi import StateGraph, best_path


def emissions(n_frames: int, n_columns: int, seed: int) -> NDArray[np.float64]:
    return -np.random.default_rng(seed).exponential(2.0, (n_frames, n_columns))


def words_graph(lengths: list[int], seed: int) -> StateGraph:
    """Words of random symbols 1 and 2 with stops (column 3) between them."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(2 * sum(lengths) + 1, np.int64)
    labels[1::2] = rng.integers(1, 3, sum(lengths))
    stops = 2 * np.cumsum([0, *lengths])
    labels[stops] = 3
    return StateGraph(labels, stops, rng.uniform(0.5, 3.0, len(lengths)))


def best_score(scores: NDArray[np.float64], graph: StateGraph) -> float:
    """The score of the best of all rows of states that are paths."""
    n_states = len(graph.labels)
    costs = dict(zip(zip(graph.stops[:-1].tolist(), graph.stops[1:].tolist(), strict=True), graph.costs, strict=True))
    reach: dict[int, dict[int, float]] = {}  # from a state, by leaving words out, to a state at a cost
    for state in range(n_states):
        reach[state] = {state: 0.0}
        here, cost = state, 0.0
        for (begin, end), price in costs.items():
            if begin == here:
                here, cost = end, cost + price
                reach[state][here] = cost

    def step(before: int, after: int) -> bool:
        skips = after - before == 2 and after % 2 == 1 and graph.labels[before] != graph.labels[after]
        return after - before in (0, 1) or bool(skips)

    best = -np.inf
    for path in itertools.product(range(n_states), repeat=len(scores)):
        score = sum(scores[frame, graph.labels[state]] for frame, state in enumerate(path))
        froms = [0, *path]
        for frame, after in enumerate(path):
            ways = [-cost for middle, cost in reach[froms[frame]].items() if step(middle, after)]
            score += max(ways, default=-np.inf)
        ends = [-cost for last, cost in reach[path[-1]].items() if last in (n_states - 1, n_states - 2)]
        best = max(best, score + max(ends, default=-np.inf))
    return float(best)


def score_of(path: NDArray[np.int64], scores: NDArray[np.float64], graph: StateGraph) -> float:
    """Of a path that was found: a word none of whose states it has is left out."""
    visited = set(path.tolist())
    left_out = [
        cost
        for begin, end, cost in zip(graph.stops[:-1], graph.stops[1:], graph.costs, strict=True)
        if not visited & set(range(begin + 1, end))
    ]
    return float(scores[np.arange(len(path)), graph.labels[path]].sum() - sum(left_out))


@pytest.mark.parametrize("lengths", [[1, 1], [2], [2, 1]])
@pytest.mark.parametrize("n_frames", [1, 3, 4])
def test_the_path_is_the_best_of_all_with_and_without_words(lengths: list[int], n_frames: int) -> None:
    n_left_out = 0
    for seed in range(20):
        graph, scores = words_graph(lengths, seed), emissions(n_frames, 4, seed)
        path = best_path(scores, graph)
        assert path.tolist() == sorted(path.tolist())
        assert score_of(path, scores, graph) == pytest.approx(best_score(scores, graph))
        n_left_out += len(set(path[path % 2 == 1].tolist())) < sum(lengths)
    assert n_left_out > 0  # else nothing was tested


@pytest.mark.parametrize("with_stops", [True, False])
def test_blocks_give_the_same_path_in_less_memory(monkeypatch: pytest.MonkeyPatch, *, with_stops: bool) -> None:
    graph = words_graph([3, 1, 2, 4, 1, 5], seed=4)
    if not with_stops:
        graph = StateGraph.of_symbols(graph.labels[1::2], 0)
    scores = emissions(400, 4, seed=1)
    whole = best_path(scores, graph)
    monkeypatch.setattr(viterbi, "_MAX_CELLS", 1)
    np.testing.assert_array_equal(best_path(scores, graph), whole)
    assert whole[-1] >= len(graph.labels) - 2


def test_leaving_many_words_out_costs_what_they_cost_together() -> None:
    graph = words_graph([2] * 6, seed=0)
    scores = np.full((3, 4), -50.0)
    scores[:, 3] = 0.0  # nothing but what stands between the words
    path = best_path(scores, graph)
    assert not (path % 2).any()
    assert score_of(path, scores, graph) == pytest.approx(-graph.costs.sum())


def test_no_frame_is_an_empty_path() -> None:
    assert best_path(np.zeros((0, 4)), words_graph([1], seed=0)).shape == (0,)
