"""The tokens of files, made in a worker process that is replaced when a file kills it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.files.files import ReadLimits
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.workers import Worker

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
        bounds = (self._limits.max_memory_bytes, self._limits.timeout_s, self._limits.max_bytes, self._limits.max_notes)
        self._worker = Worker(_WORKER_MODULE, *bounds)

    def __enter__(self) -> TokenReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The number of the worker process; None where none runs."""
        return None if self._worker.process is None else self._worker.process.pid

    def close(self) -> None:
        """End the worker process, if there is one."""
        self._worker.close()

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
                found += self._ask([path]) or [[self._why_it_died(path)]]
        return found

    def _ask(self, paths: Sequence[Path]) -> list[list[NDArray[np.uint16] | str]] | None:
        """What the worker has to say; None if it dies."""
        if not self._worker.is_running:
            self._worker.start()
        request = {"paths": [os.fspath(path) for path in paths], "sustain": self._sustain}
        answer = self._worker.ask(request, self._vocabulary)
        if answer is None:
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

    def _why_it_died(self, path: Path) -> str:
        if self._worker.waited_s > self._limits.timeout_s:
            return f"{path}: not read within {self._limits.timeout_s:g} s; raise timeout_s"
        return f"{path}: damaged: it broke the parser ({self._worker.how_it_ended})"
