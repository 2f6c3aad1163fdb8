"""The tables of number words."""

from __future__ import annotations

from audio_lstm.speech.text import numeral_words


def test_every_word_is_in_lower_case_and_without_spaces() -> None:
    tables = [getattr(numeral_words, name) for name in numeral_words.__all__]
    words = [word for table in tables for word in table]
    assert len(words) > 150
    assert all(word == word.lower() and " " not in word for word in words)


def test_every_digit_and_magnitude_is_a_number_word() -> None:
    assert {*numeral_words.DIGITS, *numeral_words.MAGNITUDES} <= numeral_words.NUMBER_WORDS
