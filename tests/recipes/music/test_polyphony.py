"""The polyphonic benchmark runs top to bottom: from rolls to a table and a model folder that prices rolls."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import DataError, TrainingError
from recipes.music.rolls.data import load_rolls
from recipes.music.rolls.score import load_frame_model


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("music/polyphony")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, lengths in {"train": [12, 7, 20], "valid": [9, 4], "test": [6]}.items():
        frames = rng.random((sum(lengths), 88)) < 0.05
        frames[:, :20] = False
        arrays |= {split: frames.astype(np.uint8), f"{split}_len": np.array(lengths)}
    np.savez(tmp_path / "toy.npz", **arrays)
    return tmp_path / "toy.npz"


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    return ["--preset", "tiny", "--data", str(data), "--out", str(out), "--train.device", "cpu", *more]


def figures(printed: str, name: str) -> list[float]:
    line = next(line for line in printed.splitlines() if line.startswith(f"| {name} |"))
    return [float(cell) for cell in line.split("|")[2:-1]]


def test_tiny_prints_the_table_and_writes_what_it_says(
    recipe: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    splits = ["--splits", '["valid", "test"]', "--cache", "true", "--dynamic", "true", "--dynamic_config.segment", "3"]
    assert recipe.main(arguments(data, out, *splits)) == 0
    printed = capsys.readouterr().out
    costs = load_frame_model(out / "model").score(load_rolls(data, "valid").pieces)
    expected = [costs.per_frame, costs.per_frame_without_first, costs.mean_over_pieces]
    assert figures(printed, "static") == pytest.approx(expected, abs=6e-4)
    for name in ("with a neural cache", "dynamic evaluation"):
        assert figures(printed, name) != figures(printed, "static")
        assert figures(printed, name)[0] == pytest.approx(expected[0], rel=0.2)
    assert [line for line in printed.splitlines() if line.startswith("| test |")]
    card = (out / "model" / "README.md").read_text("utf-8")
    assert card.startswith("# polyphony-toy\n")
    assert "| static | " in card


def test_what_is_reported_may_change_without_training_again(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    recipe.main(arguments(data, out))
    before = figures(capsys.readouterr().out, "static")

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(recipe.FrameTask, "loss", never)
    assert recipe.main(arguments(data, out, "--cache", "true")) == 0
    assert figures(capsys.readouterr().out, "static") == before
    with pytest.raises(TrainingError, match=r"other settings \(recipe\.rows"):
        recipe.main(arguments(data, out, "--rows.window", "9"))


def test_a_pickle_gives_the_figures_of_the_npz(
    recipe: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {
        split: [
            [tuple((np.flatnonzero(frame) + 21).tolist()) for frame in roll] for roll in load_rolls(data, split).pieces
        ]
        for split in ("train", "valid")
    }
    file = tmp_path / "toy.pickle"
    file.write_bytes(pickle.dumps(content, 0))
    printed = []
    for number, path in enumerate((data, file)):
        recipe.main(arguments(path, tmp_path / str(number)))
        printed.append(figures(capsys.readouterr().out, "static"))
    assert printed[0] == printed[1]


def test_other_processes_of_a_run_write_no_model(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert recipe.main(arguments(data, tmp_path / "run", "--train.max_epochs", "1")) == 0
    assert not (tmp_path / "run" / "model").exists()


def test_missing_data_is_named(recipe: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file; give the path of an npz"):
        recipe.main(arguments(tmp_path / "nowhere", tmp_path / "run"))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["jsb", "nott", "muse", "piano"])
def test_tiny_runs_on_the_real_sets(recipe: ModuleType, shared: Path, tmp_path: Path, name: str) -> None:
    file = shared / "music" / "bl" / f"{name}.npz"
    assert recipe.main(arguments(file, tmp_path / "run", "--train.max_steps", "3", "--max_pieces", "2")) == 0
    assert (tmp_path / "run" / "model" / "model.onnx").is_file()
