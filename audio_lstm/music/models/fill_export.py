"""A fill model as two ONNX graphs in one folder: the reader runs once a piece, the generator cell by cell."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
from onnx import TensorProto

from audio_lstm.checkpoint import READER_FILE, ModelFolder, write_model
from audio_lstm.config import config_to_dict
from audio_lstm.export import GraphWriter, quantise
from audio_lstm.music.models.export import write_members
from audio_lstm.music.models.fill_config import FILL_KIND
from audio_lstm.music.models.fill_model import FillModel
from audio_lstm.music.score.voices import N_VOICES
from audio_lstm.music.tokens.chorale import ChoraleGrid

__all__ = ["export_fill", "generator_graph", "reader_graph"]


def reader_graph(model: FillModel) -> onnx.ModelProto:
    """The float32 graph of the reader.

    Args:
        model: The trained model.

    Returns:
        A graph with inputs `columns` (batch, steps, 6) int64 and `lengths` (batch,) int32, steps an item, and the
        output `context` (batch, steps, 4 * input_size).
    """
    writer, config = GraphWriter(), model.config
    columns = writer.input("columns", TensorProto.INT64, ("batch", "time", len(config.reader_column_sizes)))
    lengths = writer.input("lengths", TensorProto.INT32, ("batch",))
    ids = writer.node("Add", [columns, writer.constant(model.offsets)])
    x = writer.node("Gather", [writer.constant(model.embedding.weight), ids], axis=0)  # (B, T, K, E)
    x = writer.node("ReduceSum", [x, writer.constant([2])], keepdims=0)
    x = writer.node("Transpose", [x], perm=[1, 0, 2])  # time first
    y, _ = writer.backbone(x, model.reader, lengths, None)
    told = writer.node("Transpose", [writer.linear(y, model.tell)], perm=[1, 0, 2])
    writer.output(told, "context", TensorProto.FLOAT, ("batch", "time", N_VOICES * config.context_size))
    return writer.model("reader")


def generator_graph(model: FillModel) -> onnx.ModelProto:
    """The float32 graph of the generator.

    Args:
        model: The trained model.

    Returns:
        A graph with inputs `inputs` (batch, time, n_columns + input_size) float32, ids and what the reader tells side
        by side, `lengths` (batch,) int32, `hidden` and `cell`, and outputs `logits`, `next_hidden` and `next_cell`.
    """
    generator, writer = model.generator, GraphWriter()
    config = generator.config
    n_columns, width = len(config.column_sizes), len(config.column_sizes) + config.lstm.input_size
    inputs = writer.input("inputs", TensorProto.FLOAT, ("batch", "time", width))
    lengths = writer.input("lengths", TensorProto.INT32, ("batch",))
    columns = writer.node("Cast", [writer.slice(inputs, 2, 0, n_columns)], to=TensorProto.INT64)
    write_members(writer, generator, columns, lengths, writer.slice(inputs, 2, n_columns, width))
    return writer.model("generator")


def export_fill(
    model: FillModel,
    representation: ChoraleGrid,
    folder: str | os.PathLike[str],
    *,
    name: str,
    card: str,
    half: bool = False,
) -> Path:
    """Write a trained model as a folder that `harmonise` and `infill` can use.

    Args:
        model: The trained model.
        representation: How it reads and writes chorales.
        folder: Where to write; an older model there is replaced.
        name: The model's name.
        card: The model card, Markdown.
        half: Store the weights for torch as float16.

    Returns:
        The folder.
    """
    kind = {"kind": FILL_KIND, "chorale": representation.to_dict()}
    header = ModelFolder(Path(folder), "music", name, config_to_dict(model.config), kind)
    return write_model(
        folder,
        header,
        module=model,
        graph=quantise(generator_graph(model)),
        card=card,
        half=half,
        more_graphs={READER_FILE: quantise(reader_graph(model))},
    )
