"""Which recordings a batch is about, and where the transcript of each goes."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import MappingProxyType

from audio_lstm.atomic import check_writable
from audio_lstm.audio.headers import sniff
from audio_lstm.errors import AudioError, DataError
from audio_lstm.speech.hearing.formats import SUFFIXES
from audio_lstm.speech.text.data import AUDIO_SUFFIXES
from audio_lstm.text_files import read_text

__all__ = ["Job", "Recording", "check_outputs", "find_recordings", "plan_jobs", "read_list"]

_LIST_SUFFIXES = (".txt", ".jsonl")
_MAX_LIST_BYTES = 1_000_000_000  # of a list of recordings: ten million lines
_HEAD_BYTES, _MOST_LINES = 65_536, 100  # of a text that may be a list: so much is looked at
_MAGIC = frozenset("*?[")


@dataclass(frozen=True)
class Recording:
    """A recording and its place in the tree that it was found in."""

    audio: Path  # not checked to exist
    place: PurePath  # relative to the folder that was asked for, with the recording's suffix


@dataclass(frozen=True)
class Job:
    """A recording to be transcribed."""

    audio: Path
    outputs: Mapping[str, Path]  # format -> file

    @property
    def is_finished(self) -> bool:
        """Whether every file is there already; they are written whole or not at all."""
        return all(file.is_file() for file in self.outputs.values())


def find_recordings(
    inputs: Iterable[str | os.PathLike[str]], note: Callable[[str], None] | None = None
) -> tuple[Recording, ...]:
    """The recordings that are meant by files, folders, patterns and lists.

    A list is a text file with a path a line, or a .jsonl file with objects that have the key audio (a manifest), both
    relative to the list's folder. It is the only input (.txt or .jsonl), or is written with an @ before its name.

    Several inputs may be all that lies in a folder, as `talks/*` is: then what is no recording (transcripts, pictures,
    folders without sound) is passed over. A .txt or .jsonl among them is still taken as a list if all that it holds
    are the names of recordings.

    Args:
        inputs: A file of sound; a folder, with the folders inside it but nothing hidden, of which the files with a
            known suffix are taken; a pattern such as "talks/**/*.mp3", likewise; or a list.
        note: Told in a line of what was passed over, and of lists that should have an @.

    Returns:
        In the order of the inputs, sorted within a folder or pattern, each place once. A file keeps the folders that
        it lies in below the folder, below the fixed part of the pattern, or below the list's folder (for a list that
        reaches outside its folder: below the folder that is common to all that it lists).

    Raises:
        DataError: If a folder or pattern holds no recording, or a folder or list cannot be read.
    """
    items = [os.fspath(item) for item in inputs]
    found: list[Recording] = []
    passed_over: list[str] = []
    for item in items:
        if len(items) > 1 and _is_beside_the_point(Path(item)):
            passed_over.append(item)
            continue
        if len(items) > 1 and note and Path(item).is_file() and Path(item).suffix.lower() in _LIST_SUFFIXES:
            note(f"{item}: taken as a list, as it names recordings; among other inputs, write @{item}")
        found += _meant(item)
    silent = f"{len(passed_over)} of {len(items)} inputs hold no sound (the first: {(passed_over or [''])[0]})"
    if not found:
        more = f"; {silent}" if passed_over else ""
        raise DataError(f"no recordings: pass a file, a folder, a quoted pattern or a list{more}")
    if passed_over and note:
        note(f"{silent} and were passed over")
    return tuple({(os.path.abspath(item.audio), item.place): item for item in found}.values())


def _meant(item: str) -> Iterable[Recording]:
    """The recordings that one input stands for."""
    path = Path(item)
    if path.is_dir():
        return _in_folder(path)
    if item.startswith("@") and not path.exists():
        return _in_list(Path(item[1:]))
    if path.suffix.lower() in _LIST_SUFFIXES:
        return _in_list(path)
    if not path.exists() and _MAGIC & set(item):
        return _in_pattern(item)
    return [Recording(path, PurePath(path.name))]


def _is_beside_the_point(path: Path) -> bool:
    """Whether it is there, but neither a recording, nor a list of some, nor a folder with any."""
    if path.is_dir():
        return not any(file.suffix.lower() in AUDIO_SUFFIXES for file in _files(path))
    suffix = path.suffix.lower()
    if suffix in AUDIO_SUFFIXES or not path.is_file():  # what is missing, or cannot be read, is not passed over
        return False
    return not _names_recordings(path) if suffix in _LIST_SUFFIXES else not _is_sound(path)


def _is_sound(path: Path) -> bool:
    """Whether a file without a known suffix begins as sound or video does."""
    try:
        with path.open("rb") as file:
            sniff(file, os.fspath(path))
    except AudioError:
        return False
    except OSError:  # its worker says why
        return True
    return True


def _names_recordings(path: Path) -> bool:
    """Whether all that a text file holds are names of recordings; its beginning will do."""
    try:
        lines = path.read_bytes()[:_HEAD_BYTES].decode("utf-8-sig", "replace").split("\n")
    except OSError:  # reading the list says why
        return True
    lines = [line.strip() for line in lines[:_MOST_LINES] if line.strip()]
    try:
        names = [_audio_of(line, "") for line in lines] if path.suffix.lower() == ".jsonl" else lines
    except DataError:
        return False
    suffixes = [PurePath(name).suffix.lower() for name in names]  # what was said has none
    return bool(names) and all(
        suffix in AUDIO_SUFFIXES or (suffix and _is_file(path.parent / name))
        for name, suffix in zip(names, suffixes, strict=True)
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a line of text may be too long for a name
        return False


def check_outputs(jobs: Iterable[Job]) -> None:
    """Complain about outputs that cannot be written before the work is done, not after.

    Args:
        jobs: What is to be done.

    Raises:
        DataError: If a folder for them, there or to be made, takes no files, or an output is a folder.
    """
    tried: set[Path] = set()
    for file in (file for job in jobs for file in job.outputs.values()):
        if file.parent in tried and not file.is_dir():
            continue
        tried.add(file.parent)
        try:
            check_writable(file)
        except NotADirectoryError as error:
            raise DataError(f"{file}: {error.filename} is a file, not a folder; move it, or write elsewhere") from error
        except OSError as error:
            raise DataError(
                f"{file}: cannot be written: {error.strerror} ({error.filename}); check the folder and the space left, "
                "or write elsewhere"
            ) from error


def plan_jobs(recordings: Sequence[Recording], out: Path, formats: Sequence[str]) -> tuple[Job, ...]:
    """Where the transcripts go: below `out` as the recordings lay, with the formats' suffixes.

    Args:
        recordings: From `find_recordings`.
        out: A folder, existing or not.
        formats: Keys of `formats.FORMATS`.

    Returns:
        A job for each recording.

    Raises:
        DataError: If two would be written to the same file, or `out` is a file.
    """
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is a file; pass a folder to write the transcripts to")
    owners: dict[PurePath, Path] = {}
    jobs = []
    for recording in recordings:
        stem = recording.place.with_suffix("")
        other = owners.setdefault(stem, recording.audio)
        if other is not recording.audio:
            raise DataError(
                f"{other} and {recording.audio} would both be written to {out / stem}{SUFFIXES[formats[0]]}; "
                "rename one, pass the folder above both, or transcribe them to different folders"
            )
        outputs = {name: out / stem.parent / f"{stem.name}{SUFFIXES[name]}" for name in formats}
        jobs.append(Job(recording.audio, MappingProxyType(outputs)))
    return tuple(jobs)


def read_list(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The recordings that a list names, as they are written there.

    Args:
        path: A .jsonl file with objects that have the key audio; or any other text file with a path or URL a line.
            Blank lines are passed over.

    Returns:
        At least one, in the order of the file.

    Raises:
        DataError: If the file cannot be read or names none, or a line is not as said; the message names the line.
    """
    file = Path(path)
    names = []
    text = read_text(file, what="a list of recordings", max_bytes=_MAX_LIST_BYTES)
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name = _audio_of(line, f"{file}:{number}") if file.suffix.lower() == ".jsonl" else line.strip()
        if "\0" in name or not PurePath(name).name:
            raise DataError(f"{file}:{number}: expected the path of a recording, got {name!r:.60}")
        names.append(name)
    if not names:
        raise DataError(f"{file}: lists no recordings; expected a path a line, or JSON lines with the key audio")
    return tuple(names)


