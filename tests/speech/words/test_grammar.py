"""Grammars and word lists against regular expressions, and against sentences counted one by one."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.words.automaton import EMPTY, WordAutomaton
from audio_lstm.speech.words.grammar import check_words, grammar_from_text, read_grammar, word_list

GRAMMAR = "public <command> = (YES | NO) | ERASE <digit>+ ; <digit> = ONE | TWO;"

# A part of a grammar as (JSGF, regular expression, its sentences with probabilities if they are few, else None).
Distribution = dict[str, float]
Part = tuple[str, str, Distribution | None]


def joined(left: Distribution, right: Distribution) -> Distribution:
    """The distribution of one after the other."""
    both: Counter[str] = Counter()
    for (a, p), (b, q) in itertools.product(left.items(), right.items()):
        both[a + b] += p * q
    return dict(both)


def mixed(parts: list[tuple[float, Distribution]]) -> Distribution:
    """The distribution of one of several."""
    total: Counter[str] = Counter()
    for share, part in parts:
        for sentence, p in part.items():
            total[sentence] += share * p
    return dict(total)


def two(kind: str, left: Part, right: Part) -> Part:
    few = left[2] is not None and right[2] is not None
    if kind == "sequence":
        return f"{left[0]} {right[0]}", left[1] + right[1], joined(left[2] or {}, right[2] or {}) if few else None
    mixture = mixed([(0.75, left[2] or {}), (0.25, right[2] or {})]) if few else None
    return f"(/3/ {left[0]} | /1/ {right[0]})", f"(?:{left[1]}|{right[1]})", mixture


def one(kind: str, part: Part) -> Part:
    if kind == "optional":
        few = None if part[2] is None else mixed([(0.5, part[2]), (0.5, {"": 1.0})])
        return f"[{part[0]}]", f"(?:{part[1]})?", few
    return f"({part[0]}){kind}", f"(?:{part[1]}){kind}", None


def parts(*unary: str) -> st.SearchStrategy[Part]:
    leaves = st.sampled_from("AB").map(lambda letter: (letter, letter, {letter: 1.0}))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(two, st.sampled_from(["sequence", "choice"]), inner, inner),
            st.builds(one, st.sampled_from(unary), inner),
        ),
        max_leaves=8,
    )


def check_is_a_distribution(automaton: WordAutomaton) -> None:
    """In every state, the arcs and the end add up to 1."""
    taken = automaton.keys != EMPTY
    states = (automaton.keys[taken] >> np.uint64(32)).astype(np.int64)
    leaving = np.bincount(states, np.exp(automaton.log_probs[taken].astype(np.float64)), automaton.n_states)
    np.testing.assert_allclose(leaving + np.exp(automaton.final_log_probs), 1.0, rtol=1e-5)


@settings(max_examples=80, deadline=None)
@given(parts("optional", "*", "+"))
def test_a_grammar_accepts_what_its_regular_expression_matches(part: Part) -> None:
    automaton = grammar_from_text(f"public <a> = {part[0]};")
    check_is_a_distribution(automaton)
    pattern, n_sentences = re.compile(part[1]), 0
    states = np.array([automaton.start])
    for n_words in range(5):
        ends = np.where(states < 0, -np.inf, automaton.final_log_probs[states])
        for sentence, end in zip(itertools.product("AB", repeat=n_words), ends, strict=True):
            assert (end > -np.inf) == bool(pattern.fullmatch("".join(sentence))), (part[0], sentence)
            n_sentences += 1
        words = np.tile(automaton.word_ids(["A", "B"]), len(states))
        states = automaton.advance(np.repeat(states, 2), words)[1]
    assert n_sentences == 31


@settings(max_examples=80, deadline=None)
@given(parts("optional"))
def test_arcs_are_as_likely_as_the_grammars_own_sentences_take_them(part: Part) -> None:
    automaton = grammar_from_text(f"public <a> = {part[0]};")
    taken: Counter[tuple[int, int]] = Counter()  # expected number of times, by state and word; -1: the end
    assert part[2] is not None
    assert sum(part[2].values()) == pytest.approx(1)
    for sentence, p in part[2].items():
        state = automaton.start
        for word in automaton.word_ids(list(sentence)).tolist():
            taken[state, word] += p
            state = int(automaton.advance([state], [word])[1][0])
        taken[state, -1] += p
    for (state, word), count in taken.items():
        total = sum(c for (other, _), c in taken.items() if other == state)
        log_prob = automaton.final_log_probs[state] if word < 0 else automaton.advance([state], [word])[0][0]
        assert math.exp(log_prob) == pytest.approx(count / total, rel=1e-4)


def test_words_are_weighed_as_the_alternatives_say() -> None:
    automaton = grammar_from_text(GRAMMAR)
    assert automaton.words == ("YES", "NO", "ERASE", "ONE", "TWO")
    assert automaton.unknown == -1
    assert (automaton.backoff_states == -1).all()
    assert math.exp(automaton.score(["NO"])) == pytest.approx(1 / 4)
    assert math.exp(automaton.score(["ERASE", "TWO", "ONE"])) == pytest.approx(1 / 2 * 1 / 2 * 1 / 2 * 1 / 2 * 1 / 2)
    assert automaton.score(["ERASE"]) == automaton.score([]) == automaton.score(["YES", "NO"]) == -math.inf
    assert automaton.score(["yes"]) == automaton.score(["MAYBE"]) == -math.inf


def test_public_rules_are_alternatives_of_equal_weight() -> None:
    automaton = grammar_from_text("public <a> = YES; public <b> = NO | <a>;")
    assert math.exp(automaton.score(["YES"])) == pytest.approx(3 / 4)


def test_alternatives_that_begin_alike_stay_exact() -> None:
    automaton = grammar_from_text("public <a> = /7/ A B | /2/ A C | /1/ A;")
    assert [math.exp(automaton.score(text.split())) for text in ("A B", "A C", "A")] == pytest.approx([0.7, 0.2, 0.1])


def test_repetitions_of_nothing_end() -> None:
    automaton = grammar_from_text("public <a> = ([[A]*]* <NULL>)+;")
    check_is_a_distribution(automaton)
    assert automaton.score([]) > -math.inf
    assert automaton.score(["A"] * 9) > -math.inf


def test_a_long_list_in_a_loop_makes_two_states() -> None:
    automaton = grammar_from_text(f"public <a> = ({' | '.join(f'W{number}' for number in range(500))})+;")
    assert automaton.n_states == 2
    assert automaton.score(["W7", "W499"]) == pytest.approx(2 * math.log(1 / 500) + 2 * math.log(1 / 2), rel=1e-5)


def test_what_is_all_but_impossible_keeps_a_finite_probability() -> None:
    seldom = f"{'(/1e-6/ A ' * 50}A{' | /1e6/ B)' * 50}"  # 1e-600
    optional = " ".join(f"[W{number}]" for number in range(200))  # 2^-200
    automaton = grammar_from_text(f"public <a> = {seldom} {optional} C;")
    check_is_a_distribution(automaton)
    assert -math.inf < automaton.score([*"A" * 51, "W199", "C"]) < -1000


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("public <a> = A <a>;", "1:16", r"rule <a> refers to itself \(<a> -> <a>\); repeat with \* or \+"),
        ("public <a> = <b> A;\n<b> = B | <a> C;", "2:11", r"rule <a> refers to itself \(<a> -> <b> -> <a>\)"),
        ("public <a> = <NULL>;", "1:1", "the grammar holds no words; write e.g. public <command> = YES | NO;"),
        ("public <a> = (YES;", "1:18", r"expected '\)'"),
        (
            "".join(f"<r{n}> = <r{n + 1}>;" for n in range(400)) + "<r400> = A; public <a> = <r0>;",
            r"1:\d+",
            "more than 300 rules and brackets within each other",
        ),
    ],
)
def test_a_grammar_that_makes_no_automaton_is_refused(text: str, place: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"^grammar:{place}: {message}") as caught:
        grammar_from_text(text)
    assert "\n" not in str(caught.value)


def test_a_grammar_that_grows_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_lstm.speech.words.grammar._MAX_STATES", 1000)
    monkeypatch.setattr("audio_lstm.speech.words.grammar._MAX_PAIRS", 5000)
    doubling = "".join(f"<r{n}> = <r{n + 1}> <r{n + 1}>;" for n in range(20))
    with pytest.raises(DataError, match=r"^grammar:1:1: with its rules written out the grammar has more than 1000 "):
        grammar_from_text(f"{doubling} <r20> = A; public <a> = <r0>;")
    with pytest.raises(DataError, match=r"^grammar:1:1: the automaton is far too large: too much may follow the same"):
        grammar_from_text(f"public <a> = (A | B)* A {'(A | B) ' * 20};")


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    file = tmp_path / "lights.jsgf"
    file.write_text("\ufeff" + GRAMMAR, "utf-8")
    assert read_grammar(file).words == grammar_from_text(GRAMMAR).words
    file.write_text("public <a> =\n<b>;", "utf-8")
    with pytest.raises(DataError, match=r"lights\.jsgf:2:1: there is no rule <b>"):
        read_grammar(file)
    file.write_bytes(b"public <a> = \xff;")
    with pytest.raises(DataError, match=r"lights\.jsgf: not UTF-8 text \(byte 13\); save it as UTF-8"):
        read_grammar(file)
    with pytest.raises(DataError, match=r"missing\.jsgf: cannot be read \(No such file"):
        read_grammar(tmp_path / "missing.jsgf")


def test_a_word_list_accepts_any_row_of_its_words() -> None:
    automaton = word_list(["YES", "NO", "MAYBE"])
    check_is_a_distribution(automaton)
    assert automaton.score([]) == pytest.approx(math.log(1 / 2))
    assert automaton.score(["NO", "YES", "NO"]) == pytest.approx(3 * math.log(1 / 6) + math.log(1 / 2), rel=1e-5)
    assert automaton.score(["NO", "PERHAPS"]) == -math.inf


def test_a_word_list_without_repetition_accepts_one_word() -> None:
    automaton = word_list(["YES", "NO"], repeat=False)
    check_is_a_distribution(automaton)
    assert automaton.score(["YES"]) == pytest.approx(math.log(1 / 2))
    assert automaton.score([]) == automaton.score(["YES", "NO"]) == -math.inf


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the word list holds no words; name at least one"),
        ("YES", "a word list is a list of words, got the text 'YES'; split it"),
        (["YES", ""], "word 2 of the list is not one word: ''; give phrases in a grammar"),
        (["NEW YORK"], "word 1 of the list is not one word: 'NEW YORK'"),
        (["YES\n"], r"word 1 of the list is not one word: 'YES\\n'"),
        (["YES", "NO", "YES"], "word 3 of the list is there before: 'YES'; name it once"),
    ],
)
def test_a_broken_word_list_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(DataError, match=rf"^{message}"):
        word_list(words)


def test_words_that_the_recogniser_cannot_write_are_named() -> None:
    check_words(word_list(["YES", "O'CLOCK"]), ENGLISH)
    check_words(word_list(["AB"]), Alphabet((" AB", "A", "B", " ")))
    with pytest.raises(DataError, match=r"^word 'yes' holds 'y', which the recogniser does not write: write 'YES'$"):
        check_words(word_list(["NO", "yes"]), ENGLISH)
    with pytest.raises(DataError, match=r"^word '4U' holds '4', .*: its letters are \"'ABC.*; write the word as it is"):
        check_words(grammar_from_text("public <a> = 4U;"), ENGLISH)


@pytest.fixture(scope="module")
def an4(repository: Path) -> WordAutomaton:
    """The grammar of the recipe."""
    return read_grammar(repository / "recipes" / "speech" / "an4.jsgf")


def test_the_an4_grammar_constrains(an4: WordAutomaton) -> None:
    check_words(an4, ENGLISH)
    check_is_a_distribution(an4)
    assert an4.n_states < 200
    for text in ("YES", "ENTER FOUR THIRTY", "ERASE A B SIXTY TWO", "P I T T", "MAY NINTH SIXTY TWO", "OH SEVEN"):
        assert an4.score(text.split()) > -math.inf, text
    for text in ("", "YES NO", "A YES", "ERASE", "ENTER A", "RUBOUT FIVE", "SIXTY TWENTIETH", "THOUSAND", "MAY A"):
        assert an4.score(text.split()) == -math.inf, text


@pytest.mark.shared
def test_the_an4_grammar_accepts_97_percent_of_the_training_texts(an4: WordAutomaton, shared: Path) -> None:
    lines = (shared / "speech" / "an4.train.jsonl").read_text("utf-8").splitlines()
    scores = np.array([an4.score(json.loads(line)["text"].split()) for line in lines])
    assert len(scores) == 948
    assert np.isfinite(scores).mean() >= 0.97  # 98.95 % when it was written


def test_words_are_brought_to_what_the_recogniser_writes() -> None:
    text = 'public <order> = (call | "dial up" | twenty-one) [Cafe] fortytwo | don’t;'
    grammar = grammar_from_text(text, alphabet=ENGLISH)
    assert set(grammar.words) == {"CALL", "DIAL", "UP", "TWENTY", "ONE", "CAFE", "FORTYTWO", "DON'T"}
    same = grammar_from_text("public <order> = (CALL | DIAL UP | TWENTY ONE) [CAFE] FORTYTWO | DON'T;")
    for sentence in ("CALL FORTYTWO", "TWENTY ONE CAFE FORTYTWO", "DON'T", "CALL CAFE"):
        assert grammar.score(sentence.split()) == same.score(sentence.split())


def test_a_word_that_the_recogniser_does_not_write_is_named_with_its_place() -> None:
    with pytest.raises(DataError, match=r"^menu.jsgf:2:3: word '東京' holds '東', which the recogniser does not write"):
        grammar_from_text("public <a> = yes |\n  東京;", name="menu.jsgf", alphabet=ENGLISH)
    with pytest.raises(DataError, match=r"^grammar:1:14: '-' is nothing that can be said"):
        grammar_from_text("public <a> = -;", alphabet=ENGLISH)
