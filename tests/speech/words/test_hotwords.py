"""Hot words: what is added along a text is what a reader of the whole text would add."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.text.alphabet import BLANK, ENGLISH, Alphabet
from audio_lstm.speech.words.hotwords import MAX_BOOST, HotWords

AB = Alphabet(("A", "B", "C", " "))
PIECES = Alphabet((" A", "BA", " BA", "ABC", "A", "B", "C", " "))
SPACELESS = Alphabet(("A", "B", "C"))

texts = st.text("AABB C", max_size=14)
phrase_sets = st.dictionaries(
    st.text("AB ", min_size=1, max_size=5).map(lambda text: " ".join(text.split())).filter(bool),
    st.floats(0.5, 20),
    min_size=1,
    max_size=5,
)


def running(hot: HotWords, symbols: list[int]) -> list[float]:
    """The boosts added up after each symbol, and at the end."""
    state, total, totals = np.array([hot.start]), 0.0, []
    for symbol in symbols:
        boost, state = hot.advance(state, [symbol])
        total += float(boost[0])
        totals.append(total)
    return [*totals, total + float(hot.final_boosts[state[0]])]


def reference(text: str, phrases: Mapping[str, float], *, bounded: bool = True) -> float:
    """The sum over all occurrences, overlapping and nested ones too, of complete phrases in a whole text."""
    padded = f" {' '.join(text.split())} " if bounded else text
    return sum(
        boost * len(re.findall(f"(?={re.escape(f' {phrase} ' if bounded else phrase)})", padded))
        for phrase, boost in phrases.items()
    )


@settings(max_examples=150, deadline=None)
@given(texts, phrase_sets)
def test_a_text_is_given_the_boosts_of_its_complete_phrases(text: str, phrases: dict[str, float]) -> None:
    hot = HotWords.from_phrases(phrases, AB)
    assert running(hot, AB.encode(text).tolist())[-1] == pytest.approx(reference(text, phrases), abs=1e-3)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, PIECES.size - 1), max_size=10), phrase_sets)
def test_pieces_of_words_are_read_letter_by_letter(symbols: list[int], phrases: dict[str, float]) -> None:
    hot = HotWords.from_phrases(phrases, PIECES)
    text = "".join(PIECES.symbols[symbol - 1] for symbol in symbols)
    assert running(hot, symbols)[-1] == pytest.approx(reference(text, phrases), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    st.text("ABC", max_size=14), st.dictionaries(st.text("AB", min_size=1, max_size=4), st.floats(0.5, 20), min_size=1)
)
def test_without_a_space_in_the_alphabet_phrases_count_anywhere(text: str, phrases: dict[str, float]) -> None:
    hot = HotWords.from_phrases(phrases, SPACELESS)
    expected = reference(text, phrases, bounded=False)
    assert running(hot, SPACELESS.encode(text).tolist())[-1] == pytest.approx(expected, abs=1e-3)


def test_a_beginning_is_given_its_share_and_returns_it_when_it_breaks() -> None:
    hot = HotWords.from_phrases(["ABBA"], AB, boost=8)
    assert running(hot, AB.encode("ABBA").tolist()) == [2, 4, 6, 8, 8]
    assert running(hot, AB.encode("ABBC").tolist()) == [2, 4, 6, 0, 0]
    assert running(hot, AB.encode("ABB").tolist()) == [2, 4, 6, 0]
    assert running(hot, AB.encode("ABBAC A").tolist()) == [2, 4, 6, 8, 0, 0, 2, 0]
    assert running(hot, AB.encode("CABBA").tolist()) == [0] * 6


def test_nothing_is_left_of_what_has_been_returned() -> None:
    hot = HotWords.from_phrases({"ABBACBA": 0.7, "BA": 1.9, "A CC": 3.3}, AB)
    totals = running(hot, AB.encode("ABBACB BAA A C A CB").tolist())
    assert max(totals) > 2
    assert totals[-1] == totals[-2] == 0.0


def test_a_break_falls_back_to_the_phrase_that_began_within() -> None:
    hot = HotWords.from_phrases({"A B C": 5, "B B": 3}, AB)
    # "A B " has its 4/5 of 5, "B " in it 2/3 of 3. The next B breaks the first, completes the second, begins it anew.
    assert running(hot, AB.encode("A B B").tolist()) == pytest.approx([1, 2, 3 + 1, 4 + 2, 0 + 3 + 1, 3])


def test_nested_phrases_are_all_given_their_boosts() -> None:
    phrases = {"NEW YORK": 4.0, "NEW YORK CITY": 6.0, "YORK": 1.0}
    hot = HotWords.from_phrases(phrases, ENGLISH)
    assert running(hot, ENGLISH.encode("NEW YORK CITY").tolist())[-1] == pytest.approx(11)
    assert running(hot, ENGLISH.encode("NEW YORK CITIES").tolist())[-1] == pytest.approx(5)


def test_the_blank_changes_nothing() -> None:
    hot = HotWords.from_phrases(["AB"], AB)
    ids = AB.encode("AB A")
    spread = np.stack([np.full_like(ids, BLANK), ids], axis=1).ravel()
    assert running(hot, spread.tolist())[1::2] + running(hot, spread.tolist())[-1:] == running(hot, ids.tolist())


@pytest.mark.parametrize("alphabet", [AB, PIECES])
def test_many_states_advance_as_each_alone(alphabet: Alphabet) -> None:
    hot = HotWords.from_phrases(["ABBA", "BA B", "C"], alphabet)
    states, symbols = (grid.ravel() for grid in np.meshgrid(np.arange(len(hot.final_boosts)), np.arange(alphabet.size)))
    boosts, next_states = hot.advance(states, symbols)
    assert (boosts.dtype, next_states.dtype) == (np.float32, np.int32)
    assert boosts.shape == next_states.shape == states.shape
    for state, symbol, boost, next_state in zip(states, symbols, boosts, next_states, strict=True):
        alone = hot.advance([state], [symbol])
        assert (alone[0][0], alone[1][0]) == (boost, next_state)


def test_spare_spaces_in_a_phrase_are_dropped() -> None:
    assert HotWords.from_phrases([" AB   A "], AB).phrases == {"AB A": 5.0}


def test_thousands_of_names_are_made_into_small_tables() -> None:
    rng = np.random.default_rng(0)
    names = {"".join(rng.choice(list("ABCDEFGHIJKLMNOP"), 9)) for _ in range(2000)}
    hot = HotWords.from_phrases(sorted(names), ENGLISH)
    assert len(names) == 2000
    assert hot.next_states.nbytes + hot.boosts.nbytes < 4e6
    assert running(hot, ENGLISH.encode(min(names)).tolist())[-1] == pytest.approx(5)


@pytest.mark.parametrize("phrases", [[], {}])
def test_no_hot_words_are_refused(phrases: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^there are no hot words in the list; name at least one"):
        HotWords.from_phrases(phrases, AB)


@pytest.mark.parametrize("phrase", ["", "  ", None])
def test_an_empty_hot_word_is_refused(phrase: str) -> None:
    with pytest.raises(ConfigError, match=rf"^a hot word is empty: {phrase!r}; take it out"):
        HotWords.from_phrases(["A", phrase], AB)


def test_a_text_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^hot words are a list, got the text 'ABBA'; put it in brackets"):
        HotWords.from_phrases("ABBA", AB)


def test_the_same_phrase_twice_is_one_and_has_one_boost() -> None:
    twice, once = HotWords.from_phrases(["A B", " A  B", "A B"], AB), HotWords.from_phrases(["A B"], AB)
    assert twice.phrases == once.phrases
    np.testing.assert_array_equal(twice.boosts, once.boosts)
    assert HotWords.from_phrases({"A B": 3, "A  B": 3}, AB).phrases == {"A B": 3}
    with pytest.raises(ConfigError, match=r"^hot word 'A B' has two boosts, 3 and 4; give it one"):
        HotWords.from_phrases({"A B": 3, "A  B": 4}, AB)


def test_letters_that_are_never_written_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match=r"^hot word 'Ab' holds 'b', which the recogniser does not write: write 'AB'$"):
        HotWords.from_phrases(["Ab"], AB)
    with pytest.raises(
        DataError, match=r"^hot word 'A-B' holds '-', .*: its letters are ' ABC'; write it as it is spoken"
    ):
        HotWords.from_phrases(["A-B"], AB)
    with pytest.raises(DataError, match=r"^hot word 'A B' holds ' '"):
        HotWords.from_phrases(["A B"], SPACELESS)


@pytest.mark.parametrize("boost", [0, -1.0, math.nan, math.inf, MAX_BOOST + 1, "5", None])
def test_an_absurd_boost_is_refused(boost: float) -> None:
    with pytest.raises(ConfigError, match=r"^the boost of hot word 'A' must be above 0 and at most 100 nats, got "):
        HotWords.from_phrases(["A"], AB, boost=boost)
    with pytest.raises(ConfigError, match=r"^the boost of hot word 'A' must be"):
        HotWords.from_phrases({"A": boost}, AB)


def test_far_too_many_hot_words_are_refused() -> None:
    letters = tuple(chr(0x4E00 + number) for number in range(3000))
    names = ["".join(letters[first : first + 8]) for first in range(2900)]
    with pytest.raises(ConfigError, match=r"^the hot words are too many: \d+ letters x 2908 different ones"):
        HotWords.from_phrases(names, Alphabet((*letters, " ")))
