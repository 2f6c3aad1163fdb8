"""Decode an upload in another process, with limits on its memory and time."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import AudioError, AudioLSTMError
from audio_lstm.serving.job import Job
from audio_lstm.workers import Worker

__all__ = ["DecodeProcess", "Decoded", "Upload"]

_WORKER_MODULE = "audio_lstm.serving.decode_worker"
_MOST_UPLOADS = 500  # then the process is replaced, whatever decoders have not given back
_GRACE_S = 5.0  # after the deadline the process ends itself, should nobody be left to kill it


@dataclass(frozen=True)
class Upload:
    """A file that a client has sent."""

    file: BinaryIO  # without a name on disk
    name: str  # as the client calls it; for messages
    allow_truncated: bool = False
    track: int | None = None  # counted from 1; None: the default one


@dataclass(frozen=True, eq=False)
class Decoded:
    """What an upload holds."""

    samples: NDArray[np.float32]  # mono (n,), float in [-1, 1], on disk: memory does not grow with their number
    notes: tuple[str, ...]  # what is odd about it, a line each
    channel_peaks_db: tuple[float, ...]  # none where there is but one channel


class DecodeProcess:
    """A process that decodes one upload after the other, for one thread; replaced when it dies or hangs."""

    def __init__(self, *, max_memory_bytes: int) -> None:
        """Start the process.

        Args:
            max_memory_bytes: The address space that it may use.
        """
        # The threads of a linear algebra library would take address space, and there is nothing for them to do.
        alone = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._worker = Worker(_WORKER_MODULE, max_memory_bytes, environment=alone, takes_files=True)
        self._worker.start()
        self._n_uploads = 0

    @contextmanager
    def decoded(self, upload: Upload, job: Job, *, sample_rate: int, max_seconds: float) -> Iterator[Decoded]:
        """The samples of an upload, for as long as the context lasts.

        Args:
            upload: What to decode.
            job: Whose deadline holds for the decoding, and who may cancel it.
            sample_rate: Of the samples, in Hz.
            max_seconds: Longer recordings are refused.

        Yields:
            The samples and what was found out about them.

        Raises:
            AudioError: If the upload cannot be decoded within the limits.
            AudioLSTMError: If this machine cannot store the samples. What Job.check raises passes through.
        """
        job.check()
        with tempfile.TemporaryFile() as samples:
            request = {
                "name": upload.name,
                "sample_rate": sample_rate,
                "max_seconds": max_seconds,
                "allow_truncated": upload.allow_truncated,
                "track": upload.track,
                "timeout_s": job.left_s + _GRACE_S,
            }
            upload.file.flush()
            reply = self._ask(request, [upload.file.fileno(), samples.fileno()], job)
            if reply is None:
                raise AudioError(f"{upload.name}: the decoder crashed on it; export it again, e.g. as wav or flac")
            if "error" in reply:
                raise AudioError(reply["error"])
            if "failure" in reply:
                raise AudioLSTMError(reply["failure"])
            yield Decoded(
                samples=np.memmap(samples, np.float32, "r", shape=(reply["n_samples"],)),
                notes=tuple(reply["notes"]),
                channel_peaks_db=tuple(-math.inf if peak is None else peak for peak in reply["channel_peaks_db"]),
            )

    def _ask(self, request: dict[str, Any], files: list[int], job: Job) -> dict[str, Any] | None:
        """The process's answer; None if it died. If the job ends first, the process does too."""
        if not self._worker.is_running or self._n_uploads >= _MOST_UPLOADS:
            self._worker.start()
            self._n_uploads = 0
        self._n_uploads += 1
        answer = self._worker.ask(request, files=files, poll=job.check)
        return None if answer is None else answer[0]

    def close(self) -> None:
        """End the process; the next upload would start another."""
        self._worker.close()
