import builtins
import json
import math
import os
import subprocess
from pathlib import Path

import pytest
import torch

from audio_lstm.errors import MissingDependencyError, TrainingError
from audio_lstm.training import runs
from audio_lstm.training.runs import (
    BEST,
    Checkpoint,
    RunFolder,
    best_weights,
    differences,
    parse_checkpoint,
    provenance,
)


def folder(tmp_path):
    return RunFolder(tmp_path / "deep" / "run", tensorboard=False)


def lines(run):
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    run = folder(tmp_path)
    shared = torch.randn(3, 4)
    tensors = {"model/a": shared, "model/tied": shared, "ema/a": shared.T, "optimizer/a/step": torch.tensor(3.0)}
    facts = {"step": 3, "best_score": math.inf, "names": ["ä"]}
    run.save(BEST, Checkpoint(tensors, facts))
    back = parse_checkpoint((run.path / BEST).read_bytes(), where="x")
    assert back.facts == facts
    assert back.tensors.keys() == tensors.keys()
    assert all(torch.equal(back.tensors[name], tensors[name]) for name in tensors)
    assert set(back.group("model")) == {"a", "tied"}
    assert back.group("optimizer").keys() == {"a/step"}
    assert back.group("carry/0") == {}
    assert best_weights(run.path).keys() == {"a", "tied"}


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"\xff" * 64])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    run = folder(tmp_path)
    run.save(BEST, Checkpoint({"model/a": torch.zeros(50)}, {}))
    data = damage((run.path / BEST).read_bytes())
    with pytest.raises(TrainingError, match=r"x\.safetensors: damaged, or not a checkpoint .*; delete it to start"):
        parse_checkpoint(data, where="x.safetensors")


def test_a_checkpoint_of_another_program_is_refused():
    import safetensors.torch

    for metadata in (None, {"format": "pt"}, {"audio_lstm": "{"}):
        data = safetensors.torch.save({"a": torch.zeros(1)}, metadata=metadata)
        with pytest.raises(TrainingError, match="not a checkpoint of audio_lstm"):
            parse_checkpoint(data, where="x")


def test_a_run_without_an_evaluation_has_no_best_weights(tmp_path):
    with pytest.raises(TrainingError, match=r"best\.safetensors: no such file; the run has not been evaluated yet"):
        best_weights(tmp_path)


def test_resuming_drops_from_the_log_what_the_checkpoint_does_not_know(tmp_path):
    run = folder(tmp_path)
    run.begin({}, step=0, evaluated_at=())
    for step in range(1, 7):
        run.log("train", step, {"loss": 1.0 / step})
    run.log("evaluate", 3, {"score": 1.0})
    run.log("evaluate", 4, {"score": 1.0})  # written, and the process killed before its checkpoint
    with (run.path / "log.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')  # killed within a line
    RunFolder(run.path, tensorboard=False).begin({}, step=4, evaluated_at={3})
    kept = [(record["kind"], record["step"]) for record in lines(run)]
    assert kept == [("train", 1), ("train", 2), ("train", 3), ("train", 4), ("evaluate", 3)]


def test_a_new_run_begins_with_an_empty_log(tmp_path):
    run = folder(tmp_path)
    run.log("train", 1, {"loss": 1.0})
    run.begin({}, step=0, evaluated_at=())
    assert lines(run) == []


def test_numbers_that_are_not_finite_become_null(tmp_path):
    run = folder(tmp_path)
    run.log("train", 1, {"loss": math.inf, "x": math.nan, "y": 2.0})
    assert lines(run) == [{"kind": "train", "step": 1, "loss": None, "x": None, "y": 2.0}]


def test_config_json_tells_settings_versions_and_command(tmp_path):
    run = folder(tmp_path)
    run.begin({"train": {"seed": 3}}, step=0, evaluated_at=())
    kept = json.loads((run.path / "config.json").read_text())
    assert kept["train"] == {"seed": 3}
    assert set(kept) == {"train", "git_hash", "packages", "command"}
    assert {"python", "torch", "numpy"} <= set(kept["packages"])


def test_git_hash_is_that_of_the_repository_that_tracks_the_package(tmp_path, monkeypatch):
    file = tmp_path / "package" / "runs.py"
    file.parent.mkdir()
    file.touch()
    monkeypatch.setattr(runs, "__file__", str(file))
    assert provenance()["git_hash"] is None

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    assert provenance()["git_hash"] is None  # somebody else's repository
    git("add", ".")
    git("commit", "-q", "-m", "second")
    head = git("rev-parse", "HEAD").stdout.strip()
    assert provenance()["git_hash"] == head
    file.write_text("changed")
    assert provenance()["git_hash"] == f"{head}-dirty"


def test_differences_are_named_with_their_dots():
    saved = {"train": {"seed": 1, "betas": [0.9, 0.98], "gone": 1, "log": 5}, "n": 1}
    now = {"train": {"seed": 2, "betas": (0.9, 0.98), "new": None, "log": 7}, "n": 1}
    assert differences(saved, now, ignored=("train.log",)) == [
        "train.seed was 1, is 2",
        "train.gone was 1, is absent",
        "train.new was absent, is None",
    ]


def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path):
    from audio_lstm.atomic import atomic_write

    run = folder(tmp_path)
    with atomic_write(run.path / BEST) as scratch:
        scratch.write_text("whole")
        (run.path / f"{scratch.stem[:-4]}beef{scratch.suffix}").write_text("left over")
    (run.path / ".a-file-of-the-user.txt").touch()
    RunFolder(run.path, tensorboard=False)
    assert set(os.listdir(run.path)) == {BEST, ".a-file-of-the-user.txt"}


def test_tensorboard_gets_the_same_numbers(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = RunFolder(tmp_path, tensorboard=True)
    run.log("train", 3, {"loss": 0.5})
    run.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(3, 0.5)]


def test_missing_tensorboard_names_the_ways_out(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match="pip install tensorboard, or train with tensorboard=False"):
        RunFolder(Path(tmp_path), tensorboard=True)
