"""Word and character error rates of a corpus, with the alignments behind them.

Conventions are jiwer 4's, and the tests compare with it: errors and reference lengths are summed over the corpus before
they are divided; words are what lies between white space; characters include the spaces inside a text, but not those
at its ends; texts are compared as they are, so bring both to one case and spelling first. Where the references hold
nothing at all, the rate is the number of insertions (0 if there are none): finite, and never a division by zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Levenshtein

__all__ = [
    "Confusion",
    "EditCounts",
    "EditKind",
    "EditOp",
    "ErrorReport",
    "align_tokens",
    "count_edits",
    "score",
]

EditKind = Literal["hit", "substitution", "deletion", "insertion"]

_LETTERS: dict[EditKind, str] = {"hit": " ", "substitution": "S", "deletion": "D", "insertion": "I"}


@dataclass(frozen=True)
class EditOp:
    """One step of an alignment."""

    kind: EditKind
    reference: str | None  # token of the reference; None for an insertion
    hypothesis: str | None  # token of the hypothesis; None for a deletion


@dataclass(frozen=True)
class EditCounts:
    """How many tokens were right and wrong; counts of several texts add up."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def n_reference(self) -> int:
        """Tokens in the references."""
        return self.hits + self.substitutions + self.deletions

    @property
    def n_errors(self) -> int:
        """Substitutions, deletions and insertions: the Levenshtein distance."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference token: above 1 with many insertions; their number where there is no reference token."""
        return self.n_errors / max(1, self.n_reference)

    def __add__(self, other: EditCounts) -> EditCounts:
        return EditCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True)
class Confusion:
    """A kind of error and how often it was made."""

    kind: EditKind
    reference: str | None
    hypothesis: str | None
    count: int


@dataclass(frozen=True)
class ErrorReport:
    """The errors of a corpus."""

    words: EditCounts
    characters: EditCounts
    alignments: tuple[tuple[EditOp, ...], ...]  # of the words, one an utterance

    @property
    def wer(self) -> float:
        """Word error rate, a fraction."""
        return self.words.rate

    @property
    def cer(self) -> float:
        """Character error rate, a fraction; spaces count."""
        return self.characters.rate

    @property
    def n_utterances(self) -> int:
        """Utterances scored."""
        return len(self.alignments)

    @property
    def n_wrong_utterances(self) -> int:
        """Utterances with at least one wrong word."""
        return sum(any(op.kind != "hit" for op in alignment) for alignment in self.alignments)

    def confusions(self, n_most: int = 20) -> tuple[Confusion, ...]:
        """The most common word errors.

        Args:
            n_most: How many kinds to return at most.

        Returns:
            The commonest first; among equals, in alphabetical order.
        """
        counts = Counter(op for alignment in self.alignments for op in alignment if op.kind != "hit")
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0].reference or "", item[0].hypothesis or ""))
        return tuple(Confusion(op.kind, op.reference, op.hypothesis, count) for op, count in ranked[:n_most])

    def listing(self, *, names: Sequence[str] | None = None, n_confusions: int = 20) -> str:
        """A text to read errors in: wrong utterances with reference above hypothesis, common errors, totals.

        Args:
            names: One an utterance, e.g. ids; numbers from 1 where absent.
            n_confusions: How many of the most common errors to list.

        Returns:
            Lines of text, each ended by a newline.

        Raises:
            ValueError: If there are not as many names as utterances.
        """
        if names is None:
            names = [str(number) for number in range(1, self.n_utterances + 1)]
        if len(names) != self.n_utterances:
            raise ValueError(f"expected one name an utterance, got {len(names)} for {self.n_utterances}")
        lines = []
        for name, alignment in zip(names, self.alignments, strict=True):
            if any(op.kind != "hit" for op in alignment):
                lines += [name, *_three_rows(alignment), ""]
        confusions = self.confusions(n_confusions)
        if confusions:
            lines += ["most common errors", *(f"  {_confusion_line(confusion)}" for confusion in confusions), ""]
        lines += [
            f"utterances {self.n_utterances}, with errors {self.n_wrong_utterances}",
            f"WER {_counts_line(self.words)}",
            f"CER {_counts_line(self.characters)}",
        ]
        return "".join(f"{line.rstrip()}\n" for line in lines)


