"""A worker process of a batch, seen from the program that hands it files."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from audio_lstm import errors
from audio_lstm.atomic import remove_leftovers
from audio_lstm.audio.files import DEFAULT_MAX_SECONDS
from audio_lstm.errors import AudioLSTMError, ConfigError
from audio_lstm.speech.batch.inputs import Job
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.decoding.rescore import Rescorer
from audio_lstm.speech.hearing.transcribe import Progress
from audio_lstm.speech.text.punctuation import Writer
from audio_lstm.speech.words.automaton import WordAutomaton
from audio_lstm.workers import Worker

__all__ = ["FileOutcome", "TranscriberProcess", "WorkerSettings"]

_LOG = logging.getLogger(__name__)
_WORKER_MODULE = "audio_lstm.speech.batch.worker"
_PATIENCE_S = 10.0  # for a worker to tidy up, before it is killed


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker process needs to know."""

    model: str  # a shipped model's name, a model folder, or a hub id
    device: str = "cpu"  # "cpu" or "cuda"
    decoding: Decoding | None = None  # a language model by its name or file
    max_seconds: float = DEFAULT_MAX_SECONDS  # refuse recordings that decode to more than this
    allow_truncated: bool = False  # take what can be read of files that are damaged or break off
    track: int | None = None  # which sound track of films, counted from 1; None: the default one

    def __post_init__(self) -> None:
        if self.decoding is not None and isinstance(self.decoding.language_model, WordAutomaton):
            raise ConfigError("a batch's workers load the language model themselves; pass its name or file")
        if self.decoding is not None and isinstance(self.decoding.rescorer, Rescorer):
            raise ConfigError("a batch's workers load the rescorer themselves; pass its name or folder")
        if self.decoding is not None and isinstance(self.decoding.writer, Writer):
            raise ConfigError("a batch's workers load the writer themselves; pass its name or folder")

    def to_json(self) -> dict[str, Any]:
        """As the worker reads it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.decoding is not None:
            wish = {field.name: getattr(self.decoding, field.name) for field in fields(self.decoding)}
            wish |= {"hotwords": list(self.decoding.hotwords), "vocabulary": list(self.decoding.vocabulary)}
            for name in ("language_model", "rescorer", "writer"):
                if isinstance(wish[name], os.PathLike):
                    wish[name] = os.fspath(wish[name])
            values["decoding"] = wish
        return values


@dataclass(frozen=True)
class FileOutcome:
    """What became of a recording."""

    audio: Path
    error: str = ""  # one line; "": its transcripts are written
    duration_s: float = 0.0
    n_words: int = 0
    ends_batch: bool = False  # its transcripts cannot be written, and neither could others
    notes: tuple[str, ...] = ()  # what is odd about the recording, a line each

    @property
    def complaints(self) -> tuple[str, ...]:
        """What somebody should read: the error, or the notes."""
        return (self.error,) if self.error else tuple(f"{self.audio}: {note}" for note in self.notes)


class TranscriberProcess:
    """A worker process that transcribes files one by one, replaced when a file brings it down.

    A context manager; leaving it ends the process.

    Examples:
        >>> with TranscriberProcess(WorkerSettings("an4")) as process:
        ...     outcome = process.transcribe(Job(Path("talks/a.wav"), {"json": Path("a.json")}))

    Args:
        settings: Model and limits.
        tells: Whether to log what its decoder has to say, which is the same for all processes of a batch.
    """

    def __init__(self, settings: WorkerSettings, *, tells: bool = True) -> None:
        self._settings = settings.to_json()
        self._lock = threading.Lock()  # stop() comes from another thread
        self._worker = Worker(_WORKER_MODULE, keeps_stderr=True, patience_s=_PATIENCE_S)
        self.is_stopped = False  # by `stop`
        self._tells = tells

    def __enter__(self) -> TranscriberProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def transcribe(self, job: Job, heard: Progress | None = None) -> FileOutcome:
        """Hand the process a file and wait for the outcome. The process is started if there is none.

        A model that cannot be loaded is the error that `load_speech` raises; a process that cannot be started, or
        dies before it has begun, an AudioLSTMError.

        Args:
            job: What to transcribe, and where to write it.
            heard: Called about once a second, in this thread, with the seconds heard and the length in seconds, or
                None where the file does not say it.

        Returns:
            What became of it.
        """
        if self._worker.process is None:
            self._load_model()
        outputs = {name: os.fspath(file) for name, file in job.outputs.items()}
        answer = self._ask({"audio": os.fspath(job.audio), "outputs": outputs}, heard)
        if answer is not None:
            return FileOutcome(job.audio, **{**answer, "notes": tuple(answer.get("notes", ()))})
        if self.is_stopped:
            return FileOutcome(job.audio, "stopped")
        remove_leftovers(job.outputs.values())
        way_out = "the file may be damaged, or memory short: try fewer workers"
        return FileOutcome(job.audio, f"{job.audio}: its worker process died ({self._worker.how_it_ended}); {way_out}")

    def stop(self) -> None:
        """Tell the process to end at once, but for tidying up."""
        with self._lock:
            self.is_stopped = True
            if (process := self._worker.process) is not None:
                process.terminate()

    def close(self) -> None:
        """Wait until the process has ended."""
        self._worker.close()

    def _load_model(self) -> None:
        """Start the process; what its model's loading raises is raised here."""
        try:
            self._start()
        except OSError as error:
            raise AudioLSTMError(f"a worker process cannot be started ({error}); try fewer workers") from error
        answer = self._ask(self._settings)
        if answer is None and not self.is_stopped:
            raise AudioLSTMError(f"a worker process died while it loaded the model ({self._worker.how_it_ended})")
        if answer and "error" in answer:
            raise getattr(errors, answer["kind"])(answer["error"])
        for note in answer.get("notes", ()) if answer and self._tells else ():
            _LOG.warning(note)

    def _start(self) -> None:
        with self._lock:
            if not self.is_stopped:
                self._worker.start()

    def _ask(self, request: Mapping[str, Any], heard: Progress | None = None) -> dict[str, Any] | None:
        """The process's answer; None where it is no more."""
        answer = self._worker.ask(request, progress=None if heard is None else lambda times: heard(*times))
        return None if answer is None else answer[0]
