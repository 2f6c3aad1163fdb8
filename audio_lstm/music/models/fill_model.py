"""A chorale generator that knows what is given: a bidirectional LSTM reads it, and tells the generator at each cell.

    context = model.read(reader_columns, n_steps)                  # (batch, 4 T, input_size)
    logits, state = model.generator(columns, None, state, context=context)

The generator writes cell after cell as it does without a reader (model.py), so that the likelihood of the missing
cells given all the others is exact; DeepBach (Hadjeres et al. 2017) reads both ways too, but only samples by Gibbs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone
from audio_lstm.music.models.ensemble import build_model
from audio_lstm.music.models.fill_config import FillModelConfig
from audio_lstm.music.score.voices import N_VOICES

__all__ = ["FillModel"]


class FillModel(nn.Module):
    """A generator and its reader."""

    offsets: Tensor

    def __init__(self, config: FillModelConfig) -> None:
        super().__init__()
        self.config = config
        sizes = config.reader_column_sizes
        self.embedding = nn.Embedding(sum(sizes), config.reader.input_size)
        nn.init.normal_(self.embedding.weight, std=len(sizes) ** -0.5)
        self.register_buffer("offsets", torch.tensor([0, *sizes[:-1]]).cumsum(0), persistent=False)
        self.reader = LSTMBackbone(config.reader)
        self.tell = nn.Linear(config.reader.output_size, N_VOICES * config.context_size)
        # To begin with, the generator is told nothing: it may come from a model that composes freely.
        nn.init.zeros_(self.tell.weight)
        nn.init.zeros_(self.tell.bias)
        self.generator = build_model(config.generator)

    def read(self, columns: Tensor, n_steps: Tensor | None = None) -> Tensor:
        """What the reader tells about each cell.

        Args:
            columns: Ids (batch, steps, 6), from `fill_config.reader_columns`.
            n_steps: Valid steps per item (batch,); None means all.

        Returns:
            (batch, 4 * steps, input_size of the generator), float32.
        """
        x = self.embedding(columns + self.offsets).sum(dim=2)
        y, _ = self.reader(x, n_steps, None)
        told: Tensor = self.tell(y)
        return told.reshape(told.shape[0], N_VOICES * told.shape[1], self.config.context_size)

    def forward(self, columns: Tensor, given: Tensor, n_steps: Tensor) -> Tensor:
        """Score every cell of whole pieces.

        Args:
            columns: The generator's ids (batch, 4 * steps, n_columns).
            given: The reader's ids (batch, steps, 6).
            n_steps: Valid steps per item (batch,).

        Returns:
            Scores before the softmax (batch, 4 * steps, vocabulary_size).
        """
        context = self.read(given, n_steps)
        # The padding comes after a piece, and no state is carried on: the generator needs no lengths (packing is slow).
        logits, _ = self.generator(columns, None, None, context=context)
        scores: Tensor = logits
        return scores
