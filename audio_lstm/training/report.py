"""What a run tells while it trains: the log's records, and on stderr how far it is and how long it will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audio_lstm.training.runs import RunFolder

__all__ = ["Progress", "Reporter", "StepReport", "duration_text", "listed"]

_LINE_EVERY_S = 30.0
_MAX_NAMES = 20  # of items in a message


@dataclass(frozen=True)
class StepReport:
    """What came of one step, over all processes."""

    step: int  # steps taken so far, this one included
    epoch: int  # from 1: the evaluation at its end bears the same number
    loss_sum: float  # summed over the units
    n_units: float
    gradient_norm: float  # of the mean gradient, before clipping
    learning_rate: float


class Reporter:
    """Averages steps into log records, and keeps the progress going."""

    def __init__(self, folder: RunFolder, *, total: int, done: int, log_every: int) -> None:
        """Shows the progress at once.

        Args:
            folder: Where the log is.
            total: Steps of the whole run.
            done: Steps that an earlier process took.
            log_every: Steps in a record.
        """
        self._folder, self._log_every = folder, log_every
        self._progress = Progress(total=total, done=done)
        self._began = time.monotonic()
        self._since: list[StepReport] = []

    def step(self, report: StepReport) -> None:
        """Take note of a step; every log_every steps a record is written.

        Args:
            report: Of this step.
        """
        self._since.append(report)
        n_units = sum(one.n_units for one in self._since)
        loss = sum(one.loss_sum for one in self._since) / n_units
        norm = report.gradient_norm
        self._progress.step(report.step, f"epoch {report.epoch}  loss {loss:.4f}  gradient {norm:.3g}")
        if report.step % self._log_every:
            return
        norms = [one.gradient_norm for one in self._since]
        record = {
            "epoch": report.epoch,
            "loss": loss,
            "gradient_norm": sum(norms) / len(norms),
            "gradient_norm_max": max(norms),
            "learning_rate": report.learning_rate,
            "units_per_s": n_units / max(1e-9, time.monotonic() - self._began),
        }
        self._folder.log("train", report.step, record)
        self._since, self._began = [], time.monotonic()

    def skipped(self, step: int, items: Sequence[str]) -> None:
        """Take note of a step that changed nothing, as no process had a unit to learn from.

        Args:
            step: Steps taken so far, this one included.
            items: The names of this process's share of the batch.
        """
        self._progress.line(f"step {step} skipped: no units to learn from (items: {listed(items)})")

    def evaluation(self, metrics: Mapping[str, float], *, best: bool, took_s: float) -> None:
        """Take note of an evaluation.

        Args:
            metrics: With `step` and `epoch` among them.
            best: Whether it is the best so far.
            took_s: How long it took, in seconds.
        """
        others = {name: value for name, value in metrics.items() if name not in ("step", "epoch")}
        self._folder.log("evaluate", int(metrics["step"]), {"epoch": metrics["epoch"], **others})
        values = "  ".join(f"{name} {value:.4f}" for name, value in others.items())
        place = f"epoch {metrics['epoch']:.0f}  step {metrics['step']:.0f}"
        self._progress.line(f"{place}  {values}{'  (best)' if best else ''}  in {duration_text(took_s)}")
        self._began += took_s  # not the steps' time

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._progress.close()


class Progress:
    """Counts steps towards a goal. The time left is estimated from the steps that this process took."""

    def __init__(self, *, total: int, done: int) -> None:
        """Begins to count time.

        Args:
            total: Steps of the whole run.
            done: Steps that an earlier process took.
        """
        self._total, self._first = total, done
        self._began = self._last_line = time.monotonic()
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, unit="step", dynamic_ncols=True, file=sys.stderr)

    def step(self, step: int, text: str) -> None:
        """Show a step.

        Args:
            step: Steps taken so far.
            text: What to show with it.
        """
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(step - self._bar.n)
            return
        now = time.monotonic()
        if now - self._last_line >= _LINE_EVERY_S:
            self._last_line = now
            left_s = (now - self._began) / max(1, step - self._first) * max(0, self._total - step)
            self.line(f"step {step}/{self._total}  {text}  {duration_text(left_s)} left")

    def line(self, text: str) -> None:
        """Write a line of its own, above the bar if there is one.

        Args:
            text: Without the line's end.
        """
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()


def duration_text(seconds: float) -> str:
    """A duration as people write it.

    Args:
        seconds: At least 0.

    Returns:
        For instance "42 s", "3 min 05 s" or "2 h 07 min".
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def listed(names: Sequence[str]) -> str:
    """The names of a batch's items, for a message.

    Args:
        names: All of them.

    Returns:
        The first ones, and how many more there are.
    """
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more or "not named"
