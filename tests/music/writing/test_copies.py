"""The guard against copies as a constraint of pieces that are being written."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from audio_lstm.music.compare.copy_guard import CopyGuard
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.tokens.chorale import FIRST_PITCH, ChoraleCursor
from audio_lstm.music.training.novelty_build import build_index
from audio_lstm.music.writing.chorale_plan import ChoralePlan
from audio_lstm.music.writing.copies import VoiceCopies

LINE = [64, 66, 63, 68, 69, 65, 70, 72, 67, 71, 64, 62, 66, 69, 63, 61]
OFFERED = np.ones((1, FIRST_PITCH + 128), bool)
CURSOR = cast(ChoraleCursor, None)  # the constraint counts the cells itself


@pytest.fixture
def copies() -> VoiceCopies:
    """One chorale whose soprano has sung the seven notes of a known tune that may be shared."""
    tune = Score(480, make_notes(np.arange(len(LINE)) * 240, 240, LINE), (Track(),))
    plan = cast(ChoralePlan, SimpleNamespace(last=None, n_steps=None, bar_steps=16))
    constraint = VoiceCopies(plan, CopyGuard(build_index([tune], ["tune"]), 7), 1)
    for pitch in LINE[:7]:
        for voice in range(4):
            constraint.push(CURSOR, [FIRST_PITCH + (pitch if voice == 0 else 40)])
    return constraint


def test_the_next_note_of_a_known_tune_is_forbidden_to_the_voice_that_sings_it(copies: VoiceCopies) -> None:
    allowed = copies.allowed(CURSOR, OFFERED)
    assert np.flatnonzero(~allowed[0]).tolist() == [FIRST_PITCH + LINE[7]]
    copies.push(CURSOR, [FIRST_PITCH + 65])
    assert copies.allowed(CURSOR, OFFERED).all()  # the alto's turn


def test_forked_pieces_remember_each_for_itself(copies: VoiceCopies) -> None:
    copies.fork(CURSOR, [0, 0])
    both = np.repeat(OFFERED, 2, axis=0)
    assert (~copies.allowed(CURSOR, both)).sum(axis=1).tolist() == [1, 1]


def test_the_only_note_that_is_left_may_be_sung(copies: VoiceCopies) -> None:
    offered = np.zeros_like(OFFERED)
    offered[0, FIRST_PITCH + LINE[7]] = True
    assert copies.allowed(CURSOR, offered).any()
