"""Hot words: names and terms that a search is to prefer, letter by letter, whatever the language model thinks of them.

The phrases are one Aho-Corasick automaton over letters (Aho & Corasick 1975), as in the context graphs of icefall and
sherpa-onnx. What a search may rely on: the boosts along a text, and the final boost of the state where it ends, add up
to the sum of the boosts of all complete phrases in it. A phrase is complete where it begins at the text's begin or
after a space, and ends at its end or before a space. Every occurrence counts, overlapping and nested ones too: NEW YORK
CITY holds NEW YORK, and is given both boosts if both are hot. On the way a beginning of a phrase is given its share
of the boost in advance, boost x letters matched / letters, and has to return it when it goes on differently.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.text.alphabet import BLANK, Alphabet

__all__ = ["DEFAULT_BOOST", "MAX_BOOST", "HotWords"]

DEFAULT_BOOST = 5.0  # nats: a phrase e^5 = 148 times as likely; a start to tune from (pyctcdecode's hotword_weight: 10)
MAX_BOOST = 100.0  # nats; far less already writes the phrase over anything that was said

_ROOT = 0  # nothing of any phrase has been matched
_NOTHING, _OTHER = 0, 1  # columns of the tables: no letter at all, and a letter that no phrase has
_GRID = 1024  # loans are multiples of 1/1024 nat, so that in float32 nothing is left of what has been returned
_MAX_CELLS = 2**24  # of a table: 128 MiB for both, and about 50 thousand names


@dataclass(frozen=True, eq=False)
class HotWords:
    """Phrases as tables of states (how much of which phrases has been matched) and letters; from `from_phrases`."""

    phrases: Mapping[str, float]  # boost of each, nats
    start: int  # state before the first letter
    final_boosts: NDArray[np.float32]  # (n_states,) nats to add when the text ends in a state
    next_states: NDArray[np.int32]  # (n_states, n_columns)
    boosts: NDArray[np.float32]  # (n_states, n_columns) nats, negative where a boost is returned
    columns: NDArray[
        np.int32
    ]  # (alphabet.size, longest) the columns of each symbol's letters; 0 pads, and is the blank

    @classmethod
    def from_phrases(
        cls, phrases: Sequence[str] | Mapping[str, float], alphabet: Alphabet, *, boost: float = DEFAULT_BOOST
    ) -> HotWords:
        """Make hot words of phrases.

        Where the alphabet has no space, a text has no words, and phrases count wherever they occur in it.

        Examples:
            >>> from audio_lstm.speech.text.alphabet import ENGLISH
            >>> hot = HotWords.from_phrases(["ADA LOVELACE", "TURING"], ENGLISH, boost=6)
            >>> boosts, states = hot.advance([hot.start], ENGLISH.encode("T"))
            >>> boosts
            array([1.], dtype=float32)

        Args:
            phrases: Words, or several with spaces between them, as the recogniser writes them; one that is there twice
                counts once. A mapping gives each its own boost.
            alphabet: What the recogniser writes: letters, or pieces of words.
            boost: What a complete phrase is given, in nats, where no mapping says otherwise.

        Returns:
            The tables, of about as many cells as the phrases have letters, times that of different letters.

        Raises:
            ConfigError: If there is no phrase, one is empty or has two boosts, or there are far too many; if a boost is
                not in 0..MAX_BOOST.
        """
        if isinstance(phrases, str):
            raise ConfigError(f"hot words are a list, got the text {phrases!r:.40}; put it in brackets")
        if not len(phrases):
            raise ConfigError("there are no hot words in the list; name at least one, or pass no hot words at all")
        given = phrases if isinstance(phrases, Mapping) else None
        writable = frozenset("".join(alphabet.symbols))
        checked: dict[str, float] = {}
        for phrase in phrases:
            tidy = _checked_phrase(phrase, writable)
            own = _checked_boost(tidy, boost if given is None else given[phrase])
            if checked.setdefault(tidy, own) != own:
                raise ConfigError(f"hot word {tidy!r:.60} has two boosts, {checked[tidy]:g} and {own:g}; give it one")
        bounded = " " in writable
        letters = sorted(set().union(*checked, " " if bounded else ""))
        n_states = 1 + sum(len(phrase) + 2 for phrase in checked)  # at most
        if n_states * (len(letters) + 2) > _MAX_CELLS:
            size = f"{n_states} letters x {len(letters)} different ones are more than {_MAX_CELLS}"
            raise ConfigError(f"the hot words are too many: {size}; keep those that matter")
        column_of = {letter: column for column, letter in enumerate(letters, _OTHER + 1)}
        trie = _Trie(checked, column_of, bounded=bounded)
        next_states, boosts = trie.tables(len(letters) + 2)
        final_boosts = -np.asarray(trie.loans)
        if bounded:  # the end is a space after which nothing comes
            final_boosts = boosts[:, column_of[" "]] + final_boosts[next_states[:, column_of[" "]]]
        return cls(
            phrases=checked,
            start=trie.children[_ROOT][column_of[" "]] if bounded else _ROOT,
            final_boosts=final_boosts.astype(np.float32),
            next_states=next_states,
            boosts=boosts.astype(np.float32),
            columns=_symbol_columns(alphabet, column_of),
        )

    def advance(self, states: ArrayLike, symbols: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Read one symbol in each of many states.

        Args:
            states: Integers (n,); `start` before the first symbol.
            symbols: Integers (n,), ids of the alphabet; the blank changes nothing.

        Returns:
            float32 (n,) nats to add and int32 (n,) states after the symbol.
        """
        current = np.asarray(states).astype(np.int32)
        columns = self.columns[np.asarray(symbols)]  # (n, longest)
        boosts = self.boosts[current, columns[:, 0]]
        current = self.next_states[current, columns[:, 0]]
        for column in columns.T[1:]:
            boosts = boosts + self.boosts[current, column]
            current = self.next_states[current, column]
        return boosts, current


