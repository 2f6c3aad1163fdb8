"""One's own recordings: a folder of audio and texts becomes a model, from scratch or from a model that exists."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm import load_speech, transcribe
from audio_lstm.audio.files import write_wav
from audio_lstm.errors import ConfigError, TrainingError


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/finetune")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three clips with their texts beside them."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, text in enumerate(("YES", "no", "Yes, no!")):
        noise = 0.1 * np.random.default_rng(number).standard_normal(16_000)
        write_wav(folder / f"{number}.wav", noise.astype(np.float32), 16_000)
        (folder / f"{number}.txt").write_text(text + "\n")
    return folder


def test_tiny_trains_from_scratch_and_then_from_its_own_result(recipe: ModuleType, clips: Path, tmp_path: Path) -> None:
    places = ["--train_data", str(clips), "--dev_data", str(clips), "--train.device", "cpu"]
    assert recipe.main(["--preset", "tiny", *places, "--out", str(tmp_path / "one")]) == 0
    first = tmp_path / "one" / "model"
    assert transcribe(clips / "0.wav", model=first).model == "finetuned"
    again = ["--preset", "tiny", *places, "--init", str(first), "--name", "mine", "--out", str(tmp_path / "two")]
    assert recipe.main(again) == 0
    second = load_speech(tmp_path / "two" / "model")
    assert second.name == "mine"
    assert second.config == load_speech(first).config
    assert "starting from `finetuned`" in (tmp_path / "two" / "model" / "README.md").read_text("utf-8")
    moved = first.rename(tmp_path / "moved")
    again[again.index(str(first))] = str(moved)
    assert recipe.main(again) == 0
    again[again.index(str(moved))] = str(tmp_path / "two" / "model")
    with pytest.raises(TrainingError, match=r"other settings \(recipe\.init was sha256 \w{16}, is sha256 \w{16}\)"):
        recipe.main(again)
    (clips / "0.txt").write_text("GO")
    with pytest.raises(TrainingError, match=r"other settings \(recipe\.data was 3 \+ 3 items, sha256"):
        recipe.main(["--preset", "tiny", *places, "--out", str(tmp_path / "one")])


def test_two_folders_and_one_run(recipe: ModuleType, clips: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(clips, other)
    (other / "2.txt").write_text("NO")
    out = ["--preset", "tiny", "--dev_data", str(clips), "--out", str(tmp_path / "run"), "--train.device", "cpu"]
    assert recipe.main([*out, "--train_data", str(clips)]) == 0
    with pytest.raises(TrainingError, match=r"recipe\.data was "):
        recipe.main([*out, "--train_data", str(other)])


def test_a_model_cannot_be_chosen_and_started_from(recipe: ModuleType, clips: Path, tmp_path: Path) -> None:
    places = ["--train_data", str(clips), "--dev_data", str(clips), "--out", str(tmp_path / "run")]
    with pytest.raises(ConfigError, match=r"--model\.\* cannot be set together with --init an4"):
        recipe.main([*places, "--model.lstm.hidden_size", "64"])
    assert not (tmp_path / "run").exists()


def test_the_recommended_values_are_those_of_an4(recipe: ModuleType, load_recipe: Callable[[str], ModuleType]) -> None:
    an4 = load_recipe("speech/an4")
    assert (recipe.BASE.model, recipe.BASE.ctc) == (an4.BASE.model, an4.BASE.ctc)


@pytest.mark.parametrize("missing", ["train_data", "dev_data"])
def test_missing_data_are_named(recipe: ModuleType, clips: Path, missing: str) -> None:
    given = [f"--{name}={clips}" for name in ("train_data", "dev_data") if name != missing]
    with pytest.raises(ConfigError, match=f"--{missing} is missing: give a folder of recordings and texts"):
        recipe.main(["--preset", "tiny", *given])
