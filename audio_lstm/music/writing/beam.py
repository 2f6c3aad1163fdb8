"""Beam search: the likeliest chorales of a given length that keep their promises, as far as some beams can see.

What is likely is not always what is interesting (Holtzman et al. 2020), but where a piece has to be good rather than
new it is worth asking. Nothing is drawn: the same wishes give the same pieces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.representation import START
from audio_lstm.music.writing.writing import Request, make_writer, select_state
from audio_lstm.runtime import State

__all__ = ["search_beams"]


def search_beams(request: Request, beam_size: int) -> list[NDArray[np.int64]]:
    """The likeliest pieces that were found.

    Args:
        request: What is asked for; its seed and temperature play no part.
        beam_size: How many beginnings are kept at each cell.

    Returns:
        The tokens of each beam, the likeliest first.

    Raises:
        ConfigError: Not a chorale of given length, or one that goes on from something.
    """
    is_chorale = isinstance(request.composer.representation, ChoraleGrid)
    if not is_chorale or request.wishes.bars is None or request.start is not None:
        raise ConfigError(
            "beam_size searches chorales of a given length that begin with nothing; leave it out, or pass bars"
        )
    writer = make_writer(request, 1)
    state: State | None = None
    nats = np.zeros(1)  # (B,) what each beam has cost
    written = np.zeros((1, 0), np.int64)
    while not all(writer.done):
        logits, state = request.composer.step(writer.columns(), state)
        costs = _costs(logits)
        choices = writer.choices()
        parents = np.repeat(np.arange(len(choices)), [len(row) for row in choices])
        tokens = np.concatenate(choices)
        prices = nats[parents] + costs[parents, tokens]
        best = np.argsort(prices, kind="stable")[:beam_size]
        parents, tokens, nats = parents[best], tokens[best], prices[best]
        writer.fork(parents.tolist())
        state = select_state(state, parents.tolist())
        writer.push(tokens.tolist())
        written = np.concatenate((written[parents], tokens[:, None]), axis=1)
    return list(written)


def _costs(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """What each token costs in nats, (B, V)."""
    scores = logits.astype(np.float64)
    scores[:, START] = -np.inf
    scores -= scores.max(axis=1, keepdims=True)
    costs: NDArray[np.float64] = np.log(np.exp(scores).sum(axis=1, keepdims=True)) - scores
    return costs
