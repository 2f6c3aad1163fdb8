"""Live audio over real WebSockets: the whole conversation, its limits, and clients that vanish or stall."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from socket import SHUT_RDWR
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.transcribe import transcribe
from tests.serving.conftest import SMALL, Running, Start, speech, tone

Live = Callable[..., Any]


@pytest.fixture
def running(start: Start, streaming: SpeechRecogniser) -> Iterator[Running]:
    with start(SMALL, streaming) as running:
        yield running


def opened(running: Running) -> ClientConnection:
    url = f"ws://127.0.0.1:{running.port}/v1/audio/stream"
    return connect(url, open_timeout=20, close_timeout=5, proxy=None)


def rest(socket: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """What comes until the server closes, and its close code."""
    messages = []
    try:
        while True:
            messages.append(json.loads(socket.recv(timeout=20)))
    except ConnectionClosed as closed:
        return messages, closed.rcvd.code if closed.rcvd else None


def test_a_conversation_ends_with_the_transcript(running: Running, streaming: SpeechRecogniser) -> None:
    samples = speech()
    with opened(running) as socket:
        socket.send(json.dumps({"sample_rate": 16_000, "format": "s16le"}))
        for start in range(0, len(samples), 3_200):
            socket.send(samples[start : start + 3_200].tobytes())
        socket.send(json.dumps({"type": "finish"}))
        messages, code = rest(socket)
    assert code == 1000
    assert messages[-1]["type"] == "transcript"
    assert messages[-1]["text"] == transcribe((samples, 16_000), model=streaming).text == "A"
    assert {"partial", "final"} == {message["type"] for message in messages[:-1]}
    running.until(lambda: running.service.n_running == 0)


def test_partials_come_while_the_client_speaks(running: Running) -> None:
    with opened(running) as socket:
        for _ in range(3):
            socket.send(speech().tobytes())
        message = json.loads(socket.recv(timeout=20))
        assert message["type"] == "partial"
        assert {"stable", "tentative"} < set(message)


@pytest.mark.parametrize("text", ["no json", "[]", '{"type": "stop"}', "[" * 100_000])
def test_a_message_that_makes_no_sense_ends_the_session(running: Running, text: str) -> None:
    with opened(running) as socket:
        socket.send(text)
        messages, code = rest(socket)
    assert code == 1007
    assert [message["type"] for message in messages] == ["error"]
    assert messages[0]["error"]["code"] == "invalid_message"
    assert messages[0]["error"]["message"].startswith('expected {"sample_rate": …, "format": …}, {"type": "finish"}')


def test_a_wrong_start_is_named(running: Running) -> None:
    with opened(running) as socket:
        socket.send(json.dumps({"type": "start", "format": "mp3"}))
        messages, code = rest(socket)
    assert (code, messages[0]["error"]["param"]) == (1007, "format")


def test_a_second_session_is_a_429_until_the_first_is_gone(running: Running) -> None:
    with opened(running) as first:
        first.send(tone(0.2).tobytes())
        with pytest.raises(InvalidStatus) as caught:
            opened(running)
        assert caught.value.response.status_code == 429
        assert caught.value.response.headers["retry-after"] == "10"
        assert json.loads(caught.value.response.body or b"")["error"]["code"] == "sessions_full"
    running.until(lambda: running.service.n_running == 0)
    with opened(running) as third:
        third.send(json.dumps({"type": "finish"}))
        assert rest(third)[0][-1]["type"] == "transcript"


def test_a_client_that_vanishes_leaves_nothing(running: Running) -> None:
    with opened(running) as socket:
        socket.send(tone(0.2).tobytes())
        running.until(lambda: running.service.n_running == 1)
        socket.socket.shutdown(SHUT_RDWR)  # no farewell
        running.until(lambda: running.service.n_running == 0)


def test_a_client_that_says_nothing_is_told_what_was_heard(start: Start, streaming: SpeechRecogniser) -> None:
    with start(replace(SMALL, idle_s=0.2), streaming) as running, opened(running) as socket:
        socket.send(speech().tobytes())
        messages, code = rest(socket)
    assert code == 1008
    assert messages[-1]["type"] == "transcript"
    (error,) = [message["error"] for message in messages if message["type"] == "error"]
    assert (error["code"], error["message"]) == ("idle_timeout", "nothing came for 0.2 s: the session ends")


def test_a_session_that_lasts_too_long_is_ended_with_its_transcript(start: Start, streaming: SpeechRecogniser) -> None:
    with start(replace(SMALL, max_seconds=1), streaming) as running, opened(running) as socket:
        socket.send(speech().tobytes())
        messages, code = rest(socket)
    assert (code, messages[-1]["duration"]) == (1008, 1.0)
    assert "session_too_long" in [message.get("error", {}).get("code") for message in messages]


def test_a_server_that_stops_says_what_was_heard(running: Running) -> None:
    with opened(running) as socket:
        socket.send(speech().tobytes())
        running.until(lambda: running.service.n_running == 1)
        running.service.stopping = True
        messages, code = rest(socket)
    assert (code, messages[-1]["type"]) == (1001, "transcript")
    assert "stopping" in [message.get("error", {}).get("code") for message in messages]


def test_a_message_of_more_than_the_socket_takes_closes_it(running: Running) -> None:
    with opened(running) as socket:
        with contextlib.suppress(ConnectionClosed):
            socket.send(bytes(20_000_000))
        assert rest(socket)[0] == []
    running.until(lambda: running.service.n_running == 0)


def test_samples_that_are_no_numbers_end_the_session(running: Running) -> None:
    with opened(running) as socket:
        socket.send(json.dumps({"format": "f32le"}))
        socket.send(np.full(100, np.nan, "<f4").tobytes())
        messages, code = rest(socket)
    assert (code, [message["type"] for message in messages]) == (1007, ["error"])
    assert messages[0]["error"]["code"] == "invalid_audio"
    assert messages[0]["error"]["message"].startswith("sample 0 of the stream is NaN or infinite")


def test_a_client_that_does_not_read_is_let_go(
    start: Start, streaming: SpeechRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audio_lstm.serving.live_session import LiveSession

    monkeypatch.setattr(LiveSession, "feed", lambda self, data: [{"type": "partial", "text": "x" * 1_000_000}] * 50)
    with (
        start(replace(SMALL, idle_s=0.5), streaming) as running,
        connect(
            f"ws://127.0.0.1:{running.port}/v1/audio/stream", open_timeout=20, close_timeout=1, max_queue=1
        ) as socket,
    ):
        socket.send(bytes(10))
        running.until(lambda: running.service.n_running == 1)
        running.until(lambda: running.service.n_running == 0)


def test_a_long_message_is_heard_with_partials_and_stops_with_the_server(running: Running) -> None:
    samples = speech(4)
    with opened(running) as socket:
        socket.send(samples.tobytes())  # in one message
        socket.send(json.dumps({"eof": 1}))  # as Vosk's clients end
        messages, code = rest(socket)
    assert code == 1000
    assert messages[-1]["duration"] == pytest.approx(len(samples) / 16_000, abs=0.01)
    assert len([message for message in messages if message["type"] == "partial"]) > 3


def test_a_container_and_an_unknown_key_are_named(running: Running) -> None:
    for message, code, text in (
        (b"\x1aE\xdf\xa3" + bytes(1000), "invalid_audio", "this is the beginning of a webm/mkv file; send raw samples"),
        (
            json.dumps({"samplerate": 8_000}),
            "invalid_message",
            "the start message has no key 'samplerate'; did you",
        ),
    ):
        with opened(running) as socket:
            socket.send(message)
            messages, status = rest(socket)
        assert (status, len(messages), messages[0]["error"]["code"]) == (1007, 1, code)
        assert messages[0]["error"]["message"].startswith(text)
        running.until(lambda: running.service.n_running == 0)
