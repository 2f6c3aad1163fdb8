"""The speech model as an ONNX graph: see audio_lstm/export.py for the writer and the int8 step."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto
from torch import nn

from audio_lstm.checkpoint import LEXICON_FILE, ModelFolder, write_model
from audio_lstm.config import config_to_dict
from audio_lstm.errors import ConfigError
from audio_lstm.export import GraphWriter, declare_state, quantise, return_state
from audio_lstm.speech.acoustic.config import SUBSAMPLING
from audio_lstm.speech.acoustic.model import SpeechModel
from audio_lstm.speech.decoding.lexicon import Lexicon, encode_lexicon

__all__ = ["export_speech", "speech_graph"]


def speech_graph(model: SpeechModel, *, phonemes: bool | None = None) -> onnx.ModelProto:
    """The float32 graph of a speech model.

    Args:
        model: The trained model.
        phonemes: Whether the phoneme head is an output; None: as the configuration has it.

    Returns:
        A graph with inputs `features` (batch, time, feature) and `lengths` (batch,) int32 and the output `log_probs`
        (batch, ceil(time / 4), symbols), beside it `phoneme_log_probs` if wanted; a unidirectional model also takes
        `feature_context`, `channel_context`, `hidden` and `cell`, and returns the next ones.
    """
    config = model.config
    writer = GraphWriter()
    width, bands = config.features.feature_size, config.n_bands[0]
    features = writer.input("features", TensorProto.FLOAT, ("batch", "time", width))
    lengths = writer.input("lengths", TensorProto.INT32, ("batch",))
    streams = not config.lstm.bidirectional
    contexts, state = ("", ""), None
    context_shapes = (("batch", 2, width), ("batch", config.conv_channels, 2, bands))
    if streams:
        contexts = (
            writer.input("feature_context", TensorProto.FLOAT, context_shapes[0]),
            writer.input("channel_context", TensorProto.FLOAT, context_shapes[1]),
        )
        state = declare_state(writer, model.backbone)
    axis = writer.constant([1])
    if streams:
        whole = writer.node("Concat", [contexts[0], features], axis=1)
        next_features = _last_frames(writer, whole, lengths)
    else:
        whole, next_features = features, ""
    x = _convolution(writer, writer.node("Unsqueeze", [whole, axis]), model.conv1, causal_pad=not streams)
    if streams:
        x = writer.node("Concat", [contexts[1], x], axis=2)
        halved = writer.node("Div", [writer.node("Add", [lengths, writer.constant_int32(1)]), writer.constant_int32(2)])
        last = _last_frames(writer, writer.node("Transpose", [x], perm=[0, 2, 1, 3]), halved)
        next_channels = writer.node("Transpose", [last], perm=[0, 2, 1, 3])  # (B, C, 2, F / 2)
    else:
        next_channels = ""
    x = _convolution(writer, x, model.conv2, causal_pad=not streams)  # (B, C, T / 4, F / 4)
    x = writer.node("Transpose", [x], perm=[0, 2, 1, 3])
    x = writer.node("Reshape", [x, writer.constant([0, 0, config.conv_channels * config.n_bands[1]])])
    output_lengths = _ceil_divide(writer, lengths, SUBSAMPLING)
    n_frames = writer.node("Shape", [x], start=1, end=2)
    if config.frames_per_step > 1:
        x = _stack(writer, x, n_frames, output_lengths, config.frames_per_step)
    x = writer.node("Transpose", [x], perm=[1, 0, 2])  # time first, for ONNX's LSTM
    x = writer.node("Relu", [writer.linear(x, model.front)])
    y, final = writer.backbone(x, model.backbone, _ceil_divide(writer, output_lengths, config.frames_per_step), state)
    both = config.phoneme_output if phonemes is None else phonemes
    _heads(writer, model, y, n_frames, phonemes=both)
    if streams:
        writer.output(next_features, "next_feature_context", TensorProto.FLOAT, context_shapes[0])
        writer.output(next_channels, "next_channel_context", TensorProto.FLOAT, context_shapes[1])
        return_state(writer, model.backbone, final)
    return writer.model("speech")


def _heads(writer: GraphWriter, model: SpeechModel, y: str, n_frames: str, *, phonemes: bool) -> None:
    """What the last layer's steps y (steps, B, H) say of n_frames output frames, as outputs of the graph."""
    config = model.config
    heads = [("log_probs", model.head, config.n_outputs)]
    if phonemes:
        heads.append(("phoneme_log_probs", model.phoneme_head, config.n_phonemes + 1))
    for name, head, width in heads:
        logits = writer.node("Transpose", [writer.linear(y, head)], perm=[1, 0, 2])
        if config.frames_per_step > 1:
            logits = writer.node("Reshape", [logits, writer.constant([0, -1, width])])
            logits = writer.node("Slice", [logits, writer.constant([0]), n_frames, writer.constant([1])])
        log_probs = writer.node("LogSoftmax", [logits], axis=-1)
        writer.output(log_probs, name, TensorProto.FLOAT, ("batch", "output_time", width))


