"""The punctuation model in torch, and as an ONNX graph with int8 weights.

words -> sums of embeddings -> causal LSTM -> look-ahead convolution -> live answers
                                           -> bidirectional LSTM     -> answers for finished text
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto
from torch import Tensor, nn

from audio_lstm.backbone import LSTMBackbone, LSTMState, valid_frames
from audio_lstm.export import GraphWriter, declare_state, quantise, return_state
from audio_lstm.speech.text.punctuation import MARKS, N_INPUTS, PunctuationConfig

__all__ = ["PunctuationModel", "punctuation_graph"]

_LARGEST_INT8 = 127


class PunctuationModel(nn.Module):
    """Ids (batch, time, inputs) in, both outputs side by side (batch, time, 2 * n_answers) out."""

    def __init__(self, config: PunctuationConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.n_rows, config.causal.input_size)
        nn.init.normal_(self.embedding.weight, std=N_INPUTS**-0.5)
        self.causal = LSTMBackbone(config.causal)
        self.both_ways = LSTMBackbone(config.both_ways)
        self.look_ahead = nn.Linear(config.causal.output_size * (config.look_ahead + 1), config.head_size)
        self.live_head = nn.Linear(config.head_size, config.n_answers)
        self.head = nn.Linear(config.both_ways.output_size, config.n_answers)

    def forward(
        self, words: Tensor, lengths: Tensor | None = None, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Answer for every word.

        Args:
            words: Ids (batch, time, inputs), int64, as `Writer.encode` gives them.
            lengths: Valid words per item (batch,); None means all.
            state: Of the causal LSTM, where the words before ended; None at the start.

        Returns:
            Natural log-probabilities (batch, time, 2 * n_answers) in float32: marks and cases of the bidirectional
            output, then those of the causal one; and the state after the last word.

        Raises:
            ValueError: If words have another shape.
        """
        if words.ndim != 3 or words.shape[2] != N_INPUTS:
            raise ValueError(f"expected words of shape (batch, time, {N_INPUTS}), got {tuple(words.shape)}")
        x = self.embedding(words).sum(dim=2)  # (B, T, E)
        heard, after = self.causal(x, None, state)  # (B, T, H); padding comes after the words
        if lengths is not None:
            heard = heard * valid_frames(lengths, heard)[:, :, None]
        both, _ = self.both_ways(heard, lengths)
        ahead = torch.cat([_later(heard, n) for n in range(self.config.look_ahead + 1)], dim=2)
        live = self.live_head(torch.relu(self.look_ahead(ahead)))
        return torch.cat([_log_probs(self.head(both)), _log_probs(live)], dim=2), after

    @staticmethod
    def state_from_tensors(tensors: tuple[Tensor, ...]) -> LSTMState:
        """The state again from its tensors in order: hidden, cell."""
        return LSTMState(*tensors)


def punctuation_graph(model: PunctuationModel) -> onnx.ModelProto:
    """The graph of a trained model, its LSTMs, matrices and embeddings in int8.

    Args:
        model: The trained model.

    Returns:
        A graph with inputs `words` (batch, time, inputs) int64, `lengths` (batch,) int32, `hidden` and `cell`, and
        outputs `log_probs` (batch, time, 2 * n_answers), `next_hidden` and `next_cell`.
    """
    config, writer = model.config, GraphWriter()
    words = writer.input("words", TensorProto.INT64, ("batch", "time", N_INPUTS))
    lengths = writer.input("lengths", TensorProto.INT32, ("batch",))
    state = declare_state(writer, model.causal)
    x = writer.node("Transpose", [_embedded(writer, model.embedding, words)], perm=[1, 0, 2])  # time first
    heard, final = writer.backbone(x, model.causal, lengths, state)
    both, _ = writer.backbone(heard, model.both_ways, lengths, None)
    zeros = writer.constant(np.array(0.0, np.float32))
    padding = writer.constant([0, 0, 0, config.look_ahead, 0, 0])
    padded = writer.node("Pad", [heard, padding, zeros])
    ends = [n - config.look_ahead for n in range(config.look_ahead)] + [np.iinfo(np.int64).max]
    ahead = writer.node("Concat", [writer.slice(padded, 0, n, end) for n, end in enumerate(ends)], axis=2)
    live = writer.linear(writer.node("Relu", [writer.linear(ahead, model.look_ahead)]), model.live_head)
    parts = []
    for logits in (writer.linear(both, model.head), live):
        for first, last in ((0, len(MARKS)), (len(MARKS), config.n_answers)):
            parts.append(writer.node("LogSoftmax", [writer.slice(logits, 2, first, last)], axis=-1))
    log_probs = writer.node("Transpose", [writer.node("Concat", parts, axis=2)], perm=[1, 0, 2])
    writer.output(log_probs, "log_probs", TensorProto.FLOAT, ("batch", "time", 2 * config.n_answers))
    return_state(writer, model.causal, final)
    return quantise(writer.model("punctuation"))


def _embedded(writer: GraphWriter, embedding: nn.Module, ids: str) -> str:
    """Sums of rows of an int8 table (B, T, E)."""
    table = embedding.get_parameter("weight").detach().cpu().numpy()
    scale = np.maximum(np.abs(table).max(axis=0), 1e-9) / _LARGEST_INT8  # (E,)
    rounded = np.rint(table / scale).astype(np.int8)
    rows = writer.node("Gather", [writer.constant(rounded), ids], axis=0)  # (B, T, inputs, E)
    summed = writer.node(
        "ReduceSum", [writer.node("Cast", [rows], to=TensorProto.FLOAT), writer.constant([2])], keepdims=0
    )
    return writer.node("Mul", [summed, writer.constant(scale.astype(np.float32))])


def _later(x: Tensor, n: int) -> Tensor:
    """X (B, T, H) n steps earlier, zeros at the end."""
    return nn.functional.pad(x, (0, 0, 0, n))[:, n:]


def _log_probs(logits: Tensor) -> Tensor:
    marks, cases = torch.split(logits.float(), [len(MARKS), logits.shape[2] - len(MARKS)], dim=2)
    return torch.cat([torch.log_softmax(marks, dim=2), torch.log_softmax(cases, dim=2)], dim=2)
