"""The tunes of an ABC file: found among text, in any encoding, and picked by number or title."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.abc.book import abc_tunes, is_abc, pick_tune
from audio_lstm.music.files.abc.text import abc_to_score

BOOK = b"""%abc-2.1
M:3/4
L:1/4

Dear friend, here are my tunes.

X:1
T:Cooley's
K:G
CDE|

And one more: it goes like this.

X:12
T:The Banshee
K:C
M:4/4
CDEF|

X:13
T:The Banshee's Wail
K:C
C|
"""


def test_text_stands_around_the_tunes_and_the_header_holds_for_all() -> None:
    assert [tune.name for tune in abc_tunes(BOOK)] == ["X:1 Cooley's", "X:12 The Banshee", "X:13 The Banshee's Wail"]
    score = abc_to_score(BOOK, "1")
    assert (score.n_notes, score.end_ticks) == (3, 3 * 480)
    assert score.time_signatures[0].numerator == 3
    assert abc_to_score(BOOK, "the banshee").time_signatures[0].numerator == 4


def test_a_tune_is_named_by_its_number_or_title() -> None:
    tunes = abc_tunes(BOOK)
    for wanted, number in (("12", "12"), ("X:13", "13"), ("cooley", "1"), ("The Banshee", "12"), (None, "1")):
        assert pick_tune(tunes, wanted).number == number
    with pytest.raises(
        ScoreError, match=r"no tune 'polka' among its 3 tunes \(X:1 Cooley's, X:12 The Banshee, .*name one"
    ):
        pick_tune(tunes, "polka")
    with pytest.raises(ScoreError, match="'banshee' names 2 tunes"):
        pick_tune(tunes, "banshee")


@pytest.mark.parametrize(
    "data",
    [
        *(BOOK, b"  X:1\n K:C\nC", b"Here are my tunes.\n\nX:1\nK:C\nC", b"\r\rX:1\rK:C\rC", b"M:3/4\nK:C\nC"),
        "\ufeffX:1\nK:C\nC".encode(),
        "X:1\nK:C\nC".encode("utf-16"),
        b"T:No number\nK:C\nC",
    ],
)
def test_abc_is_recognised_however_it_begins(data: bytes) -> None:
    assert is_abc(data)
    assert abc_to_score(data).n_notes >= 1


def test_other_texts_and_files_are_no_abc() -> None:
    for data in (b"MThd\nX:1\nK:C", b"<html>\nX:1\nK:C", b"", b"hello\nX:1 of many", b"K:C\nhello", b"Dear,\nK: no"):
        assert not is_abc(data)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16"])
def test_titles_are_read_in_any_encoding(encoding: str) -> None:
    assert abc_tunes("X:1\nT:Br\u00e4nnvin\nK:C\nC".encode(encoding))[0].title == "Br\u00e4nnvin"


def test_the_encoding_that_the_file_names_counts() -> None:
    data = "X:1\nI:abc-charset iso-8859-2\nT:P\u0159\u00edtel\nK:C\nC".encode("iso-8859-2")
    assert abc_tunes(data)[0].title == "P\u0159\u00edtel"


def test_a_file_without_a_tune_is_refused() -> None:
    with pytest.raises(ScoreError, match="there is no ABC tune in it; a tune begins with X:1 and has a K:"):
        abc_tunes(b"\n\n")
