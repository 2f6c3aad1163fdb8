"""One line of events: what is offered at the places where promises bind."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.scales import parse_scale
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.writing.event_line import EventLine, EventTokens
from audio_lstm.music.writing.event_plan import plan_events
from recipes.quality.random_wishes import SMALL_VOCABULARY

LAYOUT = SMALL_VOCABULARY.layout


def line(**wishes: Any) -> EventLine:
    plan = plan_events(SMALL_VOCABULARY, Wishes(**wishes))
    return EventLine(plan, EventTokens(plan), SMALL_VOCABULARY.cursor(1).pieces[0])


def push(started: EventLine, token: int) -> None:
    started.piece.push(token)
    started.push()


def token(kind: Kind, value: int = 0) -> int:
    return int(LAYOUT.ids(kind, value))


def values(choices: NDArray[np.int64], kind: Kind) -> list[int]:
    chosen: list[int] = LAYOUT.value_of[choices[LAYOUT.kind_of[choices] == kind]].tolist()
    return chosen


def opened(**wishes: Any) -> EventLine:
    """A line of one piano that stands at its first position, its tempo named."""
    started = line(parts=(0,), metre=(4, 4), tempo_bpm=120.0, **wishes)
    for each in (token(Kind.PROGRAM), token(Kind.BAR), token(Kind.TIME_SIGNATURE), token(Kind.POSITION)):
        push(started, each)
    while LAYOUT.kind_of[started.choices()[0]] != Kind.TEMPO:
        push(started, int(started.choices()[0]))
    push(started, int(started.choices()[0]))
    return started


def play(started: EventLine, pitch: int, steps: int, *, position: int = 0) -> None:
    if position:
        push(started, token(Kind.POSITION, position))
    push(started, token(Kind.TRACK))
    push(started, token(Kind.PITCH, pitch))
    push(started, token(Kind.VELOCITY))
    push(started, token(Kind.DURATION, SMALL_VOCABULARY.durations.index(steps)))


def test_the_parts_the_metre_and_the_tempo_are_given() -> None:
    started = line(parts=(0, 128), metre=(3, 4), tempo_bpm=120.0, key=parse_scale("D minor"))
    kinds = []
    for _ in range(7):
        (only,) = started.choices()
        kinds.append((Kind(int(LAYOUT.kind_of[only])), int(LAYOUT.value_of[only])))
        push(started, int(only))
    assert kinds == [
        (Kind.PROGRAM, 0),
        (Kind.PROGRAM, 128),
        (Kind.BAR, 0),
        (Kind.TIME_SIGNATURE, 1),
        (Kind.POSITION, 0),
        (Kind.KEY, 21),
        (Kind.TEMPO, 1),
    ]


def test_a_note_may_not_ring_beyond_the_last_bar() -> None:
    started = opened(bars=1)
    push(started, token(Kind.POSITION, 5))
    for each in (token(Kind.TRACK), token(Kind.PITCH, 60), token(Kind.VELOCITY)):
        push(started, each)
    assert values(started.choices(), Kind.DURATION) == [0, 1, 2]


def test_without_rests_the_next_note_begins_where_the_last_one_ends() -> None:
    started = opened(rests=0.0, bars=2)
    assert values(started.choices(), Kind.POSITION) == []
    play(started, 60, 3)
    assert values(started.choices(), Kind.POSITION) == [1, 2, 3]
    assert token(Kind.BAR) not in started.choices()
    play(started, 62, 5, position=3)
    assert token(Kind.BAR) in started.choices()


def test_the_most_notes_at_once_are_not_passed() -> None:
    started = opened(max_polyphony=1)
    play(started, 60, 4)
    assert values(started.choices(), Kind.PITCH) == []
    assert values(started.choices(), Kind.POSITION) == [4, 5, 6, 7]


def test_the_least_notes_of_a_bar_leave_their_places_free() -> None:
    started = opened(max_polyphony=1, density=(3, 5))
    for each in (token(Kind.TRACK), token(Kind.PITCH, 60), token(Kind.VELOCITY)):
        push(started, each)
    assert values(started.choices(), Kind.DURATION) == [0, 1, 2, 3, 4, 5]  # two more notes need the last two places
    push(started, token(Kind.DURATION, 0))
    assert token(Kind.BAR) not in started.choices()
    assert values(started.choices(), Kind.POSITION) == [1, 2, 3, 4, 5, 6]


def test_the_most_notes_of_a_bar_are_not_passed() -> None:
    started = opened(density=(0, 1))
    play(started, 60, 1)
    assert values(started.choices(), Kind.PITCH) == []
    assert values(started.choices(), Kind.POSITION) == []


def test_the_last_bar_of_an_ending_is_one_chord_over_the_tonic() -> None:
    started = opened(bars=2, key=parse_scale("D minor"), ending=True)
    play(started, 62, 8)
    assert token(Kind.END) not in started.choices()
    push(started, token(Kind.BAR))
    assert started.choices().tolist() == [token(Kind.POSITION)]
    push(started, token(Kind.POSITION))
    push(started, token(Kind.TRACK))
    assert {pitch % 12 for pitch in values(started.choices(), Kind.PITCH)} == {2}
    push(started, token(Kind.PITCH, 50))
    push(started, token(Kind.VELOCITY))
    assert values(started.choices(), Kind.DURATION) == [SMALL_VOCABULARY.durations.index(8)]
    push(started, int(started.choices()[0]))
    assert {pitch % 12 for pitch in values(started.choices(), Kind.PITCH)} == {2, 5, 9}
    push(started, token(Kind.END))
    assert started.piece.done
    assert started.choices().tolist() == [token(Kind.END)]


def test_a_part_that_is_asked_for_has_entered_by_the_middle() -> None:
    started = line(parts=(0, 52), bars=2)
    chance = random.Random(0)
    playing = set()
    while not started.piece.done:
        choices = started.choices()
        wanted = values(choices, Kind.TRACK)
        pushed = token(Kind.TRACK, min(wanted)) if wanted else int(chance.choice(choices))
        push(started, pushed)
        if wanted:
            playing.add(min(wanted))
        if started.piece.now > 8:
            break
    assert playing == {0, 1}


def test_other_parts_than_those_asked_for_are_refused() -> None:
    started = line(parts=(0, 52))
    push(started, token(Kind.PROGRAM, 3))
    with pytest.raises(ConfigError, match=r"begins with the programs \[3\], but other parts are asked for"):
        push(started, token(Kind.BAR))
