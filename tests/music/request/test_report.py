"""The report: it measures the notes, and says so where a wish was not kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from audio_lstm.music.request.report import Finding, Report, measure
from audio_lstm.music.request.wishes import PitchRange, Sonority, Wishes
from audio_lstm.music.score.scales import parse_scale
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes

C_MAJOR = parse_scale("C major")
# Two bars of 2/4 at 4 ticks a quarter: a melody of quarters over held notes, then a chord of C.
SCORE = Score(
    4,
    make_notes([0, 4, 8, 0, 8], [4, 4, 8, 8, 8], [67, 65, 64, 53, 48], 80, [0, 0, 0, 1, 1]),
    tracks=(Track(program=52), Track(program=0)),
    tempi=(Tempo.from_bpm(0, 100),),
    time_signatures=(TimeSignature(0, 2, 4),),
)


def finding(score: Score = SCORE, **wishes: Any) -> Finding:
    return measure(score, Wishes(**wishes)).findings[-1]


@pytest.mark.parametrize(
    ("wishes", "achieved"),
    [
        ({"key": C_MAJOR}, "all notes in it"),
        ({"bars": 2}, "2"),
        ({"tempo_bpm": 100.0}, "100"),
        ({"metre": (2, 4)}, "2/4"),
        ({"parts": (52, 0)}, "voice, piano"),
        ({"parts": (52, 0), "ranges": (PitchRange(60, 70), PitchRange(40, 60))}, "C3-F3"),
        ({"max_polyphony": 2}, "2"),
        ({"density": (2, 3)}, "2-3"),
        ({"rests": 0.0}, "0.0% of the part with most"),
        ({"first": Sonority("G4", 67)}, "F3 G4"),
        ({"last": Sonority("C", None, frozenset({0, 4, 7}), 0), "bars": 2}, "C3 E4, held"),
        ({"ending": True, "key": C_MAJOR, "bars": 2}, "C3 E4, held"),
    ],
)
def test_a_wish_that_is_kept_is_found_in_the_notes(wishes: dict[str, Any], achieved: str) -> None:
    found = finding(**wishes)
    assert found.kept
    assert found.achieved == achieved
    assert measure(SCORE, Wishes(**wishes)).kept


@pytest.mark.parametrize(
    ("wishes", "achieved"),
    [
        ({"key": parse_scale("G major")}, "also F"),
        ({"bars": 3}, "2"),
        ({"tempo_bpm": 90.0}, "100"),
        ({"metre": (3, 4)}, "2/4"),
        ({"parts": (0, 52)}, "voice, piano"),
        ({"ranges": (PitchRange(60, 70),)}, "C3-F3"),
        ({"max_polyphony": 1}, "2"),
        ({"density": (3, 4)}, "2-3"),
        ({"first": Sonority("C5", 72)}, "F3 G4"),
        ({"last": Sonority("Am", None, frozenset({9, 0, 4}), 9), "bars": 2}, "C3 E4, held"),
    ],
)
def test_a_wish_that_is_not_kept_is_told(wishes: dict[str, Any], achieved: str) -> None:
    found = finding(**wishes)
    assert not found.kept
    assert found.achieved == achieved
    assert "NOT KEPT" in str(measure(SCORE, Wishes(**wishes)))


def test_a_piece_that_the_model_ends_within_a_bar_has_no_rests_behind_its_end() -> None:
    ends_early = replace(SCORE, notes=make_notes([0, 8, 0], [8, 4, 12], [67, 64, 48], 80, [0, 0, 1]))
    assert finding(ends_early, rests=0.0).kept
    assert finding(ends_early, rests=0.0, bars=2).achieved == "25.0% of the part with most"


def test_what_a_pickup_lacks_of_a_bar_is_no_rest() -> None:
    metre = TimeSignature(0, 2, 4)
    pickup = replace(
        SCORE,
        notes=make_notes([0, 4, 0, 4], [4, 8, 4, 8], [67, 64, 48, 50], 80, [0, 0, 1, 1]),
        time_signatures=(metre, replace(metre, tick=4)),
    )
    assert finding(pickup, rests=0.0).kept
    assert finding(pickup, rests=0.0, bars=1).achieved == "0.0% of the part with most"


def test_rests_notes_after_the_end_and_silent_parts_are_seen() -> None:
    gap = replace(SCORE, notes=SCORE.notes[SCORE.notes["start_ticks"] != 4])
    assert finding(gap, rests=0.1, bars=2).achieved == "25.0% of the part with most"
    assert not finding(gap, rests=0.1, bars=2).kept
    more = replace(SCORE, notes=make_notes([0, 8, 12], 4, [60, 60, 64]))
    assert finding(more, bars=2, last=Sonority("C4", 60)).achieved == "C4, and more after it"
    assert not finding(more, bars=2, last=Sonority("C4", 60)).kept
    assert finding(more, parts=(52, 0)).achieved == "voice, piano (silent)"
    assert not finding(more, parts=(52, 0)).kept
    rings = replace(SCORE, notes=make_notes([0], [20], [60]))
    assert not finding(rings, bars=2).kept


def test_the_longest_copied_run_is_a_finding() -> None:
    wishes = Wishes(max_copied=9)
    assert measure(SCORE, wishes, n_copied=9).kept
    assert not measure(SCORE, wishes, n_copied=10).kept
    assert measure(SCORE, wishes, n_copied=0).findings[0].achieved == "fewer than 8"
    assert measure(SCORE, wishes).findings == ()


def test_a_report_goes_into_json_and_a_table() -> None:
    report = measure(SCORE, Wishes(key=C_MAJOR, bars=2))
    assert json.loads(json.dumps(report.to_dict()))["kept"] is True
    assert str(report).splitlines()[1] == "key   C major  all notes in it"
    assert Report().kept