class _Trie:
    """The beginnings of the phrases, each between two spaces; state 0 is the empty one."""

    def __init__(self, phrases: Mapping[str, float], column_of: Mapping[str, int], *, bounded: bool) -> None:
        self.children: list[dict[int, int]] = [{}]  # column -> state
        self.rewards = [0.0]  # of the phrases that are complete in a state
        self.loans = [0.0]  # given in advance to what may become a phrase
        self.after_space = [False]
        space = column_of.get(" ")
        for phrase, boost in phrases.items():
            state = _ROOT
            spelling = f" {phrase} " if bounded else phrase
            for position, letter in enumerate(spelling):
                n_matched = position - 1 if bounded else position  # letters before this one
                loan = round(boost * max(n_matched, 0) / len(phrase) * _GRID) / _GRID
                self.loans[state] = max(self.loans[state], loan)
                state = self._child(state, column_of[letter], after_space=column_of[letter] == space)
            self.rewards[state] += boost
        self.space = space

    def _child(self, state: int, column: int, *, after_space: bool) -> int:
        child = self.children[state].get(column)
        if child is None:
            child = self.children[state][column] = len(self.children)
            self.children.append({})
            self.rewards.append(0.0)
            self.loans.append(0.0)
            self.after_space.append(after_space)
        return child

    def tables(self, n_columns: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Next states and boosts (n_states, n_columns); rewards and loans then hold those of all suffixes too."""
        n_states = len(self.children)
        next_states = np.zeros((n_states, n_columns), np.int32)
        fails = np.zeros(n_states, np.int32)  # the longest proper suffix that is a state
        queue = deque([_ROOT])
        while queue:  # shorter beginnings first
            state = queue.popleft()
            fail = int(fails[state])
            if state != _ROOT:
                next_states[state] = next_states[fail]
                self.rewards[state] += self.rewards[fail]
                self.loans[state] += self.loans[fail]
            for column, child in self.children[state].items():
                fails[child] = next_states[state, column]  # what the suffix would have done; the root's is the root
                next_states[state, column] = child
                queue.append(child)
        rewards, loans = np.asarray(self.rewards), np.asarray(self.loans)
        boosts = (rewards + loans)[next_states] - loans[:, None]
        next_states[:, _NOTHING] = np.arange(n_states)
        boosts[:, _NOTHING] = 0.0
        if self.space is not None:  # spaces in a row are one
            spaced = np.flatnonzero(self.after_space)
            next_states[spaced, self.space] = spaced
            boosts[spaced, self.space] = 0.0
        return next_states, boosts


def _checked_phrase(phrase: str, letters: frozenset[str]) -> str:
    """The phrase with single spaces, once it is known to be one that the recogniser can write."""
    if not isinstance(phrase, str) or not phrase.strip():
        raise ConfigError(f"a hot word is empty: {phrase!r}; take it out of the list")
    tidy = " ".join(phrase.split())
    wrong = next((letter for letter in tidy if letter not in letters), None)
    if wrong is not None:
        if letters.issuperset(tidy.upper()):
            way_out = f"write {tidy.upper()!r:.60}"
        else:
            way_out = f"its letters are {''.join(sorted(letters))!r:.80}; write it as it is spoken"
        raise DataError(f"hot word {tidy!r:.60} holds {wrong!r}, which the recogniser does not write: {way_out}")
    return tidy


def _checked_boost(phrase: str, boost: float) -> float:
    if not (isinstance(boost, int | float | np.number) and math.isfinite(boost) and 0 < boost <= MAX_BOOST):
        raise ConfigError(
            f"the boost of hot word {phrase!r:.60} must be above 0 and at most {MAX_BOOST:g} nats, got {boost!r}; "
            f"{DEFAULT_BOOST:g} is a good start"
        )
    return float(boost)


def _symbol_columns(alphabet: Alphabet, column_of: Mapping[str, int]) -> NDArray[np.int32]:
    """The columns (alphabet.size, longest symbol) that each symbol's letters read."""
    columns = np.full((alphabet.size, max(map(len, alphabet.symbols))), _NOTHING, np.int32)
    for number, symbol in enumerate(alphabet.symbols, BLANK + 1):
        columns[number, : len(symbol)] = [column_of.get(letter, _OTHER) for letter in symbol]
    return columns
