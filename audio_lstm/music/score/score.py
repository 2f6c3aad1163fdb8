"""What a piece of music is here: notes, tracks, tempi, metres and keys on an integer time grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ScoreError

__all__ = [
    "DEFAULT_MICROSECONDS_PER_QUARTER",
    "MAX_TICKS",
    "NOTE_DTYPE",
    "KeySignature",
    "Score",
    "Tempo",
    "TimeSignature",
    "Track",
    "make_notes",
    "rescale_ticks",
]

NOTE_DTYPE = np.dtype(
    [
        ("start_ticks", np.int64),
        ("duration_ticks", np.int64),
        ("pitch", np.int64),  # MIDI note number, 60 is middle C
        ("velocity", np.int64),  # 1..127
        ("track", np.int64),  # index into Score.tracks
    ]
)
"""One note. All fields are int64, so that arithmetic on them never wraps and a row is five plain words."""

DEFAULT_MICROSECONDS_PER_QUARTER = 500_000
"""120 quarters a minute: what the MIDI standard assumes before the first tempo event."""

MAX_TICKS = 2**28 - 1
"""The last tick of a score: the longest delta time that a MIDI file can hold (four bytes of seven bits)."""

_MAX_TICKS_PER_QUARTER = 2**15 - 1  # the division field of a MIDI header without its SMPTE bit


def _check(value: int, low: int, high: int, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise ScoreError(f"{what} is {value!r}; expected a whole number from {low} to {high}")


@dataclass(frozen=True)
class Track:
    """One instrument's part.

    Raises:
        ScoreError: the program is not 0..127.
    """

    name: str = ""
    program: int = 0  # General MIDI program, 0 is the piano; for drums the kit
    is_drum: bool = False

    def __post_init__(self) -> None:
        _check(self.program, 0, 127, f"program of track {self.name!r}")


@dataclass(frozen=True)
class Tempo:
    """From this tick on, how long a quarter note lasts, in whole microseconds as in a MIDI file.

    Raises:
        ScoreError: a value is out of the range of a MIDI file.
    """

    tick: int
    microseconds_per_quarter: int

    def __post_init__(self) -> None:
        _check(self.tick, 0, MAX_TICKS, "tick of a tempo")
        _check(self.microseconds_per_quarter, 1, 2**24 - 1, "microseconds per quarter of a tempo")

    @property
    def bpm(self) -> float:
        """Quarter notes a minute."""
        return 60e6 / self.microseconds_per_quarter

    @classmethod
    def from_bpm(cls, tick: int, bpm: float) -> Tempo:
        """The tempo whose whole number of microseconds is nearest to `bpm` quarters a minute."""
        return cls(tick, round(60e6 / bpm))


@dataclass(frozen=True)
class TimeSignature:
    """From this tick on, `numerator` notes of 1/`denominator` make a bar; the tick starts one, even in the same metre.

    Raises:
        ScoreError: a value is out of range, or the denominator is no power of two.
    """

    tick: int
    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        _check(self.tick, 0, MAX_TICKS, "tick of a time signature")
        _check(self.numerator, 1, 255, "numerator of a time signature")
        if self.denominator not in (1, 2, 4, 8, 16, 32, 64, 128):
            raise ScoreError(
                f"denominator of a time signature is {self.denominator!r}; expected a power of two, 1 to 128"
            )

    @property
    def bar_quarters(self) -> float:
        """The length of a bar in quarter notes (exact: a multiple of 1/32)."""
        return 4 * self.numerator / self.denominator


@dataclass(frozen=True)
class KeySignature:
    """From this tick on, how many sharps (flats negative) the key has, and whether it is minor.

    Raises:
        ScoreError: a value is out of range.
    """

    tick: int
    sharps: int
    is_minor: bool = False

    def __post_init__(self) -> None:
        _check(self.tick, 0, MAX_TICKS, "tick of a key signature")
        _check(self.sharps, -7, 7, "sharps of a key signature")


# In the order of NOTE_DTYPE; the highest track depends on the score.
_NOTE_RANGES = {
    "start_ticks": (0, MAX_TICKS),
    "duration_ticks": (1, MAX_TICKS),
    "pitch": (0, 127),
    "velocity": (1, 127),
    "track": (0, 0),
}

_Event = TypeVar("_Event", Tempo, TimeSignature, KeySignature)


def make_notes(
    start_ticks: ArrayLike,
    duration_ticks: ArrayLike,
    pitch: ArrayLike,
    velocity: ArrayLike = 80,
    track: ArrayLike = 0,
) -> NDArray[Any]:
    """Notes for a `Score`, from one array (or one number for all) a field.

    Args:
        start_ticks: where each note starts, (n,).
        duration_ticks: how long it lasts, (n,), at least 1.
        pitch: MIDI note numbers, (n,).
        velocity: 1..127, (n,).
        track: index into the score's tracks, (n,).

    Returns:
        (n,) `NOTE_DTYPE`, in the order given.
    """
    fields = np.broadcast_arrays(
        *(np.atleast_1d(values) for values in (start_ticks, duration_ticks, pitch, velocity, track))
    )
    notes = np.empty(fields[0].shape, NOTE_DTYPE)
    for name, values in zip(NOTE_DTYPE.names or (), fields, strict=True):
        notes[name] = values
    return notes


def rescale_ticks(ticks: Any, old: int, new: int) -> Any:
    """Ticks at another resolution, rounded to the nearest (halves up).

    Args:
        ticks: whole numbers at `old` ticks a quarter; one, or an array of any shape.
        old: ticks a quarter.
        new: ticks a quarter.

    Returns:
        The same shape, at `new` ticks a quarter.
    """
    return (2 * ticks * new + old) // (2 * old)


@dataclass(frozen=True, eq=False)
class Score:
    """A piece of music: frozen, checked, and in one canonical order, so that equal music compares equal.

    Notes are sorted by start, track, pitch, duration and velocity, and read-only. Of several tempi (metres,
    keys) on one tick the last one counts. Before the first tempo 120 quarters a minute hold, and before the
    first time signature 4/4, as in a MIDI file.

    Examples:
        >>> score = Score(480, make_notes([0, 480], 480, [60, 64]), tracks=(Track("Flute", program=73),))
        >>> score.n_notes, score.duration_s
        (2, 1.0)

    Raises:
        ScoreError: a value is out of range, or a note names a track that is not there.
    """

    ticks_per_quarter: int  # 1..32767
    notes: NDArray[Any] = field(default_factory=lambda: np.empty(0, NOTE_DTYPE))  # (n_notes,) NOTE_DTYPE
    tracks: tuple[Track, ...] = ()
    tempi: tuple[Tempo, ...] = ()  # sorted by tick, one a tick
    time_signatures: tuple[TimeSignature, ...] = ()  # sorted by tick, one a tick
    key_signatures: tuple[KeySignature, ...] = ()  # sorted by tick, one a tick
    remarks: tuple[str, ...] = ()  # what its reader left out or took for granted; no part of the music

    def __post_init__(self) -> None:
        _check(self.ticks_per_quarter, 1, _MAX_TICKS_PER_QUARTER, "ticks per quarter")
        if self.notes.ndim != 1 or self.notes.dtype != NOTE_DTYPE:
            raise ScoreError(
                f"notes have shape {self.notes.shape} and type {self.notes.dtype}; expected (n,) NOTE_DTYPE "
                "(build them with make_notes)"
            )
        tracks = tuple(self.tracks)
        _check_notes(self.notes, len(tracks))
        notes = _sorted_notes(self.notes)
        notes.setflags(write=False)
        object.__setattr__(self, "notes", notes)
        object.__setattr__(self, "tracks", tracks)
        for name in ("tempi", "time_signatures", "key_signatures"):
            object.__setattr__(self, name, _last_on_each_tick(getattr(self, name)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Score):
            return NotImplemented
        return (
            self.ticks_per_quarter == other.ticks_per_quarter
            and self.tracks == other.tracks
            and self.tempi == other.tempi
            and self.time_signatures == other.time_signatures
            and self.key_signatures == other.key_signatures
            and np.array_equal(self.notes, other.notes)
        )

    def __hash__(self) -> int:
        return hash((self.ticks_per_quarter, self.tracks, self.tempi, self.notes.tobytes()))

    @property
    def n_notes(self) -> int:
        """How many notes there are."""
        return len(self.notes)

    @property
    def end_ticks(self) -> int:
        """Where the last note ends; 0 without notes."""
        return int((self.notes["start_ticks"] + self.notes["duration_ticks"]).max()) if self.n_notes else 0

    @property
    def duration_s(self) -> float:
        """From tick 0 to the end of the last note, in seconds, by the tempi."""
        return float(self.seconds_at(np.array([self.end_ticks]))[0])

    def require_notes(self, name: str = "the score") -> Score:
        """This score, provided that there is something in it to learn from or to play.

        Args:
            name: what the message calls it, such as the file's path.

        Returns:
            The score itself.

        Raises:
            ScoreError: there is no note in it.
        """
        if not self.n_notes:
            raise ScoreError(f"{name}: there is no note in it; give a score with at least one note")
        return self

    def seconds_at(self, ticks: ArrayLike) -> NDArray[np.float64]:
        """When ticks sound.

        Args:
            ticks: any shape; fractions of a tick are welcome.

        Returns:
            Seconds from tick 0, same shape.
        """
        tempi = self.tempi
        if not tempi or tempi[0].tick > 0:
            tempi = (Tempo(0, DEFAULT_MICROSECONDS_PER_QUARTER), *tempi)
        change_ticks = np.array([tempo.tick for tempo in tempi])
        microseconds = np.array([tempo.microseconds_per_quarter for tempo in tempi])
        # Whole tick-microseconds until each change: the sum is exact, one division turns it into seconds.
        elapsed = np.concatenate(([0], np.cumsum(np.diff(change_ticks) * microseconds[:-1])))
        ticks = np.asarray(ticks)
        segment = np.maximum(np.searchsorted(change_ticks, ticks, side="right") - 1, 0)
        total = elapsed[segment] + (ticks - change_ticks[segment]) * microseconds[segment]
        return np.asarray(total / (1e6 * self.ticks_per_quarter), dtype=np.float64)

    def transpose(self, semitones: int) -> Score:
        """The same music, higher or lower; drums stay, and key signatures follow.

        Args:
            semitones: how far up (down where negative).

        Returns:
            A new score.

        Raises:
            ScoreError: a note would leave MIDI's 0..127.
        """
        notes = self.notes.copy()
        is_drum = np.array([track.is_drum for track in self.tracks], dtype=bool)
        tonal = ~is_drum[notes["track"]] if len(is_drum) else np.zeros(0, bool)
        notes["pitch"][tonal] += semitones
        if len(notes) and not 0 <= notes["pitch"].min() <= notes["pitch"].max() <= 127:
            low, high = notes["pitch"].min(), notes["pitch"].max()
            raise ScoreError(
                f"transposing by {semitones} takes pitches to {low}..{high}, not 0..127: transpose by less"
            )
        keys = tuple(replace(key, sharps=_transposed_sharps(key, semitones)) for key in self.key_signatures)
        return replace(self, notes=notes, key_signatures=keys)

    def resample_ticks(self, ticks_per_quarter: int) -> Score:
        """The same music at another resolution, every time rounded to the nearest tick (halves up).

        Starts and ends are rounded, not lengths, so that notes that touch still touch; no note gets shorter
        than one tick. Exact where every time is a multiple of a new tick.

        Args:
            ticks_per_quarter: the new resolution, 1..32767.

        Returns:
            A new score; itself where nothing changes.
        """
        old = self.ticks_per_quarter
        if ticks_per_quarter == old:
            return self
        _check(ticks_per_quarter, 1, _MAX_TICKS_PER_QUARTER, "ticks per quarter")
        notes = self.notes.copy()
        end = notes["start_ticks"] + notes["duration_ticks"]
        notes["start_ticks"] = rescale_ticks(notes["start_ticks"], old, ticks_per_quarter)
        notes["duration_ticks"] = np.maximum(rescale_ticks(end, old, ticks_per_quarter) - notes["start_ticks"], 1)
        return replace(
            self,
            ticks_per_quarter=ticks_per_quarter,
            notes=notes,
            tempi=_rescale_events(self.tempi, old, ticks_per_quarter),
            time_signatures=_rescale_events(self.time_signatures, old, ticks_per_quarter),
            key_signatures=_rescale_events(self.key_signatures, old, ticks_per_quarter),
        )


def _sorted_notes(notes: NDArray[Any]) -> NDArray[Any]:
    """Ordered by start, track, pitch, duration and velocity; a new array. The fields are known to be in range."""
    # 28 bits of start, 28 of track, 7 of pitch: one integer a note sorts many times faster than five keys.
    key = (notes["start_ticks"] << 35) | (notes["track"] << 7) | notes["pitch"]
    if (key[1:] > key[:-1]).all():
        return notes.copy()
    order = np.argsort(key, kind="stable")
    notes, key = notes[order], key[order]
    tied = np.flatnonzero(np.append(False, key[1:] == key[:-1]) | np.append(key[1:] == key[:-1], False))
    if len(tied):  # mostly a few
        rows = notes[tied]
        notes[tied] = rows[np.lexsort((rows["velocity"], rows["duration_ticks"], key[tied]))]
    return notes


def _check_notes(notes: NDArray[Any], n_tracks: int) -> None:
    if not len(notes):
        return
    rows = np.ascontiguousarray(notes).view(np.int64).reshape(len(notes), len(_NOTE_RANGES)).T.copy()
    lowest, highest = rows.min(axis=1).tolist(), rows.max(axis=1).tolist()
    for name, least, most in zip(_NOTE_RANGES, lowest, highest, strict=True):
        low, high = _NOTE_RANGES[name]
        if name == "track":
            high = n_tracks - 1
        if least < low or most > high:
            worst = least if least < low else most
            raise ScoreError(f"{name} of a note is {worst}; expected {low} to {high}")
    end = int((rows[0] + rows[1]).max())
    if end > MAX_TICKS:
        raise ScoreError(f"a note ends at tick {end}, after the last, {MAX_TICKS}: use fewer ticks per quarter")


def _last_on_each_tick(events: Iterable[_Event]) -> tuple[_Event, ...]:
    by_tick = {event.tick: event for event in sorted(events, key=lambda event: event.tick)}
    return tuple(by_tick.values())


def _rescale_events(events: Sequence[_Event], old: int, new: int) -> tuple[_Event, ...]:
    return tuple(replace(event, tick=int(rescale_ticks(event.tick, old, new))) for event in events)


def _transposed_sharps(key: KeySignature, semitones: int) -> int:
    """A semitone is seven steps round the circle of fifths; of enharmonic keys, the one with fewer signs."""
    if semitones % 12 == 0:
        return key.sharps
    sharps = (key.sharps + 7 * semitones) % 12
    return sharps if sharps <= 6 else sharps - 12
