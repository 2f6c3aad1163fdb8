"""The word automaton: back-off against a plain dictionary walk, the hash table, refusal, and words that do not fit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.words.automaton import EMPTY, Arcs, WordAutomaton, check_fits, fold_case, misfits

N_WORDS = 6


def arcs(rows: list[tuple[int, int, float, int]]) -> Arcs:
    states, words, log_probs, next_states = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Arcs(
        np.array(states, np.int64),
        np.array(words, np.int64),
        np.array(log_probs, np.float32),
        np.array(next_states, np.int64),
    )


def small(**changes: Any) -> WordAutomaton:
    """State 0 knows A, B and unknown words, state 1 (after A) knows B better and backs off to 0."""
    rows = [(0, 0, -1.0, 1), (0, 1, -2.0, 0), (0, 2, -9.0, 0), (1, 1, -0.5, 0)]
    values: dict[str, Any] = {
        "start": 0,
        "backoff": ([-1, 0], [0.0, -0.25]),
        "final_log_probs": [-3.0, -4.0],
        "has_unknown": True,
    }
    return WordAutomaton.from_arcs(["A", "B"], arcs(rows), **(values | changes))


@st.composite
def automata(draw: st.DrawFn) -> tuple[WordAutomaton, dict[tuple[int, int], tuple[float, int]]]:
    """Automata whose states back off to lower ones, and their arcs."""
    n_states = draw(st.integers(1, 8))
    pairs = draw(st.sets(st.tuples(st.integers(0, n_states - 1), st.integers(0, N_WORDS)), max_size=40))
    table = {pair: (-draw(st.integers(0, 50)) / 8, draw(st.integers(0, n_states - 1))) for pair in sorted(pairs)}
    backoff = [draw(st.integers(-1, state - 1)) for state in range(n_states)]
    prices = [-draw(st.integers(0, 50)) / 8 for _ in range(n_states)]
    automaton = WordAutomaton.from_arcs(
        [f"W{number}" for number in range(N_WORDS)],
        arcs([(state, word, log_prob, after) for (state, word), (log_prob, after) in table.items()]),
        start=0,
        backoff=(backoff, prices),
        final_log_probs=np.zeros(n_states),
        has_unknown=True,
    )
    return automaton, table


def walk(
    automaton: WordAutomaton, table: dict[tuple[int, int], tuple[float, int]], state: int, word: int
) -> tuple[float, int]:
    """What `advance` shall give, by the definition."""
    price = 0.0
    while state >= 0:
        if (state, word) in table:
            log_prob, after = table[state, word]
            return price + log_prob, after
        price += float(automaton.backoff_log_probs[state])
        state = int(automaton.backoff_states[state])
    return -math.inf, -1


@settings(max_examples=80, deadline=None)
@given(automata())
def test_advancing_follows_backoff_arcs_as_a_dictionary_walk_does(
    case: tuple[WordAutomaton, dict[tuple[int, int], tuple[float, int]]],
) -> None:
    automaton, table = case
    pairs = [(state, word) for state in range(-1, automaton.n_states) for word in range(-1, N_WORDS + 3)]
    log_probs, next_states = automaton.advance([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    assert (log_probs.dtype, next_states.dtype) == (np.float32, np.int32)
    expected = [walk(automaton, table, *pair) for pair in pairs]
    assert list(zip(log_probs.tolist(), next_states.tolist(), strict=True)) == expected


def test_a_large_table_finds_every_arc_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    n_states, n_words = 300, 4000
    keys = np.unique(rng.integers(0, n_states * n_words, 30_000))
    states, words = keys // n_words, keys % n_words
    log_probs = -rng.random(len(keys)).astype(np.float32)
    next_states = rng.integers(0, n_states, len(keys))
    automaton = WordAutomaton.from_arcs(
        [str(number) for number in range(n_words)],
        Arcs(states, words, log_probs, next_states),
        start=0,
        backoff=(np.full(n_states, -1), np.zeros(n_states)),
        final_log_probs=np.zeros(n_states),
    )
    assert np.count_nonzero(automaton.keys != EMPTY) == len(keys) <= len(automaton.keys) / 2
    shuffled = rng.permutation(len(keys))
    found, after = automaton.advance(states[shuffled], words[shuffled])  # more than one chunk
    np.testing.assert_array_equal(found, log_probs[shuffled])
    np.testing.assert_array_equal(after, next_states[shuffled])
    others = np.setdiff1d(rng.integers(0, n_states * n_words, 30_000), keys)
    found, after = automaton.advance(others // n_words, others % n_words)
    assert len(others) > 20_000
    assert np.all(np.isneginf(found))
    assert np.all(after == -1)


def test_nothing_advances_to_nothing() -> None:
    log_probs, next_states = small().advance([], [])
    assert log_probs.shape == next_states.shape == (0,)


def test_an_automaton_without_arcs_refuses_every_word() -> None:
    empty = WordAutomaton.from_arcs([], arcs([]), start=0, backoff=([-1], [0.0]), final_log_probs=[0.0])
    assert empty.advance([0], [0])[1].tolist() == [-1]
    assert empty.score([]) == 0.0
    assert empty.score(["A"]) == -math.inf


def test_a_sentence_scores_its_words_and_its_end() -> None:
    automaton = small()
    assert automaton.score([]) == -3.0
    assert automaton.score(["A", "B"]) == -1.0 - 0.5 - 3.0
    assert automaton.score(["A", "A"]) == -1.0 + (-0.25 - 1.0) - 4.0
    assert automaton.score(["A", "XYLOPHONE"]) == -1.0 + (-0.25 - 9.0) - 3.0


def test_unknown_words_have_their_own_id_or_are_refused() -> None:
    assert small().word_ids(["B", "a", "A", ""]).tolist() == [1, 2, 0, 2]
    closed = replace(small(), unknown=-1)
    assert closed.word_ids(["B", "X"]).tolist() == [1, -1]
    assert closed.score(["A", "X"]) == -math.inf


def test_a_text_is_not_a_sentence_of_words() -> None:
    with pytest.raises(TypeError, match="expected a list of words, got the text 'A B'; split it"):
        small().score("A B")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, 0, -1.0, 0), (0, 0, -2.0, 0)], "two arcs leave one state with one word"),
        ([(2, 0, -1.0, 0)], r"arcs.states must lie in 0\.\.1, got 2\.\.2"),
        ([(0, 0, -1.0, -1)], r"arcs.next_states must lie in 0\.\.1, got -1\.\.-1"),
        ([(0, 3, -1.0, 0)], r"arcs.words must lie in 0\.\.2, got 3\.\.3"),
    ],
)
def test_arcs_that_cannot_be_are_refused(rows: list[tuple[int, int, float, int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordAutomaton.from_arcs(
            ["A", "B"],
            arcs(rows),
            start=0,
            backoff=([-1, 0], [0, 0]),
            final_log_probs=[0, 0],
            has_unknown=True,
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backoff": ([-1, 2], [0, 0])}, r"back-off states must lie in -1\.\.1, got -1\.\.2"),
        ({"backoff": ([1, 0], [0, 0])}, "more than 15 back-off arcs in a row from state 0"),
        ({"backoff": ([-1, 0], [0])}, "expected 2 backoff_log_probs and final_log_probs, got 1 and 2"),
        ({"start": 2}, "start must be one of the 2 states, got 2"),
    ],
)
def test_states_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": np.full(12, EMPTY)}, "expected a power of two of slots, at least 8 and one empty, got 12"),
        ({"keys": np.zeros(8, np.uint64)}, "one empty, got 8"),
        ({"log_probs": np.zeros(3, np.float32)}, "expected 8 log_probs and next_states, got 3 and 8"),
        ({"unknown": 1}, "unknown must be -1 or the number of words, 2, got 1"),
    ],
)
def test_tables_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(small(), **changes)


def named(*words: str) -> WordAutomaton:
    return WordAutomaton.from_arcs(words, arcs([]), start=0, backoff=([-1], [0.0]), final_log_probs=[0.0])


def test_words_that_the_letters_cannot_write_are_counted() -> None:
    assert check_fits(named("HELLO", "DON'T", "CAFÉ", "R2D2", "TWO WORDS"), ENGLISH) == 3


def test_pieces_of_words_write_what_their_letters_write() -> None:
    pieces = Alphabet((" TH", "TH", " ", "T", "H", "E"))
    assert check_fits(named("THE", "TEETH", "TEN"), pieces) == 1


def test_a_model_in_other_letters_does_not_fit() -> None:
    with pytest.raises(DataError, match=r"none of the language model's 2 words fits the recogniser .the first: 'the'"):
        check_fits(named("the", "cat"), ENGLISH)
    with pytest.raises(DataError, match="it has no words"):
        check_fits(named(), ENGLISH)


def test_a_model_in_another_case_is_folded_and_the_likelier_of_two_words_stays() -> None:
    words = ("The", "the", "US", "us", "café", "Cat", "THE")
    log_probs = [-2.0, -1.0, -1.0, -3.0, -1.0, -1.0, -9.0]
    likes = WordAutomaton.from_arcs(
        words,
        arcs([(0, number, log_prob, 0) for number, log_prob in enumerate(log_probs)]),
        start=0,
        backoff=([-1], [0.0]),
        final_log_probs=[0.0],
    )
    folded = fold_case(likes, ENGLISH)
    assert folded.score(["THE"]) == -1
    assert folded.score(["US"]) == -1
    assert folded.score(["CAT"]) == -1
    assert len(set(folded.words)) == len(words)
    (note,) = misfits(folded, ENGLISH)
    assert note.startswith("4 of 7 words hold letters that the model cannot write, and will never be heard (the first:")
    fitting = named("HELLO", "DON'T")
    assert fold_case(fitting, ENGLISH) is fitting
    assert misfits(fitting, ENGLISH) == ()
