"""The benchmark of transcription, on the samples of the demos."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from audio_lstm.errors import DataError


@pytest.fixture
def recipe(load_recipe: Callable[[str], ModuleType]) -> ModuleType:
    return load_recipe("benchmarks/transcribe")


@pytest.fixture
def data(repository: Path, tmp_path: Path) -> Path:
    clips = sorted((repository / "demos" / "samples").glob("*.wav"))
    rows = [{"id": clip.stem, "audio": str(clip), "text": "", "duration_s": 3.0, "speaker": "a"} for clip in clips]
    (tmp_path / "samples.dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_every_part_prints_its_figures(recipe: ModuleType, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recipe.main(["--data", str(data), "--models", "english-small", "--rounds", "1"]) == 0
    printed = capsys.readouterr().out
    speeds = [int(speed) for speed in re.findall(r"^file, english-small, .*: (\d+) x real time$", printed, re.M)]
    assert len(speeds) >= 2
    assert min(speeds) > 1
    assert re.search(r"live, english-small: algorithmic delay [\d.]+ s, words in 1 of 1 recordings\n", printed)
    assert re.search(r"  first words after [\d.]+ s", printed)
    assert re.search(r"command, english-small, greedy: [\d.]+ s of processor time, [\d.]+ of import torch\n", printed)


def test_processor_time_counts_children_too(recipe: ModuleType) -> None:
    square = np.ones((300, 300))
    costs = recipe.medians({"work": lambda: [square @ square for _ in range(20)], "nothing": lambda: None}, 3)
    assert costs["work"] > costs["nothing"] >= 0


def test_a_folder_without_manifests_is_named(recipe: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \*\.dev\.jsonl there; pass the folder"):
        recipe.main(["--data", str(tmp_path)])
