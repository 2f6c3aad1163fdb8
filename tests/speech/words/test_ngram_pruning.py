"""Entropy pruning: costs against the definition, sums to 1, what goes first, and sizes that are kept."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError
from audio_lstm.speech.words.lm_file import encoded_size
from audio_lstm.speech.words.ngram import NgramModel, train_ngram
from audio_lstm.speech.words.ngram_pruning import prune_ngram, prune_to_size, removal_costs
from audio_lstm.speech.words.perplexity import perplexity

TEXTS = ["THE CAT SAT", "THE CAT RAN", "THE DOG RAN", "A DOG SAT", "A CAT SAT ON THE MAT", "THE DOG RAN ON"]

sentences = st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=8).map(" ".join)
corpora = st.lists(sentences, min_size=1, max_size=30)


def sums_after_every_history(model: NgramModel) -> np.ndarray:
    automaton = model.to_automaton()
    n_symbols = len(automaton.words) + 1
    states = np.repeat(np.arange(automaton.n_states), n_symbols)
    log_probs, _ = automaton.advance(states, np.tile(np.arange(n_symbols), automaton.n_states))
    return np.exp(log_probs.reshape(-1, n_symbols)).sum(axis=1) + np.exp(automaton.final_log_probs)


def distribution(model: NgramModel, *history: str) -> np.ndarray:
    """The probabilities of all words, <unk> and </s> after a history."""
    automaton = model.to_automaton()
    state = np.array([automaton.start])
    for word in automaton.word_ids(history):
        state = automaton.advance(state, word[None])[1]
    words = np.arange(len(automaton.words) + 1)
    probs = np.exp(automaton.advance(np.repeat(state, len(words)), words)[0])
    return np.append(probs, np.exp(automaton.final_log_probs[state]))


def without(model: NgramModel, node: int) -> NgramModel:
    """The model without one n-gram, by costs that spare all others."""
    costs = np.full(len(model.parents), np.inf)
    costs[node] = 0.0
    return prune_ngram(model, 1.0, costs)


def test_a_cost_is_the_rise_of_the_perplexity_that_the_definition_gives() -> None:
    model = train_ngram(TEXTS, order=2)
    costs = removal_costs(model)
    the = model.words.index("THE")
    assert model.frequencies is not None
    history = int(model.find(np.array([0]), np.array([the]))[0])
    for word in ("CAT", "DOG", "MAT"):
        node = int(model.find(np.array([history]), np.array([model.words.index(word)]))[0])
        before, after = distribution(model, "THE"), distribution(without(model, node), "THE")
        divergence = float((before * np.log(before / after)).sum())
        assert model.frequencies[history] == pytest.approx(5 / 28)  # THE occurs 5 times; words and ends are 28
        assert costs[node] == pytest.approx(math.expm1(5 / 28 * divergence), rel=1e-4)


@settings(max_examples=40, deadline=None)
@given(corpora, st.integers(2, 4), st.integers(1, 2), st.sampled_from([0.0, 1e-4, 1e-3, 1e-2, 0.1, 10.0]))
def test_probabilities_still_sum_to_one_after_every_history(
    texts: list[str], order: int, least: int, threshold: float
) -> None:
    model = prune_ngram(train_ngram(texts, order=order, min_counts=(1, least)), threshold)
    np.testing.assert_allclose(sums_after_every_history(model), 1.0, atol=1e-5)


def test_nothing_goes_at_zero_and_only_words_stay_at_much() -> None:
    model = train_ngram(TEXTS, order=3)
    same = prune_ngram(model, 0.0)
    assert same.order_sizes == model.order_sizes
    np.testing.assert_allclose(same.backoffs, model.backoffs, atol=1e-5)
    words_alone = prune_ngram(model, 10.0)
    assert words_alone.order_sizes == model.order_sizes[:1]
    assert words_alone.words == model.words


def test_an_ngram_stays_as_long_as_one_that_extends_it() -> None:
    model = train_ngram(TEXTS * 3, order=4)
    costs = removal_costs(model)
    longer = slice(model.nodes(2).stop, len(costs))
    assert np.all(costs[model.parents[longer]] >= costs[longer])
    for threshold in np.quantile(costs[np.isfinite(costs)], (0.2, 0.5, 0.8)):
        smaller = prune_ngram(model, float(threshold))
        assert np.all(smaller.parents[1:] < np.arange(1, len(smaller.parents)))


def test_a_pruned_model_predicts_its_text_better_than_one_pruned_at_random() -> None:
    rng = np.random.default_rng(0)
    words = [f"W{number}" for number in range(30)]
    chains = rng.dirichlet(np.full(30, 0.1), size=30)
    texts = []
    for _ in range(400):
        row = [int(rng.integers(30))]
        for _ in range(8):
            row.append(int(rng.choice(30, p=chains[row[-1]])))
        texts.append(" ".join(words[number] for number in row))
    model = train_ngram(texts[:300], order=3)
    costs = removal_costs(model)
    threshold = float(np.median(costs[np.isfinite(costs)]))
    by_entropy = prune_ngram(model, threshold)
    shuffled = np.where(np.isfinite(costs), rng.permuted(costs), costs)
    shuffled[model.nodes(2)] = np.inf
    shuffled[model.nodes(3)] = rng.permutation(costs[model.nodes(3)])
    at_random = prune_ngram(model, float(np.quantile(shuffled[model.nodes(3)], 0.6)), shuffled)
    assert sum(by_entropy.order_sizes) < sum(at_random.order_sizes)
    measured = [perplexity(one.to_automaton(), texts[300:]).perplexity for one in (by_entropy, at_random)]
    assert measured[0] < measured[1]


def test_a_size_is_kept_and_nearly_used() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(f"W{number}" for number in rng.integers(0, 200, 9)) for _ in range(500)]
    model = train_ngram(texts, order=3)
    whole = encoded_size(model)
    for max_bytes in (int(0.8 * whole), int(0.6 * whole)):
        smaller, threshold = prune_to_size(model, max_bytes, encoded_size)
        assert 0.9 * max_bytes < encoded_size(smaller) <= max_bytes
        assert threshold > 0
    same, threshold = prune_to_size(model, whole, encoded_size)
    assert (same, threshold) == (model, 0.0)
    with pytest.raises(ConfigError, match=r"the 200 words alone take .* MB, more than 0\.0001 MB; allow more"):
        prune_to_size(model, 100, encoded_size)


def test_frequencies_count_what_the_weights_of_sentences_say() -> None:
    model = train_ngram(["A B", "B"], order=2, weights=[3, 1])
    assert model.frequencies is not None
    assert model.frequencies[0] == 1.0
    shares = dict(zip(model.words, model.frequencies[1:3].tolist(), strict=True))
    assert shares == pytest.approx({"B": 4 / 11, "A": 3 / 11})  # 3 times A B </s>, once B </s>


def test_what_cannot_be_pruned_is_said() -> None:
    model = train_ngram(TEXTS)
    with pytest.raises(ConfigError, match="must be a number from 0 up, got -1"):
        prune_ngram(model, -1)
    with pytest.raises(ConfigError, match="must be a number from 0 up, got nan"):
        prune_ngram(model, math.nan)
    with pytest.raises(ValueError, match="only a model that has just been trained can be pruned"):
        removal_costs(replace(model, frequencies=None))
