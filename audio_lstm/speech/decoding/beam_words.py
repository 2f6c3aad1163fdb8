"""The words of a language model as a tree of letters, so that a beam search knows what the letters so far can become.

An n-gram model knows any word after any other: one tree serves all its states, and a node looks ahead to the best
unigram below it (Ortmanns, Ney & Eiden 1996, "Language-model look-ahead for large vocabulary speech recognition").
A grammar, an automaton without back-off arcs, has one tree a state, which holds the words allowed there and no others:
a beam never spends a place on a word that will be refused at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.words.automaton import EMPTY, WordAutomaton, check_fits

__all__ = ["TreeNodes", "WordTree", "best_log_probs", "build_word_tree", "grow_tree"]

# What a node may have in place of a word, after the n_words words. Automata have arcs for the first at most.
_UNKNOWN, _NO_WORD, _ROOT = 0, 1, 2  # an unknown word; one that is forbidden; none has begun
_N_SPECIAL = 3
_NOTHING = -1  # no word ends in a node

_WORD_BITS, _WORD_MASK = np.uint64(32), np.uint64(2**32 - 1)  # of an automaton's keys
_MAX_TREE_ARCS = 2**18  # a grammar with more arcs shares one tree among its states: building would be slow
_MAX_DENSE = 2**26  # entries (256 MiB) of the largest table of children


@dataclass(frozen=True, eq=False)
class _Arcs:
    """The arcs of an automaton, sorted."""

    keys: NDArray[np.int64]  # (n_arcs,) state * (n_words + _N_SPECIAL) + word, rising
    states: NDArray[np.int64]  # (n_arcs,)
    words: NDArray[np.int64]  # (n_arcs,)
    log_probs: NDArray[np.float64]  # (n_arcs,)
    next_states: NDArray[np.int64]  # (n_arcs,)


@dataclass(frozen=True, eq=False)
class WordTree:
    """Nodes are beginnings of words; the last node stands for every beginning of an unknown word."""

    automaton: WordAutomaton
    children: NDArray[np.int32]  # (n_nodes * n_columns,): the node after reading a column's letter in a node
    n_columns: int  # the letters that occur in words, column 0 for any other, and the last for "nothing is read"
    columns: NDArray[np.int64]  # (longest, alphabet.size): the columns that a symbol reads, without its leading space
    ends_word: NDArray[np.bool_]  # (alphabet.size,) whether the symbol begins with a space
    words: NDArray[np.int64]  # (n_nodes,) word that ends in a node; n_words + _UNKNOWN, _NO_WORD or _ROOT
    look_ahead: NDArray[np.float64]  # (n_nodes,) natural log-probability of the best word below; -inf: a dead end
    roots: NDArray[np.int64]  # (n_states,) node before a word that begins in a state
    penalties: NDArray[np.float64]  # (n_nodes,) unknown words' penalty, where the word is one
    arcs: _Arcs
    chains: NDArray[np.int64]  # (n_states, depth) where the arcs' keys begin of each state, and of its back-off states
    prices: NDArray[np.float64]  # (n_states, depth) natural logs of falling back that far

    def end_word(
        self, nodes: NDArray[np.int64], states: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
        """End the words that have been begun.

        Args:
            nodes: (n,)
            states: (n,) of the automaton, before the word.

        Returns:
            Log-probability (n,) of each word and the state (n,) after it: -inf and -1 where it is refused, 0 and the
            state as it was where no word had begun; and whether (n,) one had.
        """
        words = self.words.take(nodes)
        begun = words != len(self.automaton.words) + _ROOT
        log_probs, next_states = self._advance(states, words)
        log_probs += self.penalties.take(nodes)
        if not begun.all():
            return np.where(begun, log_probs, 0.0), np.where(begun, next_states, states), begun
        return log_probs, next_states, begun

    def _advance(
        self, states: NDArray[np.int64], words: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """`WordAutomaton.advance` with fewer array calls: all back-off states are looked up at once."""
        arcs, depth = self.arcs, self.prices.shape[1]
        keys = (self.chains.take(states, axis=0) + words[:, None]).ravel()  # (n * depth,)
        places = arcs.keys.searchsorted(keys)
        hits = arcs.keys.take(places, mode="clip") == keys
        cells = hits.reshape(-1, depth).argmax(axis=1)  # the first hit counts
        prices = self.prices.take(cells + states * depth)
        cells += np.arange(0, len(keys), depth)
        places = places.take(cells)
        log_probs = arcs.log_probs.take(places, mode="clip") + prices
        next_states = arcs.next_states.take(places, mode="clip")
        refused = ~hits.take(cells)
        log_probs[refused] = -np.inf
        next_states[refused] = -1
        return log_probs, next_states


def build_word_tree(
    automaton: WordAutomaton, alphabet: Alphabet, *, closed: bool, unknown_log_prob: float, look_ahead: bool
) -> WordTree:
    """Build the tree of an automaton's words.

    Args:
        automaton: A language model or grammar.
        alphabet: What the recogniser writes.
        closed: Whether unknown words are forbidden; they also are where the automaton refuses them.
        unknown_log_prob: Added to an unknown word's log-probability.
        look_ahead: Whether a beginning of a word is given its best word's log-probability; else 0.

    Returns:
        The tree; words that the alphabet cannot write are not in it.

    Raises:
        DataError: If the alphabet writes none of the words, or not all of a closed vocabulary's.
    """
    unwritable = check_fits(automaton, alphabet)
    letters = sorted(set("".join(alphabet.symbols)) - {" "})
    spelled = _spell(automaton.words, letters)  # (n_words, longest)
    writable = np.all(spelled >= 0, axis=1) & np.any(spelled > 0, axis=1)
    if closed and unwritable:
        word = automaton.words[int(np.argmin(writable))]
        raise DataError(
            f"{unwritable} words of the closed vocabulary cannot be written, e.g. {word!r:.40}; "
            f"the recogniser's letters are {''.join(letters)!r:.80}"
        )
    arcs = _arcs(automaton)
    best = best_log_probs(automaton)  # of each word
    groups, words, log_probs = _placed_words(automaton, arcs, best)
    fits = np.flatnonzero(writable[words])
    n_roots = int(groups.max(initial=0)) + 1 if _is_shared(automaton) else automaton.n_states
    nodes = grow_tree(n_roots, groups[fits], spelled[words[fits]], words[fits], log_probs[fits])
    n_columns = len(letters) + 2
    if (len(nodes.words) + 1) * n_columns > _MAX_DENSE:
        raise DataError(
            f"the {len(automaton.words)} words of the language model have {len(nodes.words)} beginnings, more than "
            f"{_MAX_DENSE // n_columns} for {len(letters)} letters; make one with fewer words"
        )

    unknown = best[automaton.unknown] + unknown_log_prob if automaton.unknown >= 0 and not closed else -np.inf
    word_of, ahead = _values(nodes, n_roots, len(automaton.words), unknown=unknown, look_ahead=look_ahead)
    chains, prices = _backoff_chains(automaton)
    return WordTree(
        automaton=automaton,
        children=_children(nodes, n_roots, n_columns).ravel(),
        n_columns=n_columns,
        columns=_symbol_columns(alphabet, letters),
        ends_word=np.array([False, *(symbol[0] == " " for symbol in alphabet.symbols)]),
        words=word_of,
        look_ahead=ahead,
        roots=np.arange(n_roots) if n_roots > 1 else np.zeros(automaton.n_states, np.int64),
        penalties=np.where(word_of == len(automaton.words) + _UNKNOWN, unknown_log_prob, 0.0),
        arcs=arcs,
        chains=chains * (len(automaton.words) + _N_SPECIAL),
        prices=prices,
    )


def _children(nodes: TreeNodes, n_roots: int, n_columns: int) -> NDArray[np.int32]:
    """The table (n_nodes + 1, n_columns) of where letters lead."""
    n_nodes = len(nodes.words)
    children = np.full((n_nodes + 1, n_columns), n_nodes, np.int32)
    children[nodes.parents[n_roots:], nodes.columns[n_roots:]] = np.arange(n_roots, n_nodes)
    children[:, -1] = np.arange(n_nodes + 1)
    return children


def _values(
    nodes: TreeNodes, n_roots: int, n_words: int, *, unknown: float, look_ahead: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The word and the look-ahead of every node, and of one more for unknown words; unknown -inf: there are none."""
    ahead = np.maximum(np.append(nodes.best, -np.inf), unknown)  # any beginning may still become an unknown word
    word_of = np.append(nodes.words, _NOTHING)
    word_of[word_of == _NOTHING] = n_words + (_UNKNOWN if unknown > -np.inf else _NO_WORD)
    word_of[:n_roots] = n_words + _ROOT
    if not look_ahead:
        ahead[:-1] = 0.0  # but what can only become an unknown word is known to be one
    ahead[:n_roots] = 0.0  # nothing of a word has been heard yet
    return word_of, ahead