def score(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorReport:
    """Compare a corpus of hypotheses with what was said.

    Examples:
        >>> report = score(["THE CAT SAT"], ["THE CAT SAD ON"])
        >>> round(report.wer, 3), report.words.insertions
        (0.667, 1)

    Args:
        references: The true texts.
        hypotheses: The recognised texts, in the same order.

    Returns:
        Counts of words and characters over all utterances, and the word alignments.

    Raises:
        TypeError: If one text is given instead of a sequence of texts.
        ValueError: If there are not as many hypotheses as references.
    """
    if isinstance(references, str) or isinstance(hypotheses, str):
        raise TypeError("expected sequences of texts, got a single text; put it into a list")
    if len(references) != len(hypotheses):
        raise ValueError(f"expected one hypothesis a reference, got {len(hypotheses)} for {len(references)}")
    alignments = []
    words, characters = EditCounts(), EditCounts()
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        alignment = align_tokens(reference.split(), hypothesis.split())
        alignments.append(alignment)
        words += count_edits(alignment)
        characters += count_edits(align_tokens(reference.strip(), hypothesis.strip()))
    return ErrorReport(words, characters, tuple(alignments))


def count_edits(alignment: Iterable[EditOp]) -> EditCounts:
    """The counts of an alignment."""
    counts = Counter(op.kind for op in alignment)
    return EditCounts(counts["hit"], counts["substitution"], counts["deletion"], counts["insertion"])


def align_tokens(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[EditOp, ...]:
    """Line up two token sequences with the fewest errors.

    All three kinds of error cost 1 (Levenshtein 1966). Among the alignments that cost the same, rapidfuzz's is
    returned, which is jiwer's: common ends first, then, from the back, deletions before insertions before the rest.
    Its memory is bounded (Hirschberg 1975), so an hour of text needs no gigabytes.

    Args:
        reference: The true tokens; a text stands for its characters.
        hypothesis: The recognised tokens.

    Returns:
        Steps from first to last; together they hold every token of both sides once, in order.
    """
    ops: list[EditOp] = []
    for step in Levenshtein.opcodes(reference, hypothesis):
        left = reference[step.src_start : step.src_end]
        right = hypothesis[step.dest_start : step.dest_end]
        if step.tag == "delete":
            ops += (EditOp("deletion", token, None) for token in left)
        elif step.tag == "insert":
            ops += (EditOp("insertion", None, token) for token in right)
        else:
            kind: EditKind = "hit" if step.tag == "equal" else "substitution"
            ops += (EditOp(kind, *pair) for pair in zip(left, right, strict=True))
    return tuple(ops)


def _three_rows(alignment: Sequence[EditOp]) -> list[str]:
    rows = ["  REF:", "  HYP:", "      "]
    for op in alignment:
        width = max(len(op.reference or ""), len(op.hypothesis or ""))
        for row, token in enumerate((op.reference or "*" * width, op.hypothesis or "*" * width, _LETTERS[op.kind])):
            rows[row] += " " + token.ljust(width)
    return rows


def _confusion_line(confusion: Confusion) -> str:
    tokens = {
        "substitution": f"{confusion.reference} -> {confusion.hypothesis}",
        "deletion": f"{confusion.reference}",
        "insertion": f"{confusion.hypothesis}",
    }
    return f"{confusion.count:5d}  {confusion.kind:12}  {tokens[confusion.kind]}"


def _counts_line(counts: EditCounts) -> str:
    return (
        f"{100 * counts.rate:.2f} %  ({counts.n_errors} errors in {counts.n_reference}: "
        f"{counts.substitutions} substitutions, {counts.deletions} deletions, {counts.insertions} insertions)"
    )
