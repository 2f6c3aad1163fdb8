"""What is given of a piece in the words of a model: tokens, cells, constraints."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.request.primer import Primer
from audio_lstm.music.request.starting import Start, pitched_parts, without_silent_parts
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.bars import score_bars
from audio_lstm.music.score.chord_track import ChordTrack, beats_of
from audio_lstm.music.score.exact_voices import as_voices, is_single_voice, with_voices
from audio_lstm.music.score.excerpt import moved_to
from audio_lstm.music.score.score import Score, TimeSignature, Track, rescale_ticks
from audio_lstm.music.score.voices import (
    N_VOICES,
    REST_PITCH,
    STEPS_PER_QUARTER,
    VOICES,
    score_to_melody,
    score_to_voice_grid,
)
from audio_lstm.music.tokens.chorale import ChoraleCursor, ChoraleGrid
from audio_lstm.music.tokens.event_cursor import EventCursor
from audio_lstm.music.tokens.event_grammar import DRUM_PROGRAM, Kind
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.chorale_given import ChordTones, GivenCells
from audio_lstm.music.writing.chorale_plan import ChoralePlan
from audio_lstm.music.writing.constraints import Constraint
from audio_lstm.music.writing.event_given import EventChords, Prefix
from audio_lstm.music.writing.event_plan import EventPlan

__all__ = [
    "after_primer",
    "chorale_cells",
    "chorale_given",
    "chorale_with_exact_primer",
    "event_given",
    "event_prefix",
    "event_programs",
    "is_for_voices",
    "opening_in_parts",
    "with_exact_primer",
    "with_opening",
    "without_lead",
]


_DRUMS_STAY = "the drums of the primer stay, and end with it: a model of chorales writes none"


def chorale_given(start: Start, plan: ChoralePlan, batch: int) -> list[Constraint[ChoraleCursor]]:
    """What is given of some chorales.

    Args:
        start: A primer, chords, or both.
        plan: The rules.
        batch: How many chorales.

    Returns:
        Fresh constraints.
    """
    constraints: list[Constraint[ChoraleCursor]] = []
    if start.chords:
        first = start.first_bar(Fraction(plan.bar_steps, STEPS_PER_QUARTER)) * plan.bar_steps
        chords = _track(start, plan.wishes, STEPS_PER_QUARTER)
        constraints.append(ChordTones(plan.grid, batch, chords, start=first))
    if start.primer is not None:
        constraints.append(GivenCells(chorale_cells(plan.grid, start.primer)))
    return constraints


def event_given(start: Start, plan: EventPlan) -> list[Constraint[EventCursor]]:
    """What is given of some pieces of events.

    Args:
        start: A primer, chords, or both.
        plan: The rules.

    Returns:
        Fresh constraints.
    """
    vocabulary = plan.vocabulary
    constraints: list[Constraint[EventCursor]] = []
    if start.primer is not None:
        programs = tuple(part.program for part in plan.parts)
        constraints.append(Prefix(vocabulary, *event_prefix(vocabulary, start.primer, programs)))
    if start.chords:
        metre = plan.wishes.metre or (4, 4)
        bar = Fraction(4 * metre[0], metre[1])
        first = int(start.first_bar(bar) * bar * vocabulary.steps_per_quarter)
        chords = _track(start, plan.wishes, vocabulary.steps_per_quarter)
        constraints.append(EventChords(plan, chords, start=first))
    return constraints


def _track(start: Start, wishes: Wishes, steps_per_quarter: int) -> ChordTrack:
    beat = beats_of(wishes.metre or (4, 4)) * steps_per_quarter
    return ChordTrack(start.chords, steps_per_quarter=steps_per_quarter, beat_steps=max(int(beat), 1))


def is_for_voices(primer: Primer) -> bool:
    """Whether a primer suits a model of chorales: a melody alone, or four single voices, in their range.

    Args:
        primer: Any.

    Returns:
        True for either.
    """
    parts = pitched_parts(primer.whole)
    if parts != pitched_parts(primer.score):
        return False
    pitches = primer.whole.notes["pitch"][np.isin(primer.whole.notes["track"], parts)]
    if not ChoraleGrid.low <= pitches.min() <= pitches.max() <= ChoraleGrid.high:
        return False
    if len(parts) == 1:
        return _is_melody(primer, parts[0])
    try:
        score_to_voice_grid(primer.score)
    except ScoreError:
        return False
    return True


def _is_melody(primer: Primer, part: int) -> bool:
    score = primer.score
    return is_single_voice(score.notes[score.notes["track"] == part], score.ticks_per_quarter)


def chorale_cells(grid: ChoraleGrid, primer: Primer) -> NDArray[np.int64]:
    """The given cells of a chorale: four voices, or a soprano to which the others are written.

    Args:
        grid: Of the model.
        primer: What is given.

    Returns:
        (T, 4) tokens in the order of writing, GivenCells.UNKNOWN where the model writes.

    Raises:
        ScoreError: It is neither a melody nor four voices, or leaves the model's range.
    """
    parts = pitched_parts(primer.score)
    if len(parts) not in (1, N_VOICES):
        raise ScoreError(
            f"{primer.name}: {len(parts)} parts; a chorale goes on from a melody or from four voices: pass one of "
            "them, or a model of events such as lieder"
        )
    if len(parts) == 1 and not _is_melody(primer, parts[0]):
        raise ScoreError(
            f"{primer.name}: its only part sounds several notes at once; a chorale goes on from a melody or from four "
            "voices: pass one of them, or a model of events such as lieder"
        )
    if len(parts) == N_VOICES:
        values = score_to_voice_grid(primer.score)
        unknown = np.zeros(values.shape, np.bool_)
    else:
        melody = score_to_melody(primer.score)
        values = np.full((len(melody), N_VOICES), REST_PITCH)
        values[:, VOICES.index("S")] = melody
        unknown = np.ones(values.shape, np.bool_)
        unknown[:, VOICES.index("S")] = melody == REST_PITCH
        unknown[: primer.lead_ticks * STEPS_PER_QUARTER // primer.score.ticks_per_quarter] = False  # all are silent
    try:
        tokens = grid.encode(values)[:-1].reshape(-1, N_VOICES)
    except ScoreError as error:
        raise ScoreError(f"{primer.name}: out of the voices' range: {error}") from error
    return np.where(unknown[:, [VOICES.index(voice) for voice in grid.order]], GivenCells.UNKNOWN, tokens)


def event_prefix(
    vocabulary: EventVocabulary, primer: Primer, programs: tuple[int, ...]
) -> tuple[NDArray[np.int64], int]:
    """The tokens with which a piece of events begins, and where it goes on.

    Args:
        vocabulary: Of the model.
        primer: What is given.
        programs: Of all parts; those of the primer come first.

    Returns:
        (n,) tokens up to the bar in which the primer ends, and the step at which its last note has ended.
    """
    layout = vocabulary.layout
    fitted, _ = vocabulary.fit(primer.score)
    tokens = vocabulary.encode(primer.score)[:-1]
    n_header = len(fitted.tracks)
    header = layout.ids(Kind.PROGRAM, np.array([vocabulary.word_of(program) for program in programs], np.int64))
    resume = fitted.end_ticks
    metre = fitted.time_signatures[0]
    bar_steps = 4 * metre.numerator * vocabulary.steps_per_quarter // metre.denominator
    n_bars_written = int((layout.kind_of[tokens] == Kind.BAR).sum())
    more = np.full(max(-(-resume // bar_steps) - n_bars_written, 0), vocabulary.bar)
    return np.concatenate([header, tokens[n_header:], more]).astype(np.int64), resume


def with_exact_primer(score: Score, primer: Primer, resume: int) -> Score:
    """A piece of events whose beginning is the primer as it was given: its times, velocities and names.

    Args:
        score: As the model's tokens spell it.
        primer: What was given.
        resume: The step of the score at which the model's own notes begin.

    Returns:
        The piece at a resolution that holds both.
    """
    given = without_silent_parts(primer.score)
    ticks = int(np.lcm(given.ticks_per_quarter, score.ticks_per_quarter))
    ticks = ticks if ticks < 1 << 15 else given.ticks_per_quarter
    own = replace(score, notes=score.notes[score.notes["start_ticks"] >= resume]).resample_ticks(ticks)
    given = given.resample_ticks(ticks)
    tracks = tuple(
        replace(track, name=given.tracks[number].name if number < len(given.tracks) else "")
        for number, track in enumerate(own.tracks)
    )
    return replace(own, notes=np.concatenate([given.notes, own.notes]), tracks=tracks)


def chorale_with_exact_primer(grid: NDArray[np.int64], primer: Primer) -> Score:
    """A chorale whose beginning is the primer as it was given: its times, repeated notes, velocities and drums.

    Args:
        grid: (T, 4) the whole chorale, as the model's tokens spell it.
        primer: What was given, a melody or four voices.

    Returns:
        Soprano, alto, tenor and bass, and the drums of the primer, which the model does not go on with.
    """
    parts = pitched_parts(primer.score)
    given = as_voices(primer.score, {part: voice for voice, part in enumerate(parts)})
    score = with_voices(given, range(N_VOICES), grid)
    drums = [track for track in np.unique(primer.score.notes["track"]).tolist() if track not in parts]
    beats = primer.score.resample_ticks(score.ticks_per_quarter).notes
    beats = beats[np.isin(beats["track"], drums)].copy()
    beats["track"] = len(score.tracks) + np.searchsorted(drums, beats["track"])
    return replace(
        score,
        notes=np.concatenate([score.notes, beats]),
        tracks=(*score.tracks, *(primer.score.tracks[track] for track in drums)),
        remarks=(*score.remarks, _DRUMS_STAY) if drums else score.remarks,
    )


def after_primer(score: Score, primer: Primer) -> Score:
    """What follows a primer, from the beginning of the bar in which it ends.

    Args:
        score: The whole piece.
        primer: What it begins with.

    Returns:
        The notes that begin when those of the primer have ended.
    """
    end = primer.score.end_ticks - primer.lead_ticks
    stop = int(rescale_ticks(end, primer.score.ticks_per_quarter, score.ticks_per_quarter))
    first = next((bar.start_ticks for bar in score_bars(score) if bar.end_ticks > stop), stop)
    notes = score.notes[score.notes["start_ticks"] >= stop].copy()
    notes["start_ticks"] -= first
    return replace(
        score,
        notes=notes,
        remarks=tuple(remark for remark in score.remarks if remark != _DRUMS_STAY),
        tempi=moved_to(score.tempi, first, score.end_ticks + 1),
        time_signatures=moved_to(score.time_signatures, first, score.end_ticks + 1),
        key_signatures=moved_to(score.key_signatures, first, score.end_ticks + 1),
    )


def without_lead(score: Score, primer: Primer) -> Score:
    """A piece that begins with the pickup of its primer, not with the silence before it.

    Args:
        score: As it was written, from the primer on.
        primer: What was given.

    Returns:
        The piece, moved to the beginning; as it is where the primer has no pickup.
    """
    lead = int(rescale_ticks(primer.lead_ticks, primer.score.ticks_per_quarter, score.ticks_per_quarter))
    if not lead:
        return score
    notes = score.notes.copy()
    notes["start_ticks"] = np.maximum(notes["start_ticks"] - lead, 0)
    metre = TimeSignature(0, *primer.metre)
    end = int(metre.bar_quarters * score.ticks_per_quarter) - lead
    later = moved_to(score.time_signatures, lead, score.end_ticks + 1)[1:]
    return replace(
        score,
        notes=notes,
        tempi=moved_to(score.tempi, lead, score.end_ticks + 1),
        time_signatures=(metre, replace(metre, tick=end), *later),
        key_signatures=moved_to(score.key_signatures, lead, score.end_ticks + 1),
    )


def opening_in_parts(primer: Primer, tracks: tuple[Track, ...], *, voices: bool) -> Score:
    """What a primer has before its last metre, in the parts of a piece.

    Args:
        primer: What was given.
        tracks: Those of the piece.
        voices: Whether the piece is a chorale, whose drums come after its four voices.

    Returns:
        The notes before the last metre, with the tracks of the piece; a part that has no note later comes behind them.
    """
    own = np.unique(primer.score.notes["track"]).tolist()
    pitched = pitched_parts(primer.score) if voices else own
    drums = [track for track in own if track not in pitched]
    places = {track: number for number, track in enumerate(pitched)}
    places.update({track: N_VOICES + number for number, track in enumerate(drums)})
    if primer.opening is None:
        return Score(primer.score.ticks_per_quarter, tracks=tracks)
    opening = primer.opening.score
    for track in np.unique(opening.notes["track"]).tolist():
        if track not in places:
            places[track] = len(tracks)
            tracks = (*tracks, opening.tracks[track])
    notes = opening.notes.copy()
    notes["track"] = [places[track] for track in notes["track"].tolist()]
    return replace(opening, notes=notes, tracks=tracks)


def with_opening(score: Score, primer: Primer, *, voices: bool) -> Score:
    """A piece with what its primer has before the last metre in front of it.

    Args:
        score: From the last metre of the primer on, at one tempo.
        primer: What was given.
        voices: As for `opening_in_parts`.

    Returns:
        The whole piece; as it is where the primer has one metre.
    """
    if primer.opening is None:
        return score
    ticks = score.ticks_per_quarter
    stop = int(rescale_ticks(primer.opening.stop_ticks, primer.score.ticks_per_quarter, ticks))
    opening = opening_in_parts(primer, score.tracks, voices=voices).resample_ticks(ticks)
    notes = score.notes.copy()
    notes["start_ticks"] += stop
    metres, keys = opening.time_signatures, opening.key_signatures
    if not metres or metres[0].tick:
        metres = (TimeSignature(0, 4, 4), *metres)
    later = tuple(replace(key, tick=key.tick + stop) for key in score.key_signatures)
    return replace(
        score,
        notes=np.concatenate([opening.notes, notes]),
        tracks=opening.tracks,
        time_signatures=(*metres, *(replace(metre, tick=metre.tick + stop) for metre in score.time_signatures)),
        key_signatures=(*keys, *later) if keys else score.key_signatures[:1] + later[1:],
    )


def event_programs(wishes: Wishes, primer: Primer) -> tuple[int, ...]:
    """The programs of all parts of a piece of events: those asked for, else those of the primer.

    Args:
        wishes: What is asked for.
        primer: Its parts are the first ones.

    Returns:
        General MIDI programs, 128 for drums.

    Raises:
        ConfigError: The primer has more parts than are asked for, or drums where there are to be none.
    """
    tracks = without_silent_parts(primer.score).tracks
    own = tuple(DRUM_PROGRAM if track.is_drum else track.program for track in tracks)
    if not wishes.parts:
        return own
    if len(own) > len(wishes.parts):
        raise ConfigError(f"{primer.name}: has {len(own)} parts, but {len(wishes.parts)} are asked for; name as many")
    for mine, wish in zip(own, wishes.parts, strict=False):
        if (mine == DRUM_PROGRAM) != (wish == DRUM_PROGRAM):
            raise ConfigError(f"{primer.name}: its parts come first, and drums must be drums; order the parts so")
    return wishes.parts
