"""From wishes to tokens to a score: what compose and its stream share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ModelError
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.scales import parse_scale
from audio_lstm.music.writing.choose import SamplingConfig
from audio_lstm.music.writing.writing import Request, end_token, finished_score, select_state, write_takes


def request(composer: Composer, *, seed: int = 0, wishes: Wishes | None = None) -> Request:
    return Request(composer, wishes or Wishes(bars=1), SamplingConfig(), seed)


def test_takes_are_written_side_by_side_and_end(chorale_composer: Composer, events_composer: Composer) -> None:
    for composer in (chorale_composer, events_composer):
        takes = write_takes(request(composer), range(3))
        assert len(takes) == 3
        assert all(take[-1] == end_token(composer) for take in takes)
        assert len({tuple(take.tolist()) for take in takes}) == 3


def test_bars_are_told_as_they_begin(events_composer: Composer) -> None:
    told: list[int] = []
    write_takes(request(events_composer, wishes=Wishes(bars=3)), range(2), progress=told.append)
    assert told[-1] == 3
    assert told == sorted(set(told))


def test_a_request_that_cannot_be_met_is_refused_before_anything_is_written(
    chorale_composer: Composer, foreign_composer: Composer
) -> None:
    with pytest.raises(ConfigError, match="seed must not be negative"):
        request(chorale_composer, seed=-1)
    with pytest.raises(ConfigError, match="a chorale model writes soprano"):
        request(chorale_composer, wishes=Wishes(parts=(52, 0)))
    with pytest.raises(ModelError, match="scores pieces of kind 'hummed' but cannot compose them"):
        request(foreign_composer)
    nowhere = replace(chorale_composer, folder=None)
    with pytest.raises(ModelError, match="lies in no folder, so that no index of copies lies beside it"):
        request(nowhere, wishes=Wishes(max_copied=12))


def test_the_score_of_a_chorale_has_the_key_metre_tempo_and_instruments(chorale_composer: Composer) -> None:
    wishes = Wishes(bars=1, metre=(3, 4), key=parse_scale("D minor"), tempo_bpm=70, parts=(40, 40, 41, 42))
    (tokens,) = write_takes(request(chorale_composer, wishes=wishes), [0])
    score = finished_score(chorale_composer, wishes, tokens)
    assert [track.program for track in score.tracks] == [40, 40, 41, 42]
    assert (score.time_signatures[0].numerator, score.key_signatures[0].sharps) == (3, -1)
    assert score.tempi[0].bpm == pytest.approx(70, abs=1e-3)
    assert score.end_ticks == 3 * 480


def test_the_state_of_some_pieces_is_taken_out_of_a_batch() -> None:
    state = (np.arange(24, dtype=np.float32).reshape(2, 4, 3),)
    np.testing.assert_array_equal(select_state(state, [0, 2])[0], state[0][:, [0, 2]])
