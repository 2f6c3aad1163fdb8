"""Beam search against the enumeration of all paths; language models, grammars and hot words in it; bad input."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.ctc.decode import greedy
from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.words.automaton import Arcs, WordAutomaton
from audio_lstm.speech.words.hotwords import HotWords
from audio_lstm.speech.words.ngram import train_ngram

AB = Alphabet(("A", "B", " "))
PIECES = Alphabet((" A", "BA", "A", "B", " "))
EXACT = BeamConfig(
    beam_size=100_000,
    symbols_per_frame=100,
    min_symbol_log_prob=-1e5,
    blank_threshold=1.0,
    score_margin=1000.0,
    lm_weight=0.7,
    word_bonus=0.4,
    unknown_word_log_prob=-2.0,
)
FLAT = BeamConfig(symbols_per_frame=ENGLISH.size)  # where all but one symbol are equally likely
NO_FRAME = np.zeros((0, AB.size), np.float32)


def random_log_probs(seed: int, n_frames: int, size: int, *, peak: float = 2.0) -> NDArray[np.float64]:
    """Log-probabilities (n_frames, size); the higher the peak, the surer."""
    logits = np.random.default_rng(seed).normal(size=(n_frames, size)) * peak
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def path_log_probs(text: str, alphabet: Alphabet = ENGLISH, peak: float = 0.9) -> NDArray[np.float64]:
    """Log-probabilities that write a text, each symbol between two blanks."""
    ids = [0]
    for number in alphabet.encode(text).tolist():
        ids += [number, 0]
    probabilities = np.full((len(ids), alphabet.size), (1 - peak) / (alphabet.size - 1))
    probabilities[np.arange(len(ids)), ids] = peak
    return np.log(probabilities)


def peaky(text: str, seed: int, n_frames: int = 120) -> NDArray[np.float64]:
    """Log-probabilities as a trained model gives them: blanks, and a text's symbols now and then, not all of them."""
    rng = np.random.default_rng(seed)
    ids = ENGLISH.encode(text)
    logits = rng.normal(size=(n_frames, ENGLISH.size))
    logits[:, 0] += 12
    places = np.sort(rng.choice(n_frames, len(ids), replace=False))
    logits[places, ids] += rng.uniform(8, 14, len(ids))
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


@cache
def all_paths(alphabet: Alphabet, n_frames: int) -> tuple[NDArray[np.int64], list[str], NDArray[np.int64]]:
    """Every path (n, n_frames), all texts, and the number (n,) of each path's text."""
    paths = np.array(list(itertools.product(range(alphabet.size), repeat=n_frames)), np.int64)
    numbers: dict[str, int] = {}
    of_path = []
    for path in paths.tolist():
        ids = [key for key, _ in itertools.groupby(path) if key]
        text = " ".join(alphabet.decode(np.array(ids, np.int64)).split())
        of_path.append(numbers.setdefault(text, len(numbers)))
    return paths, list(numbers), np.array(of_path)


def enumerate_texts(log_probs: NDArray[np.float64], alphabet: Alphabet) -> dict[str, float]:
    """The log-probability of every text, over all paths."""
    paths, texts, of_path = all_paths(alphabet, len(log_probs))
    totals = np.full(len(texts), -np.inf)
    np.logaddexp.at(totals, of_path, log_probs[np.arange(len(log_probs)), paths].sum(axis=1))
    return dict(zip(texts, totals.tolist(), strict=True))


def lm_log_prob(model: WordAutomaton, text: str, penalty: float, *, closed: bool) -> float:
    """The definition, word by word."""
    total = model.score(text.split())
    n_unknown = sum(word not in model.words for word in text.split())
    return -math.inf if closed and n_unknown else total + n_unknown * penalty


def bigrams() -> WordAutomaton:
    """Words A, B, AB, BAB after each other, with back-off and unknown words."""
    return train_ngram(["A AB", "A B", "BAB AB A", "B", "A AB BAB", "AB AB"], order=2).to_automaton()


