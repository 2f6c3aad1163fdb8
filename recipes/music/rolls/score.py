"""What frames of music cost a model, exactly, and the three ways in which papers sum that up. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_lstm.checkpoint import open_config, open_model
from audio_lstm.errors import DataError, ModelError
from audio_lstm.runtime import Engine, OnnxEngine, State
from recipes.music.rolls.config import FrameModelConfig
from recipes.music.rolls.context import echoes, frame_inputs

__all__ = ["FRAMES_KIND", "FrameCosts", "FrameScorer", "load_frame_model", "outside_costs", "roll_costs", "score_rolls"]

FRAMES_KIND = "frames"
"""`kind` of the representation in the folder of a model of frames."""
_STRETCH = 256  # frames a call: 90 MB of activations with 88 keys


@dataclass(frozen=True)
class FrameCosts:
    """What each frame of a corpus costs.

    Raises:
        DataError: no pieces, or one without frames.
    """

    pieces: tuple[NDArray[np.float64], ...]  # nats of each frame (T,), the first one included

    def __post_init__(self) -> None:
        if not self.pieces or any(costs.size == 0 for costs in self.pieces):
            raise DataError(f"no frames to score: the corpus holds {len(self.pieces)} pieces, or one is empty")

    @property
    def per_frame(self) -> float:
        """Nats per frame, all frames pooled: Boulanger-Lewandowski et al. 2012's figure, and the one to report."""
        return float(np.concatenate(self.pieces).mean())

    @property
    def per_frame_without_first(self) -> float:
        """The same without the first frame of each piece; nan if no piece has a second one."""
        later = np.concatenate([costs[1:] for costs in self.pieces])
        return float(later.mean()) if later.size else float("nan")

    @property
    def mean_over_pieces(self) -> float:
        """The mean of the pieces' own nats per frame, so that a short piece counts as much as a long one."""
        return float(np.mean([costs.mean() for costs in self.pieces]))


@dataclass(frozen=True)
class FrameScorer:
    """A model of frames ready to run. Holds no state between calls."""

    name: str
    config: FrameModelConfig
    engine: Engine

    def costs(self, roll: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The exact negative log-likelihood of each frame of a piece.

        Args:
            roll: (T, 88) bool, T >= 1.

        Returns:
            (T,) nats; all 88 keys are paid for.
        """
        return roll_costs(self.engine, self.config, roll)

    def score(self, rolls: Sequence[NDArray[np.bool_]]) -> FrameCosts:
        """The costs of all frames of some pieces, (T, 88) bool each."""
        return score_rolls(self.engine, self.config, rolls)


def load_frame_model(model: str | os.PathLike[str], *, n_threads: int = 1) -> FrameScorer:
    """Load a model of frames; ONNX Runtime runs it on the CPU.

    Args:
        model: A model folder, or a hub id.
        n_threads: CPU threads for one call.

    Returns:
        The scorer.

    Raises:
        ModelError: If it is not found, is damaged, or is no model of frames.
    """
    folder = open_model(model, "music")
    if folder.representation.get("kind") != FRAMES_KIND:
        raise ModelError(f"{folder.path}: a model that composes token by token; load it with load_music")
    config = open_config(folder, FrameModelConfig)
    engine = OnnxEngine(folder.graph, n_threads=n_threads)
    engine.check(input_size=config.input_size, output_size=config.n_keys, streams=True)
    return FrameScorer(folder.name, config, engine)


def score_rolls(engine: Engine, config: FrameModelConfig, rolls: Sequence[NDArray[np.bool_]]) -> FrameCosts:
    """What a model pays for pieces.

    Args:
        engine: Runs the model.
        config: The model's.
        rolls: (T, 88) bool each.

    Returns:
        The costs of all frames.
    """
    return FrameCosts(tuple(roll_costs(engine, config, roll) for roll in rolls))


def roll_costs(engine: Engine, config: FrameModelConfig, roll: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What a model pays for each frame of a piece, from the first on.

    Args:
        engine: Runs the model.
        config: The model's.
        roll: (T, 88) bool.

    Returns:
        (T,) nats, float64.

    Raises:
        DataError: If the roll has another shape.
        ModelError: If the model's answer is not finite.
    """
    if roll.ndim != 2 or roll.shape[1] != 88 or len(roll) == 0:
        raise DataError(f"expected a roll of shape (frames >= 1, 88), got {roll.shape}")
    keys = np.ascontiguousarray(roll[:, config.low : config.high]).astype(np.bool_)
    echo = echoes(keys)
    costs = outside_costs(config, roll)
    state: State | None = None
    for first in range(0, len(roll), _STRETCH):
        frames = keys[first : first + _STRETCH]
        inputs = frame_inputs(keys, echo, first, len(frames))[None]
        logits, state = engine.run(inputs, np.array([len(frames)], np.int64), state)
        if not np.isfinite(logits).all():
            raise ModelError("the model's log-odds hold NaN or infinity; its weights or its input are damaged")
        # -log p of what came: softplus of the log-odds against it.
        against = np.where(frames, -1.0, 1.0) * logits[0].astype(np.float64)
        costs[first : first + _STRETCH] += np.logaddexp(0.0, against).sum(axis=1)
    return costs


def outside_costs(config: FrameModelConfig, roll: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What the keys outside the model's range cost in each frame.

    Args:
        config: The model's.
        roll: (T, 88) bool.

    Returns:
        (T,) nats.
    """
    outside = np.delete(roll, np.s_[config.low : config.high], axis=1)
    n_on = outside.sum(axis=1)
    on, off = -np.log(config.p_outside), -np.log1p(-config.p_outside)
    costs: NDArray[np.float64] = n_on * on + (outside.shape[1] - n_on) * off
    return costs
