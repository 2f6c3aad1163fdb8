"""Word and character error rates of a corpus, with the alignments behind them.

Conventions are jiwer 4's, and the tests compare with it: errors and reference lengths are summed over the corpus before
they are divided; words are what lies between white space; characters include the spaces inside a text, but not those
at its ends; texts are compared as they are, so bring both to one case and spelling first. Where the references hold
nothing at all, the rate is the number of insertions (0 if there are none): finite, and never a division by zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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

_MAX_CELLS = 2**28  # larger tables (2 bits a cell: 64 MiB) are halved first, so that memory stays bounded
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
    Pairs of more than 2^28 cells are halved (Hirschberg 1975), so an hour of text needs no gigabytes.

    Args:
        reference: The true tokens; a text stands for its characters.
        hypothesis: The recognised tokens.

    Returns:
        Steps from first to last; together they hold every token of both sides once, in order.
    """
    ops: list[EditOp] = []
    for i, j in _align(reference, hypothesis):
        if j is None:
            ops.append(EditOp("deletion", reference[i], None))  # type: ignore[index]  # never both None
        elif i is None:
            ops.append(EditOp("insertion", None, hypothesis[j]))
        else:
            kind: EditKind = "hit" if reference[i] == hypothesis[j] else "substitution"
            ops.append(EditOp(kind, reference[i], hypothesis[j]))
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


_Pair = tuple[int | None, int | None]  # positions in reference and hypothesis; None where a side is skipped


def _align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[_Pair]:
    """Positions of an optimal alignment, in order."""
    shorter = min(len(reference), len(hypothesis))
    prefix = sum(1 for _ in takewhile(lambda i: reference[i] == hypothesis[i], range(shorter)))
    suffix = sum(1 for _ in takewhile(lambda i: reference[-i] == hypothesis[-i], range(1, shorter - prefix + 1)))
    n, m = len(reference) - suffix, len(hypothesis) - suffix  # what lies between the common ends stops here
    middle_reference, middle_hypothesis = reference[prefix:n], hypothesis[prefix:m]
    if (n - prefix) * (m - prefix) > _MAX_CELLS and m - prefix > 1:
        middle = _align_halves(middle_reference, middle_hypothesis)
    else:
        middle = _trace_back(middle_reference, middle_hypothesis)
    pairs: list[_Pair] = [(i, i) for i in range(prefix)]
    pairs += _shift(middle, prefix, prefix)
    pairs += [(n + i, m + i) for i in range(suffix)]
    return pairs


def _shift(pairs: Iterable[_Pair], by_reference: int, by_hypothesis: int) -> list[_Pair]:
    return [(None if i is None else i + by_reference, None if j is None else j + by_hypothesis) for i, j in pairs]


def _align_halves(reference: Sequence[str], hypothesis: Sequence[str]) -> list[_Pair]:
    """Hirschberg 1975: cut the hypothesis in half, and the reference where the two halves cost least."""
    half = len(hypothesis) // 2
    forward = _last_row(reference, hypothesis[:half])
    backward = _last_row(reference[::-1], hypothesis[half:][::-1])
    cut = int((forward + backward[::-1]).argmin())
    first = _align(reference[:cut], hypothesis[:half])
    return first + _shift(_align(reference[cut:], hypothesis[half:]), cut, half)


def _deltas(reference: Sequence[str], hypothesis: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The Levenshtein table a row at a time, as bits: Myers 1999 in Hyyrö's 2003 form, on Python's long integers.

    Args:
        reference: One column a token.
        hypothesis: One row a token.

    Yields:
        (up, down): bit c is set where the distance rises or falls by 1 from column c to column c + 1.
    """
    full = (1 << len(reference)) - 1
    places: dict[str, int] = {}
    for column, token in enumerate(reference):
        places[token] = places.get(token, 0) | 1 << column
    up, down = full, 0
    for token in hypothesis:
        equal = places.get(token, 0)
        diagonal = (((equal & up) + up) ^ up) | equal | down  # bit c: no cost from the cell up and left
        rise = ((down | ~(diagonal | up)) << 1 | 1) & full  # against the row above
        fall = ((diagonal & up) << 1) & full
        up, down = (fall | ~(diagonal | rise)) & full, rise & diagonal
        yield up, down


def _trace_back(reference: Sequence[str], hypothesis: Sequence[str]) -> list[_Pair]:
    """Walk back through the whole table."""
    rows = list(_deltas(reference, hypothesis))
    pairs: list[_Pair] = []
    i, j = len(reference), len(hypothesis)
    while i and j:
        if rows[j - 1][0] >> (i - 1) & 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            if j and rows[j - 1][1] >> (i - 1) & 1:
                pairs.append((None, j))
            else:
                i -= 1
                pairs.append((i, j))
    pairs += [(k, None) for k in reversed(range(i))]
    pairs += [(None, k) for k in reversed(range(j))]
    return pairs[::-1]


def _last_row(reference: Sequence[str], hypothesis: Sequence[str]) -> NDArray[np.int64]:
    """Distances between the whole hypothesis and every beginning of the reference: (len(reference) + 1,)."""
    up, down = (1 << len(reference)) - 1, 0
    for up, down in _deltas(reference, hypothesis):  # noqa: B007  # the last row is what counts
        pass
    steps = _bits(up, len(reference)) - _bits(down, len(reference))
    return len(hypothesis) + np.concatenate([[0], np.cumsum(steps)])


def _bits(number: int, n: int) -> NDArray[np.int64]:
    packed = np.frombuffer(number.to_bytes((n + 7) // 8, "little"), np.uint8)
    return np.unpackbits(packed, count=n, bitorder="little").astype(np.int64)
