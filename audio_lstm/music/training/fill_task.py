"""Training a model that fills in chorales: whole pieces, moved to other keys, with other cells missing each time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio_lstm.checkpoint import load_weights, open_model
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.models.fill_config import UNKNOWN, FillModelConfig, reader_columns
from audio_lstm.music.models.fill_export import export_fill
from audio_lstm.music.models.fill_masks import random_mask, region_mask, voices_mask
from audio_lstm.music.models.fill_model import FillModel
from audio_lstm.music.models.model import token_loss
from audio_lstm.music.score.voices import N_VOICES, VOICES
from audio_lstm.music.tokens.chorale import END, ChoraleGrid
from audio_lstm.music.training.augment import random_transposition
from audio_lstm.music.training.data import MusicData
from audio_lstm.music.training.evaluate import encode_pieces
from audio_lstm.music.writing.fill import FillEngines, Filler, load_fill_model, missing_costs
from audio_lstm.runtime import State
from audio_lstm.training.batches import share
from audio_lstm.training.loop import StepLoss, TrainResult
from audio_lstm.training.model_card import Card
from audio_lstm.training.options import data_fingerprint

__all__ = ["TASKS", "FillBatch", "FillTask", "missing_cells", "score_tasks", "start_from_generator", "write_fill_model"]

TASKS = {
    "harmonise": "the soprano is given",
    "inner": "alto and tenor are missing",
    "gap": "four bars of all voices are missing",
    "alto": "the alto is missing",
}
"""What a fill model is judged by."""
_GAP_STEPS = 64


@dataclass(frozen=True)
class FillBatch:
    """Whole pieces side by side."""

    columns: Tensor  # (pieces, 4 * steps, n_columns)
    given: Tensor  # (pieces, steps, 6)
    n_steps: Tensor  # (pieces,)
    targets: Tensor  # (pieces, 4 * steps)
    legal: Tensor  # (pieces, 4 * steps, vocabulary)
    weights: Tensor  # (pieces, 4 * steps): 1 for missing cells
    names: tuple[str, ...]


class FillTask:
    """Data, model, loss and metric of a fill model, for audio_lstm.training.loop."""

    def __init__(
        self,
        config: FillModelConfig,
        grid: ChoraleGrid,
        *,
        train_set: MusicData,
        valid_set: MusicData,
        batch_size: int,
        max_semitones: int,
        seed: int,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size must be >= 1, got {batch_size}")
        self.config, self.grid, self.valid_set, self.seed = config, grid, valid_set, seed
        self.batch_size = batch_size
        pieces, _ = encode_pieces(train_set, grid)
        valid, _ = encode_pieces(valid_set, grid)
        self.pieces = [(name, tokens[:-1]) for name, tokens in pieces]
        self.fingerprint = data_fingerprint(
            *([(name, len(tokens), tokens) for name, tokens in part] for part in (pieces, valid))
        )
        self._move = random_transposition(grid, max_semitones=max_semitones)
        torch.manual_seed(seed)
        self.model = FillModel(config)

    def n_batches(self, epoch: int) -> int:
        """How many batches an epoch has; each piece is in one of them."""
        return -(-len(self.pieces) // self.batch_size)

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> FillBatch | None:
        """This process's pieces of a batch: pieces of like length together, batches in random order."""
        rng = np.random.default_rng([self.seed, epoch])
        lengths = np.array([len(tokens) for _, tokens in self.pieces]) * rng.uniform(0.9, 1.1, len(self.pieces))
        order = np.argsort(lengths)
        chosen = rng.permutation(self.n_batches(epoch))[index]
        members = order[chosen * self.batch_size : (chosen + 1) * self.batch_size].tolist()
        mine = share(members, rank, world_size)
        if not mine:
            return None
        soprano = self.grid.order.index("S")
        items = []
        for piece in mine:
            own = np.random.default_rng([self.seed, epoch, piece])
            tokens = self._move(self.pieces[piece][1], own)
            items.append((tokens, random_mask(len(tokens) // N_VOICES, own, soprano)))
        return self._padded(items, tuple(self.pieces[piece][0] for piece in mine))

    def _padded(self, items: list[tuple[NDArray[np.int64], NDArray[np.bool_]]], names: tuple[str, ...]) -> FillBatch:
        n_steps = np.array([len(mask) for _, mask in items])
        most, grid = int(n_steps.max()), self.grid
        columns = np.zeros((len(items), N_VOICES * most, len(grid.column_sizes)), np.int64)
        given = np.zeros((len(items), most, len(self.config.reader_column_sizes)), np.int64)
        targets = np.zeros((len(items), N_VOICES * most), np.int64)
        legal = np.ones((*targets.shape, grid.vocabulary_size), np.bool_)
        weights = np.zeros(targets.shape, np.float32)
        for row, (tokens, mask) in enumerate(items):
            n = len(tokens)
            columns[row, :n], targets[row, :n], legal[row, :n] = grid.columns(tokens), tokens, grid.legal(tokens)
            legal[row, :n, END] = False
            weights[row, :n] = mask.reshape(-1)
            cells = tokens.reshape(-1, N_VOICES)
            given[row, : len(mask)] = reader_columns(np.where(mask, UNKNOWN, cells))
        arrays = [torch.from_numpy(array) for array in (columns, given, n_steps, targets, legal, weights)]
        return FillBatch(arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], arrays[5], names)

    def loss(self, batch: FillBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """Negative log-likelihood of the missing cells."""
        logits = self.model(batch.columns, batch.given, batch.n_steps)
        total = token_loss(logits, batch.targets, batch.legal, batch.weights)
        return StepLoss(total, int(batch.weights.sum()), (), batch.names)

    def evaluate(self) -> dict[str, float]:
        """Nats per missing cell of the validation pieces in each of TASKS; the score is the mean of two of them."""
        found = score_tasks(_in_torch(self.model, self.grid), self.valid_set)
        return {"score": (found["harmonise"] + found["gap"]) / 2, **found}


def missing_cells(task: str, n_steps: int) -> NDArray[np.bool_]:
    """The cells that a model of one of TASKS is not given.

    Args:
        task: One of TASKS.
        n_steps: Length of the piece (T).

    Returns:
        (T, 4) bool in the order S, A, T, B.

    Raises:
        ConfigError: If there is no such task.
    """
    if task == "gap":  # in the middle
        length = min(_GAP_STEPS, n_steps)
        return region_mask(n_steps, (n_steps - length) // 2, (n_steps - length) // 2 + length)
    given = {"harmonise": "S", "inner": "SB", "alto": "STB"}
    if task not in given:
        raise ConfigError(f"unknown task {task!r}; known: {', '.join(TASKS)}")
    return voices_mask(n_steps, np.array([voice in given[task] for voice in VOICES]))


def score_tasks(filler: Filler, data: MusicData) -> dict[str, float]:
    """How well a model fills in a corpus.

    Args:
        filler: The model.
        data: Chorales.

    Returns:
        Nats per missing cell, all pieces pooled, for each of TASKS.

    Raises:
        DataError: If there is nothing to score.
    """
    grids = data.voice_grids()
    if not grids:
        raise DataError(f"{data.source}: no chorale to fill in")
    scores = {}
    for task in TASKS:
        costs = np.concatenate([missing_costs(filler, whole, missing_cells(task, len(whole))) for whole in grids])
        scores[task] = float(costs.mean())
    return scores


def start_from_generator(model: FillModel, name: str) -> None:
    """Copy the weights of a model that composes chorales into the generator.

    Args:
        model: The model to be trained.
        name: Name, folder or hub id of the other, of the same shape; another is a ModelError.
    """
    load_weights(open_model(name, "music"), model.generator)


def write_fill_model(
    task: FillTask, folder: Path, *, name: str, trained_on: str, notes: str, result: TrainResult
) -> str:
    """Write the model folder, measure it as users will run it, and put the figures into its card.

    Args:
        task: Whose model has been trained.
        folder: Where the model goes.
        name: The model's name.
        trained_on: What the card says of its data.
        notes: The end of the card, Markdown.
        result: How the training ended.

    Returns:
        One line with the folder and the figures.
    """
    export_fill(task.model, task.grid, folder, name=name, card=f"# {name}\n")
    figures = score_tasks(load_fill_model(folder), task.valid_set)
    table = {f"{what}: nats a missing cell, valid, int8": f"{figures[key]:.4f}" for key, what in TASKS.items()}
    purpose = f"Fills in what is missing in four-voice chorales; trained on {trained_on}."
    Card(name, purpose, notes, result).write(folder, task.model, table)
    return f"{folder}: " + ", ".join(f"{key} {value:.4f}" for key, value in figures.items()) + " nats a missing cell"


class _Part:
    """One part of the torch model as an engine."""

    def __init__(self, model: FillModel, *, reads: bool) -> None:
        self._model, self._reads = model, reads
        self._device = next(model.parameters()).device

    def run(
        self, inputs: NDArray[np.generic], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        """See Engine.run; the state is not carried on: whole pieces only."""
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(inputs)).to(self._device)
            if self._reads:
                told = self._model.read(x, torch.from_numpy(lengths))
            else:
                n_columns = len(self._model.config.generator.column_sizes)
                told, _ = self._model.generator(x[..., :n_columns].long(), None, None, context=x[..., n_columns:])
            return told.float().cpu().numpy(), ()


def _in_torch(model: FillModel, grid: ChoraleGrid) -> Filler:
    return Filler("training", model.config, grid, FillEngines(_Part(model, reads=True), _Part(model, reads=False)))
