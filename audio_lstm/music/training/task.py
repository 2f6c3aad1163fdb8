"""What every music recipe shares: truncated back-propagation over token pieces, and the finished model's card.

A recipe builds a `TokenTask`, hands it to `audio_lstm.training.loop.train`, and writes it with `write_music_model`.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from audio_lstm.backbone import LSTMState
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, DataError
from audio_lstm.music.models.ensemble import build_model
from audio_lstm.music.models.export import export_music
from audio_lstm.music.models.metrics import negative_log_likelihood
from audio_lstm.music.models.model import token_loss
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.representation import Representation
from audio_lstm.music.training.data import MusicData
from audio_lstm.music.training.evaluate import encode_pieces
from audio_lstm.music.training.windows import Augment, BPTTWindows
from audio_lstm.training.batches import share
from audio_lstm.training.loop import StepLoss, TrainResult
from audio_lstm.training.model_card import Card
from audio_lstm.training.options import data_fingerprint

__all__ = ["BPTTConfig", "NetworkConfig", "TokenBatch", "TokenTask", "first", "together", "write_music_model"]

_LOG = logging.getLogger(__name__)

_STRETCH = 4096  # tokens that are scored at a time: those of hours of music do not fit into memory at once


@dataclass(frozen=True)
class TokenBatch:
    """One window of truncated back-propagation: this process's rows."""

    columns: Tensor  # (rows, window, columns)
    targets: Tensor  # (rows, window)
    legal: Tensor  # (rows, window, vocabulary)
    weights: Tensor  # (rows, window)
    reset: Tensor  # (rows,): a new piece begins, the carried state is dropped
    names: tuple[str, ...]


def first(data: MusicData, n_pieces: int) -> MusicData:
    """The first pieces of a split; 0 takes all, a negative number raises ConfigError."""
    if n_pieces < 0:
        raise ConfigError(f"the number of pieces must be 0 (all) or more, got {n_pieces}")
    stop = n_pieces or None
    return replace(data, pieces=data.pieces[:stop], names=data.names[:stop])


def together(one: MusicData, other: MusicData) -> MusicData:
    """Two splits of a corpus as one, to train on; DataError if they are of different kinds."""
    if one.kind != other.kind:
        raise DataError(f"{one.source} holds {one.kind} pieces, {other.source} {other.kind}; they cannot be joined")
    pieces = cast(Any, (*one.pieces, *other.pieces))
    return replace(
        one, pieces=pieces, names=(*one.names, *other.names), faults=tuple(dict.fromkeys(one.faults + other.faults))
    )


@dataclass(frozen=True)
class BPTTConfig:
    """How pieces are laid out for truncated back-propagation through time."""

    batch_size: int  # rows that walk through pieces side by side
    window: int  # tokens a row and step: how far gradients reach
    augment: Augment | None = None  # what each epoch does to each piece


@dataclass(frozen=True)
class NetworkConfig:
    """What of a model does not follow from its representation."""

    lstm: LSTMConfig
    embedding_dropout: float = 0.0
    n_members: int = 1  # LSTMs that learn side by side, each from its own loss, and whose scores are averaged
    n_absolute: int = 0  # how many of them do not score pitches by their distance from the last one


