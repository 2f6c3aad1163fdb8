"""Alphabets: ids, round trips, what CTC needs, and what is refused."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.text.alphabet import BLANK, ENGLISH, Alphabet, n_ctc_frames
from audio_lstm.speech.text.data import normalise_text


def test_english_is_26_letters_apostrophe_and_space_after_the_blank() -> None:
    assert BLANK == 0
    assert ENGLISH.size == 29
    assert ENGLISH.symbols[0] == "A"
    assert ENGLISH.encode("AZ' ").tolist() == [1, 26, 27, 28]


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ' "))
def test_decode_is_the_inverse_of_encode(text: str) -> None:
    ids = ENGLISH.encode(text)
    assert ids.dtype == np.int64
    assert ids.shape == (len(text),)
    assert ENGLISH.decode(ids) == text


def test_an_alphabet_from_texts_is_sorted_and_encodes_them() -> None:
    texts = ["zwölf bäume", "ça va"]
    alphabet = Alphabet.from_texts(texts)
    assert alphabet.symbols == tuple(sorted(set("".join(texts))))
    assert [alphabet.decode(alphabet.encode(text)) for text in texts] == texts
    assert alphabet == Alphabet.from_texts(reversed(texts))


def test_membership_asks_for_symbols() -> None:
    assert "A" in ENGLISH
    assert "a" not in ENGLISH


def test_a_letter_outside_is_named_with_position_and_text() -> None:
    with pytest.raises(DataError, match=r"'é' at position 3 of 'CAFé AU LAIT' .* 28 symbols .* normalise_text"):
        ENGLISH.encode("CAFé AU LAIT")


def test_a_long_text_is_shortened_in_the_message_around_the_letter() -> None:
    with pytest.raises(DataError, match=r"'7' at position 500 of '…A{24}7A{24}…'"):
        ENGLISH.encode("A" * 500 + "7" + "A" * 500)


@pytest.mark.parametrize(("ids", "message"), [([1, 0, 2], "got 0 at position 1"), ([29], "got 29"), ([-1], "got -1")])
def test_blank_padding_and_unknown_ids_do_not_decode(ids: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=rf"ids lie in 1\.\.28, {message}"):
        ENGLISH.decode(ids)


@pytest.mark.parametrize("ids", [[[1, 2]], [1.0], 3])
def test_decode_takes_one_row_of_integers(ids: object) -> None:
    with pytest.raises(ValueError, match=r"expected integer ids of shape \(n,\)"):
        ENGLISH.decode(ids)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ((), "at least one symbol"),
        (("A", "B", "A"), "'A' twice"),
        (("A", "CH", "C"), "every character of a piece is a symbol too, but 'H' of 'CH' at position 1 is none; add it"),
        ((" A", "A"), "but ' ' of ' A' at position 0 is none"),
        (("",), "characters or pieces of words, got '' at position 0"),
        ((5,), "characters or pieces of words, got 5"),
        (("A", "\n"), r"only white space allowed, got '\\n' at position 1"),
        (("A\t", "A"), r"only white space allowed, got 'A\\t' at position 0"),
        (("A", " ", "A "), "a space only where a word begins, got 'A ' at position 2"),
        (("A", "  ", " "), "a space only where a word begins, got '  ' at position 1"),
        ((" A", " ", "A", " A"), "' A' twice"),
    ],
)
def test_a_faulty_alphabet_is_refused(symbols: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Alphabet(symbols)


PIECES = Alphabet((" A", "BC", " ABC", "CB", "A", "B", "C", " "))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("ABC", [" ABC"]),
        ("ABC CAB", [" ABC", " ", "C", "A", "B"]),
        ("BCBC", [" ", "BC", "BC"]),
        ("CBCB", [" ", "C", "BC", "B"]),  # BC comes before CB
        ("A", [" A"]),
        ("", []),
    ],
)
def test_pieces_are_merged_in_their_order(text: str, pieces: list[str]) -> None:
    ids = PIECES.encode(text)
    assert ids.dtype == np.int64
    assert [PIECES.symbols[number - 1] for number in ids] == pieces
    assert PIECES.decode(ids) == text


def test_of_equal_pairs_the_left_one_is_merged() -> None:
    alphabet = Alphabet(("AA", "A", " "))
    assert alphabet.encode("AAAAA").tolist() == [3, 1, 1, 2]


@given(st.text(alphabet="ABC "))
def test_decoding_pieces_gives_the_words_back(text: str) -> None:
    words = " ".join(text.split())
    assert PIECES.decode(PIECES.encode(text)) == words
    np.testing.assert_array_equal(PIECES.encode(text), PIECES.encode(words))


@given(
    st.lists(st.sampled_from(["A", "B", "C", "AB", "BC", "CA", "ABC", "BCA", "CAB", "ABCA"]), unique=True), st.data()
)
def test_merging_with_a_heap_equals_looking_at_every_pair_each_time(pieces: list[str], data: st.DataObject) -> None:
    characters = [symbol for symbol in "ABC" if symbol not in pieces]
    alphabet = Alphabet((*pieces, *characters))
    text = data.draw(st.text(alphabet="ABC", max_size=40))
    expected = list(text)
    while True:
        joined = [left + right for left, right in itertools.pairwise(expected)]
        known = [(alphabet.symbols.index(pair), place) for place, pair in enumerate(joined) if pair in alphabet]
        if not known:
            break
        place = min(known)[1]
        expected[place : place + 2] = [joined[place]]
    assert [alphabet.symbols[number - 1] for number in alphabet.encode(text)] == expected


def test_pieces_without_a_space_among_them_write_texts_without_words() -> None:
    alphabet = Alphabet(("你好", "你", "好"))
    assert alphabet.encode("好你好").tolist() == [3, 1]
    assert alphabet.decode([3, 1]) == "好你好"
    with pytest.raises(DataError, match="' ' at position 1 of '你 好'"):
        alphabet.encode("你 好")


def test_a_letter_outside_the_pieces_is_named_with_its_place_in_the_text() -> None:
    for _ in range(2):  # the second time the other words are known
        with pytest.raises(DataError, match=r"'7' at position 5 of 'ABC A7' is not among the 8 symbols"):
            PIECES.encode("ABC A7")


def test_a_word_of_100_000_letters_is_encoded() -> None:
    ids = PIECES.encode("ABC" * 33_333)
    assert len(ids) == 1 + 2 * 33_332
    assert PIECES.decode(ids) == "ABC" * 33_333


def test_words_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_lstm.speech.text.alphabet._MAX_CACHED_WORDS", 1)
    alphabet = Alphabet(PIECES.symbols)
    assert alphabet.decode(alphabet.encode("ABC CAB ABC CAB")) == "ABC CAB ABC CAB"
    assert alphabet == PIECES


def test_an_alphabet_knows_whether_it_is_of_characters() -> None:
    assert ENGLISH.is_characters
    assert not PIECES.is_characters
    assert ENGLISH.decode([28, 28, 1, 28]) == "  A "
    assert PIECES.decode([8, 8, 5, 8]) == "A"


def test_ordinary_text_is_normalised_for_pieces_as_for_characters() -> None:
    assert normalise_text("abc – “a!”", PIECES) == "ABC A"


def test_texts_without_characters_make_no_alphabet() -> None:
    with pytest.raises(DataError, match="no characters to make an alphabet"):
        Alphabet.from_texts(["", ""])


def test_texts_with_tabs_make_no_alphabet() -> None:
    with pytest.raises(DataError, match=r"the texts make no alphabet: .*'\\t'.*single spaces"):
        Alphabet.from_texts(["A\tB"])


@pytest.mark.parametrize(
    ("text", "n_frames"), [("", 0), ("A", 1), ("AB", 2), ("AA", 3), ("AAA", 5), ("BOOK KEEPER", 13)]
)
def test_ctc_needs_a_frame_a_symbol_and_one_between_repeats(text: str, n_frames: int) -> None:
    ids = ENGLISH.encode(text)
    assert n_ctc_frames(ids) == n_frames
    assert n_ctc_frames(ids.tolist()) == n_frames


def test_these_modules_import_neither_torch_nor_sentencepiece() -> None:
    names = ("text.alphabet", "text.pieces", "ctc.decode", "training.metrics", "text.data")
    modules = ", ".join(f"audio_lstm.speech.{name}" for name in names)
    code = f"import sys, {modules}; sys.exit(bool({{'torch', 'sentencepiece'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
