r"""The training loop of both wings.

    result = train(task, TrainConfig(max_epochs=20), "runs/an4", settings=config_to_dict(recipe_config))

A recipe supplies a `Task` (its data, model, loss and metric); the loop does the rest, the same for every recipe.
One process:                     python recipes/speech/an4.py
Two GPUs, restarted if one dies: TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 \
                                 torchrun --standalone --nproc-per-node 2 --max-restarts 3 recipes/speech/an4.py
Several machines:                the same with --nnodes 2 --rdzv-backend c10d --rdzv-endpoint HOST:29500 on each
(Without that variable, 14 of 20 restarts after a killed process failed or hung; with it 17 of 17 went well.)

What it promises:
- The data, and the random numbers of a step, are pure functions of (seed, epoch, index, rank). A run that was
  killed at any moment, or stopped by SIGTERM or Ctrl-C, and then started again with the same command ends with the
  same weights as an unbroken one, bit for bit on a CPU with as many threads. On a GPU a few kernels, the CTC
  gradient among them, add in no fixed order.
- The gradient is that of the summed loss over the number of units (tokens, characters) of all processes, so that
  several processes equal one. Gradients are added in one flat all-reduce; there is no wrapper around the model.
- On a signal all processes finish the step, save and leave together: `result.stopped_by` is "signal" and
  `result.exit_code` is 143, so that `raise SystemExit(result.exit_code)` tells a scheduler to start it again.
- Only the first process evaluates, logs and writes; only its run folder is read, so machines need not share one.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NoReturn, TypeVar

import safetensors.torch
import torch
from torch import Tensor

from audio_lstm.errors import TrainingError
from audio_lstm.training.batches import Prefetch, seed_for
from audio_lstm.training.config import TrainConfig
from audio_lstm.training.distributed import StopSignals, World, check_bf16, connect, map_tensors
from audio_lstm.training.ema import WeightAverage
from audio_lstm.training.optimizer import build_optimizer, learning_rate_at
from audio_lstm.training.report import Reporter, StepReport, listed
from audio_lstm.training.runs import BEST, LAST, Checkpoint, RunFolder, best_weights, differences, parse_checkpoint
from audio_lstm.training.task import StepLoss, Task

__all__ = ["StepLoss", "Task", "TrainConfig", "TrainResult", "train"]

Batch = TypeVar("Batch")
StoppedBy = Literal["epochs", "steps", "patience", "time", "signal"]

# These do not change what the weights mean: a resumed run may set them anew.
_MAY_CHANGE = tuple(
    f"train.{name}"
    for name in (
        *("checkpoint_every_steps", "checkpoint_every_minutes", "log_every_steps", "max_minutes"),
        *("n_threads", "device", "tensorboard"),
    )
)


@dataclass(frozen=True)
class TrainResult:
    """How a run ended. The task's model holds the best weights, or, after a signal, the present ones."""

    stopped_by: StoppedBy  # epochs, steps, patience and time end a run; after a signal it is to be continued
    step: int  # steps taken, in all processes of this run since it was first started
    best_score: float  # inf if nothing was evaluated
    history: tuple[dict[str, float], ...]  # every evaluation: its step, epoch and metrics

    @property
    def exit_code(self) -> int:
        """0, or 143 (as of a process ended by SIGTERM) after a signal."""
        return 143 if self.stopped_by == "signal" else 0


def train(
    task: Task[Batch],
    config: TrainConfig,
    run_dir: str | os.PathLike[str],
    *,
    settings: Mapping[str, Any] | None = None,
) -> TrainResult:
    """Train a task's model to the end, from the run folder's last checkpoint if it has one.

    Stops with a TrainingError, and leaves the last good checkpoint, if a loss or gradient is not finite, the
    folder's run had other settings or is damaged, the task breaks its contract, or another process was lost; with a
    ConfigError if the device or precision is not to be had here.

    Args:
        task: Data, model, loss and metric.
        config: How to train.
        run_dir: The run's folder (see runs.py). Delete it to start anew.
        settings: Whatever else determines the run, as JSON types; kept with it, and compared when it resumes.

    Returns:
        How the run ended.
    """
    if config.n_threads is not None:
        torch.set_num_threads(config.n_threads)
    with connect(config.device) as world, StopSignals() as signals:
        folder = RunFolder(run_dir, tensorboard=config.tensorboard) if world.rank == 0 else None
        try:
            return _Trainer(task, config, world, folder, settings or {}).run(signals)
        finally:
            if folder is not None:
                folder.close()


