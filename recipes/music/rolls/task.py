"""The task of learning frames: rows of pieces for truncated back-propagation, the loss, the metric of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.runtime import TorchEngine
from audio_lstm.training.batches import share
from audio_lstm.training.loop import StepLoss
from audio_lstm.training.options import data_fingerprint
from recipes.music.rolls.config import FrameModelConfig
from recipes.music.rolls.context import N_ECHOES, echoes, frame_inputs
from recipes.music.rolls.data import Rolls
from recipes.music.rolls.model import FrameModel, FrameState, frame_loss
from recipes.music.rolls.score import score_rolls

__all__ = ["FrameBatch", "FrameTask", "RowsConfig", "fitted_to"]

Number = TypeVar("Number", bound=np.generic)
Stretch = tuple[int, int, int]  # piece, first frame, semitones up


@dataclass(frozen=True)
class FrameBatch:
    """One window of truncated back-propagation: this process's rows."""

    inputs: Tensor  # (rows, window, input_size)
    roll: Tensor  # (rows, window, n_keys)
    weights: Tensor  # (rows, window), 0 for padding
    reset: Tensor  # (rows,): a new piece begins, the carried state is dropped
    names: tuple[str, ...]


@dataclass(frozen=True)
class RowsConfig:
    """How pieces are laid out for training."""

    batch_size: int = 16  # rows that walk through pieces side by side
    window: int = 32  # frames a row and step
    max_semitones: int = 0  # each piece moves up or down by as many, drawn anew in each epoch

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.window < 1 or not 0 <= self.max_semitones <= 11:
            raise ConfigError(
                "batch_size and window must be at least 1 and max_semitones lie in 0..11, got "
                f"{self.batch_size}, {self.window} and {self.max_semitones}"
            )


def fitted_to(config: FrameModelConfig, rolls: Sequence[NDArray[np.bool_]], *, margin: int = 0) -> FrameModelConfig:
    """A configuration whose range is that of some pieces; the keys outside get half a count a frame.

    Args:
        config: What else the model is made of.
        rolls: The training pieces (T, 88).
        margin: Semitones to add at both ends.

    Returns:
        The configuration with `low`, `high` and `p_outside`.

    Raises:
        DataError: If no piece has a note.
    """
    used = np.flatnonzero(np.any([roll.any(axis=0) for roll in rolls], axis=0)) if rolls else np.zeros(0)
    if used.size == 0:
        raise DataError("the training pieces hold no note; nothing can be learned from silence")
    n_keys, n_frames = rolls[0].shape[1], sum(len(roll) for roll in rolls)
    low, high = max(0, int(used[0]) - margin), min(n_keys, int(used[-1]) + 1 + margin)
    return replace(config, low=low, high=high, p_outside=0.5 / (n_frames + 1))


class FrameTask:
    """Data, model, loss and metric of a model of frames, for audio_lstm.training.loop."""

    def __init__(
        self, config: FrameModelConfig, *, train_set: Rolls, valid_set: Rolls, rows: RowsConfig, seed: int
    ) -> None:
        self.rows, self.seed, self.valid_set = rows, seed, valid_set
        self.config = fitted_to(config, train_set.pieces, margin=rows.max_semitones)
        self.names = train_set.names
        keys = slice(self.config.low, self.config.high)
        self.pieces = [np.ascontiguousarray(roll[:, keys]) for roll in train_set.pieces]
        # Soft copies are kept in half precision: a large set has 10 M frames and keys.
        self.echoes = [echoes(roll).astype(np.float16) for roll in self.pieces]
        self.fingerprint = data_fingerprint(
            *(
                [(name, len(roll), roll.astype(np.int64)) for name, roll in zip(data.names, data.pieces, strict=True)]
                for data in (train_set, valid_set)
            )
        )
        self._plan: tuple[int, list[list[Stretch | None]]] | None = None
        torch.manual_seed(seed)
        self.model = FrameModel(self.config)

    def n_batches(self, epoch: int) -> int:
        """How many windows the epoch has."""
        return len(self._planned(epoch))

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> FrameBatch | None:
        """This process's rows of a window; the same rows in every window of an epoch, as their state is carried."""
        rows = share(self._planned(epoch)[index], rank, world_size)
        if not rows:
            return None
        size, window = (len(rows), self.rows.window), self.rows.window
        inputs = np.zeros((*size[:1], window, self.config.input_size), np.float32)
        roll = np.zeros((len(rows), window, self.config.n_keys), np.float32)
        weights, reset = np.zeros((len(rows), window), np.float32), np.zeros(len(rows), np.bool_)
        names = []
        for row, stretch in enumerate(rows):
            if stretch is None:
                continue
            piece, first, semitones = stretch
            n = min(window, len(self.pieces[piece]) - first)
            # What a stretch reads reaches back to the beginning of its piece.
            moved = _moved(self.pieces[piece][: first + n], semitones)
            echo = np.zeros((first + n, N_ECHOES, self.config.n_keys), np.float32)
            echo[first:] = _moved(self.echoes[piece][first : first + n], semitones)
            inputs[row, :n] = frame_inputs(moved, echo, first, n)
            roll[row, :n], weights[row, :n], reset[row] = moved[first:], 1.0, first == 0
            names.append(self.names[piece])
        tensors = [torch.from_numpy(part) for part in (inputs, roll, weights, reset)]
        return FrameBatch(tensors[0], tensors[1], tensors[2], tensors[3], tuple(names))

    def loss(self, batch: FrameBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """Negative log-likelihood of the window's frames; the state goes on to the next window."""
        state = None
        if carry:
            kept = (~batch.reset).float()
            state = FrameState(*(part.float() * kept.view(1, -1, *[1] * (part.ndim - 2)) for part in carry))
        logits, state = self.model(batch.inputs, None, state)
        total = (frame_loss(logits, batch.roll) * batch.weights).sum()
        return StepLoss(total, int(batch.weights.sum()), tuple(state), batch.names)

    def evaluate(self) -> dict[str, float]:
        """Nats per frame on the validation pieces, each from its first frame to its last."""
        device = str(next(self.model.parameters()).device)
        engine = TorchEngine(self.model, streams=True, device=device)
        score = score_rolls(engine, self.config, self.valid_set.pieces).per_frame
        return {"score": score, "nats_per_frame": score}

    def _planned(self, epoch: int) -> list[list[Stretch | None]]:
        """For each window of the epoch, what each row holds: a pure function of seed and epoch."""
        if self._plan is None or self._plan[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            most = self.rows.max_semitones
            lines: list[list[Stretch | None]] = [[] for _ in range(self.rows.batch_size)]
            for piece in rng.permutation(len(self.pieces)).tolist():
                semitones = int(rng.integers(-most, most + 1))
                line = min(lines, key=len)
                line += [(piece, first, semitones) for first in range(0, len(self.pieces[piece]), self.rows.window)]
            n_windows = max(len(line) for line in lines)
            filled = [line + [None] * (n_windows - len(line)) for line in lines]
            self._plan = epoch, [list(window) for window in zip(*filled, strict=True)]
        return self._plan[1]


def _moved(rows: NDArray[Number], semitones: int) -> NDArray[Number]:
    """Rows of keys, moved up; what the range does not hold is lost (its margins are as wide as the widest move)."""
    if semitones == 0:
        return rows
    result = np.zeros_like(rows)
    if semitones > 0:
        result[..., semitones:] = rows[..., :-semitones]
    else:
        result[..., :semitones] = rows[..., -semitones:]
    return result
