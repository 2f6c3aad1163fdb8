"""`harmonise`: a melody, written, played or hummed -> a chorale.

audio_lstm.harmonise("melody.mid", seed=1).save("chorale.mid")
audio_lstm.harmonise("G4 G4 A4 B4 C5:4", seed=1).save("chorale.mid")
audio_lstm.harmonise("hum.wav", seed=1).save("chorale.mid")
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.compose import CHORALE_BPM, DEFAULT_SAMPLING, Composition
from audio_lstm.music.request.primer import Music, read_music
from audio_lstm.music.request.starting import pitched_parts
from audio_lstm.music.score.exact_voices import as_voices, typical_velocity, with_voices
from audio_lstm.music.score.key_finding import find_key
from audio_lstm.music.score.score import DEFAULT_MICROSECONDS_PER_QUARTER, Score, Tempo, TimeSignature
from audio_lstm.music.score.voices import N_VOICES, REST_PITCH, VOICES, score_to_melody
from audio_lstm.music.writing.fill import MISSING, Filler, fill, load_fill_model

__all__ = ["DEFAULT_FILL_MODEL", "fill_voices", "harmonise", "melody_steps"]

DEFAULT_FILL_MODEL = "chorale-fill"
_MIDI_BPM = 60e6 / DEFAULT_MICROSECONDS_PER_QUARTER
MAX_STEPS = 16_384  # 1,024 bars of 4/4
N_DRAFTS = 4  # of which the likeliest is kept


def harmonise(
    melody: Music | Sequence[int] | NDArray[np.int64],
    *,
    model: str | os.PathLike[str] | Filler = DEFAULT_FILL_MODEL,
    voice: str = "S",
    seed: int | None = None,
    temperature: float = DEFAULT_SAMPLING.temperature,
    tempo_bpm: float | None = None,
) -> Composition:
    """Write the other three voices to a melody, which stays as it is.

    Examples:
        >>> import audio_lstm
        >>> tune = [67] * 4 + [67] * 4 + [69] * 4 + [71] * 4 + [72] * 16
        >>> path = audio_lstm.harmonise(tune, seed=1).save("chorale.mid")

    Args:
        melody: A score, a MIDI, MusicXML or ABC file, a pretty_midi object (in all of them: the first track with notes,
            its highest note at any time), notes or ABC as text, a recording of somebody who hums, or MIDI pitches a
            16th, -1 = rest. The model reads it in 16ths; its notes, metre and key stay as they are, to the tick.
        model: A shipped model's name, a model folder, a hub id, or a model from `load_fill_model`.
        voice: Which voice the melody is: "S", "A", "T" or "B".
        seed: The same seed and options give the same piece; None draws one (it is in the result).
        temperature: 1 is the model's own distribution, 0 takes the likeliest token always.
        tempo_bpm: Quarters a minute; None keeps the melody's with its changes; where it has none, 120 as in a MIDI
            file, of a row of pitches 80. Of a recording, the tempo at which it was sung.

    Returns:
        The chorale. A melody that is empty, too long or out of the model's range is a ScoreError.

    Raises:
        ConfigError: If an option is out of range.
    """
    if voice not in tuple(VOICES):
        raise ConfigError(f"voice must be one of S, A, T, B, got {voice!r}")
    steps, source = melody_steps(melody, tempo_bpm=tempo_bpm)
    bpm = tempo_bpm or (source.tempi[0].bpm if source.tempi else _MIDI_BPM if source.n_notes else CHORALE_BPM)
    if not 5.0 <= bpm <= 1000.0:
        raise ConfigError(f"tempo must lie in 5..1000 quarters a minute, got {bpm:g}")
    column = VOICES.index(voice)
    grid = np.full((len(steps), N_VOICES), MISSING)
    grid[:, column] = steps
    given = as_voices(source, dict.fromkeys(pitched_parts(source)[:1], column))
    kept_tempi = source.tempi if tempo_bpm is None else ()
    given = replace(
        given,
        tempi=kept_tempi or (Tempo.from_bpm(0, bpm),),
        time_signatures=source.time_signatures or (TimeSignature(0, 4, 4),),
    )
    given = replace(given, remarks=(*source.remarks, *_other_tracks(source)))
    piece = fill_voices(grid, model, given, parts=range(N_VOICES), seed=seed, temperature=temperature)
    if source.key_signatures:
        return piece
    return replace(piece, score=replace(piece.score, key_signatures=(find_key(piece.score),)))


def _other_tracks(source: Score) -> tuple[str, ...]:
    others = np.unique(source.notes["track"]).tolist()
    first = pitched_parts(source)[:1]
    names = [source.tracks[track].name.strip() or f"track {track + 1}" for track in others if track not in first]
    return (f"left out, since the melody alone is harmonised: {', '.join(names)}",) if names and first else ()


def melody_steps(
    melody: Music | Sequence[int] | NDArray[np.int64], *, tempo_bpm: float | None = None
) -> tuple[NDArray[np.int64], Score]:
    """A melody on the grid of 16ths.

    Args:
        melody: As for `harmonise`.
        tempo_bpm: Of a recording, the tempo at which it was sung.

    Returns:
        (T,) MIDI pitches, -1 = rest, and the score that they come from, for its tempo, metre and key.

    Raises:
        ScoreError: If it has no notes, is too long, or holds numbers that are no pitches.
    """
    is_recording = isinstance(melody, tuple) and len(melody) == 2 and isinstance(melody[0], np.ndarray)
    if isinstance(melody, Sequence | np.ndarray) and not isinstance(melody, str) and not is_recording:
        numbers = np.asarray(melody, dtype=None if len(melody) else np.int64)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or ((numbers < REST_PITCH) | (numbers > 127)).any():
            raise ScoreError("a melody is a row of whole numbers, MIDI pitches 0-127 or -1 for a rest, one a 16th")
        steps, score = numbers.astype(np.int64), Score(480)
    else:
        score, _ = read_music(melody, tempo_bpm=tempo_bpm)
        _check_length(-(-4 * score.end_ticks // score.ticks_per_quarter))
        steps = score_to_melody(score)
    if not len(steps) or (steps == REST_PITCH).all():
        raise ScoreError("the melody has no notes; check the file, or its first track")
    _check_length(len(steps))
    return steps, score


def fill_voices(
    grid: NDArray[np.int64],
    model: str | os.PathLike[str] | Filler,
    given: Score,
    *,
    parts: Sequence[int],
    seed: int | None,
    temperature: float,
) -> Composition:
    """The likeliest of some drafts of the missing cells of a chorale, as a piece.

    Args:
        grid: (T, 4) MIDI pitches of S, A, T, B, -1 = rest, MISSING = to be written.
        model: As for `harmonise`.
        given: What is given, without any note in a missing cell: all of it stays to the tick.
        parts: Its tracks that are soprano, alto, tenor and bass.
        seed: As for `harmonise`.
        temperature: As for `harmonise`.

    Returns:
        The chorale.

    Raises:
        ConfigError: If an option is out of range.
    """
    _check_length(len(grid))
    if seed is not None and seed < 0:
        raise ConfigError(f"seed must not be negative, got {seed}")
    sampling = replace(DEFAULT_SAMPLING, temperature=temperature)
    filler = load_fill_model(model)
    seed = secrets.randbelow(2**31) if seed is None else seed
    best, *_ = fill(filler, grid, seed=seed, sampling=sampling, n_drafts=N_DRAFTS)
    return Composition(
        score=with_voices(given, parts, best.grid, velocity=typical_velocity(given)),
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


def _check_length(n_steps: int) -> None:
    if n_steps > MAX_STEPS:
        raise ScoreError(f"the piece has {n_steps} 16ths; at most {MAX_STEPS} can be filled in at once, so cut it")
