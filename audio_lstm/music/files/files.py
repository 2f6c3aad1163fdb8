"""Scores in and out of files: MIDI, MusicXML and ABC read in a worker process, MIDI written atomically."""

from __future__ import annotations

import os
import queue
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.files.midi_bytes import midi_to_score, score_to_midi
from audio_lstm.music.files.parse_worker import frame_to_score
from audio_lstm.music.score.score import Score, Tempo
from audio_lstm.workers import Worker

if TYPE_CHECKING:
    import pretty_midi

__all__ = [
    "SCORE_SUFFIXES",
    "ReadLimits",
    "ScoreReader",
    "list_scores",
    "pretty_midi_to_score",
    "read_bytes",
    "read_score",
    "read_scores",
    "score_to_pretty_midi",
    "write_midi",
]

SCORE_SUFFIXES = (".mid", ".midi", ".rmi", ".kar", ".mxl", ".musicxml", ".xml", ".abc")
"""What `list_scores` looks for; `read_score` goes by the bytes, not by the name."""


@dataclass(frozen=True)
class ReadLimits:
    """How much a file may ask for before it is refused.

    Raises:
        ConfigError: a limit is not positive.
    """

    max_bytes: int = 16 << 20  # file size; a dense hour of MIDI takes about 1 MB
    max_notes: int = 1_000_000  # notes a file
    timeout_s: float = 60.0  # wall-clock seconds a file; a long song in MusicXML takes about 0.5
    max_memory_bytes: int = 2 << 30  # address space of the worker; MusicXML of a long song takes 0.2 GB

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_notes", "timeout_s", "max_memory_bytes"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; expected a positive number")


_DEFAULT_LIMITS = ReadLimits()

_WORKER_MODULE = "audio_lstm.music.files.parse_worker"


