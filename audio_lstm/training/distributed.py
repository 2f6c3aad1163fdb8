"""The processes of a run: who is who, sums over all of them, and leaving together when one is told to stop."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor

from audio_lstm.backbone import LSTMBackbone
from audio_lstm.config import LSTMConfig
from audio_lstm.errors import ConfigError, TrainingError

__all__ = [
    "StopSignals",
    "World",
    "check_bf16",
    "connect",
    "is_first_process",
    "leave",
    "map_tensors",
    "resolve_device",
]

# Others wait while the first process evaluates; a lost process is noticed by torchrun long before this.
_TIMEOUT = timedelta(hours=2)


@dataclass(frozen=True)
class World:
    """The processes that train together, seen from one of them."""

    rank: int  # which one this is, from 0; the first one evaluates, logs and saves
    size: int  # how many there are
    device: torch.device  # where this one computes

    def add(self, tensor: Tensor) -> None:
        """Replace a tensor by its sum over all processes, in place.

        Args:
            tensor: Of one shape everywhere, on `device`.
        """
        if self.size > 1:
            with _lost_worker():
                dist.all_reduce(tensor)

    def totals(self, values: Iterable[float]) -> list[float]:
        """Sum plain numbers over all processes.

        Args:
            values: As many in every process.

        Returns:
            Their sums, in float64, the same in every process.
        """
        tensor = torch.tensor(list(values), dtype=torch.float64, device=self.device if self.size > 1 else "cpu")
        self.add(tensor)
        return [float(value) for value in tensor.tolist()]

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of the first process.

        Args:
            tensors: Of one shape everywhere, on `device`.
        """
        if self.size > 1:
            with _lost_worker(), torch.no_grad():
                for tensor in tensors:
                    dist.broadcast(tensor, src=0)

    def bytes_from_first(self, data: bytes) -> bytes:
        """The first process's data.

        Args:
            data: What to send; ignored in the other processes.

        Returns:
            The same bytes in every process.
        """
        return self.gather(data if self.rank == 0 else b"")[0]

    def gather(self, data: bytes) -> list[bytes]:
        """Everyone's data.

        Args:
            data: This process's own, of any length.

        Returns:
            One entry a process, in the order of their ranks, the same in every process.
        """
        if self.size == 1:
            return [data]
        sizes = [int(n) for n in self.totals(len(data) if i == self.rank else 0 for i in range(self.size))]
        received = []
        for rank, size in enumerate(sizes):
            own = torch.frombuffer(bytearray(data), dtype=torch.uint8) if rank == self.rank and size else None
            tensor = torch.empty(size, dtype=torch.uint8) if own is None else own
            tensor = tensor.to(self.device)
            if size:
                with _lost_worker():
                    dist.broadcast(tensor, src=rank)
            received.append(tensor.cpu().numpy().tobytes())
        return received


def resolve_device(device: str) -> torch.device:
    """The device that this process computes on.

    Args:
        device: "cpu", "cuda", or "auto" for a CUDA GPU where there is one. Each process of a machine takes the
            GPU of its LOCAL_RANK.

    Returns:
        The device.

    Raises:
        ConfigError: If the device is unknown, or cuda is asked for and torch sees no GPU.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device must be auto, cpu or cuda, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but torch sees no GPU here; use device cpu or auto")
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def check_bf16(device: torch.device) -> None:
    """Make sure that LSTMs run under bf16 autocast here; some CPUs and old GPUs refuse.

    Args:
        device: Where to try.

    Raises:
        ConfigError: If they do not.
    """
    backbone = LSTMBackbone(LSTMConfig(8, hidden_size=8, n_layers=1)).to(device)
    try:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            output, _ = backbone(torch.zeros(1, 2, 8, device=device))
        output.float().sum().backward()
    except RuntimeError as error:
        raise ConfigError(f"this {device.type} cannot train LSTMs in bf16; use precision fp32") from error


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Apply a function to every tensor in a (nested) dataclass, tuple, list or dict.

    Args:
        change: What to do with a tensor.
        value: The structure; it is not changed.

    Returns:
        The same structure with the results; what is neither structure nor tensor is passed through.
    """
    if isinstance(value, Tensor):
        return change(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: map_tensors(change, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(value, **parts)
    if isinstance(value, dict):
        return {key: map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [map_tensors(change, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


@contextmanager
def connect(device: str) -> Iterator[World]:
    """Join the processes that torchrun started (RANK, WORLD_SIZE, LOCAL_RANK), or be the only one.

    Gloo on CPUs, NCCL on GPUs. A group that the caller has set up is used and left open.

    Args:
        device: As in `resolve_device`.

    Yields:
        The world; its connections are closed when the block ends.
    """
    here = resolve_device(device)
    if here.type == "cuda":
        torch.cuda.set_device(here)
    joined_here = not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1
    if joined_here:
        dist.init_process_group("nccl" if here.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        if dist.is_initialized():
            yield World(dist.get_rank(), dist.get_world_size(), here)
        else:
            yield World(0, 1, here)
    finally:
        if joined_here:
            dist.destroy_process_group()


def is_first_process() -> bool:
    """Whether this process is the only one, or the first that torchrun started: the one that writes the model."""
    return os.environ.get("RANK", "0") == "0"


def leave(status: int) -> NoReturn:
    """End the process; in a group, without waiting for Python's and torch's teardown.

    There gloo's threads now and then abort a process that has done all its work (torch 2.11: "terminate called
    without an active exception"), and torchrun would call the run a failure.

    Args:
        status: Exit status.

    Raises:
        SystemExit: In a process that is alone.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    raise SystemExit(status)


class StopSignals:
    """Notices SIGTERM and SIGINT (Ctrl-C) instead of dying of them; a second Ctrl-C interrupts at once.

    Only the main thread can listen; elsewhere nothing changes. The former handlers return when the block ends.
    """

    def __init__(self) -> None:
        self.received = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._former[number] = signal.signal(number, self._notice)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _notice(self, number: int, frame: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = True


@contextmanager
def _lost_worker() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise TrainingError(
            f"another process of this run was lost ({reason}); start the same command again, it resumes"
        ) from error
