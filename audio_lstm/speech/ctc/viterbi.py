"""The likeliest path through the states of a text: exact, in memory that grows with the states and not with the time.

The states are CTC's (Graves, Fernández, Gomez & Schmidhuber 2006, section 4.1): the symbols of a text with a blank
before, between and after them. Beyond that, stretches of symbols may be left out at a cost, so that a text need not
match its recording throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["StateGraph", "best_path"]

IMPOSSIBLE = -1e6  # stands for -inf inside the search: far below any log-softmax, yet such frames are still counted
_MAX_CELLS = 1 << 25  # back-pointers, one byte a state and frame, that are kept without a second pass
_SCORE_BYTES = 8
_LEFT_OUT = 4  # marks a stop that was reached by leaving a stretch out; below it, how many states before: 0, 1 or 2


@dataclass(frozen=True, eq=False)
class StateGraph:
    """2 n + 1 states in a row; a path stays, moves to the next, or skips a state between two different symbols."""

    labels: NDArray[np.int64]  # (S,) the emission's column that each state reads; symbols lie at odd states
    stops: NDArray[np.int64]  # (k,) even states, rising: what lies between two of them may be left out; (0,): nothing
    costs: NDArray[np.float64]  # (k - 1,) of leaving out what lies between a stop and the next, above 0

    @classmethod
    def of_symbols(cls, symbols: NDArray[np.int64], blank: int) -> StateGraph:
        """The states of symbols (n,) of which none may be left out."""
        labels = np.full(2 * len(symbols) + 1, blank)
        labels[1::2] = symbols
        return cls(labels, np.zeros(0, np.int64), np.zeros(0))


def best_path(emissions: NDArray[np.floating], graph: StateGraph) -> NDArray[np.int64]:
    """The state of each frame on the likeliest path from the first state or symbol to the last symbol or state.

    The forward variables of Graves et al. 2006 (equations 5 to 8) with the maximum in place of the sum. Where steps
    tie, the path stays in its state before it moves on, moves one state before it skips one, and does so before it
    leaves a stretch out. Long paths are computed twice: once forwards, keeping the scores of some frames, then
    block by block from the last with back-pointers (Grice, Hughey & Speck 1997, "Reduced space sequence alignment").

    Args:
        emissions: Natural-log scores (T, columns), at most 0.
        graph: The states (S,).

    Returns:
        (T,), never falling; a stretch is left out where no frame lies in its states. Where T is too small for the
        states, what comes back is no path.
    """
    n_frames, n_states = len(emissions), len(graph.labels)
    if n_frames == 0:
        return np.zeros(0, np.int64)
    search = _Search(emissions, graph)
    block = max(_MAX_CELLS // n_states, math.ceil(math.sqrt(_SCORE_BYTES * n_frames)))
    begins = list(range(0, n_frames, block))
    scores = search.start()
    kept = [scores.copy()]
    for begin in begins[:-1]:
        search.advance(scores, begin, begin + block, None)
        kept.append(scores.copy())
    steps = np.empty((min(block, n_frames), n_states), np.uint8)
    path = np.empty(n_frames, np.int64)
    state = -1
    for begin in reversed(begins):
        scores = kept.pop()
        end = min(begin + block, n_frames)
        search.advance(scores, begin, end, steps)
        if state < 0:  # the path ends in the last symbol, or in the state after it
            state = n_states - 1 - int(n_states > 1 and scores[-2] > scores[-1])
        state = search.walk_back(path[begin:end], steps, state)
    return path


class _Search:
    """The arrays of a search that are written over in every frame."""

    def __init__(self, emissions: NDArray[np.floating], graph: StateGraph) -> None:
        n_states = len(graph.labels)
        self._emissions, self._labels = emissions, graph.labels
        # The state between two symbols may be skipped unless they are equal.
        self._penalties = np.full(n_states, -np.inf)  # (S,) of arriving from two states before
        self._penalties[3::2] = np.where(graph.labels[3::2] == graph.labels[1:-2:2], -np.inf, 0.0)
        self._stops = graph.stops
        self._padded_stops = graph.stops + 2
        self._costs = np.concatenate([[0.0], np.cumsum(graph.costs)])  # (k,) from the first stop
        self._previous_stop = np.zeros(n_states, np.int64)
        self._previous_stop[graph.stops[1:]] = graph.stops[:-1]
        self._skipped, self._best, self._read = (np.empty(n_states) for _ in range(3))
        self._moved, self._jumped = (np.empty(n_states, bool) for _ in range(2))

    def start(self) -> NDArray[np.float64]:
        """The scores before the first frame, (2 + S,): padded so that every state has two before it."""
        scores = np.full(len(self._labels) + 2, -np.inf)
        scores[2] = 0.0
        if len(self._stops):
            scores[self._padded_stops] = -self._costs
        return scores

    def advance(self, scores: NDArray[np.float64], begin: int, end: int, steps: NDArray[np.uint8] | None) -> None:
        """Take the scores (2 + S,) over the frames begin to end; steps (frames, S) gets how each state was reached."""
        here, before, two_before = scores[2:], scores[1:-1], scores[:-2]
        skipped, best, moved, jumped = self._skipped, self._best, self._moved, self._jumped
        possible = np.maximum(self._emissions[begin:end].astype(np.float64), IMPOSSIBLE)
        for row in range(end - begin):
            np.add(two_before, self._penalties, out=skipped)
            np.maximum(here, before, out=best)
            if steps is not None:
                np.greater(before, here, out=moved)
                np.greater(skipped, best, out=jumped)
                np.add(jumped, jumped, out=steps[row], dtype=np.uint8)
                np.maximum(steps[row], moved.view(np.uint8), out=steps[row])
            np.maximum(best, skipped, out=best)
            np.take(possible[row], self._labels, out=self._read)
            np.add(best, self._read, out=here)
            if len(self._stops):
                self._leave_out(scores, None if steps is None else steps[row])

    def _leave_out(self, scores: NDArray[np.float64], steps: NDArray[np.uint8] | None) -> None:
        """Let stops be reached from the stops before them, within the frame."""
        at_stops = scores.take(self._padded_stops)
        reached = np.maximum.accumulate(at_stops + self._costs) - self._costs
        better = reached > at_stops + 1e-9  # more than rounding
        scores[self._padded_stops[better]] = reached[better]
        if steps is not None:
            steps[self._stops[better]] |= _LEFT_OUT

    def walk_back(self, path: NDArray[np.int64], steps: NDArray[np.uint8], state: int) -> int:
        """Write the path (frames,) that ends in a state; returns the state of the frame before the first."""
        for row in range(len(path) - 1, -1, -1):
            step = int(steps[row, state])
            while step & _LEFT_OUT:
                state = int(self._previous_stop[state])
                step = int(steps[row, state])
            path[row] = state
            state -= step
        return state
