"""Pronouncing dictionaries: CMUdict's format, and phonemes only where every word is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.words.pronunciations import PHONEMES, read_dictionary, read_pronunciations

DICTIONARY = """;;; a comment
'bout B AW1 T
read R EH1 D # as in "I have read"
read(2) R IY1 D

this DH IH1 S
"""


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    file = tmp_path / "small.dict"
    file.write_text(DICTIONARY, "utf-8")
    return file


def test_there_are_the_39_phonemes_of_arpabet() -> None:
    assert len(PHONEMES) == len(set(PHONEMES)) == 39


def test_a_text_becomes_the_first_pronunciation_of_its_words_without_stress(dictionary: Path) -> None:
    ids = read_pronunciations(dictionary).encode("READ THIS")
    assert ids is not None
    assert [PHONEMES[number - 1] for number in ids] == ["R", "EH", "D", "DH", "IH", "S"]


def test_a_text_with_an_unknown_word_has_no_phonemes(dictionary: Path) -> None:
    pronunciations = read_pronunciations(dictionary)
    assert pronunciations.encode("READ THAT") is None
    assert pronunciations.encode("") is None
    assert sorted(pronunciations.ids) == ["'BOUT", "READ", "THIS"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("read R EH1 D\nthis\n", r":2: this is followed by 'nothing'; expected ARPAbet phonemes"),
        ("read R EE D\n", r":1: read is followed by 'EE'; expected ARPAbet"),
        ("\n;;; nothing\n", r"holds no words; pass a file like cmudict\.dict"),
        (b"\xff\xfe", r"not UTF-8 text \(.*\); pass a file like cmudict\.dict"),
    ],
)
def test_what_is_no_dictionary_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    file = tmp_path / "bad.dict"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=message):
        read_pronunciations(file)


def test_a_missing_dictionary_is_refused_with_its_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.dict: cannot be read \(No such file .*fetch cmudict\.dict from https"):
        read_pronunciations(tmp_path / "no.dict")


def test_a_file_that_is_far_too_large_is_refused(dictionary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_lstm.speech.words.pronunciations._MAX_BYTES", 10)
    with pytest.raises(DataError, match="bytes is too large for a dictionary"):
        read_pronunciations(dictionary)


def test_a_dictionary_has_every_way_to_say_a_word_in_its_order(dictionary: Path) -> None:
    ways = read_dictionary(dictionary)
    assert [[PHONEMES[number - 1] for number in way] for way in ways["READ"]] == [["R", "EH", "D"], ["R", "IY", "D"]]
    assert len(ways["THIS"]) == 1
