"""The result type: texts are joined from words, and everything in it can be written as JSON."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from audio_lstm.speech.transcript import Segment, Transcript, Word

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
    assert first["words"][0] == {"text": "GO", "start_s": 0.5, "end_s": 0.9, "confidence": 0.8}


def test_results_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TRANSCRIPT.model = "other"  # type: ignore[misc]
