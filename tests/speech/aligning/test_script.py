"""Scripts: what the model writes for each word, and what it cannot write."""

from __future__ import annotations

import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.aligning.script import ScriptWord, read_script
from audio_lstm.speech.text.alphabet import ENGLISH, Alphabet


def test_words_keep_their_looks_and_have_the_models_letters() -> None:
    script = read_script("Don’t stop,\nroute 66 is twenty-one miles!", ENGLISH)
    assert [(word.text, word.units) for word in script.words] == [
        ("Don’t", ("DON'T",)),
        ("stop,", ("STOP",)),
        ("route", ("ROUTE",)),
        ("66", ("SIXTY", "SIX")),
        ("is", ("IS",)),
        ("twenty-one", ("TWENTY", "ONE")),
        ("miles!", ("MILES",)),
    ]
    assert script.units == ("DON'T", "STOP", "ROUTE", "SIXTY", "SIX", "IS", "TWENTY", "ONE", "MILES")
    assert "".join(script.symbols) == "DON'TSTOPROUTESIXTYSIXISTWENTYONEMILES"
    assert script.words[3].others == (("SIX", "SIX"), ("DOUBLE", "SIX"))
    assert [ENGLISH.decode(ids) for ids in script.ids] == list(script.units)


def test_marks_that_stand_alone_belong_to_a_word() -> None:
    words = read_script("– « Hello – world ! »", ENGLISH).words
    assert words == (ScriptWord("– « Hello –", ("HELLO",)), ScriptWord("world ! »", ("WORLD",)))


def test_pieces_are_written_without_their_space_and_a_space_alone_is_none() -> None:
    pieces = Alphabet((" A", " AB", "C", "A", "B", " "))
    script = read_script("abc cab", pieces)
    assert script.symbols == ("AB", "C", "C", "A", "B")
    assert [ids.tolist() for ids in script.ids] == [[2, 3], [3, 4, 5]]


@pytest.mark.parametrize("text", ["", " \n", "– ! …"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="the text to align holds no words; check that it is the right file"):
        read_script(text, ENGLISH)


def test_a_text_that_the_model_cannot_write_is_refused() -> None:
    with pytest.raises(DataError, match=r"can write none of the text's 2 words \(the first: '東京'\); check that"):
        read_script("東京 мир", ENGLISH)


def test_accents_that_the_model_lacks_are_left_out_and_signs_are_said() -> None:
    words = read_script("“Café” naïve Ærø & ‘yes’ 5 %", ENGLISH).words
    assert [word.units for word in words] == [
        ("CAFE",), ("NAIVE",), ("AERO",), ("AND",), ("YES",), ("FIVE",), ("PERCENT",)
    ]  # fmt: skip
    french = Alphabet((*"ABCDEFGHIJKLMNOPQRSTUVWXYZÉ", " "))
    assert read_script("café ça", french).units == ("CAFÉ", "CA")


def test_a_script_knows_where_its_unwritable_words_stand() -> None:
    assert [word.is_guess for word in read_script("five 5 & café Mr. FBI", ENGLISH).words] == [0, 1, 1, 1, 0, 0]
    script = read_script("мир twenty-one 東京 мир yes", ENGLISH)
    assert script.has_unwritable.tolist() == [True, False, True, False]
