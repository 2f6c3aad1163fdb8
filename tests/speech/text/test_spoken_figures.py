"""Words of figures that mean one thing, and those that mean none."""

from __future__ import annotations

import pytest

from audio_lstm.speech.text.spoken_figures import (
    code_forms,
    day_forms,
    figure_forms,
    first_products,
    fraction_forms,
    is_group,
)


@pytest.mark.parametrize(
    ("core", "after", "ways"),
    [
        ("$3.50", "", {"three dollars and fifty cents", "three fifty", "three dollars fifty"}),
        ("£0.01", "", {"one penny"}),
        ("¥100", "", {"one hundred yen", "a hundred yen"}),
        ("$2bn", "", {"two billion dollars"}),
        ("$2", "million", {"two"}),
        ("10:30", "", {"ten thirty", "half past ten"}),
        ("8:45", "", {"eight forty five", "quarter to nine"}),
        ("14:00", "", {"fourteen hundred", "fourteen o'clock"}),
        ("9:05pm", "", {"nine oh five p m"}),
        ("12/25/2020", "", {"december twenty fifth twenty twenty", "twelve twenty five twenty twenty"}),
        ("1st", "", {"first", "the first"}),
        ("1990's", "", {"nineteen nineties"}),
        ("5'10", "", {"five foot ten", "five ten"}),
        ("10-15%", "", {"ten to fifteen percent"}),
        ("1914-18", "", {"nineteen fourteen to eighteen", "nineteen fourteen eighteen"}),
        ("555-0123", "", {"five five five oh one two three", "triple five oh one two three"}),
        ("3.1.2", "", {"three point one point two", "three dot one dot two"}),
    ],
)
def test_one_thing_has_its_ways(core: str, after: str, ways: set[str]) -> None:
    assert ways <= set(figure_forms(core, "", after))


@pytest.mark.parametrize("core", ["42", "25:00", "10:75", "2020-13-45x", "$3xy", "abc", ""])
def test_what_is_no_such_thing_has_none(core: str) -> None:
    assert figure_forms(core, "", "") == []


def test_fractions_are_parts_or_two_numbers() -> None:
    assert fraction_forms("3", "4")[0] == "three quarters"
    assert {"one half", "a half"} <= set(fraction_forms("1", "2"))
    assert fraction_forms("9", "11")[0] == "nine eleven"
    assert "twenty four over seven" in fraction_forms("24", "7")


def test_neighbours_are_one_code_by_their_lengths_and_zeros() -> None:
    assert is_group("555", "0123")
    assert is_group("(555)", "012-3456")
    assert not is_group("1905", "1914")
    assert not is_group("10", "20")
    assert not is_group("ten", "20")
    assert {"plus four four two oh", "plus forty four twenty"} <= set(code_forms("+44-20"))


def test_days_are_ranks() -> None:
    assert day_forms("5")[0] == "fifth"
    assert day_forms("45")[0] == "forty five"


def test_products_vary_one_part_at_a_time_first() -> None:
    assert first_products([["a", "b"], ["c", "d"]]) == [("a", "c"), ("b", "c"), ("a", "d"), ("b", "d")]
    assert len(first_products([["a", "b", "c"]] * 9)) == 32
