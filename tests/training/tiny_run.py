"""A run of seconds, for the tests of the training loop: imported by them, and started as a process to be killed.

python tiny_run.py RUN_DIR [--fire SIGKILL --at-step 7 --on-rank 0 --once FILE] [--dropout 0.3] [--max-epochs 3]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from audio_lstm.training.batches import share
from audio_lstm.training.distributed import leave
from audio_lstm.training.loop import StepLoss, TrainConfig, TrainResult, train

N_ROWS, N_STEPS, N_BATCHES = 4, 6, 5


class TinyModel(nn.Module):
    def __init__(self, *, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 8, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        hidden, state = self.lstm(x, state)
        return self.head(self.dropout(hidden))[..., 0], state


@dataclass(frozen=True)
class TinyBatch:
    x: Tensor  # (rows, time, 3)
    y: Tensor  # (rows, time)
    names: tuple[str, ...]


class TinyTask:
    """Predict the sum of all inputs so far, over windows with carried state."""

    def __init__(self, *, seed: int = 0, dropout: float = 0.0) -> None:
        torch.manual_seed(seed)
        self.model = TinyModel(dropout=dropout)
        self.seed = seed
        self.before_loss = lambda: None  # a test's own doing, once a step
        self.scores: list[float] | None = None

    def n_batches(self, epoch: int) -> int:
        return N_BATCHES

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> TinyBatch | None:
        rows = share(range(N_ROWS), rank, world_size)
        if not rows:
            return None
        x = np.random.default_rng([self.seed, epoch, index]).normal(size=(N_ROWS, N_STEPS, 3)).astype(np.float32)
        x = x[list(rows)]
        names = tuple(f"item-{epoch}-{index}-{row}" for row in rows)
        return TinyBatch(torch.from_numpy(x), torch.from_numpy(x.sum(-1).cumsum(-1)), names)

    def loss(self, batch: TinyBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        self.before_loss()
        y, state = self.model(batch.x, carry)
        loss = (y.float() - batch.y).square().sum()
        return StepLoss(loss, batch.y.numel(), state, batch.names)

    def evaluate(self) -> dict[str, float]:
        if self.scores is not None:
            return {"score": self.scores.pop(0)}
        x = torch.from_numpy(np.random.default_rng(99).normal(size=(8, N_STEPS, 3)).astype(np.float32))
        device = next(self.model.parameters()).device
        y, _ = self.model(x.to(device), None)
        error = (y.detach().cpu() - x.sum(-1).cumsum(-1)).square().mean()
        return {"score": float(error), "training": self.model.training}


CONFIG = TrainConfig(
    max_epochs=3,
    learning_rate=1e-2,
    warmup_steps=2,
    ema_decay=0.9,
    checkpoint_every_steps=2,
    log_every_steps=1,
    tensorboard=False,
    device="cpu",
    n_threads=1,
)


def weights_hash(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def report(task: TinyTask, result: TrainResult) -> str:
    return json.dumps(
        {
            "hash": weights_hash(task.model),
            "stopped_by": result.stopped_by,
            "step": result.step,
            "score": result.best_score,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--fire", choices=("SIGKILL", "SIGTERM"))
    parser.add_argument("--at-step", type=int, default=0)
    parser.add_argument("--on-rank", type=int, default=0)
    parser.add_argument("--dropout", type=float, default=0.3)
    options = parser.parse_args()
    rank = int(os.environ.get("RANK", "0"))
    task = TinyTask(dropout=options.dropout)
    fired = options.run_dir.with_name(f"{options.run_dir.name}-fired")
    n_calls = 0

    def before_loss() -> None:
        nonlocal n_calls
        n_calls += 1
        if options.fire and rank == options.on_rank and n_calls == options.at_step and not fired.exists():
            fired.touch()
            os.kill(os.getpid(), getattr(signal, options.fire))

    task.before_loss = before_loss
    result = train(task, CONFIG, options.run_dir)
    options.run_dir.with_name(f"{options.run_dir.name}-rank{rank}.json").write_text(report(task, result))
    leave(result.exit_code)


if __name__ == "__main__":
    main()
