"""The tokens of files, made in a worker process that is replaced when a file kills it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.files.files import ReadLimits
from audio_lstm.music.files.parse_worker import read_frame, write_frame
from audio_lstm.music.files.worker_process import end_worker, how_it_ended, start_worker
from audio_lstm.music.tokens.events import EventVocabulary

__all__ = ["TokenReader"]

_WORKER_MODULE = "audio_lstm.music.training.token_worker"


class TokenReader:
    """One worker process that parses and tokenises, used by one thread at a time.

    A context manager; leaving it ends the process.

    Examples:
        >>> from audio_lstm.music.files.files import list_scores
        >>> with TokenReader(EventVocabulary()) as reader:
        ...     found = reader.read(list_scores("songs"))

    Args:
        vocabulary: how music becomes tokens.
        limits: how much each file may ask for.
        sustain: of MIDI, whether the sustain pedal lengthens notes.
    """

    def __init__(self, vocabulary: EventVocabulary, limits: ReadLimits | None = None, *, sustain: bool = False) -> None:
        self._sustain = sustain
        self._vocabulary = json.dumps(vocabulary.to_dict()).encode()
        self._limits = limits or ReadLimits()
        self._process: subprocess.Popen[bytes] | None = None
        self._waited_s, self._returncode = 0.0, 0  # of the last worker that died

    def __enter__(self) -> TokenReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The number of the worker process; None where none runs."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the worker process, if there is one."""
        if self._process is None:
            return
        process, self._process = self._process, None
        end_worker(process)

    def read(self, paths: Sequence[Path]) -> list[list[NDArray[np.uint16] | str]]:
        """Parse and tokenise files.

        Args:
            paths: MIDI, MusicXML or ABC.

        Returns:
            For each file its pieces, one but for ABC files of several tunes: the tokens, END last, or a line that says
            why there are none.
        """
        found = self._ask(paths)
        if found is None:  # one of them killed the worker: which one shows when they come one by one
            found = []
            for path in paths:
                found += self._ask([path]) or [[self._obituary(path)]]
        return found

    def _ask(self, paths: Sequence[Path]) -> list[list[NDArray[np.uint16] | str]] | None:
        """What the worker has to say; None if it dies."""
        process, started_s = self._running(), time.monotonic()
        answer = None
        try:
            request = {"paths": [os.fspath(path) for path in paths], "sustain": self._sustain}
            write_frame(cast(BinaryIO, process.stdin), request, self._vocabulary)
            answer = read_frame(cast(BinaryIO, process.stdout))
        except BrokenPipeError:  # it died before it had read all
            pass
        finally:
            if answer is None:
                # It has closed its pipe, so it is ending: wait a moment for its own last word.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=1.0)
                self.close()
        if answer is None:
            self._waited_s, self._returncode = time.monotonic() - started_s, process.returncode
            return None
        header, payload = answer
        tokens, place = np.frombuffer(payload, "<u2").astype(np.uint16), 0
        found: list[list[NDArray[np.uint16] | str]] = []
        for path, results in zip(paths, header["found"], strict=True):
            found.append([])
            for result in results:
                if isinstance(result, str):
                    found[-1].append(result if str(path) in result else f"{path}: {result}")
                else:
                    found[-1].append(tokens[place : place + result])
                    place += result
        return found

    def _obituary(self, path: Path) -> str:
        if self._waited_s > self._limits.timeout_s:
            return f"{path}: not read within {self._limits.timeout_s:g} s; raise timeout_s"
        return f"{path}: damaged: it broke the parser ({how_it_ended(self._returncode)})"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.close()  # something else ended it while it had nothing to do
        if self._process is None:
            limits = self._limits
            arguments = (limits.max_memory_bytes, limits.timeout_s, limits.max_bytes, limits.max_notes)
            self._process = start_worker(_WORKER_MODULE, arguments)
        return self._process
