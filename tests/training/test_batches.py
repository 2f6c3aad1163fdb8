import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from audio_lstm.errors import ConfigError
from audio_lstm.training.batches import Prefetch, bucket_batches, seed_for, share

LENGTHS = np.random.default_rng(0).integers(20, 900, size=300)


def test_every_item_appears_once_within_the_budget():
    n_batches = 0
    for epoch in range(5):
        batches = bucket_batches(LENGTHS, frames_per_batch=4000, seed=1, epoch=epoch)
        assert sorted(item for batch in batches for item in batch) == list(range(300))
        for batch in batches:
            assert len(batch) * max(LENGTHS[list(batch)]) <= 4000
        n_batches += len(batches)
    assert n_batches > 100


def test_batches_are_a_pure_function_of_seed_and_epoch():
    def batches(seed, epoch):
        return bucket_batches(list(LENGTHS), frames_per_batch=4000, seed=seed, epoch=epoch)

    assert batches(1, 2) == batches(1, 2)
    assert batches(1, 2) != batches(1, 3)
    assert batches(1, 2) != batches(2, 2)


def test_neighbours_change_between_epochs_and_batches_are_not_in_order_of_length():
    first, second = (bucket_batches(LENGTHS, frames_per_batch=4000, seed=1, epoch=epoch) for epoch in (0, 1))
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}
    longest = [int(LENGTHS[list(batch)].max()) for batch in first]
    assert longest != sorted(longest)


def test_padding_is_a_small_part_of_the_batches():
    batches = bucket_batches(LENGTHS, frames_per_batch=4000, seed=1, epoch=0)
    padded = sum(len(batch) * int(LENGTHS[list(batch)].max()) for batch in batches)
    assert LENGTHS.sum() / padded > 0.85


def test_max_items_limits_every_batch():
    batches = bucket_batches([1] * 25, frames_per_batch=1000, seed=0, epoch=0, max_items=10)
    assert sorted(map(len, batches)) == [5, 10, 10]


@pytest.mark.parametrize(
    ("lengths", "options", "message"),
    [
        ([], {}, "at least one length, got shape"),
        ([3, 0], {}, "item 1 has length 0; leave empty items out"),
        ([3, 50], {}, r"item 1 has 50 frames, more than frames_per_batch \(40\); raise it"),
        ([3], {"max_items": 0}, "max_items must be at least 1 or None, got 0"),
    ],
)
def test_impossible_batches_are_refused(lengths, options, message):
    with pytest.raises(ConfigError, match=message):
        bucket_batches(lengths, frames_per_batch=40, seed=0, epoch=0, **options)


def test_shares_are_disjoint_and_complete():
    shares = [share("abcdefg", rank, 3) for rank in range(3)]
    assert shares == [("a", "d", "g"), ("b", "e"), ("c", "f")]
    assert share("a", 1, 2) == ()


def test_a_rank_outside_the_world_is_refused():
    with pytest.raises(ConfigError, match=r"rank must lie in 0\.\.1, got 2"):
        share("abc", 2, 2)


def test_seeds_differ_for_every_part():
    seeds = [seed_for(a, b, c, d) for a in range(3) for b in range(3) for c in range(3) for d in range(2)]
    assert len(set(seeds)) == 54
    assert seeds[0] == seed_for(0, 0, 0, 0)
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_prefetched_items_come_in_order():
    with Prefetch(iter(range(50))) as items:
        assert list(items) == list(range(50))


def test_prefetch_works_ahead_but_not_further_than_its_depth():
    made = []
    reached = threading.Event()

    def items():
        for i in range(10):
            made.append(i)
            if i == 2:
                reached.set()
            yield i

    with Prefetch(items(), depth=2) as prefetched:
        assert reached.wait(10)  # two wait in the queue, the third waits for room
        assert len(made) == 3
        assert list(prefetched) == list(range(10))


def test_an_error_in_the_iterator_reaches_the_consumer_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("item 2 is damaged")

    seen = []

    def consume():
        with Prefetch(items()) as prefetched:
            for item in prefetched:
                seen.append(item)

    with pytest.raises(ValueError, match="item 2 is damaged"):
        consume()
    assert seen == [1]
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_leaving_early_ends_the_thread():
    def endless():
        while True:
            time.sleep(0.001)
            yield 0

    with Prefetch(endless()) as items:
        next(iter(items))
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_no_torch_is_imported():
    program = "import sys, audio_lstm.training.batches, audio_lstm.training.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
