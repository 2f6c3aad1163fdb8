"""The processes that this package starts: one way to begin them, to speak to them and to end them.

A worker is a module with a `main` that takes numbers, started as `python -m MODULE NUMBER…`: no pickle and no
multiprocessing, so that a user's script needs no `__main__` guard. If a file brings its reader down, only that process
dies. It is spoken to over stdin and stdout in frames: two little-endian uint32 (sizes in bytes), a JSON object, and raw
bytes. A request is one frame, and so is the answer; before the answer there may be frames `{"progress": value}`. Open
files (Unix only) travel over a socket of their own, just before the request that they belong to.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

__all__ = [
    "Deadline",
    "Frame",
    "Requests",
    "Worker",
    "limit_memory",
    "limit_resource",
    "module_command",
    "module_environment",
    "read_frame",
    "write_frame",
]

Frame = tuple[dict[str, Any], bytes]

_SIZES = struct.Struct("<II")
_POLL_S = 0.1  # between two looks at whether the answer is still wanted
_LAST_WORDS_S = 1.0  # for a process that has closed its pipe, and so is ending


def module_command(module: str, *arguments: object) -> list[str]:
    """The command that runs a module; start it in `module_environment()`.

    Args:
        module: Its full name.
        *arguments: For its `main`; each becomes a word.

    Returns:
        For subprocess.
    """
    # -P: without it Python would look in the working directory first, and run a numpy.py that lies there.
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def module_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of such a process: the caller's, with this package on the path, wherever it came from.

    What the caller has on PYTHONPATH stays there, but for what stands for the working directory without naming it (an
    empty entry, as `PYTHONPATH=$PYTHONPATH:/more` leaves one, and `.`): to the child it would be whichever folder a
    recording or a score lies in.

    Args:
        more: Variables besides.

    Returns:
        For subprocess.
    """
    package = str(Path(__file__).resolve().parents[1])
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    named = [entry for entry in given if os.path.normpath(entry) != os.curdir]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, *named]), **(more or {})}


def write_frame(stream: BinaryIO, header: Mapping[str, Any], payload: bytes = b"") -> None:
    """Send one frame.

    Args:
        stream: The other side's pipe.
        header: JSON values.
        payload: Raw bytes.
    """
    text = json.dumps(header).encode()
    stream.write(_SIZES.pack(len(text), len(payload)) + text)
    stream.write(payload)
    stream.flush()


def read_frame(stream: BinaryIO) -> Frame | None:
    """Receive one frame.

    Args:
        stream: The other side's pipe.

    Returns:
        Header and payload, or None where the other side has gone.
    """
    sizes = stream.read(_SIZES.size)
    if len(sizes) < _SIZES.size:
        return None
    n_text, n_payload = _SIZES.unpack(sizes)
    text, payload = stream.read(n_text), stream.read(n_payload)
    if len(text) < n_text or len(payload) < n_payload:
        return None
    return json.loads(text), payload


class Worker:
    """A process that answers requests, for one thread at a time; whoever owns it starts another when it dies."""

    def __init__(
        self,
        module: str,
        *arguments: float,
        environment: Mapping[str, str] | None = None,
        keeps_stderr: bool = False,
        takes_files: bool = False,
        patience_s: float = 0.0,
    ) -> None:
        """Starts nothing yet.

        Args:
            module: Which one; found beside this package, or on PYTHONPATH.
            *arguments: What its `main` takes.
            environment: Variables besides the caller's.
            keeps_stderr: Whether the last line that it writes there is to be told when it dies.
            takes_files: Whether open files are sent with requests. The socket's descriptor becomes the first argument.
            patience_s: How long a process that is to end may tidy up before it is killed.
        """
        self._module, self._arguments, self._environment = module, arguments, environment
        self._keeps_stderr, self._takes_files, self._patience_s = keeps_stderr, takes_files, patience_s
        self._stderr: IO[bytes] | None = None
        self._files: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.how_it_ended = "never started"  # of the last process that died over a request: a signal or exit status
        self.waited_s = 0.0  # for the answer that it did not give

    @property
    def is_running(self) -> bool:
        """Whether there is a process, and it is alive."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start a process, in the place of an older one; OSError where the system has none to give."""
        self.close()
        arguments, inherited = self._arguments, []
        theirs: socket.socket | None = None
        if self._takes_files:
            self._files, theirs = socket.socketpair()
            inherited = [theirs.fileno()]
            arguments = (theirs.fileno(), *arguments)
        self._stderr = tempfile.TemporaryFile() if self._keeps_stderr else None  # noqa: SIM115 (closed by `close`)
        try:
            self.process = subprocess.Popen(
                module_command(self._module, *arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr or subprocess.DEVNULL,
                env=module_environment(self._environment),
                pass_fds=inherited,
                start_new_session=True,  # Ctrl-C is for the caller; the process ends with its pipe
            )
        finally:
            if theirs is not None:
                theirs.close()

    def ask(
        self,
        header: Mapping[str, Any],
        payload: bytes = b"",
        files: Sequence[int] = (),
        *,
        progress: Callable[[Any], None] | None = None,
        poll: Callable[[], None] | None = None,
    ) -> Frame | None:
        """Send a request and wait for the answer; if anything is raised meanwhile, the process is ended.

        Args:
            header: JSON values.
            payload: Raw bytes.
            files: Descriptors of files that go with the request.
            progress: Called with each value that comes before the answer.
            poll: Called ten times a second while the answer is awaited; raises where it is wanted no longer.

        Returns:
            The answer; None if the process died, and then `how_it_ended` says how.

        Raises:
            BaseException: Whatever `progress` or `poll` raised.
        """
        process, started_s = self.process, time.monotonic()
        if process is None:
            return None
        answer = None
        try:
            if self._files is not None:
                socket.send_fds(self._files, [b"\n"], list(files))
            write_frame(cast(BinaryIO, process.stdin), header, payload)
            answer = self._answer(cast(BinaryIO, process.stdout), progress, poll)
        except OSError:  # it died before it had read all
            pass
        except BaseException:
            self.close()
            raise
        if answer is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LAST_WORDS_S)
            self.waited_s, self.how_it_ended = time.monotonic() - started_s, self._last_words(process)
            self.close()
        return answer

    @staticmethod
    def _answer(
        stream: BinaryIO, progress: Callable[[Any], None] | None, poll: Callable[[], None] | None
    ) -> Frame | None:
        while True:
            while poll is not None and not select.select([stream], [], [], _POLL_S)[0]:
                poll()
            frame = read_frame(stream)
            if frame is None or "progress" not in frame[0]:
                return frame
            if progress is not None:
                progress(frame[0]["progress"])

    def _last_words(self, process: subprocess.Popen[bytes]) -> str:
        """The signal or exit status, and the last line that it wrote."""
        if process.poll() is None:
            return "it hangs"
        how = _in_words(process.returncode)
        if self._stderr is None:
            return how
        self._stderr.seek(0)
        lines = self._stderr.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"{how}: {last}" if last else how

    def close(self) -> None:
        """End the process, if there is one, whatever it is doing."""
        process, self.process = self.process, None
        if process is not None:
            if self._patience_s and process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(self._patience_s)
            if process.poll() is None:
                process.kill()
            process.wait()
        ends = (self._files, self._stderr, *((process.stdin, process.stdout) if process is not None else ()))
        self._files = self._stderr = None
        for end in ends:
            if end is not None:
                with contextlib.suppress(OSError):  # what was still to be sent can no longer be
                    end.close()


