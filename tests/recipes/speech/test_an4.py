"""The AN4 recipe runs top to bottom: from a manifest to a model folder that `transcribe` reads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm import load_speech, transcribe
from audio_lstm.audio.files import write_wav
from audio_lstm.errors import ConfigError, DataError, TrainingError
from audio_lstm.speech.text.alphabet import ENGLISH

LETTERS = {"A": 300.0, "B": 500.0, "C": 800.0}  # each letter is a tone, in Hz


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/an4")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six clips to train on and three to choose by: letters as tones."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    folder.mkdir()
    for split, n_clips in (("train", 6), ("dev", 3)):
        lines = []
        for number in range(n_clips):
            letters = rng.choice(list(LETTERS), 3)
            time_s = np.arange(6400) / 16_000  # 0.4 s a letter
            tones = [0.3 * np.sin(2 * np.pi * LETTERS[letter] * time_s) for letter in letters]
            write_wav(folder / f"{split}{number}.wav", np.concatenate(tones).astype(np.float32), 16_000)
            line = {"id": f"{split}{number}", "audio": f"{split}{number}.wav", "text": " ".join(letters)}
            lines.append(json.dumps(line))
        (folder / f"an4.{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    return ["--preset", "tiny", "--data", str(data), "--out", str(out), "--train.device", "cpu", *more]


def test_tiny_writes_a_run_and_a_model_that_transcribes(
    recipe: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(data, out)) == 0
    assert "WER" in capsys.readouterr().out
    card = (out / "model" / "README.md").read_text("utf-8")
    assert "trained on 6 training recordings of AN4" in card
    transcript = transcribe(data / "dev0.wav", model=out / "model")
    assert transcript.model == "an4"
    assert transcript.duration_s == pytest.approx(1.2)
    settings = json.loads((out / "config.json").read_text())
    assert settings["train"]["max_epochs"] == 2
    assert settings["recipe"]["model"]["lstm"]["hidden_size"] == 32


def test_the_same_command_again_finishes_without_training(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    recipe.main(arguments(data, out))
    weights = (out / "model" / "model.safetensors").read_bytes()
    log = (out / "log.jsonl").read_text()

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(recipe.CTCTask, "loss", never)
    assert recipe.main(arguments(data, out)) == 0
    assert (out / "model" / "model.safetensors").read_bytes() == weights
    assert (out / "log.jsonl").read_text() == log


def test_a_longer_run_after_a_shorter_one_is_refused_because_its_schedule_differs(
    recipe: ModuleType, data: Path, tmp_path: Path
) -> None:
    recipe.main(arguments(data, tmp_path / "run"))
    with pytest.raises(TrainingError, match=r"began with other settings \(train\.max_epochs was 2, is 3\)"):
        recipe.main(arguments(data, tmp_path / "run", "--train.max_epochs", "3"))


def test_a_run_goes_on_with_moved_data_and_not_with_others(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    recipe.main(arguments(data, out))
    card = (out / "model" / "README.md").read_text("utf-8")
    moved = data.rename(tmp_path / "moved")
    assert recipe.main(arguments(moved, out)) == 0
    manifest = moved / "an4.train.jsonl"
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(
        TrainingError, match=r"other settings \(recipe\.data was 6 \+ 3 items, .* is 5 \+ 3 items, sha256"
    ):
        recipe.main(arguments(moved, out))
    assert (out / "model" / "README.md").read_text("utf-8") == card


def test_writes_pieces_of_words_where_they_are_wanted(recipe: ModuleType, data: Path, tmp_path: Path) -> None:
    assert recipe.main(arguments(data, tmp_path / "run", "--n_pieces", "30", "--train.max_epochs", "1")) == 0
    alphabet = load_speech(tmp_path / "run" / "model").alphabet
    assert len(alphabet.symbols) == 30
    assert not alphabet.is_characters


def test_other_processes_of_a_run_write_no_model(
    recipe: ModuleType, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert recipe.main(arguments(data, tmp_path / "run")) == 0
    assert not (tmp_path / "run" / "model").exists()


def test_missing_data_is_named(recipe: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"an4\.train\.jsonl: no such manifest"):
        recipe.main(arguments(tmp_path, tmp_path / "run"))


def test_an_unknown_option_is_named(recipe: ModuleType) -> None:
    with pytest.raises(ConfigError, match=r"unknown option --model\.lstm\.hiden_size; did you mean --model\.lstm\.hid"):
        recipe.main(["--model.lstm.hiden_size", "3"])


def test_the_program_ends_with_one_line_where_data_are_missing(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(repository / "recipes/speech/an4.py"), *arguments(tmp_path, tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=repository)
    assert done.returncode == 1
    assert done.stderr.startswith("an4.py: ")
    assert done.stderr.count("\n") == 1


def test_base_is_the_recommended_model(recipe: ModuleType) -> None:
    assert recipe.Recipe() == recipe.BASE
    assert recipe.BASE.model.symbols == ENGLISH.symbols
    assert recipe.BASE.max_utterances == 0


@pytest.mark.shared
def test_tiny_runs_on_the_real_recordings(recipe: ModuleType, shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert recipe.main(arguments(shared / "speech", out, "--train.max_epochs", "1")) == 0
    assert "12 training recordings of AN4" in (out / "model" / "README.md").read_text("utf-8")
