"""A music model with its gates held by hand: what does it write when it cannot forget, or cannot remember?

    composer = clamped_composer("chorale", GateClamp(forget_gate=0.0))
    compose(model=composer, seed=7, bars=8)

The model runs step by step in numpy, from `model.safetensors`, with the gates as inputs: nothing is trained again. A
test holds it equal to torch, with the same gates held, to 1e-5.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import open_model
from audio_lstm.errors import ConfigError
from audio_lstm.inspection.gates import FREE, Experiment, GateClamp, StackState, layer_outputs
from audio_lstm.inspection.inspection import choose_layer
from audio_lstm.inspection.weight_arrays import WeightArrays, read_weights
from audio_lstm.music.models.composer import DEFAULT_MODEL, Composer, load_music
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.runtime import State

__all__ = ["ClampedEngine", "clamped_composer", "member_scores"]


def clamped_composer(
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    clamp: GateClamp = FREE,
    *,
    layer: int | None = None,
    reset_every_bar: bool = False,
) -> Composer:
    """A composer whose gates are held.

    Args:
        model: A shipped model's name, a model folder, or a hub id.
        clamp: Which gates, and at what.
        layer: Counted from 1; None holds them in every layer.
        reset_every_bar: Empty the cell where a bar of 4/4 begins; for models of chorales.

    Returns:
        What `compose` takes as its model.

    Raises:
        ConfigError: If the model has no such layer, or does not count bars in its columns.
    """
    composer = load_music(model)
    chosen = None
    if layer is not None:
        chosen = choose_layer(layer, composer.config.lstm.n_layers, "forward", bidirectional=False)
    bar: tuple[int, ...] = ()
    if reset_every_bar:
        names = composer.representation.features if isinstance(composer.representation, ChoraleGrid) else ()
        if not {"voice", "bar_4"} <= set(names):
            raise ConfigError(f"model {composer.name!r} has no columns of bars: reset_every_bar wants one of chorales")
        bar = (names.index("voice"), names.index("bar_4"))
    weights = read_weights(open_model(model, "music"))
    return replace(composer, engine=ClampedEngine(composer.config, weights, clamp, layer=chosen, bar_columns=bar))


@dataclass(frozen=True, eq=False)
class ClampedEngine:
    """Runs a `MusicModel`, or an ensemble of them, in numpy; an `Engine`."""

    config: MusicModelConfig
    weights: WeightArrays
    clamp: GateClamp = FREE
    layer: int | None = None  # counted from 0; None: every layer
    bar_columns: tuple[int, ...] = ()  # input columns that are all 0 where a bar begins; the cell is emptied there

    def run(
        self, inputs: NDArray[Any], lengths: NDArray[np.int64], state: State | None
    ) -> tuple[NDArray[np.float32], State]:
        """See Engine.run; all items must be as long as the batch.

        Args:
            inputs: Ids (batch, time, n_columns).
            lengths: Valid steps of each item (batch,), all the same.
            state: What the previous chunk returned; None at the start.

        Returns:
            Scores (batch, time, vocabulary_size), and hidden and cell state, of all members' layers in turn.

        Raises:
            ValueError: If an item is shorter than the batch.
        """
        if (lengths != inputs.shape[1]).any():
            raise ValueError(f"expected items of {inputs.shape[1]} steps each, got {lengths.tolist()}")
        n = self.config.n_members
        begins: list[StackState | None] = [None] * n
        if state is not None:
            hidden, cell = state
            begins = [StackState(*pair) for pair in zip(np.split(hidden, n), np.split(cell, n), strict=True)]
        resets = (inputs[..., list(self.bar_columns)] == 0).all(axis=-1) if self.bar_columns else None
        experiment = Experiment(self.clamp, self.layer, resets)
        said = [self._member(number, inputs, begin, experiment) for number, begin in enumerate(begins)]
        scores: NDArray[np.float32] = np.mean([one for one, _ in said], axis=0, dtype=np.float32)
        ends = [end for _, end in said]
        return scores, (np.concatenate([end.hidden for end in ends]), np.concatenate([end.cell for end in ends]))

    def _member(
        self, number: int, columns: NDArray[Any], begin: StackState | None, experiment: Experiment
    ) -> tuple[NDArray[np.float32], StackState]:
        """One model's scores (B, T, V) and state, as in music/models/model.py."""
        config, weights = self.config, self.weights
        prefix = "" if config.n_members == 1 else f"members.{number}."
        table = weights.get(f"{prefix}embedding.weight", sum(config.column_sizes), config.lstm.input_size)
        offsets = np.concatenate([[0], np.cumsum(config.column_sizes[:-1])]).astype(np.int64)
        x: NDArray[np.float32] = table[columns + offsets].sum(axis=2)  # (B, T, K, E) -> (B, T, E)
        outputs, end = layer_outputs(
            x, weights, config.lstm, prefix=f"{prefix}backbone.", state=begin, experiment=experiment
        )
        return member_scores(outputs[-1], columns, weights, config, number), end


def member_scores(
    y: NDArray[np.float32],
    columns: NDArray[Any],
    weights: WeightArrays,
    config: MusicModelConfig,
    number: int = 0,
) -> NDArray[np.float32]:
    """What one model of an ensemble says of its backbone's output, as in music/models/model.py.

    Args:
        y: (…, time, output_size).
        columns: Ids (…, time, n_columns) that the backbone read.
        weights: Of the model.
        config: Of the model.
        number: Which member, counted from 0.

    Returns:
        Scores before the softmax (…, time, vocabulary_size).
    """
    prefix, width = "" if config.n_members == 1 else f"members.{number}.", config.lstm.output_size
    scores: NDArray[np.float32] = y @ weights.get(f"{prefix}head.weight", config.vocabulary_size, width).T
    scores = scores + weights.get(f"{prefix}head.bias", config.vocabulary_size)
    if config.relative is not None and number < config.n_members - config.n_absolute:
        rows, first = config.relative.n_pitches, config.relative.first
        distances = y @ weights.get(f"{prefix}distance_head.weight", 2 * rows - 1, width).T
        distances = distances + weights.get(f"{prefix}distance_head.bias", 2 * rows - 1)
        last = np.clip(columns[..., config.relative.column] - config.relative.offset, 0, rows - 1)
        places = np.arange(rows) - last[..., None] + rows - 1  # (…, T, n)
        scores[..., first : first + rows] += np.take_along_axis(distances, places, axis=-1)
    return scores
