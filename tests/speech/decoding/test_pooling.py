"""The pool of letters and sounds: every text judged by both heads, the language model, and hot words."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.speech.ctc.forward import forward_log_probs, graphs_of_symbols, graphs_of_words
from audio_lstm.speech.decoding.beam import BeamConfig, BeamDecoder
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.decoding.phoneme_beam import PhonemeBeamDecoder
from audio_lstm.speech.decoding.pooling import FEATURES, Pool, PoolingConfig
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.words.automaton import WordAutomaton
from audio_lstm.speech.words.grammar import word_list
from audio_lstm.speech.words.hotwords import HotWords
from audio_lstm.speech.words.ngram import train_ngram

ALPHABET = Alphabet(("A", "B", " "))
LEXICON = Lexicon.from_pronunciations({"A": [(1,)], "B": [(2,)], "BA": [(2, 1), (2,)]}, phonemes=("ah", "b"))
WIDE = BeamConfig(beam_size=500, symbols_per_frame=9, min_symbol_log_prob=-50.0, blank_threshold=1.0, score_margin=99.0)


def language_model() -> WordAutomaton:
    return train_ngram(["A B", "BA A", "B", "BA"], order=2).to_automaton()


def heads(seed: int, n_frames: int = 6) -> NDArray[np.float32]:
    logits = np.random.default_rng(seed).normal(scale=2.0, size=(n_frames, 7))
    parts = [each - np.logaddexp.reduce(each, axis=1, keepdims=True) for each in (logits[:, :4], logits[:, 4:])]
    return np.concatenate(parts, axis=1).astype(np.float32)


def pool(
    config: PoolingConfig | None = None,
    *,
    model: WordAutomaton | None = None,
    closed: bool = False,
    hot: HotWords | None = None,
    lexicon: Lexicon = LEXICON,
) -> Pool:
    model = model or language_model()
    letters = BeamDecoder(ALPHABET, WIDE, language_model=model, closed_vocabulary=closed, hot_words=hot)
    sounds = PhonemeBeamDecoder(ALPHABET, lexicon, model, WIDE, closed_vocabulary=closed, hot_words=hot)
    return Pool(letters, sounds, config or PoolingConfig(beam=WIDE))


def test_each_text_has_the_log_probabilities_of_both_heads_and_of_its_words() -> None:
    log_probs, model = heads(1), language_model()
    (judged,) = pool().judge([log_probs])
    assert len(judged.texts) == len(set(judged.texts)) > 10
    for text, row in zip(judged.texts, judged.features, strict=True):
        words = text.split()
        letters = forward_log_probs(log_probs[:, :4], graphs_of_symbols([ALPHABET.encode(text)], 3))
        sounds = forward_log_probs(log_probs[:, 4:], graphs_of_words([LEXICON.pronounce(words)]))
        assert row[:2] == pytest.approx([max(letters[0], -1e6), max(sounds[0], -1e6)], abs=1e-5)
        assert row[2] == pytest.approx(model.score(words), abs=1e-4)
        n_unknown = sum(word not in model.words for word in words)
        n_unsaid = sum(word not in LEXICON for word in words)
        assert row[3:].tolist() == [len(words), n_unknown, n_unsaid]


def test_texts_are_ranked_by_the_weighted_sum_and_no_two_are_the_same() -> None:
    config = PoolingConfig(beam=WIDE, letters=0.4, phonemes=0.7, lm_weight=0.3, word_bonus=0.2, unknown_word=-1.0)
    both = pool(config)
    (judged,), (found,) = both.judge([heads(2)]), both.decode([heads(2)], n_best=50)
    scores = dict(zip(judged.texts, judged.features @ config.weights, strict=True))
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert {one.text: one.score for one in found} == pytest.approx({one.text: scores[one.text] for one in found})
    assert len({one.text for one in found}) == len(found) > 5
    assert both.decode([heads(2)])[0] == found[:1]


@pytest.mark.parametrize(("head", "best"), [("letters", "B"), ("phonemes", "A")])
def test_the_head_that_counts_decides(head: str, best: str) -> None:
    rows = np.log(np.array([[0.94, 0.02, 0.02, 0.02, 0.96, 0.02, 0.02]] * 5))
    rows[2, :4] = np.log([0.02, 0.02, 0.94, 0.02])  # the letter B
    rows[2, 4:] = np.log([0.02, 0.96, 0.02])  # the sound of A
    weights = {"letters": 0.0, "phonemes": 0.0, head: 1.0}
    config = PoolingConfig(beam=WIDE, lm_weight=0.0, word_bonus=0.0, unpronounced_word=-9.0, **weights)
    assert pool(config).decode([rows])[0][0].text == best


def test_a_closed_vocabulary_holds_in_the_pool() -> None:
    both = pool(model=word_list(("BA", "AB")), closed=True)
    texts = {one.text for one in both.decode([heads(3)], n_best=99)[0] if one.complete}
    assert texts
    assert {word for text in texts for word in text.split()} <= {"BA", "AB"}


def test_hot_words_count_in_the_pool_as_in_the_beam() -> None:
    hot = HotWords.from_phrases(["AB", "BA A"], ALPHABET, boost=3.0)
    (judged,) = pool(hot=hot).judge([heads(4, 9)])
    boosts = dict(zip(judged.texts, judged.boosts.tolist(), strict=True))
    expected = {}
    for text in boosts:
        words = text.split()
        expected[text] = 3.0 * (words.count("AB") + list(pairwise(words)).count(("BA", "A")))
    assert boosts == pytest.approx(expected)
    assert any(boosts.values())


def test_an_utterance_does_not_depend_on_those_beside_it() -> None:
    batch = [heads(seed, n_frames) for seed, n_frames in enumerate((4, 0, 7))]
    both = pool()
    assert both.decode(batch, n_best=3) == [both.decode([each], n_best=3)[0] for each in batch]


def test_a_word_that_nobody_can_say_is_still_found_by_its_letters() -> None:
    log_probs = np.log(np.full((5, 7), 0.02))
    log_probs[[0, 2, 4], 0] = log_probs[[0, 2, 4], 4] = np.log(0.94)
    log_probs[1, 1] = log_probs[3, 2] = np.log(0.94)  # letters A B
    log_probs[1, 5] = log_probs[3, 6] = np.log(0.96)
    config = PoolingConfig(beam=WIDE, letters=1.0, phonemes=0.5, unknown_word=-1.0, unpronounced_word=-1.0)
    assert pool(config).decode([log_probs])[0][0].text == "AB"
    speller = replace(LEXICON, speller=lambda words: [[(1, 2)] if word == "AB" else [] for word in words])
    (judged,) = pool(config, lexicon=speller).judge([log_probs])
    row = judged.features[judged.texts.index("AB")]
    assert row[5] == 0
    assert row[1] == pytest.approx(np.log(0.94) * 3 + np.log(0.96) * 2, abs=0.1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_best": 0}, r"n_best must lie in 1\.\.1000, got 0"),
        ({"letters": -0.1}, "letters must be 0 or more, got -0.1"),
        ({"lm_weight": -1.0}, "lm_weight must be 0 or more, got -1.0"),
        ({"word_bonus": float("nan")}, "word_bonus must be a number, got nan"),
        ({"unknown_word": float("-inf")}, "unknown_word must be a number, got -inf"),
    ],
)
def test_weights_out_of_range_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PoolingConfig(**wrong)  # type: ignore[arg-type]


def test_the_weights_are_those_of_the_features() -> None:
    assert len(FEATURES) == len(PoolingConfig().weights) == 6
