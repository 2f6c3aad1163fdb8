"""Command grammars as people write them: a subset of JSGF -> a tree, with errors that name line and column.

JSGF is the Java Speech Grammar Format (W3C note of 2000, https://www.w3.org/TR/jsgf/). What is understood of it:

    #JSGF V1.0;                          // this line and the next may be left out
    grammar lights;
    public <command> = <switch> | DIM [TO] <digit>+ | /0.1/ HELP;
    <switch> = TURN (ON | OFF) [THE LIGHT];
    <digit> = ONE | TWO | THREE;         /* and so on */

Words ("several in quotes" too), rules, alternatives with or without weights, groups, optional parts, `*`, `+`, <NULL>,
comments; tags ({...}) are passed over. Imports are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from audio_lstm.errors import DataError

__all__ = ["NULL", "Jsgf", "Node", "parse_jsgf"]

NULL = "<NULL>"  # the rule that says nothing

_MAX_DEPTH = 60  # brackets within brackets

_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|/\*.*?\*/|\{(?:[^{}\\]|\\.)*\})
    |(?P<weight>/\s*[0-9.eE+-]+\s*/)
    |(?P<rule><[^<>\s]+>)
    |(?P<quoted>"[^"\n]*")
    |(?P<sign>[;=|()\[\]*+])
    |(?P<word>[^\s;=|()\[\]*+<>{}/"]+)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class _Token:
    kind: str  # a group of _TOKEN, or "end"
    text: str
    offset: int  # in the grammar's text


@dataclass(frozen=True)
class Node:
    """A part of a rule's right side."""

    kind: Literal["word", "rule", "sequence", "choice", "optional", "star", "plus"]
    text: str = ""  # of a word, or a rule's name with its brackets
    parts: tuple[Node, ...] = ()
    shares: tuple[float, ...] = ()  # of a choice's parts; they add up to 1
    offset: int = field(default=0, compare=False)  # of a rule's name or a word in the grammar's text


@dataclass(frozen=True)
class Jsgf:
    """A parsed grammar; every rule that it names is there."""

    text: str
    name: str  # what errors call it
    rules: dict[str, Node]  # right sides by the rules' names, "<digit>"
    public: tuple[str, ...]  # names of the rules that may be said, at least one

    def error(self, offset: int, message: str) -> DataError:
        """An error that says where it is.

        Args:
            offset: Character of the text.
            message: What is wrong there, and the way out.

        Returns:
            The error, to be raised.
        """
        line = self.text.count("\n", 0, offset) + 1
        column = offset - self.text.rfind("\n", 0, offset)
        return DataError(f"{self.name}:{line}:{column}: {message}")


