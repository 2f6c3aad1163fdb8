"""Primers and chords in the words of models: pieces go on from them, note for note, and keep to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music import compose as compose_module
from audio_lstm.music.compose import compose
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.request.primer import Primer, read_primer
from audio_lstm.music.request.wishes import Wishes
from audio_lstm.music.score.chords import chord_at, parse_chords
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import Score, TimeSignature, Track, make_notes
from audio_lstm.music.score.voices import score_to_voice_grid, voice_grid_to_score
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.chorale_given import GivenCells
from audio_lstm.music.writing.start_given import (
    chorale_cells,
    event_prefix,
    event_programs,
    is_for_voices,
    with_exact_primer,
)

CHORDS = "C4+E4+G4 D4+F4+A4 E4+G4+C5 C4+E4+G4"
TUNE = "C4 E4 G4:2 A4 G4 F4 E4"
HYMN = np.tile([[72, 67, 64, 48], [74, 67, 65, 43], [76, 67, 60, 48], [74, 71, 62, 43]], (4, 1)).repeat(2, axis=0)
STARTS, LENGTHS, PITCHES = [0, 485, 960, 0, 960], [480, 480, 960, 960, 700], [60, 64, 67, 48, 43]
NOTES = make_notes(STARTS, LENGTHS, PITCHES, [70, 71, 72, 73, 74], [0, 0, 0, 2, 2])
DUO = Score(480, NOTES, (Track("Lead", 40), Track("silent"), Track("Bass", 32)), (), (TimeSignature(0, 4, 4),))


def test_a_melody_is_the_soprano_of_a_chorale_and_goes_on(chorale_composer: Composer) -> None:
    piece = compose(model=chorale_composer, primer=TUNE, bars=4, seed=1)
    grid = score_to_voice_grid(piece.score)
    assert grid[:32, 0].tolist() == np.repeat([60, 64, 67, 67, 69, 67, 65, 64], 4).tolist()
    assert len(grid) == 64
    assert piece.report.kept
    assert (grid[:32, 1:] > 0).all()


def test_four_voices_stay_as_they_are(chorale_composer: Composer) -> None:
    piece = compose(model=chorale_composer, primer=voice_grid_to_score(HYMN), bars=3, seed=1)
    np.testing.assert_array_equal(score_to_voice_grid(piece.score)[:32], HYMN)
    longer = compose(model=chorale_composer, primer=piece, bars=4, seed=2)
    np.testing.assert_array_equal(score_to_voice_grid(longer.score)[:32], HYMN)


def test_repeated_notes_times_and_velocities_of_a_chorales_primer_stay(chorale_composer: Composer) -> None:
    melody = parse_notes("G4 G4 A4 A4")
    played = melody.notes.copy()
    played["velocity"] = [60, 70, 80, 90]
    played["start_ticks"][1:] += 5
    melody = replace(melody, notes=played)
    four = make_notes(np.tile([0, 480, 960, 1440], 4), 470, np.repeat([72, 67, 64, 48], 4), 55, np.repeat(range(4), 4))
    for primer in (melody, Score(480, four, tuple(Track() for _ in range(4)))):
        piece = compose(model=chorale_composer, primer=primer, bars=2, seed=1).score
        for track in np.unique(primer.notes["track"]).tolist():
            given = primer.notes[primer.notes["track"] == track]
            kept = piece.notes[piece.notes["track"] == track][: len(given)]
            np.testing.assert_array_equal(kept, given)
        assert piece.ticks_per_quarter == primer.ticks_per_quarter
        assert [track.name for track in piece.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]


def test_a_chorale_that_ends_itself_does_not_end_before_its_primer(chorale_composer: Composer) -> None:
    primer = read_primer(voice_grid_to_score(np.tile(HYMN, (5, 1))))
    piece = compose(model=chorale_composer, primer=primer.score, seed=2, temperature=1.5)
    assert len(score_to_voice_grid(piece.score)) >= len(HYMN) * 5


def test_events_go_on_from_a_primer_to_the_tick(events_composer: Composer) -> None:
    for seed in range(3):
        piece = compose(model=events_composer, primer=DUO, bars=4, seed=seed)
        given = DUO.notes
        ticks = piece.score.ticks_per_quarter // 480
        kept = piece.score.notes[: len(given)]
        assert (kept["start_ticks"] == given["start_ticks"] * ticks).all()
        assert (kept["duration_ticks"] == given["duration_ticks"] * ticks).all()
        assert (kept["velocity"] == given["velocity"]).all()
        assert (piece.score.notes["start_ticks"][len(given) :] >= 1920 * ticks).all()
        assert [track.name for track in piece.score.tracks] == ["Lead", "Bass"]
        assert [track.program for track in piece.score.tracks] == [40, 32]
        assert piece.report.kept, piece.report


def test_parts_may_join_a_primer(events_composer: Composer) -> None:
    piece = compose(model=events_composer, primer="C4 E4 G4:2", parts="voice,piano", bars=5, seed=3)
    assert piece.report.kept, piece.report
    second = piece.score.notes[piece.score.notes["track"] == 1]
    assert len(second)
    assert (second["start_ticks"] >= 4 * piece.score.ticks_per_quarter).all()


@pytest.mark.parametrize("seed", range(3))
def test_both_kinds_of_models_keep_to_chords(seed: int, chorale_composer: Composer, events_composer: Composer) -> None:
    chords = "Am F:2 G7:2 C/E N.C. Dm"
    spans = parse_chords(chords)
    for composer, options in ((chorale_composer, {}), (events_composer, {"parts": "voice,piano"})):
        piece = compose(model=composer, chords=chords, seed=seed, **options)
        notes, quarter = piece.score.notes, piece.score.ticks_per_quarter
        assert piece.report.kept, piece.report
        ends = notes["start_ticks"] + notes["duration_ticks"]
        for beat in range(20):
            span = chord_at(spans, beat)
            sounding = notes["pitch"][(notes["start_ticks"] <= beat * quarter) & (ends > beat * quarter)]
            assert {int(pitch) % 12 for pitch in sounding} <= span.chord.pitch_classes
            if span.start_quarters == beat and span.chord.tones:
                assert sounding.min() % 12 == span.chord.bass
                if composer is chorale_composer:
                    assert {int(pitch) % 12 for pitch in sounding} == span.chord.pitch_classes


def test_chords_come_after_a_primer(chorale_composer: Composer) -> None:
    piece = compose(model=chorale_composer, primer="A4:2 C5:2", chords="F C", key="A minor", seed=1)
    grid = score_to_voice_grid(piece.score)
    assert len(grid) == 48
    assert grid[16, 3] % 12 == 5
    assert grid[32, 3] % 12 == 0


def test_the_model_is_chosen_by_the_primer(monkeypatch: pytest.MonkeyPatch, events_folder: Path) -> None:
    monkeypatch.setattr(compose_module, "PARTS_MODEL", str(events_folder))
    assert compose(primer=DUO, bars=2, seed=1).model == "tiny-events"
    assert is_for_voices(read_primer(TUNE))
    assert is_for_voices(read_primer(voice_grid_to_score(HYMN)))
    assert not is_for_voices(read_primer(DUO))
    assert not is_for_voices(read_primer(CHORDS))
    assert compose(primer=CHORDS, bars=3, seed=1).model == "tiny-events"


def test_primers_that_a_chorale_cannot_take_are_named(chorale_composer: Composer) -> None:
    with pytest.raises(ScoreError, match="the score: 2 parts; a chorale goes on from a melody or from four voices"):
        compose(model=chorale_composer, primer=DUO, bars=2)
    with pytest.raises(ScoreError, match="its only part sounds several notes at once; a chorale goes on from a melody"):
        compose(model=chorale_composer, primer=CHORDS, bars=3)
    with pytest.raises(ScoreError, match="out of the voices' range: step 0, voice S: pitch 96 is outside 33-84"):
        compose(model=chorale_composer, primer="C7 D7", bars=2)


def test_parts_that_do_not_fit_the_primer_are_named(events_composer: Composer) -> None:
    with pytest.raises(ConfigError, match="the score: has 2 parts, but 1 are asked for; name as many"):
        compose(model=events_composer, primer=DUO, bars=2, parts="piano")
    with pytest.raises(ConfigError, match="its parts come first, and drums must be drums; order the parts so"):
        compose(model=events_composer, primer=DUO, bars=2, parts="drums,piano")
    assert event_programs(Wishes(), read_primer(DUO)) == (40, 32)


def test_wishes_that_a_primer_breaks_are_named(chorale_composer: Composer, events_composer: Composer) -> None:
    for composer in (chorale_composer, events_composer):
        with pytest.raises(ConfigError, match="the notes: out of what is asked for: range of part 1"):
            compose(model=composer, primer=TUNE, bars=4, ranges="C4-E4")
        with pytest.raises(ConfigError, match="ending fills the last bar of 2, into which the primer reaches"):
            compose(model=composer, primer=TUNE, bars=2, key="C major", ending=True)
        piece = compose(model=composer, primer=TUNE, bars=3, ending=True, seed=1)
        assert piece.report.kept, piece.report


def test_both_hands_of_a_given_piece_have_the_range_of_its_part() -> None:
    song = compose(model="lieder", parts="voice,piano", bars=1, seed=1)
    wishes = {"parts": "voice,piano", "ranges": "C2-C7,C1-C8"}
    piece = compose(model="lieder", primer=song, bars=2, seed=2, max_copied=64, **wishes)  # type: ignore[arg-type]
    assert len(piece.wishes.ranges) == len(piece.score.tracks) == 3
    assert piece.report.kept, piece.report


def test_rests_of_a_melody_are_left_to_the_model() -> None:
    cells = chorale_cells(ChoraleGrid(), read_primer("C4 R C4"))
    assert (cells[4:8] == GivenCells.UNKNOWN).all()
    assert (cells[:, 1:] == GivenCells.UNKNOWN).all()


def test_a_prefix_reaches_the_bar_in_which_the_primer_ends() -> None:
    vocabulary = EventVocabulary()
    primer = read_primer("C4:10", metre=(4, 4))
    tokens, resume = event_prefix(vocabulary, primer, (0, 40))
    assert resume == 120
    assert (tokens == vocabulary.bar).sum() == 3
    assert vocabulary.decode(tokens).tracks[1].program == 40


def test_resolutions_that_share_no_small_one_take_the_primers() -> None:
    odd = Score(1009, make_notes(0, 1009, 60), (Track(),), (), (TimeSignature(0, 4, 4),))
    primer: Primer = read_primer(odd)
    written = Score(480, parse_notes("C4 D4").notes, (Track(),))
    assert with_exact_primer(written, primer, 480).ticks_per_quarter == 1009


def test_a_tune_above_the_voices_is_for_a_model_of_songs() -> None:
    assert is_for_voices(read_primer("C5 E5"))
    assert not is_for_voices(read_primer("C7 E7"))
    assert is_for_voices(read_primer("C7 E7", transpose=-24))
