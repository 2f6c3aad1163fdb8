"""Command grammars and closed word lists: what may be said, as an automaton that a beam search follows.

Grammars are written in a subset of JSGF (jsgf.py), and compiled: tree -> automaton with empty arcs (Thompson 1968) ->
sets of its states that the words so far may have led to (Rabin & Scott 1959) -> arcs with probabilities. Recursion is
refused: repetition says what a finite automaton can say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.text.data import normalise_text
from audio_lstm.speech.words.automaton import Arcs, WordAutomaton
from audio_lstm.speech.words.jsgf import NULL, Jsgf, Node, parse_jsgf
from audio_lstm.text_files import read_text

__all__ = ["check_words", "grammar_from_text", "read_grammar", "spell_words", "word_list"]

_MAX_DEPTH = 300  # parts within parts, rules written out
_MAX_STATES = 100_000  # of a grammar with all its rules written out
_MAX_PAIRS = 200_000  # of states and sets that hold them, after which the automaton is too large
_NEGLIGIBLE = 1e-12  # what a circle of empty repetitions may leave undone
_MAX_ROUNDS = 2000  # of adding up expected counts; a loop ends with probability 1/2, so tens are usually enough
_LEAST_COUNT, _LEAST_SHARE = 1e-250, 1e-50  # in place of what would come to 0 in float64


def grammar_from_text(text: str, *, name: str = "grammar", alphabet: Alphabet | None = None) -> WordAutomaton:
    """Compile a command grammar.

    Each way through the grammar has a probability: alternatives share it by their weights, or equally; what is optional
    is said with 1/2, and a repetition goes on with 1/2 (a JSGF grammar gives no such weights). The automaton is
    deterministic and a proper distribution over sentences: in every state the arcs and the end add up to 1. It is the
    grammar's own distribution wherever the words so far leave one place in the grammar; where they leave several, it is
    the nearest (by Kullback-Leibler divergence) that this automaton can represent. What is said in `*` and `[ ]` at
    the top may be nothing, then the empty sentence is accepted. Several public rules are alternatives of equal weight.

    Examples:
        >>> grammar = grammar_from_text("public <command> = (YES | NO) | ERASE <digit>+ ; <digit> = ONE | TWO;")
        >>> grammar.score(["YES"]), grammar.score(["ERASE"])
        (-1.3862943649291992, -inf)

    A mistake in the grammar is a DataError that names its line and column: a sign out of place, an unbalanced bracket,
    an unknown rule, recursion, no public rule, no words, a word that the recogniser does not write, or far too many
    states.

    Args:
        text: The grammar.
        name: What errors call the grammar, e.g. its file.
        alphabet: What the recogniser writes: words in any case are brought to it by `normalise_text`. None takes them
            as they are.

    Returns:
        The automaton; it has no back-off arcs, and refuses every other word.
    """
    grammar = parse_jsgf(text, name=name)
    if alphabet is not None:
        rules = {rule: _spelled(node, grammar, alphabet) for rule, node in grammar.rules.items()}
        grammar = replace(grammar, rules=rules)
    paths = _Paths(grammar)
    sets = _determinise(paths)
    masses = _expected_counts(sets)[sets.froms] * sets.shares  # (n_steps,) how often each step is taken
    n_sets = len(sets.members)
    of_sets = np.bincount(sets.set_of[sets.froms], masses, n_sets)
    # The last "arc" of each set is the end of the sentence: a word of its own, -1.
    of_arcs = np.bincount(sets.arc_of, masses, len(sets.arc_sets))
    with np.errstate(divide="ignore"):
        log_probs = np.log(of_arcs) - np.log(of_sets[sets.arc_sets])
    ends = sets.arc_words < 0
    final_log_probs = np.full(n_sets, -np.inf)
    final_log_probs[sets.arc_sets[ends]] = log_probs[ends]
    arcs = Arcs(
        states=sets.arc_sets[~ends],
        words=sets.arc_words[~ends],
        log_probs=log_probs[~ends].astype(np.float32),
        next_states=sets.arc_nexts[~ends],
    )
    return _automaton(tuple(paths.words), arcs, final_log_probs)


def _spelled(node: Node, grammar: Jsgf, alphabet: Alphabet) -> Node:
    """A part of a grammar with its words as a recogniser writes them."""
    if node.kind != "word":
        return replace(node, parts=tuple(_spelled(part, grammar, alphabet) for part in node.parts))
    words = normalise_text(node.text, alphabet).split()
    if not words:
        raise grammar.error(node.offset, f"{node.text!r:.40} is nothing that can be said; nothing at all is <NULL>")
    wrong = next((letter for word in words for letter in word if letter not in alphabet), None)
    if wrong is not None:
        message = f"word {node.text!r:.40} holds {wrong!r}, which the recogniser does not write"
        raise grammar.error(node.offset, f"{message}; write the word as it is spoken")
    parts = tuple(replace(node, text=word) for word in words)
    return parts[0] if len(parts) == 1 else Node("sequence", parts=parts)


def read_grammar(path: str | os.PathLike[str], *, alphabet: Alphabet | None = None) -> WordAutomaton:
    """Compile a command grammar from a file; mistakes in it are a DataError with file, line and column.

    A file that cannot be read, is too large or is not text is a DataError too.

    Args:
        path: A text file in UTF-8, usually *.jsgf.
        alphabet: As for `grammar_from_text`.

    Returns:
        As for `grammar_from_text`.
    """
    return grammar_from_text(read_text(path, what="a grammar"), name=os.fspath(path), alphabet=alphabet)


def word_list(words: Sequence[str], *, repeat: bool = True) -> WordAutomaton:
    """Compile a closed vocabulary: nothing but these words is recognised.

    All words are equally likely. With `repeat`, any number of them follow each other, none included, and each time
    the sentence goes on with probability 1/2.

    Args:
        words: Single words, as the recogniser writes them.
        repeat: Whether any number of words is accepted, or just one.

    Returns:
        The automaton.

    Raises:
        DataError: If there are no words, one is empty or holds white space, or one is there twice.
    """
    if isinstance(words, str):
        raise DataError(f"a word list is a list of words, got the text {words!r:.40}; split it")
    if not len(words):
        raise DataError("the word list holds no words; name at least one")
    seen: set[str] = set()
    for number, word in enumerate(words, 1):
        if len(word.split()) != 1 or word.strip() != word:
            raise DataError(f"word {number} of the list is not one word: {word!r:.60}; give phrases in a grammar")
        if word in seen:
            raise DataError(f"word {number} of the list is there before: {word!r:.60}; name it once")
        seen.add(word)
    n_words = len(words)
    arcs = Arcs(
        states=np.zeros(n_words, np.int64),
        words=np.arange(n_words),
        log_probs=np.full(n_words, -np.log(2 * n_words if repeat else n_words), np.float32),
        next_states=np.full(n_words, 0 if repeat else 1),
    )
    return _automaton(words, arcs, np.log([0.5]) if repeat else np.array([-np.inf, 0.0]))


def check_words(automaton: WordAutomaton, alphabet: Alphabet) -> None:
    """Make sure that a recogniser can write every word of a grammar or word list.

    Args:
        automaton: From `grammar_from_text`, `read_grammar` or `word_list`.
        alphabet: What the recogniser writes.

    Raises:
        DataError: If a word holds a letter that the alphabet lacks.
    """
    letters = set("".join(alphabet.symbols)) - {" "}
    for word in automaton.words:
        wrong = next((letter for letter in word if letter not in letters), None)
        if wrong is not None:
            if letters.issuperset(word.upper()):
                way_out = f"write {word.upper()!r:.60}"
            else:
                way_out = f"its letters are {''.join(sorted(letters))!r:.80}; write the word as it is spoken"
            raise DataError(f"word {word!r:.60} holds {wrong!r}, which the recogniser does not write: {way_out}")


def spell_words(words: Sequence[str], alphabet: Alphabet, *, noun: str, places: Mapping[str, str]) -> tuple[str, ...]:
    """Words or phrases of a user's list as a recogniser writes them, each once.

    Args:
        words: In any case.
        alphabet: What the recogniser writes.
        noun: What they are, for messages: "hot word".
        places: Where they stand, for messages, of those that are in a file.

    Returns:
        Yes and YES are one word; what holds no letter is "".

    Raises:
        DataError: If one holds a letter that the alphabet lacks; the message names its place.
    """
    letters = frozenset("".join(alphabet.symbols))
    spelled: dict[str, None] = {}
    for number, word in enumerate(words, 1):
        written = normalise_text(word, alphabet)
        where = f"{places[word]}: " if word in places else ""
        if noun == "word" and " " in written:
            message = f"word {number} of the list is not one word: {written!r:.60}; give phrases in a grammar"
            raise DataError(f"{where}{message}")
        wrong = next((letter for letter in written if letter not in letters), None)
        if wrong is not None:
            shown = "".join(sorted(letters - {" "}))
            raise DataError(
                f"{where}{noun} {word!r:.60} holds {wrong!r}, which the recogniser does not write: "
                f"its letters are {shown!r:.80}; write it as it is spoken"
            )
        spelled[written] = None
    return tuple(spelled)


class _Paths:
    """A grammar as an automaton with empty arcs; every state's arcs carry probabilities that add up to 1."""

    def __init__(self, grammar: Jsgf) -> None:
        self.grammar = grammar
        self.words: dict[str, int] = {}
        self.empties: list[list[tuple[int, float]]] = []  # of each state: where its empty arcs lead, and how likely
        self.arcs: list[tuple[int, int] | None] = []  # of each state: its word and where that leads
        self.start, self.end = self._state(), self._state()
        public = tuple(Node("rule", name) for name in grammar.public)
        whole = Node("choice", parts=public, shares=(1 / len(public),) * len(public))
        self._write(whole, self.start, self.end, above=())
        if not self.words:
            raise grammar.error(0, "the grammar holds no words; write e.g. public <command> = YES | NO;")

    def _state(self) -> int:
        if len(self.empties) == _MAX_STATES:
            raise self.grammar.error(
                0, f"with its rules written out the grammar has more than {_MAX_STATES} parts; name rules less often"
            )
        self.empties.append([])
        self.arcs.append(None)
        return len(self.empties) - 1

    def _write(self, node: Node, begin: int, end: int, *, above: tuple[str, ...], depth: int = 0) -> None:
        """Add a part of the grammar between two states. It leaves `begin` alone, and adds nothing behind `end`."""
        if depth > _MAX_DEPTH:
            raise self.grammar.error(node.offset, f"more than {_MAX_DEPTH} rules and brackets within each other")
        if node.kind == "word":
            self.arcs[begin] = (self.words.setdefault(node.text, len(self.words)), end)
        elif node.kind == "rule" and node.text == NULL:
            self.empties[begin].append((end, 1.0))
        elif node.kind == "rule":
            if node.text in above:
                circle = " -> ".join([*above[above.index(node.text) :], node.text])
                message = f"rule {node.text} refers to itself ({circle:.200}); repeat with * or +"
                raise self.grammar.error(node.offset, message)
            self._write(self.grammar.rules[node.text], begin, end, above=(*above, node.text), depth=depth + 1)
        elif node.kind == "sequence":
            for part in node.parts[:-1]:
                middle = self._state()
                self._write(part, begin, middle, above=above, depth=depth + 1)
                begin = middle
            self._write(node.parts[-1], begin, end, above=above, depth=depth + 1)
        elif node.kind == "choice":
            for part, share in zip(node.parts, node.shares, strict=True):
                self.empties[begin].append((self._inside(part, end, above, depth), share))
        elif node.kind == "optional":
            self.empties[begin] += [(self._inside(node.parts[0], end, above, depth), 0.5), (end, 0.5)]
        else:
            again = self._state()
            inside = self._inside(node.parts[0], again, above, depth)
            self.empties[again] += [(inside, 0.5), (end, 0.5)]
            self.empties[begin] += [(inside, 1.0)] if node.kind == "plus" else [(inside, 0.5), (end, 0.5)]

    def _inside(self, node: Node, end: int, above: tuple[str, ...], depth: int) -> int:
        """Add a part between a new state, which is returned, and another."""
        begin = self._state()
        self._write(node, begin, end, above=above, depth=depth + 1)
        return begin

    def steps(self, state: int) -> list[tuple[int, int, float]]:
        """What a state reads next, past empty arcs: word, the state behind it, probability; word -1 is the end."""
        reached, fresh = {state: 1.0}, {state: 1.0}
        while fresh:
            moved: dict[int, float] = {}
            for place, mass in fresh.items():
                for target, share in self.empties[place]:
                    moved[target] = moved.get(target, 0.0) + mass * share
            # Circles of repetitions of nothing halve what goes round.
            fresh = {
                place: mass
                for place, mass in moved.items()
                if place not in reached or mass > _NEGLIGIBLE * reached[place]
            }
            for place, mass in fresh.items():
                reached[place] = reached.get(place, 0.0) + mass
        steps = []
        for place, mass in reached.items():
            arc = (-1, place) if place == self.end else self.arcs[place]
            if arc is not None:
                steps.append((*arc, max(mass, _LEAST_SHARE)))
        return steps


