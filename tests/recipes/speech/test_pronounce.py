"""The recipe of the spelling-to-sound model runs top to bottom: from a dictionary to a folder that pronounces words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import ConfigError, DataError
from audio_lstm.speech.decoding.pronouncer import load_pronouncer

SOUNDS = {"A": "AA1", "B": "B", "E": "EH0", "K": "K", "T": "T"}


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("speech/pronounce")


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    words = {"".join(rng.choice(list(SOUNDS), rng.integers(1, 8))) for _ in range(150)}
    lines = [f"{word.lower()} {' '.join(SOUNDS[letter] for letter in word)}" for word in sorted(words)]
    file = tmp_path / "words.dict"
    file.write_text("\n".join([*lines, "3d TH R IY1 D IY1", "a(2) EH1"]))
    return file


def test_tiny_writes_a_run_and_a_model_that_pronounces_words(
    recipe: ModuleType, dictionary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    given = ["--preset", "tiny", "--dictionary", str(dictionary), "--out", str(out), "--train.device", "cpu"]
    assert recipe.main(given) == 0
    assert "test words wrong" in capsys.readouterr().out
    pronouncer = load_pronouncer(out / "model")
    assert pronouncer.name == "english-sounds"
    assert len(pronouncer.pronounce(["TAKE", "BEAT"], n_best=2)) == 2
    settings = json.loads((out / "config.json").read_text())
    assert settings["recipe"]["test_percent"] == 20.0
    card = (out / "model" / "README.md").read_text("utf-8")
    for promise in ("Does not", "Data:", "Made by", "Apache-2.0"):
        assert promise in card


def test_bad_values_are_named(recipe: ModuleType, dictionary: Path, tmp_path: Path) -> None:
    given = ["--preset", "tiny", "--dictionary", str(dictionary), "--out", str(tmp_path / "run")]
    with pytest.raises(ConfigError, match=r"max_words must be 0 \(all\) or more, got -1"):
        recipe.main([*given, "--max_words", "-1"])
    with pytest.raises(ConfigError, match="the dictionary is read in 39 phonemes"):
        recipe.main([*given, "--model.phonemes", '["AA"]'])
    with pytest.raises(DataError, match=r"nowhere\.dict: cannot be read"):
        recipe.main(["--dictionary", str(tmp_path / "nowhere.dict"), "--out", str(tmp_path / "run")])
    (tmp_path / "digits.dict").write_text("3d TH R IY1 D IY1\n")
    with pytest.raises(DataError, match=r"digits\.dict: no word in the letters"):
        recipe.main(["--dictionary", str(tmp_path / "digits.dict"), "--out", str(tmp_path / "run")])