def _in_words(returncode: int) -> str:
    """The name of the signal, or the exit status."""
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


class Requests:
    """A worker's end: the requests one after the other, until the other side closes the pipe.

    Libraries print to stdout, which would break the frames: from now on theirs goes nowhere.
    """

    def __init__(self, *, timeout_s: float | None = None) -> None:
        """Takes over stdin and stdout.

        Args:
            timeout_s: This process ends itself when it takes longer over a request; None: it may take its time.
        """
        self._requests = sys.stdin.buffer
        self._answers = os.fdopen(os.dup(1), "wb")
        self._nowhere = open(os.devnull, "w")  # noqa: SIM115 (as long as the process)
        os.dup2(self._nowhere.fileno(), 1)
        self._timeout_s = timeout_s
        self.deadline = Deadline(self._nowhere)

    def __iter__(self) -> Iterator[Frame]:
        while (frame := read_frame(self._requests)) is not None:
            if self._timeout_s is not None:
                self.deadline.start(self._timeout_s)
            yield frame

    def answer(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Answer the last request.

        Args:
            header: JSON values.
            payload: Raw bytes.
        """
        self.deadline.stop()
        write_frame(self._answers, header, payload)

    def progress(self, value: Any) -> None:
        """Say how far the last request is, in any JSON value."""
        write_frame(self._answers, {"progress": value})


def limit_memory(max_bytes: int) -> None:
    """Bound the address space of this process, where the system can; and leave no core behind.

    Args:
        max_bytes: The most.
    """
    limit_resource("RLIMIT_AS", max_bytes)
    limit_resource("RLIMIT_CORE", 0)


def limit_resource(kind: str, value: int) -> None:
    """Bound what this process may use, where the system can; never above what it is bound to already.

    Args:
        kind: A name of the module `resource`, such as "RLIMIT_FSIZE".
        value: The most.
    """
    try:
        import resource
    except ImportError:  # not a Unix
        return
    which = getattr(resource, kind)
    hard = resource.getrlimit(which)[1]
    resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


class Deadline:
    """Ends this process when a file takes too long, also where a parser hangs in C and never comes back to Python.

    On a Unix it is the alarm that the kernel keeps: setting it takes 1 µs, where the watching thread of faulthandler,
    used elsewhere, takes up to 1 ms on a busy machine, as long as a file of 1,000 notes.
    """

    def __init__(self, nowhere: IO[str]) -> None:
        """Starts nothing yet.

        Args:
            nowhere: An open file, for what faulthandler has to say.
        """
        self._nowhere = nowhere
        self._alarm = hasattr(signal, "setitimer")
        if self._alarm:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a parent may have had it ignored
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})

    def start(self, timeout_s: float) -> None:
        """A file begins, which may take so many seconds of wall clock; an earlier one has ended."""
        if self._alarm:
            signal.setitimer(signal.ITIMER_REAL, timeout_s)
        else:
            faulthandler.dump_traceback_later(timeout_s, exit=True, file=self._nowhere)

    def stop(self) -> None:
        """It has been read."""
        if self._alarm:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        else:
            faulthandler.cancel_dump_traceback_later()
