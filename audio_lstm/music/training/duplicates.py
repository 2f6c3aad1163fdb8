"""Pieces that are versions of each other: the same tune in another key, edition or arrangement.

    pairs = find_duplicates([melodic_lines(score) for score in scores])
    groups = group_pieces(len(scores), pairs)       # no group may be split between training and validation

Two pieces are versions of each other if they share many long passages (lines.py) that few other pieces have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.lines import Line, passage_hashes

__all__ = ["Duplicate", "find_duplicates", "group_pieces", "split_groups"]

PASSAGE_NOTES = 12
_COMMON = 8  # pieces; what more of them have is a scale or a figure of accompaniment, and says nothing
_LEAST_VARIETY = 4  # different intervals in a passage: repeated notes and trills say nothing either


@dataclass(frozen=True)
class Duplicate:
    """Two pieces that have a tune in common."""

    first: int  # numbers of the pieces, first < second
    second: int
    share: float  # of the passages of the piece that has fewer, those that the other has too


def find_duplicates(pieces: Sequence[Sequence[Line]], *, least_share: float = 0.15) -> list[Duplicate]:
    """The pairs of pieces that share tunes.

    Args:
        pieces: The lines of each, from `melodic_lines`.
        least_share: Of the telling passages of the shorter piece that must be in the other, above 0 and up to 1.

    Returns:
        The pairs, those that share most first.

    Raises:
        ConfigError: If the share is out of range.
    """
    if not 0.0 < least_share <= 1.0:
        raise ConfigError(f"least_share must lie above 0 and not above 1, got {least_share}")
    telling = [_telling(lines) for lines in pieces]
    owners = np.repeat(np.arange(len(pieces)), [len(found) for found in telling])
    hashes = np.concatenate([np.zeros(0, np.uint32), *telling])
    order = np.argsort(hashes, kind="stable")
    owners, hashes = owners[order], hashes[order]
    shared: Counter[tuple[int, int]] = Counter()
    edges = np.flatnonzero(np.append(np.append(True, hashes[1:] != hashes[:-1]), True))
    several = np.flatnonzero(np.diff(edges) > 1)
    for begin, end in zip(edges[several].tolist(), edges[several + 1].tolist(), strict=True):
        group = owners[begin:end].tolist()  # ascending: the sort is stable
        if len(group) <= _COMMON:
            shared.update((a, b) for i, a in enumerate(group) for b in group[i + 1 :])
    found = [
        Duplicate(a, b, count / min(len(telling[a]), len(telling[b])))
        for (a, b), count in shared.items()
        if count >= least_share * min(len(telling[a]), len(telling[b]))
    ]
    return sorted(found, key=lambda pair: (-pair.share, pair.first, pair.second))


def group_pieces(n_pieces: int, duplicates: Sequence[Duplicate]) -> NDArray[np.int64]:
    """Which pieces belong together, directly or through others.

    Args:
        n_pieces: How many there are.
        duplicates: From `find_duplicates`.

    Returns:
        int64 (n_pieces,): the number of the first piece of each one's group.
    """
    heads = list(range(n_pieces))

    def head(piece: int) -> int:
        while heads[piece] != piece:
            piece = heads[piece] = heads[heads[piece]]
        return piece

    for pair in duplicates:
        low, high = sorted((head(pair.first), head(pair.second)))
        heads[high] = low
    return np.array([head(piece) for piece in range(n_pieces)], dtype=np.int64)


def split_groups(groups: NDArray[np.int64], *, one_in: int = 10, seed: int = 0) -> NDArray[np.bool_]:
    """Choose pieces for validation, whole groups only.

    Args:
        groups: From `group_pieces`.
        one_in: Of so many pieces one is chosen, 2 or more.
        seed: Of the choice.

    Returns:
        bool (n_pieces,): True for validation. At least one piece, and not all, as long as there are two groups.

    Raises:
        ConfigError: If `one_in` is out of range.
    """
    if one_in < 2:
        raise ConfigError(f"one_in must be 2 or more, got {one_in}")
    chosen = np.zeros(len(groups), np.bool_)
    wanted = max(1, round(len(groups) / one_in))
    for group in np.random.default_rng(seed).permutation(np.unique(groups)).tolist():
        members = groups == group
        if chosen.sum() + members.sum() <= max(wanted, 1) or (not chosen.any() and not members.all()):
            chosen |= members
        if chosen.sum() >= wanted:
            break
    return chosen


def _telling(lines: Sequence[Line]) -> NDArray[np.uint32]:
    """The different passages of a piece that could tell it from others."""
    found = [np.zeros(0, np.uint32)]
    for line in lines:
        if len(line.pitches) < PASSAGE_NOTES:
            continue
        intervals = np.sort(np.lib.stride_tricks.sliding_window_view(np.diff(line.pitches), PASSAGE_NOTES - 1), axis=1)
        variety = 1 + (np.diff(intervals, axis=1) != 0).sum(axis=1)
        found.append(passage_hashes(line.pitches, PASSAGE_NOTES)[variety >= _LEAST_VARIETY])
    return np.unique(np.concatenate(found))
