"""A model of frames as an ONNX graph, and as a folder that `load_frame_model` reads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from audio_lstm.checkpoint import ModelFolder, write_model
from audio_lstm.config import config_to_dict
from audio_lstm.export import GraphWriter
from recipes.music.rolls.context import N_CHANNELS, N_ECHOES
from recipes.music.rolls.model import BELOW, N_NEAR, N_WIDE, OCTAVE, REACH, FrameModel
from recipes.music.rolls.score import FRAMES_KIND

__all__ = ["export_frames", "frames_graph"]


def frames_graph(model: FrameModel) -> onnx.ModelProto:
    """The graph of a model of frames, in float32: its likelihoods are exact ones.

    Args:
        model: The trained model.

    Returns:
        A graph with inputs `inputs` (batch, time, input_size), `lengths` (batch,) int32, which is ignored, and the four
        tensors of the state, and outputs `logits` (batch, time, n_keys) and the next state.
    """
    config, writer = model.config, GraphWriter()
    inputs = writer.input("inputs", TensorProto.FLOAT, ("batch", "time", config.input_size))
    writer.input("lengths", TensorProto.INT32, ("batch",))
    frames = (config.frames.n_layers, "batch", config.frames.hidden_size)
    keys = (1, "batch", config.n_keys, config.key_state)
    shapes = {"frames_hidden": frames, "frames_cell": frames, "keys_hidden": keys, "keys_cell": keys}
    start = [writer.input(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    n_cells = (N_CHANNELS + 1) * config.n_keys
    metre = writer.slice(inputs, 2, n_cells, config.input_size)
    rolls = _reshape(writer, writer.slice(inputs, 2, 0, n_cells), [0, 0, N_CHANNELS + 1, config.n_keys])
    context, frame = writer.slice(rolls, 2, 0, N_CHANNELS), writer.slice(rolls, 2, N_CHANNELS, N_CHANNELS + 1)
    echo = writer.slice(context, 2, N_CHANNELS - N_ECHOES, N_CHANNELS)
    wide = writer.node("Concat", [writer.slice(context, 2, 0, N_NEAR), echo], axis=2)  # (B, T, W, P)
    told, frames_state = _read_frames(writer, model, wide, metre, (start[0], start[1]))
    features = _key_features(writer, model, (context, wide, metre))
    along, keys_state = _along_time(writer, model, features, (start[2], start[3]))
    below = _around(writer, frame, model.below_index.numpy(), (BELOW, 0))  # (B, T, 1, P, BELOW)
    below = _reshape(writer, below, [0, 0, config.n_keys, BELOW])
    count = writer.node("MatMul", [frame, writer.constant(model.lower / 4)])  # (B, T, 1, P)
    count = writer.node("Transpose", [count], perm=[0, 1, 3, 2])
    notes = writer.node("Concat", [features, along, told, below, count], axis=3)
    hidden = writer.node("Relu", [writer.linear(notes, model.decide[0])])
    hidden = writer.node("Relu", [writer.linear(hidden, model.decide[1])])
    logits = writer.linear(hidden, model.out)  # (B, T, P, 1)
    logits = _reshape(writer, logits, [0, 0, config.n_keys])
    writer.output(logits, "logits", TensorProto.FLOAT, ("batch", "time", config.n_keys))
    for (name, shape), tensor in zip(shapes.items(), (*frames_state, *keys_state), strict=True):
        writer.output(tensor, f"next_{name}", TensorProto.FLOAT, shape)
    return writer.model("frames")


def export_frames(model: FrameModel, folder: str | os.PathLike[str], *, name: str, card: str) -> Path:
    """Write a trained model as a folder.

    Args:
        model: The trained model.
        folder: Where to write; an older model there is replaced.
        name: The model's name.
        card: The model card, Markdown.

    Returns:
        The folder.
    """
    header = ModelFolder(Path(folder), "music", name, config_to_dict(model.config), {"kind": FRAMES_KIND})
    return write_model(folder, header, module=model, graph=frames_graph(model), card=card)


def _reshape(writer: GraphWriter, x: str, shape: list[int]) -> str:
    return writer.node("Reshape", [x, writer.constant(shape)])


def _around(writer: GraphWriter, rows: str, index: np.ndarray, padding: tuple[int, int]) -> str:
    """Windows of padded rows (B, T, R, P): (B, T, R, P, window)."""
    pads = writer.constant([0, 0, 0, padding[0], 0, 0, 0, padding[1]])
    padded = writer.node("Pad", [rows, pads])
    return writer.node("Gather", [padded, writer.constant(index)], axis=3)


def _read_frames(
    writer: GraphWriter, model: FrameModel, wide: str, metre: str, start: tuple[str, str]
) -> tuple[str, tuple[str, str]]:
    """What the backbone tells each key (B, T, P, N), and its state."""
    config = model.config
    flat = _reshape(writer, wide, [0, 0, N_WIDE * config.n_keys])
    x = writer.node("Concat", [flat, metre], axis=2)
    x = writer.node("Relu", [writer.linear(x, model.frame_in)])
    x = writer.node("Transpose", [x], perm=[1, 0, 2])  # time first
    y, state = writer.backbone(x, model.backbone, "", start)
    y = writer.linear(writer.node("Transpose", [y], perm=[1, 0, 2]), model.frame_out)
    return _reshape(writer, y, [0, 0, config.n_keys, config.name_size]), state


def _key_features(writer: GraphWriter, model: FrameModel, given: tuple[str, str, str]) -> str:
    """(B, T, P, K) from context, wide and metre."""
    context, wide, metre = given
    n_keys = model.config.n_keys
    around = _around(writer, wide, model.wide_index.numpy(), (REACH, REACH))  # (B, T, W, P, 25)
    around = writer.node("Transpose", [around], perm=[0, 1, 3, 2, 4])
    classes = writer.node("MatMul", [writer.slice(context, 2, 0, N_NEAR), writer.constant(model.octaves)])
    classes = writer.node("Min", [classes, writer.constant(np.array(1.0, np.float32))])
    classes = writer.node("Gather", [classes, writer.constant(model.octave_index.numpy())], axis=3)
    classes = writer.node("Transpose", [classes], perm=[0, 1, 3, 2, 4])  # (B, T, P, 2, 12)
    parts = [
        _reshape(writer, around, [0, 0, n_keys, N_WIDE * (2 * REACH + 1)]),
        writer.node("Transpose", [context], perm=[0, 1, 3, 2]),
        _reshape(writer, classes, [0, 0, n_keys, N_NEAR * OCTAVE]),
    ]
    keys = writer.linear(writer.node("Concat", parts, axis=3), model.key_in)
    keys = writer.node("Add", [keys, writer.constant(model.key_names)])
    beat = writer.node("MatMul", [metre, writer.constant(model.metre_in.weight.T)])
    beat = _reshape(writer, beat, [0, 0, 1, model.config.key_size])
    return writer.node("Relu", [writer.node("Add", [keys, beat])])


def _along_time(
    writer: GraphWriter, model: FrameModel, keys: str, start: tuple[str, str]
) -> tuple[str, tuple[str, str]]:
    """The LSTM along time (B, T, P, S), and its state."""
    config = model.config
    x = writer.node("Transpose", [keys], perm=[1, 0, 2, 3])  # (T, B, P, K)
    x = _reshape(writer, x, [0, -1, config.key_size])
    flat = [_reshape(writer, part, [1, -1, config.key_state]) for part in start]
    y, state = writer.backbone(x, model.key_lstm, "", (flat[0], flat[1]))
    y = _reshape(writer, y, [0, -1, config.n_keys, config.key_state])
    y = writer.node("Transpose", [y], perm=[1, 0, 2, 3])
    ends = [_reshape(writer, part, [1, -1, config.n_keys, config.key_state]) for part in state]
    return y, (ends[0], ends[1])
