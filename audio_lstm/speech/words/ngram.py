"""N-gram language models: back-off trees, and interpolated modified Kneser-Ney to make them from text.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech and Language 13,
1999, section 3; in the details that the paper leaves open we follow KenLM's lmplz (Heafield et al. 2013): n-grams that
begin with <s> keep their plain counts, unigrams are interpolated with the uniform distribution over the words, </s>
and <unk>, pruned n-grams leave their whole count to the back-off, and degenerate texts get the discounts 0.5, 1, 1.5.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.words.automaton import Arcs, WordAutomaton

__all__ = ["MARKS", "MAX_ORDER", "NEVER", "NgramModel", "pack", "train_ngram"]

MAX_ORDER = 5  # that can be trained
MARKS = ("<unk>", "<s>", "</s>")  # symbols n_words, n_words + 1 and n_words + 2
NEVER = -99 * math.log(10)  # of <s>, which no history predicts; -99 in ARPA files, as SRILM writes it

_USUAL_DISCOUNTS = (0.5, 1.0, 1.5)  # lmplz --discount_fallback
_SYMBOL_BITS = 32


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A back-off n-gram model as a tree: a node is an n-gram, its parent the n-gram without the last word.

    Node 0 is the empty n-gram. Nodes are sorted by order, then parent, then symbol. Logs are natural.
    """

    words: tuple[str, ...]  # symbol -> spelling; the MARKS follow them
    order_sizes: tuple[int, ...]  # number of n-grams of order 1, 2, …
    parents: NDArray[np.int32]  # (n_nodes,) -1 for node 0
    symbols: NDArray[np.int32]  # (n_nodes,) the last word; -1 for node 0
    log_probs: NDArray[np.float32]  # (n_nodes,) of the last word after the others
    backoffs: NDArray[np.float32]  # (n_nodes,) log price of a word that does not follow this n-gram in the tree
    # (n_nodes,) how often it occurred in the text, a word; None: not known, files do not say it
    frequencies: NDArray[np.float32] | None = None

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.order_sizes)

    def nodes(self, order: int) -> slice:
        """Where the n-grams of an order lie."""
        begin = 1 + sum(self.order_sizes[: order - 1])
        return slice(begin, begin + self.order_sizes[order - 1])

    @cached_property
    def _keys(self) -> NDArray[np.int64]:
        return pack(self.parents, self.symbols)

    def find(self, parents: NDArray[np.integer], symbols: NDArray[np.integer]) -> NDArray[np.int64]:
        """The children that nodes have for symbols.

        Args:
            parents: Nodes (n,); -1 has no children.
            symbols: Symbols (n,).

        Returns:
            int64 (n,) nodes; -1 where there is none.
        """
        keys = pack(parents, symbols)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where((self._keys[places] == keys) & (parents >= 0), places, -1)

    @cached_property
    def suffixes(self) -> NDArray[np.int64]:
        """int64 (n_nodes,): of each n-gram the longest part without its first word (or more) that is in the tree."""
        result = np.zeros(len(self.parents), np.int64)
        of_one = np.zeros(len(self.words) + len(MARKS), np.int64)  # symbol -> its node of order 1; 0: none
        if self.order > 1:
            of_one[self.symbols[self.nodes(1)]] = np.arange(1, 1 + self.order_sizes[0])
            result[self.nodes(2)] = of_one[self.symbols[self.nodes(2)]]
        for order in range(3, self.order + 1):
            pending = np.arange(self.nodes(order).start, self.nodes(order).stop)
            tried = result[self.parents[pending]]
            while pending.size:
                found = self.find(tried, self.symbols[pending])
                result[pending] = np.maximum(found, 0)
                shorter = np.flatnonzero((found < 0) & (tried > 0))
                pending, tried = pending[shorter], result[tried[shorter]]
        return result

    def to_automaton(self) -> WordAutomaton:
        """The automaton that decoders read: a state for every history that changes what may follow.

        Returns:
            It begins after <s>. A word leads to the longest history in the model; histories that no longer n-gram
            extends share the state of what they back off to, so that more hypotheses meet.
        """
        unk, bos, eos = range(len(self.words), len(self.words) + len(MARKS))
        has_child = np.zeros(len(self.parents), np.bool_)
        has_child[self.parents[1:]] = True
        is_state = (has_child | (self.backoffs != 0)) & (self.symbols != eos)
        is_state[self.nodes(self.order)] = False
        is_state[0] = True
        longest = np.where(is_state, np.arange(len(is_state)), 0)  # node -> the node whose state it shares
        endings = np.flatnonzero(self.symbols == eos)
        ends_here = np.zeros(len(self.parents), np.bool_)
        ends_here[self.parents[endings]] = True
        ends = np.full(len(self.parents), -np.inf, np.float32)  # log P(</s> | node)
        ends[self.parents[endings]] = self.log_probs[endings]
        for order in range(self.order + 1):
            part = self.nodes(order) if order else slice(0, 1)
            suffix = self.suffixes[part]
            longest[part] = np.where(is_state[part], longest[part], longest[suffix])
            ends[part] = np.where(ends_here[part], ends[part], self.backoffs[part] + ends[suffix])
        states = np.cumsum(is_state) - 1  # of the nodes that are states
        arcs = np.flatnonzero((self.symbols >= 0) & (self.symbols != bos) & (self.symbols != eos))
        arcs = arcs[is_state[self.parents[arcs]]]
        backoff = states[longest[self.suffixes[is_state]]]
        backoff[0] = -1
        first, unknown = self.find(np.zeros(2, np.int64), np.array([bos, unk]))
        return WordAutomaton.from_arcs(
            self.words,
            Arcs(
                states[self.parents[arcs]],
                self.symbols[arcs].astype(np.int64),
                self.log_probs[arcs],
                states[longest[arcs]],
            ),
            start=int(states[longest[first]]) if first >= 0 else 0,
            backoff=(backoff, self.backoffs[is_state]),
            final_log_probs=ends[is_state],
            has_unknown=bool(unknown >= 0),
        )


