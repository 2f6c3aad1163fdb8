"""What is given of four voices stays to the tick; a grid fills in the rest."""

from __future__ import annotations

import numpy as np
import pytest

from audio_lstm.music.score.exact_voices import (
    as_voices,
    is_single_voice,
    top_line,
    typical_velocity,
    voice_cover,
    with_voices,
)
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import Score, Tempo, Track, make_notes
from audio_lstm.music.score.voices import VOICE_TRACKS, voice_grid_to_score

GRID = np.tile([[72, 67, 64, 48], [74, 67, 65, 43]], (2, 1)).repeat(4, axis=0)


@pytest.mark.parametrize(
    ("starts", "lengths", "is_single"),
    [
        ([0, 480, 960], [480, 480, 480], True),
        ([0, 480, 960], [520, 530, 480], True),  # legato
        ([0, 60, 120], [60, 60, 60], True),  # 32nds
        ([0, 0], [480, 480], False),
        ([0, 0], [60, 60], False),
        ([0, 240, 480], [960, 240, 240], False),
        ([0], [480], True),
    ],
)
def test_a_melody_sounds_one_note_at_a_time(starts: list[int], lengths: list[int], *, is_single: bool) -> None:
    notes = make_notes(starts, lengths, [72, 67, 64][: len(starts)])
    assert is_single_voice(notes, 480) == is_single


def test_the_top_line_of_a_melody_is_all_of_it() -> None:
    notes = parse_notes("G4 G4 A4 R G4").notes
    np.testing.assert_array_equal(top_line(notes, 480), notes)


def test_the_top_line_of_chords_is_what_is_highest_at_any_time() -> None:
    notes = make_notes([0, 0, 480, 480, 1920], [480, 1440, 240, 480, 480], [72, 60, 76, 72, 55], [1, 2, 3, 4, 5])
    line = top_line(notes, 480)
    seen = list(zip(line["start_ticks"], line["duration_ticks"], line["pitch"], line["velocity"], strict=True))
    assert seen == [(0, 480, 72, 1), (480, 240, 76, 3), (720, 240, 72, 4), (960, 480, 60, 2), (1920, 480, 55, 5)]


def test_tracks_become_voices() -> None:
    score = Score(480, make_notes([0, 0, 480], 480, [60, 48, 62], 90, [0, 1, 0]), (Track("a"), Track("b")))
    voices = as_voices(score, {0: 2})
    assert voices.tracks == VOICE_TRACKS
    assert voices.notes["track"].tolist() == [2, 2]
    assert as_voices(score, {}).n_notes == 0


def test_new_notes_are_as_loud_as_those_given() -> None:
    assert typical_velocity(Score(480, make_notes([0, 480, 960], 480, 60, [30, 50, 90]), (Track(),))) == 50
    assert typical_velocity(Score(480)) == 80


def test_cells_in_which_notes_sound_are_covered() -> None:
    score = Score(480, make_notes([0, 470], [240, 130], [60, 62], 80, 1), (Track(), Track()))
    cover = voice_cover(score, (0, 1, 0, 0), 6)
    assert cover[:, 1].tolist() == [True, True, False, False, True, False]
    assert not cover[:, [0, 2, 3]].any()


def test_a_grid_is_added_only_where_nothing_sounds() -> None:
    given = Score(
        960,
        make_notes([0, 965], [900, 900], 72, [33, 34], [1, 1]),
        (Track("drums", is_drum=True), Track("Lead", 40), Track("A"), Track("T"), Track("B")),
        (Tempo(0, 500_000), Tempo(960, 400_000)),
    )
    score = with_voices(given, (1, 2, 3, 4), GRID, velocity=51)
    assert (score.ticks_per_quarter, score.tracks, score.tempi) == (960, given.tracks, given.tempi)
    lead = score.notes[score.notes["track"] == 1]
    np.testing.assert_array_equal(lead[:2], given.notes)
    assert lead["pitch"][2:].tolist() == [72, 74]
    rest = voice_grid_to_score(GRID).resample_ticks(960).notes
    for track, voice in ((2, 1), (3, 2), (4, 3)):
        mine, its = score.notes[score.notes["track"] == track], rest[rest["track"] == voice]
        for field in ("start_ticks", "duration_ticks", "pitch"):
            np.testing.assert_array_equal(mine[field], its[field])
        assert (mine["velocity"] == 51).all()


def test_a_resolution_without_16ths_is_made_finer_where_it_can_be() -> None:
    given = Score(5, make_notes(0, 5, 72, 80, 0), VOICE_TRACKS)
    assert with_voices(given, range(4), GRID).ticks_per_quarter == 20
    given = Score(32_767, make_notes(0, 32_767, 72, 80, 0), VOICE_TRACKS)
    assert with_voices(given, range(4), GRID).ticks_per_quarter == 32_767