def grammar(words: tuple[str, ...], arcs: list[tuple[int, str, int]], finals: list[int]) -> WordAutomaton:
    """Arcs (from, word, to) without back-off; state 0 is the start."""
    n_states = 1 + max(max(start, end) for start, _, end in arcs)
    n_choices = [sum(start == state for start, _, _ in arcs) for state in range(n_states)]
    final = np.full(n_states, -np.inf)
    final[finals] = 0.0
    return WordAutomaton.from_arcs(
        words,
        Arcs(
            np.array([start for start, _, _ in arcs]),
            np.array([words.index(word) for _, word, _ in arcs]),
            np.array([-math.log(n_choices[start]) for start, _, _ in arcs], np.float32),
            np.array([end for _, _, end in arcs]),
        ),
        start=0,
        backoff=(np.full(n_states, -1), np.zeros(n_states)),
        final_log_probs=final,
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.sampled_from([AB, PIECES]))
def test_a_wide_beam_sums_all_paths_of_all_texts(seed: int, n_frames: int, alphabet: Alphabet) -> None:
    log_probs = random_log_probs(seed, min(n_frames, 4 if alphabet is PIECES else 5), alphabet.size)
    expected = enumerate_texts(log_probs, alphabet)
    (found,) = BeamDecoder(alphabet, EXACT).decode([log_probs], n_best=100_000)
    assert {one.text: one.ctc_log_prob for one in found} == pytest.approx(expected, abs=1e-8)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(one.score == pytest.approx(one.ctc_log_prob) and one.complete for one in found)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    closed=st.booleans(),
    look_ahead=st.booleans(),
    alphabet=st.sampled_from([AB, PIECES]),
)
def test_a_wide_beam_adds_the_language_model_of_every_text(
    seed: int, *, closed: bool, look_ahead: bool, alphabet: Alphabet
) -> None:
    model = bigrams()
    log_probs = random_log_probs(seed, 4 if alphabet is PIECES else 5, alphabet.size)
    config = replace(EXACT, look_ahead=look_ahead)
    decoder = BeamDecoder(alphabet, config, language_model=model, closed_vocabulary=closed)
    (found,) = decoder.decode([log_probs], n_best=100_000)
    expected = {}
    for text, ctc in enumerate_texts(log_probs, alphabet).items():
        lm = lm_log_prob(model, text, config.unknown_word_log_prob, closed=closed)
        if lm > -math.inf:
            expected[text] = ctc + config.lm_weight * lm + config.word_bonus * len(text.split())
    assert {one.text: one.score for one in found} == pytest.approx(expected, abs=1e-5)
    for one in found:
        lm = lm_log_prob(model, one.text, config.unknown_word_log_prob, closed=closed)
        assert one.lm_log_prob == pytest.approx(lm, abs=1e-5)
        assert one.complete


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_a_grammar_lets_only_its_own_sentences_through(seed: int) -> None:
    model = grammar(("A", "B", "AB"), [(0, "A", 1), (0, "AB", 1), (1, "B", 2), (1, "A", 0)], finals=[1, 2])
    log_probs = random_log_probs(seed, 5, AB.size)
    expected = {}
    for text, ctc in enumerate_texts(log_probs, AB).items():
        lm = model.score(text.split())
        if lm > -math.inf:
            expected[text] = ctc + EXACT.lm_weight * lm + EXACT.word_bonus * len(text.split())
    (found,) = BeamDecoder(AB, EXACT, language_model=model).decode([log_probs], n_best=1000)
    assert {one.text: one.score for one in found} == pytest.approx(expected, abs=1e-5)


def test_a_sure_grammar_wins_over_what_is_heard_with_a_small_beam() -> None:
    words = ("TURN", "THE", "LIGHT", "ON", "OFF", "RADIO")
    arcs = [(0, "TURN", 1), (1, "THE", 2), (2, "LIGHT", 3), (2, "RADIO", 3), (3, "ON", 4), (3, "OFF", 4)]
    decoder = BeamDecoder(ENGLISH, replace(FLAT, beam_size=4), language_model=grammar(words, arcs, finals=[4]))
    heard = "TORN HE RADIOU OGF"
    (best,) = decoder.decode([path_log_probs(heard, peak=0.6)])[0]
    assert best.text == "TURN THE RADIO OFF"
    assert best.complete


def test_a_text_that_a_grammar_does_not_end_is_marked_incomplete() -> None:
    model = grammar(("GO", "ON"), [(0, "GO", 1), (1, "ON", 2)], finals=[2])
    decoder = BeamDecoder(ENGLISH, BeamConfig(), language_model=model)
    (best,) = decoder.decode([path_log_probs("GO", peak=0.99)])[0]
    assert (best.text, best.complete) == ("GO", False)
    assert math.isfinite(best.score)
    (best,) = decoder.decode([path_log_probs("GO ON", peak=0.99)])[0]
    assert (best.text, best.complete) == ("GO ON", True)


def test_the_language_model_corrects_what_is_misheard() -> None:
    sentences = ["THE CAT SAT ON THE MAT", "THE CAT RAN", "A DOG SAT"] * 3
    model = train_ngram(sentences, order=3).to_automaton()
    log_probs = path_log_probs("THE CET SAT", peak=0.5)
    assert greedy(log_probs, ENGLISH).text == "THE CET SAT"
    (best,) = BeamDecoder(ENGLISH, FLAT, language_model=model).decode([log_probs])[0]
    assert best.text == "THE CAT SAT"
    assert best.lm_log_prob == pytest.approx(model.score(best.text.split()), abs=1e-4)
    assert best.n_words == 3


