"""Mixing two n-gram models: the probabilities of both, sums to 1, words of either, and what a small text gains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError
from audio_lstm.speech.words.ngram import MARKS, NgramModel, train_ngram
from audio_lstm.speech.words.ngram_mixing import mix_ngrams
from audio_lstm.speech.words.perplexity import perplexity

corpora = st.lists(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=20)


def prob(model: NgramModel, *gram: str) -> float:
    """Of the last word after the others, which the model has as a history or backs off from."""
    symbols = {word: number for number, word in enumerate((*model.words, *MARKS))}
    price, history = 0.0, [*gram[:-1]]
    while True:
        node = np.zeros(1, np.int64)
        for word in history:
            node = model.find(node, np.array([symbols.get(word, -9)]))
        found = model.find(node, np.array([symbols.get(gram[-1], -9)]))
        if found[0] >= 0:
            return float(np.exp(price + model.log_probs[found[0]]))
        if not history:
            return 0.0
        price += float(model.backoffs[node[0]]) if node[0] >= 0 else 0.0
        history.pop(0)


@settings(max_examples=40, deadline=None)
@given(corpora, corpora, st.integers(1, 4), st.integers(1, 4), st.floats(0.05, 0.95))
def test_ngrams_of_either_get_the_mean_and_all_sum_to_one(
    texts: list[str], others: list[str], order: int, other_order: int, share: float
) -> None:
    model, other = train_ngram(texts, order=order), train_ngram(others, order=other_order)
    mixed = mix_ngrams(model, other, share)
    spellings = [*mixed.words, *MARKS]
    grams: list[tuple[str, ...]] = [()]
    for parent, symbol in zip(mixed.parents[1:].tolist(), mixed.symbols[1:].tolist(), strict=True):
        grams.append((*grams[parent], spellings[symbol]))
    for gram, log_prob in list(zip(grams, mixed.log_probs.tolist(), strict=True))[1:]:
        if gram != ("<s>",):
            expected = (1 - share) * prob(model, *gram) + share * prob(other, *gram)
            assert np.exp(log_prob) == pytest.approx(expected, rel=1e-4)
    automaton = mixed.to_automaton()
    n_symbols = len(automaton.words) + 1
    states = np.repeat(np.arange(automaton.n_states), n_symbols)
    log_probs, _ = automaton.advance(states, np.tile(np.arange(n_symbols), automaton.n_states))
    sums = np.exp(log_probs.reshape(-1, n_symbols)).sum(axis=1) + np.exp(automaton.final_log_probs)
    np.testing.assert_allclose(sums, 1.0, atol=1e-4)


def test_a_small_text_makes_a_large_model_know_its_manner_and_words() -> None:
    rng = np.random.default_rng(0)
    large = train_ngram([" ".join(rng.choice(["THE", "CAT", "DOG", "SAT", "RAN", "ON"], 7)) for _ in range(500)])
    small = train_ngram(["RUBOUT G M", "RUBOUT F M", "ENTER G"])
    mixed = mix_ngrams(large, small, 0.1)
    assert set(mixed.words) == set(large.words) | set(small.words)
    assert perplexity(mixed.to_automaton(), ["RUBOUT F", "ENTER G M"]).n_unknown == 0
    before, after = (perplexity(one.to_automaton(), ["THE CAT SAT"]).perplexity for one in (large, mixed))
    assert before < after < 1.3 * before


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    model = train_ngram(["A"])
    with pytest.raises(ConfigError, match="the share of the other model must lie between 0 and 1, got"):
        mix_ngrams(model, model, share)