def _ceil_divide(writer: GraphWriter, lengths: str, divisor: int) -> str:
    """Lengths after a division that keeps the last, incomplete part."""
    if divisor == 1:
        return lengths
    more = writer.node("Add", [lengths, writer.constant_int32(divisor - 1)])
    return writer.node("Div", [more, writer.constant_int32(divisor)])


def _stack(writer: GraphWriter, x: str, n_frames: str, lengths: str, together: int) -> str:
    """Neighbouring frames of x (B, T, D) side by side, (B, ceil(T / n), n * D); zeros past the lengths."""
    wide = writer.node("Cast", [writer.node("Unsqueeze", [lengths, writer.constant([1])])], to=TensorProto.INT64)
    scalars = [writer.constant(np.array(value)) for value in (0, 1)]
    last = writer.node("Squeeze", [n_frames])
    times = writer.node("Range", [scalars[0], last, scalars[1]])  # (T,)
    valid = writer.node("Cast", [writer.node("Less", [times, wide])], to=TensorProto.FLOAT)  # (B, T)
    x = writer.node("Mul", [x, writer.node("Unsqueeze", [valid, writer.constant([2])])])
    missing = writer.node("Mod", [writer.node("Neg", [n_frames]), writer.constant([together])])
    pads = writer.node("Concat", [writer.constant([0, 0, 0, 0]), missing, writer.constant([0])], axis=0)
    x = writer.node("Pad", [x, pads])
    width = writer.node("Mul", [writer.node("Shape", [x], start=2, end=3), writer.constant([together])])
    shape = writer.node("Concat", [writer.constant([0, -1]), width], axis=0)
    return writer.node("Reshape", [x, shape])


def _last_frames(writer: GraphWriter, x: str, lengths: str) -> str:
    """The last two frames of each item, for the next chunk: x (B, 2 + T, …) holds the context, then the new frames."""
    first = writer.node("Reshape", [writer.node("Cast", [lengths], to=TensorProto.INT64), writer.constant([-1, 1, 1])])
    frames = writer.node("Add", [first, writer.constant(np.array([[[0], [1]]]))])  # (B, 2, 1)
    return writer.node("GatherND", [x, frames], batch_dims=1)


def _convolution(writer: GraphWriter, x: str, conv: nn.Conv2d, *, causal_pad: bool) -> str:
    """A 3x3 convolution of stride 2 and its ReLU; with `causal_pad`, two zero frames stand before the first."""
    weights = [writer.constant(parameter) for parameter in conv.parameters()]  # weight, bias
    pads = [2 if causal_pad else 0, 1, 0, 1]  # time and frequency before, time and frequency after
    y = writer.node("Conv", [x, *weights], kernel_shape=[3, 3], strides=[2, 2], pads=pads)
    return writer.node("Relu", [y])


def export_speech(
    model: SpeechModel,
    folder: str | os.PathLike[str],
    *,
    name: str,
    card: str,
    half: bool = False,
    lexicon: Lexicon | None = None,
) -> Path:
    """Write a trained model as a folder that `transcribe` can use.

    Args:
        model: The trained model.
        folder: Where to write; an older model there is replaced.
        name: The model's name.
        card: The model card, Markdown.
        half: Store the weights for torch as float16.
        lexicon: How words are said, for a model whose phoneme head reads the last layer: both go into the folder, and
            decoding uses them.

    Returns:
        The folder.

    Raises:
        ConfigError: If the lexicon's phonemes are not as many as the model's.
    """
    config = model.config
    files: dict[str, onnx.ModelProto | bytes] = {}
    if lexicon is not None:
        if len(lexicon.phonemes) != config.n_phonemes:
            raise ConfigError(
                f"the lexicon has {len(lexicon.phonemes)} phonemes and the model {config.n_phonemes}; train with "
                "pronunciations in the lexicon's phonemes, or export without a lexicon"
            )
        config = replace(config, phoneme_output=True)
        files[LEXICON_FILE] = encode_lexicon(lexicon)
    header = ModelFolder(Path(folder), "speech", name, config_to_dict(config), {})
    graph = quantise(speech_graph(model, phonemes=config.phoneme_output))
    return write_model(folder, header, module=model, graph=graph, card=card, half=half, more_graphs=files)