def _backoff_chains(automaton: WordAutomaton) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The states (n_states, depth) that a state can fall back to, itself first, -1 after the last, and the prices."""
    states, prices = [np.arange(automaton.n_states)], [np.zeros(automaton.n_states)]
    while True:
        last = states[-1]
        following = np.where(last >= 0, automaton.backoff_states.take(last, mode="clip"), -1)
        if (following < 0).all():
            return np.stack(states, axis=1), np.stack(prices, axis=1)
        prices.append(prices[-1] + np.where(last >= 0, automaton.backoff_log_probs.take(last, mode="clip"), 0.0))
        states.append(following)


def _is_shared(automaton: WordAutomaton) -> bool:
    """Whether one tree serves all states."""
    n_arcs = np.count_nonzero(automaton.keys != EMPTY)
    return bool((automaton.backoff_states >= 0).any() or n_arcs > _MAX_TREE_ARCS)


def _arcs(automaton: WordAutomaton) -> _Arcs:
    slots = np.flatnonzero(automaton.keys != EMPTY)
    slots = slots[automaton.keys[slots].argsort()]
    keys = automaton.keys[slots]
    states, words = (keys >> _WORD_BITS).astype(np.int64), (keys & _WORD_MASK).astype(np.int64)
    return _Arcs(
        keys=states * (len(automaton.words) + _N_SPECIAL) + words,
        states=states,
        words=words,
        log_probs=automaton.log_probs[slots].astype(np.float64),
        next_states=automaton.next_states[slots].astype(np.int64),
    )


def best_log_probs(automaton: WordAutomaton) -> NDArray[np.float64]:
    """How likely each word is without history.

    Args:
        automaton: A language model or grammar.

    Returns:
        Natural log-probability (n_words,) of each word, and of unknown words after them where they have arcs; that of
        a word's best arc where there is none without history.
    """
    state = automaton.start
    while automaton.backoff_states[state] >= 0:
        state = int(automaton.backoff_states[state])
    ids = np.arange(len(automaton.words) + (automaton.unknown >= 0))
    log_probs = automaton.advance(np.full(len(ids), state), ids)[0].astype(np.float64)
    if np.isneginf(log_probs).any():
        best = np.full(len(ids), -np.inf)
        slots = np.flatnonzero(automaton.keys != EMPTY)
        np.maximum.at(best, (automaton.keys[slots] & _WORD_MASK).astype(np.int64), automaton.log_probs[slots])
        log_probs = np.where(np.isneginf(log_probs), best, log_probs)
    return log_probs


def _placed_words(
    automaton: WordAutomaton, arcs: _Arcs, best: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Which word hangs in which tree, with which log-probability: (n,) each."""
    if _is_shared(automaton):
        ids = np.arange(len(automaton.words))
        return np.zeros_like(ids), ids, best[: len(ids)]
    known = np.flatnonzero(arcs.words < len(automaton.words))
    return arcs.states[known], arcs.words[known], arcs.log_probs[known]


