"""The process that transcribes the files of a batch: if one brings it down, only that file is lost.

Started by batch.py and spoken to in the frames of audio_lstm/workers.py. The first request holds the settings; the
answer is `{}`, or `{"error": text, "kind": name of the error}`. Then one a file:
`{"audio": path, "outputs": {format: path}}`; the answer is what `transcribe_job` returns. Before it come frames
`{"progress": [seconds heard, of seconds or null]}`, one a second.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audio_lstm.errors import AudioLSTMError, DataError
from audio_lstm.speech.decoding.decoding import Decoding
from audio_lstm.speech.hearing.formats import FORMATS, write_text
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser, load_speech
from audio_lstm.speech.hearing.transcribe import Progress, transcribe
from audio_lstm.workers import Requests

__all__ = ["Transcriber", "main"]

# What is wrong with a disk, not with a name: the next file would fail likewise, after it was heard for nothing.
_LASTING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ESTALE, errno.ENODEV)
_PROGRESS_S = 1.0  # between two frames that say how far a file is


@dataclass(frozen=True)
class Transcriber:
    """A loaded model and what to do with a file."""

    recogniser: SpeechRecogniser
    max_seconds: float
    allow_truncated: bool
    track: int | None = None

    @classmethod
    def load(cls, settings: dict[str, Any]) -> Transcriber:
        """Load the model.

        Args:
            settings: model, device, decoding (the fields of `Decoding`), max_seconds, allow_truncated, track. A model
                that cannot be loaded is a ModelError, a wish that cannot be met a ConfigError or DataError.

        Returns:
            Ready to transcribe.
        """
        decoding = Decoding(**settings["decoding"]) if settings["decoding"] is not None else None
        recogniser = load_speech(settings["model"], device=settings["device"], decoding=decoding)
        return cls(recogniser, settings["max_seconds"], settings["allow_truncated"], settings.get("track"))

    def transcribe_job(
        self, job: dict[str, Any], report: Callable[[tuple[float, float | None]], None]
    ) -> dict[str, Any]:
        """Transcribe a file and write its transcript in each format.

        Args:
            job: audio and outputs.
            report: Called now and then with the seconds heard and the length in seconds, or None.

        Returns:
            duration_s, n_words and notes; or error, with ends_batch where the disk takes no more files.
        """
        try:
            transcript = transcribe(
                job["audio"],
                model=self.recogniser,
                max_seconds=self.max_seconds,
                allow_truncated=self.allow_truncated,
                track=self.track,
                progress=_now_and_then(report),
            )
            texts = {file: FORMATS[name](transcript) for name, file in job["outputs"].items()}
        except (AudioLSTMError, ValueError) as error:
            return {"error": str(error)}
        except MemoryError:
            return {"error": f"{job['audio']}: too large for the memory that is free; use fewer workers"}
        except OSError as error:
            return {"error": f"{error.filename or job['audio']}: {error.strerror or error}"}
        if failure := _write(texts):
            return failure
        return {
            "duration_s": transcript.duration_s,
            "n_words": len(transcript.words),
            "notes": list(transcript.notes),
        }


def _write(texts: dict[str, str]) -> dict[str, Any]:
    """Write the transcripts; what to answer where that fails, else nothing."""
    for file, text in texts.items():
        try:
            os.makedirs(os.path.dirname(file) or ".", exist_ok=True)
            write_text(file, text)
        except (DataError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            line = f"{file}: cannot be written ({error.strerror})" if isinstance(error, OSError) else str(error)
            return {"error": line, "ends_batch": isinstance(cause, OSError) and cause.errno in _LASTING}
    return {}


def _now_and_then(report: Callable[[tuple[float, float | None]], None]) -> Progress:
    last_s = time.monotonic()

    def heard(done_s: float, total_s: float | None) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= _PROGRESS_S:
            last_s = time.monotonic()
            report((done_s, total_s))

    return heard


def main() -> int:
    """Answer requests until the other side closes the pipe, or SIGTERM.

    Returns:
        The exit status.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # an unfinished file is removed on the way out
    requests = Requests()
    waiting = iter(requests)
    try:
        settings, _ = next(waiting)
        transcriber = Transcriber.load(settings)
    except AudioLSTMError as error:
        requests.answer({"error": str(error), "kind": type(error).__name__})
        return 1
    try:
        notes = transcriber.recogniser.decoder.notes
        requests.answer({"notes": notes} if notes else {})
        for job, _ in waiting:
            requests.answer(transcriber.transcribe_job(job, requests.progress))
    except BrokenPipeError:  # the other side was killed: nobody waits for an answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
