"""The polyphonic sets of Boulanger-Lewandowski et al. 2012 in the two forms in which they are handed on: .mat, .pickle.

The .mat files (Bai et al. 2018) hold cell arrays traindata, validdata and testdata of (frames, 88) matrices; the
pickles hold {"train": [piece, ...], ...}, a piece being a list of frames and a frame a list of MIDI numbers (they are
read by pickled_lists.py, which runs nothing).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import DataError
from recipes.music.rolls.pickled_lists import read_pickled_lists

__all__ = ["read_mat_rolls", "read_pickled_rolls"]

SPLITS = ("train", "valid", "test")
LOWEST, N_KEYS = 21, 88
_MAX_BYTES = 2_000_000_000  # of a file, and of what it unpacks to
_MAX_FRAMES = 20_000_000


def read_pickled_rolls(file: Path) -> dict[str, NDArray[Any]]:
    """The splits of a pickle.

    Args:
        file: {"train" | "valid" | "test": [[frame, ...], ...]}, a frame holding MIDI numbers 21 to 108.

    Returns:
        For each split its rolls end to end (frames, 88) uint8, and under "<split>_len" their lengths.

    Raises:
        DataError: the file is no pickle, names anything but numpy's arrays, or holds something else.
    """
    try:
        _check_size(file)
        content = read_pickled_lists(file.read_bytes())
    except (DataError, OSError) as error:
        raise DataError(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: holds a {type(content).__name__}; expected {{split: [[frame, ...], ...]}}")
    result: dict[str, NDArray[Any]] = {}
    for split in SPLITS:
        if split in content:
            pieces = [_roll(piece, f"{file}: {split}[{i}]") for i, piece in enumerate(_items(content[split], file))]
            result |= _joined(split, pieces, file)
    return result


def read_mat_rolls(file: Path) -> dict[str, NDArray[Any]]:
    """The splits of a MATLAB file, level 5.

    Args:
        file: with cell arrays named traindata, validdata, testdata (or train, valid, test).

    Returns:
        As `read_pickled_rolls`.

    Raises:
        DataError: the file is damaged, of another level, or its matrices are no rolls of 88 columns.
    """
    try:
        _check_size(file)
        variables = dict(_mat_variables(file.read_bytes()))
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    except (OSError, struct.error, zlib.error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{file}: not readable as a MATLAB file ({error}); download it again") from error
    result: dict[str, NDArray[Any]] = {}
    for split in SPLITS:
        cells = variables.get(f"{split}data", variables.get(split))
        if cells is None:
            continue
        if not isinstance(cells, list):
            raise DataError(f'{file}: "{split}" is a matrix; expected a cell array with a matrix for each piece')
        for i, cell in enumerate(cells):
            if not isinstance(cell, np.ndarray) or cell.ndim != 2 or cell.shape[1] != N_KEYS:
                found = f"shape {cell.shape}" if isinstance(cell, np.ndarray) else "a cell array"
                raise DataError(f"{file}: {split}[{i}] must have the shape (frames, {N_KEYS}), got {found}")
            if not np.isin(cell, (0, 1)).all():
                raise DataError(f"{file}: {split}[{i}] must hold 0 and 1 and nothing else")
        result |= _joined(split, [cell.astype(np.uint8) for cell in cells], file)
    return result


def _check_size(file: Path) -> None:
    n_bytes = file.stat().st_size
    if n_bytes > _MAX_BYTES:
        raise DataError(f"{n_bytes} bytes is too large for a set of rolls (at most {_MAX_BYTES}); convert it to npz")


def _joined(split: str, pieces: list[NDArray[np.uint8]], file: Path) -> dict[str, NDArray[Any]]:
    if not pieces:
        raise DataError(f'{file}: split "{split}" holds no pieces; expected a list of pieces')
    return {split: np.concatenate(pieces), f"{split}_len": np.array([len(piece) for piece in pieces], np.int64)}


def _items(value: Any, where: object) -> list[Any]:
    if isinstance(value, np.ndarray) and value.ndim:
        return list(value)
    if not isinstance(value, list | tuple):
        raise DataError(f"{where}: expected a list of pieces, frames or notes, got {type(value).__name__}")
    return list(value)


def _roll(piece: Any, where: str) -> NDArray[np.uint8]:
    """A piece from the MIDI numbers of its frames."""
    frames = _items(piece, where)
    if len(frames) > _MAX_FRAMES:
        raise DataError(f"{where}: {len(frames)} frames are more than a set may have ({_MAX_FRAMES}); cut it")
    roll = np.zeros((len(frames), N_KEYS), np.uint8)
    for t, frame in enumerate(frames):
        for pitch in _items(frame, f"{where}, frame {t}"):
            if not isinstance(pitch, int | float | np.integer | np.floating) or not LOWEST <= pitch < LOWEST + N_KEYS:
                raise DataError(f"{where}, frame {t}: expected MIDI numbers 21 to 108, got {pitch!r}")
            if pitch != int(pitch):
                raise DataError(f"{where}, frame {t}: {pitch!r} is no whole MIDI number")
            roll[t, int(pitch) - LOWEST] = 1
    return roll


_MAT_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED, _CELL = 14, 15, 1
_NUMERIC = range(6, 16)  # classes of arrays: double, single, int8 to uint64


def _mat_variables(data: bytes) -> Iterator[tuple[str, Any]]:
    """Every variable of a level 5 file: its name, and an array or a list of the cells."""
    if data[:10] == b"MATLAB 7.3" or data[:8] == b"\x89HDF\r\n\x1a\n":
        raise DataError("a MATLAB 7.3 file (HDF5); save it again with -v7, or convert it to npz")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise DataError("not a MATLAB file of level 5; save it with -v7, or convert it to npz")
    unpacked = 0
    for kind, content in _elements(data[128:], order):
        part = [(kind, content)]
        if kind == _COMPRESSED:
            inflated = zlib.decompressobj().decompress(content, _MAX_BYTES - unpacked)
            unpacked += len(inflated)
            if unpacked >= _MAX_BYTES:
                raise DataError(f"unpacks to more than {_MAX_BYTES} bytes; convert it to npz")
            part = list(_elements(inflated, order))
        for inner_kind, inner in part:
            if inner_kind == _MATRIX:
                yield _mat_array(inner, order)


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of one element after another."""
    at = 0
    while at + 8 <= len(data):
        kind, n_bytes = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:  # a small one: both in the first word, the content in the second
            kind, n_bytes, at = kind & 0xFFFF, kind >> 16, at + 4
            stop = at + 4
        else:
            at += 8
            stop = at + n_bytes + (0 if kind == _COMPRESSED else -n_bytes % 8)
        if at + n_bytes > len(data):
            raise DataError("ends in the middle of an array; download it again")
        yield kind, data[at : at + n_bytes]
        at = stop


def _mat_array(data: bytes, order: str) -> tuple[str, Any]:
    """Name and value of one array."""
    parts = list(_elements(data, order))
    if not parts:
        return "", np.zeros((0, 0))
    flags, dims, name = (content for _, content in parts[:3])
    kind = struct.unpack_from(f"{order}I", flags)[0] & 0xFF
    shape = np.frombuffer(dims, f"{order}i4").tolist()
    label = name.decode("latin1")
    if kind == _CELL:
        return label, [_mat_array(content, order)[1] for _, content in parts[3:]]
    if kind not in _NUMERIC or len(parts) < 4:
        return label, np.zeros((0, 0))
    stored, content = parts[3]
    return label, np.frombuffer(content, order + _MAT_TYPES[stored]).reshape(shape, order="F")