def _spell(words: Sequence[str], letters: Sequence[str]) -> NDArray[np.int16]:
    """Words as columns (n_words, longest): 1 and up for letters, 0 pads, -1 for what is none of the letters."""
    codes = np.array([ord(letter) for letter in letters], np.uint32)  # rising
    texts = np.array(words, dtype=np.str_)
    written = np.ascontiguousarray(texts).view(np.uint32).reshape(len(words), -1)
    places = np.minimum(np.searchsorted(codes, written), len(codes) - 1)
    return np.where(written == 0, 0, np.where(codes[places] == written, places + 1, -1)).astype(np.int16)


def _symbol_columns(alphabet: Alphabet, letters: Sequence[str]) -> NDArray[np.int64]:
    """The columns that each symbol reads, filled up with the column that reads nothing."""
    column = {letter: number for number, letter in enumerate(letters, 1)}
    pieces = ["", *(symbol.removeprefix(" ") for symbol in alphabet.symbols)]
    columns = np.full((len(pieces), max(1, *map(len, pieces))), len(letters) + 1, np.int64)
    for number, piece in enumerate(pieces):
        columns[number, : len(piece)] = [column[letter] for letter in piece]
    return np.ascontiguousarray(columns.T)


@dataclass(frozen=True, eq=False)
class TreeNodes:
    """The nodes of trees. Roots come first; parents come before their children."""

    parents: NDArray[np.int64]  # (n_nodes,); a root is its own
    columns: NDArray[np.int64]  # (n_nodes,) the letter read last
    words: NDArray[np.int64]  # (n_nodes,)
    best: NDArray[np.float64]  # (n_nodes,) best log-probability of the words below


