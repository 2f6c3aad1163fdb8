"""`infill`: bars of any piece written anew, all the rest kept.

audio_lstm.infill("song.mid", bars=(5, 8), seed=1).save("other.mid")
audio_lstm.infill(take, keep="1-4", seed=2)          # a variation of a take: these bars stay, the others are redone
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music.compose import DEFAULT_SAMPLING, PARTS_MODEL, Composition
from audio_lstm.music.harmonise import DEFAULT_FILL_MODEL, fill_voices
from audio_lstm.music.models.composer import Composer, load_music
from audio_lstm.music.models.fill_masks import region_mask
from audio_lstm.music.request.primer import Music, read_music
from audio_lstm.music.request.starting import pitched_parts
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.exact_voices import voice_cover
from audio_lstm.music.score.excerpt import span_of_bars
from audio_lstm.music.score.score import Score, Tempo
from audio_lstm.music.score.voices import STEPS_PER_QUARTER, VOICES, score_to_voice_grid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.event_infill import fill_bars
from audio_lstm.music.writing.fill import MISSING, Filler, load_fill_model

__all__ = ["Bars", "infill", "parse_bars"]

Bars = str | tuple[int, int] | Sequence[tuple[int, int]]
"""Bars counted from 1: (5, 8), [(5, 8), (11, 11)] or "5-8,11"."""

_TEMPO = (Tempo.from_bpm(0, 120.0),)  # of a piece that names none, as in a MIDI file
N_DRAFTS = 4  # of which that one is kept which leads best to what follows


def infill(
    piece: Music | Composition,
    *,
    bars: Bars | None = None,
    keep: Bars | None = None,
    voices: str = VOICES,
    model: str | os.PathLike[str] | Filler | Composer | None = None,
    seed: int | None = None,
    temperature: float = DEFAULT_SAMPLING.temperature,
) -> Composition:
    """Write some bars (or voices) of a piece anew; the rest stays as it is.

    Examples:
        >>> import audio_lstm
        >>> take = audio_lstm.compose(seed=1, bars=8)
        >>> path = audio_lstm.infill(take, bars="5-6", seed=2).save("variation.mid")

    Of a chorale (four single voices, highest first), a fill model reads all that is given before it writes. Of any
    other piece, a model of events reads what stands before each gap, writes four drafts, and keeps the one that makes
    the following bars most likely. Notes that sound into a gap go on.

    Args:
        piece: A composition, or as for `read_primer`.
        bars: What to write, counted from 1.
        keep: What to keep, instead: all other bars are written.
        voices: Of a chorale, which of S, A, T and B to write.
        model: A shipped model's name, a model folder, a hub id, or a loaded model; None: by the piece.
        seed: The same seed and options give the same piece; None draws one (it is in the result).
        temperature: 1 is the model's own distribution, 0 takes the likeliest token always.

    Returns:
        The whole piece.

    Raises:
        ConfigError: If an option is out of range, or nothing would be left of the piece.
    """
    wanted = [voice in voices for voice in VOICES]
    if not any(wanted) or set(voices) - set(VOICES):
        raise ConfigError(f"voices must be some of S, A, T, B, got {voices!r}")
    if seed is not None and seed < 0:
        raise ConfigError(f"seed must not be negative, got {seed}")
    score, name = (piece.score, "the take") if isinstance(piece, Composition) else read_music(piece)
    score.require_notes(name)
    ranges = _ranges(score, bars, keep)
    loaded = _model_for(score, model)
    seed = secrets.randbelow(2**31) if seed is None else seed
    if isinstance(loaded, Composer):
        if not all(wanted):
            raise ConfigError(f"voices={voices!r}: only voices of a chorale can be chosen; leave voices out")
        return _of_song(loaded, score, ranges, seed=seed, temperature=temperature)
    if ranges is None and all(wanted):
        raise ConfigError(
            "bars and voices are both everything: nothing would be left of the piece; name some of either"
        )
    grid = score_to_voice_grid(score)
    missing = np.tile(np.array(wanted), (len(grid), 1))
    if ranges is not None:
        missing &= np.any([_region(score, one, len(grid)) for one in ranges], axis=0)
    parts = pitched_parts(score)
    given = replace(score, notes=score.notes[~_inside(score, parts, missing)], tempi=score.tempi or _TEMPO)
    missing &= ~voice_cover(given, parts, len(grid))
    if not missing.any():
        raise ConfigError("notes that are held from before fill these bars: nothing is left to write; name more bars")
    holes = np.where(missing, MISSING, grid)
    return fill_voices(holes, loaded, given, parts=parts, seed=seed, temperature=temperature)


def parse_bars(bars: Bars) -> list[tuple[int, int]]:
    """Ranges of bars, in order.

    Args:
        bars: As for `infill`.

    Returns:
        The first and the last bar of each.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(bars, str):
        found = []
        for part in bars.split(","):
            match = re.fullmatch(r"\s*(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?\s*", part)
            if not match:
                raise ConfigError(f"bars {bars!r}: expected a bar such as 5, a range such as 5-8, or several: 5-8,11")
            found.append((int(match[1]), int(match[2] or match[1])))
        return sorted(found)
    pairs: list[Any] = [bars] if len(bars) == 2 and isinstance(bars[0], int) else list(bars)
    try:
        return sorted((int(first), int(last)) for first, last in pairs)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"bars {bars!r}: expected (5, 8), [(5, 8), (11, 11)] or '5-8,11'") from error


