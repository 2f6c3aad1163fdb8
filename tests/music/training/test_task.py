"""The music task: windows whose state is carried, a loss per token, the metric of evaluation, a model folder."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.models.composer import load_music
from audio_lstm.music.models.model import token_loss
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.training.data import MusicData
from audio_lstm.music.training.evaluate import evaluate_music
from audio_lstm.music.training.task import BPTTConfig, NetworkConfig, TokenTask, first, together, write_music_model
from audio_lstm.training.loop import TrainConfig, TrainResult, train

GRID = ChoraleGrid(features=("previous", "lag_4", "voice", "beat"))
CHORD = np.array([72, 67, 64, 48])


def corpus(*lengths: int, semitones: int = 0) -> MusicData:
    grids = [np.tile(CHORD, (length, 1)) + (np.arange(length) // 4 % 3)[:, None] + semitones for length in lengths]
    return MusicData("chorale", tuple(grids), tuple(f"train[{i}]" for i in range(len(grids))), "toy.json")


def task(train_set: MusicData | None = None, *, batch_size: int = 2, window: int = 16, n_members: int = 1) -> TokenTask:
    return TokenTask(
        GRID,
        NetworkConfig(LSTMConfig(8, hidden_size=16, n_layers=1), n_members=n_members),
        train_set=train_set or corpus(8, 12, 6),
        valid_set=corpus(8),
        bptt=BPTTConfig(batch_size=batch_size, window=window),
        seed=1,
    )


def test_an_epoch_predicts_every_token_once() -> None:
    made = task()
    n_tokens = sum(int(made.batch(0, i, 0, 1).weights.sum()) for i in range(made.n_batches(0)))  # type: ignore[union-attr]
    assert n_tokens == sum(4 * length + 1 for length in (8, 12, 6))


def test_long_pieces_are_scored_in_stretches_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    made = task()
    made.model.eval()
    with torch.inference_mode():
        whole = made.evaluate()
        monkeypatch.setattr("audio_lstm.music.training.task._STRETCH", 5)
        parts = made.evaluate()
    assert parts["score"] == pytest.approx(whole["score"], abs=1e-6)


def test_processes_share_the_rows_and_one_may_have_none() -> None:
    made = task()
    whole, left, right = made.batch(0, 0, 0, 1), made.batch(0, 0, 0, 2), made.batch(0, 0, 1, 2)
    assert whole is not None
    assert left is not None
    assert right is not None
    assert sorted(left.names + right.names) == sorted(whole.names)
    assert int(left.weights.sum() + right.weights.sum()) == int(whole.weights.sum())
    assert made.batch(0, 0, 2, 3) is None


def test_the_loss_over_windows_equals_the_loss_over_whole_pieces() -> None:
    made = task(corpus(8), batch_size=1, window=8)
    made.model.eval()
    carry, total, n_units = None, 0.0, 0
    with torch.no_grad():
        for index in range(made.n_batches(0)):
            batch = made.batch(0, index, 0, 1)
            assert batch is not None
            step = made.loss(batch, carry)
            carry, total, n_units = step.carry, total + float(step.loss_sum), n_units + step.n_units
            assert step.item_ids == ("train[0]",)
        metrics = made.evaluate()  # the valid set holds the same piece
    assert n_units == 33
    assert metrics["score"] == pytest.approx(total / 32, rel=1e-5)
    assert metrics["nats_per_cell"] == metrics["score"]


def test_a_row_that_begins_a_piece_forgets_the_one_before() -> None:
    made = task(batch_size=1, window=16)
    made.model.eval()
    batch = made.batch(0, 0, 0, 1)
    assert batch is not None
    assert batch.reset.all()
    carry = (torch.randn(1, 1, 16), torch.randn(1, 1, 16))
    with torch.no_grad():
        assert float(made.loss(batch, carry).loss_sum) == pytest.approx(float(made.loss(batch, None).loss_sum))


def test_pieces_that_do_not_fit_are_logged_not_dropped_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    far = corpus(8, semitones=24)
    mixed = MusicData("chorale", (corpus(8).pieces[0], far.pieces[0]), ("good", "high"), "toy.json")  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, logger="audio_lstm.music.training.task"):
        made = task(mixed)
    assert [record.message.split(":")[0] for record in caplog.records] == ["high"]
    assert caplog.records[0].message.endswith("left out")
    assert made.unusable == []


def test_a_training_set_of_which_nothing_fits_is_refused() -> None:
    with pytest.raises(DataError, match="no piece fits the model's vocabulary"):
        task(corpus(8, semitones=24))


def test_first_takes_the_first_pieces_or_all() -> None:
    data = corpus(4, 8, 12)
    assert first(data, 2).names == ("train[0]", "train[1]")
    assert len(first(data, 2).pieces) == 2
    assert first(data, 0) == data
    assert len(first(data, 9).pieces) == 3


def test_a_negative_number_of_pieces_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the number of pieces must be 0 \(all\) or more, got -1"):
        first(corpus(4), -1)


def test_the_same_seed_builds_the_same_task() -> None:
    one, two = task(), task()
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(tensor, two.model.state_dict()[name])
    a, b = one.batch(3, 0, 0, 1), two.batch(3, 0, 0, 1)
    assert a is not None
    assert b is not None
    assert torch.equal(a.targets, b.targets)


def test_members_learn_each_from_its_own_loss_and_are_scored_together() -> None:
    made = task(n_members=2)
    batch = made.batch(0, 0, 0, 1)
    assert batch is not None
    given = (batch.targets, batch.legal, batch.weights)
    alone = [token_loss(member(batch.columns)[0], *given) for member in made.model.members]  # type: ignore[operator, union-attr]
    step = made.loss(batch, None)
    torch.testing.assert_close(step.loss_sum, (alone[0] + alone[1]) / 2)
    assert [tuple(part.shape) for part in step.carry or ()] == [(2, 2, 16)] * 2
    made.model.eval()
    with torch.no_grad():
        together = made.evaluate()["score"]
        members = []
        for member in made.model.members:  # type: ignore[union-attr]
            single = task()
            single.model = member.eval()  # type: ignore[assignment]
            members.append(single.evaluate()["score"])
    assert together < max(members)


def test_the_fingerprint_follows_the_pieces_and_not_their_place() -> None:
    data = corpus(8, 12, 6)
    known = task(data).fingerprint
    assert known.startswith("3 + 1 items, sha256 ")
    assert task(replace(data, source="elsewhere.json"), window=8).fingerprint == known
    assert task(corpus(8, 12, 7)).fingerprint != known
    assert task(corpus(8, 12, 6, semitones=1)).fingerprint != known


def test_training_lowers_the_score_and_the_folder_states_what_users_will_measure(tmp_path: Path) -> None:
    made = task()
    made.model.eval()
    with torch.no_grad():
        before = made.evaluate()["score"]
    config = TrainConfig(
        max_epochs=25, learning_rate=0.02, warmup_steps=2, ema_decay=0, tensorboard=False, device="cpu"
    )
    result: TrainResult = train(made, config, tmp_path / "run")
    assert result.best_score < 0.8 * before
    line = write_music_model(
        made, tmp_path / "model", name="toy", trained_on="a toy", notes="Toys only.", result=result
    )
    figures = evaluate_music(made.valid_set, load_music(tmp_path / "model")).to_dict()
    assert f"{figures['nll']:.4f} nats/cell" in line
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert f"| negative log-likelihood, valid, int8 | {figures['nll']:.4f} nats/cell |" in card
    assert "trained on a toy" in card
    assert card.endswith("\nToys only.")
    assert figures["nll"] == pytest.approx(result.best_score, abs=0.1)


def test_two_splits_are_joined_and_two_kinds_are_not() -> None:
    one, other = corpus(8, 12), corpus(6)
    both = together(one, other)
    assert [len(piece) for piece in both.pieces] == [8, 12, 6]
    assert both.names == (*one.names, *other.names)
    rolls = MusicData("roll", (np.zeros((4, 88), bool),), ("valid[0]",), "rolls.npz")
    with pytest.raises(DataError, match=r"holds chorale pieces, rolls\.npz roll; they cannot be joined"):
        together(one, rolls)
