import json
import threading
from dataclasses import replace

import torch

from audio_lstm.training.loop import train
from audio_lstm.training.task import StepLoss


def noting(method, threads):
    def noted(*arguments):
        threads.add(threading.current_thread())
        return method(*arguments)

    return noted


def test_batches_are_made_in_one_background_thread_and_used_in_the_main_one(tiny, tmp_path):
    task, seen = tiny.TinyTask(), {"batch": set(), "loss": set(), "evaluate": set()}
    for name, threads in seen.items():
        setattr(task, name, noting(getattr(task, name), threads))
    train(task, replace(tiny.CONFIG, max_epochs=2), tmp_path / "run")
    assert seen["loss"] == seen["evaluate"] == {threading.main_thread()}
    assert len(seen["batch"]) == 1
    assert threading.main_thread() not in seen["batch"]


def test_a_process_may_have_no_share_of_a_batch(tiny, tmp_path):
    task = tiny.TinyTask()
    batch = task.batch
    task.batch = lambda epoch, index, rank, world_size: batch(epoch, index, rank, world_size) if index != 1 else None
    assert train(task, tiny.CONFIG, tmp_path / "run").step == 15  # alone, nobody has one: that step is skipped
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert not {2, 7, 12} & set(steps)


def test_step_losses_default_to_no_state_and_no_names():
    loss = StepLoss(torch.tensor(1.0), 3)
    assert (loss.carry, loss.item_ids) == (None, ())
