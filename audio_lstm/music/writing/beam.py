"""Beam search: the likeliest pieces of a given length that keep to their constraints, as far as some beams can see.

What is likely is not always what is interesting (Holtzman et al. 2020), but where a piece has to be good rather than
new it is worth asking. Nothing is drawn: the same request gives the same pieces. Pieces of events are compared by their
mean over the tokens, since the sum would favour those with the fewest notes (Murray and Chiang 2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.tokens.representation import START
from audio_lstm.music.writing.writing import Request, beginning_of, make_writer, select_state

__all__ = ["search_beams"]


def search_beams(request: Request, beam_size: int) -> list[NDArray[np.int64]]:
    """The likeliest pieces that were found.

    Args:
        request: What is asked for; its seed and temperature play no part.
        beam_size: How many beginnings are kept at each token.

    Returns:
        The tokens of each beam, the likeliest first.

    Raises:
        ConfigError: The length of the piece is not given.
    """
    if request.wishes.bars is None:
        raise ConfigError("beam_size searches pieces of a given length; leave it out, or pass bars")
    writer, beginning = make_writer(request, 1), beginning_of(request)
    for token in beginning.tolist():  # the model reads it in one go
        writer.push([token])
    state = request.composer.read(beginning, 1)
    nats, lengths = np.zeros(1), np.zeros(1)  # (B,) what each beam has cost, and for how many tokens
    written = beginning[None]
    for _ in range(request.limited().max_tokens):
        logits, state = request.composer.step(writer.columns(), state)
        choices, done = writer.choices(), np.array(writer.done)
        costs = _costs(writer.weighed(logits, choices))
        costs[done] = 0.0
        parents = np.repeat(np.arange(len(choices)), [len(row) for row in choices])
        tokens = np.concatenate(choices)
        prices, lengths = nats[parents] + costs[parents, tokens], (lengths + ~done)[parents]
        best = np.argsort(prices * (lengths.max() / lengths), kind="stable")[:beam_size]
        parents, tokens, nats, lengths = parents[best], tokens[best], prices[best], lengths[best]
        writer.fork(parents.tolist())
        state = select_state(state, parents.tolist())
        writer.push(tokens.tolist())
        written = np.concatenate((written[parents], tokens[:, None]), axis=1)
        if all(writer.done):
            break
    return [row[: len(beginning) + int(length)] for row, length in zip(written, lengths, strict=True)]


def _costs(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """What each token costs in nats, (B, V)."""
    scores = logits.astype(np.float64)
    scores[:, START] = -np.inf
    scores -= scores.max(axis=1, keepdims=True)
    costs: NDArray[np.float64] = np.log(np.exp(scores).sum(axis=1, keepdims=True)) - scores
    return costs
