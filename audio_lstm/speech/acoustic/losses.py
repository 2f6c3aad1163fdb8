"""What a CTC recogniser is trained on: CTC itself, and regularisers that have helped small models, each a switch.

    loss = training_loss(model, features, lengths, targets, CTCLossConfig(phoneme_weight=0.3))

Sources: Graves et al. 2006 (CTC); Lee & Watanabe 2021 (intermediate CTC); Yao et al. 2024 (CR-CTC: consistency between
two augmented views); Kim et al. 2017 and Pereyra et al. 2017 (label smoothing, here against peaky outputs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from audio_lstm.backbone import valid_frames
from audio_lstm.errors import ConfigError
from audio_lstm.speech.acoustic.config import SpeechModelConfig
from audio_lstm.speech.acoustic.model import CTCLoss, SpeechModel, ctc_loss
from audio_lstm.speech.text.alphabet import BLANK

__all__ = ["CTCLossConfig", "Targets", "check_loss", "training_loss"]


@dataclass(frozen=True)
class CTCLossConfig:
    """Which terms the training loss has. The defaults are CTC alone; docs/decisions/an4.md says what helped."""

    # Share of the loss that is CTC on the output of an inner layer, read by the same head (Lee & Watanabe 2021, eq. 8:
    # 0.3 of the loss at the middle layer). Needs inner layers as wide as the last.
    intermediate_weight: float = 0.0
    intermediate_layer: int = 2  # how many layers the inner head sees
    # Share of the loss that is CTC of the phonemes, read from an inner layer by a head of their own (Krishna et al.
    # 2018). Needs pronunciations, and n_phonemes in the model's configuration.
    phoneme_weight: float = 0.0
    phoneme_layer: int = 2  # how many layers the phoneme head sees; may be the last
    # Weight of the consistency between two differently masked views of each recording (Yao et al. 2024, eq. 4: 0.2).
    # It doubles the cost of a step, as every recording of a batch is heard twice.
    consistency_weight: float = 0.0
    # Weight of the cross-entropy against a uniform distribution over the symbols but the blank, summed over frames as
    # the CTC loss is (after Kim et al. 2017): keeps the outputs from growing peaky. 0.01 to 0.05.
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("intermediate_weight", "phoneme_weight", "label_smoothing"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"{name} is a share below 1, got {getattr(self, name)}")
        if not 0.0 <= self.consistency_weight <= 10.0:
            raise ConfigError(f"consistency_weight must lie in 0..10, got {self.consistency_weight}")
        for name in ("intermediate_layer", "phoneme_layer"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def n_views(self) -> int:
        """How many augmented views of a recording a batch holds, one after the other."""
        return 2 if self.consistency_weight else 1


class Targets(NamedTuple):
    """What the views of a batch say."""

    symbols: Sequence[Tensor]  # symbol ids of each view
    phonemes: Sequence[Tensor] = ()  # phoneme ids of each view, none where they are not known; () without phonemes


def training_loss(
    model: SpeechModel, features: Tensor, lengths: Tensor, targets: Targets, config: CTCLossConfig
) -> tuple[CTCLoss, Tensor]:
    """The loss of a padded batch.

    Args:
        model: In training mode.
        features: (views * batch, time, feature): all first views, then all second ones.
        lengths: Valid feature frames of each view (views * batch,); both views of an item have as many.
        targets: What each view says.
        config: Which terms to add.

    Returns:
        The loss per recording (views averaged), and the output frames of each view. Only `too_long` counts views. A
        term that the model has no layer or head for is a ConfigError.
    """
    check_loss(config, model.config)
    outputs = model.training_log_probs(
        features,
        lengths,
        inner_layers=(config.intermediate_layer,) if config.intermediate_weight else (),
        phoneme_layer=config.phoneme_layer if config.phoneme_weight else 0,
    )
    log_probs, output_lengths = outputs.log_probs, outputs.lengths
    outer = ctc_loss(log_probs, output_lengths, targets.symbols)
    total = outer.total
    for inner in outputs.inner:
        weight = config.intermediate_weight
        total = (1 - weight) * total + weight * ctc_loss(inner, output_lengths, targets.symbols).total
    if outputs.phonemes is not None:
        known = [view for view, phonemes in enumerate(targets.phonemes) if len(phonemes)]
        if known:
            said = [targets.phonemes[view] for view in known]
            phoneme_loss = ctc_loss(outputs.phonemes[known], output_lengths[known], said).total
            total = (1 - config.phoneme_weight) * total + config.phoneme_weight * phoneme_loss
    valid = valid_frames(output_lengths, log_probs)
    if config.label_smoothing:
        per_frame = -log_probs[:, :, BLANK + 1 :].mean(dim=2)
        total = (1 - config.label_smoothing) * total + config.label_smoothing * (per_frame * valid).sum()
    if config.consistency_weight:
        total = total + config.consistency_weight * _consistency(log_probs, valid)
    return CTCLoss(total / config.n_views, outer.n_symbols // config.n_views, outer.too_long), output_lengths


def check_loss(config: CTCLossConfig, model: SpeechModelConfig) -> None:
    """Make sure that the model has what the loss reads.

    Args:
        config: Of the loss.
        model: Of the model.

    Raises:
        ConfigError: If an inner layer or the phoneme head does not exist.
    """
    n_layers = model.lstm.n_layers
    if config.intermediate_weight and config.intermediate_layer >= n_layers:
        raise ConfigError(
            f"intermediate_layer must lie below the number of layers ({n_layers}), got {config.intermediate_layer}"
        )
    if config.phoneme_weight and config.phoneme_layer > n_layers:
        raise ConfigError(
            f"phoneme_layer must be at most the number of layers ({n_layers}), got {config.phoneme_layer}"
        )
    if config.phoneme_weight and not model.n_phonemes:
        raise ConfigError("phoneme_weight needs a model with a phoneme head; set n_phonemes of the model")


def _consistency(log_probs: Tensor, valid: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each view from the other one, which takes no gradient; summed over frames."""
    one, other = log_probs.chunk(2)
    valid = valid[: len(one)]

    def divergence(student: Tensor, teacher: Tensor) -> Tensor:
        frames = nn.functional.kl_div(student, teacher.detach(), reduction="none", log_target=True).sum(dim=2)
        return (frames * valid).sum()

    return divergence(one, other) + divergence(other, one)
