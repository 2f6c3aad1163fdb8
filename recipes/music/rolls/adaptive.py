"""Models that go on learning while they are tested: a neural cache, and dynamic evaluation. To be reported apart.

Both use the frames of the piece that were predicted before, and nothing else; the likelihood stays exact. A piece
starts from the trained weights and an empty cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError
from recipes.music.rolls.context import echoes, frame_inputs
from recipes.music.rolls.model import FrameModel, FrameState, frame_loss
from recipes.music.rolls.score import FrameCosts, outside_costs

__all__ = ["CacheConfig", "DynamicConfig", "cached", "dynamic"]

_STRETCH = 256


@dataclass(frozen=True)
class CacheConfig:
    """The continuous cache of Grave, Joulin and Usunier 2017, over whole frames."""

    share: float = 0.1  # of the cache in the mixture
    sharpness: float = 20.0  # of its attention, times the cosine of two states

    def __post_init__(self) -> None:
        if not 0.0 < self.share < 1.0 or not self.sharpness > 0.0:
            raise ConfigError(
                f"share must lie between 0 and 1 and sharpness above 0, got {self.share} and {self.sharpness}"
            )


@dataclass(frozen=True)
class DynamicConfig:
    """Dynamic evaluation (Krause et al. 2018), with plain gradient steps."""

    learning_rate: float = 0.02  # times the gradient of the mean cost of a segment's frames, its norm cut to 1
    segment: int = 16  # frames between two steps

    def __post_init__(self) -> None:
        if not self.learning_rate > 0.0 or self.segment < 1:
            raise ConfigError(
                f"learning_rate must be above 0 and segment at least 1, got {self.learning_rate} and {self.segment}"
            )


def cached(model: FrameModel, rolls: Sequence[NDArray[np.bool_]], costs: FrameCosts, config: CacheConfig) -> FrameCosts:
    """The costs of the mixture of a model and a cache: (1 - share) p(frame) + share p_cache(frame).

    The cache gives each earlier frame of the piece the weight softmax(sharpness cos(h, h')), where h and h' are the
    backbone's outputs before the frame to predict and before that one; a frame gets the weights of all its equals.

    Args:
        model: In evaluation mode.
        rolls: The pieces (T, 88).
        costs: What the model alone pays for them.
        config: The mixture.

    Returns:
        Costs of the same frames; each first frame is the model's alone.
    """
    mixed = []
    for roll, alone in zip(rolls, costs.pieces, strict=True):
        states = _states(model, roll)
        states /= np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-8)
        result = alone.copy()
        for t in range(1, len(roll)):
            scores = config.sharpness * (states[:t] @ states[t])
            weights = np.exp(scores - scores.max())
            equal = (roll[:t] == roll[t]).all(axis=1)
            p_cache = float(weights[equal].sum() / weights.sum())
            result[t] = -np.log((1.0 - config.share) * np.exp(-alone[t]) + config.share * p_cache)
        mixed.append(result)
    return FrameCosts(tuple(mixed))


def dynamic(model: FrameModel, rolls: Sequence[NDArray[np.bool_]], config: DynamicConfig) -> FrameCosts:
    """What a model pays that takes a gradient step after each segment, on what it has just been charged for.

    Args:
        model: In evaluation mode; its weights are as before when this returns.
        rolls: The pieces (T, 88).
        config: The steps.

    Returns:
        The costs of all frames.
    """
    trained = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    pieces = []
    try:
        for roll in rolls:
            _restore(model, trained)
            pieces.append(_dynamic_piece(model, roll, config))
    finally:
        _restore(model, trained)
    return FrameCosts(tuple(pieces))


def _dynamic_piece(model: FrameModel, roll: NDArray[np.bool_], config: DynamicConfig) -> NDArray[np.float64]:
    keys = np.ascontiguousarray(roll[:, model.config.low : model.config.high])
    echo = echoes(keys)
    costs = outside_costs(model.config, roll)
    state: FrameState | None = None
    weights = list(model.parameters())
    for first in range(0, len(roll), config.segment):
        n = min(config.segment, len(roll) - first)
        inputs = torch.from_numpy(frame_inputs(keys, echo, first, n))[None]
        frames = torch.from_numpy(keys[first : first + n].astype(np.float32))[None]
        logits, state = model(inputs, None, state)
        losses = frame_loss(logits, frames)[0]
        costs[first : first + n] += losses.detach().double().numpy()
        gradients = torch.autograd.grad(losses.mean(), weights)
        norm = float(torch.linalg.vector_norm(torch.stack([gradient.norm() for gradient in gradients])))
        step = config.learning_rate / max(norm, 1.0)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.sub_(gradient, alpha=step)
        state = FrameState(*(part.detach() for part in state))
    return costs


def _restore(model: FrameModel, trained: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(trained[name])


def _states(model: FrameModel, roll: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The backbone's output before each frame, (T, H)."""
    keys = np.ascontiguousarray(roll[:, model.config.low : model.config.high])
    echo = echoes(keys)
    outputs: list[NDArray[np.float32]] = []
    state = None
    with torch.no_grad():
        for first in range(0, len(roll), _STRETCH):
            inputs = torch.from_numpy(frame_inputs(keys, echo, first, min(_STRETCH, len(roll) - first)))[None]
            told, state = model.read_frames(inputs, state)
            outputs.append(told[0].numpy())
    return np.concatenate(outputs)
