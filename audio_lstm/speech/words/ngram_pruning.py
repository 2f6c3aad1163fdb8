"""Entropy pruning: leave out the n-grams that a back-off model misses least, until it is small enough.

Stolcke, "Entropy-based pruning of backoff language models", DARPA Broadcast News Transcription and Understanding
Workshop, 1998. We differ in where the probability of a history comes from: the text itself, as Chelba et al. 2010
("Study on interaction between entropy pruning and Kneser-Ney smoothing") advise, since the lower orders of a Kneser-Ney
model say how many words a word follows, not how often it occurs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.words.ngram import NgramModel

__all__ = ["prune_ngram", "prune_to_size", "removal_costs", "with_backoffs"]

_TINY = 1e-12  # probability that histories and what they back off to keep at least, so that no logarithm is infinite
_CLOSE_ENOUGH, _AIM = 0.97, 0.985  # of the size that is allowed: what will do, and what is tried for
_FEW = 1_000_000  # n-grams that are written in no time
_NEARLY = 1.5  # times that size: a model that seems no larger may fit whole


def removal_costs(model: NgramModel) -> NDArray[np.float64]:
    """What it costs to leave each n-gram out and to back off instead.

    Args:
        model: As `train_ngram` returns it, with the frequencies of its n-grams.

    Returns:
        float64 (n_nodes,): by what fraction the perplexity rises without the n-gram (Stolcke 1998, equation 5 and
        section 3); that of an n-gram which others extend is at least theirs, and infinite for single words.

    Raises:
        ValueError: If the model was read from a file, which does not say how often its n-grams occur.
    """
    if model.frequencies is None:
        raise ValueError("only a model that has just been trained can be pruned: files do not hold frequencies")
    probs = np.exp(model.log_probs.astype(np.float64))
    lower = np.exp(_backed_off(model))
    left, left_lower = _left_over(model, probs, lower)
    costs = np.full(len(probs), np.inf)
    for order in range(2, model.order + 1):
        nodes = np.arange(len(probs))[model.nodes(order)]
        parents = model.parents[nodes]
        p, free = probs[nodes], left[parents]
        weight = np.log((free + p) / (left_lower[parents] + lower[nodes]))  # the new back-off weight
        change = np.log(lower[nodes]) + weight - np.log(p)
        loss = p * change + free * (weight - np.log(free / left_lower[parents]))
        costs[nodes] = np.expm1(np.maximum(0.0, -model.frequencies[parents].astype(np.float64) * loss))
    for order in range(model.order, 2, -1):  # an n-gram goes only after those that extend it
        part = model.nodes(order)
        np.maximum.at(costs, model.parents[part], costs[part])
    return costs


def prune_ngram(model: NgramModel, threshold: float, costs: NDArray[np.float64] | None = None) -> NgramModel:
    """Leave out every n-gram whose loss raises the perplexity by less than a fraction; single words stay.

    Examples:
        >>> from audio_lstm.speech.words.ngram import train_ngram
        >>> smaller = prune_ngram(train_ngram(["THE CAT SAT", "THE CAT RAN"]), 1e-8)

    Args:
        model: As `train_ngram` returns it.
        threshold: The fraction, as SRILM's `ngram -prune` takes it: 1e-9 is little, 1e-6 much.
        costs: Of `removal_costs`, if they are known already.

    Returns:
        The smaller model, its back-off weights made anew so that probabilities sum to 1 after every history.

    Raises:
        ConfigError: If the threshold is below 0 or no number.
    """
    if not 0 <= threshold < np.inf:
        raise ConfigError(f"the pruning threshold must be a number from 0 up, got {threshold}")
    kept = (removal_costs(model) if costs is None else costs) >= threshold
    kept[: model.nodes(1).stop] = True
    numbers = np.cumsum(kept) - 1
    sizes = [int(np.count_nonzero(kept[model.nodes(order)])) for order in range(1, model.order + 1)]
    while len(sizes) > 1 and not sizes[-1]:
        sizes.pop()
    parents = numbers[model.parents[kept]].astype(np.int32)
    parents[0] = -1
    frequencies = None if model.frequencies is None else model.frequencies[kept]
    backoffs = np.zeros(len(parents), np.float32)
    return with_backoffs(
        NgramModel(
            model.words, tuple(sizes), parents, model.symbols[kept], model.log_probs[kept], backoffs, frequencies
        )
    )


def with_backoffs(model: NgramModel) -> NgramModel:
    """A model whose back-off weights are such that probabilities sum to 1 after every history.

    Args:
        model: Its n-grams and their probabilities count, its back-off weights do not.

    Returns:
        The model with new weights.
    """
    weighted = replace(model, backoffs=np.zeros(len(model.parents), np.float32))
    probs = np.exp(model.log_probs.astype(np.float64))
    for order in range(2, model.order + 1):  # the shortest first: longer ones back off to them
        lower = np.exp(_backed_off(weighted, order))
        left, left_lower = _left_over(weighted, probs, lower)
        begun = np.bincount(model.parents[model.nodes(order)], minlength=len(probs)) > 0
        weighted.backoffs[begun] = np.log(left[begun] / left_lower[begun])
    return weighted


def prune_to_size(model: NgramModel, max_bytes: int, size_of: Callable[[NgramModel], int]) -> tuple[NgramModel, float]:
    """Prune a model until it is small enough.

    Args:
        model: As `train_ngram` returns it.
        max_bytes: How large it may be.
        size_of: Says how large a model is, in bytes.

    Returns:
        The largest model found that fits, at most 3 % smaller than it might be, and its threshold; 0: it fits as it is.

    Raises:
        ConfigError: If the words alone take more.
    """
    costs = removal_costs(model)
    ranked = np.sort(costs[model.nodes(1).stop :])[::-1]
    fewest, most = 0, len(ranked) + 1  # n-grams that fit, and that do not, beside the single words
    best, threshold = _with_ngrams(model, 0, ranked, costs)
    size_fewest, size_most = size_of(best), 0
    if size_fewest > max_bytes:
        raise ConfigError(
            f"the {len(model.words)} words alone take {size_fewest / 1e6:.3g} MB, more than {max_bytes / 1e6:.3g} MB; "
            "allow more, or leave out rare words"
        )
    # Sizes are nearly linear in the number of n-grams: a few of them tell how, where the whole is far too large to try.
    probe, _ = _with_ngrams(model, len(ranked) // 20, ranked, costs)
    slope = max(1.0, (size_of(probe) - size_fewest) / max(1, len(ranked) // 20))
    seems_near = len(ranked) < _FEW or size_fewest + slope * len(ranked) < _NEARLY * max_bytes
    if seems_near and (size_most := size_of(model)) <= max_bytes:
        return model, 0.0
    while size_fewest < _CLOSE_ENOUGH * max_bytes and most - fewest > 1:
        if size_most:
            slope = max(_TINY, (size_most - size_fewest) / (most - fewest))
        number = min(max(fewest + int((_AIM * max_bytes - size_fewest) / slope), fewest + 1), most - 1)
        candidate, cut = _with_ngrams(model, number, ranked, costs)
        size = size_of(candidate)
        if size > max_bytes:
            most, size_most = number, size
        else:
            slope = max(_TINY, (size - size_fewest) / (number - fewest))
            fewest, size_fewest, best, threshold = number, size, candidate, cut
    return best, threshold


def _with_ngrams(
    model: NgramModel, number: int, ranked: NDArray[np.float64], costs: NDArray[np.float64]
) -> tuple[NgramModel, float]:
    """The model with about so many n-grams beside its words, the dearest, and the threshold; 0: it is whole."""
    if number >= len(ranked):
        return model, 0.0
    threshold = float(ranked[number - 1]) if number else float(np.nextafter(ranked[0], np.inf))
    return prune_ngram(model, threshold, costs), threshold


def _backed_off(model: NgramModel, order: int = 0) -> NDArray[np.float64]:
    """Natural log (n_nodes,) of the probability that an n-gram's word has after the history without its first word.

    Of one order alone, or of all from 2 up; 0 for the others.
    """
    result = np.zeros(len(model.parents))
    orders = [order] if order else range(2, model.order + 1)
    for size in orders:
        pending = np.arange(len(result))[model.nodes(size)]
        histories = model.suffixes[model.parents[pending]]
        while pending.size:
            found = model.find(histories, model.symbols[pending])
            result[pending] += np.where(found >= 0, model.log_probs[found], model.backoffs[histories])
            missing = found < 0
            pending, histories = pending[missing], model.suffixes[histories[missing]]
    return result


def _left_over(
    model: NgramModel, probs: NDArray[np.float64], lower: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What histories (n_nodes,) leave to words that do not follow them: by their own order, and by the lower one."""
    longer = slice(model.nodes(1).stop, len(probs))
    parents = model.parents[longer]
    left, left_lower = (
        np.maximum(_TINY, 1 - np.bincount(parents, values[longer], len(probs))) for values in (probs, lower)
    )
    return left, left_lower
