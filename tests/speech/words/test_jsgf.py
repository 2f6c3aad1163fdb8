"""The subset of JSGF: what is understood, and where a mistake is said to be."""

from __future__ import annotations

import re

import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.words.jsgf import Node, parse_jsgf

A, B, C = (Node("word", letter) for letter in "ABC")


def sequence(*parts: Node) -> Node:
    return Node("sequence", parts=parts)


def choice(*parts: Node, shares: tuple[float, ...] = (0.5, 0.5)) -> Node:
    return Node("choice", parts=parts, shares=shares)


@pytest.mark.parametrize(
    ("written", "tree"),
    [
        ("A", A),
        ("(A)", A),
        ("A B C", sequence(A, B, C)),
        ('"A B" C', sequence(sequence(A, B), C)),
        ('"A"', A),
        ("A | B", choice(A, B)),
        ("A | B C", choice(A, sequence(B, C))),
        ("(A | B) C", sequence(choice(A, B), C)),
        ("/3/ A | / 1.0 / B", choice(A, B, shares=(0.75, 0.25))),
        ("[A] B", sequence(Node("optional", parts=(A,)), B)),
        ("A B*", sequence(A, Node("star", parts=(B,)))),
        ("(A B)+", Node("plus", parts=(sequence(A, B),))),
        ("[A]*", Node("star", parts=(Node("optional", parts=(A,)),))),
        ("A {tag \\} of A} B", sequence(A, B)),
        ("A // to the end; |\n B", sequence(A, B)),
        ("A /* over\nlines; */ B", sequence(A, B)),
        ("O'CLOCK", Node("word", "O'CLOCK")),
        ("<NULL> A", sequence(Node("rule", "<NULL>", offset=13), A)),
    ],
)
def test_right_sides_are_read_as_jsgf_says(written: str, tree: Node) -> None:
    assert parse_jsgf(f"public <a> = {written};").rules == {"<a>": tree}


@pytest.mark.parametrize("head", ["", "#JSGF V1.0;\n", "#JSGF V1.0 UTF-8 en;\ngrammar com.acme;\n", "grammar a;"])
def test_the_head_may_be_left_out(head: str) -> None:
    grammar = parse_jsgf(head + "<b> = B; public <a> = A; public <c> = <b>;")
    assert list(grammar.rules) == ["<b>", "<a>", "<c>"]
    assert grammar.public == ("<a>", "<c>")


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("public <a> = (A | B ;", 1, 21, "expected ')' to close the '(' of line 1, got ';'"),
        ("public <a> = A\n | [B C);", 2, 8, "expected ']' to close the '[' of line 2, got ')'"),
        ("public <a> = A );", 1, 16, "expected ';' at the end of <a>, got ')'"),
        ("public <a> = A", 1, 15, "expected ';' at the end of <a>, got 'the end'"),
        ("public <a> A;", 1, 12, "expected '=' after <a>, got 'A'"),
        ("public <a> = ;", 1, 14, "expected a word, a rule or a group, got ';'; nothing at all is <NULL>"),
        ("public <a> = A | ;", 1, 18, "expected a word, a rule or a group, got ';'"),
        ("public <a> = * A;", 1, 14, "expected a word, a rule or a group, got '*'"),
        ('public <a> = "";', 1, 14, "there are no words in the quotes"),
        ("public <a> = A <b>;\n<c> = B;", 1, 16, "there is no rule <b>; the rules are <a>, <c>"),
        ("<c> = <b>;\npublic <a> = A;", 1, 7, "there is no rule <b>"),
        ("public <a> = A;\n <a> = B;", 2, 2, "rule <a> is there twice; join the two with |"),
        ("<a> = A;", 1, 1, "no rule is public, so nothing can be said; write e.g. public <command> = YES | NO;"),
        ("", 1, 1, "no rule is public"),
        ("  // nothing\n", 1, 1, "no rule is public"),
        ("public a = A;", 1, 8, "expected a rule's name, got 'a'; a rule is <digit> = ONE | TWO;"),
        ("public <NULL> = A;", 1, 8, "expected a rule's name, got '<NULL>'"),
        ("import <b.*>;", 1, 1, "expected a rule's name, got 'import'; grammars cannot be imported"),
        ("public", 1, 7, "expected a rule's name, got 'the end'"),
        ("public <a> = /2/ A | B;", 1, 14, "give all alternatives a weight, e.g. /2/ YES | /1/ NO, or none"),
        ("public <a> = A | /2/ B;", 1, 14, "give all alternatives a weight"),
        ("public <a> = /0/ A;", 1, 14, "a weight is a number in 0.000001..1000000, got '/0/'"),
        ("public <a> = /1e9/ A;", 1, 14, "a weight is a number in 0.000001..1000000, got '/1e9/'"),
        ("public <a> = /1.2.3/ A;", 1, 14, "a weight is a number in 0.000001..1000000, got '/1.2.3/'"),
        ("public <a> = A\n/* B;", 2, 1, "'/* B;' is no word, rule or sign of a grammar"),
        ("public <a> = A {tag;", 1, 16, "'{tag;' is no word, rule or sign of a grammar"),
        ("public <a> = A > B;", 1, 16, "'> B;' is no word, rule or sign of a grammar"),
        ("public <a> = " + "(" * 61, 1, 74, "more than 60 brackets within brackets; use rules"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(DataError, match=rf"^lights\.jsgf:{line}:{column}: {re.escape(message)}") as caught:
        parse_jsgf(text, name="lights.jsgf")
    assert "\n" not in str(caught.value)


def test_sixty_brackets_are_read() -> None:
    assert parse_jsgf("public <a> = " + "(" * 60 + "A" + ")" * 60 + ";").rules["<a>"] == A
