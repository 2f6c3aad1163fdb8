"""A corpus as tokens on the disk: files parsed and tokenised side by side, read back through memory maps.

    shards = tokenise(list_scores("songs"), EventVocabulary(), "runs/songs/tokens", n_workers=8)
    shards.tokens(0)        # int64 (n,) of the first piece; only what is used is read

A file that cannot be used is a line in `shards.faults`; one that breaks its parser takes only that parser with it. What
has been tokenised is not done again: a run that was stopped goes on with the next shard.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.files.files import ReadLimits
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.training.data import MusicData
from audio_lstm.music.training.token_reader import TokenReader

__all__ = ["TokenShards", "tokenise"]

_VERSION = 3  # 3: all tunes of an ABC file are read
_SHARD_FILES = 2_000  # files whose tokens lie in one shard
_CHUNK_FILES = 16  # that go to a process at a time


@dataclass(frozen=True)
class TokenShards:
    """Tokenised pieces; each shard is one array on the disk."""

    folder: Path
    vocabulary: EventVocabulary
    names: tuple[str, ...]  # of each piece: its file, below the folder that all files have in common
    places: NDArray[np.int64]  # (n, 3) shard, first token, number of tokens
    faults: tuple[str, ...]  # one line for each file that was left out

    def __len__(self) -> int:
        return len(self.names)

    @property
    def n_tokens(self) -> int:
        """Tokens of all pieces."""
        return int(self.places[:, 2].sum())

    def tokens(self, piece: int) -> NDArray[np.int64]:
        """One piece.

        Args:
            piece: Its number, from 0.

        Returns:
            int64 (n,), END last.

        Raises:
            DataError: If its shard is missing or damaged.
        """
        shard, first, length = self.places[piece].tolist()
        file = _shard_file(self.folder, shard)
        try:
            stored = np.load(file, mmap_mode="r")
            part = np.asarray(stored[first : first + length], np.int64)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{file}: not readable ({error}); delete {self.folder} and tokenise again") from error
        if len(part) != length or (length and int(part.max()) >= self.vocabulary.vocabulary_size):
            raise DataError(f"{file}: damaged; delete {self.folder} and tokenise again")
        return part

    def data(self, pieces: Sequence[int]) -> MusicData:
        """Some of the pieces as a corpus for training.

        Args:
            pieces: Their numbers.

        Returns:
            Kind "tokens", without the faults.
        """
        names = tuple(self.names[piece] for piece in pieces)
        return MusicData("tokens", tuple(self.tokens(piece) for piece in pieces), names, str(self.folder))


def tokenise(
    files: Sequence[str | os.PathLike[str]],
    vocabulary: EventVocabulary,
    folder: str | os.PathLike[str],
    *,
    n_workers: int = 1,
    limits: ReadLimits | None = None,
    sustain: bool = False,
    progress: Callable[[int], None] | None = None,
) -> TokenShards:
    """Parse and tokenise files, or open what has been tokenised before.

    Args:
        files: MIDI or MusicXML.
        vocabulary: How music becomes tokens.
        folder: For the shards and their index; created. Shards of the same files (path, size, time of change) in the
            same vocabulary are not made again.
        n_workers: Processes, each with a parser of its own.
        limits: How much a file may ask for.
        sustain: Of MIDI, whether the sustain pedal lengthens notes.
        progress: Called with the number of files done.

    Returns:
        The pieces, in the order of their files.

    Raises:
        ConfigError: If there is no worker.
        DataError: If none of the files can be used.
    """
    if n_workers < 1:
        raise ConfigError(f"n_workers is {n_workers}; expected at least 1")
    paths, place = [Path(file) for file in files], Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    root = Path(os.path.commonpath([path.resolve().parent for path in paths])) if paths else place
    shards: list[dict[str, Any]] = []
    n_done = 0
    with _workers(vocabulary, limits or ReadLimits(), n_workers, sustain=sustain) as run:
        for number, group in enumerate(_cut(paths, _SHARD_FILES)):
            key = _fingerprint(group, vocabulary, sustain=sustain)
            known = _read_index(place, number)
            if known.get("key") != key:
                tell = partial(_tell, progress, n_done)
                known = _make_shard(place, number, group, root, run(group, tell))
                known["key"] = key
                with atomic_write(_index_file(place, number)) as scratch:
                    scratch.write_text(json.dumps(known), "utf-8")
            shards.append(known)
            n_done += len(group)
            _tell(progress, n_done, 0)
    rows = [(number, *row) for number, shard in enumerate(shards) for row in shard["places"]]
    faults = tuple(fault for shard in shards for fault in shard["faults"])
    if not rows:
        raise DataError(f"none of {len(paths)} files can be used" + (f"; the first one: {faults[0]}" if faults else ""))
    names = tuple(name for shard in shards for name in shard["names"])
    return TokenShards(place, vocabulary, names, np.array(rows, np.int64).reshape(-1, 3), faults)


Results = Iterator[tuple[Path, NDArray[np.uint16] | str]]
"""Each file with its tokens, or with what is wrong with it."""
Tokenise = Callable[[Sequence[Path], Callable[[int], None]], Results]
"""Files and a function that is told how many are done -> their results, in the order of the files."""


def _make_shard(place: Path, number: int, group: Sequence[Path], root: Path, results: Results) -> dict[str, Any]:
    parts: list[NDArray[np.uint16]] = []
    names: list[str] = []
    faults: list[str] = []
    for path, found in results:
        if isinstance(found, str):
            faults.append(found)
        else:
            parts.append(found)
            names.append(path.resolve().relative_to(root).as_posix())
    lengths = [len(part) for part in parts]
    firsts = np.cumsum([0, *lengths])[:-1].tolist()
    with atomic_write(_shard_file(place, number)) as scratch:
        np.save(scratch, np.concatenate([np.zeros(0, np.uint16), *parts]))
    rows = [list(pair) for pair in zip(firsts, lengths, strict=True)]
    return {"names": names, "places": rows, "faults": faults, "n_files": len(group)}


@contextmanager
def _workers(vocabulary: EventVocabulary, limits: ReadLimits, n_workers: int, *, sustain: bool) -> Iterator[Tokenise]:
    """A function that tokenises a group of files in worker processes, each of which has a thread here."""
    readers: queue.SimpleQueue[TokenReader] = queue.SimpleQueue()
    for _ in range(n_workers):
        readers.put(TokenReader(vocabulary, limits, sustain=sustain))

    def read(paths: Sequence[Path]) -> list[list[NDArray[np.uint16] | str]]:
        reader = readers.get()
        try:
            return reader.read(paths)
        finally:
            readers.put(reader)

    with ThreadPoolExecutor(n_workers, thread_name_prefix="tokenise") as executor:

        def run(group: Sequence[Path], tell: Callable[[int], None]) -> Results:
            chunks = _cut(group, _CHUNK_FILES)
            done = 0
            for chunk, found in zip(chunks, executor.map(read, chunks), strict=True):
                for path, pieces in zip(chunk, found, strict=True):
                    yield from ((path, piece) for piece in pieces)
                done += len(chunk)
                tell(done)

        try:
            yield run
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
            for _ in range(n_workers):
                readers.get().close()


def _fingerprint(paths: Sequence[Path], vocabulary: EventVocabulary, *, sustain: bool) -> str:
    # No token hangs on what else the model sees.
    tables = {name: value for name, value in vocabulary.to_dict().items() if name not in ("echoes", "harmony")}
    digest = hashlib.sha256(json.dumps([_VERSION, tables, *(["sustain"] if sustain else [])], sort_keys=True).encode())
    for path in paths:
        try:
            status = path.stat()
            digest.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{path}\0missing\n".encode())
    return digest.hexdigest()


def _read_index(place: Path, number: int) -> dict[str, Any]:
    try:
        found = json.loads(_index_file(place, number).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and _shard_file(place, number).is_file() else {}


def _index_file(place: Path, number: int) -> Path:
    return place / f"shard-{number:05d}.json"


def _shard_file(place: Path, number: int) -> Path:
    return place / f"shard-{number:05d}.npy"


def _cut(paths: Sequence[Path], n: int) -> list[Sequence[Path]]:
    return [paths[start : start + n] for start in range(0, len(paths), n)]


def _tell(progress: Callable[[int], None] | None, before: int, done: int) -> None:
    if progress is not None:
        progress(before + done)
