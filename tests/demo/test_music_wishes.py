"""The fields of "Compose" become the options of `compose`, and no option is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import audio_lstm
from audio_lstm.demo.music_wishes import ANY, MusicWishes
from audio_lstm.errors import ConfigError

NOTHING = MusicWishes(
    begin="nothing",
    notes="",
    chords="",
    file=None,
    humming=None,
    model="chorale",
    key=ANY,
    bars=8,
    tempo_bpm=0,
    metre=ANY,
    parts="",
    ranges="",
    density="",
    max_polyphony=0,
    first="",
    last="",
    ending=False,
    max_copied=0,
    temperature=0.7,
    seed=0,
    takes=1,
)


def test_empty_fields_leave_it_to_the_model() -> None:
    assert NOTHING.options(max_bars=64) == {"bars": 8, "temperature": 0.7}
    assert NOTHING.beginning is None


def test_wishes_reach_compose_and_are_kept() -> None:
    wishes = replace(NOTHING, key=" D minor ", tempo_bpm=96.0, ending=True, first="Dm", max_copied=12.0, bars=4.0)
    options = wishes.options(max_bars=64)
    assert options["key"] == "D minor"
    assert options["max_copied"] == 12
    piece = audio_lstm.compose(seed=1, **options)
    assert piece.report.kept
    assert {finding.wish for finding in piece.report.findings} >= {"key", "bars", "tempo", "first", "ending"}


def test_the_length_is_expected_from_bars_metre_and_tempo() -> None:
    assert NOTHING.expected_s == 24
    assert replace(NOTHING, metre="3/4", tempo_bpm=120.0).expected_s == 12
    assert replace(NOTHING, bars=0).expected_s == 0


def test_values_become_wishes_and_what_else_is_there_is_passed_over() -> None:
    values: dict[str, Any] = {**vars(NOTHING), "desk": object()}
    assert MusicWishes.from_values(values) == NOTHING


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"begin": "notes", "notes": " "}, "nothing to begin with is there yet: press some keys of the piano first"),
        ({"begin": "chords"}, "write some chords first"),
        ({"begin": "file"}, "choose a file first"),
        ({"begin": "humming"}, "record something first"),
    ],
)
def test_a_beginning_that_is_missing_is_asked_for(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(NOTHING, **changes).options(max_bars=64)


def test_a_beginning_is_what_its_kind_says() -> None:
    assert replace(NOTHING, begin="notes", notes="C4 E4", file="x.mid").beginning == "C4 E4"
    assert replace(NOTHING, begin="file", notes="C4 E4", file="x.mid").beginning == "x.mid"


def test_more_than_the_server_writes_is_refused() -> None:
    with pytest.raises(ConfigError, match="bars may be 64 at most on this server, got 65"):
        replace(NOTHING, bars=65).options(max_bars=64)
    with pytest.raises(ConfigError, match=r"takes must lie in 1\.\.4, got 9"):
        _ = replace(NOTHING, takes=9).n_takes
    assert replace(NOTHING, takes=3.0).n_takes == 3
