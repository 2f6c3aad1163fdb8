"""AdamW over one flat gradient, and the learning rate of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["Optimizer", "learning_rate_at"]


def learning_rate_at(step: int, *, peak: float, warmup_steps: int, total_steps: int, final_fraction: float) -> float:
    """The learning rate of a step: a linear warm-up, then half a cosine (Loshchilov & Hutter 2017, no restarts).

    Args:
        step: From 0.
        peak: The rate at the end of the warm-up.
        warmup_steps: How long it takes to get there; 0 starts at the peak.
        total_steps: Where the cosine ends; later steps keep its last value.
        final_fraction: Its last value as a fraction of the peak.

    Returns:
        The rate, above 0 unless final_fraction is 0.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    return peak * (final_fraction + (1.0 - final_fraction) * 0.5 * (1.0 + math.cos(math.pi * done)))


class Optimizer:
    """AdamW whose gradients all lie in one tensor: one sum over the processes, one norm.

    Matrices decay, vectors (biases, norms) do not. A parameter that a step does not use has a gradient of zero.
    """

    def __init__(self, model: nn.Module, *, weight_decay: float, betas: tuple[float, float]) -> None:
        """Gives each trainable parameter its part of the flat gradient.

        Args:
            model: In float32, on its final device.
            weight_decay: As in torch.optim.AdamW.
            betas: As in torch.optim.AdamW.
        """
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        sizes = [p.numel() for p in self._parameters.values()]
        self.gradient = torch.zeros(sum(sizes), device=next(iter(self._parameters.values())).device)
        for parameter, part in zip(self._parameters.values(), torch.split(self.gradient, sizes), strict=True):
            parameter.grad = part.view_as(parameter)  # autograd adds in place to a gradient that is there
        parameters = list(self._parameters.values())
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self._adam = torch.optim.AdamW([group for group in groups if group["params"]], betas=betas)

    def norm(self, n_units: float) -> float:
        """Divide the summed gradient by the units that it sums over.

        Args:
            n_units: Of all processes.

        Returns:
            The norm of the mean gradient, which now lies in `gradient`.
        """
        self.gradient.div_(n_units)
        return float(torch.linalg.vector_norm(self.gradient))

    def step(self, *, learning_rate: float, norm: float, clip_norm: float) -> None:
        """Take a step and clear the gradient.

        Args:
            learning_rate: Of this step.
            norm: Of the gradient, as `norm` returned it.
            clip_norm: Scale longer gradients down to this length; 0 for never.
        """
        if 0 < clip_norm < norm:
            self.gradient.mul_(clip_norm / norm)
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        self._adam.step()
        self.gradient.zero_()

    def state(self) -> dict[str, Tensor]:
        """What the optimizer remembers, by `parameter/quantity`; empty before the first step."""
        return {
            f"{name}/{key}": value
            for name, parameter in self._parameters.items()
            for key, value in self._adam.state[parameter].items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from a saved state.

        Args:
            tensors: As `state` returned them, on any device.
        """
        for name, parameter in self._parameters.items():
            saved = {key.rpartition("/")[2]: value for key, value in tensors.items() if key.startswith(f"{name}/")}
            # Adam counts its steps on the CPU, wherever the weights are.
            self._adam.state[parameter] = {
                key: value.clone() if key == "step" else value.to(parameter.device).clone()
                for key, value in saved.items()
            }
