"""The ways to say a number: amounts, years, ordinals, decades, and digit by digit."""

from __future__ import annotations

import pytest

from audio_lstm.speech.text.spoken_numbers import (
    cardinals,
    decades,
    digit_forms,
    is_year,
    number_forms,
    ordinals,
    said,
    speaks,
    years,
)


@pytest.mark.parametrize(
    ("number", "first", "another"),
    [
        ("7", "seven", "seven"),
        ("1,234", "one thousand two hundred and thirty four", "a thousand two hundred thirty four"),
        ("100", "one hundred", "a hundred"),
        ("3.05", "three point zero five", "three point oh five"),
        (".5", "zero point five", "point five"),
    ],
)
def test_amounts(number: str, first: str, another: str) -> None:
    ways = cardinals(number)
    assert ways[0] == first
    assert another in ways


@pytest.mark.parametrize(
    ("digits", "ways"),
    [
        ("1905", {"nineteen oh five", "nineteen o five", "nineteen hundred and five"}),
        ("1900", {"nineteen hundred"}),
        ("2000", {"two thousand"}),
        ("2005", {"two thousand five", "two thousand and five", "twenty oh five"}),
        ("747", {"seven forty seven"}),
    ],
)
def test_numbers_in_two_halves(digits: str, ways: set[str]) -> None:
    assert ways <= set(years(digits))


def test_ranks_and_plurals() -> None:
    assert ordinals("21") == ("twenty first", "the twenty first")
    assert ordinals("1,000")[0] == "one thousandth"
    assert [decades(digits)[0] for digits in ("90", "1990", "1900", "2000", "6")] == [
        "nineties", "nineteen nineties", "nineteen hundreds", "two thousands", "sixes"
    ]  # fmt: skip


def test_digits_are_said_one_by_one_doubled_or_in_pairs() -> None:
    assert {"five five five", "triple five", "five fifty five"} == set(digit_forms("555"))
    assert {"oh oh seven", "zero zero seven", "double oh seven"} <= set(digit_forms("007"))
    assert digit_forms("1" * 100) == ()


def test_the_likeliest_way_depends_on_the_length_and_the_zeros() -> None:
    firsts = {number: number_forms(number)[0] for number in ("1914", "4217", "0123", "5551234", "5000000", "٣")}
    assert firsts == {
        "1914": "nineteen fourteen",
        "4217": "four thousand two hundred and seventeen",
        "0123": "oh one two three",
        "5551234": "five five five one two three four",
        "5000000": "five million",
        "٣": "three",
    }
    assert is_year("1066")
    assert not is_year("2500")


def test_other_languages_have_names_or_none() -> None:
    assert (speaks("de-AT"), speaks("en-GB"), speaks("xx")) == (True, True, False)
    assert said("21", language="fr") == "vingt et un"
    assert said("9" * 40).startswith("nine nine")
