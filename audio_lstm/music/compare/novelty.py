"""How much of a piece is copied: the longest run of notes that it shares with the music that a model was trained on.

    index = NoveltyIndex.load(open_model("chorale", "music").path)
    report = index.report(score)
    report.longest              # SharedRun(n_notes=11, piece="train[12]", start_s=8.0, …), or None
    print(report.summary())     # longest run …: 11 notes, …; real held-out pieces: median 14, 90 % at most 35

What counts as a run, and how exactly its length is known, is said in fingerprints.py.

Real music quotes too. The index holds the longest run of each piece of a held-out set, found in
the same way, and every report names their median and 90th percentile beside its own figure.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.atomic import atomic_write
from audio_lstm.checkpoint import NOVELTY_FILE, open_model
from audio_lstm.errors import ModelError
from audio_lstm.music.compare.fingerprints import (
    GRID,
    KEY_NOTES,
    KEY_PRINTS,
    PRINT_INTERVALS,
    fingerprints,
    keys_of,
    lines_of,
    telling,
)
from audio_lstm.music.score.lines import Line
from audio_lstm.music.score.score import Score

if TYPE_CHECKING:
    from audio_lstm.music.models.composer import Composer

__all__ = [
    "NoveltyIndex",
    "NoveltyReport",
    "SharedRun",
    "load_index",
    "novelty",
]

_VERSION = 1


@dataclass(frozen=True)
class SharedRun:
    """A passage that a piece has in common with one of the training set."""

    n_notes: int  # repeated notes count once
    piece: str  # name of the training piece
    piece_note: int  # where it begins there: notes of the line before it, repeated ones counted once
    track: int  # of the piece that was asked about, index into Score.tracks
    first_note: int  # where it begins in that track's line, counted in the same way
    start_s: float  # from the beginning of the piece to the run's first onset
    duration_s: float  # to the end of its last note

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON values."""
        return {**vars(self), "start_s": round(self.start_s, 3), "duration_s": round(self.duration_s, 3)}


@dataclass(frozen=True)
class NoveltyReport:
    """How much of a piece is copied, beside how much real pieces share."""

    longest: SharedRun | None  # None: no run of 8 notes or more
    held_out_median: float | None  # notes, over real pieces that were not trained on; None: the index has none
    held_out_90: float | None  # nine of ten of them have no longer run

    @property
    def n_notes(self) -> int:
        """Notes of the longest run; 0 where there is none of 8 or more."""
        return self.longest.n_notes if self.longest else 0

    def summary(self) -> str:
        """One line for people."""
        if self.longest is None:
            found = f"shares no run of {KEY_NOTES} notes with the training set"
        else:
            run = self.longest
            found = (
                f"longest run shared with the training set: {run.n_notes} notes, {run.duration_s:.1f} s from "
                f"{run.start_s:.1f} s on ({run.piece})"
            )
        if self.held_out_median is None:
            return found
        return f"{found}; real held-out pieces: median {self.held_out_median:g}, 90 % at most {self.held_out_90:g}"

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "longest": self.longest.to_dict() if self.longest else None,
            "held_out_median": self.held_out_median,
            "held_out_90": self.held_out_90,
        }


