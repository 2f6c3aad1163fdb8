"""The pronunciations of a language model's words as a tree of phonemes, so that a search knows what sounds can become.

Unlike letters, sounds do not say which word they are: several words may end in one node (homophones), and a word may
end in several nodes (further ways to say it). A node looks ahead to the best unigram below it (Ortmanns, Ney & Eiden
1996), as flashlight's trie does with its maximum smearing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.decoding.beam_words import TreeNodes, best_log_probs, grow_tree
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.words.automaton import WordAutomaton

__all__ = ["MAX_SPELLED", "PhonemeTree", "build_phoneme_tree"]

MAX_SPELLED = 2000  # words that a speller is asked for; of a large language model `Lexicon.with_words` asks once
_MAX_DENSE = 2**26  # entries (256 MiB) of the table of children


@dataclass(frozen=True, eq=False)
class PhonemeTree:
    """Nodes are beginnings of pronunciations; node 0 is the root."""

    automaton: WordAutomaton
    children: NDArray[np.int32]  # (n_nodes * size,): the node after a phoneme; -1: no word goes on like that
    size: int  # phonemes and blank
    has_children: NDArray[np.bool_]  # (n_nodes,)
    look_ahead: NDArray[np.float64]  # (n_nodes,) natural log-probability of the best word that ends here or below
    below: NDArray[np.float64]  # (n_nodes,) that of the best that ends below; -inf: none does
    firsts: NDArray[np.int64]  # (n_nodes + 1,) the first of the entries that end in each node
    words: NDArray[np.int64]  # (n_entries,) position in spellings
    spellings: tuple[str, ...]  # the automaton's words, then further ones
    ids: NDArray[np.int64]  # (n_spellings,) the automaton's word id of each; unknown for further words
    penalties: NDArray[np.float64]  # (n_spellings,) added to a word's log-probability


def build_phoneme_tree(
    automaton: WordAutomaton,
    lexicon: Lexicon,
    *,
    unknown_log_prob: float,
    further: Sequence[str] = (),
    favours: Mapping[str, float] | None = None,
) -> PhonemeTree:
    """Build the tree of an automaton's words.

    Args:
        automaton: A language model or grammar.
        lexicon: How its words are said; others are not in the tree. Its speller is asked for up to MAX_SPELLED words.
        unknown_log_prob: Added to the log-probability of a further word.
        further: Words that the automaton lacks, to be heard as unknown words where it allows these.
        favours: Natural logs by which the look-ahead favours words.

    Returns:
        The tree.

    Raises:
        DataError: If none of the words can be pronounced, or there are far too many.
    """
    known = frozenset(automaton.words) if further else frozenset()
    more = tuple(dict.fromkeys(word for word in further if word not in known)) if automaton.unknown >= 0 else ()
    spellings = (*automaton.words, *more)
    owners, said = _pronounced(spellings, lexicon)
    if not len(owners):
        raise DataError(
            f"the lexicon pronounces none of the language model's {len(spellings)} words; "
            "make one for its words, or decode without sounds"
        )
    best = best_log_probs(automaton)
    ids = np.append(np.arange(len(automaton.words)), np.full(len(more), automaton.unknown))
    penalties = np.append(np.zeros(len(automaton.words)), np.full(len(more), unknown_log_prob))
    values = best.take(ids) + penalties
    for place, word in enumerate(spellings if favours else ()):
        values[place] += (favours or {}).get(word, 0.0)
    nodes, ends = _nodes(said, values.take(owners))
    n_nodes, size = len(nodes.words), len(lexicon.phonemes) + 1
    if n_nodes * size > _MAX_DENSE:
        raise DataError(
            f"the {len(spellings)} words of the language model have {n_nodes} beginnings in sound, more than "
            f"{_MAX_DENSE // size}; make one with fewer words"
        )
    children, below = _below(nodes, size)
    order = ends.argsort(kind="stable")
    return PhonemeTree(
        automaton=automaton,
        children=children.ravel(),
        size=size,
        has_children=np.asarray((children >= 0).any(axis=1)),
        look_ahead=np.maximum(nodes.best, below),  # the root has no best of its own
        below=below,
        firsts=np.searchsorted(ends[order], np.arange(n_nodes + 1)),
        words=owners[order],
        spellings=spellings,
        ids=ids,
        penalties=penalties,
    )


def _pronounced(words: Sequence[str], lexicon: Lexicon) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """The word (n,) of each pronunciation, and its phonemes (n, longest), 0 after the end."""
    places = lexicon.places_of(words)
    there = np.flatnonzero(places >= 0)
    counts = lexicon.n_ways.take(places[there]).astype(np.int64)
    owners = there.repeat(counts)
    ways = np.arange(len(owners)) - (np.cumsum(counts) - counts).repeat(counts) + lexicon.firsts[places[owners]]
    lengths = lexicon.lengths.take(ways).astype(np.int64)
    spelled: list[tuple[int, tuple[int, ...]]] = []
    lacking = np.flatnonzero(places < 0).tolist()
    if lexicon.speller is not None and 0 < len(lacking) <= MAX_SPELLED:
        found = lexicon.pronounce([words[number] for number in lacking])
        spelled = [(number, way) for number, said in zip(lacking, found, strict=True) for way in said]
    longest = max([1, int(lengths.max(initial=1)), *(len(way) for _, way in spelled)])
    rows = np.zeros((len(owners) + len(spelled), longest), np.int16)
    columns = np.arange(longest)
    inside = columns < lengths[:, None]
    cells = (lexicon.starts.take(ways)[:, None] + columns)[inside]
    rows[: len(owners)][inside] = lexicon.ids[cells]
    for row, (_, way) in enumerate(spelled, len(owners)):
        rows[row, : len(way)] = way
    return np.append(owners, np.array([number for number, _ in spelled], np.int64)), rows


def _below(nodes: TreeNodes, size: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The children (n_nodes, size) of every node, -1: none, and the best log-probability (n_nodes,) of their words."""
    children = np.full((len(nodes.words), size), -1, np.int32)
    children[nodes.parents[1:], nodes.columns[1:]] = np.arange(1, len(children))
    below = np.full(len(children), -np.inf)
    np.maximum.at(below, nodes.parents[1:], nodes.best[1:])
    return children, below


def _nodes(said: NDArray[np.int16], values: NDArray[np.float64]) -> tuple[TreeNodes, NDArray[np.int64]]:
    """The nodes of pronunciations (n, longest), and the one (n,) in which each ends; values (n,) are of their words."""
    unique, inverse = np.unique(said, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    best = np.full(len(unique), -np.inf)
    np.maximum.at(best, inverse, values)
    nodes = grow_tree(1, np.zeros(len(unique), np.int64), unique, np.arange(len(unique)), best)
    node_of = np.empty(len(unique), np.int64)
    ending = nodes.words >= 0
    node_of[nodes.words[ending]] = np.flatnonzero(ending)
    return nodes, node_of.take(inverse)
