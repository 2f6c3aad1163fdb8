"""The writer of chorales: every wish that is accepted is kept, whatever the model likes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.request.report import measure
from audio_lstm.music.request.wishes import PitchRange, Wishes
from audio_lstm.music.score.scales import parse_scale
from audio_lstm.music.tokens.chorale import REST, ChoraleGrid
from audio_lstm.music.writing.chorale_plan import plan_chorale
from audio_lstm.music.writing.planned_chorale import chorale_writer
from audio_lstm.music.writing.writing import finished_score
from recipes.quality.random_wishes import random_piece, random_wishes

GRID = ChoraleGrid()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_wish_that_is_accepted_is_kept_whatever_the_model_likes(chorale_composer: Composer, seed: int) -> None:
    chance = random.Random(seed)
    try:
        wishes = Wishes(**random_wishes(chance, chorale=True))
        plan = plan_chorale(GRID, wishes, min_bars=1)
    except ConfigError:
        return
    writer = chorale_writer(plan, 1, max_repeats=chance.choice([None, 1, 2]))
    n_most = 64 * (wishes.bars or 2) + 1
    tokens = random_piece(writer, chance, n_most)
    assert tokens is not None or wishes.bars is None
    if tokens is not None:
        report = measure(finished_score(chorale_composer, wishes, tokens), wishes)
        assert report.kept, str(report)


def test_every_voice_sings_throughout_unless_rests_are_asked_for() -> None:
    writer = chorale_writer(plan_chorale(GRID, Wishes(bars=1)), 1)
    assert 2 not in writer.choices()[0]
    resting = chorale_writer(plan_chorale(GRID, Wishes(bars=2, rests=1.0)), 1)
    assert 2 in resting.choices()[0]


def test_chorales_that_have_ended_can_be_let_go() -> None:
    writer = chorale_writer(plan_chorale(GRID, Wishes(bars=1)), 3)
    chances = [random.Random(seed) for seed in range(3)]
    for _ in range(30):
        writer.push([int(chance.choice(choices)) for chance, choices in zip(chances, writer.choices(), strict=True)])
    before = writer.columns()
    writer.fork([0, 2])
    np.testing.assert_array_equal(writer.columns(), before[[0, 2]])
    assert len(writer.choices()) == 2
    assert writer.n_bars == 1


@pytest.mark.parametrize("max_repeats", [None, 1])
def test_a_bar_may_stand_twice_in_a_row_unless_loops_are_left_sooner(max_repeats: int | None) -> None:
    writer = chorale_writer(plan_chorale(GRID, Wishes(bars=2)), 1, max_repeats=max_repeats)
    chord_a, chord_b = [[40, 36, 30, 20], [41, 37, 31, 21]]
    bar = [token for step in range(16) for token in (chord_a if step < 8 else chord_b)]
    bar = [token + 3 for token in bar]
    for token in bar:
        writer.push([token])
    assert (bar[0] in writer.choices()[0]) == (max_repeats is None)


def test_a_voice_without_a_tone_of_the_last_chord_is_silent_in_it_where_it_may() -> None:
    f_major = parse_scale("F major")
    soprano_only_d = (PitchRange(74, 74), PitchRange(60, 70), PitchRange(50, 62), PitchRange(41, 53))
    wishes = Wishes(bars=1, key=f_major, ending=True, rests=1.0, ranges=soprano_only_d)
    (choices,) = chorale_writer(plan_chorale(GRID, wishes), 1).choices()
    assert choices.tolist() == [REST]
