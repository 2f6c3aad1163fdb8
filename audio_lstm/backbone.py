"""The backbone of both wings: a stack of LSTM layers. The only file that names `nn.LSTM`.

    y, state = LSTMBackbone(config)(x, lengths, state)     # x: (batch, time, input_size)

The layers are torch's own (cuDNN on a GPU, oneDNN on a CPU), one module per layer and direction, so that layer
norm, residual connections, locked dropout and weight drop fit between and inside them, and so that a bidirectional
layer needs no packed sequences: the backward direction reads each item reversed within its own length. (Packing
costs a factor of five on a CPU: docs/decisions/engines.md.)

Sources: Hochreiter & Schmidhuber 1997 and Gers et al. 2000 (the cell, with forget gates); Graves & Schmidhuber 2005
(bidirectional); Gal & Ghahramani 2016 (locked dropout); Merity et al. 2018, section 2 (weight drop); Ba et al. 2016
(layer norm); Jozefowicz et al. 2015 (forget bias of one).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from audio_lstm.config import LSTMConfig

__all__ = ["LSTMBackbone", "LSTMConfig", "LSTMState", "LSTMWeights", "lstm_weights", "valid_frames"]


class LSTMState(NamedTuple):
    """What the backbone remembers between two chunks of a sequence."""

    hidden: Tensor  # (n_layers, batch, hidden_size)
    cell: Tensor  # (n_layers, batch, hidden_size)


class LSTMBackbone(nn.Module):
    """A stack of LSTM layers over `(batch, time, feature)`, with its state passed in and out."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        sizes = [config.layer_input_size(layer) for layer in range(config.n_layers)]
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in sizes if config.layer_norm)
        self.forward_layers = nn.ModuleList(_lstm(size, config.hidden_size) for size in sizes)
        self.backward_layers = nn.ModuleList(_lstm(size, config.hidden_size) for size in sizes if config.bidirectional)
        self.projections = nn.ModuleList(
            nn.Linear(config.hidden_size * config.n_directions, config.projection_size)
            for _ in sizes
            if config.projection_size
        )

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Run the stack; arguments, results and errors are those of `layers`, of which this returns the last output."""
        outputs, end = self.layers(x, lengths, state)
        return outputs[-1], end

    def layers(
        self, x: Tensor, lengths: Tensor | None = None, state: LSTMState | None = None
    ) -> tuple[list[Tensor], LSTMState]:
        """Run the stack and keep what every layer says.

        Args:
            x: Inputs (batch, time, input_size).
            lengths: Valid frames per item (batch,), each from 1 to time; None means that all of them are valid.
                Frames past an item's length never reach its valid outputs; outputs there are zero.
            state: Where the previous chunk ended; None starts from zeros.

        Returns:
            The outputs (batch, time, output_size) of every layer, and the state after each item's last valid frame.
            A bidirectional stack has no state to carry on, as one half of it begins at the end: it returns zeros and
            takes none. Shapes that do not fit, and a state for a bidirectional stack, are a ValueError.
        """
        self._check(x, lengths, state)
        whole = lengths is None or bool((lengths == x.shape[1]).all())
        lengths = None if whole else lengths
        reversal = _reversal(lengths, x) if self.config.bidirectional else None
        outputs: list[Tensor] = []
        hidden: list[Tensor] = []
        cell: list[Tensor] = []
        for layer in range(self.config.n_layers):
            start = None if state is None else (state.hidden[layer], state.cell[layer])
            inputs = self.norms[layer](x) if self.config.layer_norm else x
            y, (h, c) = self._direction(self.forward_layers[layer], inputs, lengths, start)
            if reversal is not None:
                backward, _ = self._direction(self.backward_layers[layer], _take(inputs, reversal), None, None)
                y = torch.cat([y, _take(backward, reversal)], dim=-1)  # (B, T, 2H)
            if self.config.projection_size:
                y = self.projections[layer](y)
            y = _locked_dropout(y, self.config.dropout, training=self.training)
            x = x + y if self.config.residual and x.shape == y.shape else y
            outputs.append(x)
            hidden.append(h)
            cell.append(c)
        end = (
            self.initial_state(len(x))
            if self.config.bidirectional
            else LSTMState(torch.stack(hidden), torch.stack(cell))
        )
        if lengths is not None:
            valid = valid_frames(lengths, x)
            outputs = [output * valid[:, :, None] for output in outputs]
        return outputs, end

    def initial_state(self, batch_size: int) -> LSTMState:
        """A state of zeros for `batch_size` sequences: hidden and cell (n_layers, batch, hidden_size)."""
        weight = next(self.parameters())
        zeros = weight.new_zeros(self.config.n_layers, batch_size, self.config.hidden_size)
        return LSTMState(zeros, zeros.clone())

    def _direction(
        self, lstm: nn.Module, x: Tensor, lengths: Tensor | None, start: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One direction of one layer: y (B, T, H) and its last hidden and cell state, each (B, H)."""
        if start is None:
            zeros = x.new_zeros(x.shape[0], self.config.hidden_size)
            start = (zeros, zeros)
        h, c = start[0][None].contiguous(), start[1][None].contiguous()
        weights = lstm_weights(lstm) if self.training and self.config.weight_drop else None
        if weights is not None:
            weights = weights._replace(recurrent=nn.functional.dropout(weights.recurrent, self.config.weight_drop))
        if lengths is None or self.config.bidirectional:
            # Padding lies after the valid frames, so a forward layer needs no lengths for its outputs.
            if weights is None:
                y, (h, c) = lstm(x, (h, c))
            else:
                # What nn.LSTM.forward itself calls; cuDNN flattens the four again at each step, hence its one warning.
                y, h, c = torch.lstm(x, (h, c), list(weights), True, 1, 0.0, True, False, True)
            return y, (h[0], c[0])
        # The state after each item's own last frame is asked for: that takes packing, the longest item first.
        sorted_lengths, order = lengths.cpu().sort(descending=True)
        order = order.to(x.device)
        h, c, back = h[:, order], c[:, order], order.argsort()
        packed = nn.utils.rnn.pack_padded_sequence(x[order], sorted_lengths, batch_first=True)
        if weights is None:
            packed, (h, c) = lstm(packed, (h, c))
        else:
            data, h, c = torch.lstm(packed.data, packed.batch_sizes, (h, c), list(weights), True, 1, 0.0, True, False)
            packed = nn.utils.rnn.PackedSequence(data, packed.batch_sizes)
        y, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return y[back], (h[0, back], c[0, back])

    def _check(self, x: Tensor, lengths: Tensor | None, state: LSTMState | None) -> None:
        if x.ndim != 3 or x.shape[2] != self.config.input_size or x.shape[1] == 0:
            raise ValueError(f"expected x of shape (batch, time >= 1, {self.config.input_size}), got {tuple(x.shape)}")
        if lengths is not None:
            if lengths.shape != (x.shape[0],):
                raise ValueError(f"expected lengths of shape ({x.shape[0]},), got {tuple(lengths.shape)}")
            if int(lengths.min()) < 1 or int(lengths.max()) > x.shape[1]:
                raise ValueError(f"lengths must lie in 1..{x.shape[1]}, got {lengths.tolist()}")
        if state is None:
            return
        if self.config.bidirectional:
            raise ValueError("a bidirectional backbone reads whole sequences: it takes no state")
        expected = (self.config.n_layers, x.shape[0], self.config.hidden_size)
        if tuple(state.hidden.shape) != expected or tuple(state.cell.shape) != expected:
            raise ValueError(
                f"expected hidden and cell of shape {expected}, got {tuple(state.hidden.shape)} "
                f"and {tuple(state.cell.shape)}"
            )


