"""One's own MIDI files: a folder becomes a model that composes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm import compose
from audio_lstm.errors import DataError, ScoreError, TrainingError
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.score.score import Score, Tempo, TimeSignature, Track, make_notes


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


def test_a_folder_without_music_is_one_line(recipe: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ScoreError, match=r"no music file in it; expected files named \.mid \.midi \.rmi"):
        recipe.main(arguments(tmp_path, tmp_path / "run"))
    with pytest.raises(ScoreError, match="no such file or folder; give a folder of"):
        recipe.main(arguments(tmp_path / "nowhere", tmp_path / "run"))


def test_damaged_files_alone_are_one_line(recipe: ModuleType, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.mid").write_bytes(b"MThd damaged")
    with pytest.raises(DataError, match=r"none of 3 files can be used; the first one: .*0\.mid"):
        recipe.main(arguments(tmp_path, tmp_path / "run"))


def test_drums_alone_are_learned_and_written(recipe: ModuleType, tmp_path: Path) -> None:
    for number in range(3):
        hits = make_notes(np.arange(16) * 240, 120, np.random.default_rng(number).choice([36, 38, 42], 16), 80)
        write_midi(Score(480, hits, (Track(is_drum=True),), (Tempo.from_bpm(0, 120),)), tmp_path / f"{number}.mid")
    assert recipe.main(arguments(tmp_path, tmp_path / "run")) == 0
    assert compose(model=tmp_path / "run" / "model", seed=1, bars=2).ended


def test_pieces_that_are_too_long_are_named_and_left_out(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        tune(tmp_path / f"{number}.mid", number)
    hours = make_notes(np.arange(7200) * 960, 240, 60 + np.arange(7200) % 12, 80)  # four of them, at 120
    write_midi(Score(480, hours, (Track(),), (Tempo.from_bpm(0, 120),)), tmp_path / "long.mid")
    run = [*arguments(tmp_path, tmp_path / "run"), "--max_events", "20000"]
    assert recipe.main(run) == 0
    told = capsys.readouterr().err
    assert "long.mid: 39,604 events, more than 20,000 (left out; cut it into pieces, or raise --max_events)" in told
    with pytest.raises(DataError, match=r"none of 4 pieces is short enough; cut them, or raise max_events \(10\)"):
        recipe.main([*arguments(tmp_path, tmp_path / "other"), "--max_events", "10"])


def test_versions_on_both_sides_of_a_given_split_are_named(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, seeds in (("train", (0, 1, 2)), ("valid", (2, 3))):
        (tmp_path / split).mkdir()
        for seed in seeds:
            pitches = 60 + np.random.default_rng(seed).integers(0, 12, 64) + (split == "valid")
            notes = make_notes(np.arange(64) * 240, 240, pitches, 80)
            write_midi(Score(480, notes, (Track(),), (Tempo.from_bpm(0, 120),)), tmp_path / split / f"{seed}.mid")
    assert recipe.main(arguments(tmp_path, tmp_path / "run")) == 0
    told = capsys.readouterr().err
    assert "train/2.mid, valid/2.mid: versions of one piece (100% of its passages)" in told
    assert "1 of 2 validation pieces have a version in train; the split stays as it is" in told
