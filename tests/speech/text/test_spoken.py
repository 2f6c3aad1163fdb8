"""Written text as people say it: the likeliest way, and all the others that a recording may hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet
from audio_lstm.speech.text.data import normalise_text
from audio_lstm.speech.text.spoken import as_spoken, fold_accents, spell_out, spoken_forms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in 1905, 1914 and 2005", "in nineteen oh five, nineteen fourteen and two thousand five"),
        ("1066 1900 2000 2024", "ten sixty six nineteen hundred two thousand twenty twenty four"),
        ("1,914 men", "one thousand nine hundred and fourteen men"),
        ("the 1990s, ’90s and 1840's", "the nineteen nineties, ’nineties and eighteen forties"),
        ("1914–1918", "nineteen fourteen to nineteen eighteen"),
        ("$3.50, $1 and $20 million", "three dollars and fifty cents, one dollar and twenty million dollars"),
        ("£5.01 €20 $0.99", "five pounds and one penny twenty euros ninety nine cents"),
        ("1st 2nd, 103rd", "first second, one hundred and third"),
        ("call 555 0123.", "call five five five oh one two three."),
        ("555-0123", "five five five oh one two three"),
        ("+1-800-555-0199", "plus one eight oh oh five five five oh one nine nine"),
        ("007", "oh oh seven"),
        ("20% 5 % 10-15%", "twenty percent five percent ten to fifteen percent"),
        ("3.14 -5 .5", "three point one four minus five zero point five"),
        ("1/2 3/4 5½ ½ 24/7", "one half three quarters five and a half one half twenty four seven"),
        ("at 10:30 or 8:05pm", "at ten thirty or eight oh five p m"),
        ("May 5, 25 December", "May fifth, the twenty fifth of December"),
        ("2020-12-25", "december twenty fifth twenty twenty"),
        ("an F-16, COVID-19, MP3", "an F sixteen, COVID nineteen, M P three"),
        ("5km 6 ft 30 °C", "five kilometers six feet thirty degrees celsius"),
        ("Mr. Ham & Mrs. Eggs", "mister Ham and missus Eggs"),
        ("No. 5 said no.", "number five said no."),
        ("St. Paul, Main St.", "saint Paul, Main street"),
        ("Henry VIII, World War II, Chapter I", "Henry the eighth, World War two, Chapter one"),
        ("(“1,234,”)", "(“one thousand two hundred and thirty four,”)"),
        ("I don’t know – it’s café life.", "I don’t know – it’s café life."),
        ("", ""),
    ],
)
def test_what_is_written_in_figures_is_spelled_out(text: str, expected: str) -> None:
    assert spell_out(text) == expected


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("1905", {"nineteen oh five", "nineteen o five", "one thousand nine hundred and five", "one nine zero five"}),
        ("120", {"one hundred and twenty", "one hundred twenty", "a hundred and twenty", "one twenty", "one two oh"}),
        ("555", {"five hundred and fifty five", "five five five", "triple five", "five fifty five"}),
        ("2500", {"two thousand five hundred", "twenty five hundred"}),
        ("2015", {"twenty fifteen", "two thousand and fifteen", "two thousand fifteen"}),
        ("$3.50", {"three dollars and fifty cents", "three dollars fifty", "three fifty"}),
        ("$100", {"one hundred dollars", "a hundred dollars", "one hundred"}),
        ("555-0123", {"five five five zero one two three", "triple five oh one two three"}),
        ("10:30", {"ten thirty", "half past ten"}),
        ("1/4", {"one quarter", "a quarter", "one fourth"}),
        ("VIII", {"VIII", "eight", "the eighth"}),
        ("0", {"zero", "oh", "nought"}),
    ],
)
def test_a_recording_may_choose_among_the_ways_to_say_it(text: str, ways: set[str]) -> None:
    (forms,) = spoken_forms([text])
    assert ways <= set(forms)
    assert len(forms) <= 32


def test_ways_are_kept_apart_word_by_word() -> None:
    forms = spoken_forms(["$3", "million", "(FBI)", "word"])
    assert [ways[0] for ways in forms] == ["three", "million dollars", "(FBI)", "word"]
    assert [ways[-1] for ways in forms] == ["three", "million", "(F B I)", "word"]
    assert spoken_forms(["THE", "FBI"]) == (("THE",), ("FBI",))  # all of it in capitals says nothing


def test_other_languages_have_their_numbers() -> None:
    assert spell_out("Um 21 Uhr.", language="de") == "Um einundzwanzig Uhr."
    assert spell_out("21 in a language without numbers", language="xx") == "21 in a language without numbers"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(alphabet="0123456789.,:/-+$%'’½²°()abkmpstIVXMr ", max_size=12) | st.text(max_size=8), max_size=6)
)
def test_any_text_has_ways(parts: list[str]) -> None:
    words = " ".join(parts).split()
    forms = spoken_forms(words)
    assert len(forms) == len(words)
    assert all(ways and all(ways) for ways in forms)
    for word, ways in zip(words, forms, strict=True):
        if word.isascii() and word.isdigit():
            assert all(character in ENGLISH for character in normalise_text(ways[0], ENGLISH)), (word, ways[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Smith said don’t", "MR SMITH SAID DON'T"),  # what can be written stays as it is
        ("Café No. 5 made $3 million.", "CAFE NUMBER FIVE MADE THREE MILLION DOLLARS"),
        ("‘Ærø’ & naïve Łódź", "AERO AND NAIVE LODZ"),
        ("Tokyo 東京 5", "TOKYO 東京 FIVE"),
        ("x²", "X SQUARED"),
        ("", ""),
    ],
)
def test_only_what_an_alphabet_cannot_write_is_spelled_out(text: str, expected: str) -> None:
    assert as_spoken(text, ENGLISH) == expected


def test_letters_and_figures_that_an_alphabet_has_stay() -> None:
    french = Alphabet((*"abcdefghijklmnopqrstuvwxyzé0123456789", " "))
    assert as_spoken("Café no 5 & ça", french, language="en") == "café no 5 and ca"
    assert fold_accents("Çé", french) == "Cé"