class LSTMWeights(NamedTuple):
    """The parameters of one layer in one direction; torch's gate order: input, forget, cell, output."""

    input: Tensor  # (4 * hidden_size, input size)
    recurrent: Tensor  # (4 * hidden_size, hidden_size)
    input_bias: Tensor  # (4 * hidden_size,)
    recurrent_bias: Tensor  # (4 * hidden_size,)


def lstm_weights(lstm: nn.Module) -> LSTMWeights:
    """The parameters of one layer of `forward_layers` or `backward_layers`, by name."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return LSTMWeights(*(lstm.get_parameter(name) for name in names))


def valid_frames(lengths: Tensor, x: Tensor) -> Tensor:
    """Which frames of a padded batch x (batch, time, feature) lie within their item's length: bool (batch, time)."""
    return torch.arange(x.shape[1], device=x.device)[None, :] < lengths.to(x.device)[:, None]


def _lstm(input_size: int, hidden_size: int) -> nn.LSTM:
    """One layer, one direction: orthogonal recurrent weights, forget bias of one."""
    lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
    weights = lstm_weights(lstm)
    with torch.no_grad():
        for gate in range(4):
            rows = slice(gate * hidden_size, (gate + 1) * hidden_size)
            nn.init.xavier_uniform_(weights.input[rows])
            nn.init.orthogonal_(weights.recurrent[rows])
        weights.input_bias.zero_()
        weights.recurrent_bias.zero_()
        weights.input_bias[hidden_size : 2 * hidden_size] = 1.0  # the forget gate
    return lstm


def _reversal(lengths: Tensor | None, x: Tensor) -> Tensor:
    """Indices (B, T) that reverse each item within its own length and leave the padding where it is."""
    batch_size, n_frames = x.shape[:2]
    time = torch.arange(n_frames, device=x.device).expand(batch_size, n_frames)
    if lengths is None:
        return time.flip(1)
    mirrored = lengths.to(x.device)[:, None] - 1 - time
    return torch.where(mirrored >= 0, mirrored, time)


def _take(x: Tensor, indices: Tensor) -> Tensor:
    """Reorder x (B, T, F) along time by indices (B, T)."""
    return torch.gather(x, 1, indices[:, :, None].expand(-1, -1, x.shape[2]))


def _locked_dropout(x: Tensor, probability: float, *, training: bool) -> Tensor:
    """Dropout with one mask per item and feature for all time steps (Gal & Ghahramani 2016)."""
    if not training or not probability:
        return x
    mask = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1.0 - probability)
    return x * mask / (1.0 - probability)