def _ranges(score: Score, bars: Bars | None, keep: Bars | None) -> list[tuple[int, int]] | None:
    if bars is not None and keep is not None:
        raise ConfigError("bars says what to write and keep what to leave; pass one of them")
    if bars is None and keep is None:
        return None
    ranges = parse_bars(bars if bars is not None else keep)  # type: ignore[arg-type]
    for one in ranges:
        span_of_bars(score, one)
    if keep is None:
        return _merged(ranges)
    kept = {number for first, last in ranges for number in range(first, last + 1)}
    others = [bar.number for bar in score_bars(score) if bar.number not in kept]
    if not others:
        raise ConfigError("keep holds all bars: nothing is left to write; keep fewer")
    starts = [number for number in others if number - 1 not in others]
    ends = [number for number in others if number + 1 not in others]
    return list(zip(starts, ends, strict=True))


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges, of which those that overlap are one."""
    merged: list[tuple[int, int]] = []
    for first, last in ranges:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _divided(score: Score, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of bars, in two where a bar is shorter than the metre and the next begins anew, as behind a pickup."""
    signatures = score.time_signatures
    repeated = {
        now.tick
        for before, now in pairwise(signatures)
        if (before.numerator, before.denominator) == (now.numerator, now.denominator)
    }
    cuts = {bar.number for bar in score_bars(score) if bar.start_ticks in repeated}
    found = []
    for first, last in ranges:
        begins = [first, *(number for number in range(first + 1, last + 1) if number in cuts)]
        found += list(zip(begins, [*(begin - 1 for begin in begins[1:]), last], strict=True))
    return found


def _model_for(score: Score, model: str | os.PathLike[str] | Filler | Composer | None) -> Filler | Composer:
    if isinstance(model, Filler | Composer):
        return model
    if model is None:
        try:
            score_to_voice_grid(score)
        except ScoreError:
            return load_music(PARTS_MODEL)
        return load_fill_model(DEFAULT_FILL_MODEL)
    try:
        return load_fill_model(model)
    except ModelError:
        composer = load_music(model)
        if not isinstance(composer.representation, EventVocabulary):
            raise
        return composer


def _region(score: Score, bars: tuple[int, int], n_steps: int) -> NDArray[np.bool_]:
    """The cells of some bars, (T, 4)."""
    ticks = [place * STEPS_PER_QUARTER for place in span_of_bars(score, bars)]
    first, stop = (place // score.ticks_per_quarter for place in ticks)
    if any(place % score.ticks_per_quarter for place in ticks):
        raise ScoreError(f"bars {bars[0]}-{bars[1]} are not a whole number of 16ths; a chorale is written in 16ths")
    return region_mask(n_steps, first, min(n_steps, stop))


def _inside(score: Score, parts: list[int], missing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The notes of a chorale that begin in a missing cell, (n,); what they sound after the gap is struck there anew."""
    notes = score.notes
    steps = np.minimum(notes["start_ticks"] * STEPS_PER_QUARTER // score.ticks_per_quarter, len(missing) - 1)
    voices = np.minimum(np.searchsorted(parts, notes["track"]), len(parts) - 1)
    inside: NDArray[np.bool_] = np.isin(notes["track"], parts) & missing[steps, voices]
    return inside


def _of_song(
    composer: Composer, score: Score, ranges: list[tuple[int, int]] | None, *, seed: int, temperature: float
) -> Composition:
    if ranges is None:
        raise ConfigError("say which bars to write, such as bars=(5, 8), or which to keep")
    if sum(last - first + 1 for first, last in ranges) >= len(score_bars(score)):
        raise ConfigError("bars are all there are: nothing would be left of the piece; name fewer, or use compose")
    sampling = replace(DEFAULT_SAMPLING, temperature=temperature)
    total, n_tokens = 0.0, 0
    for one in _divided(score, ranges):
        score, nats, n = fill_bars(composer, score, one, seed=seed, sampling=sampling, n_drafts=N_DRAFTS)
        total, n_tokens = total + nats, n_tokens + n
    representation = composer.representation
    tokens = representation.encode(score) if isinstance(representation, EventVocabulary) else np.zeros(0, np.int64)
    return Composition(
        score=replace(score, tempi=score.tempi or _TEMPO),
        tokens=tokens,
        model=composer.name,
        seed=seed,
        take=0,
        sampling=sampling,
        bars=None,
        ended=True,
        nats_per_unit=total / max(n_tokens, 1),
        unit="event of what follows",
    )
