"""Are the chords kept that were asked for? Measured on the finished notes, beat by beat."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from audio_lstm.music.request.report import Finding
from audio_lstm.music.score.chord_track import ChordTrack
from audio_lstm.music.score.chords import ChordSpan
from audio_lstm.music.score.score import Score

__all__ = ["chords_finding"]


def chords_finding(
    score: Score, spans: tuple[ChordSpan, ...], *, begin: Fraction, end: Fraction, beat: Fraction
) -> Finding:
    """How a piece keeps to its chords.

    Args:
        score: The piece.
        spans: The chords; after the last one they begin again.
        begin: Quarters from the beginning of the piece to that of the first chord.
        end: Quarters to the end of the piece.
        beat: Quarters from beat to beat.

    Returns:
        On how many beats nothing sounds but tones of the chord, and how often its bass is the lowest note where it
        begins.
    """
    ticks = score.ticks_per_quarter
    first, last, step = int(begin * ticks), int(end * ticks), max(int(beat * ticks), 1)
    chords = ChordTrack(spans, steps_per_quarter=ticks, beat_steps=step)
    drums = [number for number, track in enumerate(score.tracks) if track.is_drum]
    notes = score.notes[~np.isin(score.notes["track"], drums)]
    begins, ends = notes["start_ticks"], notes["start_ticks"] + notes["duration_ticks"]
    beats, basses = [], []
    starts = {int(span.start_quarters * ticks) for span in spans}
    for tick in range(first, last):
        here = tick - first
        if here % step and here % chords.n_steps not in starts:
            continue
        sounding = notes["pitch"][(begins <= tick) & (ends > tick)].tolist()
        beats.append({pitch % 12 for pitch in sounding} <= chords.at(here).pitch_classes)
        if chords.begins(here):
            basses.append(bool(sounding) and min(sounding) % 12 == chords.at(here).bass)
    told = f"{sum(beats)} of {len(beats)} beats, {sum(basses)} of {len(basses)} basses"
    return Finding("chords", " ".join(span.chord.symbol for span in spans), told, all(beats) and all(basses))
