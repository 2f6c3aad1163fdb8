"""The character language model as an ONNX graph: see audio_lstm/export.py for the writer and the int8 step."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
from onnx import TensorProto

from audio_lstm.checkpoint import ModelFolder, write_model
from audio_lstm.config import config_to_dict
from audio_lstm.export import GraphWriter, declare_state, quantise, return_state
from audio_lstm.speech.words.char_lm_model import CharLMModel

__all__ = ["char_lm_graph", "export_char_lm"]


def char_lm_graph(model: CharLMModel) -> onnx.ModelProto:
    """The float32 graph of a character language model.

    Args:
        model: The trained model.

    Returns:
        A graph with inputs `symbols` (batch, time, 1) int64, `lengths` (batch,) int32, `hidden` and `cell`, and outputs
        `log_probs` (batch, time, n_outputs), `next_hidden` and `next_cell`.
    """
    writer = GraphWriter()
    symbols = writer.input("symbols", TensorProto.INT64, ("batch", "time", 1))
    lengths = writer.input("lengths", TensorProto.INT32, ("batch",))
    state = declare_state(writer, model.backbone)
    ids = writer.node("Squeeze", [symbols, writer.constant([2])])
    x = writer.node("Gather", [writer.constant(model.embedding.weight), ids], axis=0)  # (B, T, E)
    x = writer.node("Transpose", [x], perm=[1, 0, 2])  # time first, for ONNX's LSTM
    y, final = writer.backbone(x, model.backbone, lengths, state)
    logits = writer.node("Transpose", [writer.linear(y, model.head)], perm=[1, 0, 2])
    log_probs = writer.node("LogSoftmax", [logits], axis=-1)
    writer.output(log_probs, "log_probs", TensorProto.FLOAT, ("batch", "time", model.config.n_outputs))
    return_state(writer, model.backbone, final)
    return writer.model("char_lm")


def export_char_lm(
    model: CharLMModel, folder: str | os.PathLike[str], *, name: str, card: str, half: bool = False
) -> Path:
    """Write a trained model as a folder that `load_char_lm` reads; its wing is "language".

    Args:
        model: The trained model.
        folder: Where to write; an older model there is replaced.
        name: The model's name.
        card: The model card, Markdown.
        half: Store the weights for torch as float16.

    Returns:
        The folder.
    """
    header = ModelFolder(Path(folder), "language", name, config_to_dict(model.config), {})
    return write_model(folder, header, module=model, graph=quantise(char_lm_graph(model)), card=card, half=half)
