"""Error rates against jiwer and against the definition, and the listing of errors."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.speech.training.metrics import (
    Confusion,
    EditCounts,
    EditOp,
    align_tokens,
    count_edits,
    score,
)

texts = st.lists(st.sampled_from(["A", "B", "C", "ABBA", "D'OR"]), max_size=12).map(" ".join)
corpora = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)


def distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Levenshtein distance by the textbook recurrence."""
    row = list(range(len(hypothesis) + 1))
    for i, letter in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
    return row[-1]


@settings(max_examples=100, deadline=None)
@given(corpora)
def test_rates_and_counts_equal_jiwers(corpus: list[tuple[str, str]]) -> None:
    references, hypotheses = [pair[0] for pair in corpus], [pair[1] for pair in corpus]
    report = score(references, hypotheses)
    words, characters = jiwer.process_words(references, hypotheses), jiwer.process_characters(references, hypotheses)
    assert report.wer == words.wer
    assert report.cer == characters.cer
    for ours, theirs in ((report.words, words), (report.characters, characters)):
        assert ours == EditCounts(theirs.hits, theirs.substitutions, theirs.deletions, theirs.insertions)


@settings(max_examples=300, deadline=None)
@given(st.text("abc", max_size=20), st.text("abc", max_size=20))
def test_an_alignment_is_optimal_and_holds_every_token_once(reference: str, hypothesis: str) -> None:
    alignment = align_tokens(reference, hypothesis)
    assert "".join(op.reference or "" for op in alignment) == reference
    assert "".join(op.hypothesis or "" for op in alignment) == hypothesis
    counts = count_edits(alignment)
    assert counts.n_errors == distance(reference, hypothesis)
    assert counts.n_reference == len(reference)
    for op in alignment:
        if op.kind in ("hit", "substitution"):
            assert (op.reference == op.hypothesis) == (op.kind == "hit")
        else:
            assert (op.reference is None, op.hypothesis is None) == (op.kind == "insertion", op.kind == "deletion")


def test_a_long_text_is_aligned_as_well() -> None:
    rng = random.Random(0)
    for n in (100, 800):
        reference = rng.choices("abc", k=n)
        hypothesis = [letter if rng.random() < 0.8 else rng.choice("abcd") for letter in reference][: n - 40]
        alignment = align_tokens(reference, hypothesis)
        assert [op.reference for op in alignment if op.reference is not None] == reference
        assert [op.hypothesis for op in alignment if op.hypothesis is not None] == hypothesis
        assert count_edits(alignment).n_errors == distance(reference, hypothesis)


def test_a_known_alignment() -> None:
    alignment = align_tokens(["THE", "CAT", "SAT", "ON"], ["CAT", "SAD", "ON", "IT"])
    assert alignment == (
        EditOp("deletion", "THE", None),
        EditOp("hit", "CAT", "CAT"),
        EditOp("substitution", "SAT", "SAD"),
        EditOp("hit", "ON", "ON"),
        EditOp("insertion", None, "IT"),
    )
    assert count_edits(alignment) == EditCounts(hits=2, substitutions=1, deletions=1, insertions=1)


def test_rates_are_pooled_over_the_corpus_not_averaged_over_utterances() -> None:
    report = score(["A", "B C D"], ["X", "B C D"])
    assert report.wer == 1 / 4
    assert report.n_utterances == 2
    assert report.n_wrong_utterances == 1


def test_white_space_at_the_ends_does_not_count_but_inside_it_does() -> None:
    assert score([" A  B "], ["A B"]).words == EditCounts(hits=2)
    assert score([" A B "], ["A B"]).cer == 0
    assert score(["A B"], ["AB"]).characters == EditCounts(hits=2, deletions=1)


@pytest.mark.parametrize(
    ("references", "hypotheses", "wer"),
    [
        ([], [], 0.0),
        ([""], [""], 0.0),
        ([""], ["A B"], 2.0),  # nothing to divide by: the number of insertions, as jiwer has it
        (["", "A"], ["B", "A"], 1.0),
        (["A B"], [""], 1.0),
        (["A"], ["B C D"], 3.0),
    ],
)
def test_empty_texts_have_finite_rates(references: list[str], hypotheses: list[str], wer: float) -> None:
    report = score(references, hypotheses)
    assert report.wer == wer
    assert json.loads(json.dumps(report.wer, allow_nan=False)) == wer


def test_counts_add_up() -> None:
    total = EditCounts(1, 2, 3, 4) + EditCounts(10, 20, 30, 40)
    assert total == EditCounts(11, 22, 33, 44)
    assert (total.n_reference, total.n_errors) == (66, 99)
    assert total.rate == 99 / 66


def test_confusions_come_by_number_then_by_alphabet() -> None:
    report = score(["B P", "B", "A X", "T"], ["P P", "P", "A", "T T"])
    assert report.confusions() == (
        Confusion("substitution", "B", "P", 2),
        Confusion("insertion", None, "T", 1),
        Confusion("deletion", "X", None, 1),
    )
    assert len(report.confusions(1)) == 1


def test_the_listing_shows_wrong_utterances_confusions_and_totals() -> None:
    report = score(["RIGHT", "THE CAT SAT ON"], ["RIGHT", "CAT SAD ON IT"])
    assert report.listing(names=["one", "two"]).splitlines() == [
        "two",
        "  REF: THE CAT SAT ON **",
        "  HYP: *** CAT SAD ON IT",
        "       D       S      I",
        "",
        "most common errors",
        "      1  insertion     IT",
        "      1  substitution  SAT -> SAD",
        "      1  deletion      THE",
        "",
        "utterances 2, with errors 1",
        "WER 60.00 %  (3 errors in 5: 1 substitutions, 1 deletions, 1 insertions)",
        "CER 42.11 %  (8 errors in 19: 1 substitutions, 4 deletions, 3 insertions)",
    ]


def test_the_listing_of_a_faultless_corpus_is_the_totals() -> None:
    listing = score(["A"], ["A"]).listing()
    assert listing.startswith("utterances 1, with errors 0\nWER 0.00 %")
    assert listing.endswith("\n")


def test_utterances_without_names_are_numbered_from_1() -> None:
    assert score(["A", "B"], ["A", "C"]).listing().startswith("2\n  REF: B\n  HYP: C\n       S\n")


def test_a_listing_needs_a_name_an_utterance() -> None:
    with pytest.raises(ValueError, match="one name an utterance, got 1 for 2"):
        score(["A", "B"], ["A", "C"]).listing(names=["x"])


def test_a_single_text_is_not_a_corpus() -> None:
    with pytest.raises(TypeError, match="got a single text; put it into a list"):
        score("AB", "AC")
    with pytest.raises(TypeError, match="got a single text"):
        score(["AB"], "AC")


def test_every_reference_needs_its_hypothesis() -> None:
    with pytest.raises(ValueError, match="got 1 for 2"):
        score(["A", "B"], ["A"])
