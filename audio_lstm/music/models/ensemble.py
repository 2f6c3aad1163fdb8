"""Several LSTMs of one shape that write together: their scores are averaged at every step.

    model = build_model(MusicModelConfig(..., n_members=4))
    logits, state = model(columns, lengths, state)

Models that began differently err differently on music that they do not know, so that the mean of their scores (the
normalised geometric mean of their probabilities: Heskes 1998, "Selecting weighting factors in logarithmic opinion
pools") costs less than any of them. The less alike they are, the more: some may score pitches by their distance from
the voice's last one and others not (`n_absolute`). Each member learns by itself, from its own loss.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from audio_lstm.backbone import LSTMState
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.config import MusicModelConfig

__all__ = ["MusicEnsemble", "build_model"]


class MusicEnsemble(nn.Module):
    """Called as a `MusicModel` is; the state holds the layers of all members, one member after the other."""

    def __init__(self, config: MusicModelConfig) -> None:
        super().__init__()
        self.config = config
        like = replace(config, n_members=1, n_absolute=0)
        absolute = replace(like, relative=None)
        n_relative = config.n_members - config.n_absolute
        self.members = nn.ModuleList(MusicModel(one) for one in n_relative * [like] + config.n_absolute * [absolute])

    @property
    def singles(self) -> tuple[MusicModel, ...]:
        """The members."""
        return tuple(cast(MusicModel, member) for member in self.members)

    def forward(
        self,
        columns: Tensor,
        lengths: Tensor | None = None,
        state: LSTMState | None = None,
        *,
        context: Tensor | None = None,
    ) -> tuple[Tensor, LSTMState]:
        """Score the next token at every step, with one voice; arguments and errors are those of `MusicModel`.

        Args:
            columns: Ids (batch, time, n_columns), int64.
            lengths: Valid steps per item (batch,); None means all.
            state: Where the previous chunk ended; None starts a piece.
            context: What else is known at each step (batch, time, input_size); None: nothing.

        Returns:
            The mean of the members' scores (batch, time, vocabulary_size), and the state for the next chunk.
        """
        scores, state = self.separately(columns, lengths, state, context=context)
        return scores.mean(dim=0), state

    def separately(
        self,
        columns: Tensor,
        lengths: Tensor | None = None,
        state: LSTMState | None = None,
        *,
        context: Tensor | None = None,
    ) -> tuple[Tensor, LSTMState]:
        """What each member says; arguments as for a call.

        Args:
            columns: Ids (batch, time, n_columns), int64.
            lengths: Valid steps per item (batch,); None means all.
            state: Where the previous chunk ended; None starts a piece.
            context: What else is known at each step (batch, time, input_size); None: nothing.

        Returns:
            Scores (members, batch, time, vocabulary_size), and the state for the next chunk.
        """
        n = self.config.n_members
        begins = n * [state] if state is None else list(map(LSTMState, state.hidden.chunk(n), state.cell.chunk(n)))
        said = [
            member(columns, lengths, begin, context=context) for member, begin in zip(self.singles, begins, strict=True)
        ]
        hidden, cell = (torch.cat(parts) for parts in zip(*(end for _, end in said), strict=True))
        return torch.stack([scores for scores, _ in said]), LSTMState(hidden, cell)

    def initial_state(self, batch_size: int) -> LSTMState:
        """The state of zeros before a piece, hidden and cell (n_members * n_layers, batch, hidden_size)."""
        states = [member.initial_state(batch_size) for member in self.singles]
        hidden, cell = (torch.cat(parts) for parts in zip(*states, strict=True))
        return LSTMState(hidden, cell)

    @staticmethod
    def state_from_tensors(tensors: tuple[Tensor, ...]) -> LSTMState:
        """The state again from its tensors in order: hidden, cell."""
        return LSTMState(*tensors)


def build_model(config: MusicModelConfig) -> MusicModel | MusicEnsemble:
    """The model that a configuration describes.

    Args:
        config: With one member or several.

    Returns:
        The model, with new weights.
    """
    return MusicModel(config) if config.n_members == 1 else MusicEnsemble(config)