@dataclass(frozen=True, eq=False)
class NoveltyIndex:
    """The fingerprints of a training set.

    Raises:
        ModelError: parts that do not fit together.
    """

    prints: NDArray[np.uint8]  # (n,) the lines of all pieces, a zero before each and four at the end
    line_starts: NDArray[np.int64]  # (n_lines,) the first byte of each line, ascending
    line_pieces: NDArray[np.int64]  # (n_lines,) numbers of the pieces
    names: tuple[str, ...]  # of the pieces
    held_out: NDArray[np.int64]  # longest run in notes of each piece of a held-out set, ascending; may be empty

    def __post_init__(self) -> None:
        ends = np.flatnonzero(self.prints == 0)
        starts, pieces = self.line_starts, self.line_pieces
        if (
            len(self.prints) < 1 + KEY_PRINTS
            or self.prints[0] != 0
            or self.prints[-KEY_PRINTS:].any()
            or starts.shape != pieces.shape
            or not np.array_equal(starts, ends[: len(starts)] + 1)
            or (len(pieces) and not 0 <= pieces.min() <= pieces.max() < len(self.names))
        ):
            raise ModelError("a novelty index whose lines and fingerprints do not fit together; build it again")

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> NoveltyIndex:
        """Read the index that lies beside a model.

        Args:
            folder: A model folder, or the file itself.

        Returns:
            The index.

        Raises:
            ModelError: If there is none, or it is damaged.
        """
        file = Path(folder)
        file = file / NOVELTY_FILE if file.is_dir() else file
        if not file.is_file():
            raise ModelError(f"{file}: no such file; recipes/music/novelty_index.py writes it beside a model")
        try:
            with np.load(file, allow_pickle=False) as stored:
                if int(stored["version"]) != _VERSION:
                    raise ModelError(f"{file}: version {stored['version']}, this one reads {_VERSION}; build it again")
                return cls(
                    stored["prints"].astype(np.uint8, casting="safe"),
                    stored["line_starts"].astype(np.int64, casting="safe"),
                    stored["line_pieces"].astype(np.int64, casting="safe"),
                    tuple(stored["names"].tobytes().decode("utf-8").split("\n")),
                    stored["held_out"].astype(np.int64, casting="safe"),
                )
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ModelError(f"{file}: damaged ({error}); copy the model again") from error

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the index, whole or not at all.

        Args:
            folder: A model folder.

        Returns:
            The file.

        Raises:
            ModelError: If it cannot be written there.
        """
        file = Path(folder) / NOVELTY_FILE
        try:
            with atomic_write(file) as scratch:
                np.savez_compressed(
                    scratch,
                    version=np.int32(_VERSION),
                    prints=self.prints,
                    line_starts=self.line_starts.astype(np.uint32),
                    line_pieces=self.line_pieces.astype(np.uint32),
                    names=np.frombuffer("\n".join(self.names).encode(), np.uint8),
                    held_out=self.held_out.astype(np.uint32),
                )
        except OSError as error:
            raise ModelError(f"{file}: cannot be written ({error.strerror}); check the folder") from error
        return file

    @cached_property
    def table(self) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
        """All keys of four fingerprints, ascending, and the place where each begins (made when first asked for)."""
        keys = keys_of(self.prints)
        order = np.argsort(keys, kind="stable").astype(np.int32)
        order = order[(self.prints != 0)[order]]
        return keys[order], order

    def report(self, score: Score) -> NoveltyReport:
        """What a piece shares with the training set, beside what real pieces share.

        Args:
            score: Any piece.

        Returns:
            The longest run, and the figures of the held-out set.
        """
        if not len(self.held_out):
            return NoveltyReport(self.longest_run(score), None, None)
        # The smallest length that so many pieces do not pass: a number of notes, not a mean of two.
        median, most = np.quantile(self.held_out, (0.5, 0.9), method="inverted_cdf").tolist()
        return NoveltyReport(self.longest_run(score), median, most)

    def longest_run(self, score: Score) -> SharedRun | None:
        """The longest run that a piece shares with the training set.

        Args:
            score: Any piece; drums are left out.

        Returns:
            The run; of several of one length the first one. None if there is none of 8 notes or more.
        """
        best, found = KEY_NOTES - 1, None
        for line in lines_of(score):
            n_notes, first_note, place = self._longest(line.pitches)
            if n_notes > best:
                best, found = n_notes, (line, n_notes, first_note, place)
        if found is None:
            return None
        line, n_notes, first_note, place = found
        number = int(np.searchsorted(self.line_starts, place, side="right")) - 1
        start_s, end_s = _seconds(score, line, first_note, n_notes)
        return SharedRun(
            n_notes,
            self.names[int(self.line_pieces[number])],
            place - int(self.line_starts[number]),
            line.track,
            first_note,
            start_s,
            end_s - start_s,
        )

    def _longest(self, pitches: NDArray[np.int64]) -> tuple[int, int, int]:
        """Notes of the longest run, where it begins in the line, and where among the fingerprints."""
        if len(pitches) < KEY_NOTES:
            return 0, 0, 0
        steps = np.diff(pitches)
        windows = np.lib.stride_tricks.sliding_window_view
        own = np.full(len(steps) - PRINT_INTERVALS + 3, -1, np.int16)  # -1 at both ends agrees with nothing
        own[1:-1] = fingerprints(windows(steps, PRINT_INTERVALS))
        tells = np.append(False, telling(windows(steps, KEY_NOTES - 1)))  # tells[i]: of the key at own[i]
        keys, places = self.table
        here = np.flatnonzero(tells)
        wanted = keys_of(own[: len(tells) + KEY_PRINTS - 1])[here]
        low, high = np.searchsorted(keys, wanted, side="left"), np.searchsorted(keys, wanted, side="right")
        n_found = high - low
        here = np.repeat(here, n_found)
        offsets = np.arange(len(here)) - np.repeat(np.cumsum(n_found) - n_found, n_found)
        there = places[np.repeat(low, n_found) + offsets].astype(np.int64)
        # What goes on from a telling key before it is the same run: it has been counted from there.
        begins = ~tells[here - 1] | (own[here - 1] != self.prints[there - 1])
        here, there = here[begins], there[begins]
        before = _reach(own, self.prints, here - 1, there - 1, -1)
        after = _reach(own, self.prints, here + KEY_PRINTS, there + KEY_PRINTS, 1)
        if not len(here):
            return 0, 0, 0
        n_prints = before + KEY_PRINTS + after
        best = int(np.lexsort((here, -n_prints))[0])
        return (
            int(n_prints[best]) + PRINT_INTERVALS,
            int(here[best] - before[best]) - 1,
            int(there[best] - before[best]),
        )


def novelty(
    piece: Score | str | os.PathLike[str], *, model: str | os.PathLike[str] | Composer = "chorale"
) -> NoveltyReport:
    """How much of a piece is copied from what a model was trained on.

    Examples:
        >>> import audio_lstm
        >>> piece = audio_lstm.compose(seed=1, bars=8)
        >>> print(audio_lstm.novelty(piece.score).summary())
        longest run shared with the training set: ... real held-out pieces: median ...

    Args:
        piece: A score, or a MIDI or MusicXML file.
        model: A shipped model's name, a model folder, a hub id, or a model from `load_music`.

    Returns:
        The longest run shared with the training set, beside what real held-out pieces share.

    Raises:
        ModelError: If the model is not found, or no index lies beside it.
    """
    from audio_lstm.music.files.files import read_score

    if isinstance(model, str | os.PathLike):
        folder = open_model(model, "music").path
    elif model.folder is None:
        raise ModelError(f"model {model.name!r} lies in no folder, so no index lies beside it; load it by name or path")
    else:
        folder = model.folder
    score = piece if isinstance(piece, Score) else read_score(piece)
    return load_index(folder).report(score)


def load_index(folder: str | os.PathLike[str]) -> NoveltyIndex:
    """The index that lies beside a model; the last few are kept ready.

    Args:
        folder: A model folder.

    Returns:
        The index, the same object as long as its file does not change. What is raised: `NoveltyIndex.load`.
    """
    file = Path(folder) / NOVELTY_FILE
    return _load(file, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=4)
def _load(file: Path, changed_ns: int) -> NoveltyIndex:
    return NoveltyIndex.load(file)


def _reach(
    own: NDArray[np.int16], prints: NDArray[np.uint8], here: NDArray[np.int64], there: NDArray[np.int64], step: int
) -> NDArray[np.int64]:
    """How many bytes agree from each pair of places on, forwards or backwards."""
    reach = np.zeros(len(here), np.int64)
    going = np.arange(len(here))
    while len(going):
        going = going[own[here[going] + step * reach[going]] == prints[there[going] + step * reach[going]]]
        reach[going] += 1
    return reach


def _seconds(score: Score, line: Line, first_note: int, n_notes: int) -> tuple[float, float]:
    """When a run begins, and when its last note ends."""
    gridded = score.resample_ticks(GRID)
    last = line.start_ticks[first_note + n_notes - 1]
    notes = gridded.notes[gridded.notes["track"] == line.track]
    final = notes[notes["start_ticks"] == last]
    end = last + int(final["duration_ticks"][np.argmax(final["pitch"])])
    start_s, end_s = gridded.seconds_at([int(line.start_ticks[first_note]), int(end)]).tolist()
    return start_s, end_s
