"""Ordinary text for a language model: case, punctuation, digits and marks, and files that are no text."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.text.alphabet import Alphabet
from audio_lstm.speech.words.lm_text import LMText, leave_out, read_lm_text


def written(folder: Path, text: str) -> Path:
    file = folder / "text.txt"
    file.write_text(text, "utf-8")
    return file


def test_any_text_becomes_sentences(tmp_path: Path) -> None:
    file = written(tmp_path, "\ufeff“Don’t stop – it's twenty-one!”\r\n\n  …  \nRock ' and ROLL\n")
    assert read_lm_text(file) == LMText(("DON'T STOP IT'S TWENTY ONE", "ROCK AND ROLL"), 8, 0)


def test_words_that_the_letters_cannot_write_are_unknown(tmp_path: Path) -> None:
    text = read_lm_text(written(tmp_path, "at 7 o'clock\n1984\nCafé <unk>, ok\n"))
    assert text.sentences == ("AT <unk> O'CLOCK", "<unk> <unk> OK")
    assert (text.n_words, text.n_unwritable, text.first_unwritable) == (7, 4, "7")


def test_sentence_marks_of_other_programs_are_taken_out(tmp_path: Path) -> None:
    assert read_lm_text(written(tmp_path, "<s> the cat </s>\n<s> </s>\n")).sentences == ("THE CAT",)


def test_the_alphabet_says_which_letters_and_case_count(tmp_path: Path) -> None:
    file = written(tmp_path, "The CAT\n")
    assert read_lm_text(file, Alphabet(tuple("aceht "))).sentences == ("the cat",)
    assert read_lm_text(file, Alphabet((" th", *"aceht "))).sentences == ("the cat",)


def test_gzip_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"the cat\n"))
    assert read_lm_text(tmp_path / "text.gz").sentences == ("THE CAT",)


def test_xz_is_read_as_well_and_refused_where_it_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "text.txt.xz").write_bytes(lzma.compress(b"the cat\n" * 99))
    assert read_lm_text(tmp_path / "text.txt.xz").sentences == ("THE CAT",) * 99
    for name, content in (
        ("cut", lzma.compress(b"the cat\n" * 99)[:-9]),
        ("bad", lzma.compress(b"cat")[:9] + b"?" * 50),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}: damaged xz data .*; fetch it again"):
            read_lm_text(tmp_path / name)


def test_printed_english_is_spelled_out_on_demand(tmp_path: Path) -> None:
    file = written(tmp_path, "Mr. Fox paid $20 in 1905.\nI AM NO. 5\nRED & BLUE\n")
    text = read_lm_text(file, spells_out=True)
    assert text.sentences[0] == "MISTER FOX PAID TWENTY DOLLARS IN NINETEEN OH FIVE"
    assert text.sentences[1].startswith("I AM")  # in capitals an I might be a numeral: such lines stay
    assert read_lm_text(file).sentences[0] == "MR FOX PAID <unk> IN <unk>"


def test_what_a_recogniser_is_measured_on_is_left_out() -> None:
    run = "ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT"
    sentences = (f"AND {run} MORE", "THE CAT", "THE CAT SAT", run.removesuffix(" EIGHT"), run.replace("FOUR", "4"))
    text = leave_out(LMText(sentences, 40, 0), ["THE CAT", f"{run} NINE"])
    assert text.sentences == ("THE CAT SAT", run.removesuffix(" EIGHT"), run.replace("FOUR", "4"))
    assert text.n_words == 40
    assert leave_out(text, []) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"text.txt: no words in the letters of the model; expected a sentence a line"),
        ("\n…\n", r"text.txt: no words in the letters of the model; expected"),
        ("1 2\n東京\n", r"text.txt: no words in the letters of the model .the first word: '1'.; expected"),
    ],
)
def test_a_text_without_words_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_lm_text(written(tmp_path, text))


def test_what_is_no_text_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="a folder, expected a text file with a sentence a line"):
        read_lm_text(tmp_path)
    with pytest.raises(DataError, match=r"no.txt: no such text file; check the path"):
        read_lm_text(tmp_path / "no.txt")
    (tmp_path / "latin.txt").write_bytes(b"the\ncaf\xe9\n")
    with pytest.raises(DataError, match=r"latin.txt:2: not UTF-8 text .*; convert it, for instance with iconv"):
        read_lm_text(tmp_path / "latin.txt")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"the cat\n" * 99)[:-9])
    with pytest.raises(DataError, match=r"cut.gz: damaged gzip data .*; fetch it again"):
        read_lm_text(tmp_path / "cut.gz")

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"latin.txt: cannot be read .Permission denied.; check its permissions"):
        read_lm_text(tmp_path / "latin.txt")


def test_the_texts_of_a_manifest_are_read(tmp_path: Path) -> None:
    manifest = tmp_path / "mine.train.jsonl"
    manifest.write_text('{"audio": "a.wav", "text": "Hello there"}\n{"audio": "b.wav", "text": "again"}\n', "utf-8")
    assert read_lm_text(manifest).sentences == ("HELLO THERE", "AGAIN")
