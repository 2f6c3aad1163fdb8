"""Processes that take files from anywhere, so that a file that breaks its parser takes only that process with it.

They are spoken to over stdin and stdout in the frames of parse_worker.py.
"""

from __future__ import annotations

import contextlib
import faulthandler
import signal
import subprocess
from collections.abc import Sequence
from typing import IO

from audio_lstm.child import module_command, module_environment

__all__ = ["Deadline", "end_worker", "how_it_ended", "limit_memory", "start_worker"]


def start_worker(module: str, arguments: Sequence[float]) -> subprocess.Popen[bytes]:
    """Start a worker process.

    Args:
        module: Which one; found beside this package, or on PYTHONPATH.
        arguments: What its `main` takes.

    Returns:
        The process, with pipes to its stdin and from its stdout.
    """
    return subprocess.Popen(
        module_command(module, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=module_environment(),
        start_new_session=True,  # Ctrl-C is for the caller; the worker ends with its pipe
    )


def end_worker(process: subprocess.Popen[bytes]) -> None:
    """End a worker process, whatever it is doing, and close its pipes.

    Args:
        process: From `start_worker`; one that has ended already will do.
    """
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was still to be sent can no longer be
                pipe.close()


def how_it_ended(returncode: int) -> str:
    """What to say of a process that died.

    Args:
        returncode: As `subprocess` has it.

    Returns:
        The name of the signal, or the exit status.
    """
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


def limit_memory(max_bytes: int) -> None:
    """Bound the address space of this process, where the system can; and leave no core behind.

    Args:
        max_bytes: The most.
    """
    try:
        import resource
    except ImportError:  # not a Unix
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = max_bytes if hard == resource.RLIM_INFINITY else min(max_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Deadline:
    """Ends this process when a file takes too long, also where a parser hangs in C and never comes back to Python.

    On a Unix it is the alarm that the kernel keeps: setting it takes 1 µs, where the watching thread of faulthandler,
    used elsewhere, takes up to 1 ms on a busy machine, as long as a file of 1,000 notes.
    """

    def __init__(self, timeout_s: float, nowhere: IO[str]) -> None:
        """Starts nothing yet.

        Args:
            timeout_s: Wall-clock seconds that a file may take.
            nowhere: An open file, for what faulthandler has to say.
        """
        self._timeout_s, self._nowhere = timeout_s, nowhere
        self._alarm = hasattr(signal, "setitimer")
        if self._alarm:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a parent may have had it ignored
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})

    def start(self) -> None:
        """A file begins."""
        if self._alarm:
            signal.setitimer(signal.ITIMER_REAL, self._timeout_s)
        else:
            faulthandler.dump_traceback_later(self._timeout_s, exit=True, file=self._nowhere)

    def stop(self) -> None:
        """It has been read."""
        if self._alarm:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        else:
            faulthandler.cancel_dump_traceback_later()
