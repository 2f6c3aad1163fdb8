"""Which of several spellings of a word a recording says, on made-up outputs of a model."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.speech.aligning import script_forms
from audio_lstm.speech.aligning.script import Script, ScriptWord, read_script
from audio_lstm.speech.aligning.script_forms import choose_forms
from audio_lstm.speech.text.alphabet import BLANK, ENGLISH


def outputs(text: str) -> NDArray[np.float32]:
    """A model that is sure of its letters, with a blank after each."""
    ids = [number for letter in ENGLISH.encode(text).tolist() for number in (letter, BLANK)]
    return np.log(np.eye(ENGLISH.size)[[BLANK, *ids]] * 0.98 + 0.0005).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("in 1905 and 555 0123", "IN NINETEEN OH FIVE AND FIVE FIVE FIVE OH ONE TWO THREE"),
        ("in 1905 and 555 0123", "IN ONE THOUSAND NINE HUNDRED AND FIVE AND TRIPLE FIVE ZERO ONE TWO THREE"),
        ("in 1905 and 555 0123", "IN NINETEEN O FIVE AND FIVE FIFTY FIVE OH ONE TWENTY THREE"),
        ("$3.50 please", "THREE FIFTY PLEASE"),
        ("$3.50 please", "THREE DOLLARS FIFTY PLEASE"),
        ("pay $2 million", "PAY TWO MILLION"),
        ("May 5 or 5 May", "MAY FIVE OR THE FIFTH OF MAY"),
        ("at 10:30 Dr. Who", "AT HALF PAST TEN DOCTOR WHO"),
        ("100 men", "A HUNDRED MEN"),
        ("half of 1/4", "HALF OF A QUARTER"),
        ("the FBI and NATO", "THE F B I AND NATO"),
        ("120 120", "ONE TWENTY ONE HUNDRED AND TWENTY"),
        ("1905", "NINETEEN OH FIVE"),
    ],
)
def test_the_way_that_is_said_is_chosen(text: str, heard: str) -> None:
    script = choose_forms(outputs(heard), read_script(text, ENGLISH))
    assert " ".join(script.units) == heard
    assert not any(word.others for word in script.words)


def test_what_is_said_beside_the_script_leads_to_no_wrong_choice() -> None:
    heard = "WELL IN THE YEAR EIGHTEEN O THREE OR SO MY DEAR FRIENDS"
    script = choose_forms(outputs(heard), read_script("the year 1803 東京 dear friends", ENGLISH))
    assert script.units == ("THE", "YEAR", "EIGHTEEN", "O", "THREE", "DEAR", "FRIENDS")


def test_words_that_nobody_says_keep_their_likeliest_way() -> None:
    script = read_script("yes 120 no", ENGLISH)
    for heard in ("YES NO", "SOMETHING ELSE"):
        assert choose_forms(outputs(heard), script).units == script.units
    assert choose_forms(np.zeros((0, ENGLISH.size), np.float32), script).units == script.units


def test_a_search_that_would_take_too_long_keeps_the_likeliest_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_forms, "_MAX_CELLS", 10)
    script = choose_forms(outputs("ONE TWENTY"), read_script("120", ENGLISH))
    assert script.units == ("ONE", "HUNDRED", "AND", "TWENTY")


def test_only_what_is_in_doubt_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    original = script_forms._search

    def watched(log_probs: NDArray[np.float32], words: list[ScriptWord], script: Script) -> list[int]:
        searched.append(len(words))
        return original(log_probs, words, script)

    monkeypatch.setattr(script_forms, "_search", watched)
    filler = "AND THEN WE WENT ON AND ON FOR A WHILE UNTIL WE CAME TO A HOUSE WHERE NOBODY LIVED "
    heard = f"{filler}ONE TWENTY {filler}TWELVE {filler}A HUNDRED {filler}".strip()
    text = f"{filler}120 {filler}12 {filler}100 {filler}"
    script = choose_forms(outputs(heard), read_script(text, ENGLISH))
    assert " ".join(script.units) == heard
    assert searched == [5, 5]  # TWELVE is heard at once
