"""Numbers in figures: a table of sentences that were really written, the kinds one by one, and what stays in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_lstm.speech.text.numerals import joined_letters, to_digits

TABLE = Path(__file__).with_name("numbers.tsv")  # from held-out books, news, blogs and recordings; commas part words


def figures(text: str) -> str:
    """A text with its numbers in figures; a comma parts the words beside it."""
    tokens = text.split()
    words = [token.rstrip(",") for token in tokens]
    parted = [False, *(token.endswith(",") for token in tokens[:-1])]
    written, place = [], 0
    for number in to_digits(words, parted[: len(words)]):
        written += [*words[place : number.start], number.text]
        place = number.end
    return " ".join([*written, *words[place:]])


def test_at_least_ninety_five_percent_of_the_table_are_right() -> None:
    rows = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]
    assert len(rows) == 300
    wrong = [(spoken, expected, figures(spoken)) for spoken, expected in rows if figures(spoken) != expected]
    assert len(wrong) <= 0.05 * len(rows), wrong


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("TWENTY FIVE PERCENT", "25 %"),
        ("FORTY TWO PER CENT", "42 %"),
        ("NINETEEN EIGHTY FOUR", "1984"),
        ("NINETEEN OH FIVE", "1905"),
        ("TWENTY TWENTY FOUR", "2024"),
        ("TWO THOUSAND AND FIVE", "2005"),
        ("FIVE FIVE FIVE OH ONE TWO THREE", "555 0123"),
        ("DOUBLE OH SEVEN", "007"),
        ("THREE DOLLARS AND FIFTY CENTS", "$3.50"),
        ("TWO MILLION DOLLARS", "$2 million"),
        ("NINETY NINE POINT NINE", "99.9"),
        ("ONE HUNDRED THOUSAND", "100,000"),
        ("TWENTY FIRST", "21st"),
        ("SIXTEEN HUNDRED", "1600"),
    ],
)
def test_a_number_is_written_as_people_write_it(spoken: str, written: str) -> None:
    assert figures(spoken) == written


IN_WORDS = """NO ONE CAME|ONE OF THEM|THE FIRST AND THE SECOND|A THOUSAND YEARS|SEVERAL HUNDRED|HALF PAST TWO|TWO THIRDS
A THIRD OF IT|SIX AND A HALF|TWO MEN|THOUSANDS|OH NO|"""


@pytest.mark.parametrize("text", IN_WORDS.replace("\n", "|").split("|"))
def test_what_is_better_read_in_words_stays(text: str) -> None:
    assert figures(text) == text


def test_a_mark_parts_two_numbers() -> None:
    assert figures("nineteen, eighty four") == "19 84"
    assert figures("five, five, five, oh") == "5 5 5 oh"


def test_one_two_three_is_counting_and_no_telephone_number() -> None:
    assert figures("one two three four") == "one two three four"
    assert figures("two one three four") == "2134"


def test_numbers_lie_in_order_and_apart() -> None:
    words = ["IN", "NINETEEN", "EIGHTY", "FOUR", "THE", "TWENTY", "FIRST", "OF", "MAY", "COST", "FIVE", "DOLLARS"]
    numbers = to_digits(words)
    assert [(number.start, number.end) for number in numbers] == [(1, 4), (5, 7), (10, 12)]
    assert to_digits([]) == ()


def test_as_many_breaks_as_words_are_wanted() -> None:
    with pytest.raises(ValueError, match="expected 2 values of separated"):
        to_digits(["ONE", "TWO"], [False])


def test_spelt_letters_are_joined_where_two_or_more_stand_together() -> None:
    assert [run.text for run in joined_letters(["M", "U", "S", "I", "C", "IS", "A", "JOY"])] == ["MUSIC"]
    assert joined_letters(["I", "AM", "A", "MAN"]) == ()
    assert joined_letters([]) == ()
