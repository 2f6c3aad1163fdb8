"""A moving average of the weights: what training evaluates, keeps as the best, and ships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """An exponential moving average of a model's trainable weights, in float32.

    average = d · average + (1 - d) · weights after every step (Polyak & Juditsky 1992 motivate averaging), with
    d = min(decay, (1 + step) / (10 + step)), so that a short run is not held back by its random start (the
    warm-up of TensorFlow's ExponentialMovingAverage). A decay of 0 turns it off.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        """Starts from the model's present weights.

        Args:
            model: On its final device.
            decay: From 0 (off) to below 1.
        """
        self._decay = decay
        self._weights = {name: p for name, p in model.named_parameters() if p.requires_grad} if decay else {}
        self.tensors = {name: p.detach().float().clone() for name, p in self._weights.items()}

    def update(self, step: int) -> None:
        """Move the average towards the weights.

        Args:
            step: How many steps the weights have taken, from 1.
        """
        if not self._weights:
            return
        decay = min(self._decay, (1 + step) / (10 + step))
        current = [p.detach().float() for p in self._weights.values()]
        torch._foreach_lerp_(list(self.tensors.values()), current, 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block, the model's weights are the average (or, with decay 0, what they are)."""
        kept = {name: p.detach().clone() for name, p in self._weights.items()}
        self._copy(self.tensors)
        try:
            yield
        finally:
            self._copy(kept)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from a saved average.

        Args:
            tensors: Names and shapes as in `tensors`.
        """
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    def _copy(self, values: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self._weights.items():
                parameter.copy_(values[name])
