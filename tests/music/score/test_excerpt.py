"""Some bars of a score: which ticks they are, and what holds in them."""

from __future__ import annotations

import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.music.score.excerpt import cut_bars, span_of_bars
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature

TUNE = parse_notes("C4 D4 E4 F4 G4 A4 B4 C5")
MIXED = Score(480, TUNE.notes, TUNE.tracks, (), (TimeSignature(0, 3, 4), TimeSignature(1440, 2, 4)))


def test_bars_that_are_not_there_are_named() -> None:
    assert span_of_bars(MIXED, (2, 3)) == (1440, 3360)
    for bars in ((0, 1), (1, 5)):
        with pytest.raises(ConfigError, match=r"x.mid: its bars are 1 to 4; expected the first and the last of"):
            span_of_bars(MIXED, bars, "x.mid")
    with pytest.raises(ConfigError, match=r"x.mid: the bars 2-1 are reversed; write 1-2"):
        span_of_bars(MIXED, (2, 1), "x.mid")


def test_a_pickup_is_bar_0() -> None:
    upbeat = Score(480, TUNE.notes, TUNE.tracks, (), (TimeSignature(0, 1, 4), TimeSignature(480, 4, 4)))
    assert span_of_bars(upbeat, (0, 1)) == (0, 2400)


def test_a_cut_has_what_holds_there() -> None:
    tempi, keys = (Tempo.from_bpm(0, 60), Tempo.from_bpm(1500, 90)), (KeySignature(0, 2),)
    score = Score(480, MIXED.notes, MIXED.tracks, tempi, MIXED.time_signatures, keys)
    cut = cut_bars(score, (2, 3))
    assert cut.notes["pitch"].tolist() == [65, 67, 69, 71]
    assert cut.notes["start_ticks"].tolist() == [0, 480, 960, 1440]
    assert cut.time_signatures == (TimeSignature(0, 2, 4),)
    assert [(tempo.tick, round(tempo.bpm)) for tempo in cut.tempi] == [(0, 60), (60, 90)]
    assert cut.key_signatures == keys
    held = cut_bars(parse_notes("C4:6 D4:2"), (1, 1))
    assert held.notes["duration_ticks"].tolist() == [1920]
