"""Many recordings at once: transcripts beside each other in a folder, by several processes, to be resumed.

    summary = transcribe_files(["talks"], "transcripts", formats=("srt", "json"), config=BatchConfig(n_workers=4))

Each recording is transcribed by itself, so that what is written depends on neither the number of workers nor the
other recordings.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

from audio_lstm import errors
from audio_lstm.atomic import remove_leftovers
from audio_lstm.audio import DEFAULT_MAX_SECONDS
from audio_lstm.errors import AudioLSTMError, ConfigError
from audio_lstm.speech.automaton import WordAutomaton
from audio_lstm.speech.batch_inputs import Job, find_recordings, plan_jobs
from audio_lstm.speech.decoding import Decoding
from audio_lstm.speech.formats import parse_formats
from audio_lstm.speech.recogniser import DEFAULT_MODEL

__all__ = ["BatchConfig", "BatchProgress", "BatchSummary", "FileOutcome", "transcribe_files"]

_WORKER_MODULE = "audio_lstm.speech.batch_worker"
_PATIENCE_S = 10.0  # for a worker to tidy up, before it is killed


@dataclass(frozen=True)
class BatchConfig:
    """How a batch is worked off."""

    n_workers: int = 1  # processes, a core and about 200 MB each
    force: bool = False  # do finished files again
    device: str = "cpu"  # "cpu" or "cuda"
    max_seconds: float = DEFAULT_MAX_SECONDS  # refuse recordings that decode to more than this
    allow_truncated: bool = False  # take what can be read of files that break off

    def __post_init__(self) -> None:
        if self.n_workers < 1:
            raise ConfigError(f"n_workers must be at least 1, got {self.n_workers}")
        if not self.max_seconds > 0:
            raise ConfigError(f"max_seconds must be above 0, got {self.max_seconds}")


@dataclass(frozen=True)
class FileOutcome:
    """What became of a recording."""

    audio: Path
    error: str = ""  # one line; "": its transcripts are written
    duration_s: float = 0.0
    n_words: int = 0


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is."""

    n_done: int  # files, failures included
    n_files: int  # to be done in this run
    audio_s: float  # seconds of audio transcribed
    wall_s: float  # seconds since the start
    left_s: float  # estimate from the files' sizes

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
    report: Callable[[FileOutcome, BatchProgress], None] | None = None,
) -> BatchSummary:
    """Transcribe many recordings into a folder.

    Example:
        >>> audio_lstm.transcribe_files("talks", "transcripts", formats=("srt", "json")).n_transcribed

    Every file is written whole or not at all. A recording whose files are all there is passed over, so that a batch
    that was stopped is resumed by the same call. One that fails, even if it brings its process down, is reported and
    the others go on. Inputs that cannot be understood, two recordings with the same output and unknown formats are a
    DataError or ConfigError before anything is done; so is a model that cannot be loaded.

    Args:
        inputs: Files, folders, patterns, lists (see `find_recordings`), or one of them.
        out: The folder to write to; it keeps the tree below the folders that were passed.
        formats: "txt", "srt", "vtt", "tsv", "json", "textgrid".
        model: A shipped model's name, a model folder, or a hub id.
        decoding: As for `transcribe`; a language model must be given by its name or file.
        config: Number of workers and limits; None takes the defaults.
        report: Called after each recording, in the order in which they end.

    Returns:
        Counts, and the failures sorted by path.
    """
    config = config or BatchConfig()
    items = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    jobs = plan_jobs(find_recordings(items), Path(out), parse_formats(formats))
    to_do = [job for job in jobs if config.force or not job.is_finished]
    settings = _settings(model, decoding, config)
    remove_leftovers(file for job in to_do for file in job.outputs.values())  # of a batch that was killed
    tally = _Tally(to_do)
    with contextlib.closing(_work(to_do, settings, min(config.n_workers, len(to_do)))) as outcomes:
        for outcome in outcomes:
            tally.add(outcome)
            if report is not None:
                report(outcome, tally.progress())
    return tally.summary(n_files=len(jobs))


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
        self._n_files = len(jobs)
        self._start = time.perf_counter()

    def add(self, outcome: FileOutcome) -> None:
        self._outcomes += 1
        self._done += self._sizes[outcome.audio]
        self._audio_s += outcome.duration_s
        if outcome.error:
            self._failures.append(outcome)
        elif not outcome.n_words:
            self._silent += 1

    def progress(self) -> BatchProgress:
        wall_s = time.perf_counter() - self._start
        left_s = wall_s / self._done * (self._all - self._done)
        return BatchProgress(self._outcomes, self._n_files, self._audio_s, wall_s, left_s)

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


