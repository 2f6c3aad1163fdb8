"""`compose`: exact lengths, repeatable seeds, honest records, and one clear error for each wrong wish."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, ModelError, ScoreError
from audio_lstm.music import compose as compose_module
from audio_lstm.music.compose import CHORALE_BPM, DEFAULT_SAMPLING, Composition, compose, compose_takes
from audio_lstm.music.files.files import read_score
from audio_lstm.music.files.score_json import score_from_json
from audio_lstm.music.models.composer import Composer
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.tokens.chorale import END, ChoraleGrid
from audio_lstm.music.tokens.events import EventVocabulary
from audio_lstm.music.writing.sample import SamplingConfig

SHORT = replace(DEFAULT_SAMPLING, max_tokens=200)


@pytest.fixture(scope="module")
def chorale(chorale_composer: Composer) -> Composition:
    """Two bars by the untrained chorale model."""
    return compose(model=chorale_composer, seed=3, bars=2)


@pytest.mark.parametrize("bars", [1, 3])
def test_chorales_have_exactly_the_bars_asked_for(chorale_composer: Composer, bars: int) -> None:
    piece = compose(model=chorale_composer, seed=1, bars=bars)
    assert ChoraleGrid().decode(piece.tokens).shape == (16 * bars, 4)
    assert piece.bars == bars
    assert piece.ended
    assert piece.duration_s <= 4 * bars * 60 / CHORALE_BPM + 1e-6  # less where the last chord is a rest


@pytest.mark.parametrize("bars", [1, 3])
def test_event_pieces_have_exactly_the_bars_asked_for(
    events_composer: Composer, small_events: EventVocabulary, bars: int
) -> None:
    piece = compose(model=events_composer, seed=1, bars=bars)
    assert int((piece.tokens == small_events.bar).sum()) == bars
    assert piece.tokens[-1] == small_events.end
    assert piece.ended


def test_the_same_seed_gives_the_same_piece_and_another_seed_another(chorale_composer: Composer) -> None:
    first, again, other = (compose(model=chorale_composer, seed=seed, bars=1) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.tokens, again.tokens)
    assert first == again
    assert first.tokens.tolist() != other.tokens.tolist()


def test_takes_differ_and_come_again_with_the_same_call(chorale_composer: Composer) -> None:
    first, again = (compose_takes(n_takes=2, model=chorale_composer, seed=5, bars=1) for _ in range(2))
    assert [piece.take for piece in first] == [0, 1]
    assert [piece.tokens.tolist() for piece in first] == [piece.tokens.tolist() for piece in again]
    assert first[0].tokens.tolist() != first[1].tokens.tolist()


def test_without_a_seed_one_is_drawn_and_repeats_the_piece(chorale_composer: Composer) -> None:
    drawn = compose(model=chorale_composer, bars=1)
    np.testing.assert_array_equal(compose(model=chorale_composer, seed=drawn.seed, bars=1).tokens, drawn.tokens)


def test_without_bars_the_model_ends_the_piece_or_is_cut(chorale_composer: Composer) -> None:
    pieces = compose_takes(n_takes=4, model=chorale_composer, seed=0, sampling=SHORT)
    for piece in pieces:
        assert piece.bars is None
        assert piece.ended == (piece.tokens[-1] == END)
        assert piece.ended or len(piece.tokens) == 200
        assert piece.score.n_notes


def test_a_piece_cut_within_a_step_loses_that_step_only(chorale_composer: Composer) -> None:
    never_ends = replace(SHORT, max_tokens=7)
    piece = next(
        piece
        for piece in compose_takes(n_takes=8, model=chorale_composer, seed=0, sampling=never_ends)
        if not piece.ended
    )
    assert len(piece.tokens) == 7
    assert piece.score.end_ticks <= 120  # one 16th of 480 ticks a quarter
    assert "cut at the token limit" in piece.summary()


def test_a_draft_that_ends_is_preferred_to_one_that_is_cut(
    chorale_composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, cut = np.array([5, 5, 5, 5, END]), np.array([5, 5, 5, 5, 5, 5, 5, 5])
    monkeypatch.setattr(compose_module, "N_DRAFTS", 2)
    monkeypatch.setattr(compose_module, "write_takes", lambda *_, **__: [cut, ended])
    piece = compose(model=chorale_composer, seed=0, bars=1)
    np.testing.assert_array_equal(piece.tokens, ended)
    assert piece.ended


def test_temperature_zero_takes_the_likeliest_whatever_the_seed(chorale_composer: Composer) -> None:
    first, second = (compose(model=chorale_composer, seed=seed, bars=1, temperature=0) for seed in (1, 2))
    np.testing.assert_array_equal(first.tokens, second.tokens)


def test_the_price_is_that_of_the_model_without_temperature(chorale_composer: Composer) -> None:
    piece = compose(model=chorale_composer, seed=1, bars=1, temperature=0.1)
    assert piece.nats_per_unit == pytest.approx(float(chorale_composer.costs(piece.tokens).sum()) / 64)
    assert piece.unit == "cell"


def test_the_tempo_asked_for_is_kept_throughout(chorale_composer: Composer, events_composer: Composer) -> None:
    for composer in (chorale_composer, events_composer):
        piece = compose(model=composer, seed=1, bars=1, tempo_bpm=120)
        assert [(tempo.tick, tempo.bpm) for tempo in piece.score.tempi] == [(0, 120.0)]


def test_a_saved_piece_comes_back_from_its_file(chorale: Composition, tmp_path: Path) -> None:
    assert chorale.save(tmp_path / "piece.mid") == tmp_path / "piece.mid"
    again = read_score(tmp_path / "piece.mid")
    assert again.n_notes == chorale.score.n_notes
    assert again.duration_s == pytest.approx(chorale.duration_s)
    chorale.save(tmp_path / "piece.MIDI")


def test_a_piece_can_be_heard(chorale: Composition) -> None:
    sound = chorale.to_audio(sample_rate=8_000)
    assert sound.shape[1] == 2
    assert len(sound) > 8_000 * chorale.duration_s


def test_a_piece_can_be_printed_and_read_by_programs(chorale: Composition) -> None:
    assert "<work-title>Mine</work-title>" in chorale.to_musicxml(title="Mine")
    document = json.loads(chorale.to_json())
    assert document["facts"] == chorale.to_dict()
    assert score_from_json(chorale.to_json()) == chorale.score
    with pytest.raises(ScoreError, match="ABC holds single lines"):
        chorale.to_abc()
    pytest.importorskip("verovio")
    assert chorale.to_svg().count('class="staff"') >= 8


def test_the_facts_are_saved_with_the_notes(chorale: Composition, tmp_path: Path) -> None:
    document = json.loads(chorale.save(tmp_path / "x.json").read_text())
    assert document["facts"]["seed"] == chorale.seed


def test_a_pretty_midi_object_has_the_four_voices(chorale: Composition) -> None:
    midi = chorale.to_pretty_midi()
    assert [instrument.name for instrument in midi.instruments] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert sum(len(instrument.notes) for instrument in midi.instruments) == chorale.score.n_notes
    assert midi.get_end_time() == pytest.approx(chorale.duration_s)


def test_the_record_says_how_to_write_the_piece_again(chorale: Composition) -> None:
    facts = json.loads(json.dumps(chorale.to_dict()))
    assert facts["model"] == "tiny-chorale"
    assert (facts["seed"], facts["take"], facts["bars"], facts["temperature"]) == (3, 0, 2, 0.7)
    assert facts["n_notes"] == chorale.score.n_notes
    assert facts["ended"] is True
    assert "2 bars, " in chorale.summary()
    assert "seed 3, take 0" in chorale.summary()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bars": 0}, "bars must be a whole number in 1..1000, got 0"),
        ({"bars": -4}, "bars must be a whole number in 1..1000, got -4"),
        ({"bars": 1001}, "bars must be a whole number in 1..1000, got 1001"),
        ({"bars": 2.5}, "bars must be a whole number in 1..1000, got 2.5"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"temperature": -0.5}, "temperature must lie in 0..100, got -0.5"),
        ({"temperature": float("nan")}, "temperature must lie in 0..100, got nan"),
        ({"tempo_bpm": 0.0}, "tempo must lie in 5..1000 quarters a minute, got 0.0"),
        ({"tempo_bpm": float("nan")}, "tempo must lie in 5..1000 quarters a minute, got nan"),
    ],
)
def test_bad_wishes_are_refused(chorale_composer: Composer, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose(model=chorale_composer, **options)
    assert str(caught.value) == message


def test_no_takes_are_refused(chorale_composer: Composer) -> None:
    with pytest.raises(ConfigError, match="n_takes must be at least 1, got 0"):
        compose_takes(n_takes=0, model=chorale_composer)


@pytest.mark.parametrize("bars", [None, 2])
def test_a_model_that_cannot_compose_says_so_at_once(foreign_composer: Composer, bars: int | None) -> None:
    with pytest.raises(ModelError, match="'tiny-chorale' scores pieces of kind 'hummed' but cannot compose them"):
        compose(model=foreign_composer, seed=1, bars=bars)


@pytest.mark.parametrize("name", ["piece.mp3", "piece", "piece.mid.gz"])
def test_other_suffixes_are_refused(chorale: Composition, tmp_path: Path, name: str) -> None:
    with pytest.raises(ScoreError, match=r"cannot write .*; use one of \.mid"):
        chorale.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(chorale: Composition, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"the folder .*nowhere does not exist; create it first"):
        chorale.save(tmp_path / "nowhere" / "piece.mid")


def test_the_defaults_are_tamer_than_the_model() -> None:
    assert SamplingConfig(temperature=0.7, top_p=0.98) == DEFAULT_SAMPLING


def test_chords_are_in_the_report_of_what_was_asked(chorale_composer: Composer) -> None:
    piece = compose(model=chorale_composer, seed=1, chords="C G", bars=2)
    assert piece.report is not None
    chords = {finding.wish: finding for finding in piece.report.findings}["chords"]
    assert (chords.asked, chords.achieved, chords.kept) == ("C G", "8 of 8 beats, 2 of 2 basses", True)


def primer_with_drums() -> Score:
    notes = make_notes([0, 480, 960, 1440, 0, 960], 480, [72, 74, 76, 77, 36, 38], 80, [0, 0, 0, 0, 1, 1])
    return Score(480, notes, (Track("Tune", 73), Track("Kit", 0, is_drum=True)))


def test_the_drums_of_a_primer_stay_and_it_is_said(chorale_composer: Composer) -> None:
    piece = compose(model=chorale_composer, seed=1, bars=3, primer=primer_with_drums())
    drums = piece.score.notes[piece.score.notes["track"] == 4]
    assert drums["pitch"].tolist() == [36, 38]
    assert piece.score.tracks[4].is_drum
    assert piece.score.remarks == ("the drums of the primer stay, and end with it: a model of chorales writes none",)


def test_without_its_primer_a_piece_is_what_follows(chorale_composer: Composer) -> None:
    options: dict[str, Any] = {"model": chorale_composer, "seed": 1, "bars": 3, "primer": primer_with_drums()}
    whole, rest = compose(**options).score, compose(**options, without_primer=True).score
    later = whole.notes[whole.notes["start_ticks"] >= 4 * whole.ticks_per_quarter]
    assert rest.notes["pitch"].tolist() == later["pitch"].tolist()
    assert rest.notes["start_ticks"].tolist() == (later["start_ticks"] - 4 * whole.ticks_per_quarter).tolist()
    assert rest.remarks == ()


def test_metres_that_a_chorale_does_not_tell_apart_are_said(chorale_composer: Composer) -> None:
    said = compose(model=chorale_composer, seed=1, bars=2, metre="6/8").score.remarks
    assert said == (
        "a model of chorales knows how long a bar is, not how it is divided: the notes of 6/8 are those of any metre "
        "of 3 quarters (as 3/4)",
    )
    assert compose(model=chorale_composer, seed=1, bars=2, metre="3/4").score.remarks == ()


def test_a_primer_without_a_tempo_goes_on_at_that_of_midi(chorale_composer: Composer) -> None:
    piece = compose(model=chorale_composer, seed=1, bars=2, primer=primer_with_drums())
    assert piece.score.tempi[0].bpm == pytest.approx(120)
