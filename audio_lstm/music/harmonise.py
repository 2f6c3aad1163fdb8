"""`harmonise` and `infill`: a melody, or a chorale with bars missing -> a whole chorale.

audio_lstm.harmonise("melody.mid", seed=1).save("chorale.mid")
audio_lstm.infill("chorale.mid", bars=(5, 8), seed=1).save("other.mid")
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.compose import CHORALE_BPM, DEFAULT_SAMPLING, Composition
from audio_lstm.music.files import pretty_midi_to_score, read_score
from audio_lstm.music.fill import MISSING, Filler, fill, load_fill_model
from audio_lstm.music.fill_masks import region_mask
from audio_lstm.music.score import Score, Tempo
from audio_lstm.music.voices import (
    N_VOICES,
    REST_PITCH,
    STEPS_PER_QUARTER,
    VOICES,
    score_to_voice_grid,
    voice_grid_to_score,
)

if TYPE_CHECKING:
    import pretty_midi

__all__ = ["DEFAULT_FILL_MODEL", "harmonise", "infill", "melody_steps"]

DEFAULT_FILL_MODEL = "chorale-fill"
MAX_STEPS = 16_384  # 1,024 bars of 4/4
N_DRAFTS = 4  # of which the likeliest is kept


def harmonise(
    melody: Score | pretty_midi.PrettyMIDI | str | os.PathLike[str] | Sequence[int] | NDArray[np.int64],
    *,
    model: str | os.PathLike[str] | Filler = DEFAULT_FILL_MODEL,
    voice: str = "S",
    seed: int | None = None,
    temperature: float = DEFAULT_SAMPLING.temperature,
    tempo_bpm: float | None = None,
) -> Composition:
    """Write the other three voices to a melody, which stays as it is.

    Example:
        >>> tune = [67] * 4 + [67] * 4 + [69] * 4 + [71] * 4 + [72] * 16
        >>> audio_lstm.harmonise(tune, seed=1).save("chorale.mid")

    Args:
        melody: A score, a MIDI or MusicXML file, a pretty_midi object (in all of them: the first track with notes, its
            highest note at any time), or MIDI pitches a 16th, -1 = rest. It is rounded to 16ths.
        model: A shipped model's name, a model folder, a hub id, or a model from `load_fill_model`.
        voice: Which voice the melody is: "S", "A", "T" or "B".
        seed: The same seed and options give the same piece; None draws one (it is in the result).
        temperature: 1 is the model's own distribution, 0 takes the likeliest token always.
        tempo_bpm: Quarters a minute; None keeps the melody's, or 80.

    Returns:
        The chorale. A melody that is empty, too long or out of the model's range is a ScoreError.

    Raises:
        ConfigError: If an option is out of range.
    """
    if voice not in tuple(VOICES):
        raise ConfigError(f"voice must be one of S, A, T, B, got {voice!r}")
    steps, found_bpm = melody_steps(melody)
    grid = np.full((len(steps), N_VOICES), MISSING)
    grid[:, VOICES.index(voice)] = steps
    return _written(grid, model, seed=seed, temperature=temperature, bpm=tempo_bpm or found_bpm)


def infill(
    piece: Score | pretty_midi.PrettyMIDI | str | os.PathLike[str],
    *,
    bars: tuple[int, int] | None = None,
    voices: str = VOICES,
    model: str | os.PathLike[str] | Filler = DEFAULT_FILL_MODEL,
    seed: int | None = None,
    temperature: float = DEFAULT_SAMPLING.temperature,
    tempo_bpm: float | None = None,
) -> Composition:
    """Write some bars or voices of a chorale anew; the rest stays as it is, and all of it is taken into account.

    Args:
        piece: Four parts, highest first: a score, a MIDI or MusicXML file, or a pretty_midi object.
        bars: The first and the last bar to write, counted from 1 in the piece's metre; None: all.
        voices: Which of S, A, T and B to write.
        model: As for `harmonise`.
        seed: As for `harmonise`.
        temperature: As for `harmonise`.
        tempo_bpm: Quarters a minute; None keeps the piece's.

    Returns:
        The chorale. A piece that is not in four parts or out of the model's range is a ScoreError.

    Raises:
        ConfigError: If an option is out of range, or nothing would be left of the piece.
    """
    wanted = [voice in voices for voice in VOICES]
    if not any(wanted) or set(voices) - set(VOICES):
        raise ConfigError(f"voices must be some of S, A, T, B, got {voices!r}")
    if bars is None and all(wanted):
        raise ConfigError(
            "bars and voices are both everything: nothing would be left of the piece; name some of either"
        )
    score = _score(piece)
    grid = score_to_voice_grid(score)
    _check_length(len(grid))
    missing = np.tile(np.array(wanted), (len(grid), 1))
    if bars is not None:
        missing &= region_mask(len(grid), *_steps_of(score, bars, len(grid)))
    holes = np.where(missing, MISSING, grid)
    return _written(holes, model, seed=seed, temperature=temperature, bpm=tempo_bpm or _bpm(score))


def melody_steps(
    melody: Score | pretty_midi.PrettyMIDI | str | os.PathLike[str] | Sequence[int] | NDArray[np.int64],
) -> tuple[NDArray[np.int64], float]:
    """A melody on the grid of 16ths.

    Args:
        melody: As for `harmonise`.

    Returns:
        (T,) MIDI pitches, -1 = rest, and the tempo in quarters a minute.

    Raises:
        ScoreError: If it has no notes, is too long, or holds numbers that are no pitches.
    """
    if isinstance(melody, Sequence | np.ndarray) and not isinstance(melody, str):
        numbers = np.asarray(melody, dtype=None if len(melody) else np.int64)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or ((numbers < REST_PITCH) | (numbers > 127)).any():
            raise ScoreError("a melody is a row of whole numbers, MIDI pitches 0-127 or -1 for a rest, one a 16th")
        steps, bpm = numbers.astype(np.int64), CHORALE_BPM
    else:
        score = _score(melody)
        bpm = _bpm(score)
        notes = score.resample_ticks(STEPS_PER_QUARTER).notes
        tracks = [track for track in np.unique(notes["track"]).tolist() if not score.tracks[track].is_drum]
        notes = notes[notes["track"] == tracks[0]] if tracks else notes[:0]
        ends = notes["start_ticks"] + np.maximum(notes["duration_ticks"], 1)
        _check_length(int(ends.max(initial=0)))
        steps = np.full(int(ends.max(initial=0)), REST_PITCH, np.int64)
        for note, end in zip(notes, ends.tolist(), strict=True):
            place = slice(int(note["start_ticks"]), end)
            steps[place] = np.maximum(steps[place], note["pitch"])
    if not len(steps) or (steps == REST_PITCH).all():
        raise ScoreError("the melody has no notes; check the file, or its first track")
    _check_length(len(steps))
    return steps, bpm


def _written(
    grid: NDArray[np.int64], model: str | os.PathLike[str] | Filler, *, seed: int | None, temperature: float, bpm: float
) -> Composition:
    if not 5.0 <= bpm <= 1000.0:
        raise ConfigError(f"tempo must lie in 5..1000 quarters a minute, got {bpm:g}")
    if seed is not None and seed < 0:
        raise ConfigError(f"seed must not be negative, got {seed}")
    sampling = replace(DEFAULT_SAMPLING, temperature=temperature)
    filler = load_fill_model(model)
    seed = secrets.randbelow(2**31) if seed is None else seed
    best, *_ = fill(filler, grid, seed=seed, sampling=sampling, n_drafts=N_DRAFTS)
    score = replace(voice_grid_to_score(best.grid, bpm=CHORALE_BPM), tempi=(Tempo.from_bpm(0, bpm),))
    return Composition(
        score=score,
        tokens=best.tokens,
        model=filler.name,
        seed=seed,
        take=0,
        sampling=sampling,
        bars=None,
        ended=True,
        nats_per_unit=best.nats / best.n_missing,
        unit="missing cell",
    )


def _score(music: Score | pretty_midi.PrettyMIDI | str | os.PathLike[str]) -> Score:
    if isinstance(music, Score):
        return music
    if isinstance(music, str | os.PathLike):
        return read_score(music)
    if hasattr(music, "instruments"):
        return pretty_midi_to_score(music)
    raise ScoreError(f"expected a score, a file or a pretty_midi object, got {type(music).__name__}")


def _bpm(score: Score) -> float:
    return score.tempi[0].bpm if score.tempi else CHORALE_BPM


def _steps_of(score: Score, bars: tuple[int, int], n_steps: int) -> tuple[int, int]:
    """The first step of the first bar and the step after the last one."""
    metres = {(metre.numerator, metre.denominator) for metre in score.time_signatures} or {(4, 4)}
    if len(metres) > 1:
        raise ScoreError("the metre changes in the piece, so that its bars are not all alike; split it there")
    ((top, bottom),) = metres
    length = 4 * STEPS_PER_QUARTER * top / bottom
    if length != int(length):
        raise ScoreError(f"bars of {top}/{bottom} are not a whole number of 16ths")
    first, last = bars
    n_bars = -(-n_steps // int(length))
    if not 1 <= first <= last <= n_bars:
        raise ConfigError(f"bars must lie in 1..{n_bars}, the first not after the last; got {first}-{last}")
    return (first - 1) * int(length), min(n_steps, last * int(length))


def _check_length(n_steps: int) -> None:
    if n_steps > MAX_STEPS:
        raise ScoreError(f"the piece has {n_steps} 16ths; at most {MAX_STEPS} can be filled in at once, so cut it")
