"""Bars: from time signatures, with pickups, cut bars and odd metres."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from audio_lstm.errors import ScoreError
from audio_lstm.music.files.midi_bytes import midi_to_score, score_to_midi
from audio_lstm.music.score.bars import (
    MAX_BARS,
    PageBar,
    score_bars,
    signatures_of_bars,
    signatures_to_midi,
)
from audio_lstm.music.score.score import Score, TimeSignature, Track, make_notes


def score(end_ticks: int, *metres: TimeSignature, ticks_per_quarter: int = 12) -> Score:
    return Score(ticks_per_quarter, make_notes(0, end_ticks, 60), (Track(),), time_signatures=metres)


def spans(piece: Score) -> list[tuple[int, int, int]]:
    return [(bar.number, bar.start_ticks, bar.end_ticks) for bar in score_bars(piece)]


def test_without_a_signature_bars_have_four_quarters() -> None:
    assert spans(score(49)) == [(1, 0, 48), (2, 48, 96)]


def test_an_empty_score_has_one_bar() -> None:
    assert [(bar.start_ticks, bar.end_ticks) for bar in score_bars(Score(12))] == [(0, 48)]


def test_odd_metres_have_their_length() -> None:
    assert spans(score(80, TimeSignature(0, 7, 8))) == [(1, 0, 42), (2, 42, 84)]


def test_a_change_of_metre_starts_a_bar_and_cuts_the_one_before() -> None:
    piece = score(100, TimeSignature(0, 4, 4), TimeSignature(60, 3, 4))
    assert spans(piece) == [(1, 0, 48), (2, 48, 60), (3, 60, 96), (4, 96, 132)]
    assert score_bars(piece)[1].metre.numerator == 4


def test_a_first_short_bar_is_a_pickup_of_the_metre_that_follows() -> None:
    bars = score_bars(score(60, TimeSignature(0, 1, 4), TimeSignature(12, 4, 4)))
    assert [(bar.number, bar.start_ticks, bar.end_ticks) for bar in bars] == [(0, 0, 12), (1, 12, 60)]
    assert bars[0].is_pickup
    assert bars[0].metre.numerator == 4
    assert not bars[1].is_pickup


def test_two_short_bars_are_a_metre_of_their_own() -> None:
    assert [bar.number for bar in score_bars(score(60, TimeSignature(0, 1, 4), TimeSignature(24, 4, 4)))] == [1, 2, 3]


def test_bars_that_are_no_whole_number_of_ticks_do_not_drift() -> None:
    bars = score_bars(score(70, TimeSignature(0, 3, 8), ticks_per_quarter=1))
    assert [bar.start_ticks for bar in bars[:5]] == [0, 2, 3, 4, 6]
    assert bars[-1].end_ticks == 70 or bars[-1].end_ticks == 71


def test_a_note_after_years_of_silence_is_refused() -> None:
    far = Score(1, make_notes(50_000, 1, 60), (Track(),))
    with pytest.raises(ScoreError, match=rf"more than {MAX_BARS:,} bars, too many to write down; cut it"):
        score_bars(far)


def test_a_first_bar_that_the_metre_is_repeated_behind_is_a_pickup() -> None:
    piece = score(60, TimeSignature(0, 4, 4), TimeSignature(12, 4, 4))
    assert spans(piece) == [(0, 0, 12), (1, 12, 60)]
    assert score_bars(piece)[0].is_pickup


def test_bars_of_a_page_become_signatures_and_bars_again() -> None:
    lengths = [12, 48, 48, 36, 12, 72, 48, 30, 48]  # of these 36 + 12 is one bar, cut by a repeat sign
    edges = [0, *np.cumsum(lengths).tolist()]
    page = [PageBar(first, last, (4, 4), goes_on=number == 4) for number, (first, last) in enumerate(pairwise(edges))]
    piece = score(edges[-1], *signatures_of_bars(page, 12))
    expected = [edge for edge in edges[:-1] if edge != edges[4]]
    assert [bar.start_ticks for bar in score_bars(piece)] == expected
    assert [(m.tick, m.numerator) for m in piece.time_signatures] == [
        (0, 4), (12, 4), (156, 6), (228, 4), (306, 4),
    ]  # fmt: skip


def test_bars_that_are_as_long_as_their_metre_say_it_once() -> None:
    page = [PageBar(36 * number, 36 * number + 36, (3, 4)) for number in range(5)]
    assert signatures_of_bars(page, 12) == (TimeSignature(0, 3, 4),)


def test_a_page_without_a_metre_has_bars_of_their_own_length() -> None:
    page = [PageBar(0, 24, None), PageBar(24, 54, None), PageBar(54, 84, None)]
    assert signatures_of_bars(page, 12) == (TimeSignature(0, 2, 4), TimeSignature(24, 5, 8))


@pytest.mark.parametrize(("ticks", "own"), [(12, (1, 4)), (6, (1, 8)), (30, (5, 8)), (3, (1, 16))])
def test_a_pickup_has_a_metre_of_its_own_in_midi_and_is_a_pickup_again(ticks: int, own: tuple[int, int]) -> None:
    page = (TimeSignature(0, 4, 4), TimeSignature(ticks, 4, 4), TimeSignature(ticks + 96, 3, 4))
    midi = signatures_to_midi(page, 12)
    assert midi == (TimeSignature(0, *own), *page[1:])
    again = midi_to_score(score_to_midi(score(200, *page)))
    assert again.time_signatures == midi
    assert spans(again) == spans(score(200, *page))
    assert score_bars(again)[0].metre.numerator == 4


def test_a_pickup_that_no_metre_holds_stays_one_in_midi() -> None:
    page = (TimeSignature(0, 4, 4), TimeSignature(4, 4, 4))  # of a third of a quarter
    assert signatures_to_midi(page, 12) == page
    assert midi_to_score(score_to_midi(score(200, *page))).time_signatures == page
