"""Where a piece of events may not go on as the model would, it goes on elsewhere, as likely as it was meant to.

After a note a model decides between moving on (another position, the next bar, the end) and more notes at the same
time. Promises forbid some ways of moving on: the last bar has no next one, a full bar no further position. If those
tokens were only struck out, their probability would go to whatever is left, and a model that all but wanted the next
bar would fill the last instant of a piece with notes. So the forbidden ways hand their probability to those that are
left: the next bar to the end and the other way round, positions to all that is allowed; where there is none, to other
parts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.tokens.event_grammar import Kind

__all__ = ["moved_on"]


def moved_on(
    scores: NDArray[np.float32], choices: NDArray[np.int64], first: list[int], *, position: int, bar_steps: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]] | None:
    """The new scores of the ways to move on, after a note, a tempo, a key, a metre or a bar.

    Args:
        scores: Of all tokens, (V,).
        choices: The tokens that may come, ascending.
        first: The first token of each kind.
        position: Of the piece in its bar; -1 where the bar has just begun.
        bar_steps: Positions of the bar.

    Returns:
        Tokens and their scores; None where nothing changes.
    """
    end, bar, positions = first[Kind.END], first[Kind.BAR], first[Kind.POSITION]
    start, stop = np.searchsorted(choices, (positions, first[Kind.POSITION + 1])).tolist()
    has_end, has_bar = end in choices[:start], bar in choices[:start]
    all_positions = stop - start == bar_steps - 1 - position
    if has_end and has_bar and all_positions:
        return None
    both = float(np.logaddexp(scores[end], scores[bar]))
    edge = {end: float(scores[end]), bar: float(scores[bar])} if has_end and has_bar else {}
    if has_end != has_bar:
        edge = {end if has_end else bar: both}
    left = np.concatenate((np.array(list(edge), np.int64), choices[start:stop]))
    new = np.concatenate((np.array(list(edge.values()), np.float32), scores[choices[start:stop]]))
    if all_positions and edge:
        return left, new
    meant = np.append(scores[positions + position + 1 : positions + bar_steps], np.float32(both))
    if not len(left):
        tracks = first[Kind.TRACK], first[Kind.TRACK + 1]
        left = choices[slice(*np.searchsorted(choices, tracks).tolist())]
        if not len(left):
            return None
        new = scores[left]
        meant = np.concatenate((meant, new))
    return left, new + np.float32(_total(meant) - _total(new))


def _total(scores: NDArray[np.float32]) -> float:
    """The logarithm of the sum of what the scores are logarithms of."""
    highest = float(scores.max())
    return highest + math.log(float(np.exp(scores - highest).sum()))
