"""Plans of chorales: what four voices cannot do is named before sampling."""

from __future__ import annotations

from typing import Any

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.wishes import PitchRange, Sonority, Wishes
from audio_lstm.music.score.scales import parse_scale
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.writing.chorale_plan import plan_chorale

GRID = ChoraleGrid()
D_MINOR = parse_scale("D minor")


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"parts": (52, 0)}, "2 parts: a chorale model writes soprano, alto, tenor and bass"),
        ({"ranges": (PitchRange(60, 72),) * 2}, "2 ranges: pass one for all voices, or one each"),
        ({"metre": (3, 32)}, "metre 3/32: chorales are written in 16ths"),
        ({"metre": (16, 4)}, "metre 16/4: chorales are written in 16ths"),
        ({"max_polyphony": 2, "rests": 0.0}, "max_polyphony=2 keeps voices of a chorale silent"),
        ({"density": (0, 3)}, "at most 3 notes a bar, but the four voices"),
        ({"density": (65, 70)}, "at least 65 notes a bar, but at most 64 can begin"),
        (
            {"density": (4, 9), "max_polyphony": 2, "ranges": (PitchRange(60, 60),)},
            "a least density needs voices of more than one note",
        ),
        ({"density": (5, 9), "max_copied": 12}, "a least density or max_copied, not both"),
        ({"ranges": (PitchRange(90, 100),)}, r"the (soprano|bass|alto|tenor) has no note to sing in F#6-E7"),
        (
            {"bars": 2, "key": D_MINOR, "ending": True, "last": Sonority("A4", 69), "max_polyphony": 1},
            "max_polyphony=1 leaves no room for the last note above the bass",
        ),
    ],
)
def test_what_a_chorale_cannot_be_is_named(wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_chorale(GRID, Wishes(**wishes))


def test_a_plan_knows_its_bars_and_voices() -> None:
    plan = plan_chorale(GRID, Wishes(metre=(3, 4), bars=5, key=D_MINOR, rests=0.1))
    assert (plan.bar_steps, plan.n_steps, plan.rest_steps) == (12, 60, 6)
    assert plan.allowed.shape == (4, GRID.vocabulary_size)
    assert not plan.allowed[:, :3].any()
    assert plan_chorale(GRID, Wishes()).n_steps is None


def test_the_bass_voice_has_the_lowest_note_of_the_ending() -> None:
    plan = plan_chorale(GRID, Wishes(bars=2, key=D_MINOR, ending=True))
    assert plan.last is not None
    assert plan.last.bass_part == GRID.order.index("B")
