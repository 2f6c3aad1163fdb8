"""Corpora of scores as they lie on a disk: chorale JSON, piano rolls in npz, folders of MIDI or MusicXML."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError, ScoreError
from audio_lstm.music.score.voices import as_voice_grid
from audio_lstm.music.training.roll_files import read_mat_rolls, read_pickled_rolls

if TYPE_CHECKING:
    from audio_lstm.music.score.score import Score

__all__ = [
    "N_KEYS",
    "SPLITS",
    "MusicData",
    "load_chorales",
    "load_pieces",
    "load_rolls",
    "load_score_folder",
]

SPLITS = ("train", "valid", "test")
N_KEYS = 88
"""Columns of a roll: column j is MIDI pitch 21 + j, the keys of a piano."""
_LOWEST_PITCH = 21


@dataclass(frozen=True)
class MusicData:
    """One split of a corpus."""

    kind: Literal["chorale", "roll", "scores", "tokens"]  # which of them `pieces` holds
    pieces: tuple[NDArray[np.int64], ...] | tuple[NDArray[np.bool_], ...] | tuple[Score, ...]
    names: tuple[str, ...]  # one a piece: "valid[3]", or the path of its file
    source: str  # where the data came from
    faults: tuple[str, ...] = ()  # one line for each file or piece that was left out because it cannot be used

    def voice_grids(self) -> tuple[NDArray[np.int64], ...]:
        """The pieces of a chorale corpus, (T, 4) each; DataError for another kind."""
        self._require("chorale")
        return cast(tuple[NDArray[np.int64], ...], self.pieces)

    def rolls(self) -> tuple[NDArray[np.bool_], ...]:
        """The pieces of a roll corpus, (T, 88) each; DataError for another kind."""
        self._require("roll")
        return cast(tuple[NDArray[np.bool_], ...], self.pieces)

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
        path: a chorale JSON, rolls as npz, mat or pickle, a score file, or a folder: with one JSON or npz that has the
            split, or with scores (in a subfolder `train`, `valid` or `test`, else all files at any depth).
        split: "train", "valid" or "test".

    Returns:
        Its pieces: voice grids (T, 4) int64, rolls (T, 88) bool, or Scores.
    """
    place = _existing(path)
    if place.is_file():
        if place.suffix.lower() == ".json":
            return load_chorales(place, split)
        return load_rolls(place, split) if place.suffix.lower() in _ROLL_FILES else load_score_folder(place, split)
    # A folder of scores may well hold a JSON of its own: only files that hold splits make it another corpus.
    if _files_with_splits(place, _CHORALES):
        return load_chorales(place, split)
    return load_rolls(place, split) if _files_with_splits(place, _ROLLS) else load_score_folder(place, split)


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
    file, splits = _file_with(_existing(path), split, _CHORALES)
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


def load_rolls(path: str | os.PathLike[str], split: str) -> MusicData:
    """Piano rolls from npz: `split` (frames, 88) of all pieces end to end, `split_len` their lengths.

    Also from the .mat and .pickle files in which the four polyphonic sets of Boulanger-Lewandowski, Bengio and Vincent
    2012 are handed on (see roll_files.py).

    Args:
        path: the file, or a folder of npz files of which exactly one has the split.
        split: "train", "valid" or "test".

    Returns:
        Kind "roll": (T, 88) bool each, column j is MIDI pitch 21 + j; frames may be silent.

    Raises:
        DataError: a missing path or split, another width, values other than 0 and 1, or lengths that do not
            add up to the frames.
    """
    place = _existing(path)
    file, arrays = _file_with(
        place, split, _ROLL_FILES.get(place.suffix.lower(), _ROLLS) if place.is_file() else _ROLLS
    )
    if f"{split}_len" not in arrays:
        raise DataError(f'{file}: "{split}" comes without "{split}_len", the lengths of its pieces in frames')
    frames, lengths = arrays[split], arrays[f"{split}_len"]
    if frames.ndim != 2 or frames.shape[1] != N_KEYS:
        raise DataError(f'{file}: "{split}" must have the shape (frames, {N_KEYS}), got {frames.shape}')
    if frames.dtype.kind not in "bui" or (frames.size and not np.isin(frames, (0, 1)).all()):
        raise DataError(f'{file}: "{split}" must hold whole numbers 0 and 1, got others ({frames.dtype})')
    if arrays.get("lowest_midi", _LOWEST_PITCH) != _LOWEST_PITCH:
        raise DataError(f"{file}: column 0 must be MIDI pitch {_LOWEST_PITCH}, got {arrays['lowest_midi']}")
    if lengths.ndim != 1 or lengths.dtype.kind not in "ui" or lengths.size == 0 or (lengths < 1).any():
        raise DataError(f'{file}: "{split}_len" must hold one whole number of frames >= 1 for each piece')
    if int(lengths.sum()) != len(frames):
        raise DataError(f'{file}: "{split}_len" adds up to {int(lengths.sum())}, "{split}" has {len(frames)} frames')
    pieces = np.split(frames.astype(np.bool_), np.cumsum(lengths.astype(np.int64))[:-1])
    return MusicData("roll", tuple(pieces), tuple(f"{split}[{i}]" for i in range(len(pieces))), str(file))


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
        raise DataError(f"{error}, or a JSON or npz corpus") from error
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


def _read_npz(file: Path) -> dict[str, Any]:
    wanted = {f"{name}{suffix}" for name in SPLITS for suffix in ("", "_len")} | {"lowest_midi"}
    try:
        # Never pickles: an array of objects is an error.
        arrays = np.load(file, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise DataError(f"{file}: holds one array without a name; expected arrays such as train, train_len")
        with arrays:
            return {name: arrays[name] for name in arrays.files if name in wanted}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file}: not readable as npz ({error}); expected arrays such as train, train_len") from error


@dataclass(frozen=True)
class _Form:
    """A file format that holds whole splits."""

    suffix: str
    read: Callable[[Path], dict[str, Any]]  # what the file holds of each split


_CHORALES = _Form(".json", _read_json)
_ROLLS = _Form(".npz", _read_npz)
_PICKLES = _Form(".pickle", read_pickled_rolls)
# Found in a folder are npz files only: the others have to be named.
_ROLL_FILES = {".npz": _ROLLS, ".mat": _Form(".mat", read_mat_rolls), ".pickle": _PICKLES, ".pkl": _PICKLES}


def _files_with_splits(folder: Path, form: _Form) -> dict[Path, dict[str, Any]]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == form.suffix and file.is_file())
    contents = {file: form.read(file) for file in files}
    return {file: content for file, content in contents.items() if set(content) & set(SPLITS)}


def _file_with(place: Path, split: str, form: _Form) -> tuple[Path, dict[str, Any]]:
    """The file with this split: the place itself, or the one in the folder that has it."""
    contents = {place: form.read(place)} if place.is_file() else _files_with_splits(place, form)
    found = [file for file, content in contents.items() if split in content]
    if len(found) > 1:
        raise DataError(f'{place}: {", ".join(file.name for file in found)} all have "{split}"; name one of them')
    if not found:
        present = {name for content in contents.values() for name in content}
        raise DataError(_no_split(place, split, [name for name in SPLITS if name in present]))
    return found[0], contents[found[0]]
