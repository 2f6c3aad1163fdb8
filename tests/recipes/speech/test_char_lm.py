"""The recipe of the character language model runs top to bottom: from text to a folder that judges texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, DataError, TrainingError
from audio_lstm.speech.words.char_lm import load_char_lm


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/char_lm")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sentences of a few words."""
    rng = np.random.default_rng(0)
    file = tmp_path / "text.txt"
    words = ("the", "cat", "sat", "on", "a", "mat", "it's")
    file.write_text("".join(" ".join(rng.choice(words, rng.integers(1, 8))) + ".\n" for _ in range(120)))
    return file


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    return ["--preset", "tiny", "--data", str(data), "--out", str(out), "--train.device", "cpu", *more]


def test_tiny_writes_a_run_and_a_model_that_judges_texts(
    recipe: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(data, out)) == 0
    assert "bits per character" in capsys.readouterr().out
    char_lm = load_char_lm(out / "model")
    assert char_lm.name == "english-char"
    assert np.isfinite(char_lm.log_probs(["THE CAT SAT", ""])).all()
    card = (out / "model" / "README.md").read_text("utf-8")
    assert "characters (text.txt)" in card
    settings = json.loads((out / "config.json").read_text())
    assert settings["recipe"]["dev_percent"] == 20.0
    assert settings["recipe"]["data"].endswith(settings["recipe"]["data"].split("sha256 ")[1])


def test_the_same_command_again_finishes_without_training_and_other_text_is_refused(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    recipe.main(arguments(data, out))
    weights = (out / "model" / "model.safetensors").read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    with monkeypatch.context() as patched:
        patched.setattr(recipe.CharLMTask, "loss", never)
        moved = data.rename(tmp_path / "moved.txt")
        assert recipe.main(arguments(moved, out)) == 0
    assert (out / "model" / "model.safetensors").read_bytes() == weights
    moved.write_text(moved.read_text() + "the mat sat\n")
    with pytest.raises(TrainingError, match=r"other settings \(recipe\.data was \d+ \+ \d+ items, sha256"):
        recipe.main(arguments(moved, out))


def test_a_run_that_was_cut_short_goes_on_to_the_weights_of_an_unbroken_one(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe.main(arguments(data, tmp_path / "whole", "--batch_characters", "300"))
    loss, n_steps = recipe.CharLMTask.loss, 0

    def cut_off(*given: object) -> object:
        nonlocal n_steps
        n_steps += 1
        if n_steps > 5:
            raise ConnectionAbortedError
        return loss(*given)

    out = tmp_path / "broken"
    more = ("--batch_characters", "300", "--train.checkpoint_every_steps", "2")
    with monkeypatch.context() as patched:
        patched.setattr(recipe.CharLMTask, "loss", cut_off)
        with pytest.raises(ConnectionAbortedError):
            recipe.main(arguments(data, out, *more))
    assert not (out / "model").exists()
    assert recipe.main(arguments(data, out, *more)) == 0
    folders = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "broken")]
    assert folders[0].read_bytes() == folders[1].read_bytes()


def test_several_files_are_read(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "a.train.jsonl"
    manifest.write_text(json.dumps({"audio": "a.wav", "text": "RUBOUT G M E F THREE NINE"}))
    both = json.dumps([str(data), str(manifest)])
    out = tmp_path / "run"
    given = ["--preset", "tiny", "--data", both, "--out", str(out), "--train.device", "cpu", "--train.max_epochs", "1"]
    assert recipe.main(given) == 0
    assert "(text.txt, a.train.jsonl)" in (out / "model" / "README.md").read_text("utf-8")


def test_other_processes_of_a_run_write_no_model(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert recipe.main(arguments(data, tmp_path / "run", "--train.max_epochs", "1")) == 0
    assert not (tmp_path / "run" / "model").exists()


def test_bad_values_are_named(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_sentences must be 0 \(all\) or more, got -1"):
        recipe.main(arguments(data, tmp_path / "run", "--max_sentences", "-1"))
    with pytest.raises(ConfigError, match="held-out sentences must lie between 0 and 100, got 0"):
        recipe.main(arguments(data, tmp_path / "run", "--dev_percent", "0"))
    with pytest.raises(DataError, match=r"nowhere\.txt: no such text file"):
        recipe.main(arguments(tmp_path / "nowhere.txt", tmp_path / "run"))


@pytest.mark.shared
def test_tiny_runs_on_the_real_text(recipe: ModuleType, shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(shared / "speech" / "lm_text.txt", out, "--train.max_epochs", "1")) == 0
    char_lm = load_char_lm(out / "model")
    assert char_lm.bits_per_character(["THE CAT SAT ON THE MAT"]) < np.log2(29) + 0.5
