"""Printed sentences become heard words with their marks and cases."""

from __future__ import annotations

import pytest

from audio_lstm.speech.text.alphabet import ENGLISH
from audio_lstm.speech.text.punctuation import CASES, MARKS
from audio_lstm.speech.text.punctuation_text import TextReader, listed_forms, parse_token


def read(line: str, *forms: str) -> str:
    return " ".join(heard.word + MARKS[heard.mark] for heard in TextReader(forms).read(line))


def cases(line: str, *forms: str) -> list[str]:
    return [CASES[heard.case] for heard in TextReader(forms).read(line)]


@pytest.mark.parametrize(
    ("printed", "heard"),
    [
        ("“You came?” he asked.", "you came? he asked."),
        ("‘I’m sure,’ said Bob; “that’s well-known!”", "i'm sure, said bob; that's well known!"),
        ("the old man—a tailor—went on…", "the old man – a tailor – went on."),
        ("Mr. Smith met Dr. Jones.", "mister smith met doctor jones."),
        ("John F. Kennedy slept.", "john f kennedy slept."),
        ("On May 5, 1914 he paid $3.50.", "on may fifth, nineteen fourteen he paid three dollars and fifty cents."),
        ("At 10 a.m. we left.", "at ten a m we left."),
        ("“Why—?”", "why?"),
        ("yes , no", "yes, no"),
        ("(a list):", "a list:"),
        ("", ""),
        ("* * *", ""),
    ],
)
def test_a_sentence_is_heard_without_its_print(printed: str, heard: str) -> None:
    assert read(printed) == heard


def test_cases_are_those_of_the_print() -> None:
    assert cases("I saw NASA in London, mcdonald") == [
        "Capitalised",
        "lower",
        "UPPER",
        "lower",
        "Capitalised",
        "lower",
    ]
    assert cases("McDonald's café", "McDonald", "café") == ["listed", "listed"]


def test_accents_that_the_alphabet_lacks_are_lost() -> None:
    assert read("Ántonia’s façade.") == "antonia's facade."


def test_a_token_without_letters_is_no_word() -> None:
    assert parse_token("—!", frozenset(), ENGLISH) == ()


def test_spellings_are_listed_where_a_text_prefers_them() -> None:
    text = ["McDonald met McDonald."] * 3 + ["the café, the cafe, a café, a café"] + ["Petróvich spoke."] * 3
    assert listed_forms(text) == ("McDonald", "café")
    assert listed_forms(["Mcdonald and McDonald"] * 2) == ()
