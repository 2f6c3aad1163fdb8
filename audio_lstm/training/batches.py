"""Which items make up a batch, which of them belong to this process, and preparing them ahead of time. No torch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_lstm.errors import ConfigError

__all__ = ["Prefetch", "bucket_batches", "seed_for", "share"]

T = TypeVar("T")

_JITTER = 0.1  # lengths are sorted up to this fraction, so that neighbours change from epoch to epoch


def bucket_batches(
    lengths: Sequence[int] | NDArray[np.integer],
    *,
    frames_per_batch: int,
    seed: int,
    epoch: int,
    max_items: int | None = None,
    jitter: float = _JITTER,
) -> list[tuple[int, ...]]:
    """The batches of one epoch: items of similar length together, in random order.

    A pure function of its arguments: every process and every resumed run gets the same batches. Items are sorted
    by length up to a little random jitter and cut where the padded size would pass the budget, and then the
    batches are shuffled. (Budgets of frames rather than items: Kaldi, ESPnet `numel`, lhotse `max_duration`.)

    Args:
        lengths: The length of each item in frames (or tokens), each at least 1.
        frames_per_batch: The most that items times longest item may come to.
        seed: Of the run.
        epoch: From 0; each epoch has its own order.
        max_items: The most items in a batch; None for no limit.
        jitter: How far, as a fraction, a length may seem longer or shorter when they are sorted.

    Returns:
        For each batch, the indices of its items. Every item appears exactly once.

    Raises:
        ConfigError: If there are no items, one is empty or longer than the budget, or max_items is below 1.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.ndim != 1 or sizes.size == 0:
        raise ConfigError(f"lengths must be a list of at least one length, got shape {sizes.shape}")
    if int(sizes.min()) < 1:
        raise ConfigError(f"item {int(sizes.argmin())} has length {int(sizes.min())}; leave empty items out")
    if int(sizes.max()) > frames_per_batch:
        raise ConfigError(
            f"item {int(sizes.argmax())} has {int(sizes.max())} frames, more than frames_per_batch "
            f"({frames_per_batch}); raise it or leave long items out"
        )
    if max_items is not None and max_items < 1:
        raise ConfigError(f"max_items must be at least 1 or None, got {max_items}")
    rng = np.random.default_rng([seed, epoch])
    keys = sizes * rng.uniform(1.0 - jitter, 1.0 + jitter, sizes.size)
    batches: list[tuple[int, ...]] = []
    batch: list[int] = []
    longest = 0
    for item in np.argsort(keys, kind="stable").tolist():
        padded = (len(batch) + 1) * max(longest, int(sizes[item]))
        if batch and (padded > frames_per_batch or len(batch) == max_items):
            batches.append(tuple(batch))
            batch, longest = [], 0
        batch.append(item)
        longest = max(longest, int(sizes[item]))
    batches.append(tuple(batch))
    return [batches[i] for i in rng.permutation(len(batches)).tolist()]


def share(items: Sequence[T], rank: int, world_size: int) -> tuple[T, ...]:
    """This process's part of a batch: every world_size-th item, so that sorted lengths spread evenly.

    Args:
        items: The items of the whole batch.
        rank: Which process, from 0.
        world_size: How many processes there are.

    Returns:
        Its items; none where there are fewer items than processes.

    Raises:
        ConfigError: If rank is not in 0..world_size - 1.
    """
    if not 0 <= rank < world_size:
        raise ConfigError(f"rank must lie in 0..{world_size - 1}, got {rank}")
    return tuple(items[rank::world_size])


def seed_for(*parts: int) -> int:
    """A 64-bit seed that is a pure function of small whole numbers such as (seed, epoch, index, rank).

    Args:
        *parts: Whole numbers, none negative.

    Returns:
        A seed; other parts or another order of them give an unrelated one.
    """
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


class Prefetch(Generic[T]):
    """An iterator that runs in a background thread, a few items ahead. Order and errors are the iterator's own.

        with Prefetch(make_batches()) as batches:
            for batch in batches: ...

    One thread is enough: numpy releases the GIL, and a single one cannot change the order. The iterator runs in
    that thread only, so it needs no locks of its own. Leaving the block ends the thread.
    """

    def __init__(self, items: Iterator[T], *, depth: int = 2) -> None:
        """Nothing runs before the block is entered.

        Args:
            items: What to run ahead of.
            depth: How many items may wait.
        """
        self._items = items
        # Each entry is (item, None), or (None, error or StopIteration) once at the end.
        self._queue: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)

    def __enter__(self) -> Prefetch[T]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while True:
            item, error = self._queue.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]  # only the last entry has no item

    def _work(self) -> None:
        try:
            for item in self._items:
                if not self._put((item, None)):
                    return
            self._put((None, StopIteration()))
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits for the item
            self._put((None, error))

    def _put(self, entry: tuple[T | None, BaseException | None]) -> bool:
        """Whether the entry found room before the block was left."""
        while not self._stop.is_set():
            try:
                self._queue.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
