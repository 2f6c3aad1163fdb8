"""Many recordings at once: transcripts beside each other in a folder, by several processes, to be resumed.

    summary = transcribe_files(["talks"], "transcripts", formats=("srt", "json"), config=BatchConfig(n_workers=4))

Each recording is transcribed by itself, so that what is written depends on neither the number of workers nor the
other recordings.
"""

from __future__ import annotations

import contextlib
import os
import queue
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from audio_lstm.atomic import remove_leftovers
from audio_lstm.audio.files import DEFAULT_MAX_SECONDS
from audio_lstm.errors import AudioLSTMError, ConfigError
from audio_lstm.speech.batch.inputs import Job, check_outputs, find_recordings, plan_jobs
from audio_lstm.speech.batch.process import FileOutcome, TranscriberProcess, WorkerSettings
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.formats import parse_formats
from audio_lstm.speech.hearing.recogniser import DEFAULT_MODEL

__all__ = ["BatchConfig", "BatchProgress", "BatchSummary", "FileOutcome", "transcribe_files"]


@dataclass(frozen=True)
class BatchConfig:
    """How a batch is worked off."""

    n_workers: int = 1  # processes, a core and about 200 MB each
    force: bool = False  # do finished files again
    device: str = "cpu"  # "cpu" or "cuda"
    max_seconds: float = DEFAULT_MAX_SECONDS  # refuse recordings that decode to more than this
    allow_truncated: bool = False  # take what can be read of files that are damaged or break off
    track: int | None = None  # which sound track of films, counted from 1; None: the default one

    def __post_init__(self) -> None:
        if self.n_workers < 1:
            raise ConfigError(f"n_workers must be at least 1, got {self.n_workers}")
        if self.track is not None and self.track < 1:
            raise ConfigError(f"tracks are counted from 1, got {self.track}")
        if not self.max_seconds > 0:
            raise ConfigError(f"max_seconds must be above 0, got {self.max_seconds}")


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is."""

    n_done: int  # files, failures included
    n_files: int  # to be done in this run
    audio_s: float  # seconds of audio heard, of files that are not done too
    wall_s: float  # seconds since the start
    left_s: float | None  # estimate from the files' sizes; None before there is anything to go by

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of work per second of audio; None before there is any."""
        return self.wall_s / self.audio_s if self.audio_s else None


