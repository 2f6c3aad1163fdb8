"""What compose gives back: one line for people, JSON for programs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from audio_lstm.music.composition import Composition
from audio_lstm.music.request.report import Finding, Report
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.writing.choose import SamplingConfig


@pytest.fixture
def piece() -> Composition:
    score = Score(4, make_notes([0, 4], 4, [60, 64]), tracks=(Track(),))
    report = Report((Finding("bars", "2", "1", kept=False),))
    return Composition(
        score, np.array([1, 2]), "tiny", 3, 0, SamplingConfig(), 2, True, 0.5, "event", Wishes(bars=2), report
    )


def test_a_wish_that_was_not_kept_is_in_the_summary(piece: Composition) -> None:
    assert piece.summary() == (
        "2 bars, 1.0 s, 2 notes, model tiny, seed 3, take 0, 0.500 nats/event, NOT ALL WISHES KEPT"
    )


def test_the_facts_go_into_json_with_wishes_and_report(piece: Composition) -> None:
    facts = json.loads(json.dumps(piece.to_dict()))
    assert facts["wishes"] == {"bars": 2}
    assert facts["report"] == {
        "kept": False,
        "findings": [{"wish": "bars", "asked": "2", "achieved": "1", "kept": False}],
    }
    assert facts["novelty"] is None
    assert (facts["min_p"], facts["max_repeats"], facts["best_of"]) == (0.0, 4, None)
