"""What a CTC recogniser is trained on: CTC itself, and regularisers that have helped small models, each a switch.

    loss = training_loss(model, features, lengths, targets, CTCLossConfig(intermediate_weight=0.3))

Sources: Graves et al. 2006 (CTC); Lee & Watanabe 2021 (intermediate CTC); Yao et al. 2024 (CR-CTC: consistency between
two augmented views); Kim et al. 2017 and Pereyra et al. 2017 (label smoothing, here against peaky outputs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from audio_lstm.errors import ConfigError
from audio_lstm.speech.alphabet import BLANK
from audio_lstm.speech.model import CTCLoss, SpeechModel, ctc_loss

__all__ = ["CTCLossConfig", "training_loss"]


@dataclass(frozen=True)
class CTCLossConfig:
    """Which terms the training loss has. The defaults are CTC alone; recipes/README.md says what helped."""

    # Share of the loss that is CTC on the output of an inner layer, read by the same head (Lee & Watanabe 2021, eq. 8:
    # 0.3 of the loss at the middle layer). Needs inner layers as wide as the last.
    intermediate_weight: float = 0.0
    intermediate_layer: int = 2  # how many layers the inner head sees
    # Weight of the consistency between two differently masked views of each recording (Yao et al. 2024, eq. 4: 0.2).
    # It doubles the cost of a step, as every recording of a batch is heard twice.
    consistency_weight: float = 0.0
    # Weight of the cross-entropy against a uniform distribution over the symbols but the blank, summed over frames as
    # the CTC loss is (after Kim et al. 2017): keeps the outputs from growing peaky. 0.01 to 0.05.
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("intermediate_weight", "label_smoothing"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"{name} is a share below 1, got {getattr(self, name)}")
        if not 0.0 <= self.consistency_weight <= 10.0:
            raise ConfigError(f"consistency_weight must lie in 0..10, got {self.consistency_weight}")
        if self.intermediate_layer < 1:
            raise ConfigError(f"intermediate_layer must be at least 1, got {self.intermediate_layer}")

    @property
    def n_views(self) -> int:
        """How many augmented views of a recording a batch holds, one after the other."""
        return 2 if self.consistency_weight else 1


def training_loss(
    model: SpeechModel, features: Tensor, lengths: Tensor, targets: Sequence[Tensor], config: CTCLossConfig
) -> tuple[CTCLoss, Tensor]:
    """The loss of a padded batch.

    Args:
        model: In training mode.
        features: (views * batch, time, feature): all first views, then all second ones.
        lengths: Valid feature frames of each view (views * batch,); both views of an item have as many.
        targets: Symbol ids of each view.
        config: Which terms to add.

    Returns:
        The loss per recording (views averaged), and the output frames of each view. Only `too_long` counts views.

    Raises:
        ConfigError: If the inner layer does not exist or is not as wide as the head expects.
    """
    inner_layers = (config.intermediate_layer,) if config.intermediate_weight else ()
    if inner_layers and config.intermediate_layer >= model.config.lstm.n_layers:
        raise ConfigError(
            f"intermediate_layer must lie below the number of layers ({model.config.lstm.n_layers}), "
            f"got {config.intermediate_layer}"
        )
    log_probs, *inner, output_lengths = model.training_log_probs(features, lengths, inner_layers)
    outer = ctc_loss(log_probs, output_lengths, targets)
    total = outer.total
    if inner:
        weight = config.intermediate_weight
        total = (1 - weight) * total + weight * ctc_loss(inner[0], output_lengths, targets).total
    valid = (
        torch.arange(log_probs.shape[1], device=log_probs.device)[None, :]
        < output_lengths.to(log_probs.device)[:, None]
    )
    if config.label_smoothing:
        per_frame = -log_probs[:, :, BLANK + 1 :].mean(dim=2)
        total = (1 - config.label_smoothing) * total + config.label_smoothing * (per_frame * valid).sum()
    if config.consistency_weight:
        total = total + config.consistency_weight * _consistency(log_probs, valid)
    return CTCLoss(total / config.n_views, outer.n_symbols // config.n_views, outer.too_long), output_lengths


def _consistency(log_probs: Tensor, valid: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each view from the other one, which takes no gradient; summed over frames."""
    one, other = log_probs.chunk(2)
    valid = valid[: len(one)]

    def divergence(student: Tensor, teacher: Tensor) -> Tensor:
        frames = nn.functional.kl_div(student, teacher.detach(), reduction="none", log_target=True).sum(dim=2)
        return (frames * valid).sum()

    return divergence(one, other) + divergence(other, one)
