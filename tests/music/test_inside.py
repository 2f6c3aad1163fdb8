"""Looking inside a music model: numpy equals torch, and each step lies at the time of its token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.checkpoint import load_weights, open_model
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, ScoreError
from audio_lstm.inspection.weight_arrays import read_weights
from audio_lstm.music.compose import compose
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.inside import inspect_music, music_front, note_name
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.models.ensemble import MusicEnsemble
from audio_lstm.music.models.export import export_music
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes
from audio_lstm.music.score.voices import score_to_voice_grid, voice_grid_to_score
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.events import EventVocabulary


@pytest.fixture
def waltz() -> Score:
    """Two bars of 3/4 at 100 quarters a minute (0.6 s each), a note a quarter, and a long one."""
    notes = make_notes([0, 2, 4, 6], [2, 2, 2, 4], [60, 62, 64, 65], 96, [0, 0, 0, 0])
    return Score(2, notes, (Track(),), (Tempo(0, 600_000),), (TimeSignature(0, 3, 4),))


def test_the_model_in_numpy_equals_that_in_torch(events_folder: Path, waltz: Score) -> None:
    folder = open_model(events_folder, "music")
    composer = load_music(events_folder)
    model = MusicModel(composer.config).eval()
    load_weights(folder, model)
    columns = composer.representation.columns(composer.representation.encode(waltz))
    with torch.no_grad():
        x = model.embedding(torch.from_numpy(columns)[None] + model.offsets).sum(dim=2)
        y, _ = model.backbone(x)
    np.testing.assert_allclose(music_front(columns, read_weights(folder), composer.config), x[0].numpy(), atol=1e-5)
    seen = inspect_music(waltz, model=events_folder)
    np.testing.assert_allclose(seen.trace.hidden, y[0].numpy(), atol=1e-5)


def test_tokens_of_events_lie_at_their_ticks(events_folder: Path, small_events: EventVocabulary, waltz: Score) -> None:
    seen = inspect_music(waltz, model=events_folder)
    tokens = small_events.encode(waltz)
    assert seen.n_steps == len(tokens)
    assert (np.diff(seen.edges_s) >= 0).all()
    assert seen.edges_s[:-1][tokens == small_events.bar][1] == pytest.approx(1.8)
    assert set(np.flatnonzero(tokens == small_events.bar)) <= set(np.flatnonzero(seen.events["bar line"]))
    assert seen.edges_s[-1] == pytest.approx(1.8, abs=0.31)  # the last note begins after three quarters
    assert [mark.text for mark in seen.marks] == ["C4", "D4", "E4", "F4"]
    assert seen.marks[-1].end_s == pytest.approx(3.0)


def test_a_chorale_is_seen_sixteenth_by_sixteenth(tmp_path: Path) -> None:
    piece = compose(seed=3, bars=8)
    seen = inspect_music(piece, layer=1)
    assert seen.n_steps == len(piece.tokens) == 8 * 16 * 4 + 1
    assert seen.edges_s[4 * 16] == pytest.approx(60 / 80 * 4)  # the second bar begins after four quarters
    assert len(seen.marks) == piece.score.n_notes
    assert seen.events["bar line"].sum() == 8 * 4 + 1  # four voices a step, and END
    assert seen.events["phrase end"].any()
    target = piece.save(tmp_path / "piece.mid")
    again = inspect_music(target, layer=1)
    np.testing.assert_allclose(again.trace.cell, seen.trace.cell)
    assert [mark.pitch for mark in inspect_music(piece.to_pretty_midi()).marks] == [mark.pitch for mark in again.marks]


def test_of_an_ensemble_the_first_member_is_seen(tmp_path: Path) -> None:
    grid = ChoraleGrid()
    torch.manual_seed(0)
    config = MusicModelConfig(grid.column_sizes, grid.vocabulary_size, LSTMConfig(8, hidden_size=8), n_members=2)
    model = MusicEnsemble(config).eval()
    score = voice_grid_to_score(np.tile([72, 67, 64, 48], (16, 1)) + np.arange(16)[:, None] // 4)
    seen = inspect_music(score, model=export_music(model, grid, tmp_path / "two", name="two", card="# Two\n"))
    columns = torch.from_numpy(grid.columns(grid.encode(score_to_voice_grid(score))))[None]
    first = model.members[0]
    assert isinstance(first, MusicModel)
    with torch.no_grad():
        y, _ = first.backbone(first.embedding(columns + first.offsets).sum(dim=2))
    np.testing.assert_allclose(seen.trace.hidden, y[0].numpy(), atol=1e-5)


def test_a_span_keeps_the_state_of_what_lies_before(chorale_folder: Path) -> None:
    score = voice_grid_to_score(np.tile([72, 67, 64, 48], (64, 1)) + np.arange(64)[:, None] // 16)
    whole = inspect_music(score, model=chorale_folder)
    part = inspect_music(score, model=chorale_folder, span_s=(3.0, 6.0))
    assert part.n_steps == 64
    np.testing.assert_allclose(part.trace.cell, whole.trace.cell[64:128], atol=1e-5)
    assert all(mark.end_s > 3.0 and mark.start_s < 6.0 for mark in part.marks)


@pytest.mark.parametrize(
    ("span_s", "error", "message"),
    [
        ((2.0, 2.0), ConfigError, "span_s must be two seconds"),
        ((50.0, 60.0), ScoreError, "from 50 s on there is nothing to look at"),
    ],
)
def test_a_span_outside_the_piece_is_refused(
    span_s: tuple[float, float], error: type[Exception], message: str, events_folder: Path, waltz: Score
) -> None:
    with pytest.raises(error, match=message):
        inspect_music(waltz, model=events_folder, span_s=span_s)


def test_what_is_no_piece_is_refused(events_folder: Path) -> None:
    with pytest.raises(ScoreError, match="expected a piece, a score, a file or a pretty_midi object, got int"):
        inspect_music(3, model=events_folder)


def test_a_piece_beyond_the_limit_is_refused(
    events_folder: Path, waltz: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audio_lstm.music.inside.MAX_STEPS", 5)
    with pytest.raises(ScoreError, match=r"tokens are too much to look into; pass span_s that ends earlier"):
        inspect_music(waltz, model=events_folder)


def test_a_piece_without_notes_is_refused(waltz: Score, events_folder: Path, tmp_path: Path) -> None:
    empty = replace(waltz, notes=waltz.notes[:0])
    with pytest.raises(ScoreError, match="there is no note in it"):
        inspect_music(empty, model=events_folder)
    write_midi(waltz, tmp_path / "waltz.mid")
    assert inspect_music(tmp_path / "waltz.mid", model=events_folder).n_steps


def test_notes_are_named_as_musicians_do() -> None:
    assert [note_name(pitch) for pitch in (60, 70, 21)] == ["C4", "Bb4", "A0"]
