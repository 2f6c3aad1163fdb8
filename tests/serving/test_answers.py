"""OpenAI's shapes, and that its own client's types accept them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from openai.types.audio import TranscriptionVerbose

from audio_lstm.serving.answers import (
    FORMATS,
    ApiError,
    language_name,
    render,
    render_events,
    segment_to_dict,
    transcript_to_dict,
)
from audio_lstm.speech.hearing.transcript import Segment, Transcript, Word

WORDS = (Word("GOOD", 0.5, 0.9, 0.9), Word("DAY", 1.0, 1.25, 0.4))
TRANSCRIPT = Transcript((Segment(0.25, 1.5, WORDS),), 2.2051, "an4", -3.0)


def test_json_is_the_text_and_what_it_cost() -> None:
    answer = render(TRANSCRIPT, "json")
    assert json.loads(answer.body) == {"text": "GOOD DAY", "usage": {"type": "duration", "seconds": 3}}
    assert answer.media_type == "application/json"


def test_text_and_subtitles_are_plain() -> None:
    assert render(TRANSCRIPT, "text").body == "GOOD DAY\n"
    assert render(TRANSCRIPT, "srt").body == TRANSCRIPT.to_srt()
    assert "00:00:00,500 --> " in render(TRANSCRIPT, "srt").body
    assert render(TRANSCRIPT, "vtt").body == TRANSCRIPT.to_vtt()
    assert render(TRANSCRIPT, "vtt").body.startswith("WEBVTT")


def test_verbose_json_is_what_openais_types_expect() -> None:
    found = TranscriptionVerbose.model_validate_json(
        render(TRANSCRIPT, "verbose_json", ("segment", "word")).body, strict=True
    )
    assert (found.text, found.language, found.duration) == ("GOOD DAY", "english", 2.205)
    assert found.words is not None
    assert [(word.word, word.start, word.end) for word in found.words] == [("GOOD", 0.5, 0.9), ("DAY", 1.0, 1.25)]
    assert found.segments is not None
    (segment,) = found.segments
    assert (segment.id, segment.seek, segment.start, segment.end, segment.text) == (0, 25, 0.25, 1.5, "GOOD DAY")
    assert segment.avg_logprob == pytest.approx((math.log(0.9) + math.log(0.4)) / 2, abs=1e-4)


@pytest.mark.parametrize(("wanted", "there"), [((), set()), (("word",), {"words"}), (("segment",), {"segments"})])
def test_only_the_times_that_were_asked_for_are_there(wanted: tuple[str, ...], there: set[str]) -> None:
    assert {"words", "segments"} & set(transcript_to_dict(TRANSCRIPT, wanted)) == there


@pytest.mark.parametrize(
    ("language", "name"), [("en", "english"), ("de-CH", "german"), ("German", "german"), ("gsw", "gsw")]
)
def test_languages_have_openais_names(language: str, name: str) -> None:
    assert language_name(language) == name
    assert transcript_to_dict(replace(TRANSCRIPT, language=language))["language"] == name


def test_events_are_deltas_and_the_whole() -> None:
    twice = replace(TRANSCRIPT, segments=TRANSCRIPT.segments * 2)
    answer = render_events(twice)
    assert answer.media_type == "text/event-stream"
    events = [json.loads(block.removeprefix("data: ")) for block in answer.body.removesuffix("\n\n").split("\n\n")]
    assert [event.get("delta") for event in events] == ["GOOD DAY", " GOOD DAY", None]
    done = {"type": "transcript.text.done", "text": "GOOD DAY GOOD DAY", "usage": {"type": "duration", "seconds": 3}}
    assert events[-1] == done


def test_nothing_heard_is_an_empty_text_in_every_format() -> None:
    silent = Transcript((), 1.0, "an4", -math.inf)
    bodies = {name: render(silent, name, ("segment", "word")).body for name in FORMATS}
    assert json.loads(bodies["json"])["text"] == ""
    assert json.loads(bodies["verbose_json"])["segments"] == []
    assert bodies["text"] == "\n"
    assert bodies["vtt"].startswith("WEBVTT")
    assert bodies["srt"].strip() == ""


def test_a_word_without_any_confidence_has_a_finite_logarithm() -> None:
    segment = Segment(0, 1, (Word("A", 0, 1, 0.0),))
    assert segment_to_dict(3, segment)["avg_logprob"] == pytest.approx(math.log(1e-6), abs=1e-3)


def test_an_unknown_format_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="response_format must be one of json, text, srt, vtt, verbose_json, got 'x'"):
        render(TRANSCRIPT, "x")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (503, "server_error"), (504, "server_error")],
)
def test_errors_have_openais_shape(status: int, kind: str) -> None:
    error = ApiError(status, "no", code="c", param="p", retry_after_s=3)
    assert error.to_dict() == {"error": {"message": "no", "type": kind, "param": "p", "code": "c"}}
    assert error.headers == {"retry-after": "3"}
    assert ApiError(status, "no").headers == {}


def test_a_language_is_the_same_in_all_its_spellings() -> None:
    spellings = ("en", "EN", "en-US", "en_US", "en_GB.UTF-8", "English", " english (UK)")
    assert {language_name(spelling) for spelling in spellings} == {"english"}
    assert language_name("gsw-CH") == "gsw"
