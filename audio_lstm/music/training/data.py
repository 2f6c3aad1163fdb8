"""Corpora of scores as they lie on a disk: chorale JSON, folders of MIDI or MusicXML."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError, ScoreError
from audio_lstm.music.score.voices import as_voice_grid

if TYPE_CHECKING:
    from audio_lstm.music.score.score import Score

__all__ = [
    "SPLITS",
    "MusicData",
    "load_chorales",
    "load_pieces",
    "load_score_folder",
]

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class MusicData:
    """One split of a corpus."""

    kind: Literal["chorale", "scores", "tokens"]  # which of them `pieces` holds
    pieces: tuple[NDArray[np.int64], ...] | tuple[Score, ...]
    names: tuple[str, ...]  # one a piece: "valid[3]", or the path of its file
    source: str  # where the data came from
    faults: tuple[str, ...] = ()  # one line for each file or piece that was left out because it cannot be used

    def voice_grids(self) -> tuple[NDArray[np.int64], ...]:
        """The pieces of a chorale corpus, (T, 4) each; DataError for another kind."""
        self._require("chorale")
        return cast(tuple[NDArray[np.int64], ...], self.pieces)

    def scores(self) -> tuple[Score, ...]:
        """The pieces of a folder of scores; DataError for another kind."""
        self._require("scores")
        return cast("tuple[Score, ...]", self.pieces)

    def _require(self, kind: str) -> None:
        if self.kind != kind:
            raise DataError(f"{self.source} holds {self.kind} pieces; this needs {kind}: another corpus or model")


def load_pieces(path: str | os.PathLike[str], split: str) -> MusicData:
    """One split of whatever music lies at a path; what is wrong with it is raised as DataError, in one line.

    Args:
        path: a chorale JSON, a score file, or a folder: with one JSON that has the split, or with scores (in a
            subfolder `train`, `valid` or `test`, else all files at any depth).
        split: "train", "valid" or "test".

    Returns:
        Its pieces: voice grids (T, 4) int64, or Scores.
    """
    place = _existing(path)
    # A folder of scores may well hold a JSON of its own: only files that hold splits make it another corpus.
    is_json = place.suffix.lower() == ".json" if place.is_file() else bool(_files_with_splits(place))
    return load_chorales(place, split) if is_json else load_score_folder(place, split)


def load_chorales(path: str | os.PathLike[str], split: str) -> MusicData:
    """Four-voice pieces from JSON: {split: [piece, ...]}, a piece being rows [S, A, T, B] a 16th.

    Args:
        path: the file, or a folder of such files of which exactly one has the split.
        split: "train", "valid" or "test".

    Returns:
        Kind "chorale": voice grids (T, 4) int64, -1 = rest. Pieces that are no voice grid are left out and listed in
        `faults`: a caller that reports a figure has to report them too.

    Raises:
        DataError: a missing path or split, JSON of another shape, or no piece that is a voice grid.
    """
    file, splits = _file_with(_existing(path), split)
    pieces = splits[split]
    if not isinstance(pieces, list) or not pieces:
        raise DataError(f'{file}: split "{split}" holds no pieces; expected a list of pieces')
    grids: list[NDArray[np.int64]] = []
    names, faults = [], []
    for i, piece in enumerate(pieces):
        try:
            grids.append(as_voice_grid(piece))
            names.append(f"{split}[{i}]")
        except ScoreError as error:
            faults.append(f"{file}: {split}[{i}]: {error}")
    if not grids:
        raise DataError(f"{faults[0]}; none of the {len(pieces)} pieces can be used")
    return MusicData("chorale", tuple(grids), tuple(names), str(file), tuple(faults))


def load_score_folder(path: str | os.PathLike[str], split: str) -> MusicData:
    """Scores from MIDI and MusicXML files, in the order of their paths.

    Args:
        path: a file, or a folder: the files at any depth of its subfolder `split` if it has subfolders named
            train, valid or test; else all of its files, whatever the split.
        split: "train", "valid" or "test".

    Returns:
        Kind "scores". Files that cannot be read or hold no notes are left out and listed in `faults`: a caller
        that reports a figure has to report them too.

    Raises:
        DataError: no such path or split, no score files, or none that can be used.
    """
    from audio_lstm.music.files.files import list_scores, read_scores

    place = _existing(path)
    present = [name for name in SPLITS if (place / name).is_dir()]
    if present:
        if split not in present:
            raise DataError(_no_split(place, split, present))
        place = place / split
    try:
        files = list_scores(place)
    except ScoreError as error:
        raise DataError(f"{error}, or a JSON corpus") from error
    pieces: list[Score] = []
    names, faults = [], []
    n_tunes: dict[str, int] = {}
    for file, score in read_scores(files):
        if isinstance(score, ScoreError):
            faults.append(str(score))
        elif not score.n_notes:
            faults.append(f"{file}: there is no note in it")
        else:
            pieces.append(score)
            name = str(file.relative_to(place)) if place.is_dir() else file.name
            n_tunes[name] = n_tunes.get(name, 0) + 1
            names.append(name if n_tunes[name] == 1 else f"{name} #{n_tunes[name]}")  # of a book of tunes
    if not pieces:
        raise DataError(f"{place}: none of its {len(files)} files can be used; the first one: {faults[0]}")
    return MusicData("scores", tuple(pieces), tuple(names), str(place), tuple(faults))


def _existing(path: str | os.PathLike[str]) -> Path:
    place = Path(path)
    if not place.exists():
        raise DataError(f"{place}: no such file or folder; give the path of a corpus")
    if not place.is_file() and not place.is_dir():
        raise DataError(f"{place}: is a pipe or device; give the path of a file or folder")
    return place


def _no_split(place: Path, split: str, present: list[str]) -> str:
    return f'{place}: no split "{split}"; it has {", ".join(present) or "none"} (choose one with --split)'


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: not readable as JSON ({error}); expected {{split: [pieces]}}") from error
    return {name: content[name] for name in SPLITS if name in content} if isinstance(content, dict) else {}


def _files_with_splits(folder: Path) -> dict[Path, dict[str, Any]]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".json" and file.is_file())
    contents = {file: _read_json(file) for file in files}
    return {file: content for file, content in contents.items() if content}


def _file_with(place: Path, split: str) -> tuple[Path, dict[str, Any]]:
    """The file with this split: the place itself, or the one in the folder that has it."""
    contents = {place: _read_json(place)} if place.is_file() else _files_with_splits(place)
    found = [file for file, content in contents.items() if split in content]
    if len(found) > 1:
        raise DataError(f'{place}: {", ".join(file.name for file in found)} all have "{split}"; name one of them')
    if not found:
        present = {name for content in contents.values() for name in content}
        raise DataError(_no_split(place, split, [name for name in SPLITS if name in present]))
    return found[0], contents[found[0]]
