"""Names of signs, units and abbreviations, and Roman numerals among words that look like them."""

from __future__ import annotations

import pytest

from audio_lstm.speech.text.spoken import spell_out
from audio_lstm.speech.text.spoken_words import ABBREVIATIONS, CURRENCIES, MONTHS, SIGNS, UNITS, roman_forms


@pytest.mark.parametrize(
    ("core", "before", "first"),
    [
        ("VIII", "Henry", "the eighth"),
        ("II", "War", "two"),
        ("I", "Chapter", "one"),
        ("XLIX", "chapter", "forty nine"),
        ("IV", "the", "IV"),
        ("V", "ACT", "five"),
    ],
)
def test_roman_numerals_are_ranks_after_names_and_numbers_after_chapter(core: str, before: str, first: str) -> None:
    ways = roman_forms(core, before)
    assert ways[0] == first
    assert core in ways


@pytest.mark.parametrize("before", ["PART", "CHAPTER", "WAR"])
def test_i_is_a_pronoun_before_a_numeral_where_text_is_in_capitals(before: str) -> None:
    assert roman_forms("I", before) == ("I", "one", "the first")
    assert spell_out(f"MY {before} I AM") == f"MY {before} I AM"


@pytest.mark.parametrize(
    ("core", "before"), [("I", "and"), ("MIX", "Henry"), ("IIII", "Part"), ("", "Part"), ("v", "")]
)
def test_what_is_no_numeral_has_no_ways(core: str, before: str) -> None:
    assert roman_forms(core, before) == ()


def test_every_name_is_said_in_letters() -> None:
    names = [way for table in (SIGNS, ABBREVIATIONS, UNITS) for ways in table.values() for way in ways]
    names += [name for whole, part in CURRENCIES.values() for name in (*whole, *part)]
    assert len(names) > 150
    assert all(name.replace(" ", "").isalpha() for name in names if name)
    assert len(set(MONTHS.values())) == 12