def _in_folder(folder: Path) -> Iterator[Recording]:
    files = [file for file in _files(folder) if file.suffix.lower() in AUDIO_SUFFIXES]
    if not files:
        raise DataError(f"{folder}: no recordings in it; expected files such as a.wav or a.mp3")
    for file in sorted(files):
        yield Recording(file, file.relative_to(folder))


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder but hidden ones; links to folders are not followed, as they may lead in circles."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _in_pattern(pattern: str) -> Iterator[Recording]:
    parts = Path(pattern).parts
    n_fixed = next(position for position, part in enumerate(parts) if _MAGIC & set(part))
    base = Path(*parts[:n_fixed])
    files = [Path(name) for name in glob.glob(pattern, recursive=True)]
    files = [file for file in files if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file()]
    if not files:
        raise DataError(f"{pattern}: matches no recording; ** stands for any folders, as in 'talks/**/*.mp3'")
    for file in sorted(files):
        yield Recording(file, file.relative_to(base))


def _in_list(path: Path) -> Iterator[Recording]:
    files = [path.parent / name for name in read_list(path)]
    whole = [Path(os.path.abspath(file)) for file in files]
    base = Path(os.path.abspath(path.parent))
    if not all(file.is_relative_to(base) for file in whole):
        try:
            base = Path(os.path.commonpath([file.parent for file in whole]))
        except ValueError as error:  # on several drives
            raise DataError(f"{path}: its recordings have no folder in common ({error}); write a list each") from error
    for file, absolute in zip(files, whole, strict=True):
        yield Recording(file, absolute.relative_to(base))


def _audio_of(line: str, where: str) -> str:
    try:
        audio = json.loads(line)["audio"]
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise DataError(f"{where}: expected a JSON object with the key audio, got {line!r:.60}") from error
    if not isinstance(audio, str):
        raise DataError(f"{where}: audio must be a string, got {audio!r:.60}")
    return audio