def grow_tree(
    n_roots: int,
    groups: NDArray[np.int64],
    spelled: NDArray[np.int16],
    words: NDArray[np.int64],
    log_probs: NDArray[np.float64],
) -> TreeNodes:
    """Build trees: sorted, each word adds a node for every letter after what it shares with the word before.

    Args:
        n_roots: Trees.
        groups: (n_words,) the tree of each word.
        spelled: (n_words, longest) its letters, 1 and up; 0 pads.
        words: (n_words,) what its last node is to hold.
        log_probs: (n_words,) of each.

    Returns:
        The nodes.
    """
    order = np.lexsort((*spelled.T[::-1], groups))
    groups, spelled, words, log_probs = groups[order], spelled[order], words[order], log_probs[order]
    n_letters = np.count_nonzero(spelled, axis=1)
    new = spelled > 0  # (n_words, longest)
    shared = np.logical_and.accumulate(spelled[1:] == spelled[:-1], axis=1) & (groups[1:] == groups[:-1])[:, None]
    new[1:] &= ~shared
    numbers = (np.cumsum(new).reshape(new.shape) + (n_roots - 1)) * new
    passed = np.maximum.accumulate(numbers, axis=0)  # numbers rise, so a shared letter has the last one above it
    rows, depths = np.nonzero(new)  # of nodes n_roots, n_roots + 1, …
    above = np.where(depths > 0, passed[rows, depths - 1], groups[rows])
    parents = np.concatenate([np.arange(n_roots), above])
    columns = np.concatenate([np.zeros(n_roots, np.int64), spelled[rows, depths].astype(np.int64)])
    word_of = np.full(len(parents), _NOTHING, np.int64)
    best = np.full(len(parents), -np.inf)
    ends = passed[np.arange(len(words)), n_letters - 1]
    word_of[ends], best[ends] = words, log_probs
    for depth in range(spelled.shape[1] - 1, 0, -1):
        there = n_roots + np.flatnonzero(depths == depth)
        np.maximum.at(best, parents[there], best[there])
    return TreeNodes(parents, columns, word_of, best)