@dataclass(frozen=True, eq=False)
class _Sets:
    """The deterministic automaton. A pair is a set and one of the states in it; a step leads from pair to pair."""

    members: list[tuple[int, ...]]  # of each set, the states that the words so far may have led to
    set_of: NDArray[np.int64]  # (n_pairs,)
    froms: NDArray[np.int64]  # (n_steps,) pair
    shares: NDArray[np.float64]  # (n_steps,) probability of the step, given its pair
    arc_of: NDArray[np.int64]  # (n_steps,)
    nexts: NDArray[np.int64]  # (n_steps,) pair; -1: the end
    arc_sets: NDArray[np.int64]  # (n_arcs,) the set that an arc leaves
    arc_words: NDArray[np.int64]  # (n_arcs,) -1: the end
    arc_nexts: NDArray[np.int64]  # (n_arcs,) the set that it leads to; -1 at the end


def _determinise(paths: _Paths) -> _Sets:
    """Rabin and Scott's subset construction."""
    numbers: dict[tuple[int, ...], int] = {}
    members: list[tuple[int, ...]] = []
    first_pairs, pairs = [0], list[dict[int, int]]()  # pairs of each set, by state

    def number(states: tuple[int, ...]) -> int:
        if states not in numbers:
            numbers[states] = len(members)
            members.append(states)
            pairs.append({state: first_pairs[-1] + place for place, state in enumerate(states)})
            first_pairs.append(first_pairs[-1] + len(states))
            if first_pairs[-1] > _MAX_PAIRS:
                raise paths.grammar.error(
                    0, "the automaton is far too large: too much may follow the same words; make alternatives differ"
                )
        return numbers[states]

    known: dict[int, list[tuple[int, int, float]]] = {}
    steps: list[tuple[int, float, int, int]] = []
    arcs: list[tuple[int, int, int]] = []
    number((paths.start,))
    done = 0
    while done < len(members):
        targets: dict[int, set[int]] = {}
        for state in members[done]:
            if state not in known:
                known[state] = paths.steps(state)
            for word, target, _ in known[state]:
                targets.setdefault(word, set()).add(target)
        arc_numbers, nexts = {}, {}
        for word, states in targets.items():
            nexts[word] = -1 if word < 0 else number(tuple(sorted(states)))
            arc_numbers[word] = len(arcs)
            arcs.append((done, word, nexts[word]))
        for state, pair in pairs[done].items():
            for word, target, share in known[state]:
                following = -1 if word < 0 else pairs[nexts[word]][target]
                steps.append((pair, share, arc_numbers[word], following))
        done += 1
    froms, shares, arc_of, followers = zip(*steps, strict=True)
    arc_sets, arc_words, arc_nexts = np.array(arcs, np.int64).T
    return _Sets(
        members=members,
        set_of=np.repeat(np.arange(len(members)), np.diff(first_pairs)),
        froms=np.array(froms, np.int64),
        shares=np.array(shares, np.float64),
        arc_of=np.array(arc_of, np.int64),
        nexts=np.array(followers, np.int64),
        arc_sets=arc_sets,
        arc_words=arc_words,
        arc_nexts=arc_nexts,
    )


