"""Encoded text and the noise in it: nothing of the text is lost, and it is heard as recordings are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.text.punctuation import LOWER, MARKS, N_PIECES
from audio_lstm.speech.text.punctuation_text import TextReader
from audio_lstm.speech.training.punctuation_data import (
    IGNORED,
    Corpus,
    Noise,
    SpeechFacts,
    concatenate,
    encode,
    read_facts,
)

LINES = ["She came, and I left.", "", "Did Bob? Yes, he did!"]


@pytest.fixture
def corpus() -> Corpus:
    return encode(map(TextReader().read, LINES))


def test_sentences_stand_in_one_row(corpus: Corpus) -> None:
    assert [corpus.vocabulary[word] for word in corpus.words] == [
        "she",
        "came",
        "and",
        "i",
        "left",
        "did",
        "bob",
        "yes",
        "he",
        "did",
    ]
    assert [MARKS[mark] for mark in corpus.marks] == ["", ",", "", "", ".", "", "?", ",", "", "!"]
    assert corpus.starts.tolist() == [0, 5]


def test_capitals_at_the_beginnings_of_sentences_teach_nothing(corpus: Corpus) -> None:
    assert corpus.cases.tolist() == [IGNORED, LOWER, LOWER, 1, LOWER, IGNORED, 1, IGNORED, LOWER, LOWER]


def test_text_without_words_is_refused() -> None:
    with pytest.raises(DataError, match="holds no words"):
        encode([(), ()])


def test_corpora_are_joined_with_one_vocabulary(corpus: Corpus) -> None:
    both = concatenate([corpus, encode([TextReader().read("Bob did.")])])
    assert [both.vocabulary[word] for word in both.words][-2:] == ["bob", "did"]
    assert both.starts.tolist() == [0, 5, 10]
    assert len(both.vocabulary) == len(corpus.vocabulary)


def test_without_errors_and_pauses_a_window_is_the_text(corpus: Corpus) -> None:
    window = Noise(corpus, SpeechFacts(), 50).window(0, 5, np.random.default_rng(0), errors=False, pauses=False)
    assert window.marks.tolist() == corpus.marks[:5].tolist()
    assert (window.ids[:, N_PIECES] == 0).all()


def test_pauses_follow_the_marks() -> None:
    corpus = encode(map(TextReader().read, ["One two three four five six seven."] * 200))
    window = Noise(corpus, SpeechFacts(), 50).window(0, 1400, np.random.default_rng(0), errors=False, pauses=True)
    rows = window.ids[:-1, N_PIECES]
    ends = window.marks[:-1] > 0
    assert rows[ends].mean() > rows[~ends].mean() + 4
    assert window.ids[-1, N_PIECES] == 0  # nobody knows what comes after the last word


def test_a_word_that_is_left_out_leaves_its_mark(corpus: Corpus) -> None:
    facts = replace(SpeechFacts(), dropped=0.5, inserted=0.0, confusions={"CAME": ("CANE",)})
    noise = Noise(corpus, facts, 50)
    lengths = set()
    for seed in range(60):
        window = noise.window(0, 5, np.random.default_rng(seed), pauses=True)
        lengths.add(len(window.marks))
        assert window.marks[-1] == MARKS.index(".")
        assert len(window.ids) == len(window.marks) == len(window.cases)
    assert min(lengths) < 5


def test_confusions_and_hesitations_are_put_in(corpus: Corpus) -> None:
    facts = replace(SpeechFacts(), substituted=1.0, dropped=0.0, inserted=0.5, confusions={"CAME": ("CANE",)})
    windows = [Noise(corpus, facts, 5000).window(0, 10, np.random.default_rng(seed)) for seed in range(40)]
    assert max(len(window.marks) for window in windows) > 10
    assert len({window.ids[1, 0] for window in windows if len(window.marks) == 10} | {0}) > 1


def test_the_facts_of_recordings_are_read_or_refused(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[3] / "recipes" / "speech" / "punctuation_speech.json"
    facts = read_facts(shipped)
    assert all(abs(sum(shares) - 1) < 0.01 for shares in facts.pauses.values())
    assert len(facts.edges_s) == len(facts.pauses["end"]) + 1
    assert len(facts.confusions) > 500
    for content in ("{", "[]", '{"unknown": 1}'):
        (tmp_path / "facts.json").write_text(content, "utf-8")
        with pytest.raises(DataError, match=r"make it again with recipes/speech/punctuation_speech\.py"):
            read_facts(tmp_path / "facts.json")
