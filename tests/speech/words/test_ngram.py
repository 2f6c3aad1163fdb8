"""Kneser-Ney training: hand-computed probabilities, sums to 1, the automaton against plain back-off, tiny texts."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.words.ngram import MARKS, NEVER, NgramModel, train_ngram

sentences = st.lists(st.sampled_from(["A", "B", "C", "D", "<unk>"]), min_size=1, max_size=8).map(" ".join)
corpora = st.lists(sentences, min_size=1, max_size=12).filter(lambda texts: any(set(t) - set("<unk> ") for t in texts))

Table = dict[tuple[str, ...], tuple[float, float]]


def table(model: NgramModel) -> Table:
    """n-gram -> log-probability and back-off weight."""
    spellings = [*model.words, *MARKS]
    grams: list[tuple[str, ...]] = [()]
    for parent, symbol in zip(model.parents[1:].tolist(), model.symbols[1:].tolist(), strict=True):
        grams.append((*grams[parent], spellings[symbol]))
    values = zip(model.log_probs.tolist(), model.backoffs.tolist(), strict=True)
    return dict(zip(grams, values, strict=True))


def plain_score(grams: Table, order: int, history: Sequence[str], word: str) -> float:
    """The textbook recursion of a back-off model."""
    context = tuple(history[max(0, len(history) - order + 1) :])
    price = 0.0
    while (*context, word) not in grams:
        price += grams.get(context, (0.0, 0.0))[1]
        context = context[1:]
    return price + grams[*context, word][0]


def prob(model: NgramModel, *gram: str) -> float:
    return math.exp(table(model)[gram][0])


def weight(model: NgramModel, *gram: str) -> float:
    return math.exp(table(model)[gram][1])


def test_a_bigram_model_computed_by_hand() -> None:
    """Two sentences, A B and A: <s> A twice, A B, B </s> and A </s> once.

    Unigrams count their different histories: A 1 (<s>), B 1 (A), </s> 2 (B, A); nothing is counted three times, so the
    discounts are 0.5 and 1. What they free, (0.5 + 0.5 + 1) / 4 = 0.5, is spread evenly over A, B, <unk> and </s>.
    """
    model = train_ngram(["A B", "A"], order=2)
    assert model.order_sizes == (5, 4)
    unigrams = {"A": 0.5 / 4 + 0.125, "B": 0.5 / 4 + 0.125, "<unk>": 0.125, "</s>": 1 / 4 + 0.125}
    for word, expected in unigrams.items():
        assert prob(model, word) == pytest.approx(expected)
    assert weight(model, "<s>") == pytest.approx(1 / 2)  # a count of 2, discounted by 1
    assert weight(model, "A") == pytest.approx((0.5 + 0.5) / 2)
    assert weight(model, "B") == pytest.approx(0.5 / 1)
    assert prob(model, "<s>", "A") == pytest.approx((2 - 1) / 2 + 0.5 * 0.25)
    assert prob(model, "A", "B") == pytest.approx(0.5 / 2 + 0.5 * 0.25)
    assert prob(model, "A", "</s>") == pytest.approx(0.5 / 2 + 0.5 * 0.375)
    assert prob(model, "B", "</s>") == pytest.approx(0.5 / 1 + 0.5 * 0.375)
    assert table(model)["<s>",][0] == pytest.approx(NEVER)
    automaton = model.to_automaton()
    assert math.exp(automaton.score(["A", "B"])) == pytest.approx(0.625 * 0.375 * 0.6875)
    assert math.exp(automaton.score(["B"])) == pytest.approx((0.5 * 0.25) * 0.6875)  # <s> B backs off
    assert math.exp(automaton.score([])) == pytest.approx(0.5 * 0.375)
    assert math.exp(automaton.score(["OX"])) == pytest.approx((0.5 * 0.125) * 0.375)


def test_discounts_computed_by_hand() -> None:
    """One sentence: A B C once, D E twice, F three times, G four times, </s> once.

    So n1..n4 = 4, 2, 1, 1; Y = 4 / (4 + 2 * 2) = 0.5; D1 = 1 - 2Y * 2/4 = 0.5, D2 = 2 - 3Y * 1/2 = 1.25,
    D3+ = 3 - 4Y * 1/1 = 1. Of 15 counts they free 4 * 0.5 + 2 * 1.25 + 2 * 1 = 6.5, spread over 9 symbols.
    """
    model = train_ngram(["A B C D D E E F F F G G G G"], order=1)
    even = 6.5 / 15 / 9
    for word, freed in (("A", 0.5 / 15), ("E", 0.75 / 15), ("F", 2 / 15), ("G", 3 / 15), ("</s>", 0.5 / 15)):
        assert prob(model, word) == pytest.approx(freed + even)
    assert prob(model, "<unk>") == pytest.approx(even)
    assert model.words[:3] == ("G", "F", "D")  # the most frequent first


def test_a_pruned_ngram_leaves_its_whole_count_to_the_backoff() -> None:
    """Bigrams once, twice, three times: 2, 2, 1; Y = 2 / (2 + 2 * 2) = 1/3 and D2 = 2 - 3Y * 1/2 = 1.5."""
    model = train_ngram(["A B", "A B", "A C"], order=2, min_counts=(1, 2))
    grams = {gram for gram in table(model) if len(gram) == 2}
    assert grams == {("<s>", "A"), ("A", "B"), ("B", "</s>")}  # A C and C </s> occur once
    assert weight(model, "A") == pytest.approx((1.5 + 1) / 3)  # D2 of A B, and all of A C
    assert weight(model, "C") == 1.0
    assert prob(model, "A", "B") == pytest.approx((2 - 1.5) / 3 + 2.5 / 3 * prob(model, "B"))


@settings(max_examples=40, deadline=None)
@given(corpora, st.integers(1, 5), st.integers(1, 3), st.integers(1, 2), st.randoms(use_true_random=False))
def test_probabilities_sum_to_one_after_every_history(
    texts: list[str], order: int, least: int, least_word: int, rng: random.Random
) -> None:
    weights = [rng.randint(1, 3) for _ in texts]
    try:
        model = train_ngram(texts, order=order, min_counts=(least_word, least)[:order], weights=weights)
    except DataError:  # no word occurs often enough
        return
    automaton = model.to_automaton()
    n_symbols = len(automaton.words) + 1
    states = np.repeat(np.arange(automaton.n_states), n_symbols)
    log_probs, next_states = automaton.advance(states, np.tile(np.arange(n_symbols), automaton.n_states))
    assert np.all(next_states >= 0)
    assert np.all(np.isfinite(log_probs))
    sums = np.exp(log_probs.reshape(-1, n_symbols)).sum(axis=1) + np.exp(automaton.final_log_probs)
    np.testing.assert_allclose(sums, 1.0, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(corpora, st.integers(1, 5), st.integers(1, 2), st.lists(sentences, max_size=4))
def test_the_automaton_scores_as_plain_backoff_does(
    texts: list[str], order: int, least: int, others: list[str]
) -> None:
    model = train_ngram(texts, order=order, min_counts=(1, least)[:order])
    grams, automaton = table(model), model.to_automaton()
    for text in [*texts, *others, "Z A Z"]:
        words = [word if word in model.words else "<unk>" for word in text.split()]
        row = ["<s>", *words, "</s>"]
        expected = sum(plain_score(grams, model.order, row[:place], row[place]) for place in range(1, len(row)))
        assert automaton.score(text.split()) == pytest.approx(expected, abs=1e-4)


def test_histories_that_nothing_extends_share_a_state() -> None:
    automaton = train_ngram(["A B C", "X B C", "A B D"], order=3, min_counts=(1, 1, 2)).to_automaton()
    _, after = automaton.advance([automaton.start] * 2, automaton.word_ids(["A", "X"]))
    _, after = automaton.advance(after, automaton.word_ids(["B", "B"]))
    assert after[0] == after[1]  # A B C and X B C occur once each, and are pruned: only B is remembered


def test_a_longer_history_predicts_better() -> None:
    texts = ["GO LEFT NOW", "TURN RIGHT NOW", "GO LEFT PLEASE", "TURN RIGHT PLEASE"] * 3
    scores = [train_ngram(texts, order=order).to_automaton().score(["GO", "LEFT", "NOW"]) for order in (1, 2, 3)]
    assert scores == sorted(scores)


@pytest.mark.parametrize(("text", "n_longest"), [("HELLO", 3), ("A B", 4)])
def test_tiny_texts_get_the_order_that_they_have(text: str, n_longest: int) -> None:
    model = train_ngram([text], order=5)
    assert model.order == n_longest
    assert model.to_automaton().score(text.split()) > model.to_automaton().score(["ELSE"])


def test_rare_words_count_as_unknown() -> None:
    model = train_ngram(["A A B", "A C A"], order=2, min_counts=(2, 1))
    assert model.words == ("A",)
    assert ("A", "<unk>") in table(model)


def test_a_vocabulary_is_all_that_the_model_knows() -> None:
    model = train_ngram(["A B", "A C"], order=2, vocabulary=["A", "B", "ZEBRA", "<unk>"])
    assert model.words == ("A", "B", "ZEBRA")
    assert prob(model, "ZEBRA") > 0
    assert ("A", "<unk>") in table(model)


def test_a_weight_counts_a_sentence_several_times() -> None:
    weighted = train_ngram(["A B", "A C"], order=2, weights=[3, 1])
    assert prob(weighted, "A", "B") > 0.4 > prob(weighted, "A", "C")
    assert prob(weighted, "A", "B") == pytest.approx((3 - 1.5) / 4 + (1.5 + 0.5) / 4 * prob(weighted, "B"))


def test_blank_sentences_are_passed_over() -> None:
    texts = ["A B", "A"]
    padded = train_ngram(["", "A B", "  ", "A"], order=2, weights=[5, 1, 5, 1])
    np.testing.assert_array_equal(padded.log_probs, train_ngram(texts, order=2).log_probs)


@pytest.mark.parametrize("texts", [[], ["", " "]])
def test_no_text_trains_nothing(texts: list[str]) -> None:
    with pytest.raises(DataError, match="no words to train a language model on"):
        train_ngram(texts)


def test_a_count_that_no_word_reaches_is_an_error() -> None:
    with pytest.raises(DataError, match="every one occurs less than 3 times; lower the first min_count"):
        train_ngram(["A B"], min_counts=(3,))


def test_sentence_marks_in_the_text_are_an_error() -> None:
    with pytest.raises(DataError, match="the sentences hold the mark '<s>', which training adds itself"):
        train_ngram(["<s> A </s>"])


def test_a_vocabulary_of_phrases_is_an_error() -> None:
    with pytest.raises(DataError, match="the vocabulary holds 'GO LEFT', which is not one word"):
        train_ngram(["GO LEFT"], vocabulary=["GO LEFT"])


@pytest.mark.parametrize("order", [0, 6, -1])
def test_an_order_out_of_range_is_an_error(order: int) -> None:
    with pytest.raises(ConfigError, match=rf"order must lie in 1\.\.5, got {order}"):
        train_ngram(["A"], order=order)


@pytest.mark.parametrize("counts", [(), (0,), (1, 1, 1, 1)])
def test_counts_out_of_range_are_an_error(counts: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="min_counts are 1 to 3 numbers from 1 up, one an order"):
        train_ngram(["A"], min_counts=counts)


def test_counts_that_fall_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"min_counts must not fall from order 2 up, got \[1, 3, 2\]"):
        train_ngram(["A"], min_counts=(1, 3, 2))


def test_weights_must_fit_the_sentences() -> None:
    with pytest.raises(ValueError, match="expected one weight a sentence, got 1 for 2"):
        train_ngram(["A", "B"], weights=[1])
    with pytest.raises(ConfigError, match="weights are whole numbers from 1 up, got 0"):
        train_ngram(["A", "B"], weights=[1, 0])
    with pytest.raises(ConfigError, match=r"weights are whole numbers from 1 up, got 0\.5"):
        train_ngram(["A", "B"], weights=[1, 0.5])  # type: ignore[list-item]


def test_one_text_is_not_many_sentences() -> None:
    with pytest.raises(TypeError, match="expected sentences, got one text 'A B'; put it into a list"):
        train_ngram("A B")
