"""Measures of a piece: by hand on small cases, and as muspy 0.5.0 printed them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audio_lstm.music.compare.measures import HISTOGRAMS, MEASURES, NOTE_VALUES, histograms, measure_piece
from audio_lstm.music.score.score import Score, TimeSignature, Track, make_notes

QUARTER = 480


def score(starts: list[float], lengths: list[float], pitches: list[int], *metres: TimeSignature) -> Score:
    notes = make_notes(np.array(starts) * QUARTER, np.array(lengths) * QUARTER, pitches)
    return Score(QUARTER, notes, (Track(),), time_signatures=metres)


# As printed by muspy 0.5.0 for the pieces below (no note ends on a beat, where muspy counts the next one as full).
MUSPY = {
    1: (3.5076805773526507, 0.6885245901639344, 0.6180555555555556, 3.3238636363636362, 0.0),
    2: (3.3882672574322528, 0.7049180327868853, 0.6041666666666667, 3.233695652173913, 0.0),
}


@pytest.mark.parametrize("seed", MUSPY)
def test_the_measures_are_those_of_muspy(seed: int) -> None:
    random = np.random.default_rng(seed)
    starts, lengths = np.sort(random.integers(0, 16 * 12, 60)), random.integers(1, 20, 60)
    pitches, tracks = random.integers(48, 84, 60), random.integers(0, 2, 60)
    starts, lengths = np.append(starts, 16 * 12 - 7), np.append(lengths, 6)
    lengths = np.maximum(np.minimum(lengths, 16 * 12 - 1 - starts), 1)
    notes = make_notes(starts, lengths, np.append(pitches, 60), 80, np.append(tracks, 0))
    measured = measure_piece(Score(12, notes, (Track(), Track())))
    assert [getattr(measured, name) for name in MEASURES] == pytest.approx(MUSPY[seed])


def test_entropy_is_that_of_the_pitch_classes() -> None:
    assert measure_piece(score([0, 1, 2], [1] * 3, [60, 72, 48])).pitch_class_entropy == 0.0
    assert measure_piece(score([0, 1, 2, 3], [1] * 4, [60, 62, 64, 65])).pitch_class_entropy == 2.0
    twelve = measure_piece(score(list(range(12)), [1] * 12, list(range(60, 72))))
    assert twelve.pitch_class_entropy == pytest.approx(math.log2(12))
    assert twelve.scale_consistency == pytest.approx(7 / 12)


@pytest.mark.parametrize("scale", [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]])
def test_a_scale_is_consistent_in_any_key(scale: list[int]) -> None:
    for root in range(12):
        pitches = [60 + root + step for step in scale]
        assert measure_piece(score(list(range(7)), [1] * 7, pitches)).scale_consistency == 1.0
    assert measure_piece(score(list(range(8)), [1] * 8, [60 + step for step in scale] + [61])).scale_consistency < 1.0


def test_polyphony_is_taken_over_the_time_in_which_anything_sounds() -> None:
    assert measure_piece(score([0, 4], [1, 1], [60, 62])).polyphony == 1.0
    assert measure_piece(score([0, 0, 1], [1, 1, 1], [60, 64, 62])).polyphony == 1.5
    assert measure_piece(score([0, 0.5], [1, 1], [60, 60])).polyphony == 1.0  # one pitch, however often struck


def test_beats_are_empty_where_nothing_sounds() -> None:
    assert measure_piece(score([0, 3], [1, 1], [60, 62])).empty_beat_rate == 0.5
    assert measure_piece(score([1.5], [1], [60])).empty_beat_rate == pytest.approx(1 / 3)
    assert measure_piece(score([0], [4], [60])).empty_beat_rate == 0.0


def test_grooves_are_compared_bar_by_bar_in_their_own_metre() -> None:
    steady = score([0, 2, 4, 6], [1] * 4, [60] * 4)
    assert measure_piece(steady).groove_consistency == 1.0
    shifted = score([0, 2, 4, 7], [1] * 4, [60] * 4)
    assert measure_piece(shifted).groove_consistency == pytest.approx(1 - 2 / 48)
    waltz = score([0, 3, 6], [1] * 3, [60] * 3, TimeSignature(0, 3, 4))
    assert measure_piece(waltz).groove_consistency == 1.0
    assert measure_piece(score([0, 3, 6], [1] * 3, [60] * 3)).groove_consistency == pytest.approx(1 - 3 / 48)
    changing = [TimeSignature(0, 4, 4), TimeSignature(8 * QUARTER, 3, 4)]
    starts = [0.0, 4.0, 8.0, 11.0, 12.0]  # two bars of four that agree, two of three that differ in one place
    assert measure_piece(score(starts, [1] * 5, [60] * 5, *changing)).groove_consistency == pytest.approx(
        1 - 1 / (48 + 36)
    )


def groove_by_hand(onsets: list[int], length: int, n_bars: int) -> float:
    bars = np.zeros((n_bars, length), np.bool_)
    for onset in onsets:
        bars[divmod(onset, length)] = True
    return float(1 - (bars[:-1] != bars[1:]).mean())


@pytest.mark.parametrize("seed", range(5))
def test_groove_equals_the_matrix_of_bars(seed: int) -> None:
    onsets = sorted(set(np.random.default_rng(seed).integers(0, 5 * 36, 50).tolist()) | {4 * 36})
    piece = Score(12, make_notes(onsets, 1, 60), (Track(),), time_signatures=(TimeSignature(0, 3, 4),))
    assert measure_piece(piece).groove_consistency == pytest.approx(groove_by_hand(onsets, 36, 5))


def test_drums_count_for_rhythm_alone() -> None:
    notes = make_notes([0, QUARTER], QUARTER, [60, 38], 80, [0, 1])
    piece = Score(QUARTER, notes, (Track(), Track(is_drum=True)))
    measured = measure_piece(piece)
    assert (measured.pitch_class_entropy, measured.polyphony, measured.empty_beat_rate) == (0.0, 1.0, 0.0)
    assert histograms(piece)["pitch"].tolist() == np.eye(128)[60].tolist()


def test_where_there_is_nothing_a_measure_is_not_a_number() -> None:
    nothing = measure_piece(Score(QUARTER))
    assert all(math.isnan(getattr(nothing, name)) for name in MEASURES)
    assert math.isnan(measure_piece(score([0], [1], [60])).groove_consistency)  # a single bar
    assert all(not histogram.any() for histogram in histograms(Score(QUARTER)).values())


def test_histograms_hold_what_they_say() -> None:
    piece = score([0, 1, 2, 4.5], [1, 0.5, 2.5, 16], [60, 62, 80, 40], TimeSignature(0, 4, 4))
    found = histograms(piece)
    assert tuple(found) == HISTOGRAMS
    assert all(histogram.sum() == pytest.approx(1.0) for histogram in found.values())
    assert np.flatnonzero(found["pitch"]).tolist() == [40, 60, 62, 80]
    assert np.flatnonzero(found["interval"]).tolist() == [0, 15, 26]  # 40 and 18 semitones, beyond the octave; +2
    assert NOTE_VALUES[np.flatnonzero(found["duration"])].tolist() == [6, 12, 36, 96]  # 2.5 counts as 3, 16 as 8
    assert np.flatnonzero(found["onset"]).tolist() == [0, 6, 12, 24]


def test_a_metre_after_the_last_note_changes_nothing() -> None:
    plain = score([0, 2, 4, 6], [1] * 4, [60] * 4, TimeSignature(0, 4, 4))
    late = score([0, 2, 4, 6], [1] * 4, [60] * 4, TimeSignature(0, 4, 4), TimeSignature(400 * QUARTER, 3, 4))
    assert measure_piece(plain) == measure_piece(late)
