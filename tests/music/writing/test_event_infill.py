"""Gaps in songs: what surrounds them stays to the tick, held notes too; new notes end with the gap."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.writing.choose import SamplingConfig
from audio_lstm.music.writing.event_infill import fill_bars

# Off the model's grid, with a kit, a note held into the gap of bar 2, and a new metre at bar 4.
STARTS = [0, 7, 961, 1440, 2000, 2400, 2881, 4001, 5000, 5761, 6800]
LENGTHS = [900, 400, 470, 1900, 100, 300, 500, 200, 460, 480, 480]
PITCHES = [60, 36, 64, 72, 67, 62, 38, 65, 60, 59, 60]
TRACKS = [1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1]
SONG = Score(
    480,
    make_notes(STARTS, LENGTHS, PITCHES, [71, 90, 33, 80, 80, 81, 82, 83, 84, 85, 86], TRACKS),
    (Track("silent"), Track("Lead", program=40), Track("Kit", is_drum=True)),
    (Tempo.from_bpm(0, 97),),
    (TimeSignature(0, 4, 4), TimeSignature(5760, 3, 4)),
    (KeySignature(0, 2),),
)
SAMPLING = SamplingConfig(temperature=1.0)


@pytest.mark.parametrize(("bars", "start", "stop"), [((2, 2), 1920, 3840), ((1, 1), 0, 1920), ((4, 4), 5760, 7200)])
def test_all_but_the_gap_stays(bars: tuple[int, int], start: int, stop: int, events_composer: Composer) -> None:
    filled, nats, n_tokens = fill_bars(events_composer, SONG, bars, seed=1, sampling=SAMPLING, n_drafts=3)

    def outside(score: Score) -> np.ndarray:
        return score.notes[(score.notes["start_ticks"] < start) | (score.notes["start_ticks"] >= stop)]

    np.testing.assert_array_equal(outside(SONG), outside(filled))
    assert (filled.tracks, filled.tempi, filled.time_signatures) == (SONG.tracks, SONG.tempi, SONG.time_signatures)
    new = filled.notes[(filled.notes["start_ticks"] >= start) & (filled.notes["start_ticks"] < stop)]
    assert len(new)
    assert (new["start_ticks"] + new["duration_ticks"] <= stop).all()
    assert set(new["track"].tolist()) <= {1, 2}
    assert nats > 0
    assert n_tokens > 0
    if bars == (2, 2):  # C5 sounds until 3340
        again = new[(new["pitch"] == 72) & (new["track"] == 1)]
        assert (again["start_ticks"] >= 3340 - 240).all()


def test_a_gap_after_the_last_onset_is_filled(events_composer: Composer) -> None:
    long = Score(480, make_notes([0], [5000], [60]), (Track(),), (), (TimeSignature(0, 4, 4),))
    filled, _, _ = fill_bars(events_composer, long, (3, 3), seed=2, sampling=SAMPLING, n_drafts=2)
    later = filled.notes[filled.notes["start_ticks"] > 0]
    assert (later["start_ticks"] >= 3840).all()


def test_what_cannot_be_filled_is_named(events_composer: Composer, chorale_composer: Composer) -> None:
    with pytest.raises(ConfigError, match="model 'tiny-chorale' does not write events; pass one that does"):
        fill_bars(chorale_composer, SONG, (2, 2), seed=1, sampling=SAMPLING, n_drafts=1)
    with pytest.raises(ScoreError, match="the metre changes within bars 3-4; fill in the bars on each side by"):
        fill_bars(events_composer, SONG, (3, 4), seed=1, sampling=SAMPLING, n_drafts=1)
    odd = Score(480, SONG.notes, SONG.tracks, (), (TimeSignature(0, 7, 8),))
    with pytest.raises(ScoreError, match="its metres are none that the model writes in"):
        fill_bars(events_composer, odd, (2, 2), seed=1, sampling=SAMPLING, n_drafts=1)