def test_an_unknown_word_costs_its_penalty_unless_the_vocabulary_is_closed() -> None:
    model = train_ngram(["THE CAT SAT", "THE CAT RAN"], order=2).to_automaton()
    log_probs = path_log_probs("THE COT SAT", peak=0.97)
    config = replace(FLAT, unknown_word_log_prob=-3.0, lm_weight=0.5)
    (best,) = BeamDecoder(ENGLISH, config, language_model=model).decode([log_probs])[0]
    assert best.text == "THE COT SAT"
    assert best.lm_log_prob == pytest.approx(model.score(["THE", "COT", "SAT"]) - 3.0, abs=1e-4)
    closed = BeamDecoder(ENGLISH, config, language_model=model, closed_vocabulary=True)
    assert closed.decode([log_probs])[0][0].text == "THE CAT SAT"


def test_a_language_model_of_weight_0_still_closes_the_vocabulary() -> None:
    model = train_ngram(["THE CAT SAT", "THE CAT RAN"], order=2).to_automaton()
    decoder = BeamDecoder(
        ENGLISH, replace(FLAT, lm_weight=0.0, word_bonus=0.0), language_model=model, closed_vocabulary=True
    )
    (best,) = decoder.decode([path_log_probs("THE COT SAT", peak=0.97)])[0]
    assert best.text == "THE CAT SAT"
    assert best.score == pytest.approx(best.ctc_log_prob)


@pytest.mark.parametrize("beam_size", [4, 32])
def test_texts_never_score_below_greedys_path(beam_size: int) -> None:
    decoder = BeamDecoder(ENGLISH, BeamConfig(beam_size=beam_size))
    for seed in range(10):
        log_probs = peaky("WHAT IS SAID HERE", seed)
        path = greedy(log_probs, ENGLISH)
        (best,) = decoder.decode([log_probs])[0]
        assert best.score >= path.log_prob - 1e-3  # runs of sure blanks lose up to 0.001 a frame of other paths


def test_a_beam_of_1_follows_sure_letters() -> None:
    decoder = BeamDecoder(ENGLISH, BeamConfig(beam_size=1))
    assert decoder.decode([path_log_probs("SURE ENOUGH")])[0][0].text == "SURE ENOUGH"


def test_skipped_blanks_change_scores_by_less_than_their_rest() -> None:
    every, sure = (BeamDecoder(ENGLISH, BeamConfig(blank_threshold=threshold)) for threshold in (1.0, 0.99))
    for seed in range(5):
        log_probs = peaky("A LETTER NOW AND THEN", seed, n_frames=200)
        (one,), (other,) = every.decode([log_probs])[0], sure.decode([log_probs])[0]
        assert one.text == other.text
        assert one.score == pytest.approx(other.score, abs=0.2)


@pytest.mark.parametrize("with_model", [False, True])
def test_a_batch_equals_its_items_alone(*, with_model: bool) -> None:
    model = train_ngram(["WHAT WAS SAID", "WHAT IS HERE", "SAID HERE"], order=2).to_automaton()
    decoder = BeamDecoder(ENGLISH, BeamConfig(beam_size=8), language_model=model if with_model else None)
    batch = [peaky("WHAT IS SAID HERE"[: 3 * seed], seed, 30 + 10 * seed) for seed in range(6)]
    batch += [np.log(np.full((7, ENGLISH.size), 1 / ENGLISH.size)), batch[0][:0], batch[4].astype(np.float32)]
    together = decoder.decode(batch, n_best=5)
    assert len(together) == len(batch)
    for log_probs, found in zip(batch, together, strict=True):
        (alone,) = decoder.decode([log_probs], n_best=5)
        assert [one.text for one in found] == [one.text for one in alone]
        assert [one.score for one in found] == pytest.approx([one.score for one in alone], abs=1e-5)


def test_more_utterances_than_are_searched_in_step_come_out_in_order() -> None:
    texts = ["A", "BA", "B A", "AB B A"] * 20
    found = BeamDecoder(AB).decode([path_log_probs(text, AB) for text in texts])
    assert [one.text for (one,) in found] == texts


def test_equal_scores_are_ranked_by_text() -> None:
    log_probs = np.log(np.array([[0.2, 0.3, 0.3, 0.2]]))
    (found,) = BeamDecoder(AB).decode([log_probs], n_best=3)
    assert [one.text for one in found] == ["", "A", "B"]


def test_fewer_texts_than_asked_for_are_all_there_are() -> None:
    log_probs = np.log(np.array([[0.2, 0.3, 0.3, 0.2]]))
    assert len(BeamDecoder(AB).decode([log_probs], n_best=10)[0]) == 3


