"""The service over real sockets, asked by OpenAI's own client, curl-like clients and broken ones."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import httpx
import numpy as np
import openai
import pytest

import audio_lstm
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from tests.audio.encoders import speech_like, two_tracks
from tests.serving.conftest import SMALL, Gate, Running, Start, speech, tone, wav

TRANSCRIPTIONS = "/v1/audio/transcriptions"


def client(running: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0, timeout=30)


def post(running: Running, data: bytes, name: str = "a.wav", **fields: str) -> httpx.Response:
    return httpx.post(running.url + TRANSCRIPTIONS, files={"file": (name, data)}, data=fields, timeout=30)


def test_openais_client_gets_every_format(start: Start, recording: bytes) -> None:
    with start() as running:
        create = client(running).audio.transcriptions.create
        file = ("a.wav", recording)
        assert create(model="whisper-1", file=file).text == "A"
        assert create(model="hears-a", file=file, language="en", temperature=0.3, prompt="Ada").text == "A"
        assert create(model="hears-a", file=file, response_format="text") == "A\n"
        assert str(create(model="hears-a", file=file, response_format="srt")).startswith("1\n00:00:00,")
        assert str(create(model="hears-a", file=file, response_format="vtt")).startswith("WEBVTT")
        verbose = create(
            model="hears-a", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"]
        )
        assert (verbose.text, verbose.duration, verbose.language) == ("A", pytest.approx(2.2, abs=0.01), "english")
        assert verbose.segments is not None
        assert verbose.words is not None
        assert [word.word for word in verbose.words] == ["A"]
        assert [segment.text for segment in verbose.segments] == ["A"]
        plain = create(model="hears-a", file=file, response_format="verbose_json")
        assert plain.segments is not None
        assert plain.words is None


def test_openais_client_gets_events_where_it_streams(start: Start) -> None:
    with start() as running:
        create = client(running).audio.transcriptions.create
        events = list(create(model="hears-a", file=("a.wav", wav(speech(2))), stream=True))
        assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
        assert "".join(event.delta for event in events[:-1]) == events[-1].text == "A A"
        refused = post(running, wav(speech()), stream="true", response_format="srt")
        assert refused.status_code == 400
        assert refused.json()["error"]["message"] == "stream gives text alone, got response_format 'srt'"


def test_a_model_of_another_language_says_so(start: Start, recogniser: SpeechRecogniser, recording: bytes) -> None:
    german = replace(recogniser, config=replace(recogniser.config, language="de"))
    with start(SMALL, german) as running:
        for wanted in ("de", "German", "de-AT", ""):
            answer = post(running, recording, language=wanted, response_format="verbose_json")
            assert answer.json()["language"] == "german"
        refused = post(running, recording, language="en")
        assert refused.status_code == 400
        assert refused.json()["error"]["message"] == "the model hears the language 'de', got 'en'"


def test_openais_client_sees_the_model_and_the_errors_it_knows(start: Start, recording: bytes) -> None:
    with start() as running:
        asked = client(running)
        assert [model.id for model in asked.models.list()] == ["hears-a"]
        assert asked.models.retrieve("hears-a").object == "model"
        with pytest.raises(openai.NotFoundError, match="the model 'gpt-x' does not exist; this server has 'hears-a'"):
            asked.models.retrieve("gpt-x")
        with pytest.raises(openai.NotFoundError) as missing:
            asked.audio.transcriptions.create(model="gpt-x", file=("a.wav", recording))
        assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.BadRequestError, match=r"^Error code: 400 - .*a\.wav: ") as bad:
            asked.audio.transcriptions.create(model="hears-a", file=("a.wav", b"no recording"))
        assert (bad.value.code, bad.value.param, bad.value.type) == ("invalid_audio", "file", "invalid_request_error")


def test_a_sound_track_is_chosen_by_its_number(start: Start) -> None:
    note = "track 2 of 2 is heard, the default one; --track N (track=N) chooses another"
    film = two_tracks(speech_like(seconds=1), speech_like(seconds=2))
    with start() as running:
        default = post(running, film, "film.mkv", track="", response_format="verbose_json").json()
        assert (default["duration"], default["notes"]) == (pytest.approx(2, abs=0.1), [note])
        first = post(running, film, "film.mkv", track="1", response_format="verbose_json").json()
        assert first["duration"] == pytest.approx(1, abs=0.1)
        assert "notes" not in first
        missing = post(running, film, "film.mkv", track="3")
        assert missing.status_code == 400
        assert missing.json()["error"]["message"].startswith("film.mkv: has 2 sound tracks, got track 3")
        for wrong in ("0", "-1", "two", "1.5"):
            refused = post(running, film, "film.mkv", track=wrong)
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, "track")


def test_a_shipped_model_says_what_the_api_says(start: Start, repository: Path) -> None:
    sample = repository / "demos" / "samples" / "spelling.wav"
    recogniser = load_speech("an4")
    with start(SMALL, recogniser) as running:
        found = client(running).audio.transcriptions.create(model="an4", file=sample)
        assert found.text == audio_lstm.transcribe(sample, model=recogniser).text != ""


@pytest.mark.shared
def test_real_recordings_in_their_own_codings_are_what_the_api_says(start: Start, shared: Path) -> None:
    recogniser = load_speech("an4")
    files = []
    for corpus in ("an4", "cv13"):  # FLAC and Opus
        lines = (shared / "speech" / f"{corpus}.dev.jsonl").read_text("utf-8").splitlines()[:2]
        files += [shared / "speech" / json.loads(line)["audio"] for line in lines]
    with start(SMALL, recogniser) as running:
        for file in files:
            answer = post(running, file.read_bytes(), file.name)
            assert answer.json()["text"] == audio_lstm.transcribe(file, model=recogniser).text


def test_health_and_readiness_and_ids(start: Start) -> None:
    with start() as running:
        assert httpx.get(f"{running.url}/healthz").json() == {"status": "alive"}
        ready = httpx.get(f"{running.url}/readyz", headers={"x-request-id": "mine-1"})
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
        assert ready.headers["x-request-id"] == "mine-1"
        running.service.draining = True
        draining = httpx.get(f"{running.url}/readyz")
        assert (draining.status_code, draining.json()) == (503, {"status": "draining"})
        assert httpx.get(f"{running.url}/healthz").status_code == 200
        refused = post(running, b"x")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
        assert refused.headers["retry-after"] == "5"


def video_without_sound() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def lying_rate(rate: int) -> bytes:
    data = bytearray(wav(tone(0.5)))
    data[24:28] = rate.to_bytes(4, "little")
    return bytes(data)


BAD = {
    "empty": (b"", "a.wav: "),
    "text": (b"these are words, not a recording" * 20, "a.wav: "),
    "a video without sound": (video_without_sound(), "a.wav: the mp4 file holds no audio track; give one that has"),
    "a rate of 2 MHz": (lying_rate(2_000_000), "a.wav: a sample rate of 2000000 Hz is not one of sound"),
    "a rate of 4 GHz": (lying_rate(4_000_000_000), "a.wav: the wav file is damaged, cut short or in a codec that"),
    "a rate of 0": (lying_rate(0), "a.wav: "),
    "cut off": (wav(tone(2))[:30_000], "a.wav: the wav file is cut short (its header announces 64,044 bytes, 30,000"),
    "too long": (wav(tone(3)), "a.wav: announces 3 s of audio, more than the 2.5 s allowed"),
    "ten samples": (wav(speech()[:10]), "audio: 10 samples at 16000 Hz is too short to hear anything"),
}


def test_a_bad_recording_is_a_400_that_says_why_and_names_no_path(start: Start) -> None:
    assert len(BAD) > 8
    with start(replace(SMALL, max_seconds=2.5)) as running:
        for kind, (data, message) in BAD.items():
            answer = post(running, data)
            assert answer.status_code == 400, kind
            error = answer.json()["error"]
            assert error["message"].startswith(message), kind
            assert (error["code"], error["param"], error["type"]) == ("invalid_audio", "file", "invalid_request_error")
            assert "/tmp" not in error["message"]
            assert os.getcwd() not in error["message"]
        assert post(running, wav(speech())).json()["text"] == "A"


def test_what_is_there_of_a_cut_recording_can_be_asked_for(start: Start) -> None:
    with start() as running:
        answer = post(running, wav(tone(2))[:30_000], allow_truncated="true", response_format="verbose_json")
        assert answer.json()["duration"] == pytest.approx((30_000 - 44) / 2 / 16_000, abs=0.01)


WISHES = [
    ({"response_format": "xml"}, "response_format must be one of json, text, srt, vtt, ", "response_format"),
    ({"timestamp_granularities[]": "frame"}, "timestamp_granularities[] must be", "timestamp_granularities"),
    ({"language": "de"}, "the model hears the language 'en', got 'de'", "language"),
    ({"numbers": "roman"}, "numbers must be words or digits, got 'roman'", "numbers"),
    ({"allow_truncated": "yes"}, "allow_truncated must be one of false, true, got 'yes'", "allow_truncated"),
]


def test_a_request_may_have_its_numbers_in_figures_and_sees_what_was_heard(start: Start, repository: Path) -> None:
    sample = (repository / "demos" / "samples" / "control.wav").read_bytes()
    with start(model=load_speech("english-base")) as running:
        plain = post(running, sample, response_format="verbose_json").json()
        figures = post(running, sample, response_format="verbose_json", numbers="digits").json()
    assert (plain["text"], plain["spoken"]) == ("Enter sixty four.", "ENTER SIXTY FOUR")
    assert (figures["text"], figures["spoken"]) == ("Enter 64.", "ENTER SIXTY FOUR")
    assert [segment["text"] for segment in figures["segments"]] == ["Enter 64."]


def test_a_wrong_wish_is_a_400_that_names_the_field(start: Start) -> None:
    with start() as running:
        for fields, message, param in WISHES:
            answer = post(running, b"x", **fields)
            assert answer.status_code == 400
            assert answer.json()["error"]["message"].startswith(message)
            assert answer.json()["error"]["param"] == param


def test_wrong_types_methods_and_paths_have_openais_shape(start: Start) -> None:
    with start() as running:
        wrong = httpx.post(running.url + TRANSCRIPTIONS, json={"file": "x"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (415, "unsupported_media_type")
        raw = httpx.post(running.url + TRANSCRIPTIONS, content=b"RIFF", headers={"content-type": "audio/wav"})
        assert raw.status_code == 415
        assert httpx.get(running.url + TRANSCRIPTIONS).status_code == 405
        missing = httpx.post(f"{running.url}/v1/audio/translations")
        assert (missing.status_code, missing.json()["error"]["message"]) == (
            404,
            "Not Found: POST /v1/audio/translations",
        )
        empty = httpx.post(running.url + TRANSCRIPTIONS, files={"other": b"x"})
        assert (empty.status_code, empty.json()["error"]["param"]) == (400, "file")


def test_a_body_that_is_no_form_is_answered_and_nothing_else_is_said(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("python_multipart").setLevel(logging.NOTSET)
    headers = {"content-type": "multipart/form-data; boundary=X"}
    with start() as running:
        answer = httpx.post(running.url + TRANSCRIPTIONS, content=b"--X\r\nNo\xff: header\r\n--Y", headers=headers)
    assert answer.status_code == 400
    assert not [record for record in caplog.records if record.name.startswith("python_multipart")]


def test_two_gigabytes_are_refused_before_they_are_sent(start: Start) -> None:
    head = f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=X\r\n"
    with start() as running, running.send(f"{head}Content-Length: 2000000000\r\n\r\n".encode()) as connection:
        answer = b"".join(iter(lambda: connection.recv(4096), b""))  # until the server closes it
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
        assert b"larger than the 100 MB allowed" in answer


def test_a_large_upload_that_was_not_announced_is_refused_while_it_comes(start: Start) -> None:
    sent = 0

    def endless() -> object:
        nonlocal sent
        yield b'--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while sent < 2_000_000_000:
            sent += 1_000_000
            yield b"x" * 1_000_000

    with start(replace(SMALL, max_upload_bytes=1_000_000)) as running:
        headers = {"content-type": "multipart/form-data; boundary=X"}
        answer = httpx.post(running.url + TRANSCRIPTIONS, content=endless(), headers=headers, timeout=30)  # type: ignore[arg-type]
        assert answer.status_code == 413
        assert sent < 100_000_000


def n_open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_a_client_that_vanishes_in_its_upload_leaves_nothing(start: Start, recording: bytes) -> None:
    head = f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=X\r\n"
    part = b'Content-Length: 100000\r\n\r\n--X\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'
    with start() as running:
        post(running, recording)
        n_before = n_open_files()
        for _ in range(5):
            connection = running.send(head.encode() + part)
            running.until(lambda: running.service.n_running == 1)
            connection.close()
            running.until(lambda: running.service.n_running == 0)
        running.until(lambda: n_open_files() <= n_before)
        assert post(running, recording).json()["text"] == "A"


def test_an_upload_that_stalls_is_a_408(start: Start) -> None:
    head = f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=X\r\n"
    with (
        start(replace(SMALL, idle_s=0.2)) as running,
        running.send(f"{head}Content-Length: 100\r\n\r\n".encode()) as connection,
    ):
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_vanishes_while_it_waits_frees_its_place(
    start: Start, gated: SpeechRecogniser, gate: Gate
) -> None:
    with start(SMALL, gated) as running:
        body = httpx.Request("POST", running.url + TRANSCRIPTIONS, files={"file": ("a.wav", wav(speech(4)))})
        body.read()
        lines = "".join(f"{name}: {value}\r\n" for name, value in body.headers.items())
        head = f"POST {TRANSCRIPTIONS} HTTP/1.1\r\n{lines}\r\n".encode()
        connection = running.send(head + body.content)
        assert gate.entered.wait(10)
        connection.close()
        (job,) = running.service._jobs
        running.until(job.given_up.is_set)
        gate.opened.set()
        running.until(lambda: running.service.n_running == 0)


def test_a_full_queue_is_a_429_and_nobody_else_is_lost(
    start: Start, gated: SpeechRecogniser, gate: Gate, recording: bytes
) -> None:
    with start(SMALL, gated) as running, ThreadPoolExecutor(2) as clients:
        answers = [clients.submit(post, running, recording) for _ in range(2)]
        running.until(lambda: running.service.n_running == 2)
        with pytest.raises(openai.RateLimitError, match="the server is busy: 2 requests are being answered") as caught:
            client(running).audio.transcriptions.create(model="hears-a", file=("a.wav", recording))
        assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
        gate.opened.set()
        assert [answer.result().json()["text"] for answer in answers] == ["A", "A"]


def test_a_request_that_takes_too_long_is_a_504(start: Start, gated: SpeechRecogniser, gate: Gate) -> None:
    with start(replace(SMALL, timeout_s=0.6), gated) as running:
        threading.Timer(0.8, gate.opened.set).start()
        answer = post(running, wav(speech(4)))
        assert answer.status_code == 504
        assert answer.json()["error"]["message"] == "the request took longer than 0.6 s; send less at once"


def test_a_full_disk_is_a_507(start: Start, recording: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audio_lstm.serving.app.receive_form", full)
    with start() as running:
        answer = post(running, recording)
        assert answer.status_code == 507
        assert answer.json()["error"]["message"] == (
            "the server cannot store the upload (No space left on device); try again later"
        )


def test_a_mistake_of_ours_tells_the_client_nothing(
    start: Start, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("audio_lstm.serving.app.receive_form", broken)
    with start() as running:
        answer = post(running, recording)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert answer.json()["error"]["code"] == "internal_error"
        assert running.service.n_running == 0


def test_requests_one_after_the_other_share_a_connection(start: Start, recording: bytes) -> None:
    with start() as running, httpx.Client(base_url=running.url) as connection:
        for _ in range(3):
            answer = connection.post(TRANSCRIPTIONS, files={"file": ("a.wav", recording)})
            assert (answer.json()["text"], answer.headers.get("connection")) == ("A", None)


def test_what_openais_clients_and_others_send_is_understood(start: Start, recording: bytes) -> None:
    names = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize", "")
    names += ("gpt-4o-mini-transcribe-2025-12-15", "gpt-4o-mini-transcribe-latest")
    with start() as running:
        for name in names:
            answer = post(running, recording, model=name)
            assert (answer.status_code, answer.json().get("text")) == (200, "A"), name
        for name in ("gpt-4o", "whisper-2", "gpt-4o-transcribe-x"):
            assert post(running, recording, model=name).json()["error"]["code"] == "model_not_found"
        assert httpx.get(f"{running.url}/v1/models/gpt-4o-transcribe").json()["id"] == "hears-a"
        for language in ("auto", "AUTO", "en-US", "en_GB", "en_US.UTF-8", "English", "english (US)", " en ", ""):
            answer = post(running, recording, language=language)
            assert (answer.status_code, answer.json().get("text")) == (200, "A"), language
        fields = ("prompt", "response_format", "temperature", "stream", "timestamp_granularities[]", "allow_truncated")
        answer = post(running, recording, **dict.fromkeys(fields, ""))
        assert (answer.status_code, answer.json()["text"]) == (200, "A")


def test_a_recording_in_another_field_says_so(start: Start, recording: bytes) -> None:
    with start() as running:
        answer = httpx.post(running.url + TRANSCRIPTIONS, files={"audio": ("a.wav", recording)}, timeout=30)
        assert answer.status_code == 400
        message = "the form holds a file in the field 'audio'; send the recording in the field 'file'"
        assert answer.json()["error"]["message"] == message


def test_what_can_be_read_can_be_asked_for_without_its_body(start: Start) -> None:
    with start() as running:
        for path in ("/healthz", "/readyz", "/v1/models", "/v1/models/hears-a"):
            head, got = httpx.head(running.url + path), httpx.get(running.url + path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == str(len(got.content))
        assert httpx.head(f"{running.url}/v1/models/gpt-x").status_code == 404


def test_pages_of_an_origin_that_is_allowed_may_read_the_answers(start: Start, recording: bytes) -> None:
    allowed, other = {"origin": "https://example.org"}, {"origin": "https://example.com"}
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-stainless-os"}
    with start(replace(SMALL, allow_origins=("https://Example.org", "http://localhost:3000"))) as running:
        asked = httpx.options(running.url + TRANSCRIPTIONS, headers=allowed | ask)
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == "https://example.org"
        assert "x-stainless-os" in asked.headers["access-control-allow-headers"]
        assert httpx.options(running.url + TRANSCRIPTIONS, headers=other | ask).status_code == 400
        for status, file in ((200, recording), (400, b"x")):
            answer = httpx.post(running.url + TRANSCRIPTIONS, files={"file": ("a.wav", file)}, headers=allowed)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://example.org"
            assert "x-request-id" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-origin" not in httpx.get(f"{running.url}/healthz", headers=other).headers
    with start(replace(SMALL, allow_origins=("*",))) as running:
        assert httpx.get(f"{running.url}/readyz", headers=other).headers["access-control-allow-origin"] == "*"
    with start() as running:
        assert "access-control-allow-origin" not in httpx.get(f"{running.url}/healthz", headers=allowed).headers
