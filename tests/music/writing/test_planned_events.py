"""The writer of events: whatever is asked, and whatever the model likes, a legal piece comes out that has it all."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_lstm.errors import ConfigError
from audio_lstm.music.request.report import measure
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.score import Tempo
from audio_lstm.music.tokens.event_grammar import Kind
from audio_lstm.music.writing.event_plan import plan_events
from audio_lstm.music.writing.planned_events import event_writer
from recipes.quality.random_wishes import SMALL_VOCABULARY, random_piece, random_wishes


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_every_wish_that_is_accepted_is_kept_whatever_the_model_likes(seed: int) -> None:
    chance = random.Random(seed)
    try:
        wishes = Wishes(**random_wishes(chance, chorale=False))
        plan = plan_events(SMALL_VOCABULARY, wishes, min_bars=2)
    except ConfigError:
        return
    writer = event_writer(plan, 1, max_repeats=chance.choice([None, 1, 2]))
    tokens = random_piece(writer, chance, n_most=4000)
    assert tokens is not None or wishes.bars is None
    if tokens is not None:
        score = SMALL_VOCABULARY.decode(tokens)  # also checks that each token is legal
        if wishes.tempo_bpm is not None:  # tempi between those of the table are set in the score
            score = replace(score, tempi=(Tempo.from_bpm(0, wishes.tempo_bpm),))
        report = measure(score, wishes)
        assert report.kept, str(report)


def test_the_choices_without_wishes_are_those_of_the_grammar() -> None:
    n_alike = n_tokens = 0
    for seed in range(20):
        chance = random.Random(seed)
        writer = event_writer(plan_events(SMALL_VOCABULARY, Wishes()), 1)
        cursor = SMALL_VOCABULARY.cursor(1)
        while not writer.done[0]:
            (choices,) = writer.choices()
            legal = np.flatnonzero(cursor.legal()[0])
            assert set(choices.tolist()) <= set(legal.tolist())
            n_alike += choices.tolist() == legal.tolist()
            n_tokens += 1
            token = int(chance.choice(choices))
            writer.push([token])
            cursor.push(np.array([token]))
    assert n_tokens > 400
    assert n_alike > 0.9 * n_tokens  # but for a piece without parts, and one that ends before its first note


def test_the_columns_are_those_of_the_vocabulary() -> None:
    chance = random.Random(1)
    writer = event_writer(plan_events(SMALL_VOCABULARY, Wishes(bars=2)), 1)
    rows, tokens = [], []
    while not writer.done[0]:
        rows.append(writer.columns()[0])
        tokens.append(int(chance.choice(writer.choices()[0])))
        writer.push(tokens[-1:])
    np.testing.assert_array_equal(np.array(rows), SMALL_VOCABULARY.columns(np.array(tokens)))


def test_pieces_that_have_ended_can_be_let_go() -> None:
    writer = event_writer(plan_events(SMALL_VOCABULARY, Wishes(bars=1)), 3)
    chances = [random.Random(seed) for seed in range(3)]
    for _ in range(40):
        writer.push([int(chance.choice(choices)) for chance, choices in zip(chances, writer.choices(), strict=True)])
    before = writer.columns()
    writer.fork([0, 2])
    np.testing.assert_array_equal(writer.columns(), before[[0, 2]])
    assert len(writer.choices()) == 2


def test_a_loop_is_left_at_its_first_note() -> None:
    writer = event_writer(plan_events(SMALL_VOCABULARY, Wishes(bars=8, parts=(0,))), 1, max_repeats=2)
    first = SMALL_VOCABULARY.layout.first
    pitches = []
    while not writer.done[0]:  # the lowest note on the first beat, and nothing else
        (choices,) = writer.choices()
        kinds = SMALL_VOCABULARY.layout.kind_of[choices]
        wanted = (Kind.BAR,) if writer.cursor.pieces[0].n_notes else (Kind.TRACK, Kind.POSITION)
        token = int(next((choices[kinds == kind][0] for kind in wanted if kind in kinds), choices[0]))
        if SMALL_VOCABULARY.layout.kind_of[token] == Kind.PITCH:
            pitches.append(token - int(first[Kind.PITCH]))
        writer.push([token])
    assert pitches == [0, 0, 0, 1, 0, 0, 1, 0]  # the first bar names its metre and tempo: it is another


def test_the_bars_are_counted_as_they_begin() -> None:
    writer = event_writer(plan_events(SMALL_VOCABULARY, Wishes(bars=2, parts=(0,))), 1)
    assert writer.n_bars == 0
    chance = random.Random(0)
    seen = set()
    while not writer.done[0]:
        writer.push([int(chance.choice(writer.choices()[0]))])
        seen.add(writer.n_bars)
    assert seen == {0, 1, 2}
