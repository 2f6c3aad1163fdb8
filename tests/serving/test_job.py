"""A job ends when it is cancelled or its time is up, and takes the engine with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audio_lstm.serving.job import Job, JobCancelled, JobTimedOut, guarded
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.transcribe import transcribe
from tests.serving.conftest import speech


def test_a_job_goes_on_until_it_is_cancelled() -> None:
    job = Job.lasting(60)
    job.check()
    assert 59 < job.left_s <= 60
    job.cancel()
    with pytest.raises(JobCancelled, match="cancelled: nobody waits for it"):
        job.check()


def test_a_job_ends_at_its_deadline() -> None:
    job = Job.lasting(-1)
    assert job.left_s == 0
    with pytest.raises(JobTimedOut, match="out of time"):
        job.check()


def test_a_guarded_model_says_the_same_until_its_job_ends(recogniser: SpeechRecogniser) -> None:
    job = Job.lasting(60)
    audio = (speech(), 16_000)
    assert transcribe(audio, model=guarded(recogniser, job)) == transcribe(audio, model=recogniser)
    job.cancel()
    with pytest.raises(JobCancelled):
        transcribe(audio, model=guarded(recogniser, job))


def test_a_long_recording_stops_between_two_phrases(recogniser: SpeechRecogniser) -> None:
    class Counting:
        n_calls = 0

        def run(self, *arguments: object) -> object:
            self.n_calls += 1
            job.cancel()
            return recogniser.engine.run(*arguments)  # type: ignore[arg-type]

    job, engine = Job.lasting(60), Counting()
    model = guarded(replace(recogniser, engine=engine), job)  # type: ignore[arg-type]
    with pytest.raises(JobCancelled):
        transcribe((speech(4), 16_000), model=model)
    assert engine.n_calls == 1
