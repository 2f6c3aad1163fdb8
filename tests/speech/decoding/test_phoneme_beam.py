"""The search through sounds against the enumeration of all paths; homophones, grammars, hot words, bad input."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from audio_lstm.speech.decoding.beam import BeamConfig
from audio_lstm.speech.decoding.lexicon import Lexicon
from audio_lstm.speech.decoding.phoneme_beam import PhonemeBeamDecoder
from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.words.automaton import Arcs, WordAutomaton
from audio_lstm.speech.words.grammar import grammar_from_text, word_list
from audio_lstm.speech.words.hotwords import HotWords
from audio_lstm.speech.words.ngram import train_ngram

SOUNDS = ("P", "T", "K")  # 1, 2, 3
WAYS = {"PEA": [(1,)], "PEE": [(1,)], "TEA": [(2,), (2, 1)], "PETE": [(1, 2)], "PAP": [(1, 1)], "CAT": [(3, 1, 2)]}
LEXICON = Lexicon.from_pronunciations(WAYS, phonemes=SOUNDS)
EXACT = BeamConfig(
    beam_size=20_000,
    symbols_per_frame=100,
    min_symbol_log_prob=-1e5,
    blank_threshold=1.0,
    score_margin=1000.0,
    lm_weight=0.7,
    word_bonus=0.4,
    unknown_word_log_prob=-2.0,
)


def random_log_probs(seed: int, n_frames: int, *, peak: float = 2.0) -> NDArray[np.float64]:
    logits = np.random.default_rng(seed).normal(size=(n_frames, len(SOUNDS) + 1)) * peak
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def path_log_probs(ids: list[int], peak: float = 0.9) -> NDArray[np.float64]:
    """Log-probabilities that write phonemes, each between two blanks."""
    path = [0, *(number for each in ids for number in (each, 0))]
    chances = np.full((len(path), len(SOUNDS) + 1), (1 - peak) / len(SOUNDS))
    chances[np.arange(len(path)), path] = peak
    return np.log(chances)


def language_model() -> WordAutomaton:
    return train_ngram(["PEA TEA", "PETE PEA", "TEA PEE TEA", "PAP", "CAT TEA PEA", "PEE"], order=2).to_automaton()


def enumerate_texts(log_probs: NDArray[np.float64]) -> dict[str, float]:
    """The log-probability of every text, over all paths that write it in any way to say it."""
    written: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        said = tuple(key for key, _ in itertools.groupby(path) if key)
        value = float(log_probs[np.arange(len(path)), list(path)].sum())
        written[said] = float(np.logaddexp(written.get(said, -np.inf), value))
    totals: dict[str, float] = {}
    entries = [(word, way) for word, ways in WAYS.items() for way in ways]
    for n_words in range(len(log_probs) + 1):
        for chosen in itertools.product(entries, repeat=n_words):
            said = tuple(number for _, way in chosen for number in way)
            if said in written:
                text = " ".join(word for word, _ in chosen)
                totals[text] = float(np.logaddexp(totals.get(text, -np.inf), written[said]))
    return totals


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_a_wide_beam_finds_every_text_of_the_lexicon_with_its_score(seed: int, n_frames: int) -> None:
    log_probs, model = random_log_probs(seed, n_frames), language_model()
    (found,) = PhonemeBeamDecoder(ENGLISH, LEXICON, model, EXACT).decode([log_probs], n_best=100_000)
    expected = enumerate_texts(log_probs)
    assert {one.text: one.ctc_log_prob for one in found} == pytest.approx(expected, abs=1e-8)
    for one in found:
        lm = model.score(one.text.split())
        assert one.lm_log_prob == pytest.approx(lm, abs=1e-5)
        score = one.ctc_log_prob + EXACT.lm_weight * lm + EXACT.word_bonus * one.n_words
        assert one.score == pytest.approx(score, abs=1e-5)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_utterances_do_not_depend_on_those_beside_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch = [random_log_probs(int(rng.integers(2**31)), int(size)) for size in rng.integers(0, 30, 5)]
    decoder = PhonemeBeamDecoder(ENGLISH, LEXICON, language_model(), BeamConfig(beam_size=8))
    together = decoder.decode(batch, n_best=4)
    alone = [decoder.decode([each], n_best=4)[0] for each in batch]
    assert [[one.text for one in row] for row in together] == [[one.text for one in row] for row in alone]
    for row, other in zip(together, alone, strict=True):
        assert [one.score for one in row] == pytest.approx([one.score for one in other], abs=1e-9)


def test_frames_that_are_surely_blank_change_nothing() -> None:
    said = path_log_probs([1, 2, 3, 1, 2], peak=0.8)
    silence = np.log(np.tile([0.9994, 2e-4, 2e-4, 2e-4], (40, 1)))
    decoder = PhonemeBeamDecoder(ENGLISH, LEXICON, language_model(), replace(EXACT, blank_threshold=0.999))
    exact = PhonemeBeamDecoder(ENGLISH, LEXICON, language_model(), EXACT)
    ((best, *_),) = decoder.decode([np.concatenate([silence, said, silence])])
    ((expected, *_),) = exact.decode([said])
    assert best.text == expected.text
    assert best.ctc_log_prob == pytest.approx(expected.ctc_log_prob + 80 * math.log(0.9994), abs=0.05)


@pytest.mark.parametrize(("text", "best"), [("THE PEA", "THE PEA"), ("THE PEE", "THE PEE")])
def test_the_language_model_tells_homophones_apart(text: str, best: str) -> None:
    lexicon = Lexicon.from_pronunciations({"THE": [(2,)], "PEA": [(1,)], "PEE": [(1,)]}, phonemes=SOUNDS)
    model = train_ngram([text] * 3 + ["THE", "PEA", "PEE"], order=2).to_automaton()
    ((found, *others),) = PhonemeBeamDecoder(ENGLISH, lexicon, model).decode([path_log_probs([2, 1])], n_best=3)
    assert found.text == best
    assert {other.text for other in others} >= {"THE PEA", "THE PEE"} - {best}


def test_a_word_may_be_said_in_either_way_and_may_go_on_as_a_longer_one() -> None:
    decoder = PhonemeBeamDecoder(ENGLISH, LEXICON, language_model(), EXACT)
    for ids in ([2], [2, 1]):
        assert "TEA" in [one.text for one in decoder.decode([path_log_probs(ids)], n_best=3)[0]]
    assert decoder.decode([path_log_probs([3, 1, 2])])[0][0].text == "CAT"
    assert decoder.decode([path_log_probs([1, 1], peak=0.97)])[0][0].text in ("PAP", "PEE PEE", "PEA PEA")


def test_a_grammar_lets_only_its_own_sentences_through() -> None:
    automaton = grammar_from_text("#JSGF V1.0; grammar g; public <order> = (PEA | CAT) TEA;")
    decoder = PhonemeBeamDecoder(ENGLISH, LEXICON, automaton, EXACT, closed_vocabulary=True)
    (found,) = decoder.decode([random_log_probs(3, 6)], n_best=100)
    assert {one.text for one in found} <= {"PEA TEA", "CAT TEA"}
    assert found
    assert decoder.decode([path_log_probs([3, 1, 2, 2])])[0][0].text == "CAT TEA"


def test_where_no_sentence_ends_no_text_is_complete() -> None:
    automaton = grammar_from_text("#JSGF V1.0; grammar g; public <order> = CAT CAT;")
    decoder = PhonemeBeamDecoder(ENGLISH, LEXICON, automaton, closed_vocabulary=True)
    (found,) = decoder.decode([path_log_probs([1], peak=0.999)], n_best=5)
    assert not any(one.complete for one in found)


def test_silence_is_the_empty_text() -> None:
    decoder = PhonemeBeamDecoder(ENGLISH, LEXICON, language_model())
    assert [row[0].text for row in decoder.decode([np.zeros((0, 4)), path_log_probs([], peak=0.999)])] == ["", ""]
    assert decoder.decode([]) == []


def test_hot_words_are_preferred_and_those_that_the_model_lacks_are_heard() -> None:
    model = train_ngram(["PEA TEA", "PEA", "TEA PEA"], order=2).to_automaton()
    sound = [path_log_probs([1, 2], peak=0.97)]
    plain = PhonemeBeamDecoder(ENGLISH, LEXICON, model, EXACT)
    assert "PETE" not in {one.text for one in plain.decode(sound, n_best=1000)[0]}
    hot = HotWords.from_phrases(["PETE", "TEA PEA"], ENGLISH, boost=4.0)
    found = PhonemeBeamDecoder(ENGLISH, LEXICON, model, EXACT, hot_words=hot).decode(sound, n_best=1000)[0]
    assert found[0].text == "PETE"
    assert found[0].hot_word_boost == pytest.approx(4.0)
    of_phrase = {one.text: one.hot_word_boost for one in found}
    assert of_phrase["TEA PEA"] == pytest.approx(4.0)
    assert of_phrase["PEA TEA"] == pytest.approx(0.0)
    closed = PhonemeBeamDecoder(ENGLISH, LEXICON, model, EXACT, hot_words=hot, closed_vocabulary=True)
    assert "PETE" not in {one.text for one in closed.decode(sound, n_best=1000)[0]}


def test_the_speller_says_what_the_lexicon_cannot() -> None:
    spelled = replace(LEXICON, speller=lambda words: [[(3, 2)] if word == "KATE" else [] for word in words])
    model = word_list(("KATE", "XYZ"))
    sound = [path_log_probs([3, 2])]
    assert PhonemeBeamDecoder(ENGLISH, spelled, model).decode(sound)[0][0].text == "KATE"
    with pytest.raises(DataError, match="the lexicon pronounces none of the language model's 2 words"):
        PhonemeBeamDecoder(ENGLISH, LEXICON, model)


def test_a_language_model_without_back_off_is_looked_ahead_by_its_best_arcs() -> None:
    arcs = Arcs(np.array([0, 1]), np.array([0, 1]), np.log([0.5, 1.0]).astype(np.float32), np.array([1, 2]))
    automaton = WordAutomaton.from_arcs(
        ("PEA", "CAT"), arcs, start=0, backoff=([-1] * 3, [0.0] * 3), final_log_probs=[-np.inf, -np.inf, 0.0]
    )
    ((best, *_),) = PhonemeBeamDecoder(ENGLISH, LEXICON, automaton).decode([path_log_probs([1, 3, 1, 2])])
    assert best.text == "PEA CAT"
    assert best.lm_log_prob == pytest.approx(math.log(0.5), abs=1e-6)


def test_what_are_no_log_probabilities_is_refused() -> None:
    decoder = PhonemeBeamDecoder(ENGLISH, LEXICON, language_model())
    with pytest.raises(ValueError, match=r"expected log-probabilities of shape \(time, 4\), got \(3, 5\) in item 1"):
        decoder.decode([np.zeros((3, 4)), np.zeros((3, 5))])
    with pytest.raises(ValueError, match="n_best must be at least 1"):
        decoder.decode([np.zeros((3, 4))], n_best=0)
