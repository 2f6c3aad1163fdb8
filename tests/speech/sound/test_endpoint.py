"""Phrases begin before the first sound of speech and end after the last; short pauses do not part them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError
from audio_lstm.speech.sound.endpoint import EndpointConfig, Endpointer

FRAME_S = 0.02


def phrases(chances: list[float], config: EndpointConfig | None = None) -> list[tuple[int, int]]:
    endpointer = Endpointer(config or EndpointConfig(), FRAME_S)
    found, begin = [], -1
    for number, chance in enumerate(chances):
        assert endpointer.keep_from <= number
        event = endpointer.advance(chance)
        if event and event.begin is not None:
            begin = event.begin
        if event and event.end is not None:
            found.append((begin, event.end))
    last = endpointer.finish()
    if last and last.end is not None:
        found.append((begin, last.end))
    return found


def test_a_phrase_has_margins() -> None:
    assert phrases([0.0] * 100 + [1.0] * 50 + [0.0] * 100) == [(75, 170)]  # 0.5 s before, 0.4 s after


def test_short_pauses_do_not_part_and_long_ones_do() -> None:
    speech = [1.0] * 30
    assert phrases([*speech, *[0.0] * 39, *speech]) == [(0, 119)]
    assert phrases([*speech, *[0.0] * 40, *speech]) == [(0, 50), (50, 120)]
    assert phrases([*speech, *[0.0] * 40, *speech], EndpointConfig(pause_s=1.0)) == [(0, 120)]


def test_a_click_begins_nothing() -> None:
    assert phrases([0.0] * 20 + [1.0] * 3 + [0.0] * 100) == []
    assert phrases([0.0] * 20 + [1.0] * 4 + [0.0] * 100) == [(0, 44)]
    assert phrases([0.3] * 200) == []
    assert phrases([0.45] * 20)  # unsure, but for long


def test_silence_and_nothing_have_no_phrases() -> None:
    assert phrases([]) == []
    assert phrases([0.0] * 500) == []


@given(st.lists(st.sampled_from([0.0, 0.2, 0.5, 1.0]), max_size=300))
def test_phrases_are_in_order_and_hold_all_sure_stretches(chances: list[float]) -> None:
    found = phrases(chances)
    edges = [edge for phrase in found for edge in phrase]
    assert edges == sorted(edges)
    assert all(begin < end for begin, end in found)
    for start in range(len(chances) - 4):
        if chances[start : start + 4] == [1.0] * 4:
            assert any(begin <= start and start + 4 <= end for begin, end in found)


def test_what_belongs_to_a_phrase_is_known_as_it_goes_on() -> None:
    endpointer = Endpointer(EndpointConfig(), FRAME_S)
    for _ in range(10):
        endpointer.advance(1.0)
    assert endpointer.in_phrase
    assert endpointer.evidence == 4.0
    assert (endpointer.ready, endpointer.planned_end, endpointer.silent_frames) == (10, 30, 0)
    for _ in range(25):
        assert endpointer.advance(0.0) is None
    assert (endpointer.ready, endpointer.planned_end, endpointer.silent_frames) == (30, 30, 25)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"begin_frames": 0}, r"begin_frames must lie in \(0, 10\], got 0"),
        ({"begin_frames": 11}, "begin_frames must lie in"),
        ({"speech_chance": 1.0}, r"speech_chance must lie between 0 and 1, got 1\.0"),
        ({"lookback_s": -1}, r"lookback_s must lie in 0\.\.2, got -1"),
        ({"margin_s": 1.0}, r"0\.1 <= margin_s <= pause_s <= 10, got margin_s=1\.0, pause_s=0\.8"),
        ({"pause_s": math.nan}, "got margin_s=0.4, pause_s=nan"),
    ],
)
def test_impossible_rules_are_refused(values: dict[str, float], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        EndpointConfig(**values)
