"""What aligning returns, as a transcript, a table and JSON."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from audio_lstm.speech.aligning.alignment import AlignedCharacter, AlignedWord, Alignment, Stretch
from audio_lstm.speech.hearing.transcript import Transcript, Word

HI = AlignedWord("Hi,", 0.5, 1.0, 0.9, True, True, (AlignedCharacter("H", 0.5, 0.7, 1.0),))
FIVE = AlignedWord("5", 1.0, 1.5, 0.0, False, False, ())
LOST = AlignedWord("lost", None, None, 0.0, False, True, ())
LATE = AlignedWord("late", 3.0, 3.25, 0.5, True, True, ())
ALIGNMENT = Alignment((HI, FIVE, LOST, LATE), (Stretch(2.0, 2.5, 7),), 4.0, "tiny", -3.0)


def test_an_alignment_is_the_script_with_flags() -> None:
    assert ALIGNMENT.text == "Hi, 5 lost late"
    assert ALIGNMENT.matched_share == pytest.approx(2 / 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALIGNMENT.words = ()  # type: ignore[misc]


def test_the_transcript_has_the_words_with_times_and_parts_at_pauses() -> None:
    transcript = ALIGNMENT.to_transcript()
    assert [segment.words for segment in transcript.segments] == [
        (Word("Hi,", 0.5, 1.0, 0.9), Word("5", 1.0, 1.5, 0.0)),
        (Word("late", 3.0, 3.25, 0.5),),
    ]
    assert [(segment.start_s, segment.end_s) for segment in transcript.segments] == [(0.5, 1.5), (3.0, 3.25)]
    assert (transcript.duration_s, transcript.model, transcript.peak_db) == (4.0, "tiny", -3.0)
    assert Transcript.from_json(transcript.to_json()) == transcript
    assert "Hi, 5" in transcript.to_srt()
    assert 'text = "late"' in transcript.to_textgrid()


def test_the_table_has_a_line_a_word() -> None:
    assert ALIGNMENT.to_tsv().splitlines() == [
        "start_s\tend_s\tscore\tmatched\tword",
        "0.500\t1.000\t0.900\tyes\tHi,",
        "1.000\t1.500\t0.000\tno\t5",
        "-\t-\t0.000\tno\tlost",
        "3.000\t3.250\t0.500\tyes\tlate",
    ]


def test_the_dictionary_is_plain_json() -> None:
    silent = dataclasses.replace(ALIGNMENT, peak_db=-math.inf)
    values = json.loads(json.dumps(silent.to_dict(), allow_nan=False))
    assert values["words"][0]["characters"] == [{"text": "H", "start_s": 0.5, "end_s": 0.7, "score": 1.0}]
    assert values["words"][2]["start_s"] is None
    assert values["unscripted"] == [{"start_s": 2.0, "end_s": 2.5, "n_symbols": 7}]
    assert (values["matched_share"], values["peak_db"]) == (pytest.approx(2 / 3), None)


def test_an_empty_alignment_is_one_too() -> None:
    empty = Alignment((), (), 1.0, "tiny", 0.0)
    assert (empty.text, empty.matched_share, empty.to_transcript().segments) == ("", 0.0, ())
