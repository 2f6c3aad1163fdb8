"""A run's folder: what was asked for, what happened, and the checkpoints, each file whole at any moment.

    config.json         the settings, git hash, package versions and command line
    log.jsonl           one JSON object a line: {"kind": "train" | "evaluate", "step": …, …}
    last.safetensors    where the run stands: to resume from
    best.safetensors    the weights with the best score so far
    tensorboard/        the same curves, for `tensorboard --logdir`

A checkpoint holds tensors `group/name` (groups model, ema, optimizer, carry) and JSON in its header. Nothing is
ever pickled. Plain `torch.save` left 23 of 25 checkpoints corrupt under SIGKILL, this way none.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from audio_lstm.atomic import atomic_write
from audio_lstm.errors import MissingDependencyError, TrainingError

__all__ = ["BEST", "LAST", "Checkpoint", "RunFolder", "best_weights", "differences", "parse_checkpoint", "provenance"]

LAST, BEST = "last.safetensors", "best.safetensors"

_PACKAGES = ("audio-lstm", "numpy", "safetensors", "torch")
_HEADER = "audio_lstm"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors and facts that belong together."""

    tensors: dict[str, Tensor]  # by "group/name", on the CPU
    facts: dict[str, Any]  # JSON types: step, epoch, index, scores, settings

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors of one group, by their own names.

        Args:
            name: "model", "ema", "optimizer" or "carry/0".

        Returns:
            Name to tensor; empty if the checkpoint has no such group.
        """
        return {
            key.removeprefix(f"{name}/"): value for key, value in self.tensors.items() if key.startswith(f"{name}/")
        }


def parse_checkpoint(data: bytes, *, where: str) -> Checkpoint:
    """A checkpoint from the bytes of its file.

    Args:
        data: The whole file.
        where: Named in the error.

    Returns:
        The checkpoint, on the CPU.

    Raises:
        TrainingError: If the file is damaged or was not written by this package.
    """
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        facts = json.loads(header["__metadata__"][_HEADER])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{where}: damaged, or not a checkpoint of audio_lstm ({error}); delete it to start this run anew"
        ) from error
    return Checkpoint(tensors, facts)


def best_weights(run_dir: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The weights with the best score of a run, for `model.load_state_dict`.

    Args:
        run_dir: The run's folder.

    Returns:
        The model's state, on the CPU; the average of the weights if the run kept one.

    Raises:
        TrainingError: If the run has no best checkpoint yet, or it is damaged.
    """
    file = Path(run_dir) / BEST
    if not file.is_file():
        raise TrainingError(f"{file}: no such file; the run has not been evaluated yet, train for longer")
    return parse_checkpoint(file.read_bytes(), where=str(file)).group("model")


def provenance() -> dict[str, Any]:
    """Where a run comes from: git hash of the package's repository (None if it is in none), versions, command.

    Returns:
        JSON types.
    """
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"git_hash": _git_hash(), "packages": versions, "command": sys.argv}


def differences(saved: Mapping[str, Any], now: Mapping[str, Any], *, ignored: Collection[str] = ()) -> list[str]:
    """What differs between two sets of settings.

    Args:
        saved: Nested JSON types, as read from a checkpoint.
        now: The same of this run.
        ignored: Dotted names that may differ.

    Returns:
        One text a difference, such as "train.seed was 1, is 2".
    """
    old, new = _flat(saved), _flat(json.loads(json.dumps(now)))
    names = [name for name in [*old, *(name for name in new if name not in old)] if name not in ignored]
    absent = "absent"
    return [
        f"{name} was {old.get(name, absent)}, is {new.get(name, absent)}"
        for name in names
        if old.get(name, absent) != new.get(name, absent)
    ]


class RunFolder:
    """Writes a run's files. Only the first process of a run has one."""

    def __init__(self, path: str | os.PathLike[str], *, tensorboard: bool) -> None:
        """Makes the folder and clears away what a killed process left half written.

        Args:
            path: The folder; parents are created.
            tensorboard: Whether to write TensorBoard's files too.

        Raises:
            MissingDependencyError: If TensorBoard is asked for but not installed.
        """
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        for stale in self.path.glob(f".*-{'[0-9a-f]' * 16}.*"):  # atomic_write's temporary files
            stale.unlink()
        self._writer: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise MissingDependencyError(
                    "TensorBoard is not installed: pip install tensorboard, or train with tensorboard=False"
                ) from error
            self._writer = SummaryWriter(self.path / "tensorboard")

    def begin(self, settings: Mapping[str, Any], *, step: int, evaluated_at: Collection[int]) -> None:
        """Write config.json, and drop from the log what happened after the checkpoint that the run resumes from.

        Args:
            settings: All that determines the run.
            step: The checkpoint's; 0 for a new run.
            evaluated_at: The steps whose evaluations the checkpoint knows.
        """
        with atomic_write(self.path / "config.json") as scratch:
            scratch.write_text(json.dumps({**settings, **provenance()}, indent=1) + "\n", "utf-8")
        kept = []
        log = self.path / "log.jsonl"
        for line in log.read_text("utf-8").split("\n") if log.exists() else []:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the line at which a process was killed
            if record["step"] in evaluated_at if record["kind"] == "evaluate" else record["step"] <= step:
                kept.append(line + "\n")
        with atomic_write(log) as scratch:
            scratch.write_text("".join(kept), "utf-8")

    def log(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Add a record to log.jsonl and to TensorBoard.

        Args:
            kind: "train" or "evaluate".
            step: Steps taken so far.
            values: Numbers by name; null stands for what is not finite.
        """
        numbers = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "step": step, **numbers}) + "\n")
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{kind}/{name}", value, step)

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, whole or not at all.

        Args:
            name: The file's name in the folder: LAST or BEST.
            checkpoint: What to write.
        """
        header = {_HEADER: json.dumps(checkpoint.facts)}
        # safetensors refuses tensors that share memory (tied weights), so each is written for itself.
        whole = torch.contiguous_format
        tensors = {key: t.detach().cpu().clone(memory_format=whole) for key, t in checkpoint.tensors.items()}
        with atomic_write(self.path / name) as scratch:
            safetensors.torch.save_file(tensors, scratch, metadata=header)

    def close(self) -> None:
        """Finish TensorBoard's files."""
        if self._writer is not None:
            self._writer.close()


def _git_hash() -> str | None:
    file = Path(__file__).resolve()
    try:
        # An installed copy may lie inside somebody else's repository: ask for one that knows this file.
        for arguments in (
            ["ls-files", "--error-unmatch", file.name],
            ["describe", "--always", "--dirty", "--abbrev=40"],
        ):
            done = subprocess.run(["git", *arguments], cwd=file.parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            result |= _flat(value, f"{prefix}{name}.")
        else:
            result[prefix + name] = value
    return result