@dataclass
class _Position:
    """Where a run stands; JSON types."""

    step: int = 0  # steps taken
    epoch: int = 0  # the next batch's
    index: int = 0  # the next batch's; n_batches if the epoch is still to be ended
    best_score: float = math.inf
    n_worse: int = 0  # evaluations since the best
    n_empty: int = 0  # steps of this epoch in which no process had a unit to learn from
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class _Turn(Generic[Batch]):
    """What to do next: a batch, or the end of an epoch."""

    epoch: int
    index: int
    batch: Batch | None
    ends_epoch: bool = False


class _Trainer(Generic[Batch]):
    """One run in one process. All processes go through the same calls, so that their sums meet."""

    def __init__(
        self,
        task: Task[Batch],
        config: TrainConfig,
        world: World,
        folder: RunFolder | None,
        settings: Mapping[str, Any],
    ) -> None:
        self.task, self.config, self.world, self.folder = task, config, world, folder
        self.model = task.model.to(world.device)
        world.copy_from_first([*self.model.parameters(), *self.model.buffers()])
        self.optimizer = build_optimizer(self.model, config)
        self.average = WeightAverage(self.model, decay=config.ema_decay)
        self.bf16 = config.precision == "bf16" or (config.precision == "auto" and world.device.type == "cuda")
        if self.bf16:
            check_bf16(world.device)
        precise = dataclasses.asdict(config) | {"precision": "bf16" if self.bf16 else "fp32"}
        self.settings = {"train": precise, "n_processes": world.size, "recipe": dict(settings)}
        self.position = _Position()
        self.carry: tuple[Tensor, ...] | None = None
        self.unsaved = False
        n_steps = config.max_epochs * task.n_batches(0)
        self.total_steps = n_steps if config.max_steps is None else min(n_steps, config.max_steps)
        self.began = self.saved_at = time.monotonic()
        self.report: Reporter | None = None

    def run(self, signals: StopSignals) -> TrainResult:
        self._restore()
        if self.folder is not None:
            known = {int(evaluation["step"]) for evaluation in self.position.history}
            self.folder.begin(self.settings, step=self.position.step, evaluated_at=known)
            every = self.config.log_every_steps
            self.report = Reporter(self.folder, total=self.total_steps, done=self.position.step, log_every=every)
        stopped_by = self._over()
        try:
            if stopped_by is None:
                with Prefetch(self._turns(self.position.epoch, self.position.index)) as turns:
                    stopped_by = self._go(turns, signals)
            self._finish(stopped_by)
        finally:
            if self.report is not None:
                self.report.close()
        position = self.position
        return TrainResult(stopped_by, position.step, position.best_score, tuple(position.history))

    def _turns(self, first_epoch: int, first_index: int) -> Iterator[_Turn[Batch]]:
        """All that is left to do, in order; runs in the background thread."""
        world = self.world
        for epoch in range(first_epoch, self.config.max_epochs):
            n_batches = self.task.n_batches(epoch)
            if n_batches < 1:
                raise TrainingError(f"epoch {epoch} has no batches; the training data are empty")
            for index in range(first_index, n_batches):
                batch = self.task.batch(epoch, index, world.rank, world.size)
                if world.device.type == "cuda":  # copies from pinned memory overlap with computing
                    batch = map_tensors(Tensor.pin_memory, batch)
                yield _Turn(epoch, index, batch)
            yield _Turn(epoch, n_batches, None, ends_epoch=True)
            first_index = 0

    def _go(self, turns: Prefetch[_Turn[Batch]], signals: StopSignals) -> StoppedBy:
        stopped_by: StoppedBy | None = None
        for turn in turns:
            if turn.ends_epoch:
                self._end_epoch(turn)
                stopped_by = self._over()
            else:
                stopped_by = self._step(turn, signals)
            if stopped_by is not None:
                return stopped_by
        return "epochs"

    def _over(self) -> StoppedBy | None:
        """Why nothing is left to do, if so."""
        if self.position.epoch >= self.config.max_epochs:
            return "epochs"
        if self.config.max_steps is not None and self.position.step >= self.config.max_steps:
            return "steps"
        return "patience" if 0 < self.config.patience <= self.position.n_worse else None

    def _step(self, turn: _Turn[Batch], signals: StopSignals) -> StoppedBy | None:
        """One batch: loss, gradient, sums over the processes, step; and why to stop after it, if so."""
        config, position, world = self.config, self.position, self.world
        torch.manual_seed(seed_for(config.seed, turn.epoch, turn.index, world.rank))
        learning_rate = learning_rate_at(
            position.step,
            peak=config.learning_rate,
            warmup_steps=config.warmup_steps,
            total_steps=self.total_steps,
            final_fraction=config.final_lr_fraction,
        )
        loss, n_units, item_ids = self._backward(turn.batch)
        flags = [signals.received, *self._clock()]
        loss_sum, all_units, stop, late, save_due = world.totals([loss, n_units, *flags])
        if not math.isfinite(loss_sum):
            self._fail(f"loss is {loss_sum}", turn, () if math.isfinite(loss) else item_ids)
        norm = self._update(learning_rate, loss_sum, all_units, turn, item_ids) if all_units >= 1 else None
        position.step, position.epoch, position.index = position.step + 1, turn.epoch, turn.index + 1
        self.unsaved = True
        if norm is None:
            self._skip(turn, item_ids)
        else:
            self.average.update(position.step)
            if self.report is not None:
                done = StepReport(position.step, turn.epoch + 1, loss_sum, all_units, norm, learning_rate)
                self.report.step(done)
        if stop:
            return "signal"
        if late:
            return "time"
        if save_due or (config.checkpoint_every_steps and position.step % config.checkpoint_every_steps == 0):
            self._save()
        return self._over()

    def _update(
        self, learning_rate: float, loss_sum: float, all_units: float, turn: _Turn[Batch], item_ids: tuple[str, ...]
    ) -> float:
        """Change the weights by the gradient of all processes; its norm."""
        self.world.add(self.optimizer.gradient)
        norm = self.optimizer.norm(all_units)
        if not math.isfinite(norm):
            self._fail(f"gradient's norm is {norm} (the loss is {loss_sum / all_units:.4g})", turn, item_ids)
        self.optimizer.step(learning_rate=learning_rate, norm=norm, clip_norm=self.config.gradient_clip_norm)
        return norm

    def _skip(self, turn: _Turn[Batch], item_ids: tuple[str, ...]) -> None:
        """Leave the weights as they are: the batch holds nothing to learn from, in any process."""
        self.optimizer.gradient.zero_()
        self.position.n_empty += 1
        if self.report is not None:
            self.report.skipped(self.position.step, item_ids)

    def _backward(self, batch: Batch | None) -> tuple[float, int, tuple[str, ...]]:
        """Add the gradient of this process's share; its loss, its units and the names of its items."""
        if batch is None:
            return 0.0, 0, ()
        self.model.train()
        batch = map_tensors(lambda tensor: tensor.to(self.world.device, non_blocking=True), batch)
        with torch.autocast(self.world.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            result = self.task.loss(batch, self.carry)
        loss = result.loss_sum
        if loss.ndim or loss.dtype != torch.float32:
            raise TrainingError(
                f"a task's loss_sum must be a float32 scalar, got {loss.dtype} of shape {tuple(loss.shape)}; "
                "sum the loss of logits.float()"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        self.carry = None if result.carry is None else tuple(tensor.detach() for tensor in result.carry)
        return float(loss.detach()), result.n_units, result.item_ids

    def _clock(self) -> tuple[bool, bool]:
        """Whether time is up and whether a checkpoint is due, by the first process's clock alone."""
        if self.world.rank > 0:
            return False, False
        now, config = time.monotonic(), self.config
        late = config.max_minutes is not None and now - self.began >= 60 * config.max_minutes
        every = config.checkpoint_every_minutes
        return late, every is not None and now - self.saved_at >= 60 * every

    def _fail(self, what: str, turn: _Turn[Batch], item_ids: tuple[str, ...]) -> NoReturn:
        """Stop all processes with the items of those whose share is at fault."""
        shares = self.world.gather(json.dumps(item_ids).encode())
        names = [name for share in shares for name in json.loads(share)]
        raise TrainingError(
            f"the {what} at step {self.position.step + 1} (batch {turn.index} of epoch {turn.epoch}, from 0; "
            f"items: {listed(names)}); look at these items, or lower learning_rate or gradient_clip_norm. "
            "The last checkpoint is untouched"
        )

    def _end_epoch(self, turn: _Turn[Batch]) -> None:
        epoch, n_empty = turn.epoch, self.position.n_empty
        if n_empty >= turn.index:
            raise TrainingError(
                f"epoch {epoch} (from 0) had no units to learn from in any of its {turn.index} batches; look at the "
                "targets of the training data"
            )
        self.position.epoch, self.position.index, self.position.n_empty, self.carry = epoch + 1, 0, 0, None
        if (epoch + 1) % self.config.evaluate_every_epochs == 0 or epoch + 1 == self.config.max_epochs:
            self._evaluate()
        self._save()

    def _evaluate(self) -> None:
        """Measure the averaged weights, once a step, and keep them if they are the best so far."""
        position, began = self.position, time.monotonic()
        if any(evaluation["step"] == position.step for evaluation in position.history):
            return  # time was up, or max_steps reached, at the very end of an epoch
        metrics: dict[str, float] = {}
        if self.folder is not None:
            self.model.eval()
            with torch.no_grad(), self.average.in_place():
                metrics = {name: float(value) for name, value in self.task.evaluate().items()}
                if not math.isfinite(metrics.get("score", math.nan)):
                    raise TrainingError(
                        f"evaluate() must return a finite 'score', got {metrics}; the model may be broken"
                    )
                if metrics["score"] < position.best_score:
                    facts = {"step": position.step, "metrics": metrics, "settings": self.settings}
                    weights = {f"model/{name}": value for name, value in self.model.state_dict().items()}
                    self.folder.save(BEST, Checkpoint(weights, facts))
        metrics = json.loads(self.world.bytes_from_first(json.dumps(metrics).encode()))
        position.n_worse = 0 if metrics["score"] < position.best_score else position.n_worse + 1
        position.best_score = min(position.best_score, metrics["score"])
        position.history.append({"step": position.step, "epoch": position.epoch, **metrics})
        self.unsaved = True
        if self.report is not None:
            self.report.evaluation(position.history[-1], best=position.n_worse == 0, took_s=time.monotonic() - began)

    def _finish(self, stopped_by: StoppedBy) -> None:
        """Evaluate what no epoch's end will, save, and hand over the best weights."""
        if stopped_by in ("steps", "time"):
            self._evaluate()
        if self.unsaved:
            self._save()
        if stopped_by == "signal":
            self.world.gather(b"")  # nobody leaves before the checkpoint is written
            return
        if self.folder is not None:
            self.model.load_state_dict(best_weights(self.folder.path))
        self.world.copy_from_first([*self.model.parameters(), *self.model.buffers()])

    def _save(self) -> None:
        """Write the last checkpoint; every process adds its carried state."""
        carry = {str(i): tensor.contiguous() for i, tensor in enumerate(self.carry or ())}
        shares = self.world.gather(safetensors.torch.save(carry) if carry else b"")
        if self.folder is not None:
            groups = {
                "model": self.model.state_dict(),
                "ema": self.average.tensors,
                "optimizer": self.optimizer.state(),
                **{f"carry/{rank}": safetensors.torch.load(data) for rank, data in enumerate(shares) if data},
            }
            tensors = {f"{group}/{name}": tensor for group, part in groups.items() for name, tensor in part.items()}
            facts = {"position": dataclasses.asdict(self.position), "settings": self.settings}
            self.folder.save(LAST, Checkpoint(tensors, facts))
        self.unsaved, self.saved_at = False, time.monotonic()

    def _restore(self) -> None:
        """Go back to where the last checkpoint was written, if there is one."""
        file = self.folder.path / LAST if self.folder is not None else None
        data = self.world.bytes_from_first(file.read_bytes() if file is not None and file.exists() else b"")
        if not data:
            return
        checkpoint = parse_checkpoint(data, where=str(file))
        changed = differences(checkpoint.facts["settings"], self.settings, ignored=_MAY_CHANGE)
        if changed:
            raise TrainingError(
                f"{file}: this run began with other settings ({'; '.join(changed)}); set them back to resume it, or "
                "name another run folder to start a new run"
            )
        try:
            self.model.load_state_dict(checkpoint.group("model"))
            self.average.load(checkpoint.group("ema"))
            self.optimizer.load(checkpoint.group("optimizer"))
            self.position = _Position(**checkpoint.facts["position"])
        except (KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise TrainingError(
                f"{file}: does not fit this task's model ({reason}); name another run folder to start a new run"
            ) from error
        carry = checkpoint.group(f"carry/{self.world.rank}")
        if carry:
            self.carry = tuple(carry[str(i)].to(self.world.device) for i in range(len(carry)))