def pack(parents: NDArray[np.integer], symbols: NDArray[np.integer]) -> NDArray[np.int64]:
    """One number a pair, sorted as the nodes of a tree are; int64 (n,)."""
    return (parents.astype(np.int64) << _SYMBOL_BITS) + symbols


def train_ngram(
    sentences: Iterable[str],
    *,
    order: int = 3,
    min_counts: Sequence[int] = (1,),
    weights: Sequence[int] | None = None,
    vocabulary: Iterable[str] | None = None,
) -> NgramModel:
    """Train an interpolated modified Kneser-Ney model.

    Examples:
        >>> model = train_ngram(["THE CAT SAT", "THE CAT RAN"], order=2)
        >>> automaton = model.to_automaton()

    Args:
        sentences: Words with white space between them, spelled as the recogniser writes them (`read_lm_text` brings
            ordinary text there); <unk> stands for a word that it cannot write. Blank ones are passed over.
        order: Words in the longest n-gram, 1..5; fewer where no sentence is that long.
        min_counts: How often n-grams of order 1, 2, … occur at least to be kept; the last number goes for the orders
            above. Words that occur less count as <unk>.
        weights: How often each sentence counts, whole numbers from 1; discounts are estimated without them.
        vocabulary: All words that the model shall know, whether they occur or not; other words count as <unk>.

    Returns:
        The model; after every history, the probabilities of its words, </s> and <unk> sum to 1.

    Raises:
        ConfigError: If order, min_counts or a weight is out of range.
        DataError: If there is no word to train on, or the sentences hold sentence marks.
        TypeError: If one text is given instead of many.
        ValueError: If there are not as many weights as sentences.
    """
    limits = _checked(order, min_counts)
    if isinstance(sentences, str):
        raise TypeError(f"expected sentences, got one text {sentences!r:.40}; put it into a list")
    ids, tokens, lengths = _numbered(sentences)
    if not tokens:
        raise DataError("no words to train a language model on; check the texts")
    marks = [mark for mark in MARKS[1:] if mark in ids]
    if marks:
        raise DataError(f"the sentences hold the mark {marks[0]!r}, which training adds itself; take it out")
    if weights is not None and len(weights) != len(lengths):
        raise ValueError(f"expected one weight a sentence, got {len(weights)} for {len(lengths)}")
    times = np.ones(len(lengths), np.int64) if weights is None else np.asarray(weights)
    if times.dtype.kind not in "iu" or np.any(times < 1):
        raise ConfigError(f"weights are whole numbers from 1 up, got {times.min()}")
    n_words = np.frombuffer(lengths, np.int64)
    stream = np.frombuffer(tokens, np.int32)
    counts = np.bincount(stream, np.repeat(times, n_words), len(ids)).astype(np.int64)
    words = _vocabulary(ids, counts, limits[0], vocabulary)
    if not words:
        raise DataError(f"no word is left: every one occurs less than {limits[0]} times; lower the first min_count")
    symbol_of = {word: symbol for symbol, word in enumerate(words)}
    remap = np.array([symbol_of.get(word, len(words)) for word in ids], np.int64)
    kept = n_words > 0
    tables = _count(remap[stream], n_words[kept], times[kept].astype(np.int64), len(words), order)
    return _estimate(words, tables, limits)


