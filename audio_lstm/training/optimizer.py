"""AdamW, or Muon with it, over one flat gradient, and the learning rate of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from audio_lstm.training.config import TrainConfig

__all__ = ["Optimizer", "build_optimizer", "learning_rate_at"]


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


def _is_inner_matrix(name: str, parameter: Tensor) -> bool:
    """Whether Muon takes a parameter: a matrix that is neither the first nor the last of its network."""
    outer = ("head", "embedding")
    return parameter.ndim == 2 and not any(part.startswith(outer) or part.endswith(outer) for part in name.split("."))


class Optimizer:
    """AdamW whose gradients all lie in one tensor: one sum over the processes, one norm.

    Matrices decay, vectors (biases, norms) do not. A parameter that a step does not use has a gradient of zero.

    With Muon (Jordan et al. 2024; scaled as in Liu et al. 2025, so that it takes AdamW's learning rate and decay),
    the matrices inside the network move by their orthogonalised momentum: those of the LSTM, projections and linear
    layers. Embeddings, heads, convolutions and vectors stay with AdamW, as its authors recommend.
    """

    def __init__(
        self, model: nn.Module, *, weight_decay: float, betas: tuple[float, float], muon_factor: float = 0.0
    ) -> None:
        """Gives each trainable parameter its part of the flat gradient.

        Args:
            model: In float32, on its final device.
            weight_decay: As in torch.optim.AdamW.
            betas: As in torch.optim.AdamW.
            muon_factor: Muon's learning rate as a multiple of AdamW's; 0: AdamW for all parameters.
        """
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        sizes = [p.numel() for p in self._parameters.values()]
        self.gradient = torch.zeros(sum(sizes), device=next(iter(self._parameters.values())).device)
        for parameter, part in zip(self._parameters.values(), torch.split(self.gradient, sizes), strict=True):
            parameter.grad = part.view_as(parameter)  # autograd adds in place to a gradient that is there
        inner = [p for name, p in self._parameters.items() if muon_factor and _is_inner_matrix(name, p)]
        chosen = {id(p) for p in inner}
        parameters = [p for p in self._parameters.values() if id(p) not in chosen]
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        self._optimizers: list[tuple[torch.optim.Optimizer, float]] = []  # each with the factor of its learning rate
        if groups:
            self._optimizers.append((torch.optim.AdamW(groups, betas=betas), 1.0))
        if inner:
            decay = weight_decay / muon_factor  # times the learning rate it is as strong as AdamW's
            muon = torch.optim.Muon(inner, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
            self._optimizers.append((muon, muon_factor))
        self._owner = {id(p): one for one, _ in self._optimizers for group in one.param_groups for p in group["params"]}

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
        for optimizer, factor in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * learning_rate
            optimizer.step()
        self.gradient.zero_()

    def state(self) -> dict[str, Tensor]:
        """What the optimizer remembers, by `parameter/quantity`; empty before the first step."""
        return {
            f"{name}/{key}": value
            for name, parameter in self._parameters.items()
            for key, value in self._owner[id(parameter)].state[parameter].items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from a saved state.

        Args:
            tensors: As `state` returned them, on any device.
        """
        for name, parameter in self._parameters.items():
            saved = {key.rpartition("/")[2]: value for key, value in tensors.items() if key.startswith(f"{name}/")}
            # Adam counts its steps on the CPU, wherever the weights are.
            self._owner[id(parameter)].state[parameter] = {
                key: value.clone() if key == "step" else value.to(parameter.device).clone()
                for key, value in saved.items()
            }


def build_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """The optimizer that a configuration asks for.

    Args:
        model: In float32, on its final device.
        config: How to train.

    Returns:
        The optimizer, before its first step.
    """
    muon_factor = config.muon_factor if config.optimizer == "muon" else 0.0
    return Optimizer(model, weight_decay=config.weight_decay, betas=config.betas, muon_factor=muon_factor)
