"""How to train: the options of the loop. No torch, so that a recipe's --help is quick."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from audio_lstm.errors import ConfigError

__all__ = ["TrainConfig"]


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults suit models of a few million weights."""

    max_epochs: int = 20
    max_steps: int | None = None  # ends the run, and the learning rate's cosine, earlier than max_epochs
    max_minutes: float | None = None  # of this process: then it evaluates, saves and leaves; the cosine is not cut
    learning_rate: float = 2e-3  # after the warm-up; Adam on LSTMs of this size bears 1e-3 to 4e-3
    weight_decay: float = 0.01  # AdamW's, on matrices only (Loshchilov & Hutter 2019)
    betas: tuple[float, float] = (0.9, 0.98)
    # muon: matrices inside the network move by orthogonalised momentum (Jordan et al. 2024). It needs about half as
    # many epochs as adamw to reach the same error (docs/decisions/an4.md), each a little slower.
    optimizer: Literal["adamw", "muon"] = "adamw"
    muon_factor: float = 4.0  # Muon's learning rate as a multiple of learning_rate
    warmup_steps: int = 100  # linear, from 0
    final_lr_fraction: float = 0.02  # where the cosine ends, as a fraction of learning_rate
    gradient_clip_norm: float = 1.0  # 0 = off; exploding gradients are the LSTM's known fault (Pascanu et al. 2013)
    ema_decay: float = 0.999  # of the averaged weights that are evaluated and shipped; 0 = off
    evaluate_every_epochs: int = 1
    patience: int = 0  # evaluations without a better score before the run stops; 0 = off
    checkpoint_every_steps: int | None = None  # beside those after each evaluation
    checkpoint_every_minutes: float | None = 5.0
    log_every_steps: int = 10
    tensorboard: bool = True
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 autocast on a GPU, fp32 on a CPU
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    n_threads: int | None = None  # of torch on the CPU; None leaves torch's own choice

    def __post_init__(self) -> None:
        at_least = {"max_epochs": 1, "warmup_steps": 0, "evaluate_every_epochs": 1, "patience": 0, "seed": 0}
        at_least |= {"log_every_steps": 1, "max_steps": 1, "checkpoint_every_steps": 1, "n_threads": 1}
        at_least |= {"weight_decay": 0, "gradient_clip_norm": 0}
        for name, least in at_least.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ConfigError(f"{name} must be at least {least}, got {value}")
        for name in ("learning_rate", "max_minutes", "checkpoint_every_minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} must be above 0, got {value}")
        for name, values in (("betas", self.betas), ("ema_decay", (self.ema_decay,))):
            if not all(0 <= value < 1 for value in values):
                raise ConfigError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        if self.optimizer not in ("adamw", "muon"):
            raise ConfigError(f"optimizer must be adamw or muon, got {self.optimizer!r}")
        if not 0 < self.muon_factor <= 100:
            raise ConfigError(f"muon_factor must lie in (0, 100], got {self.muon_factor}")
        if not 0 <= self.final_lr_fraction <= 1:
            raise ConfigError(f"final_lr_fraction must lie in [0, 1], got {self.final_lr_fraction}")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ConfigError(f"precision must be auto, fp32 or bf16, got {self.precision!r}")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"device must be auto, cpu or cuda, got {self.device!r}")
