"""What a recipe gives to the training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor, nn

__all__ = ["StepLoss", "Task"]

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class StepLoss:
    """What a task makes of one batch."""

    loss_sum: Tensor  # scalar float32: the loss summed over the units
    n_units: int  # tokens or characters that it sums over; a step in which no process has any is skipped
    carry: tuple[Tensor, ...] | None = None  # state for the next batch of this epoch; the loop detaches it
    item_ids: tuple[str, ...] = ()  # names of the batch's items, for error messages


class Task(Protocol[Batch]):
    """What a recipe supplies. A batch may be any (nested) dataclass, tuple, list or dict of tensors.

    `n_batches` and `batch` are called from one background thread (and once before it starts), `loss` and
    `evaluate` from the main one, at the same time: share nothing between them that changes.
    """

    @property
    def model(self) -> nn.Module:
        """What is trained; its best weights are in it when `train` returns."""

    def n_batches(self, epoch: int) -> int:
        """How many batches the epoch has, in every process; at least 1."""

    def batch(self, epoch: int, index: int, rank: int, world_size: int) -> Batch | None:
        """This process's share of batch `index`; None if it has none of its items.

        A pure function of its arguments and the seed: random numbers come from
        `np.random.default_rng([seed, epoch, index])`, never from torch's or numpy's global generators. Tensors
        are on the CPU; the loop moves them.
        """

    def loss(self, batch: Batch, carry: tuple[Tensor, ...] | None) -> StepLoss:
        """The loss of a batch, in float32 (`logits.float()`), under autocast if that is on.

        `carry` is that of the batch before: None at the start of an epoch.
        """

    def evaluate(self) -> dict[str, float]:
        """The metrics; `score` is the one that decides, and lower is better.

        Called in the first process only, with the averaged weights in place, `model.eval()` and no gradients.
        """
