"""The music model as an ONNX graph: see audio_lstm/export.py for the writer and the int8 step."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from audio_lstm.checkpoint import ModelFolder, write_model
from audio_lstm.config import config_to_dict
from audio_lstm.export import GraphWriter, declare_state, quantise, return_state
from audio_lstm.music.models.ensemble import MusicEnsemble
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.tokens.representation import Representation

__all__ = ["export_music", "music_graph", "write_members"]


def music_graph(model: MusicModel | MusicEnsemble) -> onnx.ModelProto:
    """The float32 graph of a music model.

    Args:
        model: The trained model.

    Returns:
        A graph with inputs `columns` (batch, time, n_columns) int64, `lengths` (batch,) int32, `hidden` and `cell`,
        and outputs `logits` (batch, time, vocabulary), `next_hidden` and `next_cell`. One graph serves single steps
        (time 1) and whole pieces.
    """
    writer, config = GraphWriter(), model.config
    columns = writer.input("columns", TensorProto.INT64, ("batch", "time", len(config.column_sizes)))
    lengths = writer.input("lengths", TensorProto.INT32, ("batch",))
    write_members(writer, model, columns, lengths)
    return writer.model("music")


def write_members(
    writer: GraphWriter, model: MusicModel | MusicEnsemble, columns: str, lengths: str, context: str | None = None
) -> None:
    """Write all of a model but its inputs: the inputs and outputs of its state, and the output `logits`.

    Args:
        writer: Of the graph.
        model: The trained model, of one member or several.
        columns: The ids (batch, time, n_columns), int64.
        lengths: int32 tensor (batch,).
        context: What is added to the embeddings (batch, time, input_size); None: nothing.
    """
    members = model.singles
    n, n_layers = len(members), model.config.lstm.n_layers
    state = declare_state(writer, members[0].backbone, n_members=n)
    scores, ends = [], []
    for number, member in enumerate(members):
        layers = (number * n_layers, (number + 1) * n_layers)
        begin = state if n == 1 else (writer.slice(state[0], 0, *layers), writer.slice(state[1], 0, *layers))
        ids = writer.node("Add", [columns, writer.constant(member.offsets)])
        x = writer.node("Gather", [writer.constant(member.embedding.weight), ids], axis=0)  # (B, T, K, E)
        x = writer.node("ReduceSum", [x, writer.constant([2])], keepdims=0)
        x = x if context is None else writer.node("Add", [x, context])
        x = writer.node("Transpose", [x], perm=[1, 0, 2])  # time first
        y, end = writer.backbone(x, member.backbone, lengths, begin)
        scores.append(_scores(writer, member, y, columns))
        ends.append(end)
    logits = scores[0] if n == 1 else writer.node("Mean", scores)
    writer.output(logits, "logits", TensorProto.FLOAT, ("batch", "time", model.config.vocabulary_size))
    hidden, cell = zip(*ends, strict=True)
    final = ends[0] if n == 1 else (writer.node("Concat", [*hidden], axis=0), writer.node("Concat", [*cell], axis=0))
    return_state(writer, members[0].backbone, final, n_members=n)


def _scores(writer: GraphWriter, model: MusicModel, y: str, columns: str) -> str:
    """The head: the scores (batch, time, vocabulary) of a member whose backbone said y, time first."""
    logits = writer.node("Transpose", [writer.linear(y, model.head)], perm=[1, 0, 2])
    relative = model.config.relative
    if relative is None:
        return logits
    n, first = relative.n_pitches, relative.first
    scores = writer.node("Transpose", [writer.linear(y, model.distance_head)], perm=[1, 0, 2])
    last = writer.slice(columns, 2, relative.column, relative.column + 1)
    last = writer.node("Sub", [last, writer.constant([relative.offset])])
    low, high = (writer.constant(np.array(bound, np.int64)) for bound in (0, n - 1))
    last = writer.node("Min", [writer.node("Max", [last, low]), high])
    places = writer.node("Sub", [writer.constant(np.arange(n) + n - 1), last])  # (B, T, n)
    scores = writer.node("GatherElements", [scores, places], axis=2)
    scores = writer.node(
        "Pad", [scores, writer.constant([0, 0, first, 0, 0, model.config.vocabulary_size - first - n])]
    )
    return writer.node("Add", [logits, scores])


def export_music(
    model: MusicModel | MusicEnsemble,
    representation: Representation,
    folder: str | os.PathLike[str],
    *,
    name: str,
    card: str,
    half: bool = False,
) -> Path:
    """Write a trained model as a folder that `compose` can use.

    Args:
        model: The trained model.
        representation: How it reads and writes music.
        folder: Where to write; an older model there is replaced.
        name: The model's name.
        card: The model card, Markdown.
        half: Store the weights for torch as float16.

    Returns:
        The folder.
    """
    header = ModelFolder(Path(folder), "music", name, config_to_dict(model.config), representation.to_dict())
    return write_model(folder, header, module=model, graph=quantise(music_graph(model)), card=card, half=half)
