"""`infill`: of any piece only the bars that are asked for are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import audio_lstm
from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music import infill as infill_module
from audio_lstm.music.compose import compose
from audio_lstm.music.infill import infill, parse_bars
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import KeySignature, Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.score.voices import score_to_voice_grid, voice_grid_to_score
from audio_lstm.music.writing.fill import Filler, load_fill_model
from tests.music.models.fill_models import write_random_model

HYMN = np.tile([[72, 67, 64, 48], [74, 67, 65, 43], [76, 67, 60, 48], [74, 71, 62, 43]], (8, 1)).repeat(2, axis=0)
SONG = parse_notes("C4 E4 G4 C5 B4 G4 D4 G4 C4 E4 G4 C5 B4 G4 C4:2")


@pytest.fixture(scope="module")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Filler:
    return load_fill_model(write_random_model(tmp_path_factory.mktemp("fill") / "model"))


def test_only_the_bars_and_voices_asked_for_are_written(filler: Filler) -> None:
    piece = infill(voice_grid_to_score(HYMN), bars=(2, 3), voices="AT", model=filler, seed=3)
    grid = score_to_voice_grid(piece.score)
    changed = grid != HYMN
    assert changed.any()
    assert not changed[:16].any()
    assert not changed[48:].any()
    assert not changed[:, [0, 3]].any()
    whole_voices = score_to_voice_grid(infill(voice_grid_to_score(HYMN), voices="B", model=filler, seed=3).score)
    assert not (whole_voices != HYMN)[:, :3].any()


def test_all_else_of_a_chorale_stays_to_the_tick(filler: Filler) -> None:
    starts = np.tile(np.arange(16) * 480 + np.arange(16) % 3, 4)
    pitches = np.repeat([72, 67, 64, 48], 16)
    drums = make_notes(np.arange(8) * 960, 240, 38, 99, 2)
    notes = make_notes(starts, 460, pitches, np.arange(64) + 30, np.repeat([0, 1, 3, 4], 16))
    tracks = (Track("Lead", 40), Track("Second", 41), Track("Kit", is_drum=True), Track("Viola", 42), Track("Low", 43))
    tempi, keys = (Tempo(0, 500_000), Tempo(3840, 700_000)), (KeySignature(0, 1), KeySignature(3840, 2))
    given = Score(480, np.concatenate([notes, drums]), tracks, tempi, (TimeSignature(0, 4, 4),), keys)
    piece = infill(given, bars=(3, 3), model=filler, seed=1).score
    assert changed_bars(given, piece) == {3}
    assert (piece.tracks, piece.tempi, piece.time_signatures, piece.key_signatures) == (
        *(given.tracks, given.tempi, given.time_signatures, given.key_signatures),
    )
    new = piece.notes[(piece.notes["track"] != 2) & (piece.notes["start_ticks"] // 1920 == 2)]
    assert (new["start_ticks"] + new["duration_ticks"] <= 5760).all()
    np.testing.assert_array_equal(piece.notes[piece.notes["track"] == 2], given.notes[given.notes["track"] == 2])
    alone = infill(given, bars=(3, 3), voices="B", model=filler, seed=1).score
    np.testing.assert_array_equal(alone.notes[alone.notes["track"] < 4], given.notes[given.notes["track"] < 4])


def test_notes_that_sound_into_the_gap_of_a_chorale_go_on(filler: Filler) -> None:
    held = np.repeat(HYMN[:1], 64, axis=0)
    score = voice_grid_to_score(np.where(np.arange(4) == 3, held, HYMN))
    piece = infill(score, bars=(2, 2), model=filler, seed=1).score
    assert piece.notes[piece.notes["track"] == 3].tolist() == [(0, 64 * 120, 48, 80, 3)]
    with pytest.raises(ConfigError, match="notes that are held from before fill these bars: nothing is left to write"):
        infill(score, bars=(2, 2), voices="B", model=filler)


def test_bars_named_twice_are_written_once(events_composer: Composer, filler: Filler) -> None:
    once = infill(SONG, bars="1-3", model=events_composer, seed=1)
    assert infill(SONG, bars="1-2,2-3", model=events_composer, seed=1).score == once.score
    assert infill(SONG, bars="1-3,2", model=events_composer, seed=1).score == once.score
    score = voice_grid_to_score(HYMN)
    once = infill(score, bars="1-3", model=filler, seed=1)
    assert infill(score, bars="1-2,2-3", model=filler, seed=1).score == once.score


def test_bars_are_counted_in_the_metre_of_the_piece(filler: Filler) -> None:
    score = voice_grid_to_score(HYMN)
    waltz = Score(score.ticks_per_quarter, score.notes, score.tracks, score.tempi, (TimeSignature(0, 3, 4),))
    changed = score_to_voice_grid(infill(waltz, bars=(2, 2), model=filler, seed=3).score) != HYMN
    assert changed.any(axis=1).nonzero()[0].min() >= 12
    assert changed.any(axis=1).nonzero()[0].max() < 24
    two = (TimeSignature(0, 4, 4), TimeSignature(1920, 3, 4))
    mixed = Score(480, score.notes, score.tracks, (), two)
    changed = score_to_voice_grid(infill(mixed, bars=(2, 2), model=filler, seed=3).score) != HYMN
    assert set(changed.any(axis=1).nonzero()[0].tolist()) <= set(range(16, 28))
    odd = (TimeSignature(0, 1, 32),)
    with pytest.raises(ScoreError, match="bars 1-1 are not a whole number of 16ths"):
        infill(Score(480, score.notes, score.tracks, (), odd), bars=(1, 1), model=filler)


def changed_bars(one: Score, other: Score, n_bars: int = 4) -> set[int]:
    """The bars of 4/4 whose notes differ."""
    bars = set()
    for bar in range(n_bars):
        parts = []
        for score in (one, other):
            notes = score.resample_ticks(480).notes
            parts.append(notes[(notes["start_ticks"] // 1920) == bar])
        if not np.array_equal(*parts):
            bars.add(bar + 1)
    return bars


def test_songs_change_in_the_bars_asked_for_only(events_composer: Composer) -> None:
    piece = infill(SONG, bars=(2, 3), model=events_composer, seed=1)
    assert changed_bars(SONG, piece.score) == {2, 3}
    assert piece.unit == "event of what follows"
    assert changed_bars(SONG, infill(SONG, bars="1,3", model=events_composer, seed=1).score) == {1, 3}
    assert changed_bars(SONG, infill(SONG, keep=[(2, 3)], model=events_composer, seed=1).score) == {1, 4}
    again = infill(SONG, bars=(2, 3), model=events_composer, seed=1)
    assert again.score == piece.score


def test_a_take_is_varied(events_composer: Composer) -> None:
    take = compose(model=events_composer, seed=5, bars=4, metre="4/4")
    other = infill(take, keep="1-3", model=events_composer, seed=6)
    assert changed_bars(take.score, other.score) <= {4}
    assert audio_lstm.infill is infill


def test_the_model_is_found_by_the_piece(
    filler: Filler, events_folder: Path, chorale_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infill_module, "PARTS_MODEL", str(events_folder))
    monkeypatch.setattr(infill_module, "DEFAULT_FILL_MODEL", filler)
    assert infill(SONG, bars=(2, 2), seed=1).model == "tiny-events"
    assert infill(voice_grid_to_score(HYMN), bars=(2, 2), seed=1).model == filler.name
    assert infill(SONG, bars=(2, 2), seed=1, model=events_folder).model == "tiny-events"
    with pytest.raises(ModelError, match="composes, but cannot fill in"):
        infill(SONG, bars=(2, 2), model=chorale_folder)


def test_wishes_that_cannot_be_met_are_named(filler: Filler, events_composer: Composer) -> None:
    score = voice_grid_to_score(HYMN)
    for options, message in (
        ({}, "bars and voices are both everything"),
        ({"voices": "XY"}, "voices must be some of S, A, T, B, got 'XY'"),
        ({"bars": (3, 9)}, "the piece: its bars are 1 to 4; expected the first and the last of some of them, got 3-9"),
        ({"bars": (1, 2), "keep": (3, 4)}, "bars says what to write and keep what to leave; pass one of them"),
        ({"keep": "1-4"}, "keep holds all bars: nothing is left to write; keep fewer"),
        ({"bars": (1, 2), "seed": -1}, "seed must not be negative, got -1"),
    ):
        with pytest.raises(ConfigError, match=message):
            infill(score, model=filler, **options)  # type: ignore[arg-type]
    for options, message in (
        ({}, "say which bars to write, such as bars=\\(5, 8\\), or which to keep"),
        ({"bars": (1, 4)}, "bars are all there are: nothing would be left of the piece"),
        ({"bars": (1, 2), "voices": "S"}, "voices='S': only voices of a chorale can be chosen; leave voices out"),
    ):
        with pytest.raises(ConfigError, match=message):
            infill(SONG, model=events_composer, **options)  # type: ignore[arg-type]
    with pytest.raises(ScoreError, match="the score: there is no note in it"):
        infill(Score(480), bars=(1, 1), model=filler)


def test_bars_are_typed_or_given() -> None:
    assert parse_bars("5-8, 2,11 - 12") == [(2, 2), (5, 8), (11, 12)]
    assert parse_bars((5, 8)) == [(5, 8)]
    assert parse_bars([(5, 8), (1, 2)]) == [(1, 2), (5, 8)]
    with pytest.raises(ConfigError, match="bars '5-x': expected a bar such as 5, a range such as 5-8, or several"):
        parse_bars("5-x")
    with pytest.raises(ConfigError, match=r"bars \[5, 8, 9\]: expected \(5, 8\), \[\(5, 8\), \(11, 11\)\] or"):
        parse_bars([5, 8, 9])  # type: ignore[list-item]