class TokenTask:
    """Data, model, loss and metric of a model of tokens, for audio_lstm.training.loop."""

    def __init__(
        self,
        representation: Representation,
        network: NetworkConfig,
        *,
        train_set: MusicData,
        valid_set: MusicData,
        bptt: BPTTConfig,
        seed: int,
    ) -> None:
        self.representation = representation
        self.valid_set = valid_set
        train_pieces, unusable = encode_pieces(train_set, representation)
        self.valid_pieces, self.unusable = encode_pieces(valid_set, representation)
        for line in unusable + self.unusable:
            _LOG.warning("%s; left out", line)
        # Two corpora may have the same tokens and differ in what these stand for (tempi, programs).
        meaning = json.dumps(representation.to_dict(), sort_keys=True)
        self.fingerprint = data_fingerprint(
            *([(name, len(tokens), tokens) for name, tokens in pieces] for pieces in (train_pieces, self.valid_pieces)),
            meaning=meaning,
        )
        self.windows = BPTTWindows(
            [tokens for _, tokens in train_pieces],
            representation,
            batch_size=bptt.batch_size,
            window=bptt.window,
            seed=seed,
            names=[name for name, _ in train_pieces],
            augment=bptt.augment,
        )
        torch.manual_seed(seed)
        self.model = build_model(
            MusicModelConfig(
                representation.column_sizes,
                representation.vocabulary_size,
                network.lstm,
                embedding_dropout=network.embedding_dropout,
                relative=representation.relative,
                n_members=network.n_members,
                n_absolute=network.n_absolute,
            )
        )

    def n_batches(self, epoch: int) -> int:
        """How many windows the epoch has."""
        return self.windows.n_windows(epoch)

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> TokenBatch | None:
        """This process's rows of a window; the same rows in every window of an epoch, as their state is carried."""
        window = self.windows.window(epoch, index)
        rows = list(share(range(len(window.lengths)), rank, world_size))
        if not rows:
            return None
        return TokenBatch(
            torch.from_numpy(window.columns[rows]),
            torch.from_numpy(window.targets[rows]),
            torch.from_numpy(window.legal[rows]),
            torch.from_numpy(window.weights[rows]),
            torch.from_numpy(window.reset[rows]),
            tuple(window.names[row] for row in rows),
        )

    def loss(self, batch: TokenBatch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """Negative log-likelihood of the window's tokens, the members' mean; the state goes on to the next window."""
        state = LSTMState(*carry) if carry else self.model.initial_state(len(batch.reset))
        kept = (~batch.reset)[None, :, None]
        state = LSTMState(state.hidden * kept, state.cell * kept)
        scores, state = self.model.separately(batch.columns, None, state)
        losses = [token_loss(logits, batch.targets, batch.legal, batch.weights) for logits in scores]
        return StepLoss(torch.stack(losses).mean(), int(batch.weights.sum()), tuple(state), batch.names)

    def evaluate(self) -> dict[str, float]:
        """Nats per unit on the validation pieces, each from its first token to its last."""
        device = next(self.model.parameters()).device
        nats, n_units = 0.0, 0
        for _, tokens in self.valid_pieces:
            columns = torch.from_numpy(self.representation.columns(tokens))[None]
            legal = self.representation.legal(tokens)
            state: LSTMState | None = None
            for start in range(0, len(tokens), _STRETCH):
                here = slice(start, start + _STRETCH)
                logits, state = self.model(columns[:, here].to(device), None, state)
                costs = negative_log_likelihood(logits[0].float().cpu().numpy(), tokens[here], legal[here])
                nats += float(np.sum(costs))
            n_units += self.representation.n_units(tokens)
        return {"score": nats / n_units, f"nats_per_{self.representation.unit}": nats / n_units}


def write_music_model(
    task: TokenTask,
    folder: Path,
    *,
    name: str,
    trained_on: str,
    notes: str,
    result: TrainResult,
    valid_is_new: bool = True,
) -> str:
    """Write the model folder, measure it as users will run it, and put the figures into its card.

    Args:
        task: Whose model has been trained.
        folder: Where the model goes.
        name: The model's name.
        trained_on: What the card says of its data.
        notes: The end of the card, Markdown: licences and limits.
        result: How the training ended.
        valid_is_new: False if it was trained on the validation pieces as well, which the card then says.

    Returns:
        One line with the folder and the figures.
    """
    from audio_lstm.music.models.composer import load_music
    from audio_lstm.music.training.evaluate import evaluate_music

    export_music(task.model, task.representation, folder, name=name, card=f"# {name}\n")
    figures = evaluate_music(task.valid_set, load_music(folder)).to_dict()
    split = "valid" if valid_is_new else "valid (known from training)"
    table = {
        f"negative log-likelihood, {split}, int8": f"{figures['nll']:.4f} {figures['unit']}",
        "the same weights in torch, float32": f"{result.best_score:.4f}",
        "pieces, units": f"{figures['n_pieces']}, {figures['n_units']}",
    }
    purpose = f"A small autoregressive LSTM trained on {trained_on}."
    size = Card(name, purpose, notes, result).write(folder, task.model, table)
    return f"{folder}: {figures['nll']:.4f} {figures['unit']}, {size}"
