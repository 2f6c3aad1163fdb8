"""Alphabets: ids, round trips, what CTC needs, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.alphabet import BLANK, ENGLISH, Alphabet, n_ctc_frames


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
        (("A", "CH"), "single characters, got 'CH' at position 1"),
        (("",), "single characters, got ''"),
        ((5,), "single characters, got 5"),
        (("A", "\n"), r"only white space allowed, got '\\n' at position 1"),
    ],
)
def test_a_faulty_alphabet_is_refused(symbols: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Alphabet(symbols)


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


def test_these_modules_do_not_import_torch() -> None:
    modules = ", ".join(f"audio_lstm.speech.{name}" for name in ("alphabet", "decode", "metrics", "data"))
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
