"""The result type: texts are joined from words, and everything in it can be written as JSON."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from audio_lstm.errors import DataError
from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word

WORDS = (Word("GO", 0.5, 0.9, 0.8), Word("ON", 1.0, 1.5, 0.9), Word("STOP", 21.0, 21.5, 0.7))
TRANSCRIPT = Transcript((Segment(0.0, 20.0, WORDS[:2]), Segment(20.0, 30.0, WORDS[2:])), 30.0, "tiny", -12.4)
SILENCE = Transcript((), 3.0, "tiny", -math.inf)


def test_texts_are_words_with_one_space_between() -> None:
    assert [segment.text for segment in TRANSCRIPT.segments] == ["GO ON", "STOP"]
    assert TRANSCRIPT.text == "GO ON STOP"
    assert TRANSCRIPT.words == WORDS
    assert (SILENCE.text, SILENCE.words) == ("", ())


def test_a_segment_without_words_leaves_no_double_space() -> None:
    empty = Segment(20.0, 20.5, ())
    transcript = dataclasses.replace(TRANSCRIPT, segments=(TRANSCRIPT.segments[0], empty, TRANSCRIPT.segments[1]))
    assert transcript.text == "GO ON STOP"


def test_loudness_is_said_in_words() -> None:
    assert TRANSCRIPT.loudness == "peak -12 dBFS"
    assert SILENCE.loudness == "digital silence"


def test_notes_and_the_levels_of_channels_go_to_json_and_back() -> None:
    noted = dataclasses.replace(TRANSCRIPT, notes=("1 page is missing", "damaged at 6.3 s"))
    noted = dataclasses.replace(noted, channel_peaks_db=(-12.4, -math.inf))
    assert Transcript.from_json(noted.to_json()) == noted
    assert json.loads(noted.to_json())["channel_peaks_db"] == [-12.4, None]
    assert not {"notes", "channel_peaks_db"} & set(json.loads(TRANSCRIPT.to_json()))


@pytest.mark.parametrize(("key", "value"), [("notes", "one"), ("notes", [1]), ("channel_peaks_db", [True])])
def test_notes_that_are_none_are_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(DataError, match=f"transcript.{key}: expected a list of"):
        Transcript.from_json(json.dumps({**TRANSCRIPT.to_dict(), key: value}))


@pytest.mark.parametrize("transcript", [TRANSCRIPT, SILENCE])
def test_the_dictionary_is_strict_json(transcript: Transcript) -> None:
    values = json.loads(json.dumps(transcript.to_dict(), allow_nan=False))
    assert values["text"] == transcript.text
    assert values["duration_s"] == transcript.duration_s
    assert values["model"] == "tiny"
    assert len(values["segments"]) == len(transcript.segments)


def test_segments_of_the_dictionary_hold_text_and_timed_words() -> None:
    first = TRANSCRIPT.to_dict()["segments"][0]
    assert first["text"] == "GO ON"
    assert (first["start_s"], first["end_s"]) == (0.0, 20.0)
    assert first["words"][0] == {"text": "GO", "start_s": 0.5, "end_s": 0.9, "confidence": 0.8, "spoken": "GO"}


def test_results_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TRANSCRIPT.model = "other"  # type: ignore[misc]


def test_json_brings_an_equal_transcript_back() -> None:
    for transcript in (TRANSCRIPT, SILENCE, dataclasses.replace(TRANSCRIPT, language="de")):
        assert Transcript.from_json(transcript.to_json()) == transcript
        assert Transcript.from_json(json.dumps({"file": "a.wav", **transcript.to_dict()})) == transcript


GOOD = TRANSCRIPT.to_dict()
WORD = GOOD["segments"][0]["words"][0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("{", r"transcript: not JSON \(Expecting .*\); pass what Transcript\.to_json wrote"),
        ("[" * 100_000, "transcript: not JSON"),
        ([], r"transcript: expected an object, got \[\]; pass what"),
        ({**GOOD, "segments": 3}, r"transcript\.segments: expected a list, got 3"),
        ({**GOOD, "segments": [3]}, r"transcript\.segments\[0\]: expected an object, got 3"),
        ({**GOOD, "duration_s": "3"}, r"transcript\.duration_s: expected a number in 0\.\.inf, got '3'"),
        ({**GOOD, "duration_s": math.nan}, r"transcript\.duration_s: expected a number in 0\.\.inf, got nan"),
        ({**GOOD, "duration_s": True}, r"transcript\.duration_s: expected a number in 0\.\.inf, got True"),
        ({**GOOD, "duration_s": -1}, r"transcript\.duration_s: expected a number in 0\.\.inf, got -1"),
        ({**GOOD, "model": None}, r"transcript\.model: expected a string, got None"),
        ({**GOOD, "peak_db": math.inf}, r"transcript\.peak_db: expected a finite number, got inf"),
        (
            {**GOOD, "segments": [{"start_s": 0, "end_s": 1, "words": [WORD, {**WORD, "end_s": 0.1}]}]},
            r"transcript\.segments\[0\]\.words\[1\]\.end_s: expected a number in 0\.5\.\.inf, got 0\.1",
        ),
        (
            {**GOOD, "segments": [{"start_s": 0, "end_s": 1, "words": [{**WORD, "confidence": 1.1}]}]},
            r"transcript\.segments\[0\]\.words\[0\]\.confidence: expected a number in 0\.\.1, got 1\.1",
        ),
        ({key: GOOD[key] for key in GOOD if key != "language"}, "transcript: no language; pass what"),
    ],
)
def test_what_is_no_transcript_is_refused_with_the_place(values: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Transcript.from_json(values if isinstance(values, str) else json.dumps(values))