def _settings(model: str | os.PathLike[str], decoding: Decoding | None, config: BatchConfig) -> dict[str, Any]:
    """What a worker needs to know, as JSON values."""
    wish = None
    if decoding is not None:
        if isinstance(decoding.language_model, WordAutomaton):
            raise ConfigError("a batch's workers load the language model themselves; pass its name or file")
        wish = {field.name: getattr(decoding, field.name) for field in fields(decoding)}
        if isinstance(decoding.language_model, os.PathLike):
            wish["language_model"] = os.fspath(decoding.language_model)
        wish |= {"hotwords": list(decoding.hotwords), "vocabulary": list(decoding.vocabulary)}
    return {
        "model": os.fspath(model),
        "device": config.device,
        "decoding": wish,
        "max_seconds": config.max_seconds,
        "allow_truncated": config.allow_truncated,
    }


def _work(jobs: Sequence[Job], settings: Mapping[str, Any], n_workers: int) -> Generator[FileOutcome, None, None]:
    """The outcomes of the jobs in the order in which they end; a thread for each worker process waits for it."""
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    results: queue.SimpleQueue[FileOutcome | Future[None]] = queue.SimpleQueue()
    workers = [_Worker(settings) for _ in range(n_workers)]
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
                n_left -= 1
                yield result
    finally:  # also if the caller is interrupted, or gives up
        for worker in workers:
            worker.stop()
        pool.shutdown()
        for worker in workers:
            worker.close()


def _serve(worker: _Worker, jobs: queue.SimpleQueue[Job], put: Callable[[FileOutcome], None]) -> None:
    try:
        while not worker.is_stopped:
            put(worker.transcribe(jobs.get_nowait()))
    except queue.Empty:
        worker.stop()
    except OSError as error:
        raise AudioLSTMError(f"a worker process cannot be started ({error}); try fewer workers") from error


class _Worker:
    """A worker process, replaced when a file brings it down."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # stop() comes from another thread
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None  # what it writes to stderr
        self.is_stopped = False

    def transcribe(self, job: Job) -> FileOutcome:
        """Hand the process a file and wait for the outcome; AudioLSTMError if the model cannot be loaded."""
        if self._process is None:
            self._start()
        outputs = {name: os.fspath(file) for name, file in job.outputs.items()}
        answer = self._ask({"audio": os.fspath(job.audio), "outputs": outputs})
        if answer is not None:
            return FileOutcome(job.audio, **answer)
        if self.is_stopped:
            return FileOutcome(job.audio, "stopped")
        how = self._how_it_died()
        self.close()
        remove_leftovers(job.outputs.values())
        way_out = "the file may be damaged, or memory short: try fewer workers"
        return FileOutcome(job.audio, f"{job.audio}: its worker process died ({how}); {way_out}")

    def stop(self) -> None:
        """Tell the process to end at once, but for tidying up."""
        with self._lock:
            self.is_stopped = True
            if self._process is not None:
                self._process.terminate()

    def close(self) -> None:
        """Wait until the process has ended."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout, self._complaints):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was still to be sent can no longer be
                    pipe.close()

    def _start(self) -> None:
        # -P keeps the working directory off the module path; ours is named, wherever it came from.
        package = str(Path(__file__).resolve().parents[2])
        search = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        with self._lock:
            if self.is_stopped:
                return
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _WORKER_MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env={**os.environ, "PYTHONPATH": search},
                start_new_session=True,  # Ctrl-C is for the caller, who stops the worker
            )
        answer = self._ask(self._settings)
        if answer is None and not self.is_stopped:
            raise AudioLSTMError(f"a worker process died while it loaded the model ({self._how_it_died()})")
        if answer:
            raise getattr(errors, answer["kind"])(answer["error"])

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The process's answer; None where it is no more."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        with contextlib.suppress(OSError):  # a pipe that is closed
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if line.endswith(b"\n"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        return None

    def _how_it_died(self) -> str:
        """The signal or exit status, and the last line that it wrote."""
        if self._process is None or self._complaints is None:
            return "never started"
        status = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        how = f"signal {-status}, {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return f"{how}: {last}" if last else how
