"""The work behind the routes: who is let in, what waits, which threads run, and how it all stops."""

from __future__ import annotations

import asyncio
import math
import queue
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from audio_lstm.serving.answers import ApiError
from audio_lstm.serving.config import ServeConfig
from audio_lstm.serving.decode_process import DecodeProcess, Upload
from audio_lstm.serving.hints import HintedRecognisers
from audio_lstm.serving.job import Job, JobCancelled, JobTimedOut, guarded
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser
from audio_lstm.speech.hearing.transcribe import transcribe
from audio_lstm.speech.hearing.transcript import Transcript
from audio_lstm.speech.sound.features import extract_features
from audio_lstm.speech.text.numerals import Numbers

__all__ = ["Service"]

_MOST_RETRY_S = 60
_FIRST_GUESS_S = 2.0  # how long a recording takes, before the first one is done
_GUESS_WEIGHT = 0.1  # of the newest
_WARM_UP_S = 1.0  # of noise

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Loaded:
    """What there is once the model is loaded."""

    recognisers: HintedRecognisers
    idle: queue.SimpleQueue[DecodeProcess]  # one for each worker


class Service:
    """One model and the limits under which it serves. But for `open`, `drain`, `close`: of the event loop's thread."""

    def __init__(self, config: ServeConfig) -> None:
        """Begin without a model: alive, not ready.

        Args:
            config: The limits.
        """
        self.config = config
        self.draining = False
        self.stopping = False  # live sessions end now
        self._loaded: _Loaded | None = None
        self._jobs: set[Job] = set()
        self._n_sessions = 0
        self._typical_s = _FIRST_GUESS_S
        self._workers = ThreadPoolExecutor(config.workers, thread_name_prefix="transcribe")
        self._live_workers = ThreadPoolExecutor(
            min(config.sessions, config.workers), thread_name_prefix="live"
        )  # of their own: a partial result must not wait for a whole recording

    def open(self, recogniser: SpeechRecogniser, decoding: Decoding) -> None:
        """Take up work; called from outside the event loop.

        Args:
            recogniser: A loaded model.
            decoding: With which it was loaded.
        """
        _warm_up(recogniser)
        idle: queue.SimpleQueue[DecodeProcess] = queue.SimpleQueue()
        for _ in range(self.config.workers):
            idle.put(DecodeProcess(max_memory_bytes=self.config.max_memory_bytes))
        self._loaded = _Loaded(HintedRecognisers(recogniser, decoding), idle)

    @property
    def state(self) -> str:
        """In a word: "loading", "ready" or "draining"."""
        if self.draining:
            return "draining"
        return "ready" if self._loaded else "loading"

    @property
    def n_running(self) -> int:
        """Requests and live sessions that are not done."""
        return len(self._jobs) + self._n_sessions

    @property
    def recogniser(self) -> SpeechRecogniser:
        """The model; ApiError while there is none."""
        return self._open().recognisers.plain

    @property
    def language(self) -> str:
        """What the model hears, as an IETF tag; ApiError while there is none."""
        return self.recogniser.config.language

    def _open(self) -> _Loaded:
        if self._loaded is None:
            raise ApiError(503, "the model is being loaded; try again soon", code="loading", retry_after_s=1)
        return self._loaded

    def _check_open(self) -> None:
        if self.draining:
            raise ApiError(503, "the server is stopping; ask another one", code="stopping", retry_after_s=5)
        self._open()

    @contextmanager
    def admitted(self) -> Iterator[Job]:
        """A place for one request, from before its upload until its answer.

        Yields:
            Its job, whose time runs.

        Raises:
            ApiError: 429 where all places are taken; 503 while there is no model or the server stops.
        """
        self._check_open()
        places = self.config.workers + self.config.queue
        if len(self._jobs) >= places:
            wait_s = math.ceil(self._typical_s * len(self._jobs) / self.config.workers)
            raise ApiError(
                429,
                f"the server is busy: {places} requests are being answered; try again later",
                code="queue_full",
                retry_after_s=min(max(1, wait_s), _MOST_RETRY_S),
            )
        job = Job.lasting(self.config.timeout_s)
        self._jobs.add(job)
        try:
            yield job
        finally:
            self._jobs.discard(job)

    @contextmanager
    def admitted_live(self) -> Iterator[None]:
        """A place for one live session.

        Raises:
            ApiError: 429 where all places are taken; 503 while there is no model or the server stops.
        """
        self._check_open()
        if self._n_sessions >= self.config.sessions:
            raise ApiError(
                429,
                f"the server is busy: {self.config.sessions} live sessions are open; try again later",
                code="sessions_full",
                retry_after_s=10,
            )
        self._n_sessions += 1
        try:
            yield
        finally:
            self._n_sessions -= 1

    async def transcribe(
        self,
        upload: Upload,
        prompt: str,
        job: Job,
        gone: Coroutine[Any, Any, None],
        *,
        numbers: Numbers | None = None,
    ) -> Transcript:
        """Decode and transcribe an upload in a worker thread.

        When the client goes, the time is up or the server stops, the work ends within a phrase. An upload that cannot
        be used is an AudioError.

        Args:
            upload: The recording; may be closed once this returns.
            prompt: Hints at what is said.
            job: The request's, from `admitted`.
            gone: Returns when the client has gone.
            numbers: How numbers are written; None: as the server does.

        Returns:
            The transcript.

        Raises:
            ApiError: 504 if the time is up, 503 if the server stops.
            JobCancelled: If the client has gone.
        """
        work = self._workers.submit(self._run, self._open(), upload, prompt, job, numbers)
        watch = asyncio.ensure_future(gone)
        try:
            return await self._awaited(work, watch, job)
        except JobTimedOut as error:
            limit = f"{self.config.timeout_s:g} s"
            raise ApiError(504, f"the request took longer than {limit}; send less at once", code="timeout") from error
        except JobCancelled as error:
            if watch.done():
                raise
            raise ApiError(503, "the server is stopping; ask another one", code="stopping", retry_after_s=5) from error
        finally:
            job.cancel()
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    @staticmethod
    async def _awaited(work: Future[Transcript], watch: asyncio.Future[None], job: Job) -> Transcript:
        """The work's result; work that nobody waits for any longer, or that takes too long, is ended first."""
        done = asyncio.wrap_future(work)
        waits: set[asyncio.Future[Any]] = {done, watch}
        await asyncio.wait(waits, timeout=job.left_s, return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            job.cancel()
        if work.cancel():  # its turn has not come
            job.check()
            raise JobTimedOut("out of time")
        return await asyncio.shield(done)  # it runs, and looks at its job

    def _run(
        self, loaded: _Loaded, upload: Upload, prompt: str, job: Job, numbers: Numbers | None = None
    ) -> Transcript:
        """In a worker thread: decode in another process, transcribe here."""
        start = time.monotonic()
        job.check()
        decoder = loaded.idle.get()
        try:
            rate = loaded.recognisers.plain.config.features.sample_rate
            with decoder.decoded(upload, job, sample_rate=rate, max_seconds=self.config.max_seconds) as found:
                recogniser = guarded(loaded.recognisers.hearing(prompt), job)
                # A second more: resampling rounds, and the limit has been checked.
                sound = (found.samples, rate)
                longest_s = self.config.max_seconds + 1
                transcript = transcribe(sound, model=recogniser, max_seconds=longest_s, numbers=numbers)
                notes = (*found.notes, *transcript.notes)
                return replace(transcript, notes=notes, channel_peaks_db=found.channel_peaks_db)
        finally:
            loaded.idle.put(decoder)
            self._typical_s += _GUESS_WEIGHT * (time.monotonic() - start - self._typical_s)

    async def live(self, work: Callable[[], Result]) -> Result:
        """Run a live session's step in a thread.

        Args:
            work: The step.

        Returns:
            Its result.
        """

        def step() -> Result:
            try:
                return work()
            except StopIteration as error:  # no future can carry it: whoever waits would wait for ever
                raise RuntimeError("a live session's step ran out of something") from error

        return await asyncio.get_running_loop().run_in_executor(self._live_workers, step)

    def cancel_jobs(self) -> int:
        """Let what runs end early.

        Returns:
            How many requests that concerns.
        """
        jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        return len(jobs)

    def close(self) -> None:
        """End threads and processes; nothing runs any more, or it has been cancelled."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._live_workers.shutdown(wait=True, cancel_futures=True)
        if self._loaded:
            for _ in range(self.config.workers):
                self._loaded.idle.get().close()


def _warm_up(recogniser: SpeechRecogniser) -> None:
    """Use a model once, past the detector that would keep noise from it: the first request is no slower than others."""
    features = recogniser.config.features
    noise = np.random.default_rng(0).normal(scale=0.01, size=round(_WARM_UP_S * features.sample_rate))
    log_probs, _ = recogniser.log_probs(extract_features(noise.astype(np.float32), features))
    recogniser.words(log_probs)
