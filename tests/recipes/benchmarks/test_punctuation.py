"""The benchmark counts what methods write, word by word."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from audio_lstm.speech.hearing.transcript import Word
from audio_lstm.speech.text.punctuation_text import TextReader
from audio_lstm.speech.training.punctuation_data import encode


@pytest.fixture
def benchmark(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("benchmarks/punctuation")


def test_the_text_itself_is_perfect_and_floors_are_not(benchmark: ModuleType) -> None:
    lines = ["Yes, I saw Bob.", "Who came?"]
    (item,) = benchmark.passages(encode(map(TextReader().read, lines)))
    perfect = benchmark.measure([item], lambda _: ["Yes,", "I", "saw", "Bob.", "Who", "came?"])
    assert all(score.f1 == 1 for name, score in perfect.scores.items() if score.wanted)
    assert perfect.scores["capital"].wanted == 2  # I and Bob: first words of sentences are not counted
    floor = benchmark.measure([item], benchmark.floor_of_phrases)
    assert floor.scores["end"].right == 1
    assert floor.scores["end"].wanted == 2


def test_pauses_alone_write_commas_and_full_stops(benchmark: ModuleType) -> None:
    item = benchmark._aligned(
        TextReader(), [("Yes,", 0.0, 0.5), ("he", 0.8, 1.0), ("came.", 1.0, 1.4), ("I", 2.2, 2.4)]
    )
    assert item is not None
    assert [round(pause, 2) if pause is not None else None for pause in item.pauses_s] == [0.3, 0.0, 0.8, None]
    assert benchmark.floor_of_pauses(item) == ["Yes,", "he", "came.", "I."]


def test_marks_go_to_the_words_that_were_heard(benchmark: ModuleType) -> None:
    item = benchmark._aligned(TextReader(), [("Yes,", 0.0, 0.5), ("he", 0.8, 1.0), ("came.", 1.0, 1.4)])
    heard = [Word("YES", 0, 0.5, 1.0), Word("SHE", 0.8, 1.0, 0.5), Word("CAN", 1.0, 1.4, 0.5)]
    found = benchmark._recognised(item, heard)
    assert [benchmark.MARKS[mark] for mark in found.marks] == [",", "", "."]
    assert found.words == ("YES", "SHE", "CAN")
