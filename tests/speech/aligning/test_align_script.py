"""Recordings and their scripts: the samples of the package, and real ones joined with known silences."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import audio_lstm
from audio_lstm.audio.files import load_audio
from audio_lstm.errors import AudioError, DataError, ModelError
from audio_lstm.speech.aligning.alignment import AlignedWord, Alignment
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.text.data import read_manifest
from audio_lstm.speech.training.timing_fit import sound_edges

RATE = 16_000


@pytest.fixture(scope="module")
def an4() -> SpeechRecogniser:
    return load_speech("an4")


@pytest.fixture(scope="module")
def digits(repository: Path) -> Path:
    """Says THREE ONE FOUR ONE FIVE NINE TWO SIX."""
    return repository / "demos" / "samples" / "digits.wav"


def check_order(alignment: Alignment) -> None:
    """Times rise, do not overlap and lie inside; letters fill their word."""
    timed = [word for word in alignment.words if word.start_s is not None and word.end_s is not None]
    edges = [edge for word in timed for edge in (word.start_s or 0.0, word.end_s or 0.0)]
    assert edges == sorted(edges)
    assert not edges or (edges[0] >= 0 and edges[-1] <= alignment.duration_s)
    for word in timed:
        letters = [edge for character in word.characters for edge in (character.start_s, character.end_s)]
        assert letters == sorted(letters)
        assert not letters or (letters[0], letters[-1]) == (word.start_s, word.end_s)
        assert 0 <= word.score <= 1
    assert all(word.matched <= (word.start_s is not None) for word in alignment.words)


def test_a_script_in_any_dress_is_found(digits: Path, an4: SpeechRecogniser) -> None:
    alignment = audio_lstm.align(digits, "Three, one: “four”. One-five nine two six!", model=an4)
    check_order(alignment)
    assert [word.text for word in alignment.words] == ["Three,", "one:", "“four”.", "One-five", "nine", "two", "six!"]
    assert all(word.matched and word.score > 0.5 for word in alignment.words)
    assert (alignment.matched_share, alignment.unscripted, alignment.model) == (1.0, (), "an4")
    assert alignment.duration_s == pytest.approx(3.577, abs=0.001)
    assert "".join(character.text for character in alignment.words[3].characters) == "ONEFIVE"
    as_heard = audio_lstm.transcribe(digits, model=an4)
    for aligned, start_s in zip(alignment.words[:3], [word.start_s for word in as_heard.words[:3]], strict=True):
        assert aligned.start_s == pytest.approx(start_s, abs=0.05)


def test_words_that_the_model_cannot_write_have_what_lies_between_their_neighbours(
    digits: Path, an4: SpeechRecogniser
) -> None:
    right = audio_lstm.align(digits, "three one four one five nine two six", model=an4).words
    alignment = audio_lstm.align(digits, "three 東 four 東 京 nine 二 six 七", model=an4)
    check_order(alignment)
    one, one_again, five, two, seven = (word for word in alignment.words if not word.writable)
    assert (one.text, one.matched, one.score, one.characters) == ("東", False, 0.0, ())
    assert one.start_s == pytest.approx(right[1].start_s, abs=0.06)
    assert one.end_s == pytest.approx(right[1].end_s, abs=0.06)
    assert one_again.end_s == five.start_s
    assert two.start_s is not None
    assert seven.start_s is None  # nobody speaks after the last word
    assert alignment.matched_share == 1.0
    assert alignment.unscripted == ()


def test_the_sound_of_unwritable_words_is_no_disagreement(digits: Path, an4: SpeechRecogniser) -> None:
    alignment = audio_lstm.align(digits, "東京 one 東京 東京 nine 東京", model=an4)  # 7 of 32 letters are known
    assert [word.matched for word in alignment.words] == [False, True, False, False, True, False]
    assert all(word.start_s is not None for word in alignment.words)
    assert alignment.unscripted == ()
    missing = audio_lstm.align(digits, "three 東京 hello nine two six", model=an4)
    assert [word.matched for word in missing.words] == [True, False, False, True, True, True]
    assert missing.words[1].start_s is not None
    assert missing.unscripted == ()


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("three 1 four 1 5 nine 2 six", ["THREE", "ONE", "FOUR", "ONE", "FIVE", "NINE", "TWO", "SIX"]),
        ("314 1592 6", ["THREEONEFOUR", "ONEFIVENINETWO", "SIX"]),
        ("(314) 159-26", ["THREEONEFOUR", "ONEFIVENINETWOSIX"]),
        ("31415926", ["THREEONEFOURONEFIVENINETWOSIX"]),
        ("‘three’ 'one' & four 15 ninë 26", ["THREE", "ONE", "", "FOUR", "ONEFIVE", "NINE", "TWOSIX"]),
    ],
)
def test_figures_are_found_as_they_are_said(digits: Path, an4: SpeechRecogniser, text: str, spelled: list[str]) -> None:
    alignment = audio_lstm.align(digits, text, model=an4)
    check_order(alignment)
    assert ["".join(letter.text for letter in word.characters) for word in alignment.words] == spelled
    assert all(word.score > 0.9 for word in alignment.words if word.matched)
    assert alignment.unscripted == ()


def test_figures_that_are_said_otherwise_cost_their_neighbours_nothing(digits: Path, an4: SpeechRecogniser) -> None:
    alignment = audio_lstm.align(digits, "three 1/7 €99 six", model=an4)  # 8 of 32 letters are known
    assert [word.matched for word in alignment.words] == [True, False, False, True]


@pytest.mark.parametrize(("word", "start_s"), [("three", 0.02), ("nine", 1.84), ("‘Six’!", 2.58), ("2", 2.28)])
def test_a_script_of_one_word_is_found(digits: Path, an4: SpeechRecogniser, word: str, start_s: float) -> None:
    (found,) = audio_lstm.align(digits, word, model=an4).words
    assert found.matched
    assert found.start_s == pytest.approx(start_s, abs=0.05)
    for other in ("hello", "nice", "night"):
        (missing,) = audio_lstm.align(digits, other, model=an4).words
        assert not missing.matched, other


def test_what_does_not_match_is_flagged_and_drags_nothing(digits: Path, an4: SpeechRecogniser) -> None:
    right = {word.text: word for word in audio_lstm.align(digits, "three one four nine two six", model=an4).words}
    text = "three one four hello everybody nine two six"
    alignment = audio_lstm.align(digits, text, model=an4)
    check_order(alignment)
    for word in alignment.words:
        assert word.matched == (word.text in right)
        if word.matched:
            assert word.start_s == pytest.approx(right[word.text].start_s, abs=0.05)
    (stretch,) = alignment.unscripted  # ONE FIVE
    assert stretch.start_s == pytest.approx(right["four"].end_s, abs=0.05)
    assert stretch.end_s == pytest.approx(right["nine"].start_s, abs=0.05)
    wrong = audio_lstm.align(digits, "here is quite another text that says nothing of the kind", model=an4)
    assert wrong.matched_share <= 0.1
    assert wrong.unscripted


def test_silence_has_no_words(an4: SpeechRecogniser) -> None:
    alignment = audio_lstm.align((np.zeros(2 * RATE, np.float32), RATE), "hello 5", model=an4)
    assert [(word.start_s, word.matched) for word in alignment.words] == [(None, False)] * 2
    assert (alignment.duration_s, alignment.peak_db, alignment.unscripted) == (2.0, -np.inf, ())


def test_bad_input_is_one_of_our_errors(digits: Path, an4: SpeechRecogniser, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the text to align holds no words"):
        audio_lstm.align(digits, " ", model=an4)
    with pytest.raises(AudioError, match=r"missing\.wav: no such file"):
        audio_lstm.align(tmp_path / "missing.wav", "hello", model=an4)
    with pytest.raises(AudioError, match="more than the 1 s allowed"):
        audio_lstm.align(digits, "three", model=an4, max_seconds=1)
    with pytest.raises(ModelError, match="model 'nothing' not found"):
        audio_lstm.align(digits, "three", model="nothing")


@pytest.mark.shared
def test_joined_recordings_are_aligned_each_where_it_is(shared: Path, an4: SpeechRecogniser) -> None:
    pieces: list[np.ndarray] = []
    expected: list[tuple[list[str], float, float]] = []  # words, first start, last end
    at_s = 0.0
    for number, utterance in enumerate(read_manifest(shared / "speech" / "an4.dev.jsonl")[:40]):
        samples = load_audio(utterance.audio, sample_rate=RATE)
        edges = sound_edges(samples, RATE)
        assert edges is not None
        expected.append((utterance.text.split(), at_s + edges[0], at_s + edges[1]))
        silence = np.zeros(RATE * (1 + number % 3) // 2, np.float32)
        pieces += [samples, silence]
        at_s += (len(samples) + len(silence)) / RATE
    text = " ".join(word for words, _, _ in expected for word in words)
    alignment = audio_lstm.align((np.concatenate(pieces), RATE), text, model=an4)
    check_order(alignment)
    assert alignment.matched_share > 0.97
    assert len(alignment.words) == len(text.split())
    errors, first = [], 0
    for words, start_s, end_s in expected:
        own: tuple[AlignedWord, ...] = alignment.words[first : first + len(words)]
        errors += [abs(own[0].start_s - start_s)] if own[0].start_s is not None else []
        errors += [abs(own[-1].end_s - end_s)] if own[-1].end_s is not None else []
        first += len(words)
    assert len(errors) > 70
    assert np.median(errors) <= 0.03
    assert all((after.start_s or 9e9) >= (before.end_s or 0) for before, after in pairwise(alignment.words))
