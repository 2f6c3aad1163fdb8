"""Words of a script in log-probabilities: where they are, and which are not there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.speech.aligning import anchors
from audio_lstm.speech.aligning.script_path import FLOOR, SymbolSpans, find_words, matched_words
from audio_lstm.speech.ctc.align import align_symbols
from audio_lstm.speech.text.alphabet import ENGLISH
from tests.speech.aligning.test_anchors import random_words, say

SENTENCES = ["ONE MORE THING", "THE QUICK BROWN FOX", "JUMPS OVER IT", "SOME LAZY DOG SLEEPS", "AND SO DO WE ALL"]


def search(sound: NDArray[np.float32], text: str) -> tuple[SymbolSpans, list[str], NDArray[np.bool_]]:
    words = text.split()
    ids = [ENGLISH.encode(word) for word in words]
    spans = find_words(sound, ids, ENGLISH)
    return spans, words, matched_words(spans, np.array([len(word) for word in words]))


def found(text: str, sound: NDArray[np.float32]) -> dict[str, int]:
    """The words that match, each once, and the frames in which they begin."""
    spans, words, matched = search(sound, text)
    firsts = np.cumsum([0, *(len(word) for word in words)])
    return {
        word: int(spans.start_frames[first])
        for word, first, is_matched in zip(words, firsts, matched, strict=False)
        if is_matched
    }


def test_a_text_that_is_said_lies_where_the_plain_search_finds_it() -> None:
    text = " ".join(SENTENCES)
    sound = say(text, error_rate=0.05, seed=3)
    spans, words, matched = search(sound, text)
    assert matched.all()
    plain = align_symbols(sound, ENGLISH.encode(text))
    letters = [i for i, letter in enumerate(text) if letter != " "]
    np.testing.assert_array_equal(spans.start_frames, plain.start_frames[letters])
    np.testing.assert_array_equal(spans.end_frames, plain.end_frames[letters])
    assert spans.n_strange.sum() == 0
    assert len(spans.n_strange) == len(words) + 1


def test_a_sentence_that_is_not_said_is_left_out_and_drags_nothing() -> None:
    sound = say(" ".join(SENTENCES[:2] + SENTENCES[3:]))
    right = found(" ".join(SENTENCES[:2] + SENTENCES[3:]), sound)
    assert found(" ".join(SENTENCES), sound) == right
    assert len(right) == 16


def test_speech_that_is_not_in_the_script_is_counted_and_drags_nothing() -> None:
    sound = say(" ".join(SENTENCES))
    without = " ".join(SENTENCES[:2] + SENTENCES[3:])
    whole = found(" ".join(SENTENCES), sound)
    assert found(without, sound) == {word: frame for word, frame in whole.items() if word in without.split()}
    spans, words, _ = search(sound, without)
    n_strange = dict(zip([*words, ""], spans.n_strange.tolist(), strict=True))
    assert n_strange["SOME"] == len("JUMPSOVERIT")
    assert sum(n_strange.values()) == n_strange["SOME"]


def test_of_sentences_in_another_order_each_word_is_found_in_its_place_or_not_at_all() -> None:
    whole = found(" ".join(SENTENCES), say(" ".join(SENTENCES)))
    swapped = found(" ".join([SENTENCES[0], SENTENCES[2], SENTENCES[1], *SENTENCES[3:]]), say(" ".join(SENTENCES)))
    assert set(SENTENCES[0].split() + SENTENCES[3].split() + SENTENCES[4].split()) <= set(swapped)
    assert all(whole[word] == frame for word, frame in swapped.items())
    assert len(swapped) < len(whole)


def test_another_text_altogether_is_not_squeezed_in() -> None:
    sound = say(" ".join(random_words(60, seed=5)))
    spans, words, matched = search(sound, " ".join(random_words(60, seed=6)))
    assert matched.mean() < 0.05
    left_out = spans.start_frames < 0
    assert left_out.mean() > 0.5
    assert (spans.scores[left_out] == FLOOR).all()
    assert len(words) == 60


def test_a_few_words_that_agree_by_chance_do_not_match() -> None:
    said = ["KLMNOP", "AT", "QRSTUV", "WXYZKL", "IN", "MNOPQR"]
    script = ["ABCDEF", "AT", "GHIABC", "DEFGHI", "IN", "ABCHIG"]
    spans, words, matched = search(say(" ".join(said)), " ".join(script))
    begins = np.cumsum([0, *(len(word) for word in words[:-1])])
    assert spans.start_frames[begins][[1, 4]].min() >= 0  # they are in the best path
    assert not matched.any()


def test_cuts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    words = random_words(150, seed=7)
    sound = say(" ".join(words), error_rate=0.1)
    whole, _, _ = search(sound, " ".join(words))
    monkeypatch.setattr(anchors, "MIN_CUT_FRAMES", 20)
    assert len(anchors.find_cuts(sound, [ENGLISH.encode(word) for word in words], ENGLISH)) > 10
    parts, _, _ = search(sound, " ".join(words))
    np.testing.assert_array_equal(parts.start_frames, whole.start_frames)
    np.testing.assert_array_equal(parts.scores, whole.scores)
    np.testing.assert_array_equal(parts.n_strange, whole.n_strange)


def test_no_sound_has_no_words() -> None:
    spans, _, matched = search(np.zeros((0, ENGLISH.size), np.float32), "HELLO WORLD")
    assert not matched.any()
    assert (spans.start_frames == -1).all()
    assert matched_words(find_words(say("A"), [], ENGLISH), np.zeros(0, np.int64)).shape == (0,)
