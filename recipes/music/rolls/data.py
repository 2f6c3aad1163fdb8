"""Piano rolls as they lie on a disk, and two floors that any model of them must beat."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.models.metrics import NLL, PieceNLL
from recipes.music.rolls.files import LOWEST, N_KEYS, SPLITS, read_mat_rolls, read_pickled_rolls

__all__ = ["Rolls", "independent_floor", "load_rolls", "previous_value_floor"]


@dataclass(frozen=True)
class Rolls:
    """One split of a corpus."""

    pieces: tuple[NDArray[np.bool_], ...]  # (T, 88) each, column j is MIDI pitch 21 + j; frames may be silent
    names: tuple[str, ...]  # one a piece: "valid[3]"

    def first(self, n_pieces: int) -> Rolls:
        """The first pieces; 0 takes all, a negative number raises ConfigError."""
        if n_pieces < 0:
            raise ConfigError(f"the number of pieces must be 0 (all) or more, got {n_pieces}")
        stop = n_pieces or None
        return replace(self, pieces=self.pieces[:stop], names=self.names[:stop])


def load_rolls(path: str | os.PathLike[str], split: str) -> Rolls:
    """Piano rolls from npz: `split` (frames, 88) of all pieces end to end, `split_len` their lengths.

    Also from the .mat and .pickle files in which the four polyphonic sets of Boulanger-Lewandowski, Bengio and Vincent
    2012 are handed on (see files.py).

    Args:
        path: the file.
        split: "train", "valid" or "test".

    Returns:
        The pieces of the split.

    Raises:
        DataError: a missing file or split, another width, values other than 0 and 1, or lengths that do not add up to
            the frames.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"{file}: no such file; give the path of an npz, mat or pickle")
    forms = {".npz": _read_npz, ".mat": read_mat_rolls, ".pickle": read_pickled_rolls, ".pkl": read_pickled_rolls}
    if file.suffix.lower() not in forms:
        raise DataError(f"{file}: expected rolls as an npz, mat or pickle")
    arrays = forms[file.suffix.lower()](file)
    if split not in arrays:
        present = ", ".join(name for name in SPLITS if name in arrays)
        raise DataError(f'{file}: no split "{split}"; it has {present or "none"}')
    if f"{split}_len" not in arrays:
        raise DataError(f'{file}: "{split}" comes without "{split}_len", the lengths of its pieces in frames')
    frames, lengths = arrays[split], arrays[f"{split}_len"]
    if frames.ndim != 2 or frames.shape[1] != N_KEYS:
        raise DataError(f'{file}: "{split}" must have the shape (frames, {N_KEYS}), got {frames.shape}')
    if frames.dtype.kind not in "bui" or (frames.size and not np.isin(frames, (0, 1)).all()):
        raise DataError(f'{file}: "{split}" must hold whole numbers 0 and 1, got others ({frames.dtype})')
    if arrays.get("lowest_midi", LOWEST) != LOWEST:
        raise DataError(f"{file}: column 0 must be MIDI pitch {LOWEST}, got {arrays['lowest_midi']}")
    if lengths.ndim != 1 or lengths.dtype.kind not in "ui" or lengths.size == 0 or (lengths < 1).any():
        raise DataError(f'{file}: "{split}_len" must hold one whole number of frames >= 1 for each piece')
    if int(lengths.sum()) != len(frames):
        raise DataError(f'{file}: "{split}_len" adds up to {int(lengths.sum())}, "{split}" has {len(frames)} frames')
    pieces = np.split(frames.astype(np.bool_), np.cumsum(lengths.astype(np.int64))[:-1])
    return Rolls(tuple(pieces), tuple(f"{split}[{i}]" for i in range(len(pieces))))


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


def independent_floor(train: Sequence[NDArray[np.bool_]], pieces: Sequence[NDArray[np.bool_]]) -> NLL:
    """What fixed probabilities pay: each key on its own, with its share of the training frames (½ added).

    Args:
        train: rolls (T, 88) that the shares come from.
        pieces: rolls to score.

    Returns:
        Nats per frame.
    """
    frames = np.concatenate(train)
    p_on = (frames.sum(axis=0) + 0.5) / (len(frames) + 1.0)  # (88,)
    return _frame_nll([_bernoulli_nats(roll, p_on) for roll in pieces])


def previous_value_floor(train: Sequence[NDArray[np.bool_]], pieces: Sequence[NDArray[np.bool_]]) -> NLL:
    """What each key pays on its own, given whether it sounded in the frame before (silence before the first).

    Args:
        train: rolls (T, 88) that the probabilities come from (½ added).
        pieces: rolls to score.

    Returns:
        Nats per frame.
    """
    now, before = np.concatenate(train), np.concatenate([_delayed(roll) for roll in train])
    p_on = [
        ((now & (before == value)).sum(axis=0) + 0.5) / ((before == value).sum(axis=0) + 1.0) for value in (False, True)
    ]
    return _frame_nll([_bernoulli_nats(roll, np.where(_delayed(roll), p_on[1], p_on[0])) for roll in pieces])


def _delayed(roll: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.concatenate([np.zeros_like(roll[:1]), roll[:-1]])


def _bernoulli_nats(roll: NDArray[np.bool_], p_on: NDArray[np.float64]) -> tuple[float, int]:
    return float(-np.where(roll, np.log(p_on), np.log1p(-p_on)).sum()), len(roll)


def _frame_nll(costs: list[tuple[float, int]]) -> NLL:
    return NLL("frame", tuple(PieceNLL(f"piece {i}", nats, n, n) for i, (nats, n) in enumerate(costs)))
