"""Training a fill model: what it is asked, what it pays, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.errors import ConfigError, DataError, ModelError
from audio_lstm.music.models.export import export_music
from audio_lstm.music.models.fill_config import UNKNOWN
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.chorale import END
from audio_lstm.music.training.data import MusicData
from audio_lstm.music.training.fill_task import TASKS, FillTask, missing_cells, score_tasks, start_from_generator
from audio_lstm.music.writing.fill import load_fill_model
from tests.music.models.fill_models import GRID, fill_config, write_random_model


def chorales(n: int, n_steps: int = 20) -> MusicData:
    rng = np.random.default_rng(0)
    pieces = tuple(
        np.stack([rng.integers(low, low + 8, n_steps + i) for low in (66, 60, 54, 45)], axis=1) for i in range(n)
    )
    return MusicData("chorale", pieces, tuple(f"piece {i}" for i in range(n)), "here")


def make_task(**changes: int) -> FillTask:
    options = {"batch_size": 2, "max_semitones": 2, "seed": 0} | changes
    return FillTask(fill_config(), GRID, train_set=chorales(5), valid_set=chorales(2), **options)  # type: ignore[arg-type]


def test_every_piece_comes_once_an_epoch_with_other_cells_missing_each_time() -> None:
    task = make_task()
    assert task.n_batches(0) == 3
    for epoch in range(3):
        names = [name for index in range(3) for name in task.batch(epoch, index, 0, 1).names]  # type: ignore[union-attr]
        assert sorted(names) == sorted(name for name, _ in task.pieces)
    one, again, other = (task.batch(epoch, 0, 0, 1) for epoch in (0, 0, 1))
    assert one is not None
    assert again is not None
    assert other is not None
    torch.testing.assert_close(one.weights, again.weights)
    assert one.weights.shape != other.weights.shape or not torch.equal(one.weights, other.weights)


def test_missing_cells_are_paid_for_and_hidden_from_the_reader() -> None:
    task = make_task()
    batch = task.batch(0, 1, 0, 1)
    assert batch is not None
    hidden = (batch.given[..., :4] == UNKNOWN).flatten(1)
    valid = torch.arange(hidden.shape[1]) < 4 * batch.n_steps[:, None]
    assert torch.equal((hidden & valid).float(), batch.weights)
    assert not batch.legal[..., END][valid].any()
    step = task.loss(batch, None)
    assert step.n_units == int(batch.weights.sum())
    assert torch.isfinite(step.loss_sum)


def test_pieces_are_shared_between_processes() -> None:
    task = make_task()
    shares = [task.batch(0, 0, rank, 2) for rank in range(2)]
    whole = task.batch(0, 0, 0, 1)
    assert whole is not None
    assert sorted(name for share in shares if share for name in share.names) == sorted(whole.names)
    assert make_task(batch_size=1).batch(0, 0, 1, 2) is None


def test_a_model_learns_what_it_is_given() -> None:
    """The alto sings a third below the soprano: nothing else can tell what it sings."""
    grid = chorales(8, 16)
    pieces = tuple(np.concatenate([g[:, :1], g[:, :1] - 3, g[:, 2:]], axis=1) for g in grid.voice_grids())
    data = replace(grid, pieces=pieces)
    task = FillTask(fill_config(), GRID, train_set=data, valid_set=data, batch_size=8, max_semitones=0, seed=0)
    before = task.evaluate()
    assert set(before) == {"score", *TASKS}
    optimizer = torch.optim.Adam(task.model.parameters(), lr=0.02)
    for epoch in range(120):
        step = task.loss(task.batch(epoch, 0, 0, 1), None)  # type: ignore[arg-type]
        optimizer.zero_grad()
        torch.autograd.backward(step.loss_sum / step.n_units)
        optimizer.step()
    task.model.eval()
    after = task.evaluate()
    assert after["alto"] < 1.0 < 3.0 < before["alto"]


def test_tasks_hide_what_their_names_say() -> None:
    assert missing_cells("harmonise", 3).tolist() == [[False, True, True, True]] * 3
    assert missing_cells("inner", 3).tolist() == [[False, True, True, False]] * 3
    gap = missing_cells("gap", 100)
    assert gap.sum() == 4 * 64
    assert gap[18:82].all()
    assert missing_cells("gap", 10).all()
    with pytest.raises(ConfigError, match=r"unknown task 'solo'; known: harmonise, inner, gap, alto"):
        missing_cells("solo", 3)


def test_torch_and_the_exported_model_score_alike(tmp_path: Path) -> None:
    task = make_task()
    found = score_tasks(load_fill_model(write_random_model(tmp_path / "model")), task.valid_set)
    assert set(found) == set(TASKS)
    assert all(2.0 < value < 6.0 for value in found.values())


def test_the_generator_may_begin_as_a_model_that_composes(tmp_path: Path) -> None:
    torch.manual_seed(7)
    plain = MusicModel(fill_config().generator)
    export_music(plain, GRID, tmp_path / "plain", name="plain", card="# plain\n")
    task = make_task()
    start_from_generator(task.model, str(tmp_path / "plain"))
    torch.testing.assert_close(task.model.generator.head.weight, plain.head.weight)
    with pytest.raises(ModelError):
        start_from_generator(task.model, "chorale")


def test_what_cannot_be_trained_or_scored_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch_size must be >= 1, got 0"):
        make_task(batch_size=0)
    empty = MusicData("chorale", (), (), "nowhere")
    with pytest.raises(DataError, match="nowhere: no chorale to fill in"):
        score_tasks(load_fill_model(write_random_model(tmp_path / "model")), empty)