def _numbered(sentences: Iterable[str]) -> tuple[dict[str, int], array[int], array[int]]:
    """Numbers of the words as they come, the words of all sentences in a row, and how many each sentence has."""
    ids: dict[str, int] = {MARKS[0]: 0}
    tokens, lengths = array("i"), array("q")
    for sentence in sentences:
        split = sentence.split()
        tokens.extend([ids.setdefault(word, len(ids)) for word in split])
        lengths.append(len(split))
    return ids, tokens, lengths


def _checked(order: int, min_counts: Sequence[int]) -> list[int]:
    """The least count of each order."""
    if not 1 <= order <= MAX_ORDER:
        raise ConfigError(f"order must lie in 1..{MAX_ORDER}, got {order}")
    if not 1 <= len(min_counts) <= order or min(min_counts) < 1:
        raise ConfigError(f"min_counts are 1 to {order} numbers from 1 up, one an order, got {list(min_counts)}")
    limits = [*min_counts, *[min_counts[-1]] * (order - len(min_counts))]
    if limits[1:] != sorted(limits[1:]):  # or an n-gram would be kept without the one that it extends
        raise ConfigError(f"min_counts must not fall from order 2 up, got {list(min_counts)}")
    return limits


def _vocabulary(
    ids: dict[str, int], counts: NDArray[np.int64], least: int, given: Iterable[str] | None
) -> tuple[str, ...]:
    """The words of the model, the most frequent first, which keeps their numbers small and files short."""
    chosen = {word for word, number in ids.items() if counts[number] >= least} if given is None else set(given)
    chosen -= set(MARKS)
    wrong = next((word for word in chosen if len(word.split()) != 1 or word.strip() != word), None)
    if wrong is not None:
        raise DataError(f"the vocabulary holds {wrong!r:.40}, which is not one word; give each word alone")
    return tuple(sorted(chosen, key=lambda word: (-counts[ids[word]] if word in ids else 0, word)))


@dataclass(frozen=True, eq=False)
class _Counts:
    """The n-grams of one order, sorted by parent and symbol; nodes are numbered as in NgramModel, before pruning."""

    parents: NDArray[np.int64]
    symbols: NDArray[np.int64]
    suffixes: NDArray[np.int64]  # the node without the first word
    is_initial: NDArray[np.bool_]  # begins with <s>
    plain: NDArray[np.int64]  # how often it occurs
    weighted: NDArray[np.int64]  # the same with the weights of the sentences


def _count(
    words: NDArray[np.int64], lengths: NDArray[np.int64], weights: NDArray[np.int64], n_words: int, order: int
) -> list[_Counts]:
    """The n-grams of every order that occurs, inside <s> … </s>."""
    bos, eos = n_words + 1, n_words + 2
    ends = np.cumsum(lengths + 2)
    starts = ends - lengths - 2
    stream = np.full(ends[-1], bos, np.int64)
    stream[ends - 1] = eos
    inside = np.ones(len(stream), np.bool_)
    inside[starts] = inside[ends - 1] = False
    stream[inside] = words
    place = np.arange(len(stream)) - np.repeat(starts, lengths + 2)  # in the sentence
    times = np.repeat(weights, lengths + 2)
    symbols = np.arange(n_words + len(MARKS))
    root = np.zeros_like(symbols)
    plain, weighted = (np.bincount(stream, by, len(symbols)).astype(np.int64) for by in (None, times))
    tables = [_Counts(root, symbols, root, symbols == bos, plain, weighted)]
    nodes, offset = 1 + stream, 1  # the n-gram that ends at each place
    for size in range(2, order + 1):
        last = np.flatnonzero(place >= size - 1)
        if not last.size:
            break
        keys, first, inverse = np.unique(pack(nodes[last - 1], stream[last]), return_index=True, return_inverse=True)
        parents = keys >> _SYMBOL_BITS
        table = _Counts(
            parents=parents,
            symbols=keys - (parents << _SYMBOL_BITS),
            suffixes=nodes[last[first]],
            is_initial=tables[-1].is_initial[parents - offset],
            plain=np.bincount(inverse),
            weighted=np.bincount(inverse, times[last]).astype(np.int64),
        )
        offset += len(tables[-1].symbols)
        nodes = np.zeros_like(stream)
        nodes[last] = offset + inverse
        tables.append(table)
    return tables


