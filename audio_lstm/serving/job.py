"""One request's work: when it must be done, whether anybody still waits for it, and an engine that asks."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.runtime import Engine, State
from audio_lstm.speech.hearing.recogniser import SpeechRecogniser

__all__ = ["Job", "JobCancelled", "JobTimedOut", "guarded"]


class JobCancelled(Exception):  # noqa: N818 - nobody's mistake
    """Nobody waits for the answer any longer."""


class JobTimedOut(Exception):  # noqa: N818
    """The request's time is up."""


@dataclass(eq=False)
class Job:
    """A request's deadline and whether it was given up; shared between threads."""

    deadline: float  # on time.monotonic's clock
    given_up: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def lasting(cls, seconds: float) -> Job:
        """A job that begins now.

        Args:
            seconds: What it may take.

        Returns:
            The job.
        """
        return cls(time.monotonic() + seconds)

    @property
    def left_s(self) -> float:
        """Seconds until its deadline, 0 once it has passed."""
        return max(0.0, self.deadline - time.monotonic())

    def cancel(self) -> None:
        """Make the next `check` fail, in whatever thread."""
        self.given_up.set()

    def check(self) -> None:
        """Return if there is a reason to go on.

        Raises:
            JobCancelled: If it was cancelled.
            JobTimedOut: If its deadline has passed.
        """
        if self.given_up.is_set():
            raise JobCancelled("cancelled: nobody waits for it")
        if not self.left_s:
            raise JobTimedOut("out of time")


@dataclass(frozen=True)
class _GuardedEngine:
    """An engine that stops between two phrases."""

    engine: Engine
    job: Job

    def run(
        self, inputs: NDArray[Any], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        """See Engine.run; raises what Job.check raises."""
        self.job.check()
        return self.engine.run(inputs, lengths, state)


def guarded(recogniser: SpeechRecogniser, job: Job) -> SpeechRecogniser:
    """A recogniser that asks before each phrase whether its job goes on.

    A thread cannot be stopped from outside; a phrase is short work (at most 20 s of audio at once, less than a second).

    Args:
        recogniser: Shared by all jobs.
        job: The one that this is for.

    Returns:
        The same model, which raises JobCancelled and JobTimedOut.
    """
    return replace(recogniser, engine=_GuardedEngine(recogniser.engine, job))
