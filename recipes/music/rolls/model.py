"""Polyphonic music as frames of keys: an LSTM over frames, and a joint distribution over the keys of each frame.

    logits, state = FrameModel(config)(inputs, lengths, state)

Three networks, of which the last two are one for all keys (as the tied parallel networks of Johnson 2017; with a model
of whole frames beside them, as the recurrent part of Boulanger-Lewandowski et al. 2012):

- the backbone reads whole frames and knows each key by its name;
- an LSTM along time reads a key's surroundings: which keys so many semitones away sounded so many frames ago;
- a decider reads these and what was decided on the keys below (NADE, Larochelle and Murray 2011, but one for all keys).

The product of the decisions is the exact probability of the frame. `frame_inputs` lays the inputs out; the frame itself
is among them, and reaches a key's decision from the keys below it only.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone, LSTMState
from audio_lstm.config import LSTMConfig
from recipes.music.rolls.config import FrameModelConfig
from recipes.music.rolls.context import METRE_SIZES, N_CHANNELS, N_ECHOES

__all__ = ["FrameModel", "FrameState", "frame_loss"]

REACH = 12
"""Semitones up and down that a key sees of earlier frames."""
BELOW = 36
"""Semitones down that it sees of its own."""
N_NEAR = 2
"""The latest frames, seen in full with the echoes; of the older ones a key sees itself only."""
N_WIDE = N_NEAR + N_ECHOES
OCTAVE = 12


class FrameState(NamedTuple):
    """What the model remembers between two chunks of a piece."""

    frames_hidden: Tensor  # (n_layers, batch, hidden_size), of the backbone
    frames_cell: Tensor
    keys_hidden: Tensor  # (1, batch, n_keys, key_state), of the LSTM along time
    keys_cell: Tensor


class FrameModel(nn.Module):
    """Inputs (batch, time, input_size) in, log-odds (batch, time, n_keys) of each key given those below it out."""

    wide_index: Tensor
    below_index: Tensor
    octave_index: Tensor
    octaves: Tensor
    lower: Tensor

    def __init__(self, config: FrameModelConfig) -> None:
        super().__init__()
        self.config = config
        n_keys, width, size = config.n_keys, config.frames.input_size, config.key_size
        self.frame_in = nn.Linear(N_WIDE * n_keys + sum(METRE_SIZES), width)
        self.backbone = LSTMBackbone(config.frames)
        self.frame_out = nn.Linear(config.frames.output_size, n_keys * config.name_size)
        self.key_in = nn.Linear(N_WIDE * (2 * REACH + 1) + N_CHANNELS + N_NEAR * OCTAVE, size)
        self.key_names = nn.Parameter(torch.zeros(n_keys, size))
        self.metre_in = nn.Linear(sum(METRE_SIZES), size, bias=False)
        self.key_lstm = LSTMBackbone(LSTMConfig(size, config.key_state, n_layers=1, dropout=config.dropout))
        known = size + config.key_state + config.name_size + BELOW + 1
        self.decide = nn.ModuleList((nn.Linear(known, config.note_size), nn.Linear(config.note_size, size)))
        self.out = nn.Linear(size, 1)
        nn.init.constant_(self.out.bias, -2.0)  # keys are silent, most of the time
        keys = torch.arange(n_keys)
        # Windows around each key, as places in a row that is padded on the left (and the right).
        self._constant("wide_index", keys[:, None] + torch.arange(2 * REACH + 1))
        self._constant("below_index", keys[:, None] + torch.arange(BELOW))
        self._constant("octave_index", (keys[:, None] + torch.arange(OCTAVE)) % OCTAVE)
        self._constant("octaves", nn.functional.one_hot(keys % OCTAVE, OCTAVE).float())  # (P, 12)
        self._constant("lower", torch.ones(n_keys, n_keys).triu(1))  # what lies below, added up

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: FrameState | None = None
    ) -> tuple[Tensor, FrameState]:
        """The log-odds that each key sounds, given all earlier frames and the lower keys of its own.

        Args:
            inputs: From `frame_context.frame_inputs`, (batch, time, input_size) float32.
            lengths: None; a chunk has no padding before its end, and what the model says of padding is ignored.
            state: Where the previous chunk ended; None starts a piece.

        Returns:
            Log-odds (batch, time, n_keys), and the state for the next chunk.

        Raises:
            ValueError: If the inputs have another width.
        """
        if inputs.ndim != 3 or inputs.shape[2] != self.config.input_size:
            raise ValueError(
                f"expected inputs of shape (batch, time, {self.config.input_size}), got {tuple(inputs.shape)}"
            )
        n_keys = self.config.n_keys
        context, frame, metre = self._split(inputs)
        told, frames_state = self.read_frames(inputs, None if state is None else LSTMState(*state[:2]))
        told = self.frame_out(told).unflatten(2, (n_keys, self.config.name_size))  # (B, T, P, N)
        keys = self._key_features(context, metre)  # (B, T, P, K)
        along, keys_state = self._along_time(keys, state)
        below = nn.functional.pad(frame, (BELOW, 0))[..., self.below_index]  # (B, T, P, BELOW)
        count = (frame @ self.lower)[..., None] / 4
        notes = torch.cat([part.to(keys.dtype) for part in (keys, along, told, below, count)], dim=3)
        hidden = nn.functional.dropout(torch.relu(self.decide[0](notes)), self.config.dropout, self.training)
        logits = self.out(torch.relu(self.decide[1](hidden)))[..., 0]  # (B, T, P)
        return logits, FrameState(*frames_state, *keys_state)

    @staticmethod
    def state_from_tensors(tensors: tuple[Tensor, ...]) -> FrameState:
        """The state again from its tensors in order."""
        return FrameState(*tensors)

    def read_frames(self, inputs: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """What the backbone knows before each frame.

        Args:
            inputs: As for `forward`.
            state: Where the previous chunk ended.

        Returns:
            (batch, time, output size of the backbone), and the state for the next chunk.
        """
        context, _, metre = self._split(inputs)
        x = self.frame_in(torch.cat([_nearest(context).flatten(2), metre], dim=2))
        told, end = self.backbone(torch.relu(x), None, state)
        return told, end

    def _split(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Context (B, T, C, P), the frame itself (B, T, P), and the metre (B, T, 28)."""
        n_cells = (N_CHANNELS + 1) * self.config.n_keys
        rolls = inputs[:, :, :n_cells].reshape(*inputs.shape[:2], N_CHANNELS + 1, self.config.n_keys)
        return rolls[:, :, :N_CHANNELS], rolls[:, :, N_CHANNELS], inputs[:, :, n_cells:]

    def _key_features(self, context: Tensor, metre: Tensor) -> Tensor:
        wide = _nearest(context)  # (B, T, W, P)
        around = nn.functional.pad(wide, (REACH, REACH))[..., self.wide_index]  # (B, T, W, P, 25)
        classes = (context[:, :, :N_NEAR] @ self.octaves).clamp(max=1)[..., self.octave_index]  # (B, T, 2, P, 12)
        parts = [
            around.transpose(2, 3).flatten(3),
            context.transpose(2, 3),
            classes.transpose(2, 3).flatten(3),
        ]
        keys = self.key_in(torch.cat(parts, dim=3)) + self.key_names + self.metre_in(metre)[:, :, None]
        keys = torch.relu(keys)
        if self.training and self.config.dropout:
            keep = 1.0 - self.config.dropout
            keys = keys * keys.new_empty(len(keys), 1, 1, keys.shape[3]).bernoulli_(keep) / keep
        return keys

    def _along_time(self, keys: Tensor, state: FrameState | None) -> tuple[Tensor, LSTMState]:
        batch, time, n_keys = keys.shape[:3]
        start = None
        if state is not None:
            start = LSTMState(state.keys_hidden.flatten(1, 2), state.keys_cell.flatten(1, 2))
        y, end = self.key_lstm(keys.transpose(1, 2).flatten(0, 1), None, start)  # (B P, T, S)
        y = y.view(batch, n_keys, time, -1).transpose(1, 2)
        return y, LSTMState(*(part.unflatten(1, (batch, n_keys)) for part in end))

    def _constant(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)


def _nearest(context: Tensor) -> Tensor:
    """The rows of the context that are read in full: the latest frames and the echoes, (B, T, N_WIDE, P)."""
    return torch.cat([context[:, :, :N_NEAR], context[:, :, N_CHANNELS - N_ECHOES :]], dim=2)


def frame_loss(logits: Tensor, roll: Tensor) -> Tensor:
    """What frames cost in nats: the sum over their keys.

    Args:
        logits: (batch, time, n_keys), from a `FrameModel`.
        roll: The frames, 0 and 1, of the same shape.

    Returns:
        (batch, time) float32.
    """
    return nn.functional.binary_cross_entropy_with_logits(logits.float(), roll, reduction="none").sum(2)
