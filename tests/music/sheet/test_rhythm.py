"""Note values: they fill their stretch, show the beats, and beams join what belongs together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.music.score.score import TimeSignature
from audio_lstm.music.sheet.rhythm import Value, beam_groups, beat_units, split_length

FOUR = TimeSignature(0, 4, 4)
METRES = [FOUR, TimeSignature(0, 3, 4), TimeSignature(0, 6, 8), TimeSignature(0, 7, 8), TimeSignature(0, 3, 2)]
NONE: frozenset[int] = frozenset()


def words(start: int, end: int, metre: TimeSignature = FOUR, *, rest: bool = False) -> str:
    values = split_length(start, end, metre, NONE, rest=rest)
    return " ".join(value.type + "." * value.dots for value in values)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(METRES), st.integers(0, 47), st.integers(1, 48), st.sampled_from([False, True]))
def test_values_fill_the_stretch_whatever_it_is(metre: TimeSignature, start: int, length: int, rest: object) -> None:
    values = split_length(3 * start, 3 * (start + length), metre, NONE, rest=bool(rest))
    position = 3 * start
    for value in values:
        assert value.start == position
        position += value.units
    assert position == 3 * (start + length)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 11), st.integers(1, 36), st.sets(st.integers(0, 3)))
def test_triplets_fill_their_quarters(start: int, length: int, more: set[int]) -> None:
    first, last = 2 * start, min(2 * (start + length), 96)
    triplets = frozenset(more | {time // 24 for time in (first, last) if time % 24})
    values = split_length(first, last, FOUR, triplets, rest=False)
    assert sum(value.units for value in values) == last - first
    assert all(value.in_triplet == (value.start // 24 in triplets) for value in values)


def test_common_lengths_are_one_value() -> None:
    assert words(0, 96) == "whole"
    assert words(0, 72) == words(24, 96) == "half."
    assert words(24, 72) == "half"
    assert words(0, 36) == words(48, 84) == "quarter."
    assert words(12, 48) == "quarter."  # after an eighth
    assert words(12, 36) == "quarter"  # a syncopation
    assert words(6, 24) == "eighth."
    assert words(0, 72, METRES[2]) == "half."
    assert words(0, 36, METRES[2]) == "quarter."
    assert words(0, 144, METRES[4]) == "whole."


def test_ties_show_the_beats() -> None:
    assert words(42, 72) == "16th quarter"
    assert words(36, 60) == "eighth eighth"  # over the middle of the bar
    assert words(0, 60) == "half eighth"
    assert words(12, 60, METRES[2]) == "quarter quarter"
    assert words(18, 30) == "16th 16th"


def test_rests_are_split_at_the_beats() -> None:
    assert words(12, 48, rest=True) == "eighth quarter"
    assert words(0, 72, rest=True) == "half quarter"
    assert words(0, 36, METRES[2], rest=True) == "quarter."


def test_a_triplet_eighth_is_three_in_the_time_of_two() -> None:
    (value,) = split_length(8, 16, FOUR, frozenset({0}), rest=False)
    assert (value.type, value.units, value.in_triplet) == ("eighth", 8, True)


@pytest.mark.parametrize(("metre", "units"), list(zip(METRES, [24, 24, 36, 24, 24], strict=True)))
def test_beats_of_compound_metres_are_dotted(metre: TimeSignature, units: int) -> None:
    assert beat_units(metre) == units


def beams(pieces: list[tuple[int, str]], metre: TimeSignature = FOUR) -> list[tuple[str, ...]]:
    units = {"quarter": 24, "eighth": 12, "16th": 6, "eighth.": 18}
    values = [Value(start, units[name], name.rstrip("."), name.count("."), False) for start, name in pieces]
    return beam_groups(values, [True] * len(values), metre)


def test_beams_join_within_a_beat() -> None:
    eighths = [(start, "eighth") for start in range(0, 96, 12)]
    assert beams(eighths) == [("begin",), ("end",)] * 4
    assert beams(eighths[:6], METRES[2]) == [("begin",), ("continue",), ("end",)] * 2


def test_second_beams_and_hooks() -> None:
    assert beams([(0, "eighth"), (12, "16th"), (18, "16th")]) == [("begin",), ("continue", "begin"), ("end", "end")]
    assert beams([(0, "eighth."), (18, "16th")]) == [("begin",), ("end", "backward hook")]
    assert beams([(0, "16th"), (6, "eighth.")]) == [("begin", "forward hook"), ("end",)]


def test_rests_and_quarters_break_beams() -> None:
    values = [Value(0, 6, "16th", 0, False), Value(6, 12, "eighth", 0, False), Value(18, 6, "16th", 0, False)]
    assert beam_groups(values, [True, False, True], FOUR) == [(), (), ()]
    assert beams([(0, "eighth"), (12, "quarter"), (36, "eighth")]) == [(), (), ()]
