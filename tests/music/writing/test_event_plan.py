"""Plans of events: what the vocabulary cannot say, and what parts cannot play, is named before sampling."""

from __future__ import annotations

from typing import Any

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wishes import PitchRange, Sonority, Wishes
from audio_lstm.music.score.scales import parse_scale
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.event_plan import FOREVER, plan_events
from recipes.quality.random_wishes import SMALL_VOCABULARY

D_MINOR = parse_scale("D minor")


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"metre": (5, 4)}, "metre 5/4: this model knows 4/4, 3/4"),
        ({"parts": (0, 1, 2, 3)}, "4 parts: this model writes at most 3"),
        ({"ranges": (PitchRange(0, 9), PitchRange(0, 9))}, "2 ranges for 0 parts"),
        ({"density": (9, 20)}, "density: at least 9 notes a bar, but a bar has 8 places"),
        ({"density": (0, 1), "parts": (0, 52)}, "density: at most 1 notes a bar, but 2 parts"),
        (
            {"bars": 2, "key": D_MINOR, "ending": True, "last": Sonority("A4", 69), "max_polyphony": 1},
            "another last note than the tonic needs two notes",
        ),
        (
            {"bars": 2, "key": D_MINOR, "ending": True, "parts": (0,), "ranges": (PitchRange(64, 65),)},
            "no part can play the lowest note of the last chord",
        ),
        (
            {
                "bars": 2,
                "key": D_MINOR,
                "ending": True,
                "rests": 0.0,
                "parts": (0, 52),
                "ranges": (PitchRange(64, 64), PitchRange(48, 52)),
            },
            "part 1 has no note for the last sonority",
        ),
    ],
)
def test_what_cannot_be_kept_is_named(wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_events(SMALL_VOCABULARY, Wishes(**wishes))


def test_wishes_that_need_notes_of_every_length_are_refused_without_them(small_events: EventVocabulary) -> None:
    for wishes in (Wishes(rests=0.0), Wishes(density=(1, 4)), Wishes(max_polyphony=3)):
        with pytest.raises(ConfigError, match="need notes of every length up to a bar"):
            plan_events(small_events, wishes)
    long_notes = EventVocabulary(time_signatures=((1, 16),), durations=(6,))
    with pytest.raises(ConfigError, match="shortest note is longer than a bar"):
        plan_events(long_notes, Wishes(bars=2))


def test_a_plan_finds_the_rows_of_its_tables() -> None:
    plan = plan_events(SMALL_VOCABULARY, Wishes(metre=(3, 4), tempo_bpm=118.0, key=D_MINOR))
    assert (plan.metre, plan.metres) == (1, [1])
    assert SMALL_VOCABULARY.tempi[plan.tempo] == 500_000
    assert plan.key == -1 + 7 + 15
    assert plan.cap == FOREVER


def test_parts_hold_their_notes() -> None:
    plan = plan_events(SMALL_VOCABULARY, Wishes(parts=(0, 128), key=D_MINOR, ranges=(PitchRange(60, 64),)))
    assert [part.is_drum for part in plan.parts] == [False, True]
    assert plan.parts[0].pitches == [60, 61, 62, 64]
    assert len(plan.parts[1].pitches) == 128


def test_the_last_sonority_is_held_as_long_as_the_table_allows(small_events: EventVocabulary) -> None:
    assert plan_events(small_events, Wishes()).hold(8) == 4
    assert plan_events(SMALL_VOCABULARY, Wishes()).hold(8) == 8


def test_two_parts_are_needed_where_the_last_note_is_not_the_bass() -> None:
    ending = Wishes(bars=2, key=D_MINOR, ending=True, last=Sonority("A4", 69))
    assert plan_events(SMALL_VOCABULARY, ending).min_pitched == 2
    assert plan_events(SMALL_VOCABULARY, Wishes(max_polyphony=2)).max_parts == 2
