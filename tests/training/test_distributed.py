import os
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from audio_lstm.errors import ConfigError, TrainingError
from audio_lstm.training.distributed import (
    StopSignals,
    World,
    connect,
    is_first_process,
    map_tensors,
    resolve_device,
)

Pair = namedtuple("Pair", "a b")


@dataclass(frozen=True)
class Item:
    x: Tensor
    names: tuple[str, ...]
    nested: dict[str, list[Tensor]]
    pair: Pair


def test_a_process_alone_is_its_own_world():
    with connect("cpu") as world:
        assert (world.rank, world.size, world.device.type) == (0, 1, "cpu")
        assert world.totals([1.5, True]) == [1.5, 1.0]
        assert world.gather(b"abc") == [b"abc"]
        assert world.bytes_from_first(b"") == b""
    assert not dist.is_initialized()


def test_one_process_of_a_run_is_the_first(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert is_first_process()
    monkeypatch.setenv("RANK", "1")
    assert not is_first_process()


def test_a_group_that_is_there_is_used_and_left_open(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        with connect("cpu") as world:
            assert (world.rank, world.size) == (0, 1)
        assert dist.is_initialized()
    finally:
        dist.destroy_process_group()


def test_collectives_agree_in_every_process(tmp_path):
    """Two processes (threads cannot share a group): sums, bytes of uneven and no length, and the first's tensors."""
    context = torch.multiprocessing.get_context("fork")
    results = context.Queue()

    def work(rank):
        torch.set_num_threads(1)
        dist.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=rank, world_size=2)
        with connect("cpu") as world:
            weights = torch.full((3,), float(rank + 1))
            world.copy_from_first([weights])
            gathered = world.gather(b"" if rank == 0 else b"second")
            results.put((world.totals([rank + 1, 0.5]), gathered, world.bytes_from_first(b"mine"), weights.tolist()))

    processes = [context.Process(target=work, args=(rank,)) for rank in range(2)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert answers == [([3.0, 1.0], [b"", b"second"], b"mine", [1.0, 1.0, 1.0])] * 2


def test_a_lost_process_is_an_error_of_ours(monkeypatch):
    def lost(tensor):
        raise RuntimeError("[gloo] Connection closed by peer\nmore of it")

    monkeypatch.setattr(dist, "all_reduce", lost)
    world = World(0, 2, torch.device("cpu"))
    message = r"another process of this run was lost \(\[gloo\] Connection closed by peer\); start the same command"
    with pytest.raises(TrainingError, match=message):
        world.totals([1.0])


def test_unknown_devices_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="device must be auto, cpu or cuda, got 'tpu'"):
        resolve_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="device is cuda, but torch sees no GPU here; use device cpu or auto"):
        resolve_device("cuda")
    assert resolve_device("auto").type == "cpu"


def test_each_process_of_a_machine_takes_its_own_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert resolve_device("auto") == torch.device("cuda", 3)
    assert resolve_device("cpu").type == "cpu"


def test_every_tensor_of_a_structure_is_mapped():
    one = torch.ones(1)
    item = Item(one, ("a",), {"k": [one, one]}, Pair(one, 7))
    doubled = map_tensors(lambda tensor: tensor * 2, item)
    assert isinstance(doubled, Item)
    assert isinstance(doubled.pair, Pair)
    tensors = [doubled.x, *doubled.nested["k"], doubled.pair.a]
    assert [float(tensor) for tensor in tensors] == [2.0] * 4
    assert (doubled.names, doubled.pair.b, float(item.x)) == (("a",), 7, 1.0)
    assert map_tensors(torch.neg, None) is None


def test_a_stop_signal_is_noticed_and_the_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    for number in (signal.SIGTERM, signal.SIGINT):
        with StopSignals() as signals:
            assert not signals.received
            os.kill(os.getpid(), number)
            assert signals.received
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_second_interrupt_interrupts():
    with StopSignals(), pytest.raises(KeyboardInterrupt):  # noqa: PT012  # both signals belong to one press of keys
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_outside_the_main_thread_nothing_is_installed():
    received = []

    def work():
        with StopSignals() as signals:
            received.append(signals.received)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert received == [False]


@pytest.mark.parametrize("world_size", ["1", "2"])
def test_a_process_leaves_with_its_status_and_all_that_it_said(world_size):
    code = "from audio_lstm.training.distributed import leave; print('done', end=''); leave(3)"
    environment = os.environ | {"WORLD_SIZE": world_size}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (3, "done")