class ScoreReader:
    """One worker process, reused over many files and replaced when a file kills it.

    A context manager; leaving it ends the process. `read_scores` is the same over several processes.

    Examples:
        >>> with ScoreReader() as reader:
        ...     scores = [reader.read(path) for path in ("song.mid", "song.mid")]

    Args:
        limits: how much each file may ask for.
        sustain: of MIDI, whether the sustain pedal lengthens notes.
    """

    def __init__(self, limits: ReadLimits = _DEFAULT_LIMITS, *, sustain: bool = False) -> None:
        self._limits = limits
        self._sustain = sustain
        self._worker = Worker(_WORKER_MODULE, limits.max_memory_bytes, limits.timeout_s)

    def __enter__(self) -> ScoreReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker process, if there is one."""
        self._worker.close()

    def read(self, source: str | os.PathLike[str] | BinaryIO, *, tune: str | None = None) -> Score:
        """The music in a MIDI, MusicXML, compressed MusicXML or ABC file.

        Args:
            source: a path, or a file opened for reading bytes.
            tune: of an ABC file with several tunes, which one: its X: number or its title; None: the first.

        Returns:
            The score, which may have no notes: see `Score.require_notes`.

        Raises:
            ScoreError: the file is missing, no regular file, empty, too large, damaged, or no music file.
        """
        name = _name_of(source)
        data = read_bytes(source, max_bytes=self._limits.max_bytes)
        header, payload = self._exchange(name, data, tune=tune)
        if "error" in header:
            raise ScoreError(f"{name}: {header['error']}")
        return frame_to_score(header, payload)

    def read_pieces(self, source: str | os.PathLike[str] | BinaryIO) -> list[Score | ScoreError]:
        """All pieces in a file: the tunes of an ABC file, or the one piece of another.

        Args:
            source: a path, or a file opened for reading bytes.

        Returns:
            Each piece, or what is wrong with it.
        """
        name = _name_of(source)
        try:
            header, payload = self._exchange(name, read_bytes(source, max_bytes=self._limits.max_bytes), every=True)
        except ScoreError as error:
            return [error]
        pieces: list[Score | ScoreError] = []
        for piece in header["pieces"]:
            if "error" in piece:
                pieces.append(ScoreError(f"{name}: {piece['error']}"))
            else:
                pieces.append(frame_to_score(piece, payload[: piece["n_bytes"]]))
                payload = payload[piece["n_bytes"] :]
        return pieces

    def _exchange(
        self, name: str, data: bytes, *, tune: str | None = None, every: bool = False
    ) -> tuple[dict[str, Any], bytes]:
        if not self._worker.is_running:
            self._worker.start()
        request = {"max_notes": self._limits.max_notes, "sustain": self._sustain, "tune": tune, "all": every}
        answer = self._worker.ask(request, data)
        if answer is None:
            if self._worker.waited_s > self._limits.timeout_s:
                raise ScoreError(f"{name}: not read within {self._limits.timeout_s:g} s; raise timeout_s")
            raise ScoreError(f"{name}: damaged: it broke the parser ({self._worker.how_it_ended})")
        return answer


def read_score(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    limits: ReadLimits = _DEFAULT_LIMITS,
    tune: str | None = None,
    sustain: bool = False,
) -> Score:
    """The music in one MIDI, MusicXML, compressed MusicXML or ABC file, parsed in a process of its own.

    Starting that process takes about 0.3 s: use `read_scores` or a `ScoreReader` for many files. Bad files raise
    ScoreError with one line that says what, where and the way out. What was left out is in the score's `remarks`.

    Examples:
        >>> score = read_score("song.mid").require_notes("song.mid")

    Args:
        source: a path, or a file opened for reading bytes.
        limits: how much the file may ask for.
        tune: of an ABC file with several tunes, which one: its X: number or its title; None: the first.
        sustain: of MIDI, whether the sustain pedal lengthens notes.

    Returns:
        The score, which may have no notes: see `Score.require_notes`.
    """
    with ScoreReader(limits, sustain=sustain) as reader:
        return reader.read(source, tune=tune)


def read_scores(
    paths: Iterable[str | os.PathLike[str]],
    *,
    n_workers: int = 1,
    limits: ReadLimits = _DEFAULT_LIMITS,
) -> Iterator[tuple[Path, Score | ScoreError]]:
    """Many files, in their order, each with its score or with the error that says why there is none.

    An ABC file of several tunes comes once for each of them.

    A file that kills its worker process takes nothing with it: the process is replaced.

    Args:
        paths: the files; a generator is read a little ahead.
        n_workers: processes that parse side by side.
        limits: how much each file may ask for.

    Yields:
        Each path with its score, or with a ScoreError (returned, not raised).

    Raises:
        ConfigError: `n_workers` is less than 1.
    """
    if n_workers < 1:
        raise ConfigError(f"n_workers is {n_workers}; expected at least 1")
    readers: queue.SimpleQueue[ScoreReader] = queue.SimpleQueue()
    for _ in range(n_workers):
        readers.put(ScoreReader(limits))

    def read_one(path: Path) -> list[Score | ScoreError]:
        reader = readers.get()
        try:
            return reader.read_pieces(path)
        finally:
            readers.put(reader)

    waiting: deque[tuple[Path, Future[list[Score | ScoreError]]]] = deque()
    executor = ThreadPoolExecutor(n_workers, thread_name_prefix="read_scores")
    try:
        for path in map(Path, paths):
            waiting.append((path, executor.submit(read_one, path)))
            if len(waiting) > 8 * n_workers:
                oldest, future = waiting.popleft()
                yield from ((oldest, piece) for piece in future.result())
        while waiting:
            oldest, future = waiting.popleft()
            yield from ((oldest, piece) for piece in future.result())
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        for _ in range(n_workers):
            readers.get().close()


def list_scores(folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """The music files of a folder and its subfolders, sorted by path; of a file, the file itself.

    A piece that lies there in several formats (song.mid beside song.musicxml, as `compose --out` writes them) is listed
    once, in the format that comes first in `SCORE_SUFFIXES`.

    Args:
        folder: where to look for `SCORE_SUFFIXES`, upper or lower case; hidden files are passed over.

    Returns:
        At least one path.

    Raises:
        ScoreError: there is no such folder, or no music file in it.
    """
    root = Path(folder)
    if root.is_file():
        return (root,)
    if not root.is_dir():
        raise ScoreError(f"{root}: no such file or folder; give a folder of {' '.join(SCORE_SUFFIXES)} files")
    found = (path for path in root.rglob("*") if path.suffix.lower() in SCORE_SUFFIXES)
    paths = sorted(path for path in found if path.is_file() and not path.name.startswith("."))
    formats = {suffix: place for place, suffix in enumerate(SCORE_SUFFIXES)}
    best = {path.with_suffix(""): path for path in sorted(paths, key=lambda path: -formats[path.suffix.lower()])}
    paths = [path for path in paths if best[path.with_suffix("")] == path]
    if not paths:
        raise ScoreError(f"{root}: no music file in it; expected files named {' '.join(SCORE_SUFFIXES)}")
    return tuple(paths)


def write_midi(score: Score, path: str | os.PathLike[str]) -> None:
    """Write a score as a MIDI file of type 1, wholly or not at all (see `score_to_midi`).

    Args:
        score: what to write.
        path: where; an old file is replaced.

    Raises:
        ScoreError: the file cannot be written there.
    """
    data = score_to_midi(score)
    try:
        with atomic_write(path) as temporary_path:
            temporary_path.write_bytes(data)
    except OSError as error:
        reason = error.strerror or error
        raise ScoreError(f"{path}: cannot be written ({reason}); check its folder and permissions") from error


def score_to_pretty_midi(score: Score) -> pretty_midi.PrettyMIDI:
    """The score as a pretty_midi object, for its editing, piano rolls and synthesis; times become seconds.

    Args:
        score: any score.

    Returns:
        A PrettyMIDI of the same resolution, one instrument a track that has notes.
    """
    import io

    import pretty_midi

    return pretty_midi.PrettyMIDI(io.BytesIO(score_to_midi(score)))


def pretty_midi_to_score(midi: pretty_midi.PrettyMIDI) -> Score:
    """A pretty_midi object as a score; seconds become ticks of its resolution.

    Args:
        midi: notes, metres, keys and tempi are taken; pedals, bends and lyrics are not.

    Returns:
        The score.
    """
    import io

    buffer = io.BytesIO()
    midi.write(buffer)
    score = midi_to_score(buffer.getvalue())
    # pretty_midi truncates microseconds a quarter where it should round: 120 may be written as 120.0002.
    times, bpms = midi.get_tempo_changes()
    tempi = (Tempo.from_bpm(midi.time_to_tick(time), bpm) for time, bpm in zip(times, bpms, strict=True))
    return replace(score, tempi=tuple(tempi))


def _name_of(source: str | os.PathLike[str] | BinaryIO) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", "the score"))


def read_bytes(source: str | os.PathLike[str] | BinaryIO, *, max_bytes: int) -> bytes:
    """What is in a file, if it is a file that can be read without waiting and not too large.

    Args:
        source: a path, or a file opened for reading bytes.
        max_bytes: more than this are refused.

    Returns:
        All of it.

    Raises:
        ScoreError: it is missing, no regular file, too large, or gives text.
    """
    name = _name_of(source)
    if not isinstance(source, str | os.PathLike):
        data = source.read(max_bytes + 1)
        if not isinstance(data, bytes):
            raise ScoreError(f"{name}: gives {type(data).__name__}, not bytes; open it with mode 'rb'")
    else:
        data = _read_regular_file(Path(source), max_bytes=max_bytes)
    if len(data) > max_bytes:
        raise ScoreError(f"{name}: too large: more than {max_bytes} bytes; raise max_bytes to read it")
    return data


def _read_regular_file(path: Path, *, max_bytes: int) -> bytes:
    try:
        # Without waiting: opening a FIFO to read would hang until someone writes to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise ScoreError(f"{path}: no such file; check the path") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ScoreError(f"{path}: cannot be opened ({error}); check its path and permissions") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise ScoreError(f"{path}: is a folder; give a file in it, or list it with list_scores")
        if not stat.S_ISREG(mode):
            raise ScoreError(f"{path}: is a pipe or device, not a file; write it to a file first")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
