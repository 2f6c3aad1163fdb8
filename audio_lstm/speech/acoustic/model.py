"""The acoustic model: features -> convolutional subsampling (x4) -> LSTM backbone -> CTC log-probabilities.

    log_probs, lengths, state = SpeechModel(config)(features, lengths, state)

The two convolutions look only backwards in time (causal), so that padding never reaches a valid frame and a
unidirectional model streams with a few carried frames and no look-ahead. Layout after Amodei et al. 2016
(Deep Speech 2: 2-d convolutions over time and frequency, then recurrent layers, then CTC, Graves et al. 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone, LSTMState, valid_frames
from audio_lstm.speech.acoustic.config import SUBSAMPLING, SpeechModelConfig

__all__ = ["CTCLoss", "SpeechModel", "SpeechState", "TrainingOutputs", "ctc_loss", "frames_needed"]

_CONTEXT_FRAMES = 2  # frames of the past that a kernel of 3 sees beside the current one


class SpeechState(NamedTuple):
    """What a unidirectional model remembers between two chunks."""

    features: Tensor  # (batch, 2, feature_size): the last feature frames
    channels: Tensor  # (batch, channels, 2, bands): the last frames after the first convolution
    lstm: LSTMState


class TrainingOutputs(NamedTuple):
    """What a batch comes to in training; log-probabilities in float32."""

    log_probs: Tensor  # (batch, ceil(time / 4), n_outputs) of the last layer
    inner: tuple[Tensor, ...]  # the same of the inner layers
    phonemes: Tensor | None  # (batch, ceil(time / 4), n_phonemes + 1)
    lengths: Tensor  # valid output frames per item (batch,)


class SpeechModel(nn.Module):
    """Log-mel or MFCC frames in, log-probabilities over blank and alphabet out, at a quarter of the frame rate."""

    def __init__(self, config: SpeechModelConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.conv_channels
        self.conv1 = nn.Conv2d(1, channels, kernel_size=3, stride=2)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, stride=2)
        self.front = nn.Linear(channels * config.n_bands[1] * config.frames_per_step, config.front_size)
        self.backbone = LSTMBackbone(config.lstm)
        self.head = nn.Linear(config.lstm.output_size, config.n_outputs * config.frames_per_step)
        if config.n_phonemes:  # after everything else, which so starts from the same weights with and without it
            n_outputs = config.n_phonemes + 1
            self.phoneme_head = nn.Linear(config.lstm.output_size, n_outputs * config.frames_per_step)

    def forward(
        self, features: Tensor, lengths: Tensor | None = None, state: SpeechState | None = None
    ) -> tuple[Tensor, Tensor, SpeechState]:
        """Score every symbol at every output frame.

        Args:
            features: (batch, time, feature_size); a chunk that is followed by another holds a multiple
                of `config.chunk_frames`.
            lengths: Valid feature frames per item (batch,); None means all.
            state: Where the previous chunk ended (unidirectional models only).

        Returns:
            Log-probabilities (batch, ceil(time / 4), n_columns) in float32, valid output frames per item (batch,),
            and the state for the next chunk, after each item's own last frame.

        Raises:
            ValueError: If the width of the features is not the model's.
        """
        if features.ndim != 3 or features.shape[2] != self.config.features.feature_size:
            raise ValueError(
                f"expected features of shape (batch, time, {self.config.features.feature_size}), "
                f"got {tuple(features.shape)}"
            )
        batch_size, n_frames, _ = features.shape
        if lengths is None:
            lengths = torch.full((batch_size,), n_frames, device=features.device)
        given = self.initial_state(batch_size) if state is None else state
        whole = torch.cat([given.features, features], dim=1)  # (B, 2 + T, F)
        frames, inner = self._convolve(whole, given.channels)
        x, output_lengths, steps = self._front(frames, lengths)
        y, lstm_state = self.backbone(x, steps, None if state is None else state.lstm)
        context = SpeechState(_last_frames(whole, lengths, 1), _last_frames(inner, (lengths + 1) // 2, 2), lstm_state)
        log_probs = self._read(y, frames.shape[1])
        if self.config.phoneme_output:
            log_probs = torch.cat([log_probs, self._read(y, frames.shape[1], self.phoneme_head)], dim=-1)
        return log_probs, output_lengths, context

    def training_log_probs(
        self, features: Tensor, lengths: Tensor, *, inner_layers: Sequence[int] = (), phoneme_layer: int = 0
    ) -> TrainingOutputs:
        """Score every symbol at every output frame, as the last layer and as inner layers see it. No state.

        Args:
            features: (batch, time, feature_size).
            lengths: Valid feature frames per item (batch,).
            inner_layers: Layers to read with the same head beside the last, 1 being the first.
            phoneme_layer: Layer to read with the phoneme head, 1 being the first; 0 for none.

        Returns:
            What they say.
        """
        state = self.initial_state(len(features))
        frames, _ = self._convolve(torch.cat([state.features, features], dim=1), state.channels)
        x, output_lengths, steps = self._front(frames, lengths)
        # Nobody reads a unidirectional state here, and without lengths its layers need no packing.
        outputs, _ = self.backbone.layers(x, steps if self.config.lstm.bidirectional else None)
        inner = tuple(self._read(outputs[layer - 1], frames.shape[1]) for layer in inner_layers)
        phonemes = None
        if phoneme_layer:
            phonemes = self._read(outputs[phoneme_layer - 1], frames.shape[1], self.phoneme_head)
        return TrainingOutputs(self._read(outputs[-1], frames.shape[1]), inner, phonemes, output_lengths)

    def _convolve(self, whole: Tensor, channels: Tensor) -> tuple[Tensor, Tensor]:
        """Features behind their context (B, 2 + T, F) -> frames (B, T / 4, C * F / 4) and what lies between the two."""
        x = torch.relu(self.conv1(nn.functional.pad(whole[:, None], (1, 1))))  # (B, C, T / 2, F / 2)
        inner = torch.cat([channels, x], dim=2)
        x = torch.relu(self.conv2(nn.functional.pad(inner, (1, 1))))  # (B, C, T / 4, F / 4)
        return x.transpose(1, 2).flatten(2), inner

    def _front(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The backbone's input (B, steps, front_size), and each item's valid output frames and steps."""
        together = self.config.frames_per_step
        output_lengths = (lengths + SUBSAMPLING - 1) // SUBSAMPLING
        x = torch.relu(self.front(self._stack(frames, output_lengths)))
        return x, output_lengths, (output_lengths + together - 1) // together

    def _read(self, y: Tensor, n_frames: int, head: nn.Module | None = None) -> Tensor:
        """What a layer says (B, steps, H) as log-probabilities (B, n_frames, outputs of the head) in float32."""
        logits: Tensor = (head or self.head)(y)
        n_outputs = logits.shape[2] // self.config.frames_per_step
        return torch.log_softmax(logits.reshape(len(y), -1, n_outputs)[:, :n_frames].float(), dim=-1)

    def _stack(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Neighbouring frames of x (B, T, D) side by side, as one step of the LSTM reads them; zeros at the end."""
        together = self.config.frames_per_step
        if together == 1:
            return x
        x = nn.functional.pad(x * valid_frames(lengths, x)[:, :, None], (0, 0, 0, -x.shape[1] % together))
        return x.reshape(len(x), -1, together * x.shape[2])

    def initial_state(self, batch_size: int) -> SpeechState:
        """The state before the first frame: silence behind the convolutions, zeros in the LSTM."""
        weight = self.front.weight
        return SpeechState(
            weight.new_zeros(batch_size, _CONTEXT_FRAMES, self.config.features.feature_size),
            weight.new_zeros(batch_size, self.config.conv_channels, _CONTEXT_FRAMES, self.config.n_bands[0]),
            self.backbone.initial_state(batch_size),
        )

    @staticmethod
    def state_from_tensors(tensors: tuple[Tensor, ...]) -> SpeechState:
        """The state again from its tensors in order: features, channels, hidden, cell."""
        features, channels, hidden, cell = tensors
        return SpeechState(features, channels, LSTMState(hidden, cell))


def _last_frames(x: Tensor, lengths: Tensor, axis: int) -> Tensor:
    """The next chunk's context: x holds, along `axis`, the context of this one and then `lengths` valid frames."""
    frames = lengths.to(x.device)[:, None] + torch.arange(_CONTEXT_FRAMES, device=x.device)  # (B, 2)
    shape = [1] * x.ndim
    shape[0], shape[axis] = frames.shape
    size = [*x.shape]
    size[axis] = _CONTEXT_FRAMES
    return torch.gather(x, axis, frames.view(shape).expand(size))


class CTCLoss(NamedTuple):
    """The loss of a batch, and the items that CTC cannot align."""

    total: Tensor  # nats summed over the items that fit, float32 scalar
    n_symbols: int  # symbols in the targets of the items that fit
    too_long: tuple[int, ...]  # items of the batch whose target needs more frames than there are


def frames_needed(target: Tensor) -> int:
    """The fewest output frames into which CTC can align these symbol ids: a blank parts adjacent repeats."""
    return len(target) + int((target[1:] == target[:-1]).sum())


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Sequence[Tensor]) -> CTCLoss:
    """CTC loss in float32 (Graves et al. 2006, eq. 8), with the items that cannot be aligned set apart.

    Args:
        log_probs: (batch, time, n_outputs), blank at index 0.
        lengths: Valid frames per item (batch,).
        targets: Symbol ids of each item, without blanks.

    Returns:
        The summed loss, its symbol count, and the indices of targets longer than their frames allow (a target of
        n symbols with r adjacent repeats needs n + r frames): these add nothing to the loss, and the caller
        counts and reports them.

    Raises:
        ValueError: If the number of targets is not the batch size.
    """
    if len(targets) != log_probs.shape[0]:
        raise ValueError(f"expected {log_probs.shape[0]} targets, got {len(targets)}")
    fits = [frames_needed(target) <= length for target, length in zip(targets, lengths.tolist(), strict=True)]
    too_long = tuple(item for item, fit in enumerate(fits) if not fit)
    kept = [item for item, fit in enumerate(fits) if fit]
    if not kept:
        return CTCLoss(log_probs.float().sum() * 0.0, 0, too_long)
    total = nn.functional.ctc_loss(
        log_probs.float()[kept].transpose(0, 1),  # (T, B, V)
        torch.cat([targets[item] for item in kept]),
        lengths[kept],
        torch.tensor([len(targets[item]) for item in kept]),
        reduction="sum",
    )
    return CTCLoss(total, sum(len(targets[item]) for item in kept), too_long)