def _expected_counts(sets: _Sets) -> NDArray[np.float64]:
    """How often a sentence of the grammar passes each pair (n_pairs,) on average: arcs in proportion to these counts
    make the deterministic automaton's likeliest, that is nearest, distribution.
    """
    n_pairs = len(sets.set_of)
    going = np.flatnonzero(sets.nexts >= 0)
    froms, nexts, shares = sets.froms[going], sets.nexts[going], sets.shares[going]
    passing = np.zeros(n_pairs)
    passing[0] = 1.0  # the first pair is the start
    counts = passing.copy()
    for _ in range(_MAX_ROUNDS):
        moved = np.bincount(nexts, passing[froms] * shares, n_pairs)
        passing = moved.astype(np.float64)
        counts += passing
        if passing.sum() < _NEGLIGIBLE:
            break
    return np.maximum(counts, _LEAST_COUNT)


def _automaton(words: Sequence[str], arcs: Arcs, final_log_probs: NDArray[np.float64]) -> WordAutomaton:
    """An automaton without back-off arcs that starts in state 0."""
    n_states = len(final_log_probs)
    backoff = (np.full(n_states, -1), np.zeros(n_states))
    return WordAutomaton.from_arcs(words, arcs, start=0, backoff=backoff, final_log_probs=final_log_probs)
