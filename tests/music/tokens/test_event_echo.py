"""What earlier passages and the bar before foretell; that the cursor says the same is tested in test_events.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.tokens.event_echo import ECHO_BOUNDS, echo_sizes, event_echo_columns
from audio_lstm.music.tokens.event_grammar import EventLayout, Kind
from audio_lstm.music.tokens.events import EventVocabulary

VOCABULARY = EventVocabulary(steps_per_quarter=4, n_tracks=2)
LAYOUT: EventLayout = VOCABULARY.layout


def tokens(pitches: list[int]) -> NDArray[np.int64]:
    """Quarters of one track in 4/4."""
    notes = make_notes(np.arange(len(pitches)) * 4, 4, pitches, 63)
    score = Score(4, notes, (Track(),), (Tempo.from_bpm(0, 120),), (TimeSignature(0, 4, 4),))
    return VOCABULARY.encode(score)


def test_a_passage_that_comes_back_is_foretold_in_another_key_too() -> None:
    phrase = [60, 62, 64, 67, 65, 64, 62, 59]
    for shift in (0, 5):
        piece = tokens([*phrase, *(pitch + shift for pitch in phrase)])
        columns = event_echo_columns(LAYOUT, piece)
        pitches = np.flatnonzero(LAYOUT.kind_of[piece] == Kind.PITCH)
        later = pitches[11:]  # two notes and a bit have been heard again
        np.testing.assert_array_equal(columns[later, 0], piece[later])
        assert columns[later, 1].min() >= 1
        assert columns[later[-1], 1] == 3
        assert not columns[: pitches[7], 0].any()


def test_an_echo_that_errs_is_dropped() -> None:
    phrase = [60, 62, 64, 67, 65, 64, 62, 59]
    piece = tokens([*phrase, 60, 62, 64, 67, 70, 50, 71, 40])
    columns = event_echo_columns(LAYOUT, piece)
    pitches = np.flatnonzero(LAYOUT.kind_of[piece] == Kind.PITCH)
    assert columns[pitches[12], 0] == LAYOUT.ids(Kind.PITCH, 65)
    assert columns[pitches[12] + 1, 1] == 0


def test_an_echo_is_silent_where_a_figure_would_climb_for_ever() -> None:
    figure = [60, 64, 67, 65, 62, 59, 65, 71]
    for shift in (0, 2):
        piece = tokens([pitch + shift * times for times in range(6) for pitch in figure])
        columns = event_echo_columns(LAYOUT, piece)
        last_of_each = np.flatnonzero(LAYOUT.kind_of[piece] == Kind.PITCH)[7::8]
        assert columns[last_of_each[1], 0]
        assert columns[last_of_each[2:], :2].all() if not shift else not columns[last_of_each[2:], :2].any()


def test_the_bar_before_is_quoted_note_by_note() -> None:
    piece = tokens([60, 62, 64, 65, 70, 71, 72, 73])
    columns = event_echo_columns(LAYOUT, piece)[:, 2]
    kinds = LAYOUT.kind_of[piece]
    bar = int(np.flatnonzero(kinds == Kind.BAR)[1])
    assert not columns[: np.flatnonzero(kinds == Kind.VELOCITY)[0]].any()
    pitches = bar + np.flatnonzero(kinds[bar:] == Kind.PITCH)
    assert columns[pitches].tolist() == [LAYOUT.ids(Kind.PITCH, pitch) for pitch in (60, 62, 64, 65)]
    for kind in (Kind.POSITION, Kind.TRACK, Kind.VELOCITY, Kind.DURATION):
        places = bar + np.flatnonzero(kinds[bar:] == kind)
        np.testing.assert_array_equal(columns[places], piece[places])
    assert columns[-1] == LAYOUT.ids(Kind.BAR)


def test_chords_and_second_tracks_are_quoted_too() -> None:
    notes = make_notes([0, 0, 0, 16, 16, 16], 4, [60, 64, 40, 62, 65, 43], 63, [0, 0, 1, 0, 0, 1])
    piece = VOCABULARY.encode(Score(4, notes, (Track(), Track()), (Tempo.from_bpm(0, 120),)))
    columns = event_echo_columns(LAYOUT, piece)[:, 2]
    bar = int(np.flatnonzero(LAYOUT.kind_of[piece] == Kind.BAR)[1])
    spelled = [(Kind(int(LAYOUT.kind_of[c])).name, int(LAYOUT.value_of[c])) for c in columns[bar + 1 :]]
    assert [value for name, value in spelled if name == "PITCH"] == [60, 64, 40]
    assert [value for name, value in spelled if name == "TRACK"] == [0, 1]


def test_rows_depend_on_the_past_alone_and_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    melody = [int(pitch) for pitch in rng.choice([60, 62, 64], 20)]
    piece = tokens([*melody, 70, *melody[3:], *melody])
    columns = event_echo_columns(LAYOUT, piece)
    assert columns.shape == (len(piece), 3)
    assert (columns < np.array(echo_sizes(LAYOUT))).all()
    assert echo_sizes(LAYOUT)[1] == len(ECHO_BOUNDS) + 1
    assert columns[:, 1].max() == len(ECHO_BOUNDS)
    for length in (0, 1, 17, 100):
        np.testing.assert_array_equal(event_echo_columns(LAYOUT, piece[:length]), columns[:length])
