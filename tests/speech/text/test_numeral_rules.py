"""The rules one by one: what makes a time, a year, a name, a sum of money."""

from __future__ import annotations

import pytest

from audio_lstm.speech.text.numeral_rules import NumberText, Numeral
from audio_lstm.speech.text.numerals import to_digits


def texts(spoken: str) -> list[str]:
    return [number.text for number in to_digits(spoken.split())]


@pytest.mark.parametrize(
    ("spoken", "found"),
    [
        ("ten thirty a m", ["10:30 a.m."]),
        ("at seven oh five p m", ["7:05 p.m."]),
        ("at ten thirty", ["10:30"]),
        ("three o'clock one met", ["3 o'clock"]),
        ("eight thirty monday morning", ["8:30"]),
        ("in ten sixty six", ["1066"]),
        ("eleven ten", ["11", "10"]),
        ("see thirteen fourteen", ["13", "14"]),
        ("in nineteen twenty", ["1920"]),
        ("the eighteen nineties", ["1890s"]),
    ],
)
def test_times_and_years_are_told_apart(spoken: str, found: list[str]) -> None:
    assert texts(spoken) == found


@pytest.mark.parametrize(
    ("spoken", "found"),
    [
        ("chapters one and two", ["1", "2"]),
        ("flight seven forty seven", ["747"]),
        ("two three merry", []),
        ("four and twenty blackbirds", ["24"]),
        ("a hundred and twenty men", ["120"]),
        ("minus five degrees", ["-5"]),
        ("five dollars and ten men", ["$5", "10"]),
        ("fifty cents", ["50"]),
        ("two point five million", ["2.5 million"]),
    ],
)
def test_what_stands_beside_a_number_decides(spoken: str, found: list[str]) -> None:
    assert texts(spoken) == found


def test_words_are_seen_up_to_a_break() -> None:
    text = NumberText(("at", "ten"), (False, True))
    assert text.before(1) == ""
    assert text.after(1) == ""
    assert text.at(1) == "ten"
    assert not text.joined(Numeral(0, 1, ""), Numeral(1, 2, ""))
