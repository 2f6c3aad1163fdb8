"""Bytes of PCM in any rate, format and chunks become the same messages."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from audio_lstm.audio.files import resample
from audio_lstm.errors import AudioError
from audio_lstm.serving.answers import ApiError
from audio_lstm.serving.live_session import LiveSession
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.transcribe import transcribe
from tests.serving.conftest import speech

Open = Callable[..., LiveSession]


@pytest.fixture
def opened(streaming: SpeechRecogniser) -> Open:
    def session(max_seconds: float = 60) -> LiveSession:
        return LiveSession(streaming, max_seconds=max_seconds)

    return session


def everything(session: LiveSession, data: bytes, size: int) -> list[dict[str, Any]]:
    messages = []
    for start in range(0, len(data), size):
        messages += session.feed(data[start : start + size])
    return messages + session.finish()


def test_the_last_message_is_the_transcript_of_the_whole(opened: Open, streaming: SpeechRecogniser) -> None:
    samples = speech()
    *others, last = everything(opened(), samples.tobytes(), 3_201)
    whole = transcribe((samples, 16_000), model=streaming)
    assert last["type"] == "transcript"
    assert (last["text"], last["duration"], last["language"]) == (whole.text, 2.205, "english")
    assert [word["word"] for word in last["words"]] == [word.text for word in whole.words]
    kinds = [message["type"] for message in others]
    assert set(kinds) == {"partial", "final"}


def test_each_segment_is_told_once_and_as_in_the_transcript(opened: Open) -> None:
    pause = np.zeros(48_000, np.int16)
    samples = np.concatenate([speech(2), pause])
    *others, last = everything(opened(), samples.tobytes(), 6_400)
    finals = [message for message in others if message["type"] == "final"]
    assert [{**segment, "type": "final"} for segment in last["segments"]] == [
        {name: value for name, value in final.items() if name != "words"} for final in finals
    ]
    assert [final["id"] for final in finals] == list(range(len(finals)))
    assert [word for final in finals for word in final["words"]] == last["words"]


@pytest.mark.parametrize("size", [1_999, 50_000])
def test_the_transcript_does_not_depend_on_the_chunks(opened: Open, size: int) -> None:
    data = speech().tobytes()
    assert everything(opened(), data, size)[-1] == everything(opened(), data, 3_200)[-1]


def test_what_is_stable_stays_and_partials_are_told_when_they_change(opened: Open) -> None:
    messages = everything(opened(), speech().tobytes(), 3_200)
    partials = [(m["stable"], m["tentative"]) for m in messages if m["type"] == "partial"]
    assert partials
    assert all(one != two for one, two in itertools.pairwise(partials))


def test_floats_say_the_same(opened: Open) -> None:
    samples = speech()
    session = opened()
    session.start({"format": "f32le"})
    found = everything(session, (samples.astype("<f4") / 32768).tobytes(), 4_001)[-1]
    assert found == everything(opened(), samples.tobytes(), 3_200)[-1]


def test_another_rate_is_resampled_to_the_same_length(opened: Open, streaming: SpeechRecogniser) -> None:
    samples = np.repeat(speech(), 3)
    session = opened()
    session.start({"sample_rate": 48_000, "format": "s16le"})
    found = everything(session, samples.tobytes(), 7_000)[-1]
    whole = transcribe((resample(samples, 48_000, 16_000), 16_000), model=streaming)
    assert (found["text"], found["duration"]) == (whole.text, 2.205)
    assert session.heard_s == 2.205


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"sample_rate": 100}, "sample_rate must be a whole number of Hz from 4,000 to 192,000, got 100"),
        ({"sample_rate": "16000"}, "sample_rate must be a whole number of Hz"),
        ({"sample_rate": True}, "sample_rate must be a whole number of Hz"),
        ({"format": "mp3"}, "format must be s16le or f32le, got 'mp3'"),
        ({"format": ["s16le"]}, "format must be s16le or f32le"),
        ({"sample_rate": 16000.5}, "sample_rate must be a whole number of Hz"),
        ({"sampleRate": 100}, "sample_rate must be a whole number of Hz"),
        ({"samplerate": 16000}, "the start message has no key 'samplerate'; did you mean sample_rate?"),
        ({"channels": 2}, "the start message has no key 'channels'; it has sample_rate and format"),
        ({"x" * 1000: 2}, "the start message has no key 'x{40}'; it has sample_rate and format"),
        ({"words": True}, "the start message has no key 'words'"),
        ({"config": {"sample_rate": 8000, "phrase_list": ["A"]}}, "the start message has no key 'phrase_list'"),
        ({"config": 3}, "config must be an object, got 3"),
        ({"sample_rate": 8000, "sampleRate": 16000}, "sample_rate is there twice, 8000 and 16000"),
        ({"sample_rate": 8000, "config": {"sample_rate": 16000}}, "sample_rate is there twice, 8000 and 16000"),
    ],
)
def test_a_wrong_start_is_refused(opened: Open, message: dict[str, Any], expected: str) -> None:
    with pytest.raises(ApiError, match=expected) as caught:
        opened().start(message)
    assert caught.value.status == 400


def test_a_start_after_the_first_samples_is_refused(opened: Open) -> None:
    session = opened()
    session.feed(b"\0")
    with pytest.raises(ApiError, match="the start message came after the first samples; send it first"):
        session.start({})


def test_samples_that_are_not_finite_are_refused(opened: Open) -> None:
    session = opened()
    session.start({"format": "f32le"})
    with pytest.raises(AudioError, match="sample 0 of the stream is NaN or infinite"):
        session.feed(np.full(100, np.nan, "<f4").tobytes())


def test_a_session_that_lasts_too_long_keeps_what_was_within(opened: Open) -> None:
    session = opened(max_seconds=1.0)
    session.feed(speech()[:12_000].tobytes())
    with pytest.raises(ApiError, match="a session may last 1 s; open another one") as caught:
        session.feed(speech()[:12_000].tobytes())
    assert caught.value.status == 413
    assert session.heard_s == 1.0
    assert session.finish()[-1]["duration"] == 1.0


def test_a_session_without_a_sample_has_an_empty_transcript(opened: Open) -> None:
    assert opened().finish()[-1]["text"] == ""


def test_a_model_that_reads_whole_phrases_is_heard_too(recogniser: SpeechRecogniser) -> None:
    samples = speech()
    last = everything(LiveSession(recogniser, max_seconds=60), samples.tobytes(), 3_200)[-1]
    assert last["text"] == transcribe((samples, 16_000), model=recogniser).text


@pytest.mark.parametrize(
    "message",
    [
        {"type": "start", "sample_rate": 48_000},
        {"sample_rate": 48_000.0},
        {"sampleRate": 48_000, "format": "s16le"},
        {"config": {"sample_rate": 48_000, "words": True}},
        {"type": "start", "config": {"sampleRate": 48_000}, "format": "s16le"},
    ],
)
def test_a_start_is_understood_in_several_spellings(opened: Open, message: dict[str, Any]) -> None:
    session = opened()
    session.start(message)
    session.feed(bytes(96_000))
    assert session.heard_s == 1.0


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01", "webm/mkv"),
        (b"OggS\0\2\0\0\0\0\0\0\0\0", "ogg"),
        (b"\0\0\0\x1cftypiso5", "mp4"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt ", "wav"),
        (b"fLaC\0\0\0\x22\x10\0\x10\0", "flac"),
        (b"ID3\3\0\0\0\1\0\0", "mp3"),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_file_is_named_where_samples_are_expected(opened: Open, head: bytes, name: str, size: int) -> None:
    session = opened()
    data = head + bytes(100)
    with pytest.raises(ApiError, match=rf"this is the beginning of a {name} file; send raw samples, mono, s16le or"):
        everything(session, data, size)


def test_samples_are_no_file_whatever_they_begin_with(opened: Open) -> None:
    generator = np.random.default_rng(0)
    for samples in (np.full(500, -1), np.full(500, -5), generator.integers(-9, 9, 500), np.arange(500)):
        opened().feed(samples.astype("<i2").tobytes())


def test_a_long_message_is_taken_apart_and_nothing_of_it_is_lost(opened: Open) -> None:
    session = opened()
    data = speech(2).tobytes() + b"\0"
    steps = list(session.steps(data))
    assert b"".join(steps) == data
    assert max(map(len, steps)) == 32_000
    assert list(session.steps(b"")) == [b""]
