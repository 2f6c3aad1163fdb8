"""The task of learning frames: rows whose state is carried, transposition, the metric."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.training.loop import TrainConfig, train
from recipes.music.rolls.config import FrameModelConfig
from recipes.music.rolls.context import N_CHANNELS
from recipes.music.rolls.data import Rolls
from recipes.music.rolls.task import FrameTask, RowsConfig, fitted_to

CONFIG = FrameModelConfig(
    LSTMConfig(8, hidden_size=8, n_layers=1), key_size=8, key_state=4, note_size=8, name_size=2, dropout=0.0
)


def corpus(*lengths: int, step: int = 0) -> Rolls:
    """Pieces of three keys: one held, two in turns."""
    pieces = []
    for length in lengths:
        roll = np.zeros((length, 88), np.bool_)
        roll[:, 30 + step] = roll[::2, 34 + step] = roll[1::2, 37 + step] = True
        pieces.append(roll)
    return Rolls(tuple(pieces), tuple(f"train[{i}]" for i in range(len(pieces))))


def task(train_set: Rolls | None = None, *, rows: RowsConfig | None = None) -> FrameTask:
    rows = rows or RowsConfig(batch_size=2, window=6)
    return FrameTask(CONFIG, train_set=train_set or corpus(8, 12, 5), valid_set=corpus(9), rows=rows, seed=1)


def test_the_range_and_the_price_of_the_rest_follow_from_the_training_pieces() -> None:
    found = fitted_to(CONFIG, corpus(8, 12).pieces)
    assert (found.low, found.high, found.p_outside) == (30, 38, 0.5 / 21)
    wider = fitted_to(CONFIG, corpus(8, step=50).pieces, margin=3)
    assert (wider.low, wider.high) == (77, 88)
    for silent in ([], [np.zeros((4, 88), np.bool_)]):
        with pytest.raises(DataError, match="the training pieces hold no note"):
            fitted_to(CONFIG, silent)


def test_an_epoch_predicts_every_frame_once() -> None:
    made = task()
    n_frames = sum(int(made.batch(0, i, 0, 1).weights.sum()) for i in range(made.n_batches(0)))  # type: ignore[union-attr]
    assert n_frames == 8 + 12 + 5


def test_processes_share_the_rows_and_one_may_have_none() -> None:
    made = task()
    whole, left, right = made.batch(0, 0, 0, 1), made.batch(0, 0, 0, 2), made.batch(0, 0, 1, 2)
    assert whole is not None
    assert left is not None
    assert right is not None
    assert torch.equal(torch.cat([left.inputs, right.inputs]), whole.inputs)
    assert sorted(left.names + right.names) == sorted(whole.names)
    assert made.batch(0, 0, 2, 3) is None


def test_the_loss_over_windows_equals_the_score_of_whole_pieces() -> None:
    made = FrameTask(CONFIG, train_set=corpus(9), valid_set=corpus(9), rows=RowsConfig(1, 4), seed=1)
    made.model.eval()
    carry, total = None, 0.0
    with torch.no_grad():
        for index in range(made.n_batches(0)):
            batch = made.batch(0, index, 0, 1)
            assert batch is not None
            step = made.loss(batch, carry)
            carry, total = step.carry, total + float(step.loss_sum)
            assert step.item_ids == ("train[0]",)
        outside = -80 * np.log1p(-0.5 / 10)
        assert made.evaluate()["score"] == pytest.approx(total / 9 + outside, rel=1e-5)


def test_a_row_that_begins_a_piece_forgets_the_one_before() -> None:
    made = task()
    made.model.eval()
    batch = made.batch(0, 0, 0, 1)
    assert batch is not None
    assert batch.reset.all()
    carry = tuple(torch.randn(shape) for shape in ((1, 2, 8), (1, 2, 8), (1, 2, 8, 4), (1, 2, 8, 4)))
    with torch.no_grad():
        assert float(made.loss(batch, carry).loss_sum) == pytest.approx(float(made.loss(batch, None).loss_sum))


def test_transposition_moves_a_whole_piece_and_loses_nothing() -> None:
    made = task(corpus(20), rows=RowsConfig(batch_size=1, window=8, max_semitones=3))
    assert (made.config.low, made.config.high) == (27, 41)
    moves = set()
    for epoch in range(20):
        lowest = set()
        for index in range(made.n_batches(epoch)):
            batch = made.batch(epoch, index, 0, 1)
            assert batch is not None
            roll = batch.roll[0, batch.weights[0] > 0]
            assert int(roll.sum()) == 2 * len(roll)
            lowest.add(int(roll.any(0).int().argmax()))
            rows = batch.inputs[0, : len(roll), : (N_CHANNELS + 1) * 14].view(len(roll), N_CHANNELS + 1, 14)
            assert torch.equal(rows[:, N_CHANNELS], roll)
            assert torch.equal(rows[1:, 0], roll[:-1])
            if index == 2:
                heard = rows[:, N_CHANNELS - 1].sum(0) > 0  # soft copies move along
                assert torch.equal(heard, roll.any(0))
        assert len(lowest) == 1
        moves |= lowest
    assert moves <= set(range(7))
    assert len(moves) > 4


def test_the_same_seed_builds_the_same_task_and_the_fingerprint_follows_the_pieces() -> None:
    one, two = task(), task()
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(tensor, two.model.state_dict()[name])
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint.startswith("3 + 1 items, sha256 ")
    assert task(corpus(8, 12, 5, step=1)).fingerprint != one.fingerprint
    moved = corpus(8, 12, 5)
    assert task(moved).fingerprint == one.fingerprint


@pytest.mark.parametrize("values", [{"batch_size": 0}, {"window": 0}, {"max_semitones": 12}])
def test_layouts_out_of_range_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"batch_size and window must be at least 1 and max_semitones lie in 0\.\.11"):
        RowsConfig(**values)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_lowers_the_score(tmp_path: Path, precision: str) -> None:
    made = task(corpus(32, 32))
    made.model.eval()
    with torch.no_grad():
        before = made.evaluate()["score"]
    config = TrainConfig(max_epochs=12, learning_rate=0.02, warmup_steps=2, ema_decay=0, tensorboard=False)
    result = train(made, dataclasses.replace(config, precision=precision, device="cpu"), tmp_path / "run")  # type: ignore[arg-type]
    assert result.best_score < 0.5 * before
