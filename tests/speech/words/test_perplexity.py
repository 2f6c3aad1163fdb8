"""Perplexity: against the definition, with and without unknown words, and of sentences that cannot be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from audio_lstm.speech.words.automaton import Arcs, WordAutomaton
from audio_lstm.speech.words.ngram import train_ngram
from audio_lstm.speech.words.perplexity import Perplexity, perplexity

TEXTS = ["THE CAT SAT", "THE CAT RAN", "A DOG RAN"]


def test_perplexity_is_the_mean_over_words_and_sentence_ends() -> None:
    automaton = train_ngram(TEXTS).to_automaton()
    held_out = ["THE DOG SAT", "CAT", "", "A CAT RAN THE DOG"]
    total = sum(automaton.score(text.split()) for text in held_out)
    measured = perplexity(automaton, held_out)
    assert (measured.n_sentences, measured.n_words, measured.n_unknown) == (4, 9, 0)
    assert measured.log_prob == pytest.approx(total, rel=1e-6)
    assert measured.perplexity == pytest.approx(math.exp(-total / 13), rel=1e-6)
    assert measured.perplexity_with_unknown == measured.perplexity


def test_unknown_words_are_left_out_of_one_figure_and_count_in_the_other() -> None:
    automaton = train_ngram(TEXTS).to_automaton()
    measured = perplexity(automaton, ["THE ZEBRA SAT"])
    assert measured.n_unknown == 1
    total = automaton.score(["THE", "ZEBRA", "SAT"])
    assert measured.log_prob + measured.unknown_log_prob == pytest.approx(total, rel=1e-6)
    assert measured.perplexity_with_unknown == pytest.approx(math.exp(-total / 4), rel=1e-6)
    assert measured.perplexity < measured.perplexity_with_unknown


def test_a_model_without_unknown_words_starts_over_after_one() -> None:
    automaton = train_ngram(TEXTS, order=2).to_automaton()
    closed = replace(automaton, unknown=-1)
    measured = perplexity(closed, ["ZEBRA RAN"])
    alone = float(automaton.advance([automaton.backoff_states[automaton.start]], automaton.word_ids(["RAN"]))[0][0])
    _, after = automaton.advance([automaton.start], automaton.word_ids(["RAN"]))
    assert measured.log_prob == pytest.approx(alone + float(automaton.final_log_probs[after[0]]))
    assert measured.n_unknown == 1
    assert math.isfinite(measured.perplexity)
    assert measured.perplexity_with_unknown == math.inf


def test_a_sentence_that_cannot_be_has_infinite_perplexity() -> None:
    only_a = WordAutomaton.from_arcs(
        ["A", "B"],
        Arcs(np.array([0]), np.array([0]), np.zeros(1, np.float32), np.array([1])),
        start=0,
        backoff=([-1, -1], [0.0, 0.0]),
        final_log_probs=[-np.inf, 0.0],
    )
    assert perplexity(only_a, ["A"]).perplexity == 1.0
    for text in ("B", "A A", ""):
        assert perplexity(only_a, ["A", text]).perplexity == math.inf


def test_no_sentences_have_perplexity_one() -> None:
    measured = perplexity(train_ngram(TEXTS).to_automaton(), [])
    assert measured == Perplexity(0, 0, 0, 0.0, 0.0)
    assert measured.perplexity == 1.0


def test_a_hopeless_model_does_not_overflow() -> None:
    assert Perplexity(1, 0, 0, -1e6, 0.0).perplexity == math.inf
