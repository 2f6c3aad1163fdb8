"""The recipe of the model that harmonises: its tiny preset writes one that does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from safetensors.numpy import load_file

from audio_lstm import harmonise
from audio_lstm.checkpoint import WEIGHTS_FILE, open_model
from audio_lstm.errors import ConfigError


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("music/chorale_fill")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    pieces = [np.stack([rng.integers(low, low + 8, 24) for low in (66, 60, 54, 45)], axis=1).tolist() for _ in range(4)]
    (tmp_path / "data.json").write_text(json.dumps({"train": pieces, "valid": pieces[:2]}))
    return tmp_path / "data.json"


def test_tiny_writes_a_model_that_harmonises(
    recipe: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["--preset", "tiny", "--data", str(data), "--out", str(tmp_path / "run"), "--train.device", "cpu"]
    assert recipe.main(run) == 0
    printed = capsys.readouterr().out
    assert "harmonise" in printed
    assert "nats a missing cell" in printed
    piece = harmonise([67] * 8 + [69] * 8, model=tmp_path / "run" / "model", seed=1)
    assert piece.model == "chorale-fill"
    assert "the soprano is given" in (tmp_path / "run" / "model" / "README.md").read_text()


def test_a_frozen_generator_stays_as_it_began(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    run = ["--preset", "tiny", "--data", str(data), "--out", str(tmp_path / "run"), "--train.device", "cpu"]
    shape = ["--lstm.input_size", "192", "--lstm.hidden_size", "256", "--lstm.n_layers", "2"]
    assert recipe.main([*run, *shape, "--init", "chorale", "--freeze", "true"]) == 0
    generators = [
        load_file(open_model(model, "music").path / WEIGHTS_FILE) for model in ("chorale", tmp_path / "run" / "model")
    ]
    before, after = generators
    assert any(name.startswith("tell") and tensor.any() for name, tensor in after.items())
    for name, tensor in before.items():
        np.testing.assert_array_equal(after[f"generator.{name}"], tensor)


def test_begins_with_an_ensemble_as_with_one_model(
    recipe: ModuleType, load_recipe: Callable[[str], ModuleType], data: Path, tmp_path: Path
) -> None:
    tiny = ["--preset", "tiny", "--data", str(data), "--train.device", "cpu", "--train.max_epochs", "1"]
    assert load_recipe("music/chorales").main([*tiny, "--out", str(tmp_path / "two"), "--n_members", "2"]) == 0
    run = [*tiny, "--out", str(tmp_path / "run"), "--init", str(tmp_path / "two" / "model"), "--freeze", "true"]
    assert recipe.main(run) == 0
    piece = harmonise([67] * 8 + [69] * 8, model=tmp_path / "run" / "model", seed=1)
    assert piece.model == "chorale-fill"
    names = load_file(tmp_path / "run" / "model" / WEIGHTS_FILE)
    assert "generator.members.1.head.weight" in names


def test_a_start_of_another_shape_is_named(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--init chorale: a model of another shape .*; set --lstm\.\* to its values"):
        recipe.main(["--preset", "tiny", "--data", str(data), "--out", str(tmp_path / "run"), "--init", "chorale"])
