"""Four voices of which something is given: its notes stay to the tick, and a model's voice grid fills in the rest.

A voice grid tells no repeated note from a held one and knows no velocity; so what is given is never read back from one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.score import Score, make_notes
from audio_lstm.music.score.voices import N_VOICES, REST_PITCH, STEPS_PER_QUARTER, VOICE_TRACKS

__all__ = ["as_voices", "is_single_voice", "top_line", "typical_velocity", "voice_cover", "with_voices"]

_VELOCITY = 80  # as in the scores of voice grids
_MAX_TICKS_PER_QUARTER = 2**15 - 1


def is_single_voice(notes: NDArray[Any], ticks_per_quarter: int) -> bool:
    """Whether one note sounds at a time; notes played legato may overlap by a 32nd, or half of the shorter one.

    Args:
        notes: Of one track, in order.
        ticks_per_quarter: Of their score.

    Returns:
        True for a melody.
    """
    starts, lengths = notes["start_ticks"], notes["duration_ticks"]
    ends = starts + lengths
    if len(notes) < 2:
        return True
    before = np.maximum.accumulate(ends)[:-1]
    overlap = np.minimum(before, ends[1:]) - starts[1:]
    allowed = np.minimum(ticks_per_quarter / 8, np.minimum(lengths[1:], lengths[:-1]) / 2)
    return bool((overlap <= allowed).all())


def top_line(notes: NDArray[Any], ticks_per_quarter: int) -> NDArray[Any]:
    """The highest note at any time: of a melody all notes as they are, of anything else what is on top.

    Args:
        notes: Of one track, in order.
        ticks_per_quarter: Of their score.

    Returns:
        Notes, the hidden stretches cut away.
    """
    if is_single_voice(notes, ticks_per_quarter):
        return notes
    starts = notes["start_ticks"].tolist()
    ends = (notes["start_ticks"] + notes["duration_ticks"]).tolist()
    pitches = notes["pitch"].tolist()
    places = sorted({*starts, *ends})
    pieces: list[list[int]] = []  # [note, start, end]
    sounding: list[int] = []
    coming = 0
    for start, end in pairwise(places):
        while coming < len(starts) and starts[coming] <= start:
            sounding.append(coming)
            coming += 1
        sounding = [number for number in sounding if ends[number] > start]
        if not sounding:
            continue
        highest = max(sounding, key=lambda number: (pitches[number], number))
        if pieces and pieces[-1][0] == highest and pieces[-1][2] == start:
            pieces[-1][2] = end
        else:
            pieces.append([highest, start, end])
    rows = np.array(pieces, np.int64)
    line = notes[rows[:, 0]].copy()
    line["start_ticks"], line["duration_ticks"] = rows[:, 1], rows[:, 2] - rows[:, 1]
    return line


def as_voices(score: Score, voice_of: dict[int, int]) -> Score:
    """Some tracks of a score as voices of a chorale.

    Args:
        score: Any; its tempi, metres and keys are kept.
        voice_of: Of each track that is a voice, its column in a voice grid; of each the top line is taken.

    Returns:
        Soprano, alto, tenor and bass with those notes.
    """
    lines = [score.notes[:0]]
    for track, voice in voice_of.items():
        line = top_line(score.notes[score.notes["track"] == track], score.ticks_per_quarter).copy()
        line["track"] = voice
        lines.append(line)
    return replace(score, notes=np.concatenate(lines), tracks=VOICE_TRACKS)


def typical_velocity(score: Score) -> int:
    """How loud new notes are to be.

    Args:
        score: What is given.

    Returns:
        The median of its velocities; 80 where it has no notes.
    """
    return int(np.median(score.notes["velocity"])) if score.n_notes else _VELOCITY


def voice_cover(score: Score, parts: Sequence[int], n_steps: int) -> NDArray[np.bool_]:
    """The cells of a voice grid in which notes sound.

    Args:
        score: What is given.
        parts: The tracks that are soprano, alto, tenor and bass.
        n_steps: Length of the grid (T).

    Returns:
        (T, 4).
    """
    cover = np.zeros((n_steps, N_VOICES), np.bool_)
    notes = score.resample_ticks(STEPS_PER_QUARTER).notes
    for voice, part in enumerate(parts):
        for note in notes[notes["track"] == part]:
            start = int(note["start_ticks"])
            cover[start : start + int(note["duration_ticks"]), voice] = True
    return cover


def with_voices(given: Score, parts: Sequence[int], grid: NDArray[np.int64], *, velocity: int = _VELOCITY) -> Score:
    """A score to whose four voices a grid is added wherever none of their notes sounds.

    Args:
        given: All of it stays to the tick.
        parts: The tracks that are soprano, alto, tenor and bass.
        grid: (T, 4) MIDI pitches, -1 = rest; equal ones that follow each other become one note.
        velocity: Of the new notes.

    Returns:
        The score, at a resolution that holds 16ths.
    """
    ticks = math.lcm(STEPS_PER_QUARTER, given.ticks_per_quarter)
    ticks = ticks if ticks <= _MAX_TICKS_PER_QUARTER else given.ticks_per_quarter
    step = Score(STEPS_PER_QUARTER, tracks=given.tracks)
    new = np.where(voice_cover(given, parts, len(grid)), REST_PITCH, grid)
    rows = [step.notes]
    for voice, part in enumerate(parts):
        pitches = new[:, voice]
        starts = np.flatnonzero(np.diff(pitches, prepend=REST_PITCH - 1))
        lengths = np.diff(np.append(starts, len(pitches)))
        sounds = pitches[starts] != REST_PITCH
        rows.append(make_notes(starts[sounds], lengths[sounds], pitches[starts][sounds], velocity, part))
    written = replace(step, notes=np.concatenate(rows)).resample_ticks(ticks)
    fine = given.resample_ticks(ticks)
    return replace(fine, notes=np.concatenate([fine.notes, written.notes]))
