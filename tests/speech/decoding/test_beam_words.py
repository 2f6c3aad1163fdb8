"""Trees of words: letters lead to words and their best log-probabilities; words are scored as the automaton does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import DataError
from audio_lstm.speech.decoding.beam_words import WordTree, build_word_tree
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.words.automaton import Arcs, WordAutomaton
from audio_lstm.speech.words.ngram import train_ngram

AB = Alphabet(("A", "B", " "))
SENTENCES = ["THE CAT SAT", "THEN THE CATS SAT", "A CAT", "THE HAT IS A HAT"]


def tree_of(automaton: WordAutomaton, alphabet: Alphabet = ENGLISH, *, closed: bool = False) -> WordTree:
    return build_word_tree(automaton, alphabet, closed=closed, unknown_log_prob=-4.0, look_ahead=True)


def walk(tree: WordTree, text: str, alphabet: Alphabet, state: int | None = None) -> int:
    node = int(tree.roots[tree.automaton.start if state is None else state])
    for symbol in alphabet.encode(text):
        for columns in tree.columns:
            node = int(tree.children[node * tree.n_columns + columns[symbol]])
    return node


def end(tree: WordTree, word: str, state: int, alphabet: Alphabet = ENGLISH) -> tuple[float, int, bool]:
    log_probs, states, begun = tree.end_word(np.array([walk(tree, word, alphabet, state)]), np.array([state]))
    return float(log_probs[0]), int(states[0]), bool(begun[0])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.text("AB", min_size=1, max_size=4), max_size=6), min_size=1, max_size=8), st.integers(1, 4))
def test_words_are_scored_as_the_automaton_scores_them(sentences: list[list[str]], order: int) -> None:
    automaton = train_ngram([" ".join(words) for words in sentences] + ["A"], order=order).to_automaton()
    tree = tree_of(automaton, AB)
    for words in [*sentences, ["A", "BBBBB", "B", "A"]]:
        state = automaton.start
        for word in words:
            expected, after = automaton.advance([state], automaton.word_ids([word]))
            penalty = 0.0 if word in automaton.words else -4.0
            log_prob, state, begun = end(tree, word, state, AB)
            assert log_prob == pytest.approx(float(expected[0]) + penalty, abs=1e-5)
            assert (state, begun) == (int(after[0]), True)


def test_a_beginning_looks_ahead_to_its_best_word() -> None:
    automaton = train_ngram(SENTENCES, order=2).to_automaton()
    tree = tree_of(automaton, closed=True)
    bottom = automaton.start
    while automaton.backoff_states[bottom] >= 0:
        bottom = automaton.backoff_states[bottom]
    unigrams = automaton.advance(np.full(len(automaton.words), bottom), np.arange(len(automaton.words)))[0]
    for beginning in ("T", "TH", "THE", "THEN", "C", "CA", "CAT", "CATS", "H", "A", "S"):
        best = max(p for word, p in zip(automaton.words, unigrams.tolist(), strict=True) if word.startswith(beginning))
        assert tree.look_ahead[walk(tree, beginning, ENGLISH)] == pytest.approx(best, abs=1e-6)
    assert tree.look_ahead[walk(tree, "", ENGLISH)] == 0
    assert tree.look_ahead[walk(tree, "CATX", ENGLISH)] == -np.inf


def test_any_beginning_may_become_an_unknown_word_unless_the_vocabulary_is_closed() -> None:
    automaton = train_ngram(SENTENCES, order=2).to_automaton()
    tree = tree_of(automaton)
    unknown = tree.look_ahead[walk(tree, "CATX", ENGLISH)]
    assert np.isfinite(unknown)
    assert tree.look_ahead[1:].min() >= unknown
    expected = float(automaton.advance([automaton.start], [automaton.unknown])[0][0]) - 4.0
    for word in ("CATX", "CA", "ZZZZZZZZZZ"):
        assert end(tree, word, automaton.start)[0] == pytest.approx(expected, abs=1e-5)
        assert end(tree_of(automaton, closed=True), word, automaton.start)[:2] == (-np.inf, -1)


def test_nothing_ends_where_no_word_has_begun() -> None:
    automaton = train_ngram(SENTENCES, order=2).to_automaton()
    tree = tree_of(automaton)
    assert end(tree, "", 3) == (0.0, 3, False)
    log_probs, states, begun = tree.end_word(np.array([0, walk(tree, "CAT", ENGLISH)]), np.array([3, automaton.start]))
    assert log_probs[0] == 0
    assert (log_probs[1] < 0, states[0], begun.tolist()) == (True, 3, [False, True])


def test_without_look_ahead_beginnings_cost_nothing() -> None:
    automaton = train_ngram(SENTENCES, order=2).to_automaton()
    tree = build_word_tree(automaton, ENGLISH, closed=True, unknown_log_prob=-4.0, look_ahead=False)
    assert set(tree.look_ahead.tolist()) == {0.0, -np.inf}
    assert tree.look_ahead[walk(tree, "CA", ENGLISH)] == 0
    assert tree.look_ahead[walk(tree, "CX", ENGLISH)] == -np.inf


def test_a_grammar_has_a_tree_for_each_state() -> None:
    words = ("GO", "GONE", "ON")
    arcs = Arcs(
        np.array([0, 0, 1]), np.array([0, 1, 2]), np.log([0.25, 0.75, 1.0]).astype(np.float32), np.array([1, 1, 2])
    )
    grammar = WordAutomaton.from_arcs(
        words, arcs, start=0, backoff=([-1] * 3, [0.0] * 3), final_log_probs=[-np.inf, -np.inf, 0.0]
    )
    tree = tree_of(grammar)
    assert np.exp(tree.look_ahead[walk(tree, "G", ENGLISH, 0)]) == pytest.approx(0.75)
    assert tree.look_ahead[walk(tree, "O", ENGLISH, 0)] == -np.inf
    assert tree.look_ahead[walk(tree, "O", ENGLISH, 1)] == 0
    assert tree.look_ahead[walk(tree, "O", ENGLISH, 2)] == -np.inf
    assert end(tree, "GO", 0)[:2] == (pytest.approx(np.log(0.25)), 1)
    assert end(tree, "GON", 0)[:2] == (-np.inf, -1)
    assert end(tree, "GO", 1)[:2] == (-np.inf, -1)


def test_pieces_walk_letter_by_letter() -> None:
    pieces = Alphabet((" TH", "CA", " CAT", "E", "T", "H", "C", "A", "S", " "))
    tree = tree_of(train_ngram(["THE CAT", "THE CATS"], order=2).to_automaton(), pieces)
    assert [bool(tree.ends_word[pieces.symbols.index(piece) + 1]) for piece in (" TH", "CA", " ")] == [
        True,
        False,
        True,
    ]
    nodes = []
    for spelling in ((" CAT",), ("CA", "T"), ("C", "A", "T")):
        node = int(tree.roots[tree.automaton.start])
        for piece in spelling:
            for columns in tree.columns:
                node = int(tree.children[node * tree.n_columns + columns[pieces.symbols.index(piece) + 1]])
        nodes.append(node)
    assert len(set(nodes)) == 1
    assert tree.automaton.words[tree.words[nodes[0]]] == "CAT"


def test_words_that_cannot_be_written_are_left_out_unless_the_vocabulary_is_closed() -> None:
    automaton = train_ngram(["A CAFÉ", "A BAB"], order=2).to_automaton()
    tree = tree_of(automaton, AB)
    assert end(tree, "BAB", automaton.start, AB)[0] < 0
    with pytest.raises(
        DataError, match=r"1 words of the closed vocabulary cannot be written, e\.g\. 'CAFÉ'; the recog"
    ):
        tree_of(automaton, AB, closed=True)


def test_a_vocabulary_too_large_for_the_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_lstm.speech.decoding.beam_words._MAX_DENSE", 100)
    with pytest.raises(DataError, match=r"words of the language model have .* beginnings, more than 3 for 27 letters"):
        tree_of(train_ngram(SENTENCES, order=2).to_automaton())
