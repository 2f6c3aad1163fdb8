"""The lexicon: several ways to say a word, a compact file, and a speller for what is missing."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.decoding.lexicon import Lexicon, read_lexicon, write_lexicon
from audio_lstm.speech.words.pronunciations import PHONEMES

WAYS = {"READ": [(28, 11, 9), (28, 18, 9)], "A": [(3,), (13,), (3,)], "'BOUT": [(7, 6, 31)]}


@pytest.fixture
def lexicon() -> Lexicon:
    return Lexicon.from_pronunciations(WAYS)


def test_a_word_has_all_of_its_pronunciations_once_the_first_first(lexicon: Lexicon) -> None:
    assert lexicon.words == ("'BOUT", "A", "READ")
    assert lexicon.pronunciations("READ") == ((28, 11, 9), (28, 18, 9))
    assert lexicon.pronunciations("A") == ((3,), (13,))
    assert lexicon.pronunciations("B") == ()
    assert "A" in lexicon
    assert "B" not in lexicon


def test_what_is_written_is_read_again(lexicon: Lexicon, tmp_path: Path) -> None:
    again = read_lexicon(write_lexicon(lexicon, tmp_path / "lexicon.lex"))
    assert again.phonemes == PHONEMES
    assert {word: again.pronunciations(word) for word in again.words} == {
        word: lexicon.pronunciations(word) for word in lexicon.words
    }


def test_the_speller_is_asked_once_for_each_word_that_is_missing() -> None:
    asked = []

    def speller(words: list[str]) -> list[list[tuple[int, ...]]]:
        asked.extend(words)
        return [[(7, 1), (7, 1), ()] if word == "BAH" else [] for word in words]

    known = Lexicon.from_pronunciations(WAYS)
    lexicon = Lexicon(known.phonemes, known.words, known.n_ways, known.lengths, known.ids, speller)
    assert lexicon.pronounce(["BAH", "A", "?", "BAH"]) == [((7, 1),), ((3,), (13,)), (), ((7, 1),)]
    assert asked == ["BAH", "?"]
    assert known.pronounce(["BAH"]) == [()]


def test_a_lexicon_takes_in_what_its_speller_says(lexicon: Lexicon, tmp_path: Path) -> None:
    spelled = replace(lexicon, speller=lambda words: [[(7, 1)] if word == "BAH" else [] for word in words])
    larger = spelled.with_words(["A", "BAH", "?", "BAH"])
    assert larger.words == ("'BOUT", "A", "BAH", "READ")
    assert read_lexicon(write_lexicon(larger, tmp_path / "lexicon.lex")).pronunciations("BAH") == ((7, 1),)
    assert larger.pronunciations("READ") == lexicon.pronunciations("READ")
    assert spelled.with_words(["A", "?"]) is spelled
    assert lexicon.with_words(["BAH"]) is lexicon


@pytest.mark.parametrize(
    ("ways", "message"),
    [
        ({}, "a lexicon needs words"),
        ({"A": []}, "'A' is no word with a pronunciation"),
        ({"A B": [(1,)]}, "'A B' is no word with a pronunciation"),
        ({"A": [()]}, r"'A' is said \(\); expected 1 to 255 phonemes in 1\.\.39"),
        ({"A": [(0,)]}, r"'A' is said \(0,\); expected 1 to 255 phonemes"),
        ({"A": [(40,)]}, r"'A' is said \(40,\); expected 1 to 255 phonemes"),
    ],
)
def test_what_is_no_lexicon_is_refused(ways: dict[str, list[tuple[int, ...]]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Lexicon.from_pronunciations(ways)


def test_a_damaged_file_is_refused_wherever_the_damage_is(lexicon: Lexicon, tmp_path: Path) -> None:
    data = write_lexicon(lexicon, tmp_path / "lexicon.lex").read_bytes()
    file = tmp_path / "bad.lex"
    for place in range(len(data)):
        for bad in (data[:place], data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]):
            file.write_bytes(bad)
            with pytest.raises(DataError, match=r"bad\.lex: not a usable lexicon: .*; copy or make it again"):
                read_lexicon(file)


@pytest.mark.parametrize(
    ("sizes", "body", "fault"),
    [
        ((1, 1, 1, 4), b"X\nA\n\x01\x01\x02", "sounds that are no phonemes"),
        ((1, 1, 1, 4), b"X\nA\n\x01\x02\x01", "its counts contradict each other"),
        ((1, 1, 1, 4), b"X\nA\n\x00\x01\x01", "its counts contradict each other"),
        ((2, 2, 2, 4), b"X\nA\n\x01\x01\x01\x01\x01\x01", "its counts contradict each other"),
        ((0, 0, 0, 2), b"X\n", "it holds no words"),
        ((1, 1, 1, 4), b"\xff\nA\n\x01\x01\x01", "its data do not unpack"),
        ((2**31, 1, 1, 4), b"", "it claims"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, sizes: tuple[int, ...], body: bytes, fault: str
) -> None:
    payload = struct.pack("<4I", *sizes) + zlib.compress(body)
    file = tmp_path / "bad.lex"
    file.write_bytes(b"\x89ALX\r\n\x1a\n" + struct.pack("<HHI", 1, 1, zlib.crc32(payload)) + payload)
    with pytest.raises(DataError, match=fault):
        read_lexicon(file)


def test_missing_and_too_large_files_are_refused(
    lexicon: Lexicon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"no\.lex: cannot be read \(No such file"):
        read_lexicon(tmp_path / "no.lex")
    with pytest.raises(DataError, match=r"cannot write the lexicon"):
        write_lexicon(lexicon, tmp_path / "no" / "lexicon.lex")
    file = write_lexicon(lexicon, tmp_path / "lexicon.lex")
    monkeypatch.setattr("audio_lstm.speech.decoding.lexicon._MAX_BYTES", 10)
    with pytest.raises(DataError, match="bytes is too large for a lexicon"):
        read_lexicon(file)


def test_a_lexicon_of_many_words_stays_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ways = {f"WORD{number:05}": [tuple(rng.integers(1, 40, 6).tolist())] for number in range(10_000)}
    assert write_lexicon(Lexicon.from_pronunciations(ways), tmp_path / "big.lex").stat().st_size < 100_000
