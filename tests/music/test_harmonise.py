"""`harmonise`: any melody, from whatever it comes in, and nothing of it is touched."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import audio_lstm
from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.music.files.files import score_to_pretty_midi, write_midi
from audio_lstm.music.harmonise import harmonise, melody_steps
from audio_lstm.music.score.notation import parse_notes
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.score.voices import score_to_voice_grid
from audio_lstm.music.writing.fill import Filler, load_fill_model
from recipes.quality.humming import SAMPLE_RATE, Singer, Tune, sing
from tests.music.models.fill_models import write_random_model

TUNE_TO_SING = Tune(100.0, tuple((Fraction(place), Fraction(1), pitch) for place, pitch in enumerate((60, 64, 67))))
TUNE = [72] * 4 + [74] * 4 + [76] * 8 + [-1] * 2 + [74] * 6


@pytest.fixture(scope="module")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Filler:
    return load_fill_model(write_random_model(tmp_path_factory.mktemp("fill") / "model"))


def test_the_melody_stays_as_it_is_in_any_voice(filler: Filler) -> None:
    for voice, shift in (("S", 0), ("A", -5), ("B", -24)):
        tune = [pitch + shift if pitch >= 0 else -1 for pitch in TUNE]
        piece = harmonise(tune, model=filler, voice=voice, seed=1)
        grid = score_to_voice_grid(piece.score)
        assert grid[:, "SATB".index(voice)].tolist() == tune
        assert piece.unit == "missing cell"
        assert piece.ended
        np.testing.assert_array_equal(
            grid, score_to_voice_grid(harmonise(tune, model=filler, voice=voice, seed=1).score)
        )


def test_repeated_notes_times_and_velocities_of_the_melody_stay(filler: Filler) -> None:
    melody = parse_notes("G4 G4 G4 G4 A4 A4 B4 B4")
    played = melody.notes.copy()
    played["velocity"] = range(60, 68)
    played["start_ticks"][1:] += 7
    tempi = (Tempo(0, 500_000), Tempo(960, 600_000))
    melody = replace(melody, notes=played, tempi=tempi)
    for voice in "SA":
        piece = harmonise(melody, model=filler, voice=voice, seed=1)
        kept = piece.score.notes[piece.score.notes["track"] == "SATB".index(voice)]
        assert piece.score.ticks_per_quarter == melody.ticks_per_quarter
        for field in ("start_ticks", "duration_ticks", "pitch", "velocity"):
            np.testing.assert_array_equal(kept[field], melody.notes[field])
        assert piece.score.tempi == tempi
    assert len(np.unique(piece.score.notes["track"])) == 4


def test_files_scores_and_midi_objects_are_one_melody(filler: Filler, tmp_path: Path) -> None:
    notes = make_notes([0, 480, 480, 960], [480, 480, 480, 960], [72, 74, 60, 76], 90)
    score = Score(480, notes, (Track("tune"),), (Tempo.from_bpm(0, 96),), (TimeSignature(0, 3, 4),))
    write_midi(score, tmp_path / "tune.mid")
    expected = [72] * 4 + [74] * 4 + [76] * 8
    for melody in (score, tmp_path / "tune.mid", str(tmp_path / "tune.mid"), score_to_pretty_midi(score)):
        steps, source = melody_steps(melody)
        assert steps.tolist() == expected
        assert source.tempi[0].bpm == pytest.approx(96, abs=0.1)
    piece = audio_lstm.harmonise(tmp_path / "tune.mid", model=filler, seed=1)
    assert piece.score.tempi[0].bpm == pytest.approx(96, abs=0.1)
    assert piece.score.time_signatures == (TimeSignature(0, 3, 4),)
    assert piece.score.key_signatures[0].tick == 0
    assert harmonise(score, model=filler, seed=1, tempo_bpm=60).score.tempi[0].bpm == pytest.approx(60)


def test_wishes_that_cannot_be_met_are_named(filler: Filler, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="voice must be one of S, A, T, B, got 'SA'"):
        harmonise(TUNE, voice="SA", model=filler)
    with pytest.raises(ConfigError, match="seed must not be negative, got -1"):
        harmonise(TUNE, seed=-1, model=filler)
    with pytest.raises(ConfigError, match=r"tempo must lie in 5..1000 quarters a minute, got 2"):
        harmonise(TUNE, tempo_bpm=2, model=filler)
    monkeypatch.setattr("audio_lstm.music.harmonise.MAX_STEPS", 10)
    with pytest.raises(ScoreError, match="the piece has 24 16ths; at most 10 can be filled in at once, so cut it"):
        harmonise(TUNE, model=filler)


@pytest.mark.parametrize("melody", [[], [-1, -1], Score(480, make_notes([], [], [], []), (Track(),))])
def test_a_melody_without_notes_is_named(melody: object, filler: Filler) -> None:
    with pytest.raises(ScoreError, match="the melody has no notes; check the file, or its first track"):
        harmonise(melody, model=filler)  # type: ignore[arg-type]


@pytest.mark.parametrize("melody", [[60.5], [200], [[60, 62]], [-3]])
def test_what_is_no_row_of_pitches_is_named(melody: list[object], filler: Filler) -> None:
    with pytest.raises(ScoreError, match="a melody is a row of whole numbers"):
        harmonise(melody, model=filler)  # type: ignore[arg-type]


def test_what_is_no_music_is_named(filler: Filler) -> None:
    with pytest.raises(ScoreError, match="expected a score, a file, notes as text"):
        harmonise(5, model=filler)
    with pytest.raises(ScoreError, match=r"pitch 20 is outside 33-84"):
        harmonise([20] * 4, model=filler)


def test_notes_abc_and_humming_are_melodies_too(filler: Filler) -> None:
    for melody in ("C5 D5 E5:2", "X:1\nL:1/4\nK:C\nc d e2\n"):
        grid = score_to_voice_grid(harmonise(melody, model=filler, seed=1).score)
        assert grid[:, 0].tolist() == [72] * 4 + [74] * 4 + [76] * 8
    pytest.importorskip("librosa")
    samples, _ = sing(TUNE_TO_SING, Singer("plain"), np.random.default_rng(0))
    grid = score_to_voice_grid(harmonise((samples, SAMPLE_RATE), model=filler, seed=1, tempo_bpm=100).score)
    assert list(dict.fromkeys(grid[:, 0].tolist())) == [60, 64, 67]
