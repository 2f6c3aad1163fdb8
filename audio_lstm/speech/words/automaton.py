"""A weighted automaton over words, the one form in which decoders see n-gram models and command grammars.

States are histories, arcs are words with natural log-probabilities, and a state may hand a word that it has no arc for
to a back-off state, at a price (Katz 1987; as automata: Allauzen, Mohri and Roark 2003). The arcs lie in one
open-addressing hash table of numpy arrays, so that a whole beam is looked up at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import Alphabet

__all__ = ["EMPTY", "Arcs", "WordAutomaton", "check_fits", "fold_case", "misfits"]

EMPTY = np.uint64(2**64 - 1)  # a free slot: state 2^32 - 1, which no automaton has

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth 1973, volume 3, section 6.4
_WORD_BITS = np.uint64(32)
_MIN_SLOTS = 8
_NOWHERE = np.uint64((2**32 - 2) << 32)  # the key of a state that no automaton has
_MAX_BACKOFFS = 15  # in a row; all are looked up at once, and a circle would have no end
_CHUNK = 2**12  # queries looked up at once: their scratch arrays stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Arcs:
    """The arcs of an automaton, in any order; no two leave one state with one word."""

    states: NDArray[np.int64]  # (n_arcs,) where it leaves
    words: NDArray[np.int64]  # (n_arcs,) word id
    log_probs: NDArray[np.float32]  # (n_arcs,) natural log
    next_states: NDArray[np.int64]  # (n_arcs,) where it leads


@dataclass(frozen=True, eq=False)
class WordAutomaton:
    """A weighted automaton over words with back-off arcs. All log-probabilities are natural; make one with `from_arcs`.

    Every state and word named in the arrays exists; `from_arcs` checks that.
    """

    words: tuple[str, ...]  # word id -> spelling, e.g. "THE"; no sentence marks, no <unk> among them
    unknown: int  # the word id (== len(words)) that stands for any unknown word; -1: unknown words are refused
    start: int  # state before the first word
    keys: NDArray[np.uint64]  # (n_slots,) state << 32 | word, or EMPTY; n_slots is a power of two
    log_probs: NDArray[np.float32]  # (n_slots,) of the arc
    next_states: NDArray[np.int32]  # (n_slots,)
    backoff_states: NDArray[np.int32]  # (n_states,) -1: none, a word without an arc is refused
    backoff_log_probs: NDArray[np.float32]  # (n_states,)
    final_log_probs: NDArray[np.float32]  # (n_states,) of ending here, back-off applied; -inf: no sentence ends here

    def __post_init__(self) -> None:
        n_slots, n_states = len(self.keys), self.n_states
        if n_slots < _MIN_SLOTS or n_slots & (n_slots - 1) or not np.any(self.keys == EMPTY):
            raise ValueError(f"expected a power of two of slots, at least {_MIN_SLOTS} and one empty, got {n_slots}")
        if not len(self.log_probs) == len(self.next_states) == n_slots:
            raise ValueError(
                f"expected {n_slots} log_probs and next_states, got {len(self.log_probs)} and {len(self.next_states)}"
            )
        if not len(self.backoff_log_probs) == len(self.final_log_probs) == n_states:
            raise ValueError(
                f"expected {n_states} backoff_log_probs and final_log_probs, "
                f"got {len(self.backoff_log_probs)} and {len(self.final_log_probs)}"
            )
        if not 0 <= self.start < n_states:
            raise ValueError(f"start must be one of the {n_states} states, got {self.start}")
        ahead = self.backoff_states
        for _ in range(_MAX_BACKOFFS):
            ahead = np.where(ahead < 0, -1, self.backoff_states[ahead])
        if np.any(ahead >= 0):
            raise ValueError(f"more than {_MAX_BACKOFFS} back-off arcs in a row from state {np.argmax(ahead >= 0)}")
        if self.unknown not in (-1, len(self.words)):
            raise ValueError(f"unknown must be -1 or the number of words, {len(self.words)}, got {self.unknown}")

    @classmethod
    def from_arcs(
        cls,
        words: Sequence[str],
        arcs: Arcs,
        *,
        start: int,
        backoff: tuple[ArrayLike, ArrayLike],
        final_log_probs: ArrayLike,
        has_unknown: bool = False,
    ) -> WordAutomaton:
        """Build the hash table of an automaton.

        Args:
            words: The spellings, all different; an arc's word is a position here, or len(words) for unknown words.
            arcs: All arcs.
            start: State before the first word.
            backoff: (n_states,) states to fall back to, -1 for none, and (n_states,) natural logs of the price.
            final_log_probs: (n_states,) natural log of ending in each state; -inf where no sentence may end.
            has_unknown: Whether there are arcs for unknown words.

        Returns:
            The automaton.

        Raises:
            ValueError: If two arcs leave one state with one word, a state or word is out of range, or there are more
                than 15 back-off arcs in a row.
        """
        backoff_states = np.asarray(backoff[0], dtype=np.int32)
        n_states, n_ids = len(backoff_states), len(words) + has_unknown
        for name, numbers, low, end in (
            ("arcs.states", arcs.states, 0, n_states),
            ("arcs.next_states", arcs.next_states, 0, n_states),
            ("arcs.words", arcs.words, 0, n_ids),
            ("back-off states", backoff_states, -1, n_states),
        ):
            if np.any((numbers < low) | (numbers >= end)):
                raise ValueError(f"{name} must lie in {low}..{end - 1}, got {np.min(numbers)}..{np.max(numbers)}")
        wanted = _keys(np.asarray(arcs.states), np.asarray(arcs.words))
        n_slots = max(_MIN_SLOTS, 1 << (2 * len(wanted) - 1).bit_length())  # at most half of them taken
        keys, slots = _fill(wanted, n_slots)
        if np.count_nonzero(keys != EMPTY) != len(wanted):
            raise ValueError("two arcs leave one state with one word; add their probabilities up first")
        log_probs, next_states = np.zeros(n_slots, np.float32), np.full(n_slots, -1, np.int32)
        log_probs[slots], next_states[slots] = arcs.log_probs, arcs.next_states
        return cls(
            words=tuple(words),
            unknown=len(words) if has_unknown else -1,
            start=start,
            keys=keys,
            log_probs=log_probs,
            next_states=next_states,
            backoff_states=backoff_states,
            backoff_log_probs=np.asarray(backoff[1], dtype=np.float32),
            final_log_probs=np.asarray(final_log_probs, dtype=np.float32),
        )

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.backoff_states)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def word_ids(self, words: Sequence[str]) -> NDArray[np.int64]:
        """The ids of words; those that are not known get `unknown`.

        Args:
            words: Spellings as in `words`; case counts.

        Returns:
            int64 (len(words),)
        """
        ids, unknown = self._ids, self.unknown
        return np.array([ids.get(word, unknown) for word in words], dtype=np.int64)

    def advance(self, states: ArrayLike, words: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Read one word in each of many states, following back-off arcs where there is no arc for it.

        Args:
            states: Integers (n,); -1 is the state of what has been refused already, and refuses everything.
            words: Integers (n,), word ids; `unknown` where that is not -1.

        Returns:
            float32 (n,) natural log-probabilities and int32 (n,) states after the word; -inf and -1: it is refused.
        """
        froms, ids = np.asarray(states), np.asarray(words)
        refused = (froms < 0) | (ids < 0)
        if refused.any():
            froms, ids = np.where(refused, 0, froms), np.where(refused, len(self.words) + 1, ids)
        log_probs, next_states = np.empty(len(froms), np.float32), np.empty(len(froms), np.int32)
        for begin in range(0, len(froms), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            log_probs[part], next_states[part] = self._advance(froms[part], ids[part])
        return log_probs, next_states

    def _advance(
        self, states: NDArray[np.integer], words: NDArray[np.integer]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Look words up in the states and in all that they back off to at once, then take the first arc."""
        prefixes, prices = self._chains
        depth = prefixes.shape[1]
        slots, hit = self._find((prefixes[states] | words.astype(np.uint64)[:, None]).ravel())  # (n * depth,)
        rounds = hit.reshape(-1, depth).argmax(1)  # (n,) back-off arcs taken
        taken = np.arange(0, len(slots), depth) + rounds
        slots = slots[taken]
        log_probs = self.log_probs[slots] + prices[states, rounds]
        next_states = self.next_states[slots]
        refused = ~hit[taken]
        if refused.any():
            log_probs[refused], next_states[refused] = -np.inf, -1
        return log_probs, next_states

    @cached_property
    def _chains(self) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        """Of each state and those that it backs off to, one after the other: keys without a word, and prices."""
        states, price = np.arange(self.n_states), np.zeros(self.n_states, np.float32)
        prefixes, prices = [], []
        while np.any(states >= 0):
            prefixes.append(np.where(states >= 0, states.astype(np.uint64) << _WORD_BITS, _NOWHERE))
            prices.append(price)
            price = price + np.where(states >= 0, self.backoff_log_probs[states], 0)
            states = np.where(states >= 0, self.backoff_states[states], -1)
        return np.stack(prefixes, axis=1), np.stack(prices, axis=1).astype(np.float32)  # (n_states, depth)

    def _find(self, wanted: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The slots (n,) where keys lie, and whether (n,) they lie there."""
        mask = len(self.keys) - 1
        slots = _home(wanted, len(self.keys))
        there = self.keys[slots]
        moving = ((there != wanted) & (there != EMPTY)).nonzero()[0]
        while moving.size:
            moved = (slots[moving] + 1) & mask
            found = self.keys[moved]
            slots[moving], there[moving] = moved, found
            moving = moving[(found != wanted[moving]) & (found != EMPTY)]
        return slots, there == wanted

    def score(self, sentence: Sequence[str]) -> float:
        """The natural log-probability of a whole sentence, from the start to the end of it.

        Args:
            sentence: Its words.

        Returns:
            A number up to 0; -inf where the automaton refuses it.

        Raises:
            TypeError: If a text is given instead of its words.
        """
        if isinstance(sentence, str):
            raise TypeError(f"expected a list of words, got the text {sentence!r:.40}; split it")
        state, total = np.array([self.start]), 0.0
        for word in self.word_ids(sentence):
            log_prob, state = self.advance(state, word[None])
            total += float(log_prob[0])
            if state[0] < 0:
                return -np.inf
        return total + float(self.final_log_probs[state[0]])


def check_fits(automaton: WordAutomaton, alphabet: Alphabet) -> int:
    """Count the words of a language model that a recogniser cannot write.

    Args:
        automaton: A language model or grammar.
        alphabet: The symbols of the recogniser, letters or pieces of words.

    Returns:
        How many words are not made of those symbols; they can never be recognised.

    Raises:
        DataError: If that is all of them.
    """
    letters = frozenset(symbol for symbol in alphabet.symbols if len(symbol) == 1) - {" "}  # a piece's are all here
    unwritable = [word for word in automaton.words if not letters.issuperset(word)]
    if len(unwritable) == len(automaton.words):
        first = f"the first: {unwritable[0]!r:.40}" if unwritable else "it has no words"
        raise DataError(
            f"none of the language model's {len(unwritable)} words fits the recogniser ({first}); "
            f"it writes {''.join(sorted(letters))!r:.80}: make the language model from text in these letters"
        )
    return len(unwritable)


def misfits(automaton: WordAutomaton, alphabet: Alphabet) -> tuple[str, ...]:
    """What a user should know of a language model of which a recogniser cannot write all words.

    Args:
        automaton: A language model.
        alphabet: The symbols of the recogniser.

    Returns:
        A line with their number, or none. A language model of which no word fits is a DataError.
    """
    n_unwritable = check_fits(automaton, alphabet)
    if not n_unwritable:
        return ()
    letters = frozenset("".join(alphabet.symbols)) - {" "}
    first = next(word for word in automaton.words if not letters.issuperset(word))
    return (
        f"{n_unwritable} of {len(automaton.words)} words hold letters that the model cannot write, and will never be "
        f"heard (the first: {first!r:.40})",
    )


def fold_case(automaton: WordAutomaton, alphabet: Alphabet) -> WordAutomaton:
    """A language model in the case of a recogniser.

    Args:
        automaton: A language model.
        alphabet: The symbols of the recogniser.

    Returns:
        The same with its words as the recogniser writes them, where case is all that is in the way. Of words that then
        are one, The and the, the likelier stays, and the others remain as they are and are never heard.
    """
    letters = frozenset(symbol for symbol in alphabet.symbols if len(symbol) == 1) - {" "}
    taken = {word: number for number, word in enumerate(automaton.words) if letters.issuperset(word)}
    if len(taken) == len(automaton.words):
        return automaton
    spelled = list(automaton.words)
    root = int(np.argmin(automaton.backoff_states))  # of a language model: the state that knows no words before
    log_probs, _ = automaton.advance(np.full(len(spelled), root), np.arange(len(spelled)))
    best: dict[str, int] = {}
    for number, word in enumerate(automaton.words):
        folded = next((form for form in (word.upper(), word.lower()) if letters.issuperset(form)), None)
        if folded is not None and log_probs[number] > log_probs[best.setdefault(folded, number)]:
            best[folded] = number
    for folded, number in best.items():
        other = taken.get(folded, number)
        spelled[other], spelled[number] = spelled[number], folded
    return replace(automaton, words=tuple(spelled))


def _keys(states: NDArray[np.integer], words: NDArray[np.integer]) -> NDArray[np.uint64]:
    return (states.astype(np.uint64) << _WORD_BITS) | words.astype(np.uint64)


def _home(keys: NDArray[np.uint64], n_slots: int) -> NDArray[np.int64]:
    """The slot where the search for each key begins: the top bits of the product."""
    return ((keys * _GOLDEN) >> np.uint64(65 - n_slots.bit_length())).astype(np.int64)


def _fill(wanted: NDArray[np.uint64], n_slots: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The table (n_slots,), and the slot (n,) of each key; linear probing in rounds, equal keys share a slot."""
    table = np.full(n_slots, EMPTY)
    slots = _home(wanted, n_slots)
    pending = np.arange(len(wanted))
    while pending.size:
        tried, key = slots[pending], wanted[pending]
        free = table[tried] == EMPTY
        table[tried[free]] = key[free]  # of several keys the last one gets the slot
        pending = pending[table[tried] != key]
        slots[pending] = (slots[pending] + 1) & (n_slots - 1)
    return table, slots
