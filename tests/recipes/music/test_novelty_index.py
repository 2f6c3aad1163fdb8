"""The recipe that puts a novelty index beside a model, for chorales and for a folder of scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from audio_lstm.config import LSTMConfig
from audio_lstm.errors import DataError
from audio_lstm.music.compare.novelty import NoveltyIndex
from audio_lstm.music.files.files import write_midi
from audio_lstm.music.models.export import export_music
from audio_lstm.music.models.model import MusicModel
from audio_lstm.music.score.score import Score, Track, make_notes
from audio_lstm.music.tokens.chorale import ChoraleGrid
from audio_lstm.music.tokens.config import MusicModelConfig
from audio_lstm.music.tokens.events import EventVocabulary


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("music/novelty_index")


def model(folder: Path, representation: ChoraleGrid | EventVocabulary) -> Path:
    torch.manual_seed(0)
    lstm = LSTMConfig(8, hidden_size=8, n_layers=1)
    module = MusicModel(MusicModelConfig(representation.column_sizes, representation.vocabulary_size, lstm)).eval()
    return export_music(module, representation, folder, name="untrained", card="")


def test_chorales_are_indexed_with_their_baseline(
    recipe: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pieces = (60 + np.random.default_rng(0).integers(-9, 10, (3, 30, 4))).tolist()
    (tmp_path / "satb.json").write_text(json.dumps({"train": pieces[:2], "valid": [pieces[0], pieces[2]]}))
    folder = model(tmp_path / "model", ChoraleGrid())
    assert recipe.main(["--model", str(folder), "--data", str(tmp_path / "satb.json")]) == 0
    index = NoveltyIndex.load(folder)
    assert index.names == ("train[0]", "train[1]")
    assert index.held_out[0] == 0
    assert index.held_out[1] > 20
    printed = capsys.readouterr().out
    assert printed.startswith(f"{folder / 'novelty.npz'}: ")
    assert "2 pieces, 8 lines" in printed
    assert f"2 held-out pieces: 10 % at most 0, 50 % at most 0, 90 % at most {index.held_out[1]}" in printed
    assert recipe.main(["--model", str(folder), "--data", str(tmp_path / "satb.json"), "--both"]) == 0
    assert NoveltyIndex.load(folder).names == ("train[0]", "train[1]", "valid[0]", "valid[1]")


def test_a_folder_of_scores_is_split_as_its_model_was_trained(recipe: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    for seed in range(6):
        pitches = 50 + np.random.default_rng(seed).integers(0, 30, 40)
        notes = make_notes(np.arange(40) * 240, 240, pitches)
        write_midi(Score(480, notes, (Track(),)), tmp_path / "songs" / f"{seed}.mid")
    folder = model(tmp_path / "model", EventVocabulary())
    arguments = ["--model", str(folder), "--data", str(tmp_path / "songs"), "--run", str(tmp_path / "run")]
    assert recipe.main(arguments) == 0
    index = NoveltyIndex.load(folder)
    assert (len(index.names), len(index.held_out)) == (5, 1)
    assert list((tmp_path / "run" / "tokens").glob("*.npy"))


def test_missing_data_is_named(recipe: ModuleType, tmp_path: Path) -> None:
    folder = model(tmp_path / "model", ChoraleGrid())
    with pytest.raises(DataError, match=r"nowhere: no such file or folder"):
        recipe.main(["--model", str(folder), "--data", str(tmp_path / "nowhere")])
