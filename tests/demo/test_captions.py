"""Live captions: the WebSocket answers this page with every sample heard, and turns other pages away."""

from __future__ import annotations

import json
from typing import Any

import pytest
import soundfile

from audio_lstm.demo.captions import caption_service
from audio_lstm.demo.config import DemoConfig
from tests.demo.conftest import SAMPLES, Running

client = pytest.importorskip("websockets.sync.client", reason="websockets comes with the extra demo")


def spoken(url: str, origin: str | None) -> tuple[list[dict[str, Any]], int]:
    """What the server says to a recording, and how many samples were sent."""
    samples, rate = soundfile.read(SAMPLES / "digits.wav", dtype="int16")
    with client.connect(url.replace("http", "ws") + "/captions", origin=origin) as socket:
        socket.send(json.dumps({"sample_rate": rate, "format": "s16le"}))
        for start in range(0, len(samples), 2048):
            socket.send(samples[start : start + 2048].tobytes())
        socket.send(json.dumps({"type": "finish"}))
        return [json.loads(message) for message in socket], len(samples)


def test_words_come_while_somebody_speaks_and_no_sample_is_lost(running: Running) -> None:
    messages, n_samples = spoken(running.url, running.url)
    kinds = [message["type"] for message in messages]
    assert "partial" in kinds
    assert kinds[-1] == "transcript"
    assert "one" in messages[-1]["text"].lower()
    rate = soundfile.info(SAMPLES / "digits.wav").samplerate
    assert float(messages[-1]["duration"]) == pytest.approx(n_samples / rate, abs=0.001)


def test_a_page_of_another_origin_is_turned_away(running: Running) -> None:
    with pytest.raises(Exception, match=r"403|rejected"):
        spoken(running.url, "https://example.org")


def test_a_program_that_names_no_origin_may_speak(running: Running) -> None:
    assert spoken(running.url, None)[0][-1]["type"] == "transcript"


def test_the_limits_of_the_demo_are_those_of_its_captions() -> None:
    service = caption_service(DemoConfig(max_minutes=2, sessions=3, workers=1))
    assert (service.config.max_seconds, service.config.sessions) == (120, 3)
    service.close()
