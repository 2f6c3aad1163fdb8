"""Metres of written notes, and the pulse of notes that were played: steady, slow, fast, drifting."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from audio_lstm.music.score.beat_finding import Pulse, find_metre, find_pulse, quantise
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import Score

WALTZ = "C3:3 G3:3 C3:3 G3:3 C3:3 F3:3 G3:3 C3:3"
CHORDS = "R E4+G4 E4+G4 R D4+G4 D4+G4 R E4+G4 E4+G4 R D4+G4 D4+G4 R E4+G4 E4+G4"
TUNE = [Fraction(n, 2) for n in (0, 2, 4, 5, 6, 8, 10, 11, 12, 14, 15, 16, 20, 22, 24)]


def joined(first: str, second: str) -> Score:
    one, two = parse_notes(first), parse_notes(second)
    return Score(480, np.concatenate([one.notes, two.notes]), one.tracks)


def test_waltzes_marches_and_jigs_are_told_apart() -> None:
    assert find_metre(joined(WALTZ, CHORDS)) == (3, 4)
    assert find_metre(parse_notes("C4:2 E4 G4 C5:2 G4 E4 " * 4)) == (4, 4)
    assert find_metre(parse_notes("C4:1.5 E4 G4/8 C5:1.5 G4 E4/8 " * 4)) == (6, 8)


def test_where_there_is_no_telling_it_is_common_time() -> None:
    assert find_metre(parse_notes("C4:3 E4:2")) == (4, 4)
    assert find_metre(Score(480)) == (4, 4)


@pytest.mark.parametrize("bpm", [60, 76, 100, 120, 144])
def test_the_pulse_is_found_and_the_notes_with_it(bpm: float) -> None:
    rng = np.random.default_rng(bpm)
    onsets = np.array([float(place) for place in TUNE]) * 60 / bpm + rng.normal(0, 0.02, len(TUNE)) + 1.0
    pulse = find_pulse(onsets)
    assert pulse.bpm == pytest.approx(bpm, rel=0.03)
    assert quantise(onsets, pulse) == TUNE


def test_a_known_tempo_is_kept() -> None:
    onsets = np.array([float(place) for place in TUNE]) * 0.5 + 0.3
    pulse = find_pulse(onsets, bpm=60)
    assert pulse.bpm == pytest.approx(60)
    assert quantise(onsets, pulse) == [place / 2 for place in TUNE]
    assert find_pulse(onsets, bpm=120).start_s % 0.5 == pytest.approx(0.3, abs=0.05)


def test_who_slows_down_is_followed() -> None:
    beats = np.array([float(place) for place in TUNE])
    onsets = beats * 0.6 + 0.004 * beats**2  # from 100 to 86 beats a minute
    assert quantise(onsets, find_pulse(onsets)) == TUNE


def test_few_onsets_have_a_pulse_too_and_none_falls_on_another() -> None:
    assert find_pulse([2.0]) == Pulse(0.6, 2.0)
    assert find_pulse([]).start_s == 0
    assert quantise([], Pulse(0.5, 0)) == []
    assert quantise([1.0, 1.01], Pulse(0.5, 0.0)) == [0, Fraction(1, 4)]
    assert quantise([1.25], Pulse(0.5, 0.0)) == [Fraction(1, 2)]
