"""Who is let in, who waits, and how work ends early: without a socket."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from audio_lstm.errors import AudioError
from audio_lstm.serving.answers import ApiError
from audio_lstm.serving.config import ServeConfig
from audio_lstm.serving.decode_process import Upload
from audio_lstm.serving.job import JobCancelled
from audio_lstm.serving.service import Service
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.transcript import Transcript
from tests.serving.conftest import SMALL, Gate, speech, wav


@contextmanager
def opened(recogniser: SpeechRecogniser, config: ServeConfig = SMALL) -> Iterator[Service]:
    service = Service(config)
    service.open(recogniser, Decoding())
    try:
        yield service
    finally:
        service.cancel_jobs()
        service.close()


async def transcribed(
    service: Service, data: bytes, *, goes: asyncio.Event | None = None, seconds: float = 60, prompt: str = ""
) -> Transcript:
    """A request of a client that may go away, with its own time."""
    gone = asyncio.sleep(60) if goes is None else wait(goes)
    with service.admitted() as job, tempfile.TemporaryFile() as file:
        job.deadline = time.monotonic() + seconds
        file.write(data)
        return await service.transcribe(Upload(file, "a.wav"), prompt, job, gone)


async def wait(event: asyncio.Event) -> None:
    await event.wait()


def test_an_upload_becomes_a_transcript(recogniser: SpeechRecogniser) -> None:
    with opened(recogniser) as service:
        assert (service.state, service.language) == ("ready", "en")
        found = asyncio.run(transcribed(service, wav(speech())))
        assert (found.text, found.duration_s, found.model) == ("A", len(speech()) / 16_000, "hears-a")
        assert service.n_running == 0


def test_an_error_of_the_upload_leaves_the_worker_alive(recogniser: SpeechRecogniser) -> None:
    with opened(recogniser) as service:
        with pytest.raises(AudioError, match=r"^a\.wav: "):
            asyncio.run(transcribed(service, b"no recording"))
        with pytest.raises(AudioError, match=r"^audio: 10 samples at 16000 Hz is too short"):
            asyncio.run(transcribed(service, wav(speech()[:10])))
        assert asyncio.run(transcribed(service, wav(speech()))).text == "A"


def test_without_a_model_nobody_is_let_in() -> None:
    service = Service(SMALL)
    assert service.state == "loading"
    with pytest.raises(ApiError, match="the model is being loaded; try again soon") as caught, service.admitted():
        pass
    assert (caught.value.status, caught.value.retry_after_s) == (503, 1)
    service.close()


def test_while_it_drains_nobody_is_let_in(recogniser: SpeechRecogniser) -> None:
    with opened(recogniser) as service:
        service.draining = True
        assert service.state == "draining"
        for door in (service.admitted, service.admitted_live):
            with pytest.raises(ApiError, match="the server is stopping; ask another one") as caught, door():
                pass
            assert caught.value.status == 503


def test_where_all_places_are_taken_the_next_is_told_when_to_come_again(recogniser: SpeechRecogniser) -> None:
    with opened(recogniser) as service:
        with service.admitted(), service.admitted():
            busy = "the server is busy: 2 requests are being answered"
            with pytest.raises(ApiError, match=busy) as caught, service.admitted():
                pass
            assert caught.value.status == 429
            assert caught.value.retry_after_s is not None
            assert 1 <= caught.value.retry_after_s <= 60
        with service.admitted():
            assert service.n_running == 1
        with service.admitted_live():
            busy = "the server is busy: 1 live sessions are open"
            with pytest.raises(ApiError, match=busy) as caught, service.admitted_live():
                pass
            assert caught.value.status == 429
        assert service.n_running == 0


def test_a_request_that_runs_too_long_is_a_504(gated: SpeechRecogniser, gate: Gate) -> None:
    with opened(gated) as service:

        async def run() -> None:
            work = asyncio.ensure_future(transcribed(service, wav(speech(4))))
            await asyncio.to_thread(gate.entered.wait, 10)
            (job,) = service._jobs
            job.deadline = time.monotonic()
            gate.opened.set()  # the first phrase ends; the second is not begun
            with pytest.raises(ApiError, match=r"the request took longer than 20 s; send less at once") as caught:
                await work
            assert caught.value.status == 504

        asyncio.run(run())
        assert service.n_running == 0


def test_a_request_whose_turn_does_not_come_is_a_504(gated: SpeechRecogniser, gate: Gate) -> None:
    with opened(gated) as service:

        async def run() -> None:
            first = asyncio.ensure_future(transcribed(service, wav(speech())))
            await asyncio.to_thread(gate.entered.wait, 10)
            with pytest.raises(ApiError, match="the request took longer than"):
                await transcribed(service, wav(speech()), seconds=0.1)
            gate.opened.set()
            assert (await first).text == "A"

        asyncio.run(run())
        assert service.n_running == 0


def test_a_client_that_goes_ends_its_work_whether_it_runs_or_waits(gated: SpeechRecogniser, gate: Gate) -> None:
    with opened(gated) as service:

        async def run() -> None:
            goes = asyncio.Event()
            running = asyncio.ensure_future(transcribed(service, wav(speech(4)), goes=goes))
            await asyncio.to_thread(gate.entered.wait, 10)
            (job,) = service._jobs
            waiting = asyncio.ensure_future(transcribed(service, wav(speech()), goes=goes))
            await asyncio.sleep(0)
            goes.set()
            with pytest.raises(JobCancelled):
                await waiting
            while not job.given_up.is_set():
                await asyncio.sleep(0.01)
            gate.opened.set()
            with pytest.raises(JobCancelled):
                await running

        asyncio.run(run())
        assert service.n_running == 0


def test_work_that_is_given_up_when_the_server_stops_is_a_503(gated: SpeechRecogniser, gate: Gate) -> None:
    with opened(gated) as service:

        async def run() -> None:
            running = asyncio.ensure_future(transcribed(service, wav(speech(4))))
            await asyncio.to_thread(gate.entered.wait, 10)
            assert service.cancel_jobs() == 1
            gate.opened.set()
            with pytest.raises(ApiError, match="the server is stopping; ask another one"):
                await running

        asyncio.run(run())


def test_a_cancelled_task_ends_its_work(gated: SpeechRecogniser, gate: Gate) -> None:
    with opened(gated) as service:

        async def run() -> None:
            running = asyncio.ensure_future(transcribed(service, wav(speech(4))))
            await asyncio.to_thread(gate.entered.wait, 10)
            (job,) = service._jobs
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert job.given_up.is_set()
            gate.opened.set()

        asyncio.run(run())


def test_the_model_has_been_run_before_the_first_request(recogniser: SpeechRecogniser, gate: Gate) -> None:
    gate.opened.set()
    with opened(replace(recogniser, engine=gate)):
        assert gate.entered.is_set()


def test_the_prompts_words_are_preferred(recogniser: SpeechRecogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []
    with opened(recogniser) as service:
        loaded = service._open()
        monkeypatch.setattr(
            type(loaded.recognisers), "hearing", lambda self, prompt: (heard.append(prompt), self.plain)[1]
        )
        asyncio.run(transcribed(service, wav(speech()), prompt="B"))
    assert heard == ["B"]


def test_a_live_step_runs_in_a_thread(recogniser: SpeechRecogniser) -> None:
    import threading

    with opened(recogniser) as service:
        assert asyncio.run(service.live(lambda: threading.current_thread().name)).startswith("live")


def test_a_live_step_that_runs_out_is_an_error_and_not_a_wait_for_ever(recogniser: SpeechRecogniser) -> None:
    with opened(recogniser) as service, pytest.raises(RuntimeError, match="ran out of something"):
        asyncio.run(asyncio.wait_for(service.live(lambda: next(iter(()))), 20))