def parse_jsgf(text: str, *, name: str = "grammar") -> Jsgf:
    """Parse a grammar.

    A sign out of place, an unbalanced bracket, an unknown rule, one that is there twice, no public rule: each is a
    DataError with line and column.

    Args:
        text: The grammar.
        name: What errors call it, e.g. its file.

    Returns:
        Its rules.
    """
    return _Parser(text, name).parse()


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str, name: str) -> None:
        self.grammar = Jsgf(text, name, {}, ())  # filled in by `parse`
        self.tokens = self.tokenise()
        self.position = self.depth = 0
        self.named: list[_Token] = []  # rules on right sides

    def tokenise(self) -> list[_Token]:
        """All tokens, and one of kind "end"; the header and the grammar's name are passed over."""
        text = self.grammar.text
        header = re.match(r"\s*#JSGF[^;\n]*;?", text)
        offset, tokens = header.end() if header else 0, []
        while offset < len(text):
            match = _TOKEN.match(text, offset)
            if match is None:
                raise self.grammar.error(
                    offset, f"{text[offset : offset + 12]!r} is no word, rule or sign of a grammar"
                )
            if match.lastgroup != "blank":
                tokens.append(_Token(str(match.lastgroup), match.group(), offset))
            offset = match.end()
        if [token.text for token in tokens[:1]] == ["grammar"] and [token.text for token in tokens[2:3]] == [";"]:
            tokens = tokens[3:]
        return [*tokens, _Token("end", "the end", offset)]

    def parse(self) -> Jsgf:
        """The whole grammar."""
        public: list[str] = []
        rules: dict[str, Node] = {}
        while self.token.kind != "end":
            is_public = self.token.text == "public"
            if is_public:
                self.take()
            name = self.take()
            if name.kind != "rule" or name.text == NULL:
                hint = "grammars cannot be imported" if name.text == "import" else "a rule is <digit> = ONE | TWO;"
                raise self.grammar.error(name.offset, f"expected a rule's name, got {name.text!r:.40}; {hint}")
            if name.text in rules:
                raise self.grammar.error(name.offset, f"rule {name.text} is there twice; join the two with |")
            self.expect("=", f"after {name.text}")
            rules[name.text] = self.choice()
            self.expect(";", f"at the end of {name.text}")
            if is_public:
                public.append(name.text)
        for name in self.named:
            if name.text not in rules and name.text != NULL:
                known = ", ".join(rules)
                raise self.grammar.error(name.offset, f"there is no rule {name.text:.40}; the rules are {known:.200}")
        if not public:
            message = "no rule is public, so nothing can be said; write e.g. public <command> = YES | NO;"
            raise self.grammar.error(0, message)
        return Jsgf(self.grammar.text, self.grammar.name, rules, tuple(public))

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def take(self) -> _Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def expect(self, text: str, what: str) -> None:
        if self.token.text != text or self.token.kind != "sign":
            raise self.grammar.error(self.token.offset, f"expected {text!r} {what}, got {self.token.text!r:.40}")
        self.take()

    def choice(self) -> Node:
        start, parts, weights = self.token, [], []
        while True:
            if self.token.kind == "weight":
                weights.append(self.weight())
            parts.append(self.sequence())
            if weights and len(weights) != len(parts):
                raise self.grammar.error(start.offset, "give all alternatives a weight, e.g. /2/ YES | /1/ NO, or none")
            if self.token.text != "|":
                break
            self.take()
        total = sum(weights) or len(parts)
        shares = tuple(weight / total for weight in weights or [1.0] * len(parts))
        return parts[0] if len(parts) == 1 else Node("choice", parts=tuple(parts), shares=shares)

    def weight(self) -> float:
        token = self.take()
        try:
            weight = float(token.text.strip("/ \t\r\n"))
        except ValueError:
            weight = 0.0
        if not 1e-6 <= weight <= 1e6:
            raise self.grammar.error(token.offset, f"a weight is a number in 0.000001..1000000, got {token.text!r:.40}")
        return weight

    def sequence(self) -> Node:
        parts = []
        while self.token.kind in ("word", "quoted", "rule") or self.token.text in ("(", "["):
            part = self.item()
            while self.token.text in ("*", "+"):
                part = Node("star" if self.take().text == "*" else "plus", parts=(part,))
            parts.append(part)
        if not parts:
            message = f"expected a word, a rule or a group, got {self.token.text!r:.40}"
            raise self.grammar.error(self.token.offset, f"{message}; nothing at all is <NULL>")
        return parts[0] if len(parts) == 1 else Node("sequence", parts=tuple(parts))

    def item(self) -> Node:
        token = self.take()
        if token.kind == "rule":
            self.named.append(token)
            return Node("rule", token.text, offset=token.offset)
        if token.kind in ("word", "quoted"):
            words = tuple(Node("word", word, offset=token.offset) for word in token.text.strip('"').split())
            if not words:
                raise self.grammar.error(token.offset, "there are no words in the quotes; nothing at all is <NULL>")
            return words[0] if len(words) == 1 else Node("sequence", parts=words)
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.grammar.error(token.offset, f"more than {_MAX_DEPTH} brackets within brackets; use rules")
        inner = self.choice()
        line = self.grammar.text.count("\n", 0, token.offset) + 1
        self.expect(")" if token.text == "(" else "]", f"to close the {token.text!r} of line {line}")
        self.depth -= 1
        return inner if token.text == "(" else Node("optional", parts=(inner,))