def _estimate(words: tuple[str, ...], tables: list[_Counts], limits: Sequence[int]) -> NgramModel:
    """Discounted and interpolated probabilities (Chen and Goodman 1999, equations 21 to 26), then pruning."""
    n_nodes = 1 + sum(len(table.symbols) for table in tables)
    probs, gammas, is_kept = np.ones(n_nodes), np.ones(n_nodes), np.ones(n_nodes, np.bool_)
    offset = 1
    for index, table in enumerate(tables):
        nodes = slice(offset, offset + len(table.symbols))
        plain, counts = table.plain, table.weighted
        if index + 1 < len(tables):  # in how many different contexts it occurs
            histories = np.bincount(tables[index + 1].suffixes - offset, minlength=len(plain))
            plain, counts = (np.where(table.is_initial, number, histories) for number in (plain, counts))
        if index == 0:  # <s> is given, never predicted
            plain, counts = (np.where(table.is_initial, 0, number) for number in (plain, counts))
        kept = table.weighted >= limits[index] if index else np.ones(len(counts), np.bool_)
        discounts = np.array([0.0, *_discounts(plain)])[np.minimum(counts, 3)]
        totals = np.bincount(table.parents, counts, n_nodes)
        with_children = totals > 0
        spared = np.bincount(table.parents, np.where(kept, discounts, counts), n_nodes)
        gammas[with_children] = spared[with_children] / totals[with_children]
        shorter = probs[table.suffixes] if index else 1 / (len(words) + 2)  # the words, <unk> and </s>
        probs[nodes] = (counts - discounts) / totals[table.parents] + gammas[table.parents] * shorter
        is_kept[nodes] = kept
        offset = nodes.stop
    probs[len(words) + 2] = math.exp(NEVER)  # <s>
    return _assemble(words, tables, (np.log(probs), np.log(gammas)), is_kept)


def _discounts(counts: NDArray[np.int64]) -> tuple[float, float, float]:
    """What is taken from n-grams that were counted once, twice and more often (equation 26)."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    if not n[1:4].all():
        return _USUAL_DISCOUNTS
    share = n[1] / (n[1] + 2 * n[2])
    once, twice, more = (float(i - (i + 1) * share * n[i + 1] / n[i]) for i in (1, 2, 3))
    if 0 < once <= 1 and 0 < twice <= 2 and 0 < more <= 3:
        return once, twice, more
    return _USUAL_DISCOUNTS


def _assemble(
    words: tuple[str, ...],
    tables: list[_Counts],
    logs: tuple[NDArray[np.float64], NDArray[np.float64]],
    is_kept: NDArray[np.bool_],
) -> NgramModel:
    """The tree of the n-grams that are kept."""
    numbers = np.cumsum(is_kept) - 1
    parents = np.concatenate([[0], *(table.parents for table in tables)])[is_kept]
    symbols = np.concatenate([[-1], *(table.symbols for table in tables)])[is_kept]
    ends = np.cumsum([1, *(len(table.symbols) for table in tables)])
    sizes = [int(np.count_nonzero(is_kept[begin:end])) for begin, end in pairwise(ends)]
    while not sizes[-1]:
        sizes.pop()
    parents = numbers[parents].astype(np.int32)
    parents[0] = -1
    log_probs, backoffs = (values[is_kept].astype(np.float32) for values in logs)
    log_probs[0] = backoffs[0] = 0.0  # nothing comes before the empty n-gram
    n_tokens = tables[0].weighted.sum() - tables[0].weighted[len(words) + 1]  # <s> is none
    counts = np.concatenate([[n_tokens], *(table.weighted for table in tables)])[is_kept]
    frequencies = (counts / n_tokens).astype(np.float32)
    return NgramModel(words, tuple(sizes), parents, symbols.astype(np.int32), log_probs, backoffs, frequencies)
