"""The chorale recipe runs top to bottom: from the JSON to a model folder that `compose` reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm import compose
from audio_lstm.errors import DataError, TrainingError
from audio_lstm.music.compare.novelty import NoveltyIndex
from audio_lstm.music.tokens.chorale import ChoraleGrid


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("music/chorales")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A few bars of chords that move in parallel."""
    rng = np.random.default_rng(0)

    def piece() -> list[list[int]]:
        roots = rng.integers(-3, 4, 6)
        return [[int(pitch + root) for pitch in (72, 67, 64, 48)] for root in roots for _ in range(4)]

    file = tmp_path / "satb.json"
    file.write_text(json.dumps({"train": [piece() for _ in range(5)], "valid": [piece() for _ in range(2)]}))
    return file


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    return ["--preset", "tiny", "--data", str(data), "--out", str(out), "--train.device", "cpu", *more]


def test_tiny_writes_a_run_and_a_model_that_composes(
    recipe: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(data, out)) == 0
    assert "nats/cell" in capsys.readouterr().out
    piece = compose(model=out / "model", seed=1, bars=1)
    assert piece.model == "chorale"
    assert ChoraleGrid().decode(piece.tokens).shape == (16, 4)
    assert NoveltyIndex.load(out / "model").names == tuple(f"train[{i}]" for i in range(4))
    settings = json.loads((out / "config.json").read_text())
    assert settings["recipe"]["max_pieces"] == 4
    evaluations = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert sum(line["kind"] == "evaluate" for line in evaluations) == 2


def test_the_same_command_again_finishes_without_training(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    recipe.main(arguments(data, out))
    weights = (out / "model" / "model.safetensors").read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(recipe.TokenTask, "loss", never)
    assert recipe.main(arguments(data, out)) == 0
    assert (out / "model" / "model.safetensors").read_bytes() == weights


def test_a_run_that_was_cut_short_goes_on_to_the_weights_of_an_unbroken_one(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe.main(arguments(data, tmp_path / "whole"))
    loss, n_steps = recipe.TokenTask.loss, 0

    def cut_off(*given: object) -> object:
        nonlocal n_steps
        n_steps += 1
        if n_steps > 5:
            raise ConnectionAbortedError
        return loss(*given)

    out = tmp_path / "broken"
    with monkeypatch.context() as patched:
        patched.setattr(recipe.TokenTask, "loss", cut_off)
        with pytest.raises(ConnectionAbortedError):
            recipe.main(arguments(data, out, "--train.checkpoint_every_steps", "2"))
    assert not (out / "model").exists()
    assert recipe.main(arguments(data, out)) == 0
    folders = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "broken")]
    assert folders[0].read_bytes() == folders[1].read_bytes()


def test_a_run_does_not_go_on_with_other_pieces(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    recipe.main(arguments(data, out))
    moved = data.rename(tmp_path / "moved.json")
    assert recipe.main(arguments(moved, out)) == 0
    splits = json.loads(moved.read_text())
    moved.write_text(json.dumps(splits | {"train": splits["train"][1:]}))
    with pytest.raises(TrainingError, match=r"other settings \(recipe\.data was 4 \+ 2 items, sha256"):
        recipe.main(arguments(moved, out))


def test_the_folder_of_the_json_will_do(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    assert recipe.main(arguments(data.parent, tmp_path / "run", "--train.max_epochs", "1")) == 0


def test_the_model_to_use_learns_from_both_splits_and_keeps_the_last_weights(
    recipe: ModuleType, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(data, out, "--valid_too", "true")) == 0
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    evaluations = [line for line in log if line["kind"] == "evaluate"]
    assert [line["epoch"] for line in evaluations] == [2]
    assert json.loads((out / "config.json").read_text())["recipe"]["data"].startswith("6 + 2 items")
    card = (out / "model" / "README.md").read_text("utf-8")
    assert "the JSB16 training and validation splits" in card
    assert "| negative log-likelihood, valid (known from training), int8 |" in card
    index = NoveltyIndex.load(out / "model")
    assert index.names[-2:] == ("valid[0]", "valid[1]")
    assert len(index.held_out) == 2


def test_other_processes_of_a_run_write_no_model(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert recipe.main(arguments(data, tmp_path / "run", "--train.max_epochs", "1")) == 0
    assert not (tmp_path / "run" / "model").exists()


def test_missing_data_is_named(recipe: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder; give the path of a corpus"):
        recipe.main(arguments(tmp_path / "nowhere", tmp_path / "run"))


@pytest.mark.shared
def test_tiny_runs_on_the_real_chorales(recipe: ModuleType, shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(shared / "music" / "jsb16", out, "--train.max_epochs", "1")) == 0
    assert (out / "model" / "model.onnx").is_file()
