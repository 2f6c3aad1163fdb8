"""The music model: columns of ids -> summed embeddings -> LSTM backbone -> scores of the next token.

    logits, state = MusicModel(config)(columns, lengths, state)

An autoregressive language model over the tokens of a piece (Eck & Schmidhuber 2002; BachBot, Liang et al. 2017):
`logits[:, t]` scores token t from what lies before it. Which ids the columns hold, and which tokens are legal
next, is the representation's business (tokens/representation.py). Pitches may be scored a second time by their distance
from the last one of their voice, so that a step or a held note is the same thing everywhere (the weights that Johnson
2017, "Generating polyphonic music using tied parallel networks", ties over pitches).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone, LSTMState
from audio_lstm.music.tokens.config import MusicModelConfig, RelativeScores

__all__ = ["MusicModel", "token_loss"]


class MusicModel(nn.Module):
    """Input columns (batch, time, n_columns) in, unnormalised scores (batch, time, vocabulary_size) out."""

    offsets: Tensor

    def __init__(self, config: MusicModelConfig) -> None:
        super().__init__()
        self.config = config
        # One table for all columns: summed rows equal a linear layer over the concatenated one-hot columns.
        self.embedding = nn.Embedding(sum(config.column_sizes), config.lstm.input_size)
        nn.init.normal_(self.embedding.weight, std=len(config.column_sizes) ** -0.5)
        starts = torch.tensor([0, *config.column_sizes[:-1]]).cumsum(0)
        self.register_buffer("offsets", starts, persistent=False)
        self.backbone = LSTMBackbone(config.lstm)
        self.head = nn.Linear(config.lstm.output_size, config.vocabulary_size)
        if config.relative is not None:
            self.distance_head = nn.Linear(config.lstm.output_size, 2 * config.relative.n_pitches - 1)

    def forward(
        self,
        columns: Tensor,
        lengths: Tensor | None = None,
        state: LSTMState | None = None,
        *,
        context: Tensor | None = None,
    ) -> tuple[Tensor, LSTMState]:
        """Score the next token at every step.

        Args:
            columns: Ids (batch, time, n_columns), int64.
            lengths: Valid steps per item (batch,); None means all.
            state: Where the previous chunk ended; None starts a piece.
            context: What else is known at each step (batch, time, input_size), added to the embeddings; None: nothing.

        Returns:
            Scores before the softmax (batch, time, vocabulary_size), and the state for the next chunk.

        Raises:
            ValueError: If the number of columns is not the model's.
        """
        if columns.ndim != 3 or columns.shape[2] != len(self.config.column_sizes):
            raise ValueError(
                f"expected columns of shape (batch, time, {len(self.config.column_sizes)}), got {tuple(columns.shape)}"
            )
        x = self.embedding(columns + self.offsets).sum(dim=2)  # (B, T, E)
        if context is not None:
            x = x + context
        if self.training and self.config.embedding_dropout:
            keep = 1.0 - self.config.embedding_dropout
            x = x * x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(keep) / keep
        y, state = self.backbone(x, lengths, state)
        logits: Tensor = self.head(y)
        if self.config.relative is not None:
            logits = logits + self._by_distance(y, columns, self.config.relative)
        return logits, state

    @property
    def singles(self) -> tuple[MusicModel, ...]:
        """The models that speak: this one alone; an ensemble has several (ensemble.py)."""
        return (self,)

    def separately(
        self, columns: Tensor, lengths: Tensor | None = None, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """The same as of an ensemble with this one member (ensemble.py): scores (1, batch, time, vocabulary_size)."""
        logits, state = self(columns, lengths, state)
        return logits[None], state

    def initial_state(self, batch_size: int) -> LSTMState:
        """The state of zeros before a piece, hidden and cell (n_layers, batch, hidden_size)."""
        return self.backbone.initial_state(batch_size)

    def _by_distance(self, y: Tensor, columns: Tensor, relative: RelativeScores) -> Tensor:
        """What each pitch gains by its distance from the voice's last one (batch, time, vocabulary_size)."""
        n, first = relative.n_pitches, relative.first
        last = (columns[..., relative.column] - relative.offset).clamp(0, n - 1)  # (B, T)
        places = torch.arange(n, device=y.device) - last[..., None] + n - 1  # (B, T, n)
        scores: Tensor = self.distance_head(y).gather(2, places)
        return nn.functional.pad(scores, (first, self.config.vocabulary_size - first - n))

    @staticmethod
    def state_from_tensors(tensors: tuple[Tensor, ...]) -> LSTMState:
        """The state again from its tensors in order: hidden, cell."""
        return LSTMState(*tensors)


def token_loss(logits: Tensor, targets: Tensor, legal: Tensor, weights: Tensor) -> Tensor:
    """Negative log-likelihood in nats, summed, of tokens under the softmax over what is legal.

    Args:
        logits: (batch, time, vocabulary_size).
        targets: Tokens (batch, time), int64; legal wherever the weight is not zero.
        legal: (batch, time, vocabulary_size), bool.
        weights: (batch, time): 0 for padding.

    Returns:
        A float32 scalar.
    """
    usable = legal | (weights == 0)[:, :, None]  # padding has no legal token; keep its softmax finite
    scores = logits.float().masked_fill(~usable, float("-inf"))
    losses = nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * weights.flatten()).sum()
