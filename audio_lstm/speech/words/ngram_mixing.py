"""Linear interpolation of two n-gram models, merged into one: a large one for the language, a small one for a manner.

The probabilities are those of Jelinek and Mercer 1980 with one share for all histories; that the mixture is stored as
one back-off model, exact for the n-grams of either and approximate for what backs off, is Stolcke's (SRILM's -mix-lm,
2002). Weighting the sentences of a small text instead does not do it: a sentence that counts twenty times is taken for
twenty witnesses, and its model no longer smooths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.words.ngram import MARKS, NEVER, NgramModel, pack
from audio_lstm.speech.words.ngram_pruning import with_backoffs

__all__ = ["mix_ngrams"]


def mix_ngrams(model: NgramModel, other: NgramModel, share: float) -> NgramModel:
    """Interpolate two models.

    Examples:
        >>> from audio_lstm.speech.words.lm_file import read_ngram
        >>> from audio_lstm.speech.words.ngram import train_ngram
        >>> mixed = mix_ngrams(train_ngram(["THE CAT SAT", "THE CAT RAN"]), read_ngram("lm.arpa"), 0.5)

    Args:
        model: Any.
        other: Any; words that only one of them knows have no probability in the other.
        share: Of the other's probabilities, between 0 and 1.

    Returns:
        The mixture, with the words and the n-grams of both; it cannot be pruned, as nobody knows its frequencies.

    Raises:
        ConfigError: If the share does not lie between 0 and 1.
    """
    if not 0 < share < 1:
        raise ConfigError(f"the share of the other model must lie between 0 and 1, got {share}")
    known = set(model.words)
    words = (*model.words, *(word for word in other.words if word not in known))
    symbols = {word: number for number, word in enumerate((*words, *MARKS))}
    parts = [(one, np.array([symbols[word] for word in (*one.words, *MARKS)], np.int64)) for one in (model, other)]
    parents, last, sizes = _union(parts)
    zeros = np.zeros(len(parents), np.float32)
    tree = NgramModel(words, sizes, parents.astype(np.int32), last.astype(np.int32), zeros, zeros)
    probs = np.zeros(len(parents))
    for weight, (one, symbol_of) in zip((1 - share, share), parts, strict=True):
        probs += weight * np.exp(_log_probs(tree, one, symbol_of))
    log_probs = np.log(np.maximum(probs, np.exp(NEVER))).astype(np.float32)
    log_probs[0] = 0.0
    return with_backoffs(NgramModel(words, sizes, tree.parents, tree.symbols, log_probs, zeros))


def _union(
    parts: list[tuple[NgramModel, NDArray[np.int64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[int, ...]]:
    """Parents and symbols of the tree that holds the n-grams of all, and how many there are of each order."""
    places = [np.zeros(len(one.parents), np.int64) for one, _ in parts]  # of each model's nodes in the tree
    parents, symbols, sizes = [np.array([-1])], [np.array([-1])], []
    offset = 1
    for order in range(1, max(one.order for one, _ in parts) + 1):
        keys = []
        for (one, symbol_of), place in zip(parts, places, strict=True):
            part = one.nodes(order) if order <= one.order else slice(0, 0)
            keys.append(pack(place[one.parents[part]], symbol_of[one.symbols[part]]))
        union = np.unique(np.concatenate(keys))
        for (one, _), place, own in zip(parts, places, keys, strict=True):
            if order <= one.order:
                place[one.nodes(order)] = offset + np.searchsorted(union, own)
        parents.append(union >> 32)
        symbols.append(union - (union >> 32 << 32))
        sizes.append(len(union))
        offset += len(union)
    return np.concatenate(parents), np.concatenate(symbols), tuple(sizes)


def _log_probs(tree: NgramModel, one: NgramModel, symbol_of: NDArray[np.int64]) -> NDArray[np.float64]:
    """What a model gives the n-grams of a tree, backing off where it has to: natural log (n_nodes,); -inf: no word."""
    own = np.full(len(tree.words) + len(MARKS), -1)  # the model's symbols by the tree's
    own[symbol_of] = np.arange(len(symbol_of))
    result = np.full(len(tree.parents), -np.inf)
    histories = np.zeros(len(tree.parents), np.int64)  # the longest end of each n-gram that the model has
    for order in range(1, tree.order + 1):
        nodes = np.arange(len(result))[tree.nodes(order)]
        words = own[tree.symbols[nodes]]
        history = histories[tree.parents[nodes]]
        price = np.zeros(len(nodes))
        pending = np.flatnonzero(words >= 0)
        while pending.size:
            found = one.find(history[pending], words[pending])
            there = found >= 0
            hit = pending[there]
            result[nodes[hit]] = price[hit] + one.log_probs[found[there]]
            histories[nodes[hit]] = found[there]
            pending = pending[~there]
            pending = pending[history[pending] > 0]
            price[pending] += one.backoffs[history[pending]]
            history[pending] = one.suffixes[history[pending]]
    return result
