"""Voice grids: four voices on a grid of 16ths, as chorale data holds them; checked, transposed, written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_lstm.errors import ScoreError
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes

__all__ = [
    "N_VOICES",
    "REST_PITCH",
    "STEPS_PER_QUARTER",
    "VOICES",
    "VOICE_NAMES",
    "VOICE_TRACKS",
    "allowed_transpositions",
    "as_voice_grid",
    "score_to_melody",
    "score_to_voice_grid",
    "transpose",
    "voice_grid_to_score",
]

VOICES = "SATB"
"""The columns of a voice grid: soprano, alto, tenor, bass."""
VOICE_NAMES = ("Soprano", "Alto", "Tenor", "Bass")
N_VOICES = 4
STEPS_PER_QUARTER = 4
REST_PITCH = -1
"""What a voice grid holds where a voice is silent."""
_TICKS_PER_STEP = 120  # 480 ticks a quarter, what most notation programs write
_CHOIR = 52  # General MIDI "Choir Aahs", counted from 0
VOICE_TRACKS = tuple(Track(name, _CHOIR) for name in VOICE_NAMES)
"""The tracks of a chorale."""


def as_voice_grid(grid: ArrayLike) -> NDArray[np.int64]:
    """A checked voice grid.

    Args:
        grid: (T, 4) whole numbers, one row a 16th: MIDI pitches of soprano, alto, tenor and bass, -1 = rest.

    Returns:
        (T, 4) int64, a new array.

    Raises:
        ScoreError: not four voices, no step, a number that is not whole, or outside -1..127.
    """
    try:
        values = np.asarray(grid, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ScoreError(f"a voice grid holds rows of four MIDI pitches (-1 = rest): {error}") from error
    if values.ndim != 2 or values.shape[1] != N_VOICES or values.shape[0] == 0:
        raise ScoreError(f"a voice grid has the shape (steps, 4), steps >= 1; got {values.shape}")
    bad = ~((values >= REST_PITCH) & (values <= 127) & (values == np.floor(values)))
    if bad.any():
        step, voice = (int(i) for i in np.argwhere(bad)[0])
        raise ScoreError(
            f"step {step}, voice {VOICES[voice]}: expected a MIDI pitch 0-127 or -1 for a rest, "
            f"got {values[step, voice]:g}"
        )
    return values.astype(np.int64)


def allowed_transpositions(grid: ArrayLike, *, low: int = 33, high: int = 84) -> range:
    """The semitones by which a voice grid can be moved and still fit.

    Args:
        grid: (T, 4) voice grid.
        low: lowest MIDI pitch allowed.
        high: highest MIDI pitch allowed.

    Returns:
        Semitones, ascending; empty if the grid is wider than the range, only 0 if it holds nothing but rests.
    """
    values = as_voice_grid(grid)
    pitches = values[values != REST_PITCH]
    if pitches.size == 0:
        return range(1)
    return range(low - int(pitches.min()), high - int(pitches.max()) + 1)


def transpose(grid: ArrayLike, semitones: int) -> NDArray[np.int64]:
    """A voice grid moved up or down; rests stay rests.

    Args:
        grid: (T, 4) voice grid.
        semitones: how far, negative = down.

    Returns:
        (T, 4) int64, a new array.

    Raises:
        ScoreError: a pitch would leave MIDI's 0..127.
    """
    values = as_voice_grid(grid)
    moved = np.where(values == REST_PITCH, REST_PITCH, values + semitones)
    sounding = moved[values != REST_PITCH]
    if sounding.size and (sounding.min() < 0 or sounding.max() > 127):
        raise ScoreError(
            f"transposing by {semitones} semitones leaves MIDI's 0-127: pitches {sounding.min()} to {sounding.max()}"
        )
    return moved


def voice_grid_to_score(
    grid: ArrayLike, *, bpm: float = 80.0, names: Sequence[str] = VOICE_NAMES, program: int = _CHOIR
) -> Score:
    """A voice grid as a score with a track for each voice.

    Equal pitches that follow each other in a voice become one held note, across bar lines too: a voice grid does
    not tell a repeated note from a held one. A tie at the bar line is the business of whoever draws the notes.

    Args:
        grid: (T, 4) MIDI pitches of S, A, T, B a 16th, -1 = rest.
        bpm: quarters a minute.
        names: of the four tracks.
        program: General MIDI program of the four tracks, 0-127.

    Returns:
        Four tracks (also where a voice is silent), 480 ticks a quarter, 4/4.

    Raises:
        ScoreError: not a voice grid, a tempo that is not positive, or not four names.
    """
    values = as_voice_grid(grid)
    if len(names) != N_VOICES:
        raise ScoreError(f"expected four names of voices, got {len(names)}")
    if not 1.0 <= bpm <= 1000.0:
        raise ScoreError(f"expected a tempo of 1 to 1000 quarters a minute, got {bpm:g}")
    columns = []
    for voice in range(N_VOICES):
        pitches = values[:, voice]
        start = np.flatnonzero(np.diff(pitches, prepend=REST_PITCH - 1))
        n_steps = np.diff(np.append(start, len(pitches)))
        sounds = pitches[start] != REST_PITCH
        track = np.full(int(sounds.sum()), voice)
        columns.append(np.stack([start[sounds], n_steps[sounds], pitches[start][sounds], track]))
    starts, lengths, pitches, tracks = np.concatenate(columns, axis=1)
    return Score(
        _TICKS_PER_STEP * STEPS_PER_QUARTER,
        make_notes(starts * _TICKS_PER_STEP, lengths * _TICKS_PER_STEP, pitches, 80, tracks),
        tracks=tuple(Track(name, program) for name in names),
        tempi=(Tempo.from_bpm(0, bpm),),
        time_signatures=(TimeSignature(0, 4, 4),),
    )


def score_to_voice_grid(score: Score) -> NDArray[np.int64]:
    """The voice grid of a score in four parts: times rounded to 16ths, repeated notes joined.

    The inverse of `voice_grid_to_score`, but for rests in all voices at the end, which a score does not keep.

    Args:
        score: four tracks that are no drums and have notes, highest part first, one note at a time in each.

    Returns:
        (T, 4) int64, -1 = rest.

    Raises:
        ScoreError: not four parts, or a part that sounds two notes at once.
    """
    notes = score.resample_ticks(STEPS_PER_QUARTER).notes
    parts = [i for i in np.unique(notes["track"]).tolist() if not score.tracks[i].is_drum]
    if len(parts) != N_VOICES:
        raise ScoreError(f"expected four parts with notes (soprano, alto, tenor, bass), got {len(parts)}")
    chosen = notes[np.isin(notes["track"], parts)]
    grid = np.full((int((chosen["start_ticks"] + chosen["duration_ticks"]).max()), N_VOICES), REST_PITCH)
    for voice, part in enumerate(parts):
        for note in chosen[chosen["track"] == part]:
            start = int(note["start_ticks"])
            steps = slice(start, start + int(note["duration_ticks"]))
            if (grid[steps, voice] != REST_PITCH).any():
                raise ScoreError(f"track {part} sounds two notes at once at 16th {start}; a voice has one at a time")
            grid[steps, voice] = note["pitch"]
    return grid


def score_to_melody(score: Score) -> NDArray[np.int64]:
    """The melody of a score: the first part with pitches, its highest note at any time, rounded to 16ths.

    Args:
        score: Any.

    Returns:
        (T,) MIDI pitches, -1 = rest; (0,) without notes.
    """
    notes = score.resample_ticks(STEPS_PER_QUARTER).notes
    tracks = [track for track in np.unique(notes["track"]).tolist() if not score.tracks[track].is_drum]
    notes = notes[notes["track"] == tracks[0]] if tracks else notes[:0]
    ends = notes["start_ticks"] + notes["duration_ticks"]
    melody = np.full(int(ends.max(initial=0)), REST_PITCH, np.int64)
    for note, end in zip(notes, ends.tolist(), strict=True):
        place = slice(int(note["start_ticks"]), end)
        melody[place] = np.maximum(melody[place], note["pitch"])
    return melody
