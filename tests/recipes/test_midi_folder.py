"""One's own MIDI files: a folder becomes a model that composes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm import compose
from audio_lstm.errors import DataError, TrainingError
from audio_lstm.music.files import write_midi
from audio_lstm.music.score import Score, Tempo, TimeSignature, Track, make_notes


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("music/midi_folder")


def tune(path: Path, seed: int) -> None:
    pitches = 60 + np.random.default_rng(seed).integers(0, 12, 16)
    notes = make_notes(np.arange(16) * 240, 240, pitches, 80)
    write_midi(Score(480, notes, (Track(),), (Tempo.from_bpm(0, 120),), (TimeSignature(0, 4, 4),)), path)


def arguments(data: Path, out: Path) -> list[str]:
    return ["--preset", "tiny", "--data", str(data), "--out", str(out), "--train.device", "cpu"]


@pytest.mark.parametrize("layout", ["split", "flat"])
def test_tiny_writes_a_model_that_composes(
    recipe: ModuleType, tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "songs"
    for split, n_files in (("train", 4), ("valid", 2)):
        folder = data / split if layout == "split" else data
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(n_files):
            tune(folder / f"{split}{number}.mid", number)
    assert recipe.main(arguments(data, tmp_path / "run")) == 0
    assert "nats/event" in capsys.readouterr().out
    piece = compose(model=tmp_path / "run" / "model", seed=1, bars=2)
    assert piece.model == "songs"
    assert piece.ended
    piece.save(tmp_path / "new.mid")


def test_damaged_files_are_reported(recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        tune(tmp_path / f"{number}.mid", number)
    (tmp_path / "bad.mid").write_text("nonsense")
    assert recipe.main(arguments(tmp_path, tmp_path / "runs" / "one")) == 0
    assert "bad.mid" in capsys.readouterr().err


def test_a_run_does_not_go_on_with_another_folder(recipe: ModuleType, tmp_path: Path) -> None:
    for name, first in (("one", 0), ("two", 10)):
        (tmp_path / name).mkdir()
        for number in range(3):
            tune(tmp_path / name / f"{number}.mid", first + number)
    assert recipe.main(arguments(tmp_path / "one", tmp_path / "run")) == 0
    with pytest.raises(TrainingError, match=r"recipe\.data was 2 \+ 1 items, sha256"):
        recipe.main(arguments(tmp_path / "two", tmp_path / "run"))


def test_one_file_is_not_enough(recipe: ModuleType, tmp_path: Path) -> None:
    tune(tmp_path / "only.mid", 0)
    with pytest.raises(
        DataError, match=r"1 usable files \(1 different pieces\) leave nothing to validate on; add files"
    ):
        recipe.main(arguments(tmp_path, tmp_path / "run"))
