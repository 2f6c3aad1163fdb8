"""The made-up voice and the measures of the benchmark of humming."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from audio_lstm.music.request.humming import HummedMelody, HummedNote
from audio_lstm.music.score.beat_finding import Pulse
from audio_lstm.music.score.notation import parse_notes
from recipes.quality.humming import SAMPLE_RATE, SINGERS, Tune, f1, make_tune, on_the_beat, sing


def test_the_voice_sings_what_is_written() -> None:
    tune = make_tune(np.random.default_rng(3), n_notes=5)
    assert len(tune.notes) >= 5
    for singer in SINGERS[:2]:
        samples, truth = sing(tune, singer, np.random.default_rng(0))
        assert [round(note.pitch - singer.tuning) for note in truth] == [pitch for _, _, pitch in tune.notes]
        assert len(samples) / SAMPLE_RATE > truth[-1].end_s
        assert 0.1 < np.abs(samples).max() <= 1.0


def test_notes_count_where_onset_and_pitch_are_near() -> None:
    truth = [HummedNote(0.0, 1.0, 60.0), HummedNote(1.0, 2.0, 62.0), HummedNote(2.0, 3.0, 64.0)]
    heard = [HummedNote(0.04, 1.0, 60.4), HummedNote(1.06, 2.0, 62.0), HummedNote(2.0, 3.0, 64.6)]
    assert f1(truth, heard) == (1, 3, 3)
    assert f1(truth, [*truth, heard[0]]) == (3, 3, 4)


def test_notes_on_paper_may_be_written_at_twice_the_tempo() -> None:
    tune = Tune(90.0, ((Fraction(0), Fraction(1), 60), (Fraction(1), Fraction(1), 62)))
    for text in ("C4 D4", "C4:2 D4:2", "C4:1/2 D4:1/2"):
        melody = HummedMelody(parse_notes(text), (), Pulse(1.0, 0.0), 0.0)
        assert on_the_beat(tune, melody, 0.2) == 1.0
    assert on_the_beat(tune, HummedMelody(parse_notes("C4 E4"), (), Pulse(1.0, 0.0), 0.0), 0.0) == 0.5
