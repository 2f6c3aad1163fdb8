"""Anchors: found where script and sound agree, even among errors, and never where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.speech.aligning import anchors
from audio_lstm.speech.aligning.anchors import find_cuts, heard_symbols
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet


def random_words(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(ENGLISH.symbols[i] for i in rng.integers(26, size=rng.integers(2, 8))) for _ in range(n)]


def say(text: str, *, error_rate: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """Log-probabilities of a text, two frames a letter, some of the letters wrong."""
    rng = np.random.default_rng(seed)
    ids = ENGLISH.encode(text)
    wrong = (rng.random(len(ids)) < error_rate) & (ids != ENGLISH.size - 1)
    ids = np.where(wrong, rng.integers(1, 27, len(ids)), ids)
    frames = np.zeros(2 * len(ids), np.int64)
    frames[::2] = ids
    rows = np.full((len(frames), ENGLISH.size), 0.001)
    rows[np.arange(len(frames)), frames] = 0.9
    return np.log(rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cuts may be near each other."""
    monkeypatch.setattr(anchors, "MIN_CUT_FRAMES", 1)


def where(words: list[str]) -> list[int]:
    """The frame in which each word begins."""
    return (2 * np.cumsum([0, *(len(word) + 1 for word in words)])).tolist()


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize("error_rate", [0.0, 0.1, 0.2])
def test_cuts_lie_between_the_words_that_they_name(error_rate: float) -> None:
    words = random_words(400, seed=1)
    begins = where(words)
    cuts = find_cuts(say(" ".join(words), error_rate=error_rate), [ENGLISH.encode(word) for word in words], ENGLISH)
    assert len(cuts) > (100 if error_rate == 0 else 10)
    for frame, word in cuts:
        assert begins[word] - 3 <= frame <= begins[word]
    assert list(cuts) == sorted(cuts)


@pytest.mark.usefixtures("near")
def test_a_part_that_is_not_said_is_jumped_over() -> None:
    words = random_words(300, seed=2)
    said = words[:100] + words[200:]
    cuts = find_cuts(say(" ".join(said)), [ENGLISH.encode(word) for word in words], ENGLISH)
    numbers = [word for _, word in cuts]
    assert min(numbers) < 100
    assert max(numbers) > 200
    assert not [word for word in numbers if 101 < word < 200]


@pytest.mark.usefixtures("near")
def test_nothing_agrees_with_another_text_or_with_one_that_repeats_itself() -> None:
    sound = say(" ".join(random_words(300, seed=3)))
    other = [ENGLISH.encode(word) for word in random_words(300, seed=4)]
    assert find_cuts(sound, other, ENGLISH) == ()
    again = ["ONE", "TWO", "THREE"] * 50
    assert find_cuts(say(" ".join(again)), [ENGLISH.encode(word) for word in again], ENGLISH) == ()


def test_cuts_keep_their_distance() -> None:
    words = random_words(400, seed=1)
    cuts = find_cuts(say(" ".join(words)), [ENGLISH.encode(word) for word in words], ENGLISH)
    assert len(cuts) > 3
    assert np.diff([0, *(frame for frame, _ in cuts)]).min() >= anchors.MIN_CUT_FRAMES


def test_nothing_to_compare_gives_no_cuts() -> None:
    assert find_cuts(np.zeros((0, ENGLISH.size)), [], ENGLISH) == ()
    assert find_cuts(say("AB"), [ENGLISH.encode("AB")], ENGLISH) == ()


def test_what_is_heard_has_no_blanks_spaces_or_repeats() -> None:
    rows = np.log(np.eye(4)[[1, 1, 0, 1, 3, 2]] * 0.97 + 0.01)
    symbols, begins, ends = heard_symbols(rows, Alphabet(("A", "B", " ")))
    assert (symbols.tolist(), begins.tolist(), ends.tolist()) == ([1, 1, 2], [0, 3, 5], [1, 3, 5])