def test_no_utterance_and_no_frame_are_no_text() -> None:
    decoder = BeamDecoder(AB, language_model=bigrams())
    assert decoder.decode([]) == []
    for nothing in (NO_FRAME, np.log(np.array([[0.9997, 1e-4, 1e-4, 1e-4]] * 3))):
        (best,) = decoder.decode([nothing])[0]
        assert best.text == ""
        assert best.lm_log_prob == pytest.approx(bigrams().score([]), abs=1e-5)


def test_impossible_frames_have_no_probability() -> None:
    impossible = np.full((2, AB.size), -np.inf, np.float32)
    (best,) = BeamDecoder(AB).decode([impossible])[0]
    assert (best.ctc_log_prob, best.score) == (-math.inf, -math.inf)
    with np.errstate(divide="ignore"):
        sure = np.log(np.eye(AB.size, dtype=np.float32)[[1, 0, 3, 2]])
    (best,) = BeamDecoder(AB).decode([sure])[0]
    assert (best.text, best.score) == ("A B", 0.0)


def test_an_alphabet_without_space_makes_one_word() -> None:
    alphabet = Alphabet(("你", "好"))
    log_probs = np.log(np.eye(3)[[1, 0, 2]] * 0.94 + 0.02)
    assert BeamDecoder(alphabet).decode([log_probs])[0][0].text == "你好"


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), with_model=st.booleans(), alphabet=st.sampled_from([AB, PIECES]))
def test_hot_words_add_their_boosts_to_the_texts_that_hold_them(
    seed: int, *, with_model: bool, alphabet: Alphabet
) -> None:
    log_probs = random_log_probs(seed, 4, alphabet.size)
    boosts = {"AB": 3.0, "B A": 1.5, "A": 0.5}
    hot_words = HotWords.from_phrases(boosts, alphabet)
    model = bigrams() if with_model else None
    (plain,) = BeamDecoder(alphabet, EXACT, language_model=model).decode([log_probs], n_best=1000)
    (found,) = BeamDecoder(alphabet, EXACT, language_model=model, hot_words=hot_words).decode([log_probs], n_best=1000)
    held = {
        one.text: sum(
            boost * f" {one.text} ".replace(" ", "  ").count(f" {phrase.replace(' ', '  ')} ")
            for phrase, boost in boosts.items()
        )
        for one in plain
    }
    assert {one.text: one.hot_word_boost for one in found} == pytest.approx(held, abs=1e-5)
    assert {one.text: one.score for one in found} == pytest.approx(
        {one.text: one.score + held[one.text] for one in plain}, abs=1e-5
    )


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 5), (2, 5, 4), (0, 3)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected log-probabilities of shape \(time, 4\), got \(.* in item 1"):
        BeamDecoder(AB).decode([NO_FRAME, np.full(shape, -1.0, np.float32)])


def test_n_best_below_1_is_refused() -> None:
    with pytest.raises(ValueError, match="n_best must be at least 1, got 0"):
        BeamDecoder(AB).decode([NO_FRAME], n_best=0)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("beam_size", 0, "beam_size must be at least 1, got 0"),
        ("beam_size", 2**22, "beam_size x symbols_per_frame must be below 16777216, got 4194304 x 12"),
        ("symbols_per_frame", 0, "symbols_per_frame must be at least 1"),
        ("blank_threshold", 0.0, "blank_threshold must be a probability above 0, got 0.0"),
        ("blank_threshold", 1.5, "blank_threshold must be a probability"),
        ("score_margin", 0.0, r"score_margin must lie in \(0, 1000\], got 0.0"),
        ("score_margin", math.inf, "score_margin must lie in"),
        ("lm_weight", -1.0, "lm_weight must be 0 or more, got -1.0"),
        ("word_bonus", math.nan, "word_bonus must be a number, got nan"),
        ("min_symbol_log_prob", 0.5, "min_symbol_log_prob must be a log-probability, 0 or below, got 0.5"),
        ("unknown_word_log_prob", -math.inf, "unknown_word_log_prob must be a log-probability"),
    ],
)
def test_a_setting_out_of_range_is_refused(field: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(BeamConfig(), **{field: value})


def test_a_closed_vocabulary_without_words_is_refused() -> None:
    with pytest.raises(ConfigError, match="a closed vocabulary needs a language model or grammar"):
        BeamDecoder(AB, closed_vocabulary=True)


def test_a_language_model_in_other_letters_is_refused() -> None:
    model = train_ngram(["the cat sat", "the cat ran"], order=2).to_automaton()
    with pytest.raises(DataError, match="none of the language model's 4 words fits"):
        BeamDecoder(ENGLISH, language_model=model)