@dataclass(frozen=True)
class BatchSummary:
    """What became of a batch."""

    n_files: int  # found
    n_skipped: int  # finished before this run
    n_silent: int  # transcribed in this run, but nothing is said in them
    failures: tuple[FileOutcome, ...]
    audio_s: float  # seconds of audio transcribed in this run
    wall_s: float  # seconds that it took
    notes: tuple[str, ...] = ()  # a line each on inputs that were passed over, or taken in an old way

    @property
    def n_transcribed(self) -> int:
        """Files whose transcripts were written in this run."""
        return self.n_files - self.n_skipped - len(self.failures)

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of work per second of audio, all workers together; None if nothing was transcribed."""
        return self.wall_s / self.audio_s if self.audio_s else None


def transcribe_files(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    formats: str | Sequence[str] = ("txt",),
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    decoding: Decoding | None = None,
    config: BatchConfig | None = None,
    report: Callable[[FileOutcome | None, BatchProgress], None] | None = None,
) -> BatchSummary:
    """Transcribe many recordings into a folder.

    Examples:
        >>> import audio_lstm
        >>> audio_lstm.transcribe_files("talks", "transcripts", formats=("srt", "json")).n_transcribed
        2

    Every file is written whole or not at all. A recording whose files are all there is passed over, so that a batch
    that was stopped is resumed by the same call. One that fails, even if it brings its process down, is reported and
    the others go on. Inputs that cannot be understood, two recordings with the same output, outputs that cannot be
    written and unknown formats are a DataError or ConfigError before anything is done; so is a model that cannot be
    loaded.

    Args:
        inputs: Files, folders, patterns, lists (see `find_recordings`), or one of them.
        out: The folder to write to; it keeps the tree below the folders that were passed.
        formats: "txt", "srt", "vtt", "tsv", "json", "textgrid".
        model: A shipped model's name, a model folder, or a hub id.
        decoding: As for `transcribe`; a language model must be given by its name or file.
        config: Number of workers and limits; None takes the defaults.
        report: Called after each recording, in the order in which they end, and with None about once a second while a
            long one is being heard.

    Returns:
        Counts, and the failures sorted by path.

    Raises:
        AudioLSTMError: If the disk takes no more files; those that were written stay.
    """
    config = config or BatchConfig()
    items = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    notes: list[str] = []
    jobs = plan_jobs(find_recordings(items, notes.append), Path(out), parse_formats(formats))
    to_do = [job for job in jobs if config.force or not job.is_finished]
    settings = WorkerSettings(
        os.fspath(model), config.device, decoding, config.max_seconds, config.allow_truncated, config.track
    )
    check_outputs(to_do)
    remove_leftovers(file for job in to_do for file in job.outputs.values())  # of a batch that was killed
    tally = _Tally(to_do)
    with contextlib.closing(_work(to_do, settings, min(config.n_workers, len(to_do)))) as outcomes:
        for news in outcomes:
            if isinstance(news, FileOutcome) and news.ends_batch:
                done = f"stopped after {tally.progress().n_done} of {len(to_do)} files"
                raise AudioLSTMError(f"{news.error}; {done}; the same call goes on where it stopped")
            tally.add(news)
            if report is not None:
                report(news if isinstance(news, FileOutcome) else None, tally.progress())
    return replace(tally.summary(n_files=len(jobs)), notes=tuple(notes))


@dataclass(frozen=True)
class _Part:
    """How far a recording is."""

    audio: Path
    heard_s: float
    of_s: float | None

    @property
    def share(self) -> float:
        return min(1.0, self.heard_s / self.of_s) if self.of_s else 0.0


class _Tally:
    """Counts outcomes and time."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._sizes = {job.audio: _size(job.audio) for job in jobs}
        self._all = sum(self._sizes[job.audio] for job in jobs)
        self._done = 0
        self._outcomes = 0
        self._silent = 0
        self._audio_s = 0.0
        self._failures: list[FileOutcome] = []
        self._parts: dict[Path, _Part] = {}
        self._n_files = len(jobs)
        self._start = time.perf_counter()

    def add(self, outcome: FileOutcome | _Part) -> None:
        if isinstance(outcome, _Part):
            self._parts[outcome.audio] = outcome
            return
        self._parts.pop(outcome.audio, None)
        self._outcomes += 1
        self._done += self._sizes[outcome.audio]
        self._audio_s += outcome.duration_s
        if outcome.error:
            self._failures.append(outcome)
        elif not outcome.n_words:
            self._silent += 1

    def progress(self) -> BatchProgress:
        wall_s = time.perf_counter() - self._start
        done = self._done + sum(part.share * self._sizes[part.audio] for part in self._parts.values())
        audio_s = self._audio_s + sum(part.heard_s for part in self._parts.values())
        left_s = wall_s / done * (self._all - done) if done else None
        return BatchProgress(self._outcomes, self._n_files, audio_s, wall_s, left_s)

    def summary(self, *, n_files: int) -> BatchSummary:
        return BatchSummary(
            n_files=n_files,
            n_skipped=n_files - self._n_files,
            n_silent=self._silent,
            failures=tuple(sorted(self._failures, key=lambda outcome: outcome.audio)),
            audio_s=self._audio_s,
            wall_s=time.perf_counter() - self._start,
        )


def _size(file: Path) -> int:
    """Bytes, and one more so that none has none."""
    try:
        return file.stat().st_size + 1
    except OSError:  # missing: its worker will say so
        return 1


def _work(jobs: Sequence[Job], settings: WorkerSettings, n_workers: int) -> Generator[FileOutcome | _Part, None, None]:
    """The outcomes of the jobs as they end, and how far others are; a thread for each worker process waits for it."""
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    results: queue.SimpleQueue[FileOutcome | _Part | Future[None]] = queue.SimpleQueue()
    workers = [TranscriberProcess(settings, tells=number == 0) for number in range(n_workers)]
    pool = ThreadPoolExecutor(max(1, n_workers))
    try:
        for worker in workers:
            pool.submit(_serve, worker, waiting, results.put).add_done_callback(results.put)
        n_left = len(jobs)
        while n_left:
            result = results.get()
            if isinstance(result, Future):
                result.result()  # raises what ended the thread
            else:
                n_left -= isinstance(result, FileOutcome)
                yield result
    finally:  # also if the caller is interrupted, or gives up
        for worker in workers:
            worker.stop()
        pool.shutdown()
        for worker in workers:
            worker.close()


def _serve(
    worker: TranscriberProcess, jobs: queue.SimpleQueue[Job], put: Callable[[FileOutcome | _Part], None]
) -> None:
    with contextlib.suppress(queue.Empty):
        while not worker.is_stopped:
            job = jobs.get_nowait()
            put(worker.transcribe(job, partial(_put_part, put, job.audio)))
    worker.stop()


def _put_part(put: Callable[[_Part], None], audio: Path, heard_s: float, of_s: float | None) -> None:
    put(_Part(audio, heard_s, of_s))
