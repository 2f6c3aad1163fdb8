import dataclasses
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from audio_lstm.errors import ConfigError, TrainingError
from audio_lstm.training.loop import StepLoss, TrainConfig, train
from audio_lstm.training.runs import best_weights

SCRIPT = Path(__file__).with_name("tiny_run.py")
ROOT = SCRIPT.parents[2]


def start(run_dir, *options, world_size=1):
    """Run tiny_run.py as one process or as a group; their exit codes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = []
    for rank in range(world_size):
        own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        if world_size > 1:
            own |= {"RANK": str(rank), "WORLD_SIZE": str(world_size), "LOCAL_RANK": str(rank)}
            own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        arguments = [sys.executable, str(SCRIPT), str(run_dir), *options]
        processes.append(subprocess.Popen(arguments, env=os.environ | own, stderr=subprocess.PIPE, text=True))
    errors = [process.communicate(timeout=120)[1] for process in processes]
    codes = [process.returncode for process in processes]
    if any(code not in (0, 143, -signal.SIGKILL) for code in codes):
        pytest.fail("\n".join(errors))
    return codes


def records(run_dir, kind):
    lines = (run_dir / "log.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def last_tensors(run_dir):
    return load_file(run_dir / "last.safetensors")


def same_tensors(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def unbroken(tiny, tmp_path_factory):
    """The folder of a run with dropout that nothing interrupted."""
    torch.set_num_threads(1)
    run_dir = tmp_path_factory.mktemp("unbroken") / "run"
    train(tiny.TinyTask(dropout=0.3), tiny.CONFIG, run_dir)
    return run_dir


@pytest.fixture(scope="module")
def unbroken_pair(tmp_path_factory):
    """The same in two processes, without dropout."""
    run_dir = tmp_path_factory.mktemp("pair") / "run"
    assert start(run_dir, "--dropout", "0", world_size=2) == [0, 0]
    return run_dir


def test_a_run_learns_evaluates_each_epoch_and_hands_over_its_best_weights(tiny, tmp_path):
    task = tiny.TinyTask()
    result = train(task, replace(tiny.CONFIG, max_epochs=30, checkpoint_every_steps=None), tmp_path / "run")
    assert (result.stopped_by, result.step, result.exit_code) == ("epochs", 150, 0)
    assert result.best_score < 0.7 * result.history[0]["score"]
    assert [evaluation["epoch"] for evaluation in result.history] == list(range(1, 31))
    assert all(evaluation["training"] == 0 for evaluation in result.history)  # model.eval() was called
    assert task.evaluate()["score"] == pytest.approx(result.best_score, rel=1e-6)
    best = best_weights(tmp_path / "run")
    assert all(torch.equal(best[name], value) for name, value in task.model.state_dict().items())
    assert set(os.listdir(tmp_path / "run")) == {"config.json", "log.jsonl", "last.safetensors", "best.safetensors"}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny, tmp_path):
    hashes = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        task = tiny.TinyTask(dropout=0.3)
        train(task, replace(tiny.CONFIG, max_epochs=1, seed=seed), tmp_path / name)
        hashes.append(tiny.weights_hash(task.model))
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_run_that_fails_at_any_step_resumes_to_the_same_weights(tiny, tmp_path, unbroken):
    n_swept = 0
    for at_step in range(1, 16):
        run_dir = tmp_path / str(at_step)
        task, calls = tiny.TinyTask(dropout=0.3), []

        def fail(calls=calls, at_step=at_step):
            calls.append(1)
            if len(calls) == at_step:
                raise OSError("the disk is gone")

        task.before_loss = fail
        with pytest.raises(OSError, match="the disk is gone"):
            train(task, tiny.CONFIG, run_dir)
        train(tiny.TinyTask(dropout=0.3), tiny.CONFIG, run_dir)
        assert same_tensors(last_tensors(run_dir), last_tensors(unbroken)), at_step
        assert same_tensors(best_weights(run_dir), best_weights(unbroken)), at_step
        n_swept += 1
    assert n_swept == 15


@pytest.mark.parametrize(("name", "code"), [("SIGKILL", -9), ("SIGTERM", 143)])
def test_a_run_ended_by_a_signal_resumes_to_the_same_weights(name, code, tmp_path, unbroken):
    run_dir = tmp_path / "run"
    assert start(run_dir, "--fire", name, "--at-step", "7") == [code]
    assert len(records(run_dir, "train")) < 8
    assert start(run_dir) == [0]
    assert same_tensors(last_tensors(run_dir), last_tensors(unbroken))
    assert [record["step"] for record in records(run_dir, "train")] == list(range(1, 16))
    assert [record["step"] for record in records(run_dir, "evaluate")] == [5, 10, 15]


def test_a_signal_finishes_the_step_saves_and_says_so(tiny, tmp_path):
    task, calls = tiny.TinyTask(), []

    def stop_at_seven():
        calls.append(1)
        if len(calls) == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    task.before_loss = stop_at_seven
    before = signal.getsignal(signal.SIGTERM)
    result = train(task, tiny.CONFIG, tmp_path / "run")
    assert (result.stopped_by, result.step, result.exit_code) == ("signal", 7, 143)
    assert signal.getsignal(signal.SIGTERM) is before
    saved = last_tensors(tmp_path / "run")
    assert all(torch.equal(saved[f"model/{name}"], value) for name, value in task.model.state_dict().items())
    assert {"carry/0/0", "carry/0/1", "ema/head.bias", "optimizer/head.bias/step"} <= set(saved)


def test_two_processes_give_the_weights_of_one(tiny, tmp_path, unbroken_pair):
    train(tiny.TinyTask(), tiny.CONFIG, tmp_path / "run")
    one, two = best_weights(tmp_path / "run"), best_weights(unbroken_pair)
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-6)
    losses = [[record["loss"] for record in records(run, "train")] for run in (tmp_path / "run", unbroken_pair)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert len(losses[1]) == 15
    reports = [unbroken_pair.with_name(f"run-rank{rank}.json").read_text() for rank in (0, 1)]
    assert reports[0] == reports[1]


def test_sigterm_to_one_of_two_processes_stops_both_and_the_run_resumes_exactly(tmp_path, unbroken_pair):
    run_dir = tmp_path / "run"
    options = ("--dropout", "0", "--fire", "SIGTERM", "--at-step", "7", "--on-rank", "1")
    assert start(run_dir, *options, world_size=2) == [143, 143]
    assert {"carry/0/0", "carry/1/0"} <= set(last_tensors(run_dir))
    assert start(run_dir, "--dropout", "0", world_size=2) == [0, 0]
    assert same_tensors(last_tensors(run_dir), last_tensors(unbroken_pair))


def test_torchrun_restarts_a_killed_process_and_the_run_ends_with_the_same_weights(tmp_path, unbroken_pair):
    run_dir = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["--max-restarts", "3", str(SCRIPT), str(run_dir), "--dropout", "0"]
    command += ["--fire", "SIGKILL", "--at-step", "7", "--on-rank", "1"]
    own = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    assert run_dir.with_name("run-fired").exists()
    assert same_tensors(last_tensors(run_dir), last_tensors(unbroken_pair))


def test_a_finished_run_starts_no_new_step(tiny, unbroken):
    task = tiny.TinyTask(dropout=0.3)
    task.before_loss = lambda: pytest.fail("a step was taken")
    before = last_tensors(unbroken)
    result = train(task, tiny.CONFIG, unbroken)
    assert (result.stopped_by, result.step) == ("epochs", 15)
    assert tiny.weights_hash(task.model) != tiny.weights_hash(tiny.TinyTask().model)
    assert same_tensors(before, last_tensors(unbroken))


def test_max_steps_ends_and_evaluates_a_run_within_an_epoch(tiny, tmp_path):
    result = train(tiny.TinyTask(), replace(tiny.CONFIG, max_steps=7), tmp_path / "run")
    assert (result.stopped_by, result.step) == ("steps", 7)
    assert [evaluation["step"] for evaluation in result.history] == [5, 7]
    rates = [record["learning_rate"] for record in records(tmp_path / "run", "train")]
    assert rates[1] == 1e-2
    assert rates[-1] < 0.15e-2  # the cosine ends with the run


def test_max_steps_at_the_end_of_an_epoch_evaluates_once(tiny, tmp_path):
    for _ in range(2):  # and not again when it is started again
        result = train(tiny.TinyTask(), replace(tiny.CONFIG, max_steps=10), tmp_path / "run")
        assert [evaluation["step"] for evaluation in result.history] == [5, 10]


def test_max_minutes_evaluates_saves_and_leaves_and_the_run_can_go_on(tiny, tmp_path, unbroken):
    task = tiny.TinyTask(dropout=0.3)
    result = train(task, replace(tiny.CONFIG, max_minutes=1e-9), tmp_path / "run")
    assert (result.stopped_by, result.step, len(result.history)) == ("time", 1, 1)
    result = train(tiny.TinyTask(dropout=0.3), tiny.CONFIG, tmp_path / "run")
    assert (result.stopped_by, result.step) == ("epochs", 15)
    assert same_tensors(last_tensors(tmp_path / "run"), last_tensors(unbroken))


def test_patience_stops_a_run_that_no_longer_improves(tiny, tmp_path):
    task = tiny.TinyTask()
    task.scores = [3.0, 1.0, 2.0, 1.0, 5.0]  # an equal score is no improvement
    for _ in range(2):  # and it stays stopped
        result = train(task, replace(tiny.CONFIG, max_epochs=9, patience=2), tmp_path / "run")
        assert (result.stopped_by, result.step, result.best_score) == ("patience", 20, 1.0)


def test_evaluation_happens_every_so_many_epochs_and_at_the_end(tiny, tmp_path):
    result = train(tiny.TinyTask(), replace(tiny.CONFIG, max_epochs=5, evaluate_every_epochs=2), tmp_path / "run")
    assert [evaluation["epoch"] for evaluation in result.history] == [2, 4, 5]


def test_checkpoints_are_written_by_the_clock_too(tiny, tmp_path):
    task, seen = tiny.TinyTask(), []
    task.before_loss = lambda: seen.append((tmp_path / "run" / "last.safetensors").exists())
    config = replace(tiny.CONFIG, max_epochs=1, checkpoint_every_steps=None, checkpoint_every_minutes=1e-9)
    train(task, config, tmp_path / "run")
    assert seen == [False, True, True, True, True]


def test_state_is_carried_within_an_epoch_and_starts_anew_in_the_next(tiny, tmp_path):
    task, carries = tiny.TinyTask(), []
    loss = task.loss

    def watched(batch, carry):
        carries.append(carry)
        return loss(batch, carry)

    task.loss = watched
    train(task, replace(tiny.CONFIG, max_epochs=2), tmp_path / "run")
    assert [carry is None for carry in carries] == [True, False, False, False, False] * 2
    assert all(not tensor.requires_grad for carry in carries if carry for tensor in carry)


def test_gradient_is_that_of_the_mean_over_units(tiny, tmp_path):
    task = tiny.TinyTask()
    config = replace(tiny.CONFIG, max_steps=1, gradient_clip_norm=0.0)
    reference = tiny.TinyTask()
    result = reference.loss(reference.batch(0, 0, 0, 1), None)
    gradients = torch.autograd.grad(result.loss_sum / result.n_units, list(reference.model.parameters()))
    train(task, config, tmp_path / "run")
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    record = records(tmp_path / "run", "train")[0]
    assert record["gradient_norm"] == record["gradient_norm_max"] == pytest.approx(float(norm), rel=1e-5)
    assert record["loss"] == pytest.approx(float(result.loss_sum.detach()) / result.n_units, rel=1e-6)


def broken_task(tiny, *, at_step, change):
    """A task whose at_step-th loss is changed."""
    task, n_calls = tiny.TinyTask(), [0]
    loss = task.loss

    def changed(batch, carry):
        n_calls[0] += 1
        result = loss(batch, carry)
        return change(result) if n_calls[0] == at_step else result

    task.loss = changed
    return task


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda r: replace(r, loss_sum=r.loss_sum * float("nan")),
            r"the loss is nan at step 8 \(batch 2 of epoch 1, from 0; items: item-1-2-0, item-1-2-1, item-1-2-2, "
            r"item-1-2-3\); look at these items",
        ),
        (
            lambda r: replace(r, loss_sum=(r.loss_sum - r.loss_sum.detach()).abs().sqrt()),
            r"the gradient's norm is nan \(the loss is 0\) at step 8 .* items: item-1-2-0, .* checkpoint is untouched",
        ),
        (
            lambda r: replace(r, loss_sum=r.loss_sum * float("inf"), item_ids=tuple(map(str, range(30)))),
            r"the loss is inf at step 8 .* items: 0, 1, .*, 19 and 10 more\)",
        ),
        (
            lambda r: replace(r, loss_sum=r.loss_sum.double()),
            r"a task's loss_sum must be a float32 scalar, got torch.float64 of shape \(\)",
        ),
    ],
)
def test_a_step_that_cannot_be_taken_names_its_items_and_leaves_the_last_checkpoint(tiny, tmp_path, change, message):
    with pytest.raises(TrainingError, match=message):
        train(broken_task(tiny, at_step=8, change=change), tiny.CONFIG, tmp_path / "run")
    saved = last_tensors(tmp_path / "run")
    assert float(saved["optimizer/head.bias/step"]) == 6
    assert all(bool(torch.isfinite(tensor).all()) for tensor in saved.values())


def test_a_step_without_units_changes_nothing_but_counts(tiny, tmp_path, capsys):
    task, seen = tiny.TinyTask(), []
    loss = task.loss

    def without(batch, carry):
        seen.append(tiny.weights_hash(task.model))
        result = loss(batch, carry)
        return replace(result, n_units=0) if len(seen) == 8 else result

    task.loss = without
    result = train(task, tiny.CONFIG, tmp_path / "run")
    assert (result.stopped_by, result.step, len(seen)) == ("epochs", 15, 15)
    assert [a == b for a, b in itertools.pairwise(seen)] == [step == 8 for step in range(1, 15)]
    assert float(last_tensors(tmp_path / "run")["optimizer/head.bias/step"]) == 14
    assert [record["step"] for record in records(tmp_path / "run", "train")] == [*range(1, 8), *range(9, 16)]
    assert "step 8 skipped: no units to learn from (items: item-1-2-0, item-1-2-1," in capsys.readouterr().err


def without_units(task, empty):
    """The task, of which these batches, (epoch, index), have no units."""
    loss = task.loss

    def changed(batch, carry):
        result = loss(batch, carry)
        _, epoch, index, _ = batch.names[0].split("-")
        return replace(result, n_units=0) if (int(epoch), int(index)) in empty else result

    task.loss = changed
    return task


def test_a_run_with_skipped_steps_resumes_to_the_same_weights(tiny, tmp_path):
    empty = {(0, 0), (1, 1), (1, 2), (1, 3), (1, 4)}
    train(without_units(tiny.TinyTask(dropout=0.3), empty), tiny.CONFIG, tmp_path / "whole")
    n_swept = 0
    for at_step in (1, 2, 3, 8, 9, 10, 11):
        task, calls = without_units(tiny.TinyTask(dropout=0.3), empty), []

        def fail(calls=calls, at_step=at_step):
            calls.append(1)
            if len(calls) == at_step:
                raise OSError("the disk is gone")

        task.before_loss = fail
        run_dir = tmp_path / str(at_step)
        config = replace(tiny.CONFIG, checkpoint_every_steps=1)
        with pytest.raises(OSError, match="the disk is gone"):
            train(task, config, run_dir)
        train(without_units(tiny.TinyTask(dropout=0.3), empty), config, run_dir)
        assert same_tensors(last_tensors(run_dir), last_tensors(tmp_path / "whole")), at_step
        n_swept += 1
    assert n_swept == 7


@pytest.mark.parametrize("cut", [False, True])
def test_an_epoch_without_any_units_is_refused_also_by_a_resumed_run(tiny, tmp_path, cut):
    empty = {(1, index) for index in range(5)}
    message = r"epoch 1 \(from 0\) had no units to learn from in any of its 5 batches"
    if cut:
        task = without_units(tiny.TinyTask(), empty)
        task.before_loss = iter([None] * 8).__next__
        with pytest.raises(StopIteration):
            train(task, tiny.CONFIG, tmp_path / "run")
    with pytest.raises(TrainingError, match=message):
        train(without_units(tiny.TinyTask(), empty), tiny.CONFIG, tmp_path / "run")


def test_a_score_that_is_missing_or_not_finite_is_refused(tiny, tmp_path):
    task = tiny.TinyTask()
    task.scores = [float("nan")]
    with pytest.raises(TrainingError, match=r"must return a finite 'score', got {'score': nan}"):
        train(task, tiny.CONFIG, tmp_path / "a")
    task.evaluate = lambda: {"wer": 0.5}
    with pytest.raises(TrainingError, match=r"must return a finite 'score', got {'wer': 0.5}"):
        train(task, tiny.CONFIG, tmp_path / "b")


def test_an_epoch_without_batches_is_refused(tiny, tmp_path):
    task = tiny.TinyTask()
    task.n_batches = lambda epoch: 5 if epoch == 0 else 0
    with pytest.raises(TrainingError, match="epoch 1 has no batches; the training data are empty"):
        train(task, tiny.CONFIG, tmp_path / "run")


def test_an_error_while_a_batch_is_prepared_reaches_the_caller(tiny, tmp_path):
    task = tiny.TinyTask()
    batch = task.batch

    def damaged(epoch, index, rank, world_size):
        if index == 3:
            raise ValueError("clip.wav is damaged")
        return batch(epoch, index, rank, world_size)

    task.batch = damaged
    with pytest.raises(ValueError, match=r"clip\.wav is damaged"):
        train(task, tiny.CONFIG, tmp_path / "run")


def test_resuming_with_other_settings_names_what_differs(tiny, tmp_path):
    run_dir = tmp_path / "run"
    train(tiny.TinyTask(), replace(tiny.CONFIG, max_steps=2), run_dir, settings={"data": {"name": "a"}})
    with pytest.raises(TrainingError, match=r"other settings \(train.max_steps was 2, is 4; train.seed was 0, is 5"):
        train(tiny.TinyTask(), replace(tiny.CONFIG, max_steps=4, seed=5), run_dir, settings={"data": {"name": "a"}})
    with pytest.raises(TrainingError, match=r"recipe.data.name was a, is b\); set them back to resume it, or name an"):
        train(tiny.TinyTask(), replace(tiny.CONFIG, max_steps=2), run_dir, settings={"data": {"name": "b"}})
    harmless = replace(tiny.CONFIG, max_steps=2, log_every_steps=7, max_minutes=9.0, n_threads=None, device="auto")
    if not torch.cuda.is_available():
        train(tiny.TinyTask(), harmless, run_dir, settings={"data": {"name": "a"}})


def test_a_checkpoint_of_another_model_is_refused(tiny, tmp_path):
    train(tiny.TinyTask(), tiny.CONFIG, tmp_path / "run")
    task = tiny.TinyTask()
    task.model.head = torch.nn.Linear(8, 2)
    with pytest.raises(TrainingError, match=r"does not fit this task's model .*size mismatch for head.weight.*"):
        train(task, tiny.CONFIG, tmp_path / "run")


def test_settings_are_kept_with_the_run(tiny, tmp_path):
    train(tiny.TinyTask(), replace(tiny.CONFIG, max_steps=1), tmp_path / "run", settings={"data": "an4"})
    kept = json.loads((tmp_path / "run" / "config.json").read_text())
    assert kept["recipe"] == {"data": "an4"}
    given = json.loads(json.dumps(dataclasses.asdict(tiny.CONFIG)))
    assert kept["train"] == given | {"max_steps": 1, "precision": "fp32"}


def test_bf16_is_refused_where_the_processor_cannot_do_it(tiny, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise RuntimeError("could not create a primitive descriptor")

    config = replace(tiny.CONFIG, precision="bf16")
    monkeypatch.setattr(torch.nn.LSTM, "forward", refuse)
    with pytest.raises(ConfigError, match="this cpu cannot train LSTMs in bf16; use precision fp32"):
        train(tiny.TinyTask(), config, tmp_path / "run")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_trains_in_bf16_and_resumes(tiny, tmp_path):
    dtypes, task = [], tiny.TinyTask(dropout=0.3)
    forward = task.model.forward

    def watched(x, state):
        y, state = forward(x, state)
        dtypes.append((y.dtype, task.model.training))
        return y, state

    task.model.forward = watched
    config = replace(tiny.CONFIG, device="cuda", max_epochs=2)
    result = train(task, config, tmp_path / "run")
    assert (torch.bfloat16, True) in dtypes
    assert (torch.float32, False) in dtypes
    assert next(task.model.parameters()).is_cuda
    assert result.step == 10
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train"]["precision"] == "bf16"
    assert train(tiny.TinyTask(dropout=0.3), config, tmp_path / "run").step == 10


def test_recommended_values_are_a_valid_config():
    assert TrainConfig().max_epochs >= 1
    assert StepLoss(torch.zeros(()), 1).carry is None
