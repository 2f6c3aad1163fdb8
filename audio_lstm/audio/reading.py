"""What is asked of a decoder, what it gives, and what it finds beside the sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import AudioError

__all__ = [
    "Block",
    "DecodedStream",
    "Findings",
    "ReadOptions",
    "check_sample_rate",
    "first_unsound",
    "one_line",
    "raise_damaged",
]

_MAX_LEVEL = 1e10  # of full scale: 32-bit integers that nobody scaled come to 2e9; beyond, powers overflow in float32
_SAME_PLACE_S = 0.01
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_000_000  # Hz; telephones use 8,000, the fastest recorders 768,000


@dataclass(frozen=True)
class ReadOptions:
    """How a recording is to be read."""

    allow_truncated: bool = False  # take what can be read of a file that is damaged or cut short
    track: int | None = None  # which sound track, counted from 1; None: the default one

    def check_track(self, n_tracks: int, where: str) -> None:
        """Whether there is the track that is asked for.

        Args:
            n_tracks: How many there are.
            where: Named in the error message.

        Raises:
            AudioError: If there is not.
        """
        if self.track is not None and not 1 <= self.track <= n_tracks:
            there = "one sound track" if n_tracks == 1 else f"{n_tracks} sound tracks"
            raise AudioError(f"{where}: has {there}, got track {self.track}; they are counted from 1")


class Block(NamedTuple):
    """Samples that follow those before."""

    frames: NDArray[np.float32]  # (samples, channels), full scale ±1
    sample_rate: int  # Hz; another one only where a file goes over to it
    begins: bool = False  # whether another recording begins here, as in a chained Ogg


@dataclass(frozen=True)
class DecodedStream:
    """A recording that is being decoded; `blocks` can be drawn once."""

    announced_s: float | None  # how long it says that it is; None where it does not
    is_certain: bool  # whether that can be relied on to refuse what is too long
    blocks: Iterator[Block]


class Findings:
    """Notes on a recording, as it is read."""

    def __init__(self) -> None:
        """Start without any."""
        self._notes: list[str] = []
        self._damage: list[tuple[float, str]] = []
        self._missing_s = 0.0
        self._gaps: list[tuple[float, float]] = []

    def note(self, text: str) -> None:
        """Take a note, once."""
        if text not in self._notes:
            self._notes.append(text)

    def damaged(self, at_s: float, reason: str) -> None:
        """Note a place that cannot be decoded."""
        if not self._damage or at_s - self._damage[-1][0] > _SAME_PLACE_S:
            self._damage.append((at_s, reason))

    def missing(self, gap_s: float) -> None:
        """Note how much a damaged place has cost."""
        self._missing_s += gap_s

    def gap(self, at_s: float, gap_s: float) -> None:
        """Note a stretch for which there are no packets."""
        self._gaps.append((at_s, gap_s))

    @property
    def notes(self) -> tuple[str, ...]:
        """Each a line."""
        lines = list(self._notes)
        if self._damage:
            at_s, reason = self._damage[0]
            places = f"damaged at {at_s:.1f} s ({reason})"
            if len(self._damage) > 1:
                places = f"damaged in {len(self._damage)} places, the first at {at_s:.1f} s ({reason})"
            rest = f"; {self._missing_s:.2f} s are missing, silence stands for them" if self._missing_s else ""
            lines.append(places + rest)
        if self._gaps:
            at_s, gap_s = self._gaps[0]
            lines.append(
                f"no sound is stored for {sum(gap for _, gap in self._gaps):.2f} s in {len(self._gaps)} "
                f"{'place' if len(self._gaps) == 1 else 'places'} (the first: {gap_s:.2f} s at {at_s:.1f} s); "
                "silence stands for it"
            )
        return tuple(lines)


def check_sample_rate(sample_rate: int, where: str) -> int:
    """The rate itself, once it is known to be one that sound is recorded at.

    Args:
        sample_rate: In Hz.
        where: Named in error messages, e.g. the path.

    Returns:
        `sample_rate`, unchanged.

    Raises:
        AudioError: For a rate that no recording has.
    """
    if not _LOWEST_RATE <= sample_rate <= _HIGHEST_RATE:
        raise AudioError(
            f"{where}: a sample rate of {sample_rate} Hz is not one of sound "
            f"({_LOWEST_RATE:,} to {_HIGHEST_RATE:,} Hz); the header may be damaged: export the file again"
        )
    return sample_rate


def raise_damaged(error: Exception, where: str, position_s: float) -> NoReturn:
    """Report a place that cannot be decoded.

    Args:
        error: What the decoder says.
        where: Named in the message, e.g. the path.
        position_s: The place, in seconds from the start.

    Raises:
        AudioError: Always.
    """
    raise AudioError(
        f"{where}: damaged or cut short after {position_s:.1f} s ({one_line(error)}); copy or export it again, "
        "or pass allow_truncated=True (--allow-truncated) to use what can be read"
    ) from error


def one_line(error: Exception) -> str:
    """What a library said, on one line and where possible without its prefix, which may be a path."""
    text = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    return " ".join(text.split()) or type(error).__name__


def first_unsound(samples: NDArray[np.floating]) -> tuple[int, str] | None:
    """Where samples stop being sound.

    Args:
        samples: Of one channel (n,), or of several (n, channels).

    Returns:
        The first row with a sample that is no sound, and what it is; None if all are sound.
    """
    flat = samples.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        if np.dot(flat, flat) <= _MAX_LEVEL:  # quick, and true of all but odd files
            return None
        sound = np.abs(samples.reshape(len(samples), -1)) <= _MAX_LEVEL  # (n, channels); NaN is not
    if sound.all():
        return None
    row = int(np.argmin(sound.all(axis=1)))
    is_finite = bool(np.isfinite(samples[row]).all())
    return row, f"beyond {_MAX_LEVEL:g} times full scale" if is_finite else "NaN or infinite"
